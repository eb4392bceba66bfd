//! One turn per process: what workers tell each other through the host's shared data.
//!
//! A fixed number of cells holds small lists of entries (shared data is never evicted, so
//! there must not be a key per session). A worker takes a turn by writing its lease into
//! the session's cell by compare-and-set; others find the lease, leave the number of their
//! own queue and are woken when the outcome is there. Publish first, wake second: a waiter
//! either sees the outcome or is in the list. A worker that dies while it holds the turn
//! holds the session up no longer than its lease.
//!
//! Sessions in cells are sealed with the session keys; everything expires. A host without
//! shared data loses nothing but this: each worker then takes its own turn.

mod cell;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::config::Config;
use crate::crypto::digest::sha256;
use crate::wire::{Timestamp, base64url};

use self::cell::{Entry, State};
use super::host::{Expected, Host, NoSharedData};
use super::turns::TurnId;

/// How many cells there are.
const CELLS: u16 = 1_024;
/// How often a cell that another worker changes at the same moment is tried again.
const TRIES: usize = 64;
/// How long others hear of the outcome.
pub(super) const MEMORY: Duration = Duration::from_secs(60);
/// How long a failed call keeps others from making the next one.
pub(super) const COOLDOWN: Duration = Duration::from_secs(1);
/// How long a logout is remembered: longer than any call that was under way lasts.
pub(super) const LOGOUT: Duration = Duration::from_secs(180);

/// What a worker finds when it wants a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The turn is this worker's, under this nonce.
    Mine(u64),
    /// Another worker has it, and wakes this one.
    Elsewhere,
    /// It is done: the new session, sealed.
    Done(Vec<u8>),
    /// It failed a moment ago.
    Failed,
    /// The session is over.
    Ended,
    /// There is nobody to share with.
    Alone,
}

/// What a turn came to.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// The new session, sealed.
    Done(Vec<u8>),
    /// The call failed.
    Failed,
    /// The session is over.
    Ended,
}

/// Why a cell was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unchanged {
    /// The host has nothing to share.
    Alone,
    /// Others changed it all the time, or it is full: they may have the turn.
    Contended,
}

impl From<Unchanged> for Claim {
    fn from(unchanged: Unchanged) -> Self {
        match unchanged {
            Unchanged::Alone => Self::Alone,
            Unchanged::Contended => Self::Failed,
        }
    }
}

/// The cells of one relying party.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cells {
    prefix: String,
}

impl Cells {
    /// The cells of this configuration's issuer and client. Not of all of it: a reload
    /// with other rules must find the turns that are under way.
    pub(super) fn new(config: &Config) -> Self {
        let name = [config.provider.issuer.as_str(), "\0", &config.client.client_id].concat();
        let digest = base64url::encode(&sha256(name.as_bytes()));
        Self { prefix: format!("oidc-gate/1/{digest}/") }
    }

    /// Takes the turn, or finds what became of it.
    pub(super) fn claim(&self, host: &mut dyn Host, id: &TurnId, lease: Duration) -> Claim {
        let Some(queue) = host.queue() else { return Claim::Alone };
        // Nor could the outcome be sealed, for others or for the browser: better no call.
        let Ok(nonce) = nonce(host) else { return Claim::Failed };
        let now = host.now();
        let changed = self.change(host, id, |entries| {
            if entries.iter().any(|entry| is_logout(entry, id)) {
                return (Claim::Ended, false);
            }
            joined(entries, id, queue).unwrap_or_else(|| {
                let state = State::Lease { nonce, waiters: vec![] };
                entries.push(Entry { id: *id, until: now.plus(lease), state });
                (Claim::Mine(nonce), true)
            })
        });
        changed.unwrap_or_else(Claim::from)
    }

    /// What another worker made of the turn, or is about to; `None` where none has it.
    pub(super) fn join(&self, host: &mut dyn Host, id: &TurnId) -> Option<Claim> {
        let queue = host.queue()?;
        let found = self.change(host, id, |entries| {
            if entries.iter().any(|entry| is_logout(entry, id)) {
                return (Some(Claim::Ended), false);
            }
            match joined(entries, id, queue) {
                Some((found, changed)) => (Some(found), changed),
                None => (None, false),
            }
        });
        found.unwrap_or(None)
    }

