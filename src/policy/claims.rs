//! Rights: what a rule requires of the claims of tokens that were verified.

use std::fmt;

use crate::config::{ClaimPath, ClaimSource, RequiredClaim, WHOLE};
use crate::token::{self, AccessToken, IdToken};
use crate::wire::Json;

/// A claim that is not as a rule requires. `Display` is for the log: which claim, what it must
/// be. What it is says something about a person, so that only its kind is told.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingRight {
    claim: ClaimPath,
    expected: Vec<Json>,
    /// `None`: it is not there at all.
    found: Option<String>,
}

/// Whether the claims are all as `required`; a token that is not there has none.
///
/// # Errors
/// The first one that is not.
pub fn satisfy(
    required: &[RequiredClaim],
    id_token: Option<&IdToken>,
    access_token: Option<&AccessToken>,
) -> Result<(), MissingRight> {
    for RequiredClaim { claim, values } in required {
        let found = token::claim(claim, id_token, access_token);
        if !found.is_some_and(|found| has_one_of(found, values)) {
            let (claim, expected) = (claim.clone(), values.clone());
            return Err(MissingRight { claim, expected, found: found.map(kind) });
        }
    }
    Ok(())
}

/// Whether a claim is one of `values`, or an array that contains one.
fn has_one_of(claim: &Json, values: &[Json]) -> bool {
    let is_one = |found: &Json| values.iter().any(|value| same(found, value));
    match claim {
        Json::Array(members) => members.iter().any(is_one),
        Json::Null | Json::Object(_) => false,
        Json::Bool(_) | Json::Integer(_) | Json::Float(_) | Json::String(_) => is_one(claim),
    }
}

/// Whether two values are the same; never one for a string and a number.
#[allow(clippy::float_cmp, reason = "1.5 is written alike everywhere; nothing is computed here")]
fn same(found: &Json, expected: &Json) -> bool {
    match (found, expected) {
        // RFC 8259 section 6 knows one kind of number: 3 and 3.0 are the same.
        (Json::Integer(integer), Json::Float(float))
        | (Json::Float(float), Json::Integer(integer)) => {
            *integer as f64 == *float && float.abs() < WHOLE
        }
        (Json::Float(found), Json::Float(expected)) => found == expected && found.abs() < WHOLE,
        _ => found == expected,
    }
}

fn kind(found: &Json) -> String {
    match found {
        Json::Array(members) => format!("an array of {} others", members.len()),
        other => format!("{}, not that", other.kind()),
    }
}

impl fmt::Display for MissingRight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = match self.claim.token {
            ClaimSource::IdToken => "ID token",
            ClaimSource::AccessToken => "access token",
        };
        let expected: Vec<_> = self.expected.iter().map(ToString::to_string).collect();
        let found = self.found.as_deref().unwrap_or("not there");
        let claim = self.claim.names.join(".");
        write!(
            out,
            "{token}: claim {claim:?} must be one of {}, found: {found}",
            expected.join(", ")
        )
    }
}

#[cfg(test)]
mod tests;
