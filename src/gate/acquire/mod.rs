//! A rule's own access token: to each upstream its own.
//!
//! The upstream of such a rule sees this token and no other: not while it is waited for, not when
//! it is refused. It is judged like any access token, by the rule's audiences and scope, and kept
//! on this worker and in the session's cookie; however many requests want it, one asks. A new one
//! is asked for before it ends, and after a refresh of the session.
//!
//! | `acquire` | how | where |
//! |---|---|---|
//! | `token_exchange` | the session's token is exchanged (RFC 8693) | [`exchange`] |
//! | `refresh_token` | the session's refresh token gets it, in its [`turn`] | [`narrow`] |
//! | `authorization_code` | another trip through the provider's single sign-on | [`trip`] |

mod exchange;
pub(super) mod memory;
mod narrow;
mod trip;
mod turn;

use std::cmp::Reverse;
use std::rc::Rc;

use crate::config::{AccessTokenRules, Acquire, Ask, Config, Rule, Way};
use crate::provider::{TokenAnswer, TokenError};
use crate::session::{Kept, MOST_KEPT, Session};
use crate::token::{AccessToken, Kind, Refusal as TokenRefusal};
use crate::wire::Timestamp;

use self::memory::{Acquired, AskId, State};
use super::host::{Host, Level};
use super::identity::Live;
use super::metrics::{Acquisition, Source};
use super::refusal::Refusal;
use super::request::Request;
use super::sessions::{Freshness, freshness};
use super::wait::Waiting;
use super::worker::Worker;
use super::{log, tally};

