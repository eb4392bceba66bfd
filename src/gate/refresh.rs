//! A refresh takes turns: one call per refresh token, however many requests want it.
//!
//! Providers that rotate refresh tokens take a second use for theft and end the session,
//! the winner's new token included. So a turn is booked under the digest of the refresh
//! token itself, and its outcome is remembered for a while: requests that are still on
//! their way with the old cookie get the new session, not a second call.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::crypto::digest::sha256;
use crate::provider::{KeysWanted, TokenAnswer, TokenError, token_endpoint};
use crate::session::Session;
use crate::token::{AccessToken, IdToken, Kind, Refusal as TokenRefusal};
use crate::wire::Timestamp;

use super::host::{Host, Level};
use super::identity::Live;
use super::refusal::Refusal;
use super::request::Request;
use super::sessions::Freshness;
use super::wait::Waiting;
use super::worker::{Flight, Worker};

/// How long an outcome is remembered for requests that still carry the old cookie.
const MEMORY: Duration = Duration::from_secs(60);
/// How long after a failed call the next one may be made.
const COOLDOWN: Duration = Duration::from_secs(1);
/// Most turns that are remembered on one worker.
const TURNS_LIMIT: usize = 2_048;

/// SHA-256 of a refresh token: which turn it is.
pub(super) type TurnKey = [u8; 32];

/// What became of a refresh.
#[derive(Debug)]
enum Turn {
    /// The token endpoint was asked.
    Calling(Rc<Live>),
    /// It has answered with a key that was not known; newer keys were asked for.
    AwaitingKeys(Rc<Live>, TokenAnswer),
    /// The session goes on with these tokens.
    Renewed(Rc<Live>),
    /// The provider says that it is over, or the user logged out.
    Ended,
    /// New tokens came and one of them was refused.
    Refused(TokenRefusal),
    /// No answer that is worth anything: the session stays as it is.
    Failed,
}

impl Turn {
    const fn under_way(&self) -> bool {
        matches!(self, Self::Calling(_) | Self::AwaitingKeys(..))
    }
}

/// The turns of this worker.
#[derive(Debug, Default)]
pub(super) struct Turns(BTreeMap<TurnKey, (Timestamp, Turn)>);

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

/// Which turn a session's refresh would be; `None` where it has no refresh token.
pub(super) fn turn_key(session: &Session) -> Option<TurnKey> {
    session.refresh_token.as_ref().map(|token| sha256(token.expose().as_bytes()))
}

impl Turns {
    /// Ends the session for every request of this worker: also for those that carry an
    /// older cookie of it, and whatever call is still under way.
    pub(super) fn end(&mut self, live: &Live, now: Timestamp) {
        for (at, turn) in self.0.values_mut() {
            let of_this_session = match turn {
                Turn::Calling(other) | Turn::AwaitingKeys(other, _) | Turn::Renewed(other) => {
                    other.session.id == live.session.id
                }
                Turn::Ended | Turn::Refused(_) | Turn::Failed => false,
            };
            if of_this_session {
                (*at, *turn) = (now, Turn::Ended);
            }
        }
        if let Some(key) = live.turn_key {
            self.0.insert(key, (now, Turn::Ended));
        }
    }

    /// Whether the session was ended here a moment ago.
    pub(super) fn ended(&self, live: &Live) -> bool {
        let turn = live.turn_key.and_then(|key| self.0.get(&key));
        matches!(turn, Some((_, Turn::Ended)))
    }

