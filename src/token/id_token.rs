//! The ID token: who logged in. OIDC Core 3.1.3.7, 3.1.3.8 and 12.2.
//!
//! The steps of 3.1.3.7 stand beside the code under their numbers. The signature (6 to 8)
//! comes first, against the order of the list: nothing is judged that nobody signed.
//! Steps that depend on nothing but the token and the configuration (2 to 5) are
//! [`IdToken::judge`], and asked again on every request; so is 9, where it applies.

use std::fmt;

use super::claims::Claims;
use super::kind::{Kind, must_be_id_token};
use super::refusal::{Check, Refusal};
use crate::config::IdTokenRules;
use crate::crypto::secret::constant_time_eq;
use crate::crypto::{Opened, Secret, digest};
use crate::jose::{self, Algorithm, Jws, JwsError, KeySet, SignatureBackend};
use crate::wire::{Json, Timestamp, base64url};

/// An ID token that was verified for this client. It never stands in for an access token.
#[derive(Clone)]
pub struct IdToken {
    raw: Secret,
    subject: String,
    claims: Claims,
}

/// What the ID token of one login must match.
#[derive(Debug, Clone, Copy)]
pub struct LoginExpectation<'a> {
    /// The nonce that this login sent.
    pub nonce: &'a Secret,
    /// The access token that came in the same answer.
    pub access_token: Option<&'a Secret>,
}

impl IdToken {
    /// Verifies the ID token of a login (OIDC Core 3.1.3.7 and 3.1.3.8).
    ///
    /// # Errors
    /// The [`Refusal`] of the first step that fails; [`Refusal::unknown_kid`] asks for newer
    /// keys and another try.
    pub fn verify(
        raw: &Secret,
        rules: &IdTokenRules,
        expected: &LoginExpectation<'_>,
        keys: &KeySet,
        backend: &dyn SignatureBackend,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        // 1., 6. to 8. signed by the provider;  2. to 5., 9., 10. judged.
        let (token, algorithm) = Self::signed_and_judged(raw, rules, keys, backend, now)?;
        // 11. It answers this login and no other: its nonce is the one that was sent.
        token.answers(expected.nonce).map_err(refused)?;
        // 12., 13. The user was authenticated as it was asked for. A refreshed token has no
        // authentication of its own: 12.2 holds it to the `auth_time` of this one.
        token.was_authenticated(rules, now).map_err(refused)?;
        // 3.1.3.8: it belongs to the access token beside it.
        token.belongs_to(expected.access_token, algorithm).map_err(refused)?;
        Ok(token)
    }

    /// Verifies the ID token of a refresh (OIDC Core 12.2): all of 3.1.3.7 but the nonce,
    /// and it must speak of the same login as `previous`.
    ///
    /// # Errors
    /// The [`Refusal`] of the first check that fails.
    pub fn verify_refreshed(
        raw: &Secret,
        rules: &IdTokenRules,
        previous: &Self,
        access_token: Option<&Secret>,
        keys: &KeySet,
        backend: &dyn SignatureBackend,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let (token, algorithm) = Self::signed_and_judged(raw, rules, keys, backend, now)?;
        token.continues(previous).map_err(refused)?;
        token.belongs_to(access_token, algorithm).map_err(refused)?;
        Ok(token)
    }

    /// Takes a token back out of a cookie that this gate sealed: `opened` is the proof that it
    /// was verified before it went in, so its signature is not checked again. What it says is
    /// judged anew by [`Self::judge`]. `None` where it is no ID token at all.
    #[must_use]
    pub fn restore(raw: Secret, opened: &Opened) -> Option<Self> {
        let _proof = opened;
        let (subject, claims) = read(&Jws::split(raw.expose()).ok()?).ok()?;
        Some(Self { raw, subject, claims })
    }

    /// Whether the token is still one for this client, by today's configuration: steps 2 to 5
    /// of 3.1.3.7, asked on every request. A refresh may bring no new ID token (12.2), so `exp`
    /// is not asked here: see [`Self::judge_unexpired`]. Nor is `iat`: what had begun once can
    /// only lie ahead again of a clock that was set back.
    ///
    /// # Errors
    /// The [`Refusal`] of the first step that fails.
    pub fn judge(&self, rules: &IdTokenRules) -> Result<(), Refusal> {
        self.is_for(rules).map_err(refused)
    }

