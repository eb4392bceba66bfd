//! The compact text of a JWS: `header "." payload "." signature` (RFC 7515 sections 4 and 7.1).

use std::fmt;

use crate::wire::{Json, base64url};

use super::JwsError;

/// A longer token is not looked at.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// A token taken apart; nothing in it is proven until [`verify`](super::verify()) says so.
pub struct Jws<'a> {
    signed: &'a str,
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes `raw` apart. `alg` must be in the header; `typ` and `kid` may be; `crit` and `b64`
    /// may not, for they change what a signature means; other members are not read.
    ///
    /// # Errors
    /// [`JwsError`] where the text is too long, malformed, encrypted or uses an extension.
    pub fn split(raw: &'a str) -> Result<Self, JwsError> {
        if raw.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLong { found: raw.len() });
        }
        let (signed, header, payload, signature) = three(raw)?;
        let header = Json::parse(&decode(header, "header")?, MAX_TOKEN_BYTES)
            .map_err(|error| JwsError::Header(error.to_string()))?;
        if header.as_object().is_none() {
            return Err(JwsError::Header(format!("it is {}", header.kind())));
        }
        if let Some(name) = ["crit", "b64"].into_iter().find(|name| header.get(name).is_some()) {
            return Err(JwsError::Extension { name });
        }
        Ok(Self {
            signed,
            alg: member(&header, "alg")?
                .ok_or(JwsError::HeaderMember { name: "alg", found: "nothing" })?,
            typ: member(&header, "typ")?,
            kid: member(&header, "kid")?,
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }

    /// What the header says in `alg` (RFC 7515 section 4.1.1), whatever it is.
    #[must_use]
    pub fn unverified_alg(&self) -> &str {
        &self.alg
    }

    /// What the header says in `typ` (RFC 7515 section 4.1.9).
    #[must_use]
    pub fn unverified_typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// What the header says in `kid` (RFC 7515 section 4.1.4).
    #[must_use]
    pub fn unverified_kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The payload's bytes; they are somebody's claim until the signature was found right.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// What was signed: header and payload as they were sent (RFC 7515 section 5.2, step 8).
    pub(super) const fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Never the token itself.
impl fmt::Debug for Jws<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Jws").finish_non_exhaustive()
    }
}

/// The text up to the last dot, then the three parts.
fn three(raw: &str) -> Result<(&str, &str, &str, &str), JwsError> {
    let parts = raw.split('.').count();
    match (parts, raw.rsplit_once('.')) {
        (3, Some((signed, signature))) => match signed.split_once('.') {
            Some((header, payload)) => Ok((signed, header, payload, signature)),
            None => Err(JwsError::Parts { found: parts }),
        },
        (5, _) => Err(JwsError::Encrypted),
        _ => Err(JwsError::Parts { found: parts }),
    }
}

fn decode(text: &str, part: &'static str) -> Result<Vec<u8>, JwsError> {
    base64url::decode(text.as_bytes()).ok_or(JwsError::Encoding { part })
}

fn member(header: &Json, name: &'static str) -> Result<Option<String>, JwsError> {
    match header.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(JwsError::HeaderMember { name, found: other.kind() }),
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
