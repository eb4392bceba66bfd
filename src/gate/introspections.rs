//! What the provider said of opaque tokens, and what it is being asked: bounded in number and
//! bytes. Nothing here decides; [`super::introspect`] does.
//!
//! An answer counts for `introspection_cache`, and never past the token's `exp`. It always counts
//! for the requests that waited for it, so that `0s` can mean: asked for every request.

use std::rc::Rc;
use std::time::Duration;

use crate::crypto::Secret;
use crate::crypto::digest::sha256;
use crate::token::{ANSWER_LASTS, Refusal as TokenRefusal};
use crate::wire::{SortedMap, Timestamp};

use super::host::CallId;
use super::identity::Bearer;
use super::shared::COOLDOWN;

/// Most tokens of which something is kept on a worker; what came to nothing goes first, then the
/// least used.
const TOKENS_LIMIT: usize = 4_096;
/// Memory for them, in bytes; the provider decides how long an answer is.
const TOKENS_BYTES: usize = 8 * 1024 * 1024;
/// How long a token is refused without asking again: strangers may send anything.
const REFUSED: Duration = Duration::from_secs(10);
/// How long something is kept of a token that nobody uses.
const UNUSED: Duration = Duration::from_secs(600);
/// What an entry takes besides its answer.
const OVERHEAD: usize = 128;

/// Which token: the SHA-256 of all of it. Nobody finds two tokens with one, so there is nothing
/// left to compare, and the token itself need not be kept here. Not a part of the token: opaque
/// ones may begin and end alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TokenId([u8; 32]);

impl TokenId {
    /// Of this token.
    pub(super) fn of(raw: &Secret) -> Self {
        Self(sha256(raw.expose().as_bytes()))
    }
}

/// What came of asking.
#[derive(Debug)]
pub(super) enum Learned {
    /// The token is active: an access token, good or not for whom it may concern.
    Active(Rc<Bearer>),
    /// It is not, or what is said of it is not what an access token may be.
    Refused(TokenRefusal),
    /// The provider refuses this gate.
    NotAllowed,
    /// No answer that is worth anything.
    Failed,
}

/// What this worker has of a token.
#[derive(Debug)]
enum State {
    /// The provider was asked by this call.
    Calling(CallId),
    /// It has answered, or has not.
    Learned(Learned),
}

#[derive(Debug)]
struct Booked {
    state: State,
    /// When it became so.
    at: Timestamp,
    used: Timestamp,
    size: usize,
}

/// What is to be done about a token.
#[derive(Debug)]
pub(super) enum Look<'a> {
    /// This is known, and counts.
    Known(&'a Learned),
    /// The provider was asked: wait.
    UnderWay,
    /// Ask. Whether it was good the last time: nobody can guess such a token.
    Ask { was_active: bool },
}

/// What this worker knows of opaque tokens.
#[derive(Debug)]
pub(super) struct Introspections {
    booked: SortedMap<TokenId, Box<Booked>>,
    size: usize,
    cache: Duration,
}

impl Introspections {
    /// Nothing known; answers count for `cache`.
    pub(super) const fn new(cache: Duration) -> Self {
        Self { booked: SortedMap::new(), size: 0, cache }
    }

    /// What there is of a token, for a request that has waited since then, if it has.
    pub(super) fn look(
        &mut self,
        id: &TokenId,
        waiting_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Look<'_> {
        let cache = self.cache;
        let Some(booked) = self.booked.get_mut(id) else { return Look::Ask { was_active: false } };
        booked.used = now;
        let at = booked.at;
        match &booked.state {
            State::Calling(_) => Look::UnderWay,
            State::Learned(learned) if learned.counts(at, cache, waiting_since, now) => {
                Look::Known(learned)
            }
            State::Learned(learned) => {
                Look::Ask { was_active: matches!(learned, Learned::Active(_)) }
            }
        }
    }

