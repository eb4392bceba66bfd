//! A session's access token, and whether it is known what it says.

use crate::crypto::Secret;
use crate::token::{AccessToken, Refusal};

/// A session's access token.
#[derive(Debug, Clone)]
pub enum Granted {
    /// What it says is known, and why that is believed is part of it.
    Known(AccessToken),
    /// An opaque token as it came from the provider, or out of a cookie: it says nothing, and is
    /// worth nothing before the provider has been asked.
    Opaque(Secret),
}

impl Granted {
    /// The token itself.
    #[must_use]
    pub const fn raw(&self) -> &Secret {
        match self {
            Self::Known(token) => token.raw(),
            Self::Opaque(raw) => raw,
        }
    }

    /// The token, where it is known what it says.
    #[must_use]
    pub const fn known(&self) -> Option<&AccessToken> {
        match self {
            Self::Known(token) => Some(token),
            Self::Opaque(_) => None,
        }
    }

    /// The same.
    ///
    /// # Errors
    /// [`Refusal::unproven`].
    pub fn verified(&self) -> Result<&AccessToken, Refusal> {
        self.known().ok_or_else(Refusal::unproven)
    }

    /// Whether a cookie can hold what proves it: a signature can be kept, an answer can not.
    pub(super) const fn is_signed(&self) -> bool {
        match self {
            Self::Known(token) => token.introspected_at().is_none(),
            Self::Opaque(_) => false,
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_size(&self) -> usize {
        match self {
            Self::Known(token) => token.heap_size(),
            Self::Opaque(raw) => raw.expose().len(),
        }
    }
}
