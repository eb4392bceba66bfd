//! A refresh: one call per refresh token in the whole process, however many requests want it.
//!
//! The worker that has the turn makes the call; its own requests wait for it, those of
//! other workers are woken through [`super::shared`]. While the token is still valid only
//! the request that began it waits.

use std::rc::Rc;
use std::time::Duration;

use crate::provider::{KeysWanted, TokenAnswer, TokenError, token_endpoint};
use crate::session::Session;
use crate::token::{AccessToken, IdToken, Kind, Refusal as TokenRefusal};

use super::host::{Host, Level, StreamId};
use super::identity::Live;
use super::refusal::Refusal;
use super::request::Request;
use super::sessions::Freshness;
use super::shared::{Claim, Outcome};
use super::turns::{Turn, TurnId};
use super::wait::Waiting;
use super::worker::{Flight, Worker};

/// What a request does after it asked for its turn.
#[derive(Debug)]
pub(super) enum Turned {
    /// Go on with the session as it is.
    Keep,
    /// Go on with this one.
    Renewed(Rc<Live>),
    /// There is no session any more.
    Ended,
    /// Wait for the answer.
    Wait,
}

impl Worker {
    /// What the request does about a token that runs out.
    pub(super) fn turn(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        freshness: Freshness,
    ) -> Result<Turned, Refusal> {
        let Some(id) = live.turn else { return Ok(Turned::Keep) };
        self.turns.sweep(host.now());
        let begins = self.turns.get(&id).is_none();
        if begins {
            self.take_turn(host, id, live);
        }
        let still_valid = freshness == Freshness::Due;
        match self.turns.get(&id) {
            Some(Turn::Renewed(renewed)) => return Ok(Turned::Renewed(Rc::clone(renewed))),
            Some(Turn::Ended) => return Ok(Turned::Ended),
            Some(Turn::Refused(refusal)) => return Err(Refusal::SessionToken(refusal.clone())),
            // While the token is valid nobody waits but the request whose turn it is.
            Some(Turn::Calling(_)) if begins => {}
            _ if still_valid => return Ok(Turned::Keep),
            Some(Turn::Calling(_) | Turn::AwaitingKeys(..) | Turn::Elsewhere(_)) => {}
            Some(Turn::Failed) | None => return Err(Refusal::ProviderUnavailable),
        }
        self.wait(host, request, Waiting::Refresh(id))?;
        Ok(Turned::Wait)
    }

    /// Takes the turn if no worker has it, and books what stands.
    fn take_turn(&mut self, host: &mut dyn Host, id: TurnId, live: &Rc<Live>) {
        if !self.turns.make_room() {
            return;
        }
        match self.cells.claim(host, &id, self.lease()) {
            Claim::Mine(nonce) => self.call_for_turn(host, id, live, Some(nonce)),
            Claim::Alone => self.call_for_turn(host, id, live, None),
            found => {
                let turn = self.turn_found(found, &id, live);
                self.turns.set(id, turn, host.now());
            }
        }
    }

    /// What another worker left in the cell, as this worker books it.
    fn turn_found(&self, found: Claim, id: &TurnId, live: &Rc<Live>) -> Turn {
        match found {
            Claim::Mine(_) | Claim::Alone | Claim::Elsewhere => Turn::Elsewhere(Rc::clone(live)),
            Claim::Ended => Turn::Ended,
            Claim::Failed => Turn::Failed,
            Claim::Done(sealed) => self.opened(id, &sealed),
        }
    }

    /// What another worker sealed.
    fn opened(&self, id: &TurnId, sealed: &[u8]) -> Turn {
        let keys = self.config.session.as_ref().map(|settings| &settings.keys);
        let opened = keys.and_then(|keys| Session::open_from_workers(keys, &id.message(), sealed));
        match opened {
            Some((session, with_first_key)) => {
                Turn::Renewed(Rc::new(Live::new(session, with_first_key, &self.config)))
            }
            None => Turn::Failed,
        }
    }

    fn call_for_turn(
        &mut self,
        host: &mut dyn Host,
        id: TurnId,
        live: &Rc<Live>,
        lease: Option<u64>,
    ) {
        self.turns.begin(id, Rc::clone(live), lease, host.now());
        let call = self.provider.metadata().zip(live.session.refresh_token.as_ref()).and_then(
            |(metadata, refresh_token)| {
                let (provider, client) = (&self.config.provider, &self.config.client);
                token_endpoint::refresh_call(provider, client, metadata, refresh_token)
            },
        );
        match call.and_then(|call| host.dispatch(&call).ok()) {
            Some(call) => {
                self.flights.insert(call, Flight::Refresh(id));
            }
            None => self.settle(host, id, Turn::Failed),
        }
    }

    /// How long another worker waits before it takes a turn over: one call, and a little.
    fn lease(&self) -> Duration {
        self.config.provider.timeout.saturating_add(Duration::from_secs(1))
    }

    /// Books the outcome, and tells the other workers.
    fn settle(&mut self, host: &mut dyn Host, id: TurnId, turn: Turn) {
        let outcome = match &turn {
            Turn::Renewed(live) => self.sealed(host, &id, live),
            Turn::Failed => Outcome::Failed,
            // The refresh token is spent: for the others there is only a new login.
            _ => Outcome::Ended,
        };
        let stands = match self.turns.lease(&id) {
            Some(_) => self.cells.publish(host, &id, &outcome),
            None => Claim::Alone,
        };
        let turn = match stands {
            // A logout wins, and so does the success of whoever had the turn before.
            Claim::Ended if matches!(turn, Turn::Renewed(_)) => Turn::Ended,
            Claim::Done(sealed) if !matches!(turn, Turn::Renewed(_)) => self.opened(&id, &sealed),
            _ => turn,
        };
        self.turns.set(id, turn, host.now());
    }

