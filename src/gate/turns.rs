//! Turns at the token endpoint, as this worker sees them: refreshes and code exchanges.
//!
//! Providers that rotate refresh tokens take a second use for theft and end the session,
//! the winner's new token included. So a turn is booked under the digest of the session's
//! tokens, and its outcome is remembered for a while: requests that are still on their way
//! with the old cookie get the new session, not a second call.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Ask, Config};
use crate::crypto::Secret;
use crate::crypto::digest::sha256;
use crate::provider::{TokenAnswer, TokenError};
use crate::session::{Granted, Kept, Session, Transaction};
use crate::token::Refusal;
use crate::wire::{SortedMap, Timestamp};

use super::acquire::memory::Acquired;
use super::identity::Live;
use super::shared::{COOLDOWN, LOGOUT, MEMORY};

/// How long new tokens are kept for the keys that verify them: the refresh token is spent, and
/// without them the session is over.
const KEYS_PATIENCE: Duration = Duration::from_secs(600);
/// Most turns that are in the book of one worker; the oldest outcome makes room.
const TURNS_LIMIT: usize = 4_096;

/// Which call: a refresh of which session, from which tokens (their SHA-256); or the exchange
/// of a login's code, named by the digest of its state. Not by the refresh token alone: where
/// they do not rotate it stays the same from one refresh to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TurnId {
    pub(super) session: [u8; 16],
    pub(super) token: [u8; 32],
}

impl TurnId {
    /// The turn at which `session` would be refreshed; `None` without a refresh token.
    pub(super) fn of(session: &Session) -> Option<Self> {
        let refresh_token = session.refresh_token.as_ref()?;
        let access_token = session.access_token.as_ref().map(Granted::raw);
        let tokens = [Some(session.id_token.raw()), access_token, Some(refresh_token)];
        let digests = digests(tokens);
        // Where refresh tokens do not rotate, the tokens stay what they were when they have been
        // used for a rule's.
        let token = match session.narrowed {
            0 => sha256(digests.as_flattened()),
            times => sha256(&[digests.as_flattened(), &times.to_be_bytes()].concat()),
        };
        Some(Self { session: session.id, token })
    }

    /// The turn at which a rule's own token would be renewed by its own refresh token; `None`
    /// without one.
    pub(super) fn of_kept(session: &Session, kept: &Kept) -> Option<Self> {
        let refresh_token = kept.refresh_token.as_ref()?;
        let digests = digests([Some(kept.token.raw()), Some(refresh_token)]);
        let token = sha256(&[b"kept\0", digests.as_flattened()].concat());
        Some(Self { session: session.id, token })
    }

    /// The turn at which a login's code becomes tokens.
    pub(super) fn of_login(state: &str) -> Self {
        let token = sha256(&[b"login\0", state.as_bytes()].concat());
        let mut session = [0; 16];
        session.iter_mut().zip(token).for_each(|(to, from)| *to = from);
        Self { session, token }
    }

    /// Under which workers tell each other that `session` was logged out: no turn has it.
    pub(super) const fn of_logout(session: [u8; 16]) -> Self {
        Self { session, token: [0; 32] }
    }

    /// Whether it is that.
    pub(super) fn is_logout(&self) -> bool {
        *self == Self::of_logout(self.session)
    }

    /// How a worker is told of it.
    pub(super) fn message(&self) -> Vec<u8> {
        [self.session.as_slice(), &self.token].concat()
    }

    /// What a worker was told of.
    pub(super) fn of_message(message: &[u8]) -> Option<Self> {
        let (session, token) = message.split_first_chunk()?;
        Some(Self { session: *session, token: *token.as_array()? })
    }
}

/// Of one length each: no two lists of tokens are written alike.
fn digests<const N: usize>(tokens: [Option<&Secret>; N]) -> [[u8; 32]; N] {
    tokens.map(|token| token.map_or([0; 32], |token| sha256(token.expose().as_bytes())))
}

