//! A rule's own access token, had from the session's by token exchange (RFC 8693).
//!
//! The upstream of such a rule sees this token and no other: not while it is waited for, not when
//! it is refused. It is judged like any access token, by the rule's audiences and scope, and kept
//! on this worker; however many requests want it, one asks. A new one is asked for before it ends,
//! and after a refresh of the session.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{AccessTokenRules, Acquire, Config};
use crate::provider::{TokenAnswer, TokenError, token_endpoint};
use crate::token::{AccessToken, Kind, Refusal as TokenRefusal};
use crate::wire::{SortedMap, Timestamp};

use super::host::{Host, Level, StreamId};
use super::identity::Live;
use super::refusal::Refusal;
use super::request::Request;
use super::sent::Sent;
use super::sessions::{Freshness, freshness};
use super::shared::COOLDOWN;
use super::turns::TurnId;
use super::wait::Waiting;
use super::worker::{Flight, Worker};

/// Most tokens that are kept on a worker; the least used goes first, and can be had again.
const TOKENS_LIMIT: usize = 2_048;
/// Memory for them, in bytes; the provider decides how long a token is.
const TOKENS_BYTES: usize = 16 * 1024 * 1024;
/// How long the provider is not asked again for what it refused: somebody has to change
/// something first.
const REFUSED: Duration = Duration::from_secs(10);
/// How long a token is kept that nobody uses.
const UNUSED: Duration = Duration::from_secs(600);

/// Which token: of which session, for what (the first rule that asks for it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AskId {
    session: [u8; 16],
    rule: usize,
}

/// A token that was acquired and verified, and what becomes of it in requests.
#[derive(Debug)]
pub(super) struct Acquired {
    pub(super) token: AccessToken,
    pub(super) sent: Sent,
    /// Beside the ID token of which state of the session `sent` was made.
    turn: Option<TurnId>,
    /// When the session's token was issued that it was had for.
    subject: Option<Timestamp>,
}

impl Acquired {
    fn new(token: AccessToken, live: &Live, subject: Option<Timestamp>, config: &Config) -> Self {
        let id_token = Some(&live.session.id_token);
        let sent = Sent::new(config, Some(token.raw()), id_token, Some(&token));
        Self { token, sent, turn: live.turn, subject }
    }
}

/// What is being done about a token.
#[derive(Debug)]
enum State {
    /// Nothing.
    Idle,
    /// The token endpoint was asked.
    Calling(Timestamp),
    /// It answered with a key that is not known; newer keys were asked for.
    AwaitingKeys(Timestamp, Rc<Live>, TokenAnswer),
    /// It came to nothing, or to a token that is about to end: it may be tried again in a moment.
    Failed(Timestamp),
    /// The provider gives none.
    NotGiven(Timestamp, TokenError),
    /// What it gave is not for this rule.
    Refused(Timestamp, TokenRefusal),
}

#[derive(Debug)]
struct Booked {
    had: Option<Rc<Acquired>>,
    state: State,
    used: Timestamp,
}

/// The tokens that this worker has acquired, or is about to.
#[derive(Debug, Default)]
pub(super) struct Acquisitions(SortedMap<AskId, Box<Booked>>);

impl Acquisitions {
    /// Whether an answer is still to come.
    pub(super) fn under_way(&self, id: &AskId) -> bool {
        self.0.get(id).is_some_and(|booked| booked.state.under_way())
    }

    /// Forgets the tokens of a session: it is over.
    pub(super) fn forget(&mut self, session: &[u8; 16]) {
        self.0.retain(|id, _| id.session != *session);
    }

    /// Forgets what is of no more use, and gives up calls that are not answered in time. What was
    /// booked by a clock that has been set back since counts from now.
    pub(super) fn sweep(&mut self, now: Timestamp, patience: Duration) {
        self.0.retain(|_, booked| {
            booked.used = booked.used.min(now);
            if let Some(since) = booked.state.since() {
                *since = (*since).min(now);
                if now.since(*since) > patience {
                    booked.state = State::Failed(now);
                }
            }
            booked.state.under_way() || now.since(booked.used) <= UNUSED
        });
    }

