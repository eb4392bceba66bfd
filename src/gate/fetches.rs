//! The provider's metadata and keys: fetched when they are due, taken in, and who waited for them.

use crate::provider::{Answer, Fetch, Learned};

use super::host::{Host, Level, StreamId};
use super::log::Line;
use super::metrics::Endpoint;
use super::tally;
use super::wait::Waiting;
use super::worker::{Flight, Worker};

impl Worker {
    /// Sends whatever metadata or key fetch is due.
    pub(super) fn fetch_due(&mut self, host: &mut dyn Host) {
        let (now, jitter) = (host.now(), jitter(host));
        for fetch in self.provider.due(now, jitter) {
            let sent = self.provider.call(fetch).map(|call| host.dispatch(&call));
            match sent {
                Some(Ok(id)) => {
                    self.flights.insert(id, Flight::Fetch(fetch));
                }
                Some(Err(not_sent)) => {
                    tally::call(host, Endpoint::of(fetch), None);
                    let cluster = &self.config.provider.cluster;
                    let message = format!("provider.cluster {cluster:?}: {not_sent}");
                    host.log(Level::Warn, &Line::Message(&message));
                    self.provider.not_sent(fetch, now, jitter);
                }
                None => self.provider.not_sent(fetch, now, jitter),
            }
        }
    }

    pub(super) fn fetched(
        &mut self,
        host: &mut dyn Host,
        fetch: Fetch,
        answer: &Answer<'_>,
    ) -> Vec<StreamId> {
        let (now, jitter) = (host.now(), jitter(host));
        let was_ready = self.provider.ready();
        let learned = self.provider.answered(fetch, answer, now, jitter);
        tally::fetched(host, fetch, learned.is_ok());
        let keys_came = matches!(learned, Ok(Learned::Keys { .. }));
        match learned {
            Ok(Learned::Metadata) => {
                host.log(Level::Info, &Line::Message("the provider's metadata is there"));
                // The keys' address is known now: no need to wait for the next tick.
                self.fetch_due(host);
            }
            Ok(Learned::Keys { skipped }) => {
                host.log(Level::Info, &Line::Message("the provider's keys are there"));
                for note in skipped {
                    host.log(Level::Debug, &Line::Message(&format!("a key was skipped: {note}")));
                }
            }
            Err(problem) => host.log(Level::Warn, &Line::Message(&problem.to_string())),
        }
        let ready = !was_ready && self.provider.ready();
        // Tokens from the provider itself are not thrown away because its keys did not come
        // this time; a client's own may be anything, and is answered.
        let settled = if keys_came { self.settle_turns(host) } else { Vec::new() };
        let mut streams = self.settled(&settled);
        if keys_came {
            streams.extend(self.settle_acquisitions(host));
        }
        streams.extend(self.waiters.those(|waiting| match waiting {
            Waiting::Provider => ready,
            Waiting::Keys => fetch == Fetch::Keys,
            Waiting::Turn(_)
            | Waiting::Acquired(_)
            | Waiting::Introspected(_)
            | Waiting::Form { .. }
            | Waiting::Anew => false,
        }));
        streams
    }
}

/// So that many workers do not ask at the same moment. Without randomness: no jitter.
fn jitter(host: &mut dyn Host) -> u16 {
    crate::crypto::entropy::random_bytes::<2>(host).map(u16::from_be_bytes).unwrap_or_default()
}
