//! What the host knows: contexts, streams, calls, time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::fault::{Fault, Faults, Misdeed};
use crate::head::{Head, Removal};
use crate::metrics::Metrics;
use crate::process::Process;

/// The ABI's word for a function that is not there.
const UNIMPLEMENTED: u32 = 12;

/// What kind of host it is.
#[derive(Debug, Clone, Copy)]
pub struct Traits {
    /// What its removals of headers do.
    pub removal: Removal,
    /// Whether its setting of headers does anything.
    pub sets: bool,
    /// Whether it has `verify_signature`, as Envoy has.
    pub verifies: bool,
    /// Functions that are not implemented, and say so.
    pub lacks: &'static [&'static str],
    /// Functions that end the VM: the host expects that nobody calls them.
    pub forbids: &'static [&'static str],
    /// How many `Set-Cookie` of an answer of the filter's it sends; the last ones.
    pub cookies_of_answers: usize,
    /// How it tells of a call that failed.
    pub failure: Failure,
}

/// How a host tells of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// By an answer of its own: 503, or 504 where it took too long.
    Synthetic,
    /// By no headers at all.
    Empty,
}

impl Traits {
    /// A host like Envoy.
    pub const ENVOY: Self = Self {
        removal: Removal::Gone,
        sets: true,
        verifies: true,
        lacks: &[],
        forbids: &[],
        cookies_of_answers: usize::MAX,
        failure: Failure::Synthetic,
    };

    /// A host that has nothing that the gate can do without, and is wrong wherever a host was seen to be: nginx's
    /// ngx_wasm_module hides headers that were removed, sends one cookie of an answer, and stops where a queue or a key
    /// is named that it has no memory for.
    pub const LESSER: Self = Self {
        removal: Removal::Hidden,
        sets: true,
        verifies: false,
        lacks: &[
            "proxy_get_log_level",
            "proxy_get_property",
            "proxy_define_metric",
            "proxy_increment_metric",
            "proxy_record_metric",
            "proxy_call_foreign_function",
        ],
        forbids: &[
            "proxy_get_shared_data",
            "proxy_set_shared_data",
            "proxy_register_shared_queue",
            "proxy_enqueue_shared_queue",
            "proxy_dequeue_shared_queue",
        ],
        cookies_of_answers: 1,
        failure: Failure::Empty,
    };
}

/// A map of headers, by its number in the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Map {
    /// Of a request.
    Request,
    /// A request's trailers.
    RequestTrailers,
    /// Of a response.
    Response,
    /// Of the answer to a call.
    CallResponse,
}

/// A call that the filter made.
#[derive(Debug, Clone)]
pub struct Call {
    /// The host's number for it.
    pub number: u32,
    /// The plugin that made it.
    pub root: u32,
    /// `:path` and the like.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// An answer of the filter's, with what it added when it came by as a response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status.
    pub status: u32,
    /// Its headers.
    pub headers: Head,
    /// Its body.
    pub body: Vec<u8>,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It went upstream with this head.
    Forward(Head),
    /// The filter answered.
    Answer(Response),
}

/// Which callback of the filter's runs, and for which context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callback {
    Other,
    /// In which some hosts stop where a call is made.
    Configure,
    Head(u32),
    Trailers(u32),
    Response(u32),
    Call,
}

/// A request, as far as it is.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// While the filter has it.
    pub(crate) held: Option<Head>,
    pub(crate) trailers: Head,
    pub(crate) response: Head,
    pub(crate) outcome: Option<Outcome>,
    /// Its answer has been shown to the filter as a response.
    pub(crate) shown: bool,
}

/// The host of one VM.
pub struct State {
    /// Nanoseconds since 1970.
    pub now: u64,
    /// What kind of host it is.
    pub traits: Traits,
    /// What its workers share.
    pub process: Rc<RefCell<Process>>,
    /// Calls that nobody has answered.
    pub calls: Vec<Call>,
    /// Every line of the log, with its level.
    pub log: Vec<(i32, String)>,
    /// Milliseconds between ticks, once asked for.
    pub tick: Option<i32>,
    /// The name of the route that every request takes, where it tells.
    pub route: Option<&'static str>,
    /// What the filter has set, by request and name.
    pub properties: BTreeMap<(u32, String), String>,
    pub(crate) metrics: Metrics,
    pub(crate) faults: Faults,
    pub(crate) roots: BTreeSet<u32>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) effective: u32,
    pub(crate) callback: Callback,
    pub(crate) configuration: Vec<u8>,
    pub(crate) answer: (Head, Vec<u8>),
    pub(crate) dispatched: u32,
    random: u64,
}

