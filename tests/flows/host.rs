//! The host of a worker: a clock that only tests move, randomness that can fail, calls that
//! are kept until somebody answers them, and every log line.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use oidc_gate::crypto::{Entropy, NoEntropy};
use oidc_gate::gate::metrics::Metric;
use oidc_gate::gate::{
    CallId, Expected, Field, Host, Level, Line, NoAccessLog, NoSharedData, NotSent,
};
use oidc_gate::jose::{Algorithm, PublicKey, PureRust, SignatureBackend, Verdict};
use oidc_gate::provider::HttpCall;
use oidc_gate::token::testing::NOW;
use oidc_gate::wire::Timestamp;

use super::metrics::Counted;
pub(crate) use super::sent::{Endpoint, Sent};

/// How randomness behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Randomness {
    Good,
    /// From the draw with this number on there is none.
    GoneFrom(usize),
    /// Only the draw with this number fails.
    FailsAt(usize),
}

/// Checks signatures in earnest, and counts them.
#[derive(Default)]
pub(crate) struct Counting(Cell<usize>);

impl Counting {
    pub(crate) fn checks(&self) -> usize {
        self.0.get()
    }
}

impl SignatureBackend for Counting {
    fn verify(&self, alg: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> Verdict {
        self.0.set(self.0.get() + 1);
        PureRust.verify(alg, key, message, signature)
    }
}

/// What the workers of one process share.
#[derive(Default)]
pub(crate) struct Memory {
    values: BTreeMap<String, (Vec<u8>, u32)>,
    version: u32,
    /// Writes that another worker gets in before.
    pub(crate) races: usize,
    /// Who is to be woken with what; a test may lose some.
    pub(crate) wakes: Vec<(u32, Vec<u8>)>,
}

pub(crate) struct TestHost {
    /// The memory that it shares with other workers, and its own queue there.
    pub(crate) process: Option<(Rc<RefCell<Memory>>, u32)>,
    pub(crate) now: Timestamp,
    pub(crate) randomness: Randomness,
    /// How often randomness was asked for.
    pub(crate) draws: usize,
    pub(crate) signatures: Counting,
    /// Endpoints whose calls the host does not take.
    pub(crate) not_taken: Vec<Endpoint>,
    /// Calls that it took and nobody has answered.
    pub(crate) pending: Vec<Sent>,
    /// All that it ever took.
    pub(crate) sent: Vec<Sent>,
    /// How many it did not take.
    pub(crate) refused: usize,
    pub(crate) log: Vec<(Level, String)>,
    /// All that was counted.
    pub(crate) counted: Counted,
    /// The route that requests take; `None`: this host does not tell.
    pub(crate) route: Option<&'static str>,
    /// How often it was asked for that.
    pub(crate) routes_asked: Cell<usize>,
    /// What its access log was told, and whether it takes that.
    pub(crate) fields: Vec<(Field, String)>,
    pub(crate) takes_fields: bool,
    state: u64,
    calls: u32,
}

impl TestHost {
    pub(crate) fn new() -> Self {
        Self {
            process: None,
            now: NOW,
            randomness: Randomness::Good,
            draws: 0,
            signatures: Counting::default(),
            not_taken: Vec::new(),
            pending: Vec::new(),
            sent: Vec::new(),
            refused: 0,
            log: Vec::new(),
            counted: Counted::default(),
            route: None,
            routes_asked: Cell::new(0),
            fields: Vec::new(),
            takes_fields: true,
            state: 0x9e37_79b9_7f4a_7c15,
            calls: 0,
        }
    }

    /// How many calls to `endpoint` were ever taken.
    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        self.sent.iter().filter(|call| call.endpoint == endpoint).count()
    }

    /// The latest call to `endpoint`.
    pub(crate) fn latest(&self, endpoint: Endpoint) -> &Sent {
        self.sent.iter().rfind(|call| call.endpoint == endpoint).unwrap()
    }

    /// Whether a line of the log holds all of `words`.
    pub(crate) fn logged(&self, words: &[&str]) -> bool {
        self.log.iter().any(|(_, line)| words.iter().all(|word| line.contains(word)))
    }
}

impl Entropy for TestHost {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let draw = self.draws;
        self.draws += 1;
        let fails = match self.randomness {
            Randomness::Good => false,
            Randomness::GoneFrom(from) => draw >= from,
            Randomness::FailsAt(at) => draw == at,
        };
        if fails {
            return Err(NoEntropy);
        }
        for byte in bytes {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            *byte = self.state.to_le_bytes()[3];
        }
        Ok(())
    }
}

impl Host for TestHost {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn dispatch(&mut self, call: &HttpCall) -> Result<CallId, NotSent> {
        let id = CallId(self.calls + 1);
        let sent = Sent::new(id, call.headers.iter().cloned().collect(), &call.body);
        assert_eq!(call.cluster, "keycloak");
        assert_eq!(call.timeout.as_secs(), 5);
        if self.not_taken.contains(&sent.endpoint) {
            self.refused += 1;
            return Err(NotSent);
        }
        self.calls += 1;
        self.pending.push(sent.clone());
        self.sent.push(sent);
        Ok(id)
    }

    fn shared(&mut self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NoSharedData> {
        let (memory, _) = self.process.as_ref().ok_or(NoSharedData)?;
        Ok(memory.borrow().values.get(key).cloned())
    }

    fn share(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<bool, NoSharedData> {
        let (memory, _) = self.process.as_ref().ok_or(NoSharedData)?;
        let mut memory = memory.borrow_mut();
        if memory.races > 0 {
            memory.races -= 1;
            return Ok(false);
        }
        let found = memory.values.get(key).map(|(_, version)| *version);
        let as_expected = found.map_or(Expected::Absent, Expected::Version) == expected;
        if as_expected {
            memory.version += 1;
            let version = memory.version;
            memory.values.insert(key.to_owned(), (value.to_vec(), version));
        }
        Ok(as_expected)
    }

    fn queue(&self) -> Option<u32> {
        self.process.as_ref().map(|(_, queue)| *queue)
    }

    fn wake(&mut self, queue: u32, message: &[u8]) {
        if let Some((memory, _)) = &self.process {
            memory.borrow_mut().wakes.push((queue, message.to_vec()));
        }
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        self.routes_asked.set(self.routes_asked.get() + 1);
        self.route.map(|name| name.as_bytes().to_vec())
    }

    fn count(&self, metric: Metric) {
        self.counted.push(metric);
    }

    fn access_log(&mut self, field: Field, value: &str) -> Result<(), NoAccessLog> {
        self.fields.push((field, value.to_owned()));
        if self.takes_fields { Ok(()) } else { Err(NoAccessLog) }
    }

    fn signatures(&self) -> &dyn SignatureBackend {
        &self.signatures
    }

    fn logs(&self, _: Level) -> bool {
        true
    }

    fn log(&mut self, level: Level, line: &Line<'_>) {
        self.log.push((level, line.to_string()));
    }
}
