//! A rule's own access token, had from the session's by token exchange (RFC 8693).
//!
//! The upstream of such a rule sees this token and no other: not while it is waited for, not when
//! it is refused. It is judged like any access token, by the rule's audiences and scope, and kept
//! on this worker; however many requests want it, one asks. A new one is asked for before it ends,
//! and after a refresh of the session.

pub(super) mod memory;

use std::cmp::Reverse;
use std::rc::Rc;

use crate::config::{AccessTokenRules, Acquire, Config};
use crate::provider::{TokenAnswer, TokenError, token_endpoint};
use crate::session::{Kept, Session};
use crate::token::{AccessToken, Kind, Refusal as TokenRefusal};
use crate::wire::Timestamp;

use self::memory::{Acquired, AskId, State};
use super::host::{CallId, Host, Level, StreamId};
use super::identity::Live;
use super::log;
use super::refusal::Refusal;
use super::request::Request;
use super::sessions::{Freshness, freshness};
use super::wait::Waiting;
use super::worker::{Flight, Worker};

/// Most tokens that are written into a session's cookie.
const MOST_KEPT: usize = 16;

impl Worker {
    /// The token that `rule` asks for, for a session that is good. `None`: the request waits.
    ///
    /// # Errors
    /// There is none: the provider gives none, or not this one, or does not answer.
    #[cold]
    pub(in crate::gate) fn acquired(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        rule: usize,
    ) -> Result<Option<Rc<Acquired>>, Refusal> {
        let now = host.now();
        let (id, had) = self.had(live, rule, now)?;
        if let Some((Freshness::Fresh, acquired)) = had {
            return Ok(Some(acquired));
        }
        if self.acquisitions.state(&id).is_some_and(|state| state.may_call(now)) {
            self.ask(host, id, live);
        }
        // While the one before is good nobody waits.
        if let Some((Freshness::Due, acquired)) = had {
            return Ok(Some(acquired));
        }
        match self.acquisitions.state(&id) {
            Some(State::Calling(..) | State::AwaitingKeys(..)) => {
                self.wait(host, request, Waiting::Acquired(id))?;
                Ok(None)
            }
            Some(State::NotGiven(_, error)) => Err(not_given(error.clone())),
            Some(State::Refused(_, refusal)) => Err(Refusal::SessionToken(refusal.clone())),
            Some(State::Idle | State::Failed(_)) | None => Err(Refusal::ProviderUnavailable),
        }
    }

