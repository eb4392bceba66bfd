//! Signed tokens: a JWS (RFC 7515) is split, and its signature checked with the provider's keys.
//!
//! - [`Jws::split`]: the compact text (RFC 7515 section 7.1), bounded; what it says is `unverified_`.
//! - [`KeySet::parse`]: the provider's public keys (RFC 7517; RFC 7518 section 6; RFC 8037 section 2).
//! - [`verify`]: an allowed algorithm, a key that suits it, a signature that is right (RFC 8725 section 3).
//! - [`SignatureBackend`]: who does the arithmetic, the host or [`PureRust`].
//!
//! Nothing in a token chooses its own key: `jwk`, `jku`, `x5u` and `x5c` in a header are not read.
//! Claims are not read here either.

mod alg;
mod compact;
mod der;
mod error;
mod jwk;
mod keyset;
mod pure;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod vector_tests;
mod verify;

pub use alg::Algorithm;
pub use compact::{Jws, MAX_TOKEN_BYTES};
pub use der::ecdsa_der;
pub use error::{JwsError, KeySetError};
pub use jwk::PublicKey;
pub use keyset::KeySet;
pub use pure::PureRust;
pub use verify::{SignatureBackend, Verdict, verify};
