//! Why the provider's metadata or keys could not be had: messages for operators.
//!
//! Each says what was asked, what was expected, what was found and what to do. Nothing of a
//! body is quoted but single members that are public by nature (an issuer, an endpoint).

use std::time::Duration;

use crate::jose::KeySetError;

/// A fetch that failed: what was asked, and what is wrong with the answer.
#[derive(Debug, thiserror::Error)]
#[error("{asked}: {fault}")]
pub struct ProviderError {
    /// Method, path, authority and cluster.
    pub asked: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The host did not take the call.
    #[error(
        "the host did not take the call; hint: check that it has a cluster of this name (it is tried again, as the cluster may come later)"
    )]
    NotSent,
    /// Nothing came back.
    #[error("expected an answer, found none; hint: {REACH}")]
    NoAnswer,
    /// Nothing came back, not even the host's word that nothing came.
    #[error("expected an answer, found none within {after:?}; hint: {REACH}")]
    GivenUp {
        /// How long it was waited for.
        after: Duration,
    },
    /// An answer to a fetch that was given up or never sent; it is not read.
    #[error(
        "an answer that is not waited for any more was left aside; hint: if this repeats, raise provider.timeout"
    )]
    NotAwaited,
    /// Another status than 200.
    #[error("expected status 200, found {status}; hint: {}", status_advice(*.status))]
    Status {
        /// The status.
        status: u16,
    },
    /// A body that is no JSON object.
    #[error(
        "expected a JSON object, found {found}; hint: check that this path is the provider's and no login page or proxy answers in its place"
    )]
    Body {
        /// What it was, in words.
        found: String,
    },
    /// The document is another issuer's (OIDC Discovery 4.3).
    #[error(
        "expected issuer `{expected}`, to the letter, found `{found}`; hint: write provider.issuer as the provider spells it, or correct its public address at the provider"
    )]
    Issuer {
        /// The configured issuer.
        expected: String,
        /// The document's issuer.
        found: String,
    },
    /// A member that is needed is not there.
    #[error("member `{member}` is missing; hint: {}", member_advice(.member))]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// A member is not what it must be.
    #[error("member `{member}`: expected {expected}, found {found}; hint: {}", member_advice(.member))]
    Invalid {
        /// Its name.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// An endpoint without TLS of an issuer with TLS.
    #[error(
        "member `{member}`: expected an https URL as the issuer's is one, found `{found}`; hint: correct the provider's public address, or, where plain HTTP is meant, set provider.metadata.{member}"
    )]
    Plain {
        /// Its name.
        member: &'static str,
        /// The URL.
        found: String,
    },
    /// The provider says that it has no PKCE with S256 (RFC 7636 4.2: never downgrade).
    #[error(
        "member `code_challenge_methods_supported`: expected `S256` among them, found {found}; hint: allow PKCE with S256 at the provider"
    )]
    NoS256 {
        /// What it says.
        found: String,
    },
    /// The body is no JWK set.
    #[error("{0}; hint: check that `jwks_uri` leads to the provider's keys")]
    KeySet(KeySetError),
    /// No key of the set can be used.
    #[error(
        "expected at least one key that verifies signatures, found none ({found}); hint: give the provider's realm or tenant an RSA, EC or Ed25519 key for signatures"
    )]
    NoUsableKey {
        /// Why each was skipped.
        found: String,
    },
}

const REACH: &str = "check that the cluster reaches the provider and that the provider is up";

const fn status_advice(status: u16) -> &'static str {
    match status {
        300..=399 => {
            "redirects are not followed: where this one leads to must stand in provider.issuer or provider.metadata"
        }
        401 | 403 => "discovery document and keys must be readable without credentials",
        404 => "check the path of provider.issuer and that the realm or tenant exists",
        421 => "check provider.authority: the provider does not serve this name",
        429 => "the provider limits its callers; it is asked again later",
        502..=504 => {
            "check that the cluster reaches the provider and that the provider is up (the host itself answers so where it cannot connect or waits in vain)"
        }
        _ => "look into the provider's log",
    }
}

fn member_advice(member: &str) -> &'static str {
    match member {
        "issuer" => "check that provider.issuer names an OpenID provider",
        "authorization_endpoint" => "set provider.metadata.authorization_endpoint",
        "token_endpoint" => "set provider.metadata.token_endpoint",
        "jwks_uri" => "set provider.metadata.jwks_uri",
        "introspection_endpoint" => {
            "set provider.metadata.introspection_endpoint; where the provider's access tokens are JWT, leave access_token.format out"
        }
        "end_session_endpoint" => "set provider.metadata.end_session_endpoint",
        "authorization_response_iss_parameter_supported" => {
            "set provider.metadata.authorization_response_iss_parameter_supported"
        }
        _ => "correct it at the provider",
    }
}
