//! The life of the key set (OIDC Core 10.1.1: keys rotate; an unknown `kid` is a reason to ask).
//!
//! The old keys stay until a set comes that parses and has a usable key, so a provider that is
//! down or talks nonsense costs nobody a session. A token with a `kid` that is not there makes
//! one fetch, and then none for 10 s, whatever came of it: `kid` is the attacker's to choose.

use std::time::Duration;

use super::answer::{Answer, printable};
use super::error::Fault;
use super::schedule::{Due, Schedule, apart};
use crate::crypto::digest::sha256;
use crate::jose::KeySet;
use crate::wire::Timestamp;

const EVERY: Duration = Duration::from_secs(600);
const COOLDOWN: Duration = Duration::from_secs(10);

/// Whether a token's unknown key may turn up soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysWanted {
    /// A fetch is under way or due at once: judge again when it has been answered.
    Fetching,
    /// It was asked for a moment ago: judge by what is known.
    Throttled,
}

/// The keys of the provider and when they are asked for.
#[derive(Debug)]
pub(super) struct Keys {
    set: Option<KeySet>,
    generation: u64,
    /// SHA-256 of the set as it came.
    digest: Option<[u8; 32]>,
    schedule: Schedule,
    wanted: Option<Timestamp>,
}

impl Keys {
    /// No keys yet; due at once.
    pub(super) const fn new(patience: Duration) -> Self {
        let schedule = Schedule::new(EVERY, patience);
        Self { set: None, generation: 0, digest: None, schedule, wanted: None }
    }

    /// The keys, once there were any.
    pub(super) const fn set(&self) -> Option<&KeySet> {
        self.set.as_ref()
    }

    /// How many different sets were taken in so far.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// See [`Schedule::due`].
    pub(super) fn due(&mut self, now: Timestamp, jitter: u16) -> Due {
        self.schedule.due(now, jitter)
    }

    /// The schedule, for what both kinds of fetch have in common.
    pub(super) const fn schedule(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    /// A token names a key that is not there. One fetch serves all who ask meanwhile.
    pub(super) fn want(&mut self, now: Timestamp) -> KeysWanted {
        if self.schedule.under_way_or_due(now) {
            return KeysWanted::Fetching;
        }
        if self.wanted.is_some_and(|wanted| apart(wanted, now) < COOLDOWN) {
            return KeysWanted::Throttled;
        }
        self.wanted = Some(now);
        self.schedule.hasten(now);
        KeysWanted::Fetching
    }

    /// Takes in the answer to a fetch; gives back why keys were skipped, one line each.
    ///
    /// # Errors
    /// [`Fault`]: no answer, no key set, or no key in it that can be used; the old keys stay.
    pub(super) fn take(&mut self, answer: &Answer<'_>) -> Result<Vec<String>, Fault> {
        let set = read(answer)?;
        let skipped = set.skipped().to_vec();
        // The same keys again are no news: what was verified with them stays verified.
        let digest = sha256(answer.body);
        if self.digest != Some(digest) {
            self.generation = self.generation.saturating_add(1);
        }
        (self.set, self.digest) = (Some(set), Some(digest));
        Ok(skipped)
    }
}

fn read(answer: &Answer<'_>) -> Result<KeySet, Fault> {
    answer.ok()?;
    // Told apart first, so that an error page is called one; the set itself is jose's to read.
    answer.object()?;
    let set = KeySet::parse(answer.body).map_err(Fault::KeySet)?;
    if set.is_empty() {
        let skipped = set.skipped().join("; ");
        let found = if skipped.is_empty() { "the set is empty".to_owned() } else { skipped };
        return Err(Fault::NoUsableKey { found: printable(&found) });
    }
    Ok(set)
}
