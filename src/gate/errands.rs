//! Calls to the token endpoint, each made once for whoever waits.
//!
//! A refresh and a login's code exchange take the same way: the worker takes the turn, calls
//! from its root context, judges what comes and books the outcome; its own streams and those
//! of other workers find it there. A client that leaves takes nothing with it.

use std::rc::Rc;
use std::time::Duration;

use crate::config::Ask;
use crate::crypto::{NoEntropy, SealingKeys};
use crate::jose::KeySet;
use crate::provider::{HttpCall, TokenAnswer, TokenError};
use crate::session::{Granted, Session};
use crate::token::{AccessToken, Kind, Refusal};

use super::host::{Host, Level, StreamId};
use super::identity::Live;
use super::shared::{Claim, Outcome};
use super::turns::{Errand, Turn, TurnId};
use super::wait::Waiting;
use super::worker::{Flight, Worker};
use super::{log, tally};

impl Worker {
    /// Takes the turn if no worker has it, and books what stands.
    pub(super) fn take_turn(
        &mut self,
        host: &mut dyn Host,
        id: TurnId,
        errand: Errand,
        call: &HttpCall,
    ) {
        if !self.turns.make_room() {
            return;
        }
        let lease = match self.cells.claim(host, &id, self.lease()) {
            Claim::Mine(nonce) => Some(nonce),
            Claim::Alone => None,
            found => {
                let turn = self.turn_found(found, &id);
                return self.turns.set(id, turn, host.now());
            }
        };
        self.turns.begin(id, lease, host.now());
        match host.dispatch(call) {
            Ok(call) => {
                self.flights.insert(call, Flight::Turn(id, errand));
            }
            Err(_) => {
                tally::not_sent(host, errand.purpose());
                self.settle(host, id, Turn::Failed);
            }
        }
    }

    /// What another worker left in the cell, as this worker books it.
    fn turn_found(&self, found: Claim, id: &TurnId) -> Turn {
        match found {
            Claim::Mine(_) | Claim::Alone | Claim::Elsewhere => Turn::Elsewhere,
            Claim::Ended => Turn::Ended,
            Claim::Failed => Turn::Failed,
            Claim::Done(sealed) => self.opened(id, &sealed),
        }
    }

    /// What another worker sealed.
    fn opened(&self, id: &TurnId, sealed: &[u8]) -> Turn {
        let opened = self
            .sealing_keys()
            .and_then(|keys| Session::open_from_workers(keys, &id.message(), sealed));
        match opened {
            Some((session, with_first_key)) => {
                Turn::Renewed(Rc::new(Live::new(session, with_first_key, &self.config)))
            }
            None => Turn::Failed,
        }
    }

    /// How long another worker waits before it takes a turn over: one call, and a little.
    fn lease(&self) -> Duration {
        self.config.provider.timeout.saturating_add(Duration::from_secs(1))
    }

    /// The token endpoint has answered.
    pub(super) fn turn_answered(
        &mut self,
        host: &mut dyn Host,
        id: TurnId,
        errand: Errand,
        answer: Result<TokenAnswer, TokenError>,
    ) {
        // A logout in the meantime wins: the answer does not bring the session back. One that
        // was given up is late, not wrong: the refresh token is spent, and this is its worth.
        let awaited = matches!(self.turns.get(&id), None | Some(Turn::Calling | Turn::Failed));
        let ended = errand.live().is_some_and(|live| self.turns.ended(live));
        if !awaited {
            return;
        }
        if ended {
            return self.book(host, id, Turn::Ended);
        }
        let purpose = errand.purpose();
        let turn = match answer {
            Ok(answer) => self.judged(host, &id, errand, answer, true),
            Err(error) => {
                let over = errand.refreshes() && error.invalid_grant();
                // Sessions end at the provider every day; whatever else went wrong should not.
                let (level, decision) = match (&errand, over) {
                    (Errand::Renew(..), true) => (Level::Info, "not_renewed"),
                    (_, true) => (Level::Info, "session_over"),
                    (_, false) => (Level::Warn, "call_failed"),
                };
                log::outcome(host, level, decision, &error.to_string());
                match (errand, error) {
                    _ if over => Turn::Ended,
                    (Errand::Login(_) | Errand::Trip(..), error @ TokenError::Refused { .. }) => {
                        Turn::CallRefused(error)
                    }
                    (Errand::Narrow(live, ask), error) => {
                        let refused = matches!(error, TokenError::Refused { .. });
                        self.ask_not_acquired(host, &live, &ask, error);
                        // That is about this rule's scope, and nothing was spent: the turn is free.
                        if refused {
                            return self.give_back(host, &id);
                        }
                        Turn::Failed
                    }
                    (Errand::Renew(live, acquired), error) => {
                        self.ask_not_acquired(host, &live, &acquired.kept.ask, error);
                        Turn::Failed
                    }
                    _ => Turn::Failed,
                }
            }
        };
        tally::turn(host, purpose, &turn);
        self.book(host, id, turn);
    }

