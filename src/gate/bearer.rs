//! A client's own access token (RFC 6750), judged by the access token's rules alone.

use std::rc::Rc;

use crate::config::AccessTokenRules;
use crate::crypto::Secret;
use crate::policy::Decision;
use crate::provider::KeysWanted;
use crate::session::Text;
use crate::token::AccessToken;

use super::forward::Forward;
use super::host::{Host, Level};
use super::identity::{Bearer, Identity, Unfit};
use super::introspect::Asked;
use super::metrics::{Lookup, Metric};
use super::refusal::{Refusal, Refused};
use super::request::Request;
use super::wait::Waiting;
use super::worker::Worker;
use super::{Step, log};

impl Worker {
    /// What stands behind `Bearer` (RFC 6750 section 2.1). Other schemes are no credentials
    /// here; they are dropped before the upstream.
    ///
    /// # Errors
    /// Several `Authorization` headers: RFC 6750 section 3.1 calls that `invalid_request`.
    pub(super) fn bearer_of<'a>(&self, request: &Request<'a>) -> Result<Option<&'a [u8]>, Refused> {
        let Some(value) = request.arrival.authorization.filter(|_| self.config.bearer) else {
            return Ok(None);
        };
        if request.arrival.authorizations > 1 {
            return Err(Refusal::BearerMalformed("more than one Authorization header").into());
        }
        let Some((scheme, token)) = value.split_at_checked("Bearer ".len()) else {
            return Ok(None);
        };
        Ok(scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii()))
    }

    /// Decides by a client's own token.
    pub(super) fn bearer(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        token: &[u8],
        decision: &Decision,
    ) -> Result<Step, Refused> {
        let opaque = self.introspections.is_some();
        let known = if opaque { None } else { self.known_bearer(token) };
        if !opaque {
            host.count(Metric::BearerCache(Lookup::of(known.is_some())));
        }
        let bearer = match known {
            Some(bearer) => bearer,
            None if opaque => match self.ask_about_bearer(host, request, b64token(token)?)? {
                Some(bearer) => bearer,
                None => return Ok(Step::Wait),
            },
            None => match self.verify_bearer(host, request, b64token(token)?, decision)? {
                Some(bearer) => bearer,
                None => return Ok(Step::Wait),
            },
        };
        let identity = match Identity::of_judged_bearer(&bearer, decision.rule, host.now()) {
            Some(identity) => identity,
            None => self.judge_bearer(host, &bearer, decision)?,
        };
        log::decision(host, Level::Debug, request.arrival, "forward", "a bearer token");
        Ok(Step::Forward(Forward::authenticated(&identity, request)))
    }

    /// Judges a client's token for the rule that decided.
    #[cold]
    fn judge_bearer(
        &self,
        host: &dyn Host,
        bearer: &Rc<Bearer>,
        decision: &Decision,
    ) -> Result<Identity, Refusal> {
        let (needs, rules) = (self.needs(decision), self.bearer_rules(decision));
        let rules = rules.ok_or(Refusal::NoBearer)?;
        Identity::of_bearer(bearer, rules, decision.rule, needs, host.now()).map_err(|unfit| {
            match unfit {
                Unfit::Token(refusal) => Refusal::Bearer(refusal),
                Unfit::Right(missing) => Refusal::BearerRight(missing),
                Unfit::Otherwise(refusal) => *refusal,
            }
        })
    }

    /// A token whose signature was checked on this worker with the keys of today.
    fn known_bearer(&mut self, token: &[u8]) -> Option<Rc<Bearer>> {
        let generation = self.provider.keys_generation();
        if self.bearers_generation != generation {
            // A key that the provider took back must not live on in this cache.
            self.bearers.clear();
            self.bearers_generation = generation;
        }
        self.bearers.get(Text::whole(token), "")
    }

    /// The rules of a client's token where `decision` has been made.
    pub(super) fn bearer_rules(&self, decision: &Decision) -> Option<&AccessTokenRules> {
        self.needs(decision).access_token.as_ref().or(self.config.access_token.as_ref())
    }

    /// A client's opaque token. `None`: the request waits for the provider's answer.
    #[cold]
    fn ask_about_bearer(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        token: &str,
    ) -> Result<Option<Rc<Bearer>>, Refusal> {
        match self.ask_about(host, request, &Secret::new(token.to_owned()), false)? {
            Asked::Active(bearer) => Ok(Some(bearer)),
            Asked::Refused(refusal) => Err(Refusal::Bearer(refusal)),
            Asked::Wait => Ok(None),
        }
    }

    /// `None`: the request waits for newer keys.
    #[cold]
    fn verify_bearer(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        token: &str,
        decision: &Decision,
    ) -> Result<Option<Rc<Bearer>>, Refused> {
        let (Some(rules), Some(keys)) = (self.bearer_rules(decision), self.provider.keys()) else {
            return Err(Refusal::NoBearer.into());
        };
        let raw = Secret::new(token.to_owned());
        match AccessToken::verify(&raw, rules, keys, host.signatures(), host.now()) {
            Ok(verified) => {
                let bearer = Rc::new(Bearer::new(verified, &self.config));
                self.bearers.put(token.as_bytes(), "", Rc::clone(&bearer), bearer.size());
                Ok(Some(bearer))
            }
            Err(refusal) if refusal.unknown_kid() => match self.provider.want_keys(host.now()) {
                KeysWanted::Fetching => {
                    self.fetch_due(host);
                    self.wait(host, request, Waiting::Keys)?;
                    Ok(None)
                }
                KeysWanted::Throttled => Err(self.unknown_key(Refusal::Bearer(refusal)).into()),
            },
            Err(refusal) => Err(Refusal::Bearer(refusal).into()),
        }
    }
}

/// The text of a token, where it can be one.
///
/// # Errors
/// Anything else is `invalid_request` (RFC 6750 sections 2.1 and 3.1).
fn b64token(token: &[u8]) -> Result<&str, Refusal> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    match std::str::from_utf8(token) {
        Ok(text) if !text.is_empty() && token.iter().all(plain) => Ok(text),
        _ => Err(Refusal::BearerMalformed("what follows \"Bearer\" is not one token")),
    }
}