    /// Gives the turn back: nothing came of it, and nothing was spent. Whoever waits may take it.
    pub(super) fn release(&self, host: &mut dyn Host, id: &TurnId, nonce: u64) {
        let woken = self.change(host, id, |entries| {
            let mine = |entry: &Entry| match &entry.state {
                State::Lease { nonce: other, .. } => entry.id == *id && *other == nonce,
                _ => false,
            };
            let position = entries.iter().position(mine);
            match position.map(|position| entries.swap_remove(position).state) {
                Some(State::Lease { waiters, .. }) => (waiters, true),
                _ => (Vec::new(), false),
            }
        });
        // Where that fails the lease ends as it was to end.
        wake(host, id, &woken.unwrap_or_default());
    }

    /// Whether another worker still has the turn.
    pub(super) fn leased(&self, host: &mut dyn Host, id: &TurnId) -> bool {
        let found = self.change(host, id, |entries| {
            let entry = entries.iter().find(|entry| entry.id == *id);
            (entry.is_some_and(|entry| matches!(entry.state, State::Lease { .. })), false)
        });
        found.unwrap_or(false)
    }

    /// Whether any worker has, or has had, the turn, or the session was logged out.
    pub(super) fn taken(&self, host: &mut dyn Host, id: &TurnId) -> bool {
        let found = self.change(host, id, |entries| {
            let taken = entries.iter().any(|entry| {
                is_logout(entry, id) || (entry.id == *id && entry.state != State::Failed)
            });
            (taken, false)
        });
        // Others changed it all the time: then somebody is at it.
        found.unwrap_or_else(|unchanged| unchanged == Unchanged::Contended)
    }

    /// Whether the session was logged out on any worker a moment ago.
    pub(super) fn logged_out(&self, host: &mut dyn Host, session: [u8; 16]) -> bool {
        self.taken(host, &TurnId::of_logout(session))
    }

    /// The holder needs more time.
    pub(super) fn extend(&self, host: &mut dyn Host, id: &TurnId, nonce: u64, lease: Duration) {
        let until = host.now().plus(lease);
        // Where that fails the lease ends as it was to end.
        let _ = self.change(host, id, |entries| {
            let mine = |entry: &&mut Entry| {
                entry.id == *id
                    && matches!(entry.state, State::Lease { nonce: other, .. } if other == nonce)
            };
            match entries.iter_mut().find(mine) {
                Some(entry) => {
                    entry.until = until;
                    ((), true)
                }
                None => ((), false),
            }
        });
    }

    /// Tells the others what a turn came to, and wakes them. Gives what stands there then:
    /// a logout in the meantime wins, a success that is there stays, and so does the lease
    /// of whoever took the turn over, unless this is a success.
    pub(super) fn publish(
        &self,
        host: &mut dyn Host,
        id: &TurnId,
        nonce: u64,
        outcome: &Outcome,
    ) -> Claim {
        let now = host.now();
        let success = matches!(outcome, Outcome::Done(_));
        let published = self.change(host, id, |entries| {
            if entries.iter().any(|entry| is_logout(entry, id)) {
                return ((Claim::Ended, Vec::new()), false);
            }
            let position = entries.iter().position(|entry| entry.id == *id);
            let waiters = match position.and_then(|position| entries.get(position)) {
                Some(Entry { state: State::Lease { nonce: other, waiters }, .. }) => {
                    if *other != nonce && !success {
                        return ((Claim::Elsewhere, Vec::new()), false);
                    }
                    waiters.clone()
                }
                Some(Entry { state: state @ State::Done(_), .. }) => {
                    return ((claim_of(state), Vec::new()), false);
                }
                Some(Entry { state: state @ State::Ended, .. }) if !success => {
                    return ((claim_of(state), Vec::new()), false);
                }
                Some(_) | None => Vec::new(),
            };
            if let Some(position) = position {
                entries.swap_remove(position);
            }
            let (state, until) = new_state(outcome, now);
            let stands = claim_of(&state);
            entries.push(Entry { id: *id, until, state });
            ((stands, waiters), true)
        });
        match published {
            Ok((stands, waiters)) => {
                wake(host, id, &waiters);
                stands
            }
            Err(unchanged) => unchanged.into(),
        }
    }