    fn ask_not_acquired(&mut self, host: &mut dyn Host, live: &Live, ask: &Ask, error: TokenError) {
        if let Some(id) = self.ask_id(live, ask) {
            self.not_acquired(host, &id, error);
        }
    }

    /// Nobody has the turn any more, and whoever waits for it may take it.
    fn give_back(&mut self, host: &mut dyn Host, id: &TurnId) {
        let lease = self.turns.lease(id);
        self.turns.take(id);
        if let Some(nonce) = lease {
            self.cells.release(host, id, nonce);
        }
    }

    /// Books what another worker made of the turn, or is about to, where this one knows nothing.
    pub(super) fn join_turn(&mut self, host: &mut dyn Host, id: TurnId) {
        if self.turns.get(&id).is_none()
            && let Some(found) = self.cells.join(host, &id)
            && self.turns.make_room()
        {
            let turn = self.turn_found(found, &id);
            self.turns.set(id, turn, host.now());
        }
    }

    /// Newer keys came: turns that waited for them are judged for good.
    /// Gives the turns that are settled by it.
    pub(super) fn settle_turns(&mut self, host: &mut dyn Host) -> Vec<TurnId> {
        let waiting = self.turns_awaiting_keys();
        for id in &waiting {
            let lease = self.turns.lease(id);
            if let Some(Turn::AwaitingKeys(errand, answer)) = self.turns.take(id) {
                self.turns.begin(*id, lease, host.now());
                let purpose = errand.purpose();
                let turn = self.judged(host, id, errand, answer, false);
                tally::turn(host, purpose, &turn);
                self.book(host, *id, turn);
            }
        }
        waiting
    }

    /// The turns whose tokens wait for newer keys.
    pub(super) fn turns_awaiting_keys(&self) -> Vec<TurnId> {
        self.turns.those(|turn| matches!(turn, Turn::AwaitingKeys(..)))
    }

    /// Tokens of the provider wait for keys that were asked for a moment too early, or did
    /// not come: they are asked for again as soon as may be, and meanwhile no other worker
    /// takes over.
    pub(super) fn keep_awaiting_keys(&mut self, host: &mut dyn Host) {
        let waiting = self.turns_awaiting_keys();
        if !waiting.is_empty() || !self.acquisitions.awaiting_keys().is_empty() {
            self.provider.want_keys(host.now());
        }
        for id in waiting {
            self.extend_lease(host, &id);
        }
    }

    fn extend_lease(&self, host: &mut dyn Host, id: &TurnId) {
        if let Some(nonce) = self.turns.lease(id) {
            self.cells.extend(host, id, nonce, self.lease());
        }
    }

    /// Another worker has news of a turn, or it is time to look. Gives the streams that
    /// may go on: each of them asks for its turn again.
    pub(super) fn look_elsewhere(&mut self, host: &mut dyn Host, id: TurnId) -> Vec<StreamId> {
        if !matches!(self.turns.get(&id), Some(Turn::Elsewhere)) || self.cells.leased(host, &id) {
            return Vec::new();
        }
        self.turns.take(&id);
        self.waiters.those(|waiting| matches!(waiting, Waiting::Turn(other) if *other == id))
    }

    /// The turns of other workers.
    pub(super) fn turns_elsewhere(&self) -> Vec<TurnId> {
        self.turns.those(|turn| matches!(turn, Turn::Elsewhere))
    }

