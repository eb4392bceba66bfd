//! The two kinds of token, each with its own rules: this is what the gate exists for.
//!
//! - [`IdToken`]: who logged in, told to this client (OIDC Core 2, 3.1.3.7, 12.2).
//! - [`AccessToken`]: what may be done, told to the API behind the gate (RFC 9068 section 4;
//!   RFC 7662 section 2.2 where the provider is asked).
//!
//! A value of either type is proof: it comes only from its own `verify`, from `restore` with a
//! cookie that this gate sealed, or, of an opaque access token, from what the provider said of it. Neither converts into the other, no
//! rule of one is read for the other, and each is judged again on every request.
//! What is refused is a [`Refusal`]: which token, which check, expected, found.

mod access_token;
mod advice;
mod claims;
mod id_token;
mod kind;
mod refusal;
mod words;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(test)]
mod attacks_tests;
#[cfg(test)]
mod introspected_tests;

pub use access_token::{ANSWER_LASTS, AccessToken};
pub use id_token::{IdToken, LoginExpectation};
pub use kind::Kind;
pub use refusal::{Check, Refusal};

use crate::config::{ClaimPath, ClaimSource};
use crate::wire::Json;

/// The claim at `path`, of the token that it names; none where that token is not there.
#[must_use]
pub fn claim<'t>(
    path: &ClaimPath,
    id_token: Option<&'t IdToken>,
    access_token: Option<&'t AccessToken>,
) -> Option<&'t Json> {
    match path.token {
        ClaimSource::IdToken => id_token?.claim(&path.names),
        ClaimSource::AccessToken => access_token?.claim(&path.names),
    }
}