    /// What this worker or the cookie has of the token that `rule` asks for, and how much life is
    /// left in it: the newer one, since another worker may have had one, too.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    fn had(
        &mut self,
        live: &Live,
        rule: usize,
        now: Timestamp,
    ) -> Result<(AskId, Option<(Freshness, Rc<Acquired>)>), Refusal> {
        let Some((_, acquire)) = asked(&self.config, rule) else {
            return Err(Refusal::ProviderUnavailable);
        };
        let id = AskId { session: live.session.id, rule: acquire.like };
        let booked = self.acquisitions.booked(id, now).ok_or(Refusal::Busy)?;
        let issued_at = |kept: &Kept| kept.token.issued_at();
        let ours = booked.had.as_ref().map(|acquired| issued_at(&acquired.kept));
        if let Some(kept) = live.session.kept(&acquire.ask)
            && ours.is_none_or(|ours| issued_at(kept) > ours)
        {
            booked.had = Some(Rc::new(Acquired::new(kept.clone(), live, &self.config)));
            booked.unwritten = false;
        }
        if let Some(acquired) = booked.had.as_mut().filter(|acquired| acquired.turn != live.turn) {
            *acquired = Rc::new(Acquired::new(acquired.kept.clone(), live, &self.config));
        }
        let had = booked.had.clone().map(|acquired| {
            // Since a refresh the user may have other rights.
            let refreshed = issued(live) > acquired.kept.subject;
            let least = if refreshed { Freshness::Due } else { Freshness::Fresh };
            (self.lasting(&acquired.kept.token, now).max(least), acquired)
        });
        Ok((id, had))
    }

    /// What goes into the session's cookie for rules, the most used first: what this worker has,
    /// or the cookie had. What has ended is left out, and what no rule asks for any more.
    pub(super) fn beside(&self, session: &Session, now: Timestamp) -> Vec<Kept> {
        let rules = self.config.rules.iter().enumerate();
        let asks = rules.filter_map(|(index, rule)| {
            let acquire = rule.needs.acquire.as_ref().filter(|acquire| acquire.like == index)?;
            let ours = self.acquisitions.get(&AskId { session: session.id, rule: index });
            let had = ours.and_then(|booked| booked.had.as_ref()).map(|acquired| &acquired.kept);
            let theirs = session.kept(&acquire.ask);
            let newest = had.into_iter().chain(theirs).max_by_key(|kept| kept.token.issued_at())?;
            let used = ours.map(|booked| booked.used);
            (newest.token.expires_at() > now).then_some((used, newest))
        });
        let mut asks: Vec<_> = asks.collect();
        asks.sort_by_key(|(used, _)| Reverse(*used));
        asks.into_iter().take(MOST_KEPT).map(|(_, kept)| kept.clone()).collect()
    }

    /// Whether a token that `rule` asks for is yet to be written into this session's cookie.
    pub(super) fn unwritten(&self, live: &Live, rule: Option<usize>) -> bool {
        let asked = rule.and_then(|rule| asked(&self.config, rule));
        asked.is_some_and(|(_, acquire)| {
            let id = AskId { session: live.session.id, rule: acquire.like };
            self.acquisitions.get(&id).is_some_and(|booked| booked.unwritten)
        })
    }

    fn lasting(&self, token: &AccessToken, now: Timestamp) -> Freshness {
        let margin = self.config.session.as_ref().map(|session| session.refresh_margin);
        freshness(token.issued_at(), token.expires_at(), margin.unwrap_or_default(), now)
    }

    fn ask(&mut self, host: &mut dyn Host, id: AskId, live: &Rc<Live>) {
        let call = asked(&self.config, id.rule).and_then(|(_, acquire)| {
            let subject = live.session.access_token.as_ref()?;
            let (provider, client) = (&self.config.provider, &self.config.client);
            let metadata = self.provider.metadata()?;
            token_endpoint::exchange_call(provider, client, metadata, subject.raw(), acquire)
        });
        let sent = call.map(|call| host.dispatch(&call));
        let now = host.now();
        let state = match sent {
            Some(Ok(call)) => {
                self.flights.insert(call, Flight::Acquire(id, Rc::clone(live)));
                State::Calling(now, call)
            }
            Some(Err(_)) | None => State::Failed(now),
        };
        self.acquisitions.set_state(&id, state);
    }

    /// The token endpoint has answered. Gives the streams that may go on.
    pub(in crate::gate) fn acquire_answered(
        &mut self,
        host: &mut dyn Host,
        id: AskId,
        live: Rc<Live>,
        call: CallId,
        answer: Result<TokenAnswer, TokenError>,
    ) -> Vec<StreamId> {
        // This one was given up, and another has been made since.
        if matches!(self.acquisitions.state(&id), Some(State::Calling(_, other)) if *other != call)
        {
            return Vec::new();
        }
        // A logout in the meantime wins.
        if self.turns.ended(&live) {
            self.acquisitions.forget(&id.session);
        } else {
            self.settle_acquired(host, id, live, answer, true);
        }
        self.those_who_wait_for(id)
    }

    /// Newer keys came: tokens that waited for them are judged for good.
    pub(in crate::gate) fn settle_acquisitions(&mut self, host: &mut dyn Host) -> Vec<StreamId> {
        let mut streams = Vec::new();
        for id in self.acquisitions.awaiting_keys() {
            let state = self.acquisitions.set_state(&id, State::Idle);
            if let Some(State::AwaitingKeys(_, live, answer)) = state {
                self.settle_acquired(host, id, live, Ok(answer), false);
                streams.extend(self.those_who_wait_for(id));
            }
        }
        streams
    }

    fn those_who_wait_for(&self, id: AskId) -> Vec<StreamId> {
        if self.acquisitions.under_way(&id) {
            return Vec::new();
        }
        self.waiters.those(|waiting| matches!(waiting, Waiting::Acquired(other) if *other == id))
    }

    fn settle_acquired(
        &mut self,
        host: &mut dyn Host,
        id: AskId,
        live: Rc<Live>,
        answer: Result<TokenAnswer, TokenError>,
        may_wait: bool,
    ) {
        let now = host.now();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                log::outcome(host, Level::Warn, "not_acquired", &error.to_string());
                let given_up = matches!(error, TokenError::Refused { .. });
                let state = if given_up { State::NotGiven(now, error) } else { State::Failed(now) };
                self.acquisitions.set_state(&id, state);
                return;
            }
        };
        match self.verify_acquired(host, id, &live, &answer) {
            Ok(token) => {
                let reason = "by the rule's own audiences";
                log::outcome(host, Level::Info, "token_acquired", reason);
                let lasts = self.lasting(&token, now) == Freshness::Fresh;
                if let Some((_, acquire)) = asked(&self.config, id.rule)
                    && let Some(booked) = self.acquisitions.booked(id, now)
                {
                    let (ask, subject) = (acquire.ask, issued(&live));
                    let kept = Kept { ask, token, subject, refresh_token: None };
                    booked.had = Some(Rc::new(Acquired::new(kept, &live, &self.config)));
                    booked.unwritten = true;
                    // Else every request would ask, and whoever waits again and again.
                    booked.state = if lasts { State::Idle } else { State::Failed(now) };
                }
                self.acquisitions.make_room(id);
            }
            Err(refusal) if may_wait && refusal.unknown_kid() => {
                self.provider.want_keys(now);
                self.fetch_due(host);
                self.acquisitions.set_state(&id, State::AwaitingKeys(now, live, answer));
            }
            Err(refusal) => {
                log::outcome(host, Level::Warn, "acquired_refused", &refusal.to_string());
                self.acquisitions.set_state(&id, State::Refused(now, refusal));
            }
        }
    }

    /// What was acquired is an access token like any other, and good for this rule.
    fn verify_acquired(
        &self,
        host: &dyn Host,
        id: AskId,
        live: &Live,
        answer: &TokenAnswer,
    ) -> Result<AccessToken, TokenRefusal> {
        let (rules, acquire) =
            asked(&self.config, id.rule).ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let raw = answer.access_token.as_ref().ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let keys = self.provider.keys().ok_or(TokenRefusal::no_keys(Kind::AccessToken))?;
        let token = AccessToken::verify(raw, rules, keys, host.signatures(), host.now())?;
        if let Some(subject) = &live.session.access_token {
            token.judge_subject(subject)?;
        }
        if !acquire.extra_audiences {
            token.judge_narrow(rules)?;
        }
        Ok(token)
    }
}

/// What it means that an exchange is refused.
fn not_given(error: TokenError) -> Refusal {
    match error {
        // `unauthorized_client` is another thing here: this client may not exchange.
        TokenError::Refused { error, .. } if error == "invalid_client" => {
            Refusal::ClientRefused { error }
        }
        error => Refusal::NotGiven(error),
    }
}

/// When the session's own token was issued.
fn issued(live: &Live) -> Option<Timestamp> {
    live.session.access_token.as_ref().and_then(AccessToken::issued_at)
}

/// What the rule says of the token that it wants.
fn asked(config: &Config, rule: usize) -> Option<(&AccessTokenRules, &Acquire)> {
    let needs = &config.rules.get(rule)?.needs;
    needs.access_token.as_ref().zip(needs.acquire.as_ref())
}
