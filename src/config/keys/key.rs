//! What a key is, and what the table says of each.

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its path, `[]` for the members of a list. Maps whose names are the operator's
    /// (`upstream.headers`, ..) end it.
    pub path: &'static str,
    /// Whether it may be written.
    pub support: Support,
    /// What holds where it is missing. The filter does not carry words for readers.
    #[cfg(not(target_arch = "wasm32"))]
    pub missing: Missing,
    /// What it does, what may stand there: Markdown, one paragraph.
    #[cfg(not(target_arch = "wasm32"))]
    pub meaning: &'static str,
}

/// Whether a key may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It is read.
    Yes,
    /// It is known, and refused: it must not look as if it were obeyed.
    NotYet,
}

/// What holds where a key is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The configuration is refused; where only sometimes, these words say when.
    Refused(&'static str),
    /// This value, as YAML.
    Is(&'static str),
    /// What no value says.
    Means(&'static str),
}

/// A key that is read.
pub(super) const fn key(path: &'static str, missing: Missing, meaning: &'static str) -> Key {
    of(path, Support::Yes, missing, meaning)
}

/// A key that a later version reads.
pub(super) const fn later(path: &'static str, meaning: &'static str) -> Key {
    of(path, Support::NotYet, Missing::Means("nothing"), meaning)
}

#[cfg(not(target_arch = "wasm32"))]
const fn of(path: &'static str, support: Support, missing: Missing, meaning: &'static str) -> Key {
    Key { path, support, missing, meaning }
}

#[cfg(target_arch = "wasm32")]
const fn of(path: &'static str, support: Support, _: Missing, _: &'static str) -> Key {
    Key { path, support }
}
