//! `acquire: authorization_code`: another trip through the provider's single sign-on, with the
//! rule's scope (RFC 6749 section 4.1). No password is asked while the user is signed in there.
//!
//! A page is sent there and comes back; whatever else asks is told where to go. It is an attempt
//! like a login's, and its code takes its turn; but it begins no session: its access token is kept
//! beside the one that there is, if the same user is signed in there. A refresh token that comes
//! with it renews it.

use std::rc::Rc;

use super::memory::{Acquired, AskId, State};
use super::{age, asked};
use crate::config::{Ask, Way};
use crate::gate::host::{Host, Level};
use crate::gate::identity::Live;
use crate::gate::login::For;
use crate::gate::metrics::{Acquisition, Outcome, Source};
use crate::gate::refresh::{REFRESHES_BEHIND, Turned};
use crate::gate::refusal::{Refusal, Refused};
use crate::gate::reply::Reply;
use crate::gate::request::Request;
use crate::gate::turns::{Turn, TurnId};
use crate::gate::wait::Waiting;
use crate::gate::worker::Worker;
use crate::gate::{Step, log, tally};
use crate::http::{LocalPath, SetCookie};
use crate::provider::TokenAnswer;
use crate::session::{Kept, Session, Transaction};
use crate::token::{IdToken, Kind, LoginExpectation, Refusal as TokenRefusal};
use crate::wire::Timestamp;

impl Worker {
    /// The rule whose trip begins at `path`: below the login endpoint, by the name of what the
    /// rule asks for.
    pub(in crate::gate) fn trip_of(&self, path: &[u8]) -> Option<usize> {
        let below = path.strip_prefix(self.trips().as_bytes())?;
        let name = below.strip_prefix(b"/")?;
        self.config.rules.iter().position(|rule| {
            let trip = rule.needs.acquire.as_ref();
            let trip = trip.filter(|acquire| acquire.way == Way::AuthorizationCode);
            trip.is_some_and(|acquire| acquire.ask.name().as_bytes() == name)
        })
    }

    /// Where the trip for what a rule asks for begins.
    fn trip_path(&self, ask: &Ask) -> String {
        format!("{}/{}", self.trips(), ask.name())
    }

    /// What the paths of trips begin with.
    fn trips(&self) -> &str {
        self.config.endpoints.login.trim_end_matches('/')
    }

    /// There is no token for `rule`: why, and where to go.
    pub(super) fn trip_needed(&self, id: &AskId, now: Timestamp) -> Refusal {
        match self.acquisitions.state(id) {
            // What renews it did not answer a moment ago.
            Some(state @ State::Failed(_)) if !state.may_call(now) => Refusal::ProviderUnavailable,
            _ => match asked(&self.config, id.rule) {
                Some((_, acquire)) => Refusal::TokenNeeded { login: self.trip_path(&acquire.ask) },
                None => Refusal::ProviderUnavailable,
            },
        }
    }

    /// Sends the browser on the trip; `cookies` go with it. Without a session that is a login,
    /// which comes back to the same page.
    pub(in crate::gate) fn start_trip(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        return_to: LocalPath,
        rule: usize,
        cookies: Vec<SetCookie>,
    ) -> Result<Step, Refused> {
        if self.live(host, request).is_none() {
            return self.start_login(host, request, return_to, 0);
        }
        let begun = self.begin_login(host, request, return_to, 0, For::Rule(rule))?;
        log::decision(host, Level::Info, request.arrival, "trip_begins", "a token for a rule");
        let cookies = [begun.cookies, cookies].concat();
        Ok(Step::Reply(
            Reply::redirect(Outcome::TripBegins, &begun.location)?.with_cookies(cookies),
        ))
    }

    /// What came of a trip: the ID token by the rules of a login, and of the session's user; the
    /// access token by the rule's own.
    pub(in crate::gate) fn verify_trip(
        &mut self,
        host: &mut dyn Host,
        live: &Rc<Live>,
        transaction: &Transaction,
        answer: &TokenAnswer,
    ) -> Result<Session, TokenRefusal> {
        let keys = self.provider.keys().ok_or(TokenRefusal::no_keys(Kind::IdToken))?;
        let raw = answer.id_token.as_ref().ok_or(TokenRefusal::missing(Kind::IdToken))?;
        let (nonce, access_token) = (&transaction.nonce, answer.access_token.as_ref());
        let expected = LoginExpectation { nonce, access_token };
        let (rules, signatures) = (&self.config.id_token, host.signatures());
        let id_token = IdToken::verify(raw, rules, &expected, keys, signatures, host.now())?;
        id_token.judge_same_user(&live.session.id_token)?;
        let ask = transaction.ask.ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let id = self.ask_id(live, &ask).ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let kept = self.verify_acquired(host, id, live, answer)?;
        self.had_one(&id, &kept.token, host.now());
        let refresh_token = answer.refresh_token.clone();
        let mut session = live.session.clone();
        session.keep(Kept { refresh_token, ..kept });
        Ok(session)
    }