    /// Forgets what is no longer of use.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.0.retain(|_, (at, turn)| {
            let age = now.since(*at);
            match turn {
                // The call's own time limit ends these.
                Turn::Calling(_) | Turn::AwaitingKeys(..) => true,
                Turn::Failed => age <= COOLDOWN && now >= *at,
                Turn::Renewed(_) | Turn::Ended | Turn::Refused(_) => age <= MEMORY && now >= *at,
            }
        });
    }

    fn set(&mut self, key: TurnKey, turn: Turn, now: Timestamp) {
        self.0.insert(key, (now, turn));
    }
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
        let Some(key) = live.turn_key else { return Ok(Turned::Keep) };
        let still_valid = freshness == Freshness::Due;
        self.turns.sweep(host.now());
        match self.turns.0.get(&key).map(|(_, turn)| turn) {
            Some(Turn::Renewed(renewed)) => return Ok(Turned::Renewed(Rc::clone(renewed))),
            Some(Turn::Ended) => return Ok(Turned::Ended),
            Some(Turn::Refused(refusal)) => return Err(Refusal::SessionToken(refusal.clone())),
            // While the token is valid nobody else waits for its refresh.
            Some(Turn::Failed | Turn::Calling(_) | Turn::AwaitingKeys(..)) if still_valid => {
                return Ok(Turned::Keep);
            }
            Some(Turn::Failed) => return Err(Refusal::ProviderUnavailable),
            Some(Turn::Calling(_) | Turn::AwaitingKeys(..)) => {}
            None => match self.begin_turn(host, key, live) {
                Ok(()) => {}
                Err(_) if still_valid => return Ok(Turned::Keep),
                Err(refusal) => return Err(refusal),
            },
        }
        self.wait(host, request, Waiting::Refresh(key))?;
        Ok(Turned::Wait)
    }

    fn begin_turn(
        &mut self,
        host: &mut dyn Host,
        key: TurnKey,
        live: &Rc<Live>,
    ) -> Result<(), Refusal> {
        if self.turns.0.len() >= TURNS_LIMIT {
            return Err(Refusal::Busy);
        }
        let call = self
            .provider
            .metadata()
            .zip(live.session.refresh_token.as_ref())
            .and_then(|(metadata, refresh_token)| {
                let (provider, client) = (&self.config.provider, &self.config.client);
                token_endpoint::refresh_call(provider, client, metadata, refresh_token)
            })
            .ok_or(Refusal::ProviderUnavailable)?;
        match host.dispatch(&call) {
            Ok(id) => {
                self.flights.insert(id, Flight::Refresh(key));
                self.turns.set(key, Turn::Calling(Rc::clone(live)), host.now());
                Ok(())
            }
            Err(_) => {
                self.turns.set(key, Turn::Failed, host.now());
                Err(Refusal::ProviderUnavailable)
            }
        }
    }

    /// The token endpoint has answered a refresh.
    pub(super) fn refresh_answered(
        &mut self,
        host: &mut dyn Host,
        key: TurnKey,
        answer: Result<TokenAnswer, TokenError>,
    ) {
        // A logout in the meantime wins: the answer does not bring the session back.
        let Some((_, Turn::Calling(live))) = self.turns.0.get(&key) else { return };
        let live = Rc::clone(live);
        let turn = match answer {
            Ok(answer) => self.renew(host, live, answer, true),
            Err(error) if error.invalid_grant() => {
                host.log(Level::Info, "decision=session_over reason=\"the provider answered the refresh with invalid_grant\"");
                Turn::Ended
            }
            Err(error) => {
                host.log(Level::Warn, &format!("decision=refresh_failed reason=\"{error}\""));
                Turn::Failed
            }
        };
        self.turns.set(key, turn, host.now());
    }

    /// Newer keys came, or did not: turns that waited for them are judged for good.
    /// Gives the turns that are settled by it.
    pub(super) fn settle_turns(&mut self, host: &mut dyn Host) -> Vec<TurnKey> {
        let awaiting = |turn: &Turn| matches!(turn, Turn::AwaitingKeys(..));
        let keys: Vec<TurnKey> = self
            .turns
            .0
            .iter()
            .filter(|(_, (_, turn))| awaiting(turn))
            .map(|(key, _)| *key)
            .collect();
        for key in &keys {
            if let Some((_, Turn::AwaitingKeys(live, answer))) = self.turns.0.remove(key) {
                let turn = self.renew(host, live, answer, false);
                self.turns.set(*key, turn, host.now());
            }
        }
        keys
    }

    /// Whether the turn still waits for an answer.
    pub(super) fn turn_under_way(&self, key: &TurnKey) -> bool {
        self.turns.0.get(key).is_some_and(|(_, turn)| turn.under_way())
    }

    /// New tokens are judged like those of a login (OIDC Core 12.2 for the ID token).
    fn renew(
        &mut self,
        host: &mut dyn Host,
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
                        Turn::AwaitingKeys(live, answer)
                    }
                    KeysWanted::Throttled => Turn::Refused(refusal),
                }
            }
            Err(refusal) => {
                host.log(Level::Warn, &format!("decision=refresh_refused reason=\"{refusal}\""));
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
