//! The filter that can be killed: the very one under test, but for one callback, which is made to trap.
//!
//! No input kills the filter, so its death cannot be asked for; but what other workers and the next request make of it
//! has to be seen. The body of `proxy_on_request_trailers` is replaced by `unreachable` (WebAssembly Core Specification
//! 2.0, sections 4.4.8 and 5.5): a request with trailers that is let through kills the copy that it meets, and nothing
//! else changes.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::fresh_dir;

/// The callback that kills.
const CALLBACK: &str = "proxy_on_request_trailers";

/// Sections (5.5.2).
const IMPORTS: u8 = 2;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// No locals, `unreachable`, end.
const TRAP: [u8; 3] = [0x00, 0x00, 0x0b];

/// Where the mortal filter is.
pub(super) fn filter() -> PathBuf {
    static FILTER: LazyLock<PathBuf> = LazyLock::new(|| {
        let filter = super::filter();
        let module = fs::read(&filter).unwrap_or_else(|why| panic!("{}: {why}", filter.display()));
        let file = fresh_dir().join("mortal.wasm");
        fs::write(&file, with_trap(&module)).expect("the filter can be written");
        file
    });
    FILTER.clone()
}

fn with_trap(module: &[u8]) -> Vec<u8> {
    let sections = sections(module);
    let find = |wanted: u8| {
        let found = sections.iter().find(|(id, _)| *id == wanted);
        found.unwrap_or_else(|| panic!("section {wanted} is missing")).1
    };
    // Functions are counted from the first import on.
    let deadly = exported(find(EXPORTS)) - imported(find(IMPORTS));
    let mut patched = module[..8].to_vec();
    for (id, content) in sections {
        let content = if id == CODE { replaced(content, deadly) } else { content.to_vec() };
        patched.push(id);
        write_number(&mut patched, content.len());
        patched.extend(content);
    }
    patched
}

/// Each section: its number and what is in it.
fn sections(module: &[u8]) -> Vec<(u8, &[u8])> {
    assert_eq!(&module[..8], b"\0asm\x01\0\0\0", "a module begins so (5.5.16)");
    let mut rest = Reader(&module[8..]);
    let mut sections = Vec::new();
    while !rest.0.is_empty() {
        let id = rest.byte();
        sections.push((id, rest.counted()));
    }
    sections
}

/// How many functions are imported.
fn imported(section: &[u8]) -> usize {
    let mut rest = Reader(section);
    let count = rest.number();
    for _ in 0..count {
        let (_module, _name, kind, _type) =
            (rest.counted(), rest.counted(), rest.byte(), rest.number());
        assert_eq!(kind, 0, "this filter imports functions only");
    }
    count
}

/// The number of the function behind [`CALLBACK`], which must be nothing else as well.
fn exported(section: &[u8]) -> usize {
    let mut rest = Reader(section);
    let count = rest.number();
    let exports: Vec<_> =
        (0..count).map(|_| (rest.counted(), rest.byte(), rest.number())).collect();
    let name = CALLBACK.as_bytes();
    let (_, _, index) =
        exports.iter().find(|(found, kind, _)| *found == name && *kind == 0).expect(CALLBACK);
    let same = exports.iter().filter(|(_, kind, found)| *kind == 0 && found == index).count();
    assert_eq!(same, 1, "another callback is the same function");
    *index
}

/// The code section, in which this function traps.
fn replaced(section: &[u8], function: usize) -> Vec<u8> {
    let mut rest = Reader(section);
    let mut patched = Vec::new();
    let count = rest.number();
    write_number(&mut patched, count);
    for number in 0..count {
        let body = rest.counted();
        let body = if number == function { &TRAP[..] } else { body };
        write_number(&mut patched, body.len());
        patched.extend(body);
    }
    patched
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("the module is whole");
        self.0 = rest;
        *first
    }

    /// LEB128, unsigned (5.2.2).
    fn number(&mut self) -> usize {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte();
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        number
    }

    /// A length and so many bytes.
    fn counted(&mut self) -> &'a [u8] {
        let length = self.number();
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

fn write_number(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
