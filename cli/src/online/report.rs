//! What was found, check by check.

use std::io::Write;

use anstyle::Style;
use serde_json::json;

use crate::output::{BOLD, Format, GREEN, Severity};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As the configuration has it.
    Right,
    /// Nothing hangs on it, but it is worth knowing.
    Note,
    /// It works, but perhaps not as it is meant.
    Warning,
    /// The gate refuses the provider, or the provider the gate.
    Wrong,
}

impl State {
    /// How it is shown: the colour, and the word, which machines read, too.
    const fn shown(self) -> (Style, &'static str) {
        match self {
            Self::Right => (GREEN, "ok"),
            Self::Note => Severity::Note.shown(),
            Self::Warning => Severity::Warning.shown(),
            Self::Wrong => Severity::Error.shown(),
        }
    }
}

/// One check.
pub(super) struct Check {
    /// What was looked at.
    pub(super) name: &'static str,
    pub(super) state: State,
    /// The key that it is about.
    pub(super) path: &'static str,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

/// The checks of one configuration, in their order.
#[derive(Default)]
pub(super) struct Report {
    pub(super) checks: Vec<Check>,
}

impl Report {
    /// Adds a check that needs no advice.
    pub(super) fn say(
        &mut self,
        (name, path): (&'static str, &'static str),
        state: State,
        what: impl Into<String>,
    ) {
        self.checks.push(Check { name, state, path, what: what.into(), hint: None });
    }

    /// Adds a check, and what to do.
    pub(super) fn advise(
        &mut self,
        (name, path): (&'static str, &'static str),
        state: State,
        what: impl Into<String>,
        hint: &str,
    ) {
        let hint = Some(hint.to_owned());
        self.checks.push(Check { name, state, path, what: what.into(), hint });
    }

    /// The worst of all.
    pub(super) fn has(&self, state: State) -> bool {
        self.checks.iter().any(|check| check.state == state)
    }
}

impl Check {
    /// Writes it down; `line` is that of the key in `file`.
    pub(super) fn write(&self, format: Format, file: &str, line: usize, out: &mut dyn Write) {
        let (_, severity) = self.state.shown();
        let _ = match format {
            Format::Json => {
                let line = json!({
                    "file": file, "line": line, "severity": severity, "path": self.path,
                    "check": self.name, "message": self.what, "hint": self.hint,
                });
                writeln!(out, "{line}")
            }
            Format::Text => self.write_text(out),
        };
    }

    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let (style, word) = self.state.shown();
        writeln!(out, "  {style}{word:<7}{style:#}  {:<14} {}", self.name, self.what)?;
        match &self.hint {
            Some(hint) => writeln!(out, "           = {hint}"),
            None => Ok(()),
        }
    }
}

/// Writes the line above the checks.
pub(super) fn heading(text: &str, out: &mut dyn Write) {
    let _ = writeln!(out, "{BOLD}{text}{BOLD:#}");
}
