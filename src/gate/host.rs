//! What the core asks of whoever runs it: a clock, randomness, calls, signatures, a log.

use crate::crypto::Entropy;
use crate::jose::SignatureBackend;
use crate::provider::HttpCall;
use crate::wire::Timestamp;

use super::access_log::Field;
use super::log::Line;
use super::metrics::Metric;

/// One request, by the host's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// One call to the provider, by the host's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

/// The host did not send a call: the cluster is not (yet) known, or the call is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host did not send the call: is the cluster configured?")]
pub struct NotSent;

/// The host has nothing that its workers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSharedData;

/// The host has no access log that takes fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAccessLog;

/// What must stand under a key for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// What was read with this version.
    Version(u32),
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for the cause of something.
    Debug,
    /// What one would like to read the day after.
    Info,
    /// Somebody should look at it.
    Warn,
    /// The gate can not do its work.
    Error,
}

/// The host of a worker.
pub trait Host: Entropy {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Sends `call`; the answer comes back through [`super::Worker::answered`], also
    /// when the request that asked is gone by then.
    ///
    /// # Errors
    /// [`NotSent`]: no answer will come.
    fn dispatch(&mut self, call: &HttpCall) -> Result<CallId, NotSent>;

    /// What the workers of this process keep under `key`, and its version.
    ///
    /// # Errors
    /// [`NoSharedData`]: this host has nothing that its workers share.
    fn shared(&mut self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NoSharedData> {
        let _ = key;
        Err(NoSharedData)
    }

    /// Writes `value` for all workers, if what stands there is still what was expected;
    /// false if it is not.
    ///
    /// # Errors
    /// [`NoSharedData`]: this host has nothing that its workers share.
    fn share(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<bool, NoSharedData> {
        let _ = (key, value, expected);
        Err(NoSharedData)
    }

    /// The number under which other workers wake this one; `None` where they can not.
    fn queue(&self) -> Option<u32> {
        None
    }

    /// Wakes the worker of `queue`: it gets `message` through [`super::Worker::woken`].
    fn wake(&mut self, queue: u32, message: &[u8]) {
        let _ = (queue, message);
    }

    /// The host's own name for the route that the current request will take; empty where it has
    /// none. `None`: this host does not tell.
    fn route_name(&self) -> Option<Vec<u8>> {
        None
    }

    /// Counts it, where this host counts anything. It can not fail: nothing depends on it.
    fn count(&self, metric: Metric) {
        let _ = metric;
    }

    /// Gives the host's own access log a field of the current request.
    ///
    /// # Errors
    /// [`NoAccessLog`]: this host takes none.
    fn access_log(&mut self, field: Field, value: &str) -> Result<(), NoAccessLog> {
        let _ = (field, value);
        Err(NoAccessLog)
    }

    /// Who checks signatures.
    fn signatures(&self) -> &dyn SignatureBackend;

    /// Whether lines of this level are kept.
    fn logs(&self, level: Level) -> bool;

    /// Writes one line.
    fn log(&mut self, level: Level, line: &Line<'_>);
}
