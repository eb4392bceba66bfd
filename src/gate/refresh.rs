//! A refresh: one call per refresh token in the whole process, however many requests want it.
//!
//! While the token is still valid only the request that began the refresh waits for it.

use std::rc::Rc;

use crate::config::Needs;
use crate::crypto::Secret;
use crate::provider::{HttpCall, TokenAnswer, token_endpoint};
use crate::session::Session;
use crate::token::{IdToken, Kind, Refusal as TokenRefusal};
use crate::wire::Timestamp;

use super::host::Host;
use super::identity::Live;
use super::refusal::Refusal;
use super::request::Request;
use super::sessions::Freshness;
use super::turns::{Errand, Turn};
use super::wait::Waiting;
use super::worker::Worker;

/// How many refreshes an older cookie may be behind: more than go into the time for which
/// outcomes are remembered.
pub(super) const REFRESHES_BEHIND: usize = 64;

/// What a request does after it asked for its turn.
#[derive(Debug)]
pub(super) enum Turned {
    /// Go on with this session: the one that was asked for, or what refreshes made of it.
    Go(Rc<Live>),
    /// There is no session any more.
    Ended,
    /// Wait for the answer.
    Wait,
}

impl Worker {
    /// What the request does about its session's tokens: nothing, as long as they are fresh.
    pub(super) fn turn(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
    ) -> Result<Turned, Refusal> {
        match live.is_quiet(host.now()) {
            true => Ok(Turned::Go(Rc::clone(live))),
            false => self.due_turn(host, request, live),
        }
    }

    /// What the request does about a token that may run out.
    ///
    /// An older cookie may be several refreshes behind: each is looked up in its turn.
    #[cold]
    fn due_turn(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
    ) -> Result<Turned, Refusal> {
        let mut newest = Rc::clone(live);
        for _ in 0..REFRESHES_BEHIND {
            let freshness = self.freshness(&newest.session, host.now());
            let Some(id) = newest.turn.filter(|_| freshness != Freshness::Fresh) else { break };
            self.turns.sweep(host.now(), self.patience());
            let begins = self.turns.get(&id).is_none();
            if begins && self.has_to_do(host.now(), live, &newest) {
                break;
            }
            if begins && let Some(call) = self.refresh_call(newest.session.refresh_token.as_ref()) {
                self.take_turn(host, id, Errand::Refresh(Rc::clone(&newest)), &call);
            }
            let still_valid = freshness == Freshness::Due;
            match self.turns.get(&id) {
                // A provider may answer with the very tokens that it was asked to replace.
                Some(Turn::Renewed(renewed)) if renewed.turn == newest.turn => break,
                Some(Turn::Renewed(renewed)) => {
                    newest = Rc::clone(renewed);
                    continue;
                }
                Some(Turn::Ended) => return Ok(Turned::Ended),
                // The new tokens ran out while they waited for keys, or came too late.
                Some(Turn::Refused(refusal)) if refusal.expired() => return Ok(Turned::Ended),
                Some(Turn::Refused(refusal)) => {
                    return Err(Refusal::SessionToken(refusal.clone()));
                }
                // While the token is valid nobody waits but the request whose turn it is.
                Some(Turn::Calling) if begins => {}
                _ if still_valid => break,
                Some(Turn::Calling | Turn::AwaitingKeys(..) | Turn::Elsewhere) => {}
                Some(Turn::Failed | Turn::CallRefused(_)) | None => {
                    return Err(Refusal::ProviderUnavailable);
                }
            }
            match self.wait(host, request, Waiting::Turn(id)) {
                Ok(()) => return Ok(Turned::Wait),
                // Nobody is turned away who could go on.
                Err(_) if still_valid => break,
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(Turned::Go(newest))
    }

    /// Whether `newest` came a moment ago and has to do: a provider may give one token till it
    /// ends. A cookie whose token is over by now does not, however young it is.
    fn has_to_do(&self, now: Timestamp, cookies: &Live, newest: &Rc<Live>) -> bool {
        let good = || newest.judge(&self.config, &Needs::default(), now).is_ok();
        newest.came_just_now(now) && (newest.turn != cookies.turn || good())
    }

    /// The call that refreshes by this refresh token, the session's or a rule's token's own.
    pub(super) fn refresh_call(&self, refresh_token: Option<&Secret>) -> Option<HttpCall> {
        let refresh_token = refresh_token?;
        let metadata = self.provider.metadata()?;
        let (provider, client) = (&self.config.provider, &self.config.client);
        token_endpoint::refresh_call(provider, client, metadata, refresh_token)
    }

    /// New tokens are judged like those of a login (OIDC Core 12.2 for the ID token).
    pub(super) fn verify_renewed(
        &self,
        host: &dyn Host,
        old: &Session,
        answer: &TokenAnswer,
    ) -> Result<Session, TokenRefusal> {
        let keys = self.provider.keys().ok_or(TokenRefusal::no_keys(Kind::IdToken))?;
        let (now, signatures) = (host.now(), host.signatures());
        let access_token = self.verify_issued(host, answer, keys)?;
        // RFC 6749 section 6, OIDC Core 12.2: neither has to come anew.
        let id_token = match &answer.id_token {
            Some(raw) => IdToken::verify_refreshed(
                raw,
                &self.config.id_token,
                &old.id_token,
                answer.access_token.as_ref(),
                keys,
                signatures,
                now,
            )?,
            None => old.id_token.clone(),
        };
        let refresh_token = answer.refresh_token.clone().or_else(|| old.refresh_token.clone());
        Ok(Session { access_token, id_token, refresh_token, seen: now, ..old.clone() })
    }
}
