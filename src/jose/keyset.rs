//! The provider's set of public keys (RFC 7517 section 5).

use crate::wire::Json;

use super::error::printable;
use super::{KeySetError, PublicKey};

/// Bytes of an answer with keys that are read.
const MAX_BYTES: usize = 256 * 1024;
/// Entries of `keys` that are looked at; reading one costs arithmetic.
const MAX_KEYS: usize = 64;

/// Public keys that check signatures; those of other kinds and uses were left out.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: Vec<String>,
}

impl KeySet {
    /// Reads a set of at most 256 KiB; its first 64 keys are looked at. A key that cannot be
    /// used is left out and noted (RFC 7517 section 5), so that a set with a new kind of key
    /// still serves. A set without any usable key is an empty set, not an error.
    ///
    /// # Errors
    /// [`KeySetError`] where the body is not JSON or has no array `keys`.
    pub fn parse(body: &[u8]) -> Result<Self, KeySetError> {
        let set = Json::parse(body, MAX_BYTES)?;
        let entries = match set.get("keys") {
            Some(Json::Array(entries)) => entries,
            Some(other) => return Err(KeySetError::NoKeys { found: other.kind() }),
            None => return Err(KeySetError::NoKeys { found: "none" }),
        };
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, jwk) in entries.iter().enumerate().take(MAX_KEYS) {
            match PublicKey::from_jwk(jwk) {
                Ok(key) => keys.push(key),
                Err(reason) => skipped.push(format!("{}: {reason}", name(index, jwk))),
            }
        }
        let beyond = entries.len().saturating_sub(MAX_KEYS);
        if beyond > 0 {
            skipped.push(format!("{beyond} keys after the first {MAX_KEYS} are not looked at"));
        }
        Ok(Self { keys, skipped })
    }

    /// A sentence about each key that was left out, for the log.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// How many keys can be used.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that can be used, in the provider's order.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }
}

/// How a message calls an entry of `keys`.
fn name(index: usize, jwk: &Json) -> String {
    match jwk.get("kid").and_then(Json::as_str) {
        Some(kid) => format!("keys[{index}] (kid `{}`)", printable(kid)),
        None => format!("keys[{index}]"),
    }
}

#[cfg(test)]
#[path = "keyset_tests.rs"]
mod tests;
