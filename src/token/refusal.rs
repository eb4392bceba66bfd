//! Why a token is refused: which token, which check, expected and found.
//!
//! A refusal is a value: the gate maps it to an answer (RFC 6750 section 3.1), people read
//! it as one sentence, and `advice` says what to change and where.

use std::fmt;
use std::time::Duration;

use super::kind::Kind;
use super::words::{list, one_of, quoted};
use crate::jose::JwsError;
use crate::wire::Timestamp;

/// A token that is refused. `Display` is one sentence: the token, the check, both values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// By whose rules it was judged.
    pub token: Kind,
    /// The check that failed.
    pub check: Check,
}

/// The check that failed, with what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The payload is not a JSON object within bounds.
    Malformed(String),
    /// It is no signed JWT, or the signature is not one by an allowed key and algorithm.
    Signature(JwsError),
    /// It says itself that it is a token of another kind (RFC 8725 section 3.11).
    OtherKind {
        /// What it is, with its article: `an ID token`.
        found: String,
        /// What says so.
        because: String,
    },
    /// The header's `typ` is not one that is accepted.
    Type {
        /// Those that are accepted.
        expected: Vec<String>,
        /// The header's, if it has one.
        found: Option<String>,
    },
    /// The provider says that it is not active (RFC 7662 section 2.2).
    Inactive,
    /// It was not verified in the way that the configuration asks for, or too long ago.
    Unproven,
    /// The provider does not say for whom an opaque token is.
    AudienceUnsaid {
        /// The provider's issuer.
        issuer: String,
    },
    /// `iss` is not the provider, byte for byte.
    Issuer {
        /// The provider's issuer.
        expected: String,
        /// The token's `iss`.
        found: String,
    },
    /// `aud` does not name who it must name.
    Audience {
        /// One of these must be named.
        expected: Vec<String>,
        /// The token's `aud`.
        found: Vec<String>,
    },
    /// `aud` names somebody besides, who is not trusted.
    ExtraAudience {
        /// The audiences that are trusted.
        trusted: Vec<String>,
        /// Those that are not.
        found: Vec<String>,
    },
    /// `azp` is another client.
    AuthorizedParty {
        /// This client.
        expected: String,
        /// The token's `azp`.
        found: String,
    },
    /// `exp` has passed.
    Expired {
        /// The token's `exp`.
        at: Timestamp,
        /// The time it was judged.
        now: Timestamp,
    },
    /// `nbf` is still to come.
    NotYetValid {
        /// The token's `nbf`.
        at: Timestamp,
        /// The time it was judged.
        now: Timestamp,
    },
    /// `iat` is still to come.
    IssuedInFuture {
        /// The token's `iat`.
        at: Timestamp,
        /// The time it was judged.
        now: Timestamp,
    },
    /// `acr` is none of those that were asked for.
    Authentication {
        /// Those that were asked for.
        expected: Vec<String>,
        /// The token's `acr`, if it has one.
        found: Option<String>,
    },
    /// `auth_time` is longer ago than was asked for.
    AuthenticatedLongAgo {
        /// The token's `auth_time`.
        at: Timestamp,
        /// The time it was judged.
        now: Timestamp,
        /// How long ago it may be.
        max_age: Duration,
    },
    /// `nonce` is not the one this login sent. Neither value is kept.
    Nonce,
    /// `at_hash` is not that of the access token beside it.
    AccessTokenHash,
    /// Scopes that are needed and not there.
    Scope {
        /// Those that are missing.
        missing: Vec<String>,
        /// Those that are there.
        found: Vec<String>,
    },
    /// A refreshed token says something else than the one before it (OIDC Core 12.2).
    Changed {
        /// The claim.
        claim: &'static str,
        /// What the token before it said.
        expected: String,
        /// What this one says.
        found: String,
    },
    /// The provider sent no such token.
    Missing,
    /// There are no keys to check it with.
    NoKeys,
    /// A claim that must be there is not.
    ClaimMissing(&'static str),
    /// A claim is there, and is not what it must be.
    ClaimInvalid {
        /// The claim.
        claim: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is, never the value itself.
        found: String,
    },
}

