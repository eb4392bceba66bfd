//! The documentation says what the code does: its tables are made from the code, its examples
//! are read, its links lead somewhere, every test that it names exists, and
//! its commands are run.
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
#[allow(dead_code, reason = "what other packages write of their hosts")]
mod columns;
mod commands;
mod examples;
mod hosts;
mod links;
mod metrics;
mod oauth2_proxy;
mod pages;
mod reference;
mod words;

use std::fs;
use std::path::PathBuf;

use pages::blocks;

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
    pages::pages(&root()).into_iter().map(|page| (page.path, page.text)).collect()
}
