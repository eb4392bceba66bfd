//! The documentation says what the code does: its tables are made from the code, its examples
//! are read, its links lead somewhere, and every test that it names exists.
//!
//! `UPDATE=1 cargo test --test docs` (`make docs`) writes the tables anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::string_slice,
    reason = "a test may stop where it cannot go on"
)]

mod attacks;
mod examples;
mod links;
mod metrics;
mod reference;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the tree.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file, by its path from the root; a missing one is a failure.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Markdown of the project, by path from the root, with its text.
fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"]
            .map(str::to_owned)
            .to_vec();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.sort();
    assert!(paths.len() >= 9, "only {paths:?}: does this test look in the right place?");
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// A fenced block: the words after its fence, its text, and the line that it begins on.
struct Block {
    info: String,
    text: String,
    line: usize,
}

/// The fenced blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(info), None) => {
                let (info, text) = (info.trim().to_owned(), String::new());
                open = Some(Block { info, text, line: number + 1 });
            }
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fenced block has no end");
    blocks
}
