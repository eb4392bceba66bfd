//! Why a token's signature, or a set of keys, is not accepted: values, with a sentence each.

use crate::wire::json::JsonError;

use super::{Algorithm, MAX_TOKEN_BYTES};

/// Why a token is not one that the provider has signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is {found} bytes long; at most {MAX_TOKEN_BYTES} are read")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Five parts: a JWE (RFC 7516 section 7.1).
    #[error(
        "the token is encrypted (JWE, five parts); a signed one (JWS, three parts) is expected: switch its encryption off at the provider"
    )]
    Encrypted,
    /// Not three parts (RFC 7515 section 7.1).
    #[error("a signed token has three parts joined by dots; found {found}: an opaque token?")]
    Parts {
        /// Parts found.
        found: usize,
    },
    /// Not canonical base64url (RFC 7515 section 2).
    #[error("the token's {part} is not base64url without padding")]
    Encoding {
        /// `header`, `payload` or `signature`.
        part: &'static str,
    },
    /// The header is no JSON object, or names a member twice (RFC 7515 section 4).
    #[error("the token's header is not a JSON object: {0}")]
    Header(String),
    /// A member of the header is missing, or not a string.
    #[error("the token's header must have `{name}` as a string; found {found}")]
    HeaderMember {
        /// The member's name.
        name: &'static str,
        /// `nothing`, or the kind of value.
        found: &'static str,
    },
    /// `crit` (RFC 7515 section 4.1.11) or `b64` (RFC 7797): must be understood or refused.
    #[error("the token's header has `{name}`: extensions are not supported")]
    Extension {
        /// The member's name.
        name: &'static str,
    },
    /// Not an algorithm that the configuration allows (RFC 8725 section 3.1).
    #[error("the token says alg `{found}`; allowed: {}", names(allowed))]
    AlgorithmNotAllowed {
        /// What the header says: printable, at most 64 characters.
        found: String,
        /// What the configuration allows.
        allowed: Vec<Algorithm>,
    },
    /// The provider's set has no usable key of this name: perhaps it has a newer set.
    #[error("the provider's keys have none with kid `{kid}`")]
    UnknownKid {
        /// What the header says: printable, at most 64 characters.
        kid: String,
    },
    /// No key among those that may be asked suits the algorithm.
    #[error("the provider's keys have none that suits {algorithm} for this token")]
    NoKey {
        /// The token's algorithm.
        algorithm: Algorithm,
    },
    /// Keys were asked; by none of them is the signature right.
    #[error("the signature does not match the provider's key")]
    BadSignature,
}

/// Why an answer is no set of keys (RFC 7517 section 5). A key that cannot be used is no error.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Not JSON, too long, or a member that stands twice.
    #[error("the provider's keys are not readable JSON: {0}")]
    Json(#[from] JsonError),
    /// No array `keys`.
    #[error("the provider's keys must be an object with an array `keys`; found {found}")]
    NoKeys {
        /// What stands in its place.
        found: &'static str,
    },
}

fn names(allowed: &[Algorithm]) -> String {
    allowed.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
}

/// The first 64 characters of a stranger's text, fit for a log: visible ASCII, the rest as `?`.
pub(super) fn printable(text: &str) -> String {
    let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().take(64).map(visible).collect()
}