impl Refusal {
    /// The provider sent no token of this kind where one is needed.
    #[must_use]
    pub const fn missing(token: Kind) -> Self {
        Self { token, check: Check::Missing }
    }

    /// Without keys nothing is verified.
    #[must_use]
    pub const fn no_keys(token: Kind) -> Self {
        Self { token, check: Check::NoKeys }
    }

    /// The provider says that the token is not, or no longer, good.
    #[must_use]
    pub const fn inactive() -> Self {
        Self { token: Kind::AccessToken, check: Check::Inactive }
    }

    /// What the access token says is not known in the way that the configuration asks for.
    #[must_use]
    pub const fn unproven() -> Self {
        Self { token: Kind::AccessToken, check: Check::Unproven }
    }

    /// Whether the provider says that it is over.
    #[must_use]
    pub const fn is_inactive(&self) -> bool {
        matches!(self.check, Check::Inactive)
    }

    /// Whether it was right once and has run out.
    #[must_use]
    pub const fn expired(&self) -> bool {
        matches!(self.check, Check::Expired { .. })
    }

    /// Whether the key that signed is not known: fetch the keys, then judge again.
    #[must_use]
    pub const fn unknown_kid(&self) -> bool {
        matches!(self.check, Check::Signature(JwsError::UnknownKid { .. }))
    }

    /// Whether it is for somebody else, or for somebody else too who must not have it.
    #[must_use]
    pub const fn wrong_audience(&self) -> bool {
        matches!(self.check, Check::Audience { .. } | Check::ExtraAudience { .. })
    }

    /// Whether the token is right and only lacks scope: RFC 6750's `insufficient_scope`.
    #[must_use]
    pub const fn insufficient_scope(&self) -> bool {
        matches!(self.check, Check::Scope { .. })
    }

    /// What was expected, quoted and cut for people; `None` where there is no value to show.
    #[must_use]
    pub fn expected(&self) -> Option<String> {
        Some(match &self.check {
            Check::Issuer { expected, .. }
            | Check::AuthorizedParty { expected, .. }
            | Check::Changed { expected, .. } => quoted(expected),
            Check::Audience { expected, .. } => match self.token {
                Kind::IdToken => list(expected),
                Kind::AccessToken => format!("one of {}", list(expected)),
            },
            Check::Type { expected, .. } | Check::Authentication { expected, .. } => {
                one_of(expected)
            }
            Check::AuthenticatedLongAgo { max_age, .. } => {
                format!("at most {} s ago", max_age.as_secs())
            }
            Check::ExtraAudience { trusted, .. } => format!("only {}", list(trusted)),
            Check::Scope { missing, .. } => list(missing),
            Check::OtherKind { .. } => match self.token {
                Kind::IdToken => "an ID token".to_owned(),
                Kind::AccessToken => "an access token".to_owned(),
            },
            Check::ClaimInvalid { expected, .. } => (*expected).to_owned(),
            Check::ClaimMissing(claim) => format!("the claim {claim}"),
            Check::Malformed(_)
            | Check::Signature(_)
            | Check::Expired { .. }
            | Check::NotYetValid { .. }
            | Check::IssuedInFuture { .. }
            | Check::Nonce
            | Check::Missing
            | Check::NoKeys
            | Check::Inactive
            | Check::Unproven
            | Check::AudienceUnsaid { .. }
            | Check::AccessTokenHash => return None,
        })
    }

