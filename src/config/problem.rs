//! What is wrong with a configuration: the path, what was expected and found, what to write.

use std::fmt;

/// One mistake, or what is right and probably not meant. Never quotes a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as in `rules[2].match.path_prefix`; empty for the whole configuration.
    pub path: String,
    /// What was expected, and what was found.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        out.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(out, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Every mistake of a configuration, at least one; printed one a line, without the warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Problems {
    /// The mistakes, in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// What is right and probably not meant, beside the mistakes.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
