//! Who waits for what: bounded in number and in time.

use std::time::Duration;

use crate::session::KeptForm;
use crate::wire::{SortedMap, Timestamp};

use super::Step;
use super::acquire::memory::AskId;
use super::forms::{self, Unkept};
use super::host::{Host, StreamId};
use super::introspections::TokenId;
use super::refusal::Refusal;
use super::request::Request;
use super::turns::TurnId;
use super::worker::Worker;

/// Most requests that wait at once on one worker; more are told to come again.
const WAITERS_LIMIT: usize = 10_000;

/// What a stream waits for.
#[derive(Debug)]
pub(super) enum Waiting {
    /// That metadata and keys are there.
    Provider,
    /// Newer keys, for a token whose key is not known.
    Keys,
    /// A call to the token endpoint, which another request may have begun.
    Turn(TurnId),
    /// A token for the rule's own upstream, which another request may have asked for.
    Acquired(AskId),
    /// What the provider says of an opaque token, which another request may have asked.
    Introspected(TokenId),
    /// The next tick: the configuration has changed, and it is decided anew.
    Anew,
    /// Its own body, and what was in it.
    Form { since: Timestamp, read: Option<Result<KeptForm, Unkept>> },
}

/// A stream that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    /// When it waited first; all that it waits for together is limited.
    pub(super) since: Timestamp,
    /// What for.
    pub(super) waiting: Waiting,
}

/// The streams that wait on this worker.
#[derive(Debug, Default)]
pub(super) struct Waiters(SortedMap<StreamId, Box<Waiter>>);

impl Waiters {
    /// Lets a stream wait.
    pub(super) fn put(&mut self, stream: StreamId, waiter: Waiter) {
        self.0.insert(stream, Box::new(waiter));
    }

    /// The stream waits no longer.
    pub(super) fn take(&mut self, stream: StreamId) -> Option<Waiter> {
        self.0.remove(&stream).map(|waiter| *waiter)
    }

    /// Lets those wait who waited under another configuration; their time goes on.
    pub(super) fn take_over(&mut self, old: Self) {
        for (stream, waiter) in old.0 {
            self.put(stream, Waiter { waiting: Waiting::Anew, ..*waiter });
        }
    }

    /// What the stream waits for, if it does.
    pub(super) fn of(&mut self, stream: StreamId) -> Option<&mut Waiting> {
        self.0.get_mut(&stream).map(|waiter| &mut waiter.waiting)
    }

    /// The streams whose bodies did not come in time.
    pub(super) fn late_bodies(&mut self, now: Timestamp, patience: Duration) -> Vec<StreamId> {
        let late = |waiter: &mut Waiter| match &mut waiter.waiting {
            Waiting::Form { since, .. } => forms::is_late(since, now, patience),
            _ => false,
        };
        let waiters = self.0.iter_mut();
        waiters.filter_map(|(stream, waiter)| late(waiter).then_some(*stream)).collect()
    }

    /// The streams that wait for something of the kind that `which` says.
    pub(super) fn those(&self, which: impl Fn(&Waiting) -> bool) -> Vec<StreamId> {
        let matching = self.0.iter().filter(|(_, waiter)| which(&waiter.waiting));
        matching.map(|(stream, _)| *stream).collect()
    }

    /// The streams that have waited longer than `patience`. Who came by a clock that has
    /// been set back since counts from now: nobody waits for the time it was set back by,
    /// and nobody is thrown out.
    pub(super) fn overdue(&mut self, now: Timestamp, patience: Duration) -> Vec<StreamId> {
        for (_, waiter) in self.0.iter_mut() {
            waiter.since = waiter.since.min(now);
        }
        let over = |waiter: &Waiter| now.since(waiter.since) > patience;
        self.0.iter().filter(|(_, waiter)| over(waiter)).map(|(stream, _)| *stream).collect()
    }
}

impl Worker {
    /// Lets the request wait.
    ///
    /// # Errors
    /// It has waited long enough, or too many wait already.
    pub(super) fn wait(
        &mut self,
        host: &dyn Host,
        request: &Request<'_>,
        waiting: Waiting,
    ) -> Result<(), Refusal> {
        let now = host.now();
        let since = request.waiting_since.unwrap_or(now).min(now);
        if now.since(since) > self.patience() {
            return Err(Refusal::ProviderUnavailable);
        }
        if self.waiters.0.len() >= WAITERS_LIMIT {
            return Err(Refusal::Busy);
        }
        self.waiters.put(request.stream, Waiter { since, waiting });
        Ok(())
    }

    /// Waits till metadata and keys are there; the provider is asked at once, if it may be.
    #[cold]
    pub(super) fn wait_for_provider(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
    ) -> Result<Step, Refusal> {
        self.wait(host, request, Waiting::Provider)?;
        Ok(Step::Wait)
    }

    /// How long a request waits in all: for two calls that each use all their time.
    pub(super) fn patience(&self) -> Duration {
        self.config.provider.timeout.saturating_mul(2).saturating_add(Duration::from_secs(1))
    }
}
