//! The tree keeps its promises: layers are used downwards only, files fit in a head and say
//! what they are for, and no machine's paths stand in them.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test may stop where it cannot go on"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines, its tests included.
const LINES: usize = 400;

/// The layers of `src/`, from the ground up; names on one level do not know each other.
const LAYERS: &[&[&str]] = &[
    &["wire"],
    &["crypto"],
    &["jose", "http"],
    &["config"],
    &["token", "provider"],
    &["session", "policy"],
    &["gate"],
    &["proxy"],
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![below.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn all_rust_files() -> Vec<PathBuf> {
    let folders = ["src", "tests", "cli", "dev", "e2e", "bench", "oci", "strict-host"];
    let files: Vec<PathBuf> =
        folders.iter().flat_map(|folder| rust_files(&root().join(folder))).collect();
    assert!(
        files.len() > 60,
        "only {} files found: does this test look in the right place?",
        files.len()
    );
    files
}

fn level_of(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|level| level.contains(&layer))
}

/// The layer of a file below `src/`, by its first folder.
fn layer_of(file: &Path) -> Option<String> {
    let below = file.strip_prefix(root().join("src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?.to_owned();
    level_of(&first).map(|_| first)
}

#[test]
fn every_file_says_what_it_is_for_and_fits_in_a_head() {
    let mut wrong = Vec::new();
    for file in all_rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: does not begin with what it is for (//!)", file.display()));
        }
        if lines > LINES {
            wrong.push(format!("{}: {lines} lines, at most {LINES}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_layer_uses_only_what_stands_below_it() {
    let (mut wrong, mut uses) = (Vec::new(), 0);
    for file in rust_files(&root().join("src")) {
        let Some(layer) = layer_of(&file) else { continue };
        let level = level_of(&layer).unwrap();
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            for (at, _) in line.match_indices("crate::") {
                let used: String = line[at + "crate::".len()..]
                    .chars()
                    .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
                    .collect();
                let Some(used_level) = level_of(&used) else { continue };
                uses += 1;
                if used != layer && used_level >= level {
                    wrong.push(format!(
                        "{}:{}: `{layer}` uses `{used}`, which does not stand below it",
                        file.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(uses > 100, "only {uses} uses found: does this test still read `use` lines?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stands_where_the_abi_is_spoken() {
    let allowed =
        ["abi.rs", "access_log.rs", "memory.rs", "mod.rs"].map(|name| format!("src/proxy/{name}"));
    let marks = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "#[unsafe("];
    for file in rust_files(&root().join("src")) {
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            allowed.contains(&name) || !marks.iter().any(|mark| text.contains(mark)),
            "{name}: unsafe code belongs in {allowed:?}"
        );
    }
}