/// What the tokens are for.
#[derive(Debug, Clone)]
pub(super) enum Errand {
    /// To renew this session.
    Refresh(Rc<Live>),
    /// To begin the session of this login.
    Login(Rc<Transaction>),
    /// For a rule, beside those of this session, by the session's refresh token.
    Narrow(Rc<Live>, Ask),
    /// For a rule, beside those of this session, by another trip through the single sign-on.
    Trip(Rc<Live>, Rc<Transaction>),
    /// For a rule: by the refresh token that came with the one that this session has for it.
    Renew(Rc<Live>, Rc<Acquired>),
}

impl Errand {
    /// The session that it is for, where there is one already.
    pub(super) fn live(&self) -> Option<&Rc<Live>> {
        match self {
            Self::Refresh(live)
            | Self::Narrow(live, _)
            | Self::Trip(live, _)
            | Self::Renew(live, _) => Some(live),
            Self::Login(_) => None,
        }
    }

    /// Whether a refresh token is sent.
    pub(super) const fn refreshes(&self) -> bool {
        matches!(self, Self::Refresh(_) | Self::Narrow(..) | Self::Renew(..))
    }

    /// Whether the session's own tokens come of it.
    pub(super) const fn is_sessions(&self) -> bool {
        matches!(self, Self::Refresh(_) | Self::Login(_))
    }
}

/// What is known of a turn.
#[derive(Debug)]
pub(super) enum Turn {
    /// The token endpoint was asked.
    Calling,
    /// It has answered with a key that was not known; newer keys were asked for.
    AwaitingKeys(Errand, TokenAnswer),
    /// Another worker has the turn.
    Elsewhere,
    /// There is a session with new tokens.
    Renewed(Rc<Live>),
    /// The provider says that it is over, or the user logged out.
    Ended,
    /// New tokens came and one of them was refused.
    Refused(Refusal),
    /// The token endpoint refused the code or the refresh token.
    CallRefused(TokenError),
    /// No answer that is worth anything: a session stays as it is.
    Failed,
}

/// A turn in the book of this worker.
#[derive(Debug)]
pub(super) struct Booked {
    at: Timestamp,
    /// Under which nonce the lease stands in the process's memory, if it does.
    lease: Option<u64>,
    turn: Turn,
}

/// The turns of this worker, and the sessions that ended here a moment ago.
#[derive(Debug, Default)]
pub(super) struct Turns {
    booked: SortedMap<TurnId, Box<Booked>>,
    ended: SortedMap<[u8; 16], Timestamp>,
    /// Whether any turn or session may have ended here: where none has, a request need not look.
    any_ended: bool,
}

impl Turns {
    /// Books a turn, or what became of it. The lease stays as it was.
    pub(super) fn set(&mut self, id: TurnId, turn: Turn, now: Timestamp) {
        self.any_ended |= matches!(turn, Turn::Ended);
        let lease = self.booked.get(&id).and_then(|booked| booked.lease);
        self.booked.insert(id, Box::new(Booked { at: now, lease, turn }));
    }

    /// Books a turn of this worker's own.
    pub(super) fn begin(&mut self, id: TurnId, lease: Option<u64>, now: Timestamp) {
        self.booked.insert(id, Box::new(Booked { at: now, lease, turn: Turn::Calling }));
    }

    /// What is known of a turn.
    pub(super) fn get(&self, id: &TurnId) -> Option<&Turn> {
        self.booked.get(id).map(|booked| &booked.turn)
    }

    /// The nonce of this worker's lease.
    pub(super) fn lease(&self, id: &TurnId) -> Option<u64> {
        self.booked.get(id).and_then(|booked| booked.lease)
    }

    /// Takes a turn out of the book.
    pub(super) fn take(&mut self, id: &TurnId) -> Option<Turn> {
        self.booked.remove(id).map(|booked| booked.turn)
    }

    /// The turns of which `which` is true.
    pub(super) fn those(&self, which: impl Fn(&Turn) -> bool) -> Vec<TurnId> {
        self.booked.iter().filter(|(_, booked)| which(&booked.turn)).map(|(id, _)| *id).collect()
    }