impl State {
    /// A host of a new VM in `process`.
    pub fn new(traits: Traits, process: &Rc<RefCell<Process>>, now: u64) -> Self {
        // Each VM draws other numbers.
        let seed = process.borrow().queues.len() as u64 + 1;
        Self {
            now,
            traits,
            process: Rc::clone(process),
            calls: Vec::new(),
            log: Vec::new(),
            tick: None,
            route: None,
            properties: BTreeMap::new(),
            metrics: Metrics::default(),
            faults: Faults::default(),
            roots: BTreeSet::new(),
            streams: BTreeMap::new(),
            effective: 0,
            callback: Callback::Other,
            configuration: Vec::new(),
            answer: (Head::default(), Vec::new()),
            dispatched: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    /// From now on these go wrong, counted from here, and nothing else does.
    pub fn set_faults(&mut self, set: Vec<Fault>) {
        self.faults = Faults { set, ..Faults::default() };
    }

    /// How often each host function was called since faults were set.
    pub fn counted(&self) -> BTreeMap<&'static str, usize> {
        self.faults.calls.clone()
    }

    /// How many of the faults happened.
    pub fn happened(&self) -> usize {
        self.faults.happened
    }

    /// All metrics that were told something, with the sum of it.
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        self.metrics.told().map(|(name, told)| (name.to_owned(), told.iter().sum())).collect()
    }

    /// How many metrics the filter has defined.
    pub fn defined_metrics(&self) -> usize {
        self.metrics.len()
    }

    /// How the request ended; `None` while the host has it.
    pub fn outcome(&self, stream: u32) -> Option<&Outcome> {
        self.streams.get(&stream).and_then(|stream| stream.outcome.as_ref())
    }

    /// Whether a line of the log holds `words`.
    pub fn logged(&self, words: &str) -> bool {
        self.log.iter().any(|(_, line)| line.contains(words))
    }

    /// The stream is gone, and the filter is not told.
    pub fn lose(&mut self, stream: u32) {
        self.streams.remove(&stream);
    }

    /// The host believes that this plugin is there.
    pub fn adopt(&mut self, root: u32) {
        self.roots.insert(root);
    }

    /// A function is called: what goes wrong this time? An error where nobody may call it.
    pub(crate) fn called(&mut self, function: &'static str) -> Result<Option<Misdeed>, String> {
        if self.traits.forbids.contains(&function) {
            return Err(format!("{function} is called, and this host does not survive that"));
        }
        let misdeed = self.faults.next(function);
        let lacks = self.traits.lacks.contains(&function);
        Ok(if lacks { Some(Misdeed::Status(UNIMPLEMENTED)) } else { misdeed })
    }

    pub(crate) fn random_byte(&mut self) -> u8 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.to_le_bytes()[3]
    }

    /// The map, if it may be touched now.
    pub(crate) fn map(&mut self, map: Map) -> Result<&mut Head, String> {
        let (effective, callback) = (self.effective, self.callback);
        let wrong = || format!("{map:?} is touched for context {effective} in {callback:?}");
        if map == Map::CallResponse {
            return (callback == Callback::Call).then_some(&mut self.answer.0).ok_or_else(wrong);
        }
        let stream = self.streams.get_mut(&effective).ok_or_else(wrong)?;
        match map {
            Map::Request => stream.held.as_mut(),
            Map::RequestTrailers => {
                (callback == Callback::Trailers(effective)).then_some(&mut stream.trailers)
            }
            Map::Response => {
                (callback == Callback::Response(effective)).then_some(&mut stream.response)
            }
            Map::CallResponse => None,
        }
        .ok_or_else(wrong)
    }

    /// Ends the request of the effective context. A request that is upstream already may be
    /// broken off while its trailers are looked at.
    pub(crate) fn end(&mut self, outcome: impl FnOnce(Head) -> Outcome) -> Result<(), String> {
        let (effective, callback) = (self.effective, self.callback);
        let stream = self.streams.get_mut(&effective);
        let stream = stream.ok_or_else(|| format!("context {effective} is no stream"))?;
        let forwarded = matches!(stream.outcome, Some(Outcome::Forward(_)));
        let broken_off = forwarded && callback == Callback::Trailers(effective);
        let head = match stream.held.take() {
            Some(head) => head,
            None if broken_off => Head::default(),
            None => return Err(format!("stream {effective} is acted on twice, or has no head")),
        };
        stream.outcome = Some(outcome(head));
        Ok(())
    }
}
