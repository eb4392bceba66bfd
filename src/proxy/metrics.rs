//! Counters of the host's: each series is defined once in a VM, and counted by its number from then on.
//!
//! Where the host takes none, nothing is counted, and nothing else changes.

use crate::gate::metrics::{self, Kind, Metric, SERIES};

use super::abi;

/// The host's numbers of the series, in the order of [`metrics::series`]; those that it has not
/// taken are missing at the end.
pub(super) struct Metrics(Box<[u32]>);

impl Metrics {
    /// Defines all series, so that they stand at zero before anything is counted. A host without
    /// metrics is asked once; the log is told once.
    #[cold]
    pub(super) fn define() -> Self {
        let series = metrics::series();
        let numbers: Box<[u32]> = series
            .iter()
            .map_while(|(kind, name)| abi::define_metric(number_of(*kind), name).ok())
            .collect();
        if let Some((_, first)) = series.get(numbers.len()) {
            let taken = numbers.len();
            abi::log(
                abi::LEVEL_WARN,
                &format!(
                    "oidc-gate: the host takes {taken} of {SERIES} metrics, and not {first}: what \
                     it does not take is not counted"
                ),
            );
        }
        Self(numbers)
    }

    /// Counts it, if the host does.
    pub(super) fn count(&self, metric: Metric) {
        let Some(number) = self.0.get(metric.place()) else { return };
        // A host that does not count this time loses it: no request is worth less for that.
        let _ = match metric {
            Metric::SessionBytes(bytes) => abi::record_metric(*number, bytes),
            _ => abi::increment_metric(*number, 1),
        };
    }
}

/// As the ABI numbers it.
const fn number_of(kind: Kind) -> u32 {
    match kind {
        Kind::Counter => 0,
        Kind::Histogram => 2,
    }
}
