//! The host as the core asks for it: clock, randomness, calls, log.

use crate::config::LogFormat;
use crate::crypto::{Entropy, NoEntropy};
use crate::gate::metrics::Metric;
use crate::gate::{CallId, Expected, Field, Host, Level, Line, NoAccessLog, NoSharedData, NotSent};
use crate::jose::SignatureBackend;
use crate::provider::HttpCall;
use crate::wire::{Timestamp, base64url};

use super::metrics::Metrics;
use super::signatures::HostSignatures;
use super::{abi, access_log, map};

/// The version that no value has, so that only an absent key can be written with it.
const CREATE: u32 = u32::MAX;

/// What is written into the host's log, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log {
    /// The least level that the host wants.
    pub(super) level: u32,
    pub(super) format: LogFormat,
}

/// The host, for one event of the plugin `root`.
pub(super) struct ThisHost<'a> {
    root: u32,
    /// The context that the event is about; calls are made for the root and then it is back.
    current: u32,
    /// The host did not come back to it.
    astray: bool,
    now: Timestamp,
    log: Log,
    queue: Option<u32>,
    signatures: &'a HostSignatures,
    metrics: Option<&'a Metrics>,
}

/// A key of shared data under which nothing else stands.
const PROBE: &str = "oidc-gate/1/is-there-shared-data";

/// Registers a queue of this worker's own, where the host has shared data, too: one is no use
/// without the other. For hosts that survive the question.
///
/// Its name is random: of several workers with one name only the last would be woken.
pub(super) fn register_queue() -> Option<u32> {
    let mut random = [0; 16];
    fill(&mut random).ok()?;
    let there = match abi::shared_data(PROBE).ok()? {
        Some(_) => true,
        None => abi::set_shared_data(PROBE, b"yes", CREATE).is_ok(),
    };
    let name = || format!("oidc-gate/{}", base64url::encode(&random));
    there.then(|| abi::register_queue(&name()).ok()).flatten()
}

/// Whether the host has random numbers.
pub(super) fn randomness() -> bool {
    fill(&mut [0]).is_ok()
}

/// The least level that the host wants logged; where it does not say, info.
pub(super) fn log_level() -> u32 {
    abi::log_level().unwrap_or(abi::LEVEL_INFO)
}

#[allow(clippy::disallowed_methods, reason = "this is the one place")]
fn fill(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    getrandom::fill(bytes).map_err(|_| NoEntropy)
}

impl<'a> ThisHost<'a> {
    /// For an event of `current`.
    pub(super) fn new(
        root: u32,
        current: u32,
        log: Log,
        queue: Option<u32>,
        signatures: &'a HostSignatures,
        metrics: Option<&'a Metrics>,
    ) -> Self {
        Self { root, current, astray: false, now: now(), log, queue, signatures, metrics }
    }

    /// Whether calls that follow could be about another context than the event's.
    pub(super) const fn is_astray(&self) -> bool {
        self.astray
    }
}

/// The host's time. A host without a clock gives the end of all time, at which every
/// token has expired.
fn now() -> Timestamp {
    let millis = abi::time().ok().and_then(|nanoseconds| nanoseconds.checked_div(1_000_000));
    let millis = millis.and_then(|millis| i64::try_from(millis).ok());
    Timestamp::from_millis(millis.unwrap_or(i64::MAX))
}

impl Entropy for ThisHost<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        fill(bytes)
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
        let sent = abi::act_for(self.root)
            .and_then(|()| abi::call(&call.cluster, &headers, &call.body, timeout));
        // Whatever came of it. What was sent is sent: the answer will come, and it was paid for.
        self.astray = abi::act_for(self.current).is_err();
        sent.map(CallId).map_err(|_| NotSent)
    }

    /// Without a queue there is nobody to share with, or a host that does not survive the question.
    fn shared(&mut self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NoSharedData> {
        self.queue.ok_or(NoSharedData)?;
        let found = abi::shared_data(key).map_err(|_| NoSharedData)?;
        Ok(found.map(|(bytes, version)| (bytes.as_slice().to_vec(), version)))
    }

    fn share(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<bool, NoSharedData> {
        self.queue.ok_or(NoSharedData)?;
        let write = |version| abi::set_shared_data(key, value, version).map_err(|_| NoSharedData);
        match expected {
            Expected::Version(version) => write(version),
            Expected::Absent if write(CREATE)? => Ok(true),
            // Some hosts create with version 0 instead, which in Envoy would overwrite: so
            // only where there is still nothing, and `CREATE` has just been refused.
            Expected::Absent => match self.shared(key)? {
                None => write(0),
                Some(_) => Ok(false),
            },
        }
    }

    fn queue(&self) -> Option<u32> {
        self.queue
    }

    fn wake(&mut self, queue: u32, message: &[u8]) {
        // A worker that is gone needs no waking.
        let _ = abi::enqueue(queue, message);
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        abi::property(&["xds", "route_name"]).ok().map(|name| name.as_slice().to_vec())
    }

    fn count(&self, metric: Metric) {
        if let Some(metrics) = self.metrics {
            metrics.count(metric);
        }
    }

    fn access_log(&mut self, field: Field, value: &str) -> Result<(), NoAccessLog> {
        // Where the host did not come back to the request, it would be about another.
        if self.astray {
            return Ok(());
        }
        access_log::set(field.name(), value).map_err(|_| NoAccessLog)
    }

    fn signatures(&self) -> &dyn SignatureBackend {
        self.signatures
    }

    fn logs(&self, level: Level) -> bool {
        number(level) >= self.log.level
    }

    fn log(&mut self, level: Level, line: &Line<'_>) {
        let text = match self.log.format {
            LogFormat::Text => line.to_string(),
            LogFormat::Json => line.to_json(level),
        };
        abi::log(number(level), &text);
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