    /// What came of a renewal. The refresh token was spent, whatever the token is worth: where
    /// that is nothing, the one before goes on without one, and the next trip says why.
    ///
    /// # Errors
    /// No rule asks for it any more; or `may_wait`, and newer keys may say more.
    pub(in crate::gate) fn verify_kept_renewed(
        &mut self,
        host: &mut dyn Host,
        live: &Rc<Live>,
        before: &Acquired,
        answer: &TokenAnswer,
        may_wait: bool,
    ) -> Result<Session, TokenRefusal> {
        let (before, now) = (&before.kept, host.now());
        let id = self.ask_id(live, &before.ask);
        let id = id.ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let kept = match self.verify_acquired(host, id, live, answer) {
            Ok(kept) => {
                self.had_one(&id, &kept.token, now);
                // RFC 6749 section 6: it does not have to come anew.
                let refresh_token = answer.refresh_token.clone();
                let refresh_token = refresh_token.or_else(|| before.refresh_token.clone());
                Kept { refresh_token, ..kept }
            }
            Err(refusal) if may_wait && self.newer_keys_may_help(&refusal) => return Err(refusal),
            Err(refusal) => {
                log::outcome(host, Level::Warn, "not_renewed", &refusal.to_string());
                tally::acquisition(host, Acquisition::Refused);
                tally::token_refused(host, Source::Acquired, &refusal);
                Kept { refresh_token: None, had: now, ..before.clone() }
            }
        };
        // Whoever asked may be gone, and nobody come for longer than outcomes are remembered.
        self.hold(id, kept.clone(), live, now, true);
        let mut session = live.session.clone();
        session.keep(kept);
        Ok(session)
    }

    /// Takes what came of `turn` in for `rule`, beside the session as it is now. False where that
    /// is what was there before, or nothing.
    pub(super) fn take_in(
        &mut self,
        live: &Live,
        outcome: &Live,
        rule: usize,
        turn: TurnId,
        now: Timestamp,
    ) -> bool {
        let Some((_, acquire)) = asked(&self.config, rule) else { return false };
        let Some(kept) = outcome.session.kept(&acquire.ask) else { return false };
        if TurnId::of_kept(&live.session, kept) == Some(turn) {
            return false;
        }
        let id = AskId { session: live.session.id, rule: acquire.like };
        self.hold(id, kept.clone(), live, now, true);
        true
    }

    /// The trip is over: its token is kept beside the session that this browser has now, and
    /// whoever has none any more signs in on the page. `None`: the request waits.
    ///
    /// The session goes out with it. So it must be the newest: after a turn that is under way on
    /// any worker, an older refresh token could reach the browser last.
    pub(in crate::gate) fn trip_done(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        outcome: &Live,
        ask: &Ask,
    ) -> Result<Option<Vec<SetCookie>>, Refusal> {
        let live = self.live(host, request);
        let same = live.filter(|live| live.session.id == outcome.session.id);
        let (Some(live), Some(kept)) = (same, outcome.session.kept(ask)) else {
            return Ok(Some(Vec::new()));
        };
        let live = match self.newest(host, request, live)? {
            Turned::Go(live) => live,
            Turned::Ended => return Ok(Some(Vec::new())),
            Turned::Wait => return Ok(None),
        };
        if let Some(id) = self.ask_id(&live, ask) {
            let had = self.acquisitions.get(&id).and_then(|booked| booked.had.as_ref());
            if had.is_none_or(|had| age(&had.kept) < age(kept)) {
                self.hold(id, kept.clone(), &live, host.now(), true);
            }
        }
        let mut session = live.session.clone();
        session.keep(kept.clone());
        let reason = "a rule's token was verified";
        log::decision(host, Level::Info, request.arrival, "trip_done", reason);
        self.write_session_with(host, request, &session, Some(ask)).map(Some)
    }

    /// The session after all turns that any worker of the process knows of.
    fn newest(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        mut live: Rc<Live>,
    ) -> Result<Turned, Refusal> {
        for _ in 0..REFRESHES_BEHIND {
            // Without a refresh token it has no turn, and may be logged out all the same.
            let id = live.turn.unwrap_or_else(|| TurnId::of_logout(live.session.id));
            self.join_turn(host, id);
            match self.turns.get(&id) {
                Some(Turn::Renewed(next)) if next.turn != live.turn => live = Rc::clone(next),
                Some(turn) if turn.under_way() => {
                    self.wait(host, request, Waiting::Turn(id))?;
                    return Ok(Turned::Wait);
                }
                Some(Turn::Ended) => return Ok(Turned::Ended),
                _ => break,
            }
        }
        Ok(Turned::Go(live))
    }
}