    /// What was found, quoted and cut for people; `None` where there is no value to show.
    #[must_use]
    pub fn found(&self) -> Option<String> {
        Some(match &self.check {
            Check::Issuer { found, .. }
            | Check::AuthorizedParty { found, .. }
            | Check::Changed { found, .. } => quoted(found),
            Check::Audience { found, .. }
            | Check::ExtraAudience { found, .. }
            | Check::Scope { found, .. } => list(found),
            Check::Type { found, .. } | Check::Authentication { found, .. } => {
                found.as_deref().map_or_else(|| "nothing".to_owned(), quoted)
            }
            Check::OtherKind { found, .. } | Check::ClaimInvalid { found, .. } => found.clone(),
            Check::AuthenticatedLongAgo { at, now, .. } => {
                format!("{} s ago", now.since(*at).as_secs())
            }
            Check::Expired { at, .. }
            | Check::NotYetValid { at, .. }
            | Check::IssuedInFuture { at, .. } => at.seconds().to_string(),
            Check::Malformed(_)
            | Check::Signature(_)
            | Check::Nonce
            | Check::AccessTokenHash
            | Check::Missing
            | Check::NoKeys
            | Check::Inactive
            | Check::Unproven
            | Check::AudienceUnsaid { .. }
            | Check::ClaimMissing(_) => return None,
        })
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.token)?;
        let expected = self.expected().unwrap_or_default();
        let found = self.found().unwrap_or_default();
        match &self.check {
            Check::Malformed(why) => out.write_str(why),
            Check::Signature(error) => write!(out, "{error}"),
            Check::OtherKind { because, .. } => {
                write!(out, "this is {found} ({because}), expected {expected}")
            }
            Check::Type { .. } => write!(out, "header typ is {found}, expected {expected}"),
            Check::Inactive => out.write_str("the provider says that it is not active"),
            Check::Unproven => {
                out.write_str("it was not verified in the way that access_token.format asks for")
            }
            Check::AudienceUnsaid { issuer } => write!(
                out,
                "the introspection of {} says nothing of `aud`, so nobody can tell for whom the \
                 token is",
                quoted(issuer)
            ),
            Check::Issuer { .. } => write!(out, "issuer is {found}, expected {expected}"),
            Check::Audience { .. } => write!(out, "audience is {found}, expected {expected}"),
            Check::ExtraAudience { .. } => {
                write!(out, "audience names {found} as well, expected {expected}")
            }
            Check::AuthorizedParty { .. } => {
                write!(out, "authorized party (azp) is {found}, expected {expected}")
            }
            Check::Expired { at, now } => {
                let past = now.since(*at).as_secs();
                write!(out, "expired {past} s ago: exp is {found}, now is {}", now.seconds())
            }
            Check::NotYetValid { at, now } => {
                let ahead = at.since(*now).as_secs();
                write!(out, "not valid for {ahead} s yet: nbf is {found}, now is {}", now.seconds())
            }
            Check::IssuedInFuture { at, now } => {
                let ahead = at.since(*now).as_secs();
                write!(
                    out,
                    "issued {ahead} s in the future: iat is {found}, now is {}",
                    now.seconds()
                )
            }
            Check::Authentication { .. } => {
                write!(out, "authentication context (acr) is {found}, expected {expected}")
            }
            Check::AuthenticatedLongAgo { .. } => {
                write!(out, "the user was authenticated {found} (auth_time), expected {expected}")
            }
            Check::Nonce => out.write_str("nonce is not the one that this login sent"),
            Check::AccessTokenHash => {
                out.write_str("at_hash is not that of the access token that came with it")
            }
            Check::Scope { .. } => write!(out, "scope lacks {expected}, found {found}"),
            Check::Changed { claim, .. } => {
                write!(out, "refreshed with {claim} {found}, expected {expected} as before")
            }
            Check::Missing => out.write_str("the provider did not send one"),
            Check::NoKeys => out.write_str("there are no keys of the provider to check it with"),
            Check::ClaimMissing(claim) => write!(out, "claim {claim} is missing"),
            Check::ClaimInvalid { claim, .. } => {
                write!(out, "claim {claim} is {found}, expected {expected}")
            }
        }
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
