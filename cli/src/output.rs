//! What is said, to people or to machines: findings as compilers write them.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::json;

pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BLUE: Style = AnsiColor::Blue.on_default().bold();
pub(crate) const BOLD: Style = Style::new().bold();

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For machines: a JSON object a line
    Json,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    /// How it is shown: the colour, and the word, which machines read, too.
    pub(crate) const fn shown(self) -> (Style, &'static str) {
        match self {
            Self::Error => (RED, "error"),
            Self::Warning => (YELLOW, "warning"),
            Self::Note => (BLUE, "note"),
        }
    }
}

/// Something about a line of a file.
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// The path of the key; empty for the whole configuration.
    pub(crate) path: String,
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    pub(crate) file: String,
    pub(crate) line: usize,
}

impl Finding {
    /// Writes it down. An output that nobody reads any more is no error.
    pub(crate) fn write(&self, format: Format, out: &mut dyn Write) {
        let (_, severity) = self.severity.shown();
        let _ = match format {
            Format::Json => {
                let line = json!({
                    "file": self.file, "line": self.line, "severity": severity, "path": self.path,
                    "message": self.what, "hint": self.hint,
                });
                writeln!(out, "{line}")
            }
            Format::Text => self.write_text(out),
        };
    }

    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let (style, word) = self.severity.shown();
        let colon = if self.path.is_empty() { "" } else { ": " };
        let (path, what) = (&self.path, &self.what);
        writeln!(out, "{style}{word}{style:#}{BOLD}: {path}{colon}{what}{BOLD:#}")?;
        writeln!(out, "  {BLUE}-->{BLUE:#} {}:{}", self.file, self.line)?;
        match &self.hint {
            Some(hint) => writeln!(out, "  {BLUE}={BLUE:#} hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Says on stderr what went wrong.
pub(crate) fn error(what: &str) {
    let _ = writeln!(anstream::stderr(), "{RED}error{RED:#}: {what}");
}

/// Says on stderr what is worth knowing.
pub(crate) fn note(what: &str) {
    let _ = writeln!(anstream::stderr(), "{BLUE}note{BLUE:#}: {what}");
}
