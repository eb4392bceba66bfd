//! The claims of a token (RFC 7519 section 4.1): read once, strictly, with bounds.
//!
//! What is judged on every request is kept parsed, so that judging neither allocates nor
//! searches. Nothing here decides for one kind of token or the other: rules are in
//! `id_token` and `access_token`. Only payloads whose signature was verified, or that come
//! out of our own seal, are read.

use std::time::Duration;

use super::refusal::Check;
use crate::wire::{Json, Timestamp};

/// Bytes of a payload, at most.
const PAYLOAD_LIMIT: usize = 64 * 1024;
/// Members of `aud`, or of a `scope` written as an array, at most.
const MEMBERS_LIMIT: usize = 64;
/// Scopes in a `scope` string, at most.
const SCOPES_LIMIT: usize = 512;
/// Characters of `sub`, at most (OIDC Core section 2).
const SUBJECT_LIMIT: usize = 255;
/// 9999-12-31T23:59:59Z: a NumericDate beyond it is nonsense, not a date.
const LAST_SECOND: i64 = 253_402_300_799;

/// When a token ends that says nothing of its end: it is asked about again all the time.
pub(super) const NEVER: Timestamp = Timestamp::from_seconds(LAST_SECOND);

/// A token's claims.
#[derive(Clone)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) audience: Vec<String>,
    pub(super) expires_at: Timestamp,
    pub(super) issued_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
    pub(super) subject: Option<String>,
    all: Json,
}

impl Claims {
    /// Reads a payload: a JSON object with at least `iss`, `aud` and `exp`; `iat`, `nbf`
    /// and `sub` must be right where they stand.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Check> {
        let all = Json::parse(payload, PAYLOAD_LIMIT)
            .map_err(|error| Check::Malformed(format!("the payload is not JSON: {error}")))?;
        if all.as_object().is_none() {
            let found = all.kind();
            return Err(Check::Malformed(format!("the payload is {found}, expected an object")));
        }
        let issuer = text(&all, "iss")?.ok_or(Check::ClaimMissing("iss"))?.to_owned();
        let audience = audience(&all)?.ok_or(Check::ClaimMissing("aud"))?;
        let expires_at = time(&all, "exp")?.ok_or(Check::ClaimMissing("exp"))?;
        Self::of(all, issuer, audience, expires_at)
    }

    /// Reads what `issuer` said of a token (RFC 7662 section 2.2), where it may leave out what a
    /// JWT must say. Without `iss` the token is whose the answer is. Without `exp` nobody knows
    /// its end but the provider. Without `aud` nobody can tell for whom it is.
    pub(super) fn introspected(all: Json, issuer: &str) -> Result<Self, Check> {
        let audience =
            audience(&all)?.ok_or_else(|| Check::AudienceUnsaid { issuer: issuer.to_owned() })?;
        let expires_at = time(&all, "exp")?.unwrap_or(NEVER);
        let issuer = text(&all, "iss")?.unwrap_or(issuer).to_owned();
        Self::of(all, issuer, audience, expires_at)
    }

    fn of(
        all: Json,
        issuer: String,
        audience: Vec<String>,
        expires_at: Timestamp,
    ) -> Result<Self, Check> {
        Ok(Self {
            issuer,
            audience,
            expires_at,
            issued_at: time(&all, "iat")?,
            not_before: time(&all, "nbf")?,
            subject: subject(&all)?,
            all,
        })
    }

    /// The claim `name` as text, or `None` where it is absent.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Check> {
        text(&self.all, name)
    }

    /// The claim `name` as a NumericDate, or `None` where it is absent.
    pub(super) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Check> {
        time(&self.all, name)
    }

    /// Whether the claim `name` is there, whatever it says.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all.get(name).is_some()
    }

    /// The value under a path of names; `None` where a step leads nowhere.
    pub(super) fn at(&self, path: &[String]) -> Option<&Json> {
        path.iter().try_fold(&self.all, |value, name| value.get(name))
    }

    /// The scopes: `scope` (RFC 8693 section 4.2, RFC 9068 section 2.2.3), or `scp` where
    /// there is no `scope` (Entra ID, Okta); names between spaces, or an array of names.
    pub(super) fn scope(&self) -> Result<Vec<String>, Check> {
        let name = if self.has("scope") { "scope" } else { "scp" };
        const EXPECTED: &str = "names between spaces, or an array of at most 64 names";
        let invalid =
            |found: String| Check::ClaimInvalid { claim: name, expected: EXPECTED, found };
        match self.all.get(name) {
            None => Ok(Vec::new()),
            Some(Json::String(text)) => {
                let names: Vec<String> = text
                    .split(' ')
                    .filter(|name| !name.is_empty())
                    .take(SCOPES_LIMIT.saturating_add(1))
                    .map(str::to_owned)
                    .collect();
                if names.len() > SCOPES_LIMIT {
                    return Err(invalid(format!("more than {SCOPES_LIMIT} names")));
                }
                Ok(names)
            }
            Some(value) => texts(value).map_err(invalid),
        }
    }

    /// `exp`: now must be before it (RFC 7519 section 4.1.4), give or take the clock skew. Gives
    /// the moment from which on it is not.
    pub(super) fn unexpired(&self, skew: Duration, now: Timestamp) -> Result<Timestamp, Check> {
        let end = self.expires_at.plus(skew);
        if now < end { Ok(end) } else { Err(Check::Expired { at: self.expires_at, now }) }
    }

    /// `nbf` and `iat`: neither may be in the future (RFC 7519 sections 4.1.5, 4.1.6), give
    /// or take the clock skew.
    pub(super) fn begun(&self, skew: Duration, now: Timestamp) -> Result<(), Check> {
        let horizon = now.plus(skew);
        match (self.not_before, self.issued_at) {
            (Some(at), _) if at > horizon => Err(Check::NotYetValid { at, now }),
            (_, Some(at)) if at > horizon => Err(Check::IssuedInFuture { at, now }),
            _ => Ok(()),
        }
    }

    /// About how many bytes these claims hold on the heap.
    pub(super) fn heap_size(&self) -> usize {
        let mut size =
            self.issuer.len().saturating_add(self.subject.as_ref().map_or(0, String::len));
        size = size.saturating_add(strings_size(&self.audience));
        let mut waiting = vec![&self.all];
        while let Some(value) = waiting.pop() {
            size = size.saturating_add(size_of::<Json>());
            match value {
                Json::String(text) => size = size.saturating_add(text.len()),
                Json::Array(members) => waiting.extend(members),
                Json::Object(members) => {
                    for (name, member) in members {
                        size = size.saturating_add(size_of::<String>()).saturating_add(name.len());
                        waiting.push(member);
                    }
                }
                Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Float(_) => {}
            }
        }
        size
    }
}