    fn sealed(&self, host: &mut dyn Host, id: &TurnId, live: &Live) -> Outcome {
        let keys = self.config.session.as_ref().map(|settings| &settings.keys);
        let sealed = keys.map(|keys| live.session.seal_for_workers(keys, &id.message(), host));
        match sealed {
            Some(Ok(sealed)) => Outcome::Done(sealed),
            // Without randomness the others can not be told; for them it failed.
            Some(Err(_)) | None => Outcome::Failed,
        }
    }

    /// The token endpoint has answered a refresh.
    pub(super) fn refresh_answered(
        &mut self,
        host: &mut dyn Host,
        id: TurnId,
        answer: Result<TokenAnswer, TokenError>,
    ) {
        // A logout in the meantime wins: the answer does not bring the session back.
        let Some(Turn::Calling(live)) = self.turns.get(&id) else { return };
        let live = Rc::clone(live);
        let turn = match answer {
            Ok(answer) => self.renew(host, &id, live, answer, true),
            Err(error) if error.invalid_grant() => {
                let reason = "the provider answered the refresh with invalid_grant";
                host.log(Level::Info, &format!("decision=session_over reason={reason:?}"));
                Turn::Ended
            }
            Err(error) => {
                let reason = error.to_string();
                host.log(Level::Warn, &format!("decision=refresh_failed reason={reason:?}"));
                Turn::Failed
            }
        };
        self.book(host, id, turn);
    }

    fn book(&mut self, host: &mut dyn Host, id: TurnId, turn: Turn) {
        if turn.under_way() {
            self.turns.set(id, turn, host.now());
        } else {
            self.settle(host, id, turn);
        }
    }

    /// Newer keys came, or did not: turns that waited for them are judged for good.
    /// Gives the turns that are settled by it.
    pub(super) fn settle_turns(&mut self, host: &mut dyn Host) -> Vec<TurnId> {
        let waiting = self.turns.those(|turn| matches!(turn, Turn::AwaitingKeys(..)));
        for id in &waiting {
            let lease = self.turns.lease(id);
            if let Some(Turn::AwaitingKeys(live, answer)) = self.turns.take(id) {
                self.turns.begin(*id, Rc::clone(&live), lease, host.now());
                let turn = self.renew(host, id, live, answer, false);
                self.book(host, *id, turn);
            }
        }
        waiting
    }

    /// Another worker has news of a turn, or it is time to look. Gives the streams that
    /// may go on.
    pub(super) fn look_elsewhere(&mut self, host: &mut dyn Host, id: TurnId) -> Vec<StreamId> {
        let Some(Turn::Elsewhere(live)) = self.turns.get(&id) else { return Vec::new() };
        let live = Rc::clone(live);
        if self
            .waiters
            .those(|waiting| matches!(waiting, Waiting::Refresh(other) if *other == id))
            .is_empty()
        {
            // Nobody here needs it any more; who comes later asks again.
            self.turns.take(&id);
            return Vec::new();
        }
        self.turns.take(&id);
        self.take_turn(host, id, &live);
        self.settled(&[id])
    }

    /// The turns of other workers that are waited for here.
    pub(super) fn turns_elsewhere(&self) -> Vec<TurnId> {
        self.turns.those(|turn| matches!(turn, Turn::Elsewhere(_)))
    }

    /// New tokens are judged like those of a login (OIDC Core 12.2 for the ID token).
    fn renew(
        &mut self,
        host: &mut dyn Host,
        id: &TurnId,
        live: Rc<Live>,
        answer: TokenAnswer,
        may_wait: bool,
    ) -> Turn {
        match self.verify_renewed(host, &live.session, &answer) {
            Ok(session) => {
                host.log(Level::Info, "decision=refreshed reason=\"the tokens were verified\"");
                Turn::Renewed(Rc::new(Live::new(session, true, &self.config)))
            }
            Err(refusal) if refusal.unknown_kid() && may_wait => {
                match self.provider.want_keys(host.now()) {
                    KeysWanted::Fetching => {
                        self.fetch_due(host);
                        if let Some(nonce) = self.turns.lease(id) {
                            self.cells.extend(host, id, nonce, self.lease());
                        }
                        Turn::AwaitingKeys(live, answer)
                    }
                    KeysWanted::Throttled => Turn::Refused(refusal),
                }
            }
            Err(refusal) => {
                let reason = refusal.to_string();
                host.log(Level::Warn, &format!("decision=refresh_refused reason={reason:?}"));
                Turn::Refused(refusal)
            }
        }
    }

    fn verify_renewed(
        &self,
        host: &dyn Host,
        old: &Session,
        answer: &TokenAnswer,
    ) -> Result<Session, TokenRefusal> {
        let keys = self.provider.keys().ok_or(TokenRefusal::no_keys(Kind::IdToken))?;
        let (now, signatures) = (host.now(), host.signatures());
        let access_token = match &self.config.access_token {
            Some(rules) => {
                let raw =
                    answer.access_token.as_ref().ok_or(TokenRefusal::missing(Kind::AccessToken))?;
                Some(AccessToken::verify(raw, rules, keys, signatures, now)?)
            }
            None => None,
        };
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
