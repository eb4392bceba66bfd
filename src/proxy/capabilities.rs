//! What this host has of what the gate can do without: found out with each configuration, and told
//! in one line.
//!
//! Nothing is asked that the gate does not use. A host that is not known to be Envoy is not asked
//! for shared data and queues at all: nginx's ngx_wasm_module stops with a plugin that names a
//! queue or a key which its operator has set aside no memory for.

use crate::gate::metrics::SERIES;

use super::change::Erasing;
use super::metrics::Metrics;
use super::signatures::HostSignatures;
use super::{abi, host};

/// Who counts.
#[derive(Debug)]
pub(super) enum Counting {
    /// The host, all of it.
    Host,
    /// The host, so many; the first that it does not take.
    Partly(usize, String),
    /// Nobody.
    Nobody,
}

/// Who checks signatures.
#[derive(Debug)]
pub(super) enum Checking {
    /// The host, all that it could.
    Host(String),
    /// The host, these.
    Partly(String),
    /// The filter.
    Filter,
}

/// Among whom a refresh token and a login's code are used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    /// The workers of a process.
    Process,
    /// Each worker alone: the host has nothing that they could share.
    Worker,
    /// Each worker alone: this host could stop where it is asked.
    Unasked,
}

/// Whether the host has something that there is no doing without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Yes,
    No,
}

impl From<bool> for Given {
    fn from(given: bool) -> Self {
        if given { Self::Yes } else { Self::No }
    }
}

/// What a host turned out to be.
#[derive(Debug)]
pub(super) struct Capabilities {
    counting: Counting,
    checking: Checking,
    erasing: Erasing,
    turns: Turns,
    log_level: Given,
    clock: Given,
    randomness: Given,
}

/// Something that the host has not, and what comes of it.
struct Lack {
    /// Empty where it follows from another.
    what: String,
    so: &'static str,
}

impl Lack {
    fn new(what: impl Into<String>, so: &'static str) -> Self {
        Self { what: what.into(), so }
    }
}

impl Capabilities {
    /// What was found out. A worker that has a queue has shared data, too.
    #[cold]
    pub(super) fn of(metrics: &Metrics, signatures: &HostSignatures, queue: Option<u32>) -> Self {
        let turns = match queue {
            Some(_) => Turns::Process,
            None if signatures.are_there() => Turns::Worker,
            None => Turns::Unasked,
        };
        Self {
            counting: metrics.counting(),
            checking: signatures.checking(),
            erasing: signatures.erasing(),
            turns,
            log_level: abi::log_level().is_ok().into(),
            clock: abi::time().is_ok().into(),
            randomness: host::randomness().into(),
        }
    }

    /// Writes the line.
    #[cold]
    pub(super) fn tell(&self) {
        let lacks: Vec<Lack> = self.lacks().into_iter().flatten().collect();
        match &self.checking {
            Checking::Host(names) if lacks.is_empty() => abi::log(
                abi::LEVEL_INFO,
                &format!(
                    "oidc-gate: this host has all that the gate can use: metrics, \
                     verify_signature ({names}), removal of headers, shared data"
                ),
            ),
            _ => abi::log(abi::LEVEL_WARN, &lines_up(&lacks)),
        }
    }

    fn lacks(&self) -> [Option<Lack>; 7] {
        [
            (self.clock == Given::No).then(|| Lack::new("no clock", "every token has expired")),
            (self.randomness == Given::No)
                .then(|| Lack::new("no random numbers", "nobody can log in")),
            match &self.counting {
                Counting::Host => None,
                Counting::Partly(taken, refused) => Some(Lack::new(
                    format!("only {taken} of {SERIES} metrics (not {refused})"),
                    "the others are not counted",
                )),
                Counting::Nobody => Some(Lack::new("no metrics", "nothing is counted")),
            },
            match &self.checking {
                Checking::Host(_) => None,
                Checking::Partly(names) => Some(Lack::new(
                    format!("verify_signature for {names} only"),
                    "other signatures are checked in the filter",
                )),
                Checking::Filter => {
                    Some(Lack::new("no verify_signature", "signatures are checked in the filter"))
                }
            },
            (self.erasing == Erasing::Overwrite).then(|| {
                Lack::new(
                    "",
                    "headers are overwritten instead of removed, and a request that sends one of \
                     them twice is refused",
                )
            }),
            match self.turns {
                Turns::Process => None,
                // Its queue could not be named.
                Turns::Worker if self.randomness == Given::No => {
                    Some(Lack::new("", "each worker refreshes alone"))
                }
                Turns::Worker => Some(Lack::new("no shared data", "each worker refreshes alone")),
                Turns::Unasked => Some(Lack::new(
                    "",
                    "each worker refreshes alone, since only Envoy is asked for shared data",
                )),
            },
            (self.log_level == Given::No)
                .then(|| Lack::new("no log level", "debug lines are not written")),
        ]
    }
}

fn lines_up(lacks: &[Lack]) -> String {
    let whats: Vec<&str> =
        lacks.iter().map(|lack| lack.what.as_str()).filter(|what| !what.is_empty()).collect();
    let sos: Vec<&str> = lacks.iter().map(|lack| lack.so).collect();
    format!("oidc-gate: this host has {}; so: {}", whats.join(", "), sos.join("; "))
}
