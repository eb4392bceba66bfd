//! What this worker knows about the provider, and what it has to ask next.
//!
//! ```text
//! due ──> call ──> (the host) ──> answered | not_sent
//! ```
//!
//! The gate asks [`Provider::due`] on every tick, after every answer and after
//! [`Provider::want_keys`], sends what it names and brings the answers back. What was learned
//! stays until something better comes: a later fetch that fails takes nothing away.

use std::time::Duration;

use super::answer::Answer;
use super::call::{HttpCall, asked};
use super::discovery::Metadata;
use super::error::{Fault, ProviderError};
use super::keys::{Keys, KeysWanted};
use super::schedule::{Due, Schedule};
use crate::config;
use crate::http::Url;
use crate::jose::KeySet;
use crate::wire::Timestamp;

const METADATA_EVERY: Duration = Duration::from_secs(3_600);
/// How much longer than the call's timeout an answer is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// A kind of fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fetch {
    /// The provider's metadata (OIDC Discovery 4).
    Discovery,
    /// The provider's keys.
    Keys,
}

/// What an answer brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Learned {
    /// The endpoints; the keys may be due now.
    Metadata,
    /// Keys.
    Keys {
        /// Why keys of the set are not used, one line each.
        skipped: Vec<String>,
    },
}

/// What one worker knows about the provider.
#[derive(Debug)]
pub struct Provider {
    config: config::Provider,
    needs_login: bool,
    metadata: Option<Metadata>,
    /// `None` where the metadata is configured and never fetched.
    discovery: Option<Schedule>,
    keys: Keys,
    discovery_problem: Option<String>,
    keys_problem: Option<String>,
}

impl Provider {
    /// Nothing known yet but what is configured. `needs_login`: whether browsers are logged
    /// in; otherwise issuer and keys are all that is needed.
    #[must_use]
    pub fn new(config: &config::Provider, needs_login: bool) -> Self {
        let patience = config.timeout.saturating_add(GRACE);
        let mut provider = Self {
            config: config.clone(),
            needs_login,
            metadata: None,
            discovery: None,
            keys: Keys::new(patience),
            discovery_problem: None,
            keys_problem: None,
        };
        if config.discovery {
            provider.discovery = Some(Schedule::new(METADATA_EVERY, patience));
            return provider;
        }
        match Metadata::fixed(config, needs_login) {
            Ok(metadata) => provider.metadata = Some(metadata),
            Err(fault) => {
                let asked = "provider.metadata with discovery: false".to_owned();
                provider.discovery_problem = Some(ProviderError { asked, fault }.to_string());
            }
        }
        provider
    }

    /// Whether metadata and keys are there: before that, nobody can be judged.
    #[must_use]
    pub const fn ready(&self) -> bool {
        self.metadata.is_some() && self.keys.set().is_some()
    }

    /// The provider's endpoints, once known.
    #[must_use]
    pub const fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// The provider's keys, once known.
    #[must_use]
    pub const fn keys(&self) -> Option<&KeySet> {
        self.keys.set()
    }

    /// How many key sets were taken in so far: another number, perhaps other keys.
    #[must_use]
    pub const fn keys_generation(&self) -> u64 {
        self.keys.generation()
    }

    /// The fetches to send now; each counts as under way until it is answered, was not sent
    /// or is given up one second after its timeout. `jitter` is random: pauses differ by it,
    /// a fifth either way.
    pub fn due(&mut self, now: Timestamp, jitter: u16) -> Vec<Fetch> {
        let mut fetches = Vec::new();
        match self.discovery.as_mut().map_or(Due::No, |schedule| schedule.due(now, jitter)) {
            Due::No => {}
            Due::Send => fetches.push(Fetch::Discovery),
            Due::GivenUp { after } => self.note(Fetch::Discovery, Fault::GivenUp { after }),
        }
        if self.metadata.is_none() {
            return fetches;
        }
        match self.keys.due(now, jitter) {
            Due::No => {}
            Due::Send => fetches.push(Fetch::Keys),
            Due::GivenUp { after } => self.note(Fetch::Keys, Fault::GivenUp { after }),
        }
        fetches
    }

    /// The call that carries out `fetch`; `None` where its URL is not known.
    #[must_use]
    pub fn call(&self, fetch: Fetch) -> Option<HttpCall> {
        self.url(fetch).map(|url| HttpCall::get(&self.config, &url))
    }

