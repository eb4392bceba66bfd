//! The host as the core asks for it: clock, randomness, calls, log.

use std::time::Duration;

use crate::crypto::{Entropy, NoEntropy};
use crate::gate::{CallId, Host, Level, NotSent};
use crate::jose::SignatureBackend;
use crate::provider::HttpCall;
use crate::wire::Timestamp;

use super::signatures::HostSignatures;
use super::{abi, map};

/// The host, for one event of the plugin `root`.
pub(super) struct ThisHost<'a> {
    root: u32,
    /// The context that the event is about; calls are made for the root and then it is back.
    current: u32,
    now: Timestamp,
    log_level: u32,
    signatures: &'a HostSignatures,
}

impl<'a> ThisHost<'a> {
    /// For an event of `current`.
    pub(super) fn new(
        root: u32,
        current: u32,
        log_level: u32,
        signatures: &'a HostSignatures,
    ) -> Self {
        Self { root, current, now: now(), log_level, signatures }
    }
}

/// The host's time. A host without a clock gives the end of all time, at which every
/// token has expired.
fn now() -> Timestamp {
    let millis = abi::time().ok().map(|nanoseconds| Duration::from_nanos(nanoseconds).as_millis());
    let millis = millis.and_then(|millis| i64::try_from(millis).ok());
    Timestamp::from_millis(millis.unwrap_or(i64::MAX))
}

impl Entropy for ThisHost<'_> {
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

impl Host for ThisHost<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    /// Calls belong to the root context, so that they outlive the stream that asked.
    fn dispatch(&mut self, call: &HttpCall) -> Result<CallId, NotSent> {
        let pairs = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers = map::write(pairs);
        // Zero would be no limit at all.
        let timeout = u32::try_from(call.timeout.as_millis()).unwrap_or(u32::MAX).max(1);
        abi::act_for(self.root).map_err(|_| NotSent)?;
        let sent = abi::call(&call.cluster, &headers, &call.body, timeout);
        let back = abi::act_for(self.current);
        match (sent, back) {
            (Ok(id), Ok(())) => Ok(CallId(id)),
            _ => Err(NotSent),
        }
    }

    fn signatures(&self) -> &dyn SignatureBackend {
        self.signatures
    }

    fn logs(&self, level: Level) -> bool {
        number(level) >= self.log_level
    }

    fn log(&mut self, level: Level, line: &str) {
        abi::log(number(level), line);
    }
}

const fn number(level: Level) -> u32 {
    match level {
        Level::Debug => abi::LEVEL_DEBUG,
        Level::Info => abi::LEVEL_INFO,
        Level::Warn => abi::LEVEL_WARN,
        Level::Error => abi::LEVEL_ERROR,
    }
}