    /// Step 9 of 3.1.3.7: now is before `exp`. Gives the moment from which on it is not.
    ///
    /// # Errors
    /// [`Check::Expired`].
    pub fn judge_unexpired(
        &self,
        rules: &IdTokenRules,
        now: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        self.claims.unexpired(rules.clock_skew, now).map_err(refused)
    }

    /// Whether it speaks of the same user as the ID token of a session: another one may have
    /// signed in at the provider since.
    ///
    /// # Errors
    /// [`Check::ClaimInvalid`].
    pub fn judge_same_user(&self, sessions: &Self) -> Result<(), Refusal> {
        if self.subject == sessions.subject {
            return Ok(());
        }
        let expected = "that of the session's user";
        let found = "another user's, who is signed in at the provider now".to_owned();
        Err(refused(Check::ClaimInvalid { claim: "sub", expected, found }))
    }

    /// The token itself, for `id_token_hint` and the seal.
    #[must_use]
    pub const fn raw(&self) -> &Secret {
        &self.raw
    }

    /// `sub`: who logged in, as the provider names them.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `exp`.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.claims.expires_at
    }

    /// `iat`.
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
        let texts = self.raw.expose().len().saturating_add(self.subject.len());
        texts.saturating_add(self.claims.heap_size())
    }

    fn signed_and_judged(
        raw: &Secret,
        rules: &IdTokenRules,
        keys: &KeySet,
        backend: &dyn SignatureBackend,
        now: Timestamp,
    ) -> Result<(Self, Algorithm), Refusal> {
        let (token, algorithm) = Self::signed(raw, rules, keys, backend).map_err(refused)?;
        token.judge(rules)?;
        token.judge_unexpired(rules, now)?;
        // 10. Not issued in the future. How long ago is bounded by `exp` and the nonce.
        token.claims.begun(rules.clock_skew, now).map_err(refused)?;
        Ok((token, algorithm))
    }

    fn signed(
        raw: &Secret,
        rules: &IdTokenRules,
        keys: &KeySet,
        backend: &dyn SignatureBackend,
    ) -> Result<(Self, Algorithm), Check> {
        // 1. Nothing is decrypted: this client registers no encryption, and a JWE is refused.
        let jws = Jws::split(raw.expose()).map_err(Check::Signature)?;
        // 6. The signature is always checked: TLS to the provider never stands in for it.
        // 7. With an algorithm that the configuration allows.
        // 8. MAC algorithms do not exist here: no secret of the client ever verifies a token.
        jose::verify(&jws, &rules.signing_algorithms, keys, backend).map_err(Check::Signature)?;
        // It was allowed, so it has a name.
        let algorithm = Algorithm::parse(jws.unverified_alg());
        let algorithm = algorithm.ok_or(Check::Signature(JwsError::BadSignature))?;
        let (subject, claims) = read(&jws)?;
        Ok((Self { raw: raw.clone(), subject, claims }, algorithm))
    }

    fn is_for(&self, rules: &IdTokenRules) -> Result<(), Check> {
        let claims = &self.claims;
        // 2. The provider issued it: `iss`, byte for byte.
        if !rules.issuer.is_exactly(&claims.issuer) {
            let expected = rules.issuer.as_str().to_owned();
            return Err(Check::Issuer { expected, found: claims.issuer.clone() });
        }
        // 3. It is for this client, and for nobody who is not trusted.
        if !claims.audience.contains(&rules.client_id) {
            let expected = vec![rules.client_id.clone()];
            return Err(Check::Audience { expected, found: claims.audience.clone() });
        }
        let trusted = |audience: &&String| rules.audiences.contains(audience);
        if !claims.audience.iter().all(|audience| trusted(&audience)) {
            let found = claims.audience.iter().filter(|audience| !trusted(audience));
            let found = found.cloned().collect();
            return Err(Check::ExtraAudience { trusted: rules.audiences.clone(), found });
        }
        // 4. Several audiences need no `azp` as well: each was trusted by name in step 3.
        // 5. Where `azp` stands, it is this client.
        match claims.text("azp")? {
            Some(azp) if azp != rules.client_id => {
                let expected = rules.client_id.clone();
                Err(Check::AuthorizedParty { expected, found: azp.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn was_authenticated(&self, rules: &IdTokenRules, now: Timestamp) -> Result<(), Check> {
        // 12. `acr` is one of the values that were asked for (`acr_values`).
        let acr = self.claims.text("acr")?;
        if !rules.acr.is_empty() && !rules.acr.iter().any(|asked| Some(asked.as_str()) == acr) {
            let expected = rules.acr.clone();
            return Err(Check::Authentication { expected, found: acr.map(str::to_owned) });
        }
        // 13. `auth_time` is not longer ago than was asked for (`max_age`).
        let Some(max_age) = rules.max_age else { return Ok(()) };
        let at = self.claims.time("auth_time")?.ok_or(Check::ClaimMissing("auth_time"))?;
        if now.since(at) > max_age.saturating_add(rules.clock_skew) {
            return Err(Check::AuthenticatedLongAgo { at, now, max_age });
        }
        Ok(())
    }

    fn answers(&self, nonce: &Secret) -> Result<(), Check> {
        let found = self.claims.text("nonce")?.ok_or(Check::ClaimMissing("nonce"))?;
        if nonce.equals(found) { Ok(()) } else { Err(Check::Nonce) }
    }

    /// 3.1.3.8 with 3.1.3.6: `at_hash`, where it stands, is the left half of the access
    /// token's hash, by the hash of the algorithm that signed the ID token.
    fn belongs_to(&self, access_token: Option<&Secret>, algorithm: Algorithm) -> Result<(), Check> {
        let (Some(found), Some(access_token)) = (self.claims.text("at_hash")?, access_token) else {
            return Ok(());
        };
        let expected = left_half_hash(algorithm, access_token.expose().as_bytes());
        if constant_time_eq(expected.as_bytes(), found.as_bytes()) {
            Ok(())
        } else {
            Err(Check::AccessTokenHash)
        }
    }

    /// 12.2: the same provider, user, audience, client and login as the token before it.
    fn continues(&self, previous: &Self) -> Result<(), Check> {
        let (new, old) = (&self.claims, &previous.claims);
        let changed = |claim, expected: &str, found: &str| {
            Err(Check::Changed { claim, expected: expected.to_owned(), found: found.to_owned() })
        };
        if new.issuer != old.issuer {
            return changed("iss", &old.issuer, &new.issuer);
        }
        if self.subject != previous.subject {
            return changed("sub", &previous.subject, &self.subject);
        }
        // As sets: providers write the same audiences in another order each time.
        let within = |one: &[String], other: &[String]| one.iter().all(|name| other.contains(name));
        if !within(&new.audience, &old.audience) || !within(&old.audience, &new.audience) {
            return changed("aud", &old.audience.join(" "), &new.audience.join(" "));
        }
        let (before, after) = (old.text("azp")?, new.text("azp")?);
        if before != after {
            return changed("azp", before.unwrap_or_default(), after.unwrap_or_default());
        }
        match (old.time("auth_time")?, new.time("auth_time")?) {
            (Some(before), Some(after)) if before != after => {
                let text = |time: Timestamp| time.seconds().to_string();
                return changed("auth_time", &text(before), &text(after));
            }
            _ => {}
        }
        // A nonce should not stand in it; where it does, it is that of the login. The token
        // before may have come by a refresh itself, and then there is none to compare.
        match (old.text("nonce")?, new.text("nonce")?) {
            (Some(before), Some(after)) if before != after => Err(Check::Nonce),
            _ => Ok(()),
        }
    }
}

/// Never the token, never a claim: only when it ends.
impl fmt::Debug for IdToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expires_at = self.claims.expires_at;
        out.debug_struct("IdToken").field("expires_at", &expires_at).finish_non_exhaustive()
    }
}

/// What every ID token has (Core section 2), whoever it is for.
fn read(jws: &Jws<'_>) -> Result<(String, Claims), Check> {
    let claims = Claims::read(jws.unverified_payload())?;
    must_be_id_token(jws.unverified_typ(), &claims)?;
    let subject = claims.subject.clone().ok_or(Check::ClaimMissing("sub"))?;
    claims.issued_at.ok_or(Check::ClaimMissing("iat"))?;
    Ok((subject, claims))
}

fn left_half_hash(algorithm: Algorithm, bytes: &[u8]) -> String {
    let hash: Vec<u8> = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => digest::sha256(bytes).into(),
        Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => digest::sha384(bytes).into(),
        // Ed25519 hashes with SHA-512 (RFC 8032 section 5.1).
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => digest::sha512(bytes).into(),
    };
    let half = hash.len().checked_div(2).unwrap_or_default();
    base64url::encode(hash.get(..half).unwrap_or_default())
}

const fn refused(check: Check) -> Refusal {
    Refusal { token: Kind::IdToken, check }
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