    /// Takes in the answer to `fetch`.
    ///
    /// # Errors
    /// [`ProviderError`], for the operator; what was known stays, and the fetch is tried
    /// again after a pause that doubles from 1 s to 60 s. An answer to a fetch that is not
    /// under way is not read and changes nothing: [`Fault::NotAwaited`].
    pub fn answered(
        &mut self,
        fetch: Fetch,
        answer: &Answer<'_>,
        now: Timestamp,
        jitter: u16,
    ) -> Result<Learned, ProviderError> {
        if !self.schedule(fetch).is_some_and(|schedule| schedule.under_way()) {
            return Err(self.error(fetch, Fault::NotAwaited));
        }
        let learned = match fetch {
            Fetch::Discovery => self.take_metadata(answer, now),
            Fetch::Keys => self.keys.take(answer).map(|skipped| Learned::Keys { skipped }),
        };
        if let Some(schedule) = self.schedule(fetch) {
            match learned {
                Ok(_) => schedule.succeeded(now, jitter),
                Err(_) => schedule.failed(now, jitter),
            }
        }
        match learned {
            Ok(learned) => {
                *self.problem(fetch) = None;
                Ok(learned)
            }
            Err(fault) => {
                let error = self.error(fetch, fault);
                *self.problem(fetch) = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// The host did not take the call of `fetch` (its cluster may come later): it is tried
    /// again after a pause that doubles from 1 s to 5 s.
    pub fn not_sent(&mut self, fetch: Fetch, now: Timestamp, jitter: u16) {
        let Some(schedule) = self.schedule(fetch).filter(|schedule| schedule.under_way()) else {
            return;
        };
        schedule.not_sent(now, jitter);
        self.note(fetch, Fault::NotSent);
    }

    /// Whether the last fetch of the keys failed: newer ones may exist.
    #[must_use]
    pub const fn keys_failing(&self) -> bool {
        self.keys_problem.is_some()
    }

    /// A token names a key that is not there: fetches the keys, at most once in 10 s.
    pub fn want_keys(&mut self, now: Timestamp) -> KeysWanted {
        self.keys.want(now)
    }

    /// What stands between this worker and fresh metadata and keys, as a sentence for the
    /// operator; `None` where the last fetch of each kind went well.
    #[must_use]
    pub fn last_problem(&self) -> Option<&str> {
        self.discovery_problem.as_deref().or(self.keys_problem.as_deref())
    }

    fn take_metadata(&mut self, answer: &Answer<'_>, now: Timestamp) -> Result<Learned, Fault> {
        let new = Metadata::read(answer, &self.config, self.needs_login)?;
        let old = self.metadata.replace(new);
        let at = |metadata: &Option<Metadata>| {
            metadata.as_ref().map(|metadata| metadata.jwks_uri.as_str().to_owned())
        };
        if at(&old) != at(&self.metadata) {
            self.keys.schedule().hasten(now);
        }
        Ok(Learned::Metadata)
    }

    const fn schedule(&mut self, fetch: Fetch) -> Option<&mut Schedule> {
        match fetch {
            Fetch::Discovery => self.discovery.as_mut(),
            Fetch::Keys => Some(self.keys.schedule()),
        }
    }

    /// Where `fetch` goes to; `None` where that is not known yet.
    #[must_use]
    pub fn url(&self, fetch: Fetch) -> Option<Url> {
        match fetch {
            Fetch::Discovery => Metadata::url(&self.config),
            Fetch::Keys => self.metadata.as_ref().map(|metadata| metadata.jwks_uri.clone()),
        }
    }

    const fn problem(&mut self, fetch: Fetch) -> &mut Option<String> {
        match fetch {
            Fetch::Discovery => &mut self.discovery_problem,
            Fetch::Keys => &mut self.keys_problem,
        }
    }

    fn note(&mut self, fetch: Fetch, fault: Fault) {
        *self.problem(fetch) = Some(self.error(fetch, fault).to_string());
    }

    fn error(&self, fetch: Fetch, fault: Fault) -> ProviderError {
        let asked = self.url(fetch).map(|url| asked(&self.config, &url));
        ProviderError { asked: asked.unwrap_or_else(|| "no URL known".to_owned()), fault }
    }
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
