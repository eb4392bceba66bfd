//! Introspection: a token goes out, what the provider says of it comes in (RFC 7662).
//!
//! Here it is only told apart whether the provider answered, and whether the token is active; what
//! the answer is worth is for the rules of access tokens to say. No message quotes a body or a
//! token.

use super::answer::Answer;
use super::call::HttpCall;
use super::client_auth::client_call;
use super::discovery::Metadata;
use crate::config::{self, Client};
use crate::crypto::Secret;
use crate::wire::Json;

/// No answer is read beyond this: as much as the claims of a JWT.
const LONGEST: usize = 64 * 1024;

/// The call that asks about an access token (RFC 7662 section 2.1), as the client.
///
/// `None` where the endpoint is not known.
#[must_use]
pub fn introspection_call(
    provider: &config::Provider,
    client: &Client,
    metadata: &Metadata,
    token: &Secret,
) -> Option<HttpCall> {
    let endpoint = metadata.introspection_endpoint.as_ref()?;
    let parameters = [("token", token.expose()), ("token_type_hint", "access_token")];
    Some(client_call(provider, client, endpoint, &parameters))
}

/// What the provider says (RFC 7662 section 2.2).
pub enum Said {
    /// It is active: the whole answer, a JSON object.
    Active(Json),
    /// It is not: run out, taken back, another provider's, not for this client to know, noise.
    Inactive,
}

/// Why the provider says nothing of a token. It may be asked again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntrospectionError {
    /// It refuses the gate itself (RFC 7662 section 2.3).
    #[error(
        "the introspection endpoint refused this client: expected status 200, found {status}; hint: compare client.client_id, client.client_secret and client.token_endpoint_auth_method with the client at the provider"
    )]
    Refused {
        /// The status.
        status: u16,
    },
    /// No answer: none came, or one that says nothing of the token.
    #[error("the introspection endpoint is unavailable: {0}")]
    Unavailable(String),
    /// An answer that the standard does not know.
    #[error("the introspection endpoint answered nonsense: {0}")]
    Nonsense(String),
}

/// Tells an answer of the introspection endpoint apart.
///
/// # Errors
/// [`IntrospectionError`]. Refused: 401 and 403. Unavailable: no answer, 3xx, 429, 5xx (the
/// host's own 503 and 504 among them). Nonsense: whatever else is not 200 with a JSON object of
/// at most 64 KiB that says `active` true or false.
pub fn said(answer: &Answer<'_>) -> Result<Said, IntrospectionError> {
    match answer.status {
        Some(status @ (401 | 403)) => Err(IntrospectionError::Refused { status }),
        None | Some(300..=399 | 429 | 500..=599) => {
            let fault = answer.ok().err().map(|fault| fault.to_string());
            Err(IntrospectionError::Unavailable(fault.unwrap_or_default()))
        }
        Some(_) => read(answer).map_err(IntrospectionError::Nonsense),
    }
}

fn read(answer: &Answer<'_>) -> Result<Said, String> {
    answer.ok().map_err(|fault| fault.to_string())?;
    if answer.body.len() > LONGEST {
        return Err(format!("expected at most {LONGEST} bytes, found {}", answer.body.len()));
    }
    let object = answer.object().map_err(|fault| fault.to_string())?;
    // RFC 7662 section 2.2: REQUIRED, and a boolean. A text "true" is none.
    match object.get("active") {
        Some(Json::Bool(true)) => Ok(Said::Active(object)),
        Some(Json::Bool(false)) => Ok(Said::Inactive),
        Some(other) => Err(format!("active: expected true or false, found {}", other.kind())),
        None => Err("active: expected true or false, found nothing".to_owned()),
    }
}

#[cfg(test)]
#[path = "introspection_tests.rs"]
mod tests;