    /// The session is over on every worker, whatever is under way.
    pub(super) fn end(&self, host: &mut dyn Host, session: [u8; 16]) {
        let logout = TurnId::of_logout(session);
        let until = host.now().plus(LOGOUT);
        let woken = self.change(host, &logout, |entries| {
            let mut woken = Vec::new();
            for entry in entries.iter_mut().filter(|entry| entry.id.session == session) {
                let state = std::mem::replace(&mut entry.state, State::Ended);
                entry.until = until;
                if let State::Lease { waiters, .. } = state {
                    woken.push((entry.id, waiters));
                }
            }
            if !entries.iter().any(|entry| entry.id == logout) {
                entries.push(Entry { id: logout, until, state: State::Ended });
            }
            (woken, true)
        });
        for (id, waiters) in woken.unwrap_or_default() {
            wake(host, &id, &waiters);
        }
    }

    /// Changes the session's cell by compare-and-set. `change` gives what the caller wants
    /// to know, and whether the cell is to be written; it may run several times.
    fn change<T>(
        &self,
        host: &mut dyn Host,
        id: &TurnId,
        mut change: impl FnMut(&mut Vec<Entry>) -> (T, bool),
    ) -> Result<T, Unchanged> {
        let key = self.key(id);
        for _ in 0..TRIES {
            let (bytes, expected) = match host.shared(&key) {
                Ok(Some((bytes, version))) => (bytes, Expected::Version(version)),
                Ok(None) => (Vec::new(), Expected::Absent),
                Err(NoSharedData) => return Err(Unchanged::Alone),
            };
            let mut entries = cell::read(&bytes, host.now());
            let (found, write) = change(&mut entries);
            if !write {
                return Ok(found);
            }
            cell::make_room(&mut entries);
            let bytes = cell::write(&entries).ok_or(Unchanged::Contended)?;
            match host.share(&key, &bytes, expected) {
                Ok(true) => return Ok(found),
                Ok(false) => {}
                Err(NoSharedData) => return Err(Unchanged::Alone),
            }
        }
        Err(Unchanged::Contended)
    }

    fn key(&self, id: &TurnId) -> String {
        // A session's id is random, so its first bytes spread sessions over the cells.
        let [first, second, ..] = id.session;
        let cell = u16::from_be_bytes([first, second]) & (CELLS.wrapping_sub(1));
        format!("{}{cell}", self.prefix)
    }
}

/// What stands there of a turn; whoever has it will wake `queue`. The flag: the cell has changed.
fn joined(entries: &mut [Entry], id: &TurnId, queue: u32) -> Option<(Claim, bool)> {
    let entry = entries.iter_mut().find(|entry| entry.id == *id)?;
    Some(match &mut entry.state {
        State::Lease { waiters, .. } => {
            let waits = cell::add_waiter(waiters, queue);
            (if waits { Claim::Elsewhere } else { Claim::Failed }, waits)
        }
        State::Done(sealed) => (Claim::Done(sealed.clone()), false),
        State::Failed => (Claim::Failed, false),
        State::Ended => (Claim::Ended, false),
    })
}

fn is_logout(entry: &Entry, id: &TurnId) -> bool {
    entry.id == TurnId::of_logout(id.session)
}

fn new_state(outcome: &Outcome, now: Timestamp) -> (State, Timestamp) {
    match outcome {
        Outcome::Done(sealed) => (State::Done(sealed.clone()), now.plus(MEMORY)),
        Outcome::Failed => (State::Failed, now.plus(COOLDOWN)),
        Outcome::Ended => (State::Ended, now.plus(MEMORY)),
    }
}

fn claim_of(state: &State) -> Claim {
    match state {
        State::Lease { .. } => Claim::Elsewhere,
        State::Done(sealed) => Claim::Done(sealed.clone()),
        State::Failed => Claim::Failed,
        State::Ended => Claim::Ended,
    }
}

fn wake(host: &mut dyn Host, id: &TurnId, waiters: &[u32]) {
    let message = id.message();
    for queue in waiters {
        host.wake(*queue, &message);
    }
}

fn nonce(host: &mut dyn Host) -> Result<u64, crate::crypto::NoEntropy> {
    crate::crypto::entropy::random_bytes::<8>(host).map(u64::from_be_bytes)
}