    fn booked(&mut self, id: AskId, now: Timestamp) -> Option<&mut Booked> {
        if self.0.get(&id).is_none() {
            if self.0.len() >= TOKENS_LIMIT {
                let idle = self.0.iter().filter(|(_, booked)| !booked.state.under_way());
                let least = idle.min_by_key(|(_, booked)| booked.used).map(|(id, _)| *id)?;
                self.0.remove(&least);
            }
            self.0.insert(id, Box::new(Booked { had: None, state: State::Idle, used: now }));
        }
        let booked = self.0.get_mut(&id)?;
        booked.used = now;
        Some(booked)
    }

    /// Makes room for the token that was just had for `kept`.
    fn make_room(&mut self, kept: AskId) {
        while self.0.iter().map(|(_, booked)| booked.size()).fold(0, usize::saturating_add)
            > TOKENS_BYTES
        {
            let others = self.0.iter().filter(|(id, booked)| **id != kept && booked.had.is_some());
            let idle = others.filter(|(_, booked)| !booked.state.under_way());
            let least = idle.min_by_key(|(_, booked)| booked.used).map(|(id, _)| *id);
            if least.and_then(|id| self.0.remove(&id)).is_none() {
                return;
            }
        }
    }

    /// Those whose tokens wait for keys.
    pub(super) fn awaiting_keys(&self) -> Vec<AskId> {
        let waiting = |booked: &Booked| matches!(booked.state, State::AwaitingKeys(..));
        self.0.iter().filter(|(_, booked)| waiting(booked)).map(|(id, _)| *id).collect()
    }
}

impl Booked {
    /// About how many bytes its token takes.
    fn size(&self) -> usize {
        let of = |had: &Rc<Acquired>| had.token.heap_size().saturating_add(had.sent.size());
        self.had.as_ref().map_or(0, of)
    }
}

impl State {
    const fn under_way(&self) -> bool {
        matches!(self, Self::Calling(_) | Self::AwaitingKeys(..))
    }

    const fn since(&mut self) -> Option<&mut Timestamp> {
        match self {
            Self::Calling(since) | Self::AwaitingKeys(since, ..) => Some(since),
            Self::Idle | Self::Failed(_) | Self::NotGiven(..) | Self::Refused(..) => None,
        }
    }

    /// Whether it may be asked for now.
    fn may_call(&self, now: Timestamp) -> bool {
        let over = |at: Timestamp, pause| now < at || now.since(at) > pause;
        match self {
            Self::Idle => true,
            Self::Calling(_) | Self::AwaitingKeys(..) => false,
            Self::Failed(at) => over(*at, COOLDOWN),
            Self::NotGiven(at, _) | Self::Refused(at, _) => over(*at, REFUSED),
        }
    }
}