/// A token that was had, and how much life is left in it.
type Had = (Freshness, Rc<Acquired>);

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
        if let Some((Freshness::Fresh, acquired)) = &had {
            return Ok(Some(Rc::clone(acquired)));
        }
        let way = asked(&self.config, rule).map(|(_, acquire)| acquire.way);
        // The other ways have taken their turn before.
        if way == Some(Way::TokenExchange) {
            self.ask(host, id, live);
        }
        // While the one before is good nobody waits.
        if let Some((Freshness::Due, acquired)) = &had {
            return Ok(Some(Rc::clone(acquired)));
        }
        match way {
            Some(Way::AuthorizationCode) => {
                let passes = had.filter(|(_, acquired)| self.still_passes(acquired, rule, now));
                let needed = || self.trip_needed(&id, now);
                return passes.map(|(_, acquired)| Some(acquired)).ok_or_else(needed);
            }
            Some(Way::RefreshToken) if live.turn.is_none() => return Err(Refusal::NoRefreshToken),
            _ => {}
        }
        match self.acquisitions.state(&id) {
            Some(State::Calling(..) | State::AwaitingKeys(..)) => {
                self.wait(host, request, Waiting::Acquired(id))?;
                Ok(None)
            }
            Some(State::NotGiven(_, error)) => Err(not_given(error.clone(), way)),
            Some(State::Refused(_, refusal)) => Err(Refusal::SessionToken(refusal.clone())),
            Some(State::Idle | State::Failed(_)) | None => Err(Refusal::ProviderUnavailable),
        }
    }

    /// Whether a token that has ended passes all the same, by `clock_skew`. A trip for the next one
    /// would lead to one like it, and so on.
    fn still_passes(&self, acquired: &Acquired, rule: usize, now: Timestamp) -> bool {
        let rules = asked(&self.config, rule).map(|(rules, _)| rules);
        rules.is_some_and(|rules| acquired.kept.token.judge(rules, now).is_ok())
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
    ) -> Result<(AskId, Option<Had>), Refusal> {
        let Some((_, acquire)) = asked(&self.config, rule) else {
            return Err(Refusal::ProviderUnavailable);
        };
        let id = AskId { session: live.session.id, rule: acquire.like };
        let booked = self.acquisitions.booked(id, now).ok_or(Refusal::Busy)?;
        if let Some(kept) = live.session.kept(&acquire.ask) {
            match booked.had.as_ref().map(|acquired| &acquired.kept) {
                Some(ours) if age(ours) >= age(kept) => {
                    // What renews the cookie's was spent for ours, which did not get there.
                    booked.unwritten |= age(ours) > age(kept) && kept.refresh_token.is_some();
                }
                _ => self.hold(id, kept.clone(), live, now, false),
            }
        }
        let booked = self.acquisitions.booked(id, now).ok_or(Refusal::Busy)?;
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

    /// Has a verified token at hand for requests; `unwritten`: the cookie does not hold it.
    fn hold(&mut self, id: AskId, kept: Kept, live: &Live, now: Timestamp, unwritten: bool) {
        if let Some(booked) = self.acquisitions.booked(id, now) {
            booked.had = Some(Rc::new(Acquired::new(kept, live, &self.config)));
            booked.unwritten = unwritten;
        }
        self.acquisitions.make_room(id);
    }

    /// What a rule of today asks for, where one asks for this.
    pub(super) fn ask_id(&self, live: &Live, ask: &Ask) -> Option<AskId> {
        let asks = |rule: &Rule| rule.needs.acquire.as_ref().is_some_and(|own| own.ask == *ask);
        let rule = self.config.rules.iter().position(asks)?;
        Some(AskId { session: live.session.id, rule })
    }

    /// What goes into the session's cookie for rules, the most used first: what this worker has,
    /// or the cookie had. What has ended is left out, and what no rule asks for any more.
    /// `first` comes before all others.
    pub(super) fn beside(
        &self,
        session: &Session,
        first: Option<&Ask>,
        now: Timestamp,
    ) -> Vec<Kept> {
        let rules = self.config.rules.iter().enumerate();
        let asks = rules.filter_map(|(index, rule)| {
            let acquire = rule.needs.acquire.as_ref().filter(|acquire| acquire.like == index)?;
            let ours = self.acquisitions.get(&AskId { session: session.id, rule: index });
            let had = ours.and_then(|booked| booked.had.as_ref()).map(|acquired| &acquired.kept);
            let theirs = session.kept(&acquire.ask);
            let newest = theirs.into_iter().chain(had).max_by_key(|kept| age(kept))?;
            let used = ours.map(|booked| booked.used);
            // What has ended can still be renewed, if it has what renews it.
            let skew = rule.needs.access_token.as_ref().map(|rules| rules.clock_skew);
            let end = newest.token.expires_at().plus(skew.unwrap_or_default());
            let lives = end > now || newest.refresh_token.is_some();
            lives.then_some((Some(&newest.ask) == first, used, newest))
        });
        let mut asks: Vec<_> = asks.collect();
        asks.sort_by_key(|(first, used, _)| Reverse((*first, *used)));
        asks.into_iter().take(MOST_KEPT).map(|(.., kept)| kept.clone()).collect()
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

    /// The provider gave no token.
    pub(super) fn not_acquired(&mut self, host: &mut dyn Host, id: &AskId, error: TokenError) {
        let now = host.now();
        log::outcome(host, Level::Warn, "not_acquired", &error.to_string());
        let given_up = matches!(error, TokenError::Refused { .. });
        tally::acquisition(host, Acquisition::of_error(given_up));
        let state = if given_up { State::NotGiven(now, error) } else { State::Failed(now) };
        // The turn may be free: were this forgotten, whoever waits would ask again and again.
        if let Some(booked) = self.acquisitions.booked(*id, now) {
            booked.state = state;
        }
    }

    /// What was acquired is an access token like any other, and good for this rule.
    fn verify_acquired(
        &self,
        host: &mut dyn Host,
        id: AskId,
        live: &Live,
        answer: &TokenAnswer,
    ) -> Result<Kept, TokenRefusal> {
        let (rules, acquire) =
            asked(&self.config, id.rule).ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let raw = answer.access_token.as_ref().ok_or(TokenRefusal::missing(Kind::AccessToken))?;
        let keys = self.provider.keys().ok_or(TokenRefusal::no_keys(Kind::AccessToken))?;
        let token = AccessToken::verify(raw, rules, keys, host.signatures(), host.now())?;
        if let Some(subject) = live.session.known_access_token() {
            token.judge_subject(subject)?;
        }
        if !acquire.extra_audiences {
            token.judge_narrow(rules)?;
        }
        log::outcome(host, Level::Info, "token_acquired", "by the rule's own audiences");
        tally::acquisition(host, Acquisition::Acquired);
        let (ask, subject, had) = (acquire.ask, issued(live), host.now());
        Ok(Kept { ask, token, subject, had, refresh_token: None })
    }

    /// The provider gave a token, and it is not for this rule.
    fn acquired_refused(&mut self, host: &mut dyn Host, id: &AskId, refusal: TokenRefusal) {
        log::outcome(host, Level::Warn, "acquired_refused", &refusal.to_string());
        tally::acquisition(host, Acquisition::Refused);
        tally::token_refused(host, Source::Acquired, &refusal);
        self.acquisitions.set_state(id, State::Refused(host.now(), refusal));
    }

    /// The state that a token leaves behind: where it is about to end, every request would ask for
    /// the next one, and whoever waits again and again.
    fn had_one(&mut self, id: &AskId, token: &AccessToken, now: Timestamp) {
        let lasts = self.lasting(token, now) == Freshness::Fresh;
        let state = if lasts { State::Idle } else { State::Failed(now) };
        self.acquisitions.set_state(id, state);
    }
}

/// What it means that the provider gives no token in this `way`.
fn not_given(error: TokenError, way: Option<Way>) -> Refusal {
    match error {
        // `unauthorized_client` is another thing here: this client may not exchange.
        TokenError::Refused { error, .. } if error == "invalid_client" => {
            Refusal::ClientRefused { error }
        }
        error => Refusal::NotGiven { error, exchanged: way == Some(Way::TokenExchange) },
    }
}

/// What tells the newer of two tokens that were had for the same: the provider's clock, where it
/// does. It may write no `iat`, or give one token till it ends, and another refresh token each
/// time.
fn age(kept: &Kept) -> (Option<Timestamp>, Timestamp, Timestamp) {
    (kept.token.issued_at(), kept.token.expires_at(), kept.had)
}

/// When the session's own token was issued.
fn issued(live: &Live) -> Option<Timestamp> {
    live.session.known_access_token().and_then(AccessToken::issued_at)
}

/// What the rule says of the token that it wants.
pub(super) fn asked(config: &Config, rule: usize) -> Option<(&AccessTokenRules, &Acquire)> {
    let needs = &config.rules.get(rule)?.needs;
    needs.access_token.as_ref().zip(needs.acquire.as_ref())
}
