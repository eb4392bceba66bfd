//! Counters of the host's: each series is defined once in a VM, and counted by its number from then on.
//!
//! Where the host takes none, nothing is counted, and nothing else changes. The host is told with
//! the next tick: to tell it at once would cost each request a call or two.

use std::cell::Cell;

use crate::gate::metrics::{self, Kind, Metric};

use super::abi;
use super::capabilities::Counting;

/// The host's numbers of the series, in the order of [`metrics::series`]; those that it has not
/// taken are missing at the end. Beside each, what the host has not been told yet.
pub(super) struct Metrics(Box<[(u32, Cell<u32>)]>);

impl Metrics {
    /// Defines all series, so that they stand at zero before anything is counted. A host without
    /// metrics is asked once.
    #[cold]
    pub(super) fn define() -> Self {
        let series = metrics::series();
        let numbers: Box<[_]> = series
            .iter()
            .map_while(|(kind, name)| abi::define_metric(number_of(*kind), name).ok())
            .map(|number| (number, Cell::new(0)))
            .collect();
        Self(numbers)
    }

    /// How much of it the host has taken.
    #[cold]
    pub(super) fn counting(&self) -> Counting {
        let taken = self.0.len();
        match metrics::series().get(taken) {
            None => Counting::Host,
            Some(_) if taken == 0 => Counting::Nobody,
            Some((_, refused)) => Counting::Partly(taken, refused.clone()),
        }
    }

    /// Counts it, if the host does.
    pub(super) fn count(&self, metric: Metric) {
        let Some((number, untold)) = self.0.get(metric.place()) else { return };
        match metric {
            // A host that does not count this time loses it: no request is worth less for that.
            Metric::SessionBytes(bytes) => drop(abi::record_metric(*number, bytes)),
            _ => untold.set(untold.get().saturating_add(1)),
        }
    }

    /// Tells the host what was counted since.
    pub(super) fn tell(&self) {
        for (number, untold) in &self.0 {
            let count = untold.replace(0);
            if count > 0 {
                let _ = abi::increment_metric(*number, count.into());
            }
        }
    }
}

/// As the ABI numbers it.
const fn number_of(kind: Kind) -> u32 {
    match kind {
        Kind::Counter => 0,
        Kind::Histogram => 2,
    }
}