    /// Makes room for one more; false where every turn is still under way.
    pub(super) fn make_room(&mut self) -> bool {
        if self.booked.len() < TURNS_LIMIT {
            return true;
        }
        let over = self.booked.iter().filter(|(_, booked)| !booked.turn.under_way());
        // What came to nothing goes first: anybody can cause that, by logins that fail.
        let worth = |booked: &Booked| (matches!(booked.turn, Turn::Renewed(_)), booked.at);
        let least = over.min_by_key(|(_, booked)| worth(booked)).map(|(id, _)| *id);
        least.is_some_and(|id| self.booked.remove(&id).is_some())
    }

    /// Ends the session for every request of this worker: also for those that carry an
    /// older cookie of it, and whatever call is still under way.
    pub(super) fn end(&mut self, live: &Live, now: Timestamp) {
        let session = live.session.id;
        self.any_ended = true;
        for (_, booked) in self.booked.iter_mut().filter(|(id, _)| id.session == session) {
            (booked.at, booked.turn) = (now, Turn::Ended);
        }
        if self.ended.len() >= TURNS_LIMIT {
            let oldest = self.ended.iter().min_by_key(|(_, at)| **at).map(|(session, _)| *session);
            oldest.and_then(|session| self.ended.remove(&session));
        }
        self.ended.insert(session, now);
    }

    /// Whether the session was ended here a moment ago.
    pub(super) fn ended(&self, live: &Live) -> bool {
        self.any_ended && self.has_ended(live)
    }

    #[cold]
    fn has_ended(&self, live: &Live) -> bool {
        let turn = live.turn.and_then(|id| self.get(&id));
        matches!(turn, Some(Turn::Ended)) || self.session_ended(&live.session.id)
    }

    /// Whether this session was logged out here a moment ago.
    pub(super) fn session_ended(&self, session: &[u8; 16]) -> bool {
        self.ended.get(session).is_some()
    }

    /// Has the outcomes go upstream as this configuration says.
    pub(super) fn judge_anew(&mut self, config: &Config) {
        for (_, booked) in self.booked.iter_mut() {
            if let Turn::Renewed(live) = &mut booked.turn {
                *live = Rc::new(Live::new(live.session.clone(), live.with_first_key, config));
            }
        }
    }

    /// Forgets what is no longer of use, and gives up calls that are not answered within
    /// `patience`, or whose keys never come: their turns failed. What was booked by a clock
    /// that has been set back since counts from now: an outcome must not be forgotten early,
    /// nor kept for hours.
    pub(super) fn sweep(&mut self, now: Timestamp, patience: Duration) {
        self.booked.retain(|_, booked| {
            booked.at = booked.at.min(now);
            let given_up = match booked.turn {
                Turn::Calling => now.since(booked.at) > patience,
                Turn::AwaitingKeys(..) => now.since(booked.at) > KEYS_PATIENCE,
                _ => false,
            };
            if given_up {
                (booked.at, booked.turn) = (now, Turn::Failed);
            }
            match booked.turn {
                Turn::Calling | Turn::AwaitingKeys(..) => true,
                Turn::Failed => now.since(booked.at) <= COOLDOWN,
                Turn::Elsewhere
                | Turn::Renewed(_)
                | Turn::Ended
                | Turn::Refused(_)
                | Turn::CallRefused(_) => now.since(booked.at) <= MEMORY,
            }
        });
        self.ended.retain(|_, at| now.since(*at) <= LOGOUT);
        let mut turns = self.booked.iter().map(|(_, booked)| &booked.turn);
        self.any_ended = !self.ended.is_empty() || turns.any(|turn| matches!(turn, Turn::Ended));
    }
}

impl Turn {
    /// Whether an outcome is still to come.
    pub(super) const fn under_way(&self) -> bool {
        matches!(self, Self::Calling | Self::AwaitingKeys(..) | Self::Elsewhere)
    }
}