    /// Whether the provider said a moment ago that the token is not, or no longer, active.
    pub(super) fn says_inactive(&self, id: &TokenId, now: Timestamp) -> bool {
        self.booked.get(id).is_some_and(|booked| match &booked.state {
            State::Learned(learned @ Learned::Refused(refusal)) => {
                refusal.is_inactive() && learned.counts(booked.at, self.cache, None, now)
            }
            _ => false,
        })
    }

    /// The provider is asked by `call`.
    pub(super) fn asked(&mut self, id: TokenId, call: CallId, now: Timestamp) {
        self.put(id, State::Calling(call), OVERHEAD, now);
    }

    /// Whether the provider was asked by `call`, and not by another since.
    pub(super) fn awaits(&self, id: &TokenId, call: CallId) -> bool {
        let state = self.booked.get(id).map(|booked| &booked.state);
        matches!(state, Some(State::Calling(awaited)) if *awaited == call)
    }

    /// Whether an answer is still to come.
    pub(super) fn under_way(&self, id: &TokenId) -> bool {
        self.booked.get(id).is_some_and(|booked| booked.under_way())
    }

    /// Books what came of asking at `now`.
    pub(super) fn learned(&mut self, id: TokenId, learned: Learned, now: Timestamp) {
        let size = match &learned {
            Learned::Active(bearer) => bearer.size().saturating_add(OVERHEAD),
            Learned::Refused(_) | Learned::NotAllowed | Learned::Failed => OVERHEAD,
        };
        self.put(id, State::Learned(learned), size, now);
    }

    /// Forgets what nobody uses, and gives up calls that are not answered in time. What was booked
    /// by a clock that has been set back since counts from now, where it is a call; an answer from
    /// the future does not count at all.
    pub(super) fn sweep(&mut self, now: Timestamp, patience: Duration) {
        let mut size = 0_usize;
        self.booked.retain(|_, booked| {
            booked.used = booked.used.min(now);
            if booked.under_way() {
                booked.at = booked.at.min(now);
                if now.since(booked.at) > patience {
                    (booked.at, booked.state) = (now, State::Learned(Learned::Failed));
                }
            }
            let keep = booked.under_way() || now.since(booked.used) <= UNUSED;
            size = size.saturating_add(if keep { booked.size } else { 0 });
            keep
        });
        self.size = size;
    }

    fn put(&mut self, id: TokenId, state: State, size: usize, now: Timestamp) {
        let before = self.booked.insert(id, Box::new(Booked { state, at: now, used: now, size }));
        let before = before.map_or(0, |booked| booked.size);
        self.size = self.size.saturating_sub(before).saturating_add(size);
        while self.booked.len() > TOKENS_LIMIT || self.size > TOKENS_BYTES {
            let others = self.booked.iter().filter(|(other, _)| **other != id);
            let idle = others.filter(|(_, booked)| !booked.under_way());
            let least = idle.min_by_key(|(_, booked)| booked.worth()).map(|(id, _)| *id);
            // Calls are bounded elsewhere, and far fewer.
            let Some(gone) = least.and_then(|id| self.booked.remove(&id)) else { return };
            self.size = self.size.saturating_sub(gone.size);
        }
    }
}

impl Booked {
    const fn under_way(&self) -> bool {
        matches!(self.state, State::Calling(_))
    }

    /// What anybody can cause is worth the least.
    const fn worth(&self) -> (bool, Timestamp) {
        (matches!(self.state, State::Learned(Learned::Active(_))), self.used)
    }
}

impl Learned {
    /// Whether what was learned then says anything now.
    fn counts(
        &self,
        at: Timestamp,
        cache: Duration,
        waiting_since: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        if now < at {
            return false;
        }
        let age = now.since(at);
        match self {
            Self::Active(bearer) => {
                let waited = waiting_since.is_some_and(|since| since <= at);
                let ended = now >= bearer.token().expires_at();
                (age < cache && !ended) || (waited && age <= ANSWER_LASTS)
            }
            Self::Refused(_) => age <= REFUSED,
            Self::NotAllowed | Self::Failed => age <= COOLDOWN,
        }
    }
}
