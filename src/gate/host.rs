//! What the core asks of whoever runs it: a clock, randomness, calls, signatures, a log.

use crate::crypto::Entropy;
use crate::jose::SignatureBackend;
use crate::provider::HttpCall;
use crate::wire::Timestamp;

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

    /// Who checks signatures.
    fn signatures(&self) -> &dyn SignatureBackend;

    /// Whether lines of this level are kept.
    fn logs(&self, level: Level) -> bool;

    /// Writes one line.
    fn log(&mut self, level: Level, line: &str);
}