impl Worker {
    /// The token that `rule` asks for, for a session that is good. `None`: the request waits.
    ///
    /// # Errors
    /// There is none: the provider gives none, or not this one, or does not answer.
    #[cold]
    pub(super) fn acquired(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        rule: usize,
    ) -> Result<Option<Rc<Acquired>>, Refusal> {
        let now = host.now();
        let Some((_, acquire)) = asked(&self.config, rule) else {
            return Err(Refusal::ProviderUnavailable);
        };
        let id = AskId { session: live.session.id, rule: acquire.like };
        let booked = self.acquisitions.booked(id, now).ok_or(Refusal::Busy)?;
        if let Some(acquired) = booked.had.as_mut().filter(|acquired| acquired.turn != live.turn) {
            let (token, subject) = (acquired.token.clone(), acquired.subject);
            *acquired = Rc::new(Acquired::new(token, live, subject, &self.config));
        }
        let (had, may_call) = (booked.had.clone(), booked.state.may_call(now));
        let had = had.map(|acquired| {
            // Since a refresh the user may have other rights.
            let refreshed = issued(live) > acquired.subject;
            let least = if refreshed { Freshness::Due } else { Freshness::Fresh };
            (self.lasting(&acquired.token, now).max(least), acquired)
        });
        if let Some((Freshness::Fresh, acquired)) = had {
            return Ok(Some(acquired));
        }
        if may_call {
            self.ask(host, id, live);
        }
        // While the one before is good nobody waits.
        if let Some((Freshness::Due, acquired)) = had {
            return Ok(Some(acquired));
        }
        match self.acquisitions.0.get(&id).map(|booked| &booked.state) {
            Some(State::Calling(_) | State::AwaitingKeys(..)) => {
                self.wait(host, request, Waiting::Acquired(id))?;
                Ok(None)
            }
            Some(State::NotGiven(_, error)) => Err(not_given(error.clone())),
            Some(State::Refused(_, refusal)) => Err(Refusal::SessionToken(refusal.clone())),
            Some(State::Idle | State::Failed(_)) | None => Err(Refusal::ProviderUnavailable),
        }
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
                State::Calling(now)
            }
            Some(Err(_)) | None => State::Failed(now),
        };
        self.set_state(id, state);
    }

    fn set_state(&mut self, id: AskId, state: State) {
        if let Some(booked) = self.acquisitions.0.get_mut(&id) {
            booked.state = state;
        }
    }

    /// The token endpoint has answered. Gives the streams that may go on.
    pub(super) fn acquire_answered(
        &mut self,
        host: &mut dyn Host,
        id: AskId,
        live: Rc<Live>,
        answer: Result<TokenAnswer, TokenError>,
    ) -> Vec<StreamId> {
        // A logout in the meantime wins.
        if self.turns.ended(&live) {
            self.acquisitions.forget(&id.session);
        } else {
            self.settle_acquired(host, id, live, answer, true);
        }
        self.those_who_wait_for(id)
    }

    /// Newer keys came: tokens that waited for them are judged for good.
    pub(super) fn settle_acquisitions(&mut self, host: &mut dyn Host) -> Vec<StreamId> {
        let mut streams = Vec::new();
        for id in self.acquisitions.awaiting_keys() {
            let Some(booked) = self.acquisitions.0.get_mut(&id) else { continue };
            let state = std::mem::replace(&mut booked.state, State::Idle);
            if let State::AwaitingKeys(_, live, answer) = state {
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
                host.log(
                    Level::Warn,
                    &format!("decision=not_acquired reason={:?}", error.to_string()),
                );
                let given_up = matches!(error, TokenError::Refused { .. });
                let state = if given_up { State::NotGiven(now, error) } else { State::Failed(now) };
                return self.set_state(id, state);
            }
        };
        match self.verify_acquired(host, id, &live, &answer) {
            Ok(token) => {
                host.log(
                    Level::Info,
                    "decision=token_acquired reason=\"by the rule's own audiences\"",
                );
                let lasts = self.lasting(&token, now) == Freshness::Fresh;
                let acquired = Acquired::new(token, &live, issued(&live), &self.config);
                if let Some(booked) = self.acquisitions.booked(id, now) {
                    booked.had = Some(Rc::new(acquired));
                    // Else every request would ask, and whoever waits again and again.
                    booked.state = if lasts { State::Idle } else { State::Failed(now) };
                }
                self.acquisitions.make_room(id);
            }
            Err(refusal) if may_wait && refusal.unknown_kid() => {
                self.provider.want_keys(now);
                self.fetch_due(host);
                self.set_state(id, State::AwaitingKeys(now, live, answer));
            }
            Err(refusal) => {
                host.log(
                    Level::Warn,
                    &format!("decision=acquired_refused reason={:?}", refusal.to_string()),
                );
                self.set_state(id, State::Refused(now, refusal));
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