    /// What the tokens are worth, each by its own rules.
    fn judged(
        &mut self,
        host: &mut dyn Host,
        id: &TurnId,
        errand: Errand,
        answer: TokenAnswer,
        may_wait: bool,
    ) -> Turn {
        let verified = match &errand {
            Errand::Refresh(live) => self.verify_renewed(host, &live.session, &answer).map(Ok),
            Errand::Login(transaction) => self.verify_login(host, transaction, &answer),
            Errand::Narrow(live, ask) => {
                self.verify_narrowed(host, live, ask, &answer, may_wait).map(Ok)
            }
            Errand::Trip(live, transaction) => {
                self.verify_trip(host, live, transaction, &answer).map(Ok)
            }
            Errand::Renew(live, acquired) => {
                self.verify_kept_renewed(host, live, acquired, &answer, may_wait).map(Ok)
            }
        };
        match verified {
            Ok(Err(NoEntropy)) => {
                log::outcome(host, Level::Error, "no_session", &NoEntropy.to_string());
                Turn::Failed
            }
            Ok(Ok(session)) => {
                if errand.is_sessions() {
                    log::outcome(host, Level::Info, "tokens_verified", "each by its own rules");
                }
                Turn::Renewed(Rc::new(Live::new(session, true, &self.config)))
            }
            Err(refusal) if may_wait && self.newer_keys_may_help(&refusal) => {
                // The provider sent it: its keys have changed, or the configuration has, and they
                // are yet to come. Where strangers' tokens had them fetched a moment ago, the
                // next fetch is waited for.
                self.provider.want_keys(host.now());
                self.fetch_due(host);
                self.extend_lease(host, id);
                Turn::AwaitingKeys(errand, answer)
            }
            Err(refusal) => {
                log::outcome(host, Level::Warn, "tokens_refused", &refusal.to_string());
                tally::token_refused(host, errand.purpose().source(), &refusal);
                Turn::Refused(refusal)
            }
        }
    }

    /// Whether a refusal may be for want of keys that are yet to come.
    pub(super) fn newer_keys_may_help(&self, refusal: &Refusal) -> bool {
        refusal.unknown_kid() || self.provider.keys().is_none()
    }

    /// The access token of an answer, by the access token's rules: the same at login and at
    /// refresh. `None` only where the configuration uses none.
    pub(super) fn verify_issued(
        &self,
        host: &dyn Host,
        answer: &TokenAnswer,
        keys: &KeySet,
    ) -> Result<Option<Granted>, Refusal> {
        let Some(rules) = &self.config.access_token else { return Ok(None) };
        let raw = answer.access_token.as_ref().ok_or(Refusal::missing(Kind::AccessToken))?;
        // What an opaque one says is asked when somebody comes with the session.
        if self.introspections.is_some() {
            return Ok(Some(Granted::Opaque(raw.clone())));
        }
        let token = AccessToken::verify(raw, rules, keys, host.signatures(), host.now())?;
        Ok(Some(Granted::Known(token)))
    }

    fn book(&mut self, host: &mut dyn Host, id: TurnId, turn: Turn) {
        if turn.under_way() {
            self.turns.set(id, turn, host.now());
        } else {
            self.settle(host, id, turn);
        }
    }

    /// Books the outcome, and tells the other workers.
    fn settle(&mut self, host: &mut dyn Host, id: TurnId, turn: Turn) {
        // Without a lease nobody is told, and nothing is sealed.
        let stands = match self.turns.lease(&id) {
            Some(nonce) => {
                let outcome = match &turn {
                    Turn::Renewed(live) => self.sealed(host, &id, live),
                    Turn::Failed => Outcome::Failed,
                    // Code or refresh token are spent: for the others there is only a new login.
                    _ => Outcome::Ended,
                };
                self.cells.publish(host, &id, nonce, &outcome)
            }
            None => Claim::Alone,
        };
        let turn = match stands {
            // A logout wins, and so does the success of whoever had the turn before.
            Claim::Ended if matches!(turn, Turn::Renewed(_)) => Turn::Ended,
            Claim::Done(sealed) if !matches!(turn, Turn::Renewed(_)) => self.opened(&id, &sealed),
            // Whoever took the turn over may still succeed.
            Claim::Elsewhere => Turn::Elsewhere,
            _ => turn,
        };
        self.turns.set(id, turn, host.now());
    }

    fn sealed(&self, host: &mut dyn Host, id: &TurnId, live: &Live) -> Outcome {
        let sealed = self
            .sealing_keys()
            .map(|keys| live.session.seal_for_workers(keys, &id.message(), host));
        match sealed {
            Some(Ok(sealed)) => Outcome::Done(sealed),
            // Without randomness the others can not be told; for them it failed.
            Some(Err(_)) | None => Outcome::Failed,
        }
    }

    fn sealing_keys(&self) -> Option<&SealingKeys> {
        self.config.session.as_ref().map(|settings| &settings.keys)
    }
}
