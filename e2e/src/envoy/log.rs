//! Envoy's log: what went wrong in the filter, and what should never be written down.

use std::fs;
use std::path::{Path, PathBuf};

/// What Envoy and the SDK write when a copy of the filter has died.
const DEATH: [&str; 5] =
    ["panicked at", "RuntimeError", "in-VM backtrace", "[critical][wasm]", "Wasm VM failed"];

/// What no log may hold: every JWT begins so, in any of its forms, since its header is JSON in base64url.
const TOKEN: &str = "eyJ";

/// The log of one Envoy.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// The log in this file, of Envoy or of what started it.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file it is in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.path).unwrap_or_default()).into_owned()
    }

    /// The lines that contain `words`.
    pub fn lines_with(&self, words: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }

    /// The last lines.
    pub fn tail(&self, lines: usize) -> String {
        let text = self.text();
        let all: Vec<_> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Panics where a copy of the filter has died.
    pub fn assert_alive(&self) {
        for line in self.text().lines() {
            assert!(!DEATH.iter().any(|words| line.contains(words)), "the filter died: {line}");
        }
    }

    /// Panics where a token or one of `secrets` was logged.
    pub fn assert_discreet(&self, secrets: &[String]) {
        for line in self.text().lines() {
            assert!(!line.contains(TOKEN), "a token was logged: {line}");
            assert!(
                !secrets.iter().any(|secret| line.contains(secret)),
                "a secret was logged: {line}"
            );
        }
    }
}
