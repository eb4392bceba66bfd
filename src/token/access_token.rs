//! The access token: what may be done at the API behind this gate. RFC 9068 section 4; RFC 7662
//! where it is opaque.
//!
//! The audience is the API's, by its own list; the client that asked for the token and
//! the audiences of ID tokens play no part. All that the configuration decides is
//! [`AccessToken::judge`], and is asked again on every request. The rules are the same however
//! it became known what a token says: that is its [`Evidence`].

use std::fmt;
use std::time::Duration;

use super::claims::{Claims, strings_size};
use super::kind::{Kind, must_be_access_token, must_be_bearer, normal_typ};
use super::refusal::{Check, Refusal};
use crate::config::{AccessTokenFormat, AccessTokenRules};
use crate::crypto::{Opened, Secret};
use crate::jose::{self, Jws, KeySet, SignatureBackend};
use crate::wire::{Json, Timestamp};

/// An access token that was verified for the API behind this gate. It never stands in for an
/// ID token.
#[derive(Clone)]
pub struct AccessToken {
    raw: Secret,
    evidence: Evidence,
    scope: Vec<String>,
    claims: Claims,
}

/// Why what a token says is believed.
#[derive(Clone)]
enum Evidence {
    /// The provider signed it, with this `typ` in the header, as it is compared.
    Signed { typ: Option<String> },
    /// The provider was asked, and answered then.
    Introspected { at: Timestamp },
}

/// What the provider said of an opaque token counts for so long at least, whatever
/// `introspection_cache` says: for the requests that waited for it.
pub const ANSWER_LASTS: Duration = Duration::from_secs(5);

impl AccessToken {
    /// Verifies an access token (RFC 9068 section 4), from a session or from a client.
    ///
    /// # Errors
    /// The [`Refusal`] of the first check that fails; [`Refusal::unknown_kid`] asks for newer
    /// keys and another try.
    pub fn verify(
        raw: &Secret,
        rules: &AccessTokenRules,
        keys: &KeySet,
        backend: &dyn SignatureBackend,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let token = Self::signed(raw, rules, keys, backend).map_err(refused)?;
        // `nbf`, `iat`. What has begun once need not be asked again: it can only lie ahead
        // of a clock that was set back.
        token.claims.begun(rules.clock_skew, now).map_err(refused)?;
        token.judge(rules, now)?;
        Ok(token)
    }

    /// Takes in what the provider said at `now` of a token that is active (RFC 7662 section 2.2).
    /// The caller answers for it that this was the provider's answer to this very token. For whom
    /// the token is, and till when, [`Self::judge`] says, as for every token.
    ///
    /// # Errors
    /// The [`Refusal`] of the first check that fails.
    pub fn introspected(
        raw: Secret,
        answer: Json,
        rules: &AccessTokenRules,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let claims = Claims::introspected(answer, rules.issuer.as_str()).map_err(refused)?;
        must_be_bearer(&claims).map_err(refused)?;
        let scope = read(None, &claims).map_err(refused)?;
        claims.begun(rules.clock_skew, now).map_err(refused)?;
        Ok(Self { raw, evidence: Evidence::Introspected { at: now }, scope, claims })
    }

    /// When the provider said what is known of an opaque token; `None` for one that it signed.
    #[must_use]
    pub const fn introspected_at(&self) -> Option<Timestamp> {
        match self.evidence {
            Evidence::Signed { .. } => None,
            Evidence::Introspected { at } => Some(at),
        }
    }

    /// Takes a token back out of a cookie that this gate sealed: `opened` is the proof that it
    /// was verified before it went in, so its signature is not checked again. What it says is
    /// judged anew by [`Self::judge`]. `None` where it is no access token at all.
    #[must_use]
    pub fn restore(raw: Secret, opened: &Opened) -> Option<Self> {
        let _proof = opened;
        let (evidence, scope, claims) = read_jwt(&Jws::split(raw.expose()).ok()?).ok()?;
        Some(Self { raw, evidence, scope, claims })
    }

    /// Whether the token is good for this API, now and by today's configuration: asked on
    /// every request. Gives the moment until which it stays so by the same rules; then it has to
    /// be judged anew.
    ///
    /// # Errors
    /// The [`Refusal`] of the first check that fails.
    pub fn judge(&self, rules: &AccessTokenRules, now: Timestamp) -> Result<Timestamp, Refusal> {
        self.is_good_for(rules, now).map_err(refused)
    }

    /// Whether the token speaks for the same user as the session's own, beside which it was had: a provider
    /// that mixes its users up must not make one of them act as another.
    ///
    /// # Errors
    /// [`Check::ClaimInvalid`].
    pub fn judge_subject(&self, sessions: &Self) -> Result<(), Refusal> {
        if self.subject() == sessions.subject() {
            return Ok(());
        }
        let expected = "that of the session's own";
        let found = "another user's".to_owned();
        Err(refused(Check::ClaimInvalid { claim: "sub", expected, found }))
    }

    /// Whether the token is for nobody else than `rules` name: a token that is for one service can
    /// not be played by it to another.
    ///
    /// # Errors
    /// [`Check::ExtraAudience`].
    pub fn judge_narrow(&self, rules: &AccessTokenRules) -> Result<(), Refusal> {
        let extra = |name: &&String| !rules.audiences.contains(name);
        let found: Vec<_> = self.claims.audience.iter().filter(extra).cloned().collect();
        if found.is_empty() {
            return Ok(());
        }
        Err(refused(Check::ExtraAudience { trusted: rules.audiences.clone(), found }))
    }

