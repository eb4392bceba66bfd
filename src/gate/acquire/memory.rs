//! The tokens that a worker has acquired for rules, and what is being done about them: bounded in
//! number and bytes. Nothing here decides; [`super`] does.

use std::rc::Rc;
use std::time::Duration;

use crate::config::Config;
use crate::provider::{TokenAnswer, TokenError};
use crate::session::Kept;
use crate::token::Refusal as TokenRefusal;
use crate::wire::{SortedMap, Timestamp};

use crate::gate::host::CallId;
use crate::gate::identity::Live;
use crate::gate::sent::Sent;
use crate::gate::shared::COOLDOWN;
use crate::gate::turns::TurnId;

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
pub(in crate::gate) struct AskId {
    pub(in crate::gate) session: [u8; 16],
    pub(in crate::gate) rule: usize,
}

/// A token that was acquired and verified, and what becomes of it in requests.
#[derive(Debug)]
pub(in crate::gate) struct Acquired {
    pub(in crate::gate) kept: Kept,
    pub(in crate::gate) sent: Sent,
    /// Beside the ID token of which state of the session `sent` was made.
    pub(in crate::gate) turn: Option<TurnId>,
}

impl Acquired {
    /// Takes a verified token in.
    pub(in crate::gate) fn new(kept: Kept, live: &Live, config: &Config) -> Self {
        let (token, id_token) = (&kept.token, Some(&live.session.id_token));
        let session = Some(&live.session.id);
        let sent = Sent::new(config, Some(token.raw()), id_token, Some(token), session);
        Self { kept, sent, turn: live.turn }
    }
}

/// What is being done about a token.
#[derive(Debug)]
pub(in crate::gate) enum State {
    /// Nothing.
    Idle,
    /// The token endpoint was asked by this call.
    Calling(Timestamp, CallId),
    /// It answered with a key that is not known; newer keys were asked for.
    AwaitingKeys(Timestamp, Rc<Live>, TokenAnswer),
    /// It came to nothing, or to a token that is about to end: it may be tried again in a moment.
    Failed(Timestamp),
    /// The provider gives none.
    NotGiven(Timestamp, TokenError),
    /// What it gave is not for this rule.
    Refused(Timestamp, TokenRefusal),
}

/// What this worker has of a token.
#[derive(Debug)]
pub(in crate::gate) struct Booked {
    /// The latest that was had.
    pub(in crate::gate) had: Option<Rc<Acquired>>,
    pub(in crate::gate) state: State,
    /// Whether it is not in the browser's cookie yet, as far as this worker knows.
    pub(in crate::gate) unwritten: bool,
    pub(in crate::gate) used: Timestamp,
}

/// The tokens that this worker has acquired, or is about to.
#[derive(Debug, Default)]
pub(in crate::gate) struct Acquisitions(SortedMap<AskId, Box<Booked>>);

impl Acquisitions {
    /// Whether an answer is still to come.
    pub(in crate::gate) fn under_way(&self, id: &AskId) -> bool {
        self.0.get(id).is_some_and(|booked| booked.state.under_way())
    }

    /// Forgets the tokens of a session: it is over.
    pub(in crate::gate) fn forget(&mut self, session: &[u8; 16]) {
        self.0.retain(|id, _| id.session != *session);
    }

    /// Forgets what is of no more use, and gives up calls that are not answered in time. What was
    /// booked by a clock that has been set back since counts from now.
    pub(in crate::gate) fn sweep(&mut self, now: Timestamp, patience: Duration) {
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

    /// What there is of a token that is wanted now; `None` where all others are under way.
    pub(in crate::gate) fn booked(&mut self, id: AskId, now: Timestamp) -> Option<&mut Booked> {
        if self.0.get(&id).is_none() {
            if self.0.len() >= TOKENS_LIMIT {
                let idle = self.0.iter().filter(|(_, booked)| !booked.state.under_way());
                let least = idle.min_by_key(|(_, booked)| booked.used).map(|(id, _)| *id)?;
                self.0.remove(&least);
            }
            let booked = Booked { had: None, state: State::Idle, unwritten: false, used: now };
            self.0.insert(id, Box::new(booked));
        }
        let booked = self.0.get_mut(&id)?;
        booked.used = now;
        Some(booked)
    }

    /// What there is of a token.
    pub(in crate::gate) fn get(&self, id: &AskId) -> Option<&Booked> {
        self.0.get(id).map(|booked| &**booked)
    }

    /// The cookie holds all that is known of this session.
    pub(in crate::gate) fn written(&mut self, session: &[u8; 16]) {
        for (_, booked) in self.0.iter_mut().filter(|(id, _)| id.session == *session) {
            booked.unwritten = false;
        }
    }

    /// What is being done about a token.
    pub(in crate::gate) fn state(&self, id: &AskId) -> Option<&State> {
        self.0.get(id).map(|booked| &booked.state)
    }

    /// Sets that, and gives what it was; nothing where it was forgotten.
    pub(in crate::gate) fn set_state(&mut self, id: &AskId, state: State) -> Option<State> {
        self.0.get_mut(id).map(|booked| std::mem::replace(&mut booked.state, state))
    }

    /// Makes room for the token that was just had for `kept`.
    pub(in crate::gate) fn make_room(&mut self, kept: AskId) {
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
    pub(in crate::gate) fn awaiting_keys(&self) -> Vec<AskId> {
        let waiting = |booked: &Booked| matches!(booked.state, State::AwaitingKeys(..));
        self.0.iter().filter(|(_, booked)| waiting(booked)).map(|(id, _)| *id).collect()
    }
}

impl Booked {
    /// About how many bytes its token takes.
    fn size(&self) -> usize {
        let of = |had: &Rc<Acquired>| had.kept.token.heap_size().saturating_add(had.sent.size());
        self.had.as_ref().map_or(0, of)
    }
}

impl State {
    const fn under_way(&self) -> bool {
        matches!(self, Self::Calling(..) | Self::AwaitingKeys(..))
    }

    const fn since(&mut self) -> Option<&mut Timestamp> {
        match self {
            Self::Calling(since, _) | Self::AwaitingKeys(since, ..) => Some(since),
            Self::Idle | Self::Failed(_) | Self::NotGiven(..) | Self::Refused(..) => None,
        }
    }

    /// Whether it may be asked for now.
    pub(in crate::gate) fn may_call(&self, now: Timestamp) -> bool {
        let over = |at: Timestamp, pause| now < at || now.since(at) > pause;
        match self {
            Self::Idle => true,
            Self::Calling(..) | Self::AwaitingKeys(..) => false,
            Self::Failed(at) => over(*at, COOLDOWN),
            Self::NotGiven(at, _) | Self::Refused(at, _) => over(*at, REFUSED),
        }
    }
}