/// About how many bytes a list of texts holds on the heap.
pub(super) fn strings_size(texts: &[String]) -> usize {
    texts.iter().fold(0, |size: usize, text| {
        size.saturating_add(size_of::<String>()).saturating_add(text.len())
    })
}

fn text<'a>(all: &'a Json, claim: &'static str) -> Result<Option<&'a str>, Check> {
    match all.get(claim) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(invalid(claim, "a string", other.kind())),
    }
}

/// A NumericDate (RFC 7519 section 2): a number, never negative, at most the year 9999;
/// a fraction is rounded down.
fn time(all: &Json, claim: &'static str) -> Result<Option<Timestamp>, Check> {
    const EXPECTED: &str = "seconds since 1970 as a number";
    let seconds = match all.get(claim) {
        None => return Ok(None),
        Some(Json::Integer(seconds)) => *seconds,
        // Beyond the bounds the cast saturates, and is refused below; NaN is no JSON.
        #[allow(clippy::cast_possible_truncation, reason = "saturates, and is checked below")]
        Some(Json::Float(seconds)) => seconds.floor() as i64,
        Some(other) => return Err(invalid(claim, EXPECTED, other.kind())),
    };
    if !(0..=LAST_SECOND).contains(&seconds) {
        return Err(invalid(claim, EXPECTED, "a number that is no date"));
    }
    Ok(Some(Timestamp::from_seconds(seconds)))
}

/// `aud` (RFC 7519 section 4.1.3): one text, or 1 to 64 of them.
fn audience(all: &Json) -> Result<Option<Vec<String>>, Check> {
    const EXPECTED: &str = "a string, or an array of 1 to 64 strings";
    let found = match all.get("aud") {
        None => return Ok(None),
        Some(Json::String(text)) if text.is_empty() => Err("an empty string".to_owned()),
        Some(Json::String(text)) => Ok(vec![text.clone()]),
        Some(Json::Array(members)) if members.is_empty() => Err("an empty array".to_owned()),
        Some(other) => texts(other),
    };
    found.map(Some).map_err(|found| Check::ClaimInvalid { claim: "aud", expected: EXPECTED, found })
}

/// An array of texts, none of them empty; else what was found in its place.
fn texts(value: &Json) -> Result<Vec<String>, String> {
    let members = value.as_array().ok_or_else(|| value.kind().to_owned())?;
    if members.len() > MEMBERS_LIMIT {
        return Err(format!("an array of {}", members.len()));
    }
    let text = |member: &Json| match member {
        Json::String(text) if text.is_empty() => Err("an empty string in the array".to_owned()),
        Json::String(text) => Ok(text.clone()),
        other => Err(format!("{} in the array", other.kind())),
    };
    members.iter().map(text).collect()
}

fn subject(all: &Json) -> Result<Option<String>, Check> {
    const EXPECTED: &str = "1 to 255 characters";
    match text(all, "sub")? {
        None => Ok(None),
        Some("") => Err(invalid("sub", EXPECTED, "an empty string")),
        Some(text) if text.chars().nth(SUBJECT_LIMIT).is_some() => {
            Err(invalid("sub", EXPECTED, "a longer string"))
        }
        Some(text) => Ok(Some(text.to_owned())),
    }
}

fn invalid(claim: &'static str, expected: &'static str, found: &str) -> Check {
    Check::ClaimInvalid { claim, expected, found: found.to_owned() }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