    /// The token itself, for the `Authorization` of the upstream and the seal.
    #[must_use]
    pub const fn raw(&self) -> &Secret {
        &self.raw
    }

    /// `sub`: on whose behalf, as the provider names them.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.subject.as_deref()
    }

    /// `exp`; the end of time where an opaque token has none.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.claims.expires_at
    }

    /// `iat`, where it stands.
    #[must_use]
    pub const fn issued_at(&self) -> Option<Timestamp> {
        self.claims.issued_at
    }

    /// The value of a claim, under a path of names.
    #[must_use]
    pub fn claim(&self, path: &[String]) -> Option<&Json> {
        self.claims.at(path)
    }

    /// About how many bytes this token holds on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let texts = self.raw.expose().len().saturating_add(strings_size(&self.scope));
        texts.saturating_add(self.claims.heap_size())
    }

    fn signed(
        raw: &Secret,
        rules: &AccessTokenRules,
        keys: &KeySet,
        backend: &dyn SignatureBackend,
    ) -> Result<Self, Check> {
        // Signed by the provider, never `none`, never a MAC; before anything it says is judged.
        let AccessTokenFormat::Jwt { signing_algorithms, .. } = &rules.format else {
            return Err(Check::Unproven);
        };
        let jws = Jws::split(raw.expose()).map_err(Check::Signature)?;
        jose::verify(&jws, signing_algorithms, keys, backend).map_err(Check::Signature)?;
        let (evidence, scope, claims) = read_jwt(&jws)?;
        Ok(Self { raw: raw.clone(), evidence, scope, claims })
    }

    fn is_good_for(&self, rules: &AccessTokenRules, now: Timestamp) -> Result<Timestamp, Check> {
        let claims = &self.claims;
        let counts_until = self.evidence.suffices(&rules.format, now)?;
        // `iss`: the provider, byte for byte.
        if !rules.issuer.is_exactly(&claims.issuer) {
            let expected = rules.issuer.as_str().to_owned();
            return Err(Check::Issuer { expected, found: claims.issuer.clone() });
        }
        // `aud`: one of this API's names is among them.
        if !rules.audiences.iter().any(|accepted| claims.audience.contains(accepted)) {
            let expected = rules.audiences.clone();
            return Err(Check::Audience { expected, found: claims.audience.clone() });
        }
        // `exp`.
        let expires = claims.unexpired(rules.clock_skew, now)?;
        // `scope`: all that this API needs, and last: a token that only lacks scope is right
        // in all else (RFC 6750 section 3.1).
        if !rules.scope.iter().all(|needed| self.scope.contains(needed)) {
            let missing = rules.scope.iter().filter(|needed| !self.scope.contains(needed));
            let missing = missing.cloned().collect();
            return Err(Check::Scope { missing, found: self.scope.clone() });
        }
        Ok(counts_until.min(expires))
    }
}

/// Never the token, never a claim: only when it ends.
impl fmt::Debug for AccessToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expires_at = self.claims.expires_at;
        out.debug_struct("AccessToken").field("expires_at", &expires_at).finish_non_exhaustive()
    }
}

impl Evidence {
    /// Whether it is what the configuration asks for, and still counts; and until when.
    fn suffices(&self, format: &AccessTokenFormat, now: Timestamp) -> Result<Timestamp, Check> {
        match (self, format) {
            (Self::Signed { typ: found }, AccessTokenFormat::Jwt { typ: accepted, .. }) => {
                // `typ`: `at+jwt`, or what the provider writes in its place. A header without it
                // says as much as one with `JWT` (RFC 7519 section 5.1), as Okta's.
                let typ = found.as_deref().unwrap_or("jwt");
                if accepted.iter().any(|accepted| accepted == typ) {
                    return Ok(Timestamp::LAST);
                }
                Err(Check::Type { expected: accepted.clone(), found: found.clone() })
            }
            (Self::Introspected { at }, AccessTokenFormat::Opaque { introspection_cache }) => {
                let lasts = (*introspection_cache).max(ANSWER_LASTS);
                let counts = now >= *at && now.since(*at) <= lasts;
                if counts { Ok(at.plus(lasts)) } else { Err(Check::Unproven) }
            }
            _ => Err(Check::Unproven),
        }
    }
}

/// What a JWT says, whoever it is for.
fn read_jwt(jws: &Jws<'_>) -> Result<(Evidence, Vec<String>, Claims), Check> {
    let claims = Claims::read(jws.unverified_payload())?;
    let scope = read(jws.unverified_typ(), &claims)?;
    Ok((Evidence::Signed { typ: jws.unverified_typ().map(normal_typ) }, scope, claims))
}

/// What holds for every access token, whoever it is for and however it says it: its scope.
fn read(typ: Option<&str>, claims: &Claims) -> Result<Vec<String>, Check> {
    must_be_access_token(typ, claims)?;
    // RFC 7800, RFC 9449: whoever sends such a token must prove that the key is theirs. That
    // is not checked here yet, and without it the binding would protect nobody.
    if claims.has("cnf") {
        return Err(Check::ClaimInvalid {
            claim: "cnf",
            expected: "absent: tokens that are bound to a key are not supported yet",
            found: "a token that is bound to a key".to_owned(),
        });
    }
    claims.scope()
}

const fn refused(check: Check) -> Refusal {
    Refusal { token: Kind::AccessToken, check }
}

#[cfg(test)]
#[path = "access_token_tests.rs"]
mod tests;
