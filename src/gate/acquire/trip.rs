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
use crate::gate::metrics::Outcome;
use crate::gate::refusal::{Refusal, Refused};
use crate::gate::reply::Reply;
use crate::gate::request::Request;
use crate::gate::worker::Worker;
use crate::gate::{Step, log};
use crate::http::{LocalPath, SetCookie};
use crate::provider::{HttpCall, TokenAnswer, token_endpoint};
use crate::session::{Session, Transaction};
use crate::token::{IdToken, Kind, LoginExpectation, Refusal as TokenRefusal};
use crate::wire::Timestamp;

impl Worker {
    /// The rule whose trip begins at `path`: below the login endpoint, by the name of what the
    /// rule asks for.
    pub(in crate::gate) fn trip_of(&self, path: &[u8]) -> Option<usize> {
        let below = path.strip_prefix(self.config.endpoints.login.as_bytes())?;
        let name = below.strip_prefix(b"/")?;
        self.config.rules.iter().position(|rule| {
            let trip = rule.needs.acquire.as_ref();
            let trip = trip.filter(|acquire| acquire.way == Way::AuthorizationCode);
            trip.is_some_and(|acquire| acquire.ask.name().as_bytes() == name)
        })
    }

    /// Where the trip for what a rule asks for begins.
    fn trip_path(&self, ask: &Ask) -> String {
        format!("{}/{}", self.config.endpoints.login, ask.name())
    }

    /// There is no token for `rule`: why, and where to go.
    pub(super) fn trip_needed(&self, id: &AskId, now: Timestamp) -> Refusal {
        match self.acquisitions.state(id) {
            Some(State::Refused(_, refusal)) => Refusal::SessionToken(refusal.clone()),
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
        self.verify_kept(host, live, &ask, answer)
    }

    /// The session with the token that came for `ask` beside its own.
    pub(in crate::gate) fn verify_kept(
        &mut self,
        host: &mut dyn Host,
        live: &Rc<Live>,
        ask: &Ask,
        answer: &TokenAnswer,
    ) -> Result<Session, TokenRefusal> {
        let id = self.ask_id(live, ask).ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let mut kept = self.verify_acquired(host, id, live, answer)?;
        let before = self.acquisitions.get(&id).and_then(|booked| booked.had.as_ref());
        let before = before.and_then(|acquired| acquired.kept.refresh_token.clone());
        // RFC 6749 section 6: it does not have to come anew.
        kept.refresh_token = answer.refresh_token.clone().or(before);
        self.had_one(&id, &kept.token, host.now());
        let mut session = live.session.clone();
        session.keep(kept);
        Ok(session)
    }

    /// The call that renews a token which has a refresh token of its own.
    pub(super) fn renew_call(&self, id: &AskId) -> Option<HttpCall> {
        let had = self.acquisitions.get(id)?.had.as_ref()?;
        let refresh_token = had.kept.refresh_token.as_ref()?;
        let metadata = self.provider.metadata()?;
        let (provider, client) = (&self.config.provider, &self.config.client);
        token_endpoint::refresh_call(provider, client, metadata, refresh_token)
    }

    /// Takes the token of `outcome` in for `rule`, beside the session as it is now. False where
    /// it is none that is newer.
    pub(super) fn take_in(
        &mut self,
        live: &Live,
        outcome: &Live,
        rule: usize,
        now: Timestamp,
    ) -> bool {
        let Some((_, acquire)) = asked(&self.config, rule) else { return false };
        let Some(kept) = outcome.session.kept(&acquire.ask) else { return false };
        let id = AskId { session: live.session.id, rule: acquire.like };
        let Some(booked) = self.acquisitions.booked(id, now) else { return false };
        if booked.had.as_ref().is_some_and(|had| age(&had.kept) >= age(kept)) {
            return false;
        }
        booked.had = Some(Rc::new(Acquired::new(kept.clone(), live, &self.config)));
        booked.unwritten = true;
        self.acquisitions.make_room(id);
        true
    }

    /// The trip is over: back to the page, with the token beside the session that this browser has
    /// now. Whoever has none any more signs in there.
    pub(in crate::gate) fn trip_done(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        outcome: &Live,
        ask: &Ask,
    ) -> Result<Vec<SetCookie>, Refusal> {
        let live = self.live(host, request).map(|live| self.caught_up(&live));
        let same = live.filter(|live| live.session.id == outcome.session.id);
        let (Some(live), Some(kept)) = (same, outcome.session.kept(ask)) else {
            return Ok(Vec::new());
        };
        if let Some(id) = self.ask_id(&live, ask) {
            self.take_in(&live, outcome, id.rule, host.now());
        }
        let mut session = live.session.clone();
        session.keep(kept.clone());
        let reason = "a rule's token was verified";
        log::decision(host, Level::Info, request.arrival, "trip_done", reason);
        self.write_session_with(host, request, &session, Some(ask))
    }
}
