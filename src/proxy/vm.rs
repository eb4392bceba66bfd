//! What lives in this VM: plugins (the host may put several into one VM) and their streams.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use crate::gate::metrics::{Metric, Outcome};
use crate::gate::{Host, Stamp, StreamId, Worker};
use crate::http::{Head, HeaderValue};
use crate::wire::SortedMap;

use super::capabilities::Capabilities;
use super::change::Erasing;
use super::host::{self, Log, ThisHost};
use super::metrics::Metrics;
use super::signatures::HostSignatures;

/// No context has this number.
const NO_PLUGIN: u32 = 0;

/// A plugin that was configured.
struct Plugin {
    worker: Worker,
    log: Log,
    signatures: Rc<HostSignatures>,
    /// Under which number other workers wake it.
    queue: Option<u32>,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has just come.
    New,
    /// It waits, and its worker knows what for.
    Waiting,
    /// It was let through; what else of the request comes may follow.
    Open,
    /// It was answered, or the host keeps it: nothing more is done about it.
    Over,
}

/// What is remembered of a stream.
struct Stream {
    plugin: u32,
    fate: Fate,
    /// Of a stream that waits: all of its body is there, so many bytes.
    body: Option<usize>,
}

/// Cookies of ours for a stream's response, and what they hold.
struct ForResponse {
    cookies: Vec<HeaderValue>,
    stamp: Option<Stamp>,
}

impl Stream {
    const fn new(plugin: u32) -> Self {
        Self { plugin, fate: Fate::New, body: None }
    }
}

/// The right to act on a stream, once. There is one for a stream that is undecided, and
/// none after it was used: nothing is answered twice.
pub(super) struct Undecided {
    stream: u32,
    plugin: u32,
    /// The host did not come back to the stream from a call that was made for the plugin.
    pub(super) astray: bool,
    /// How the host is had to send a header no further.
    pub(super) erasing: Erasing,
}

/// What is known of the host after it was used.
struct Found {
    astray: bool,
    erasing: Erasing,
}

impl Undecided {
    /// Which stream.
    pub(super) const fn stream(&self) -> u32 {
        self.stream
    }
}

/// The state of the VM.
pub(super) struct Vm {
    plugins: SortedMap<u32, Plugin>,
    streams: SortedMap<u32, Stream>,
    /// What goes with the responses of some streams: few, so that the others look at no list.
    for_responses: SortedMap<u32, ForResponse>,
    /// Once a plugin was configured. All plugins of the VM count together.
    metrics: Option<Metrics>,
}

thread_local! {
    /// Never dropped, since it ends with the VM's memory: what is to be dropped is looked after
    /// at each use.
    static VM: ManuallyDrop<RefCell<Vm>> = const {
        ManuallyDrop::new(RefCell::new(Vm {
            plugins: SortedMap::new(),
            streams: SortedMap::new(),
            for_responses: SortedMap::new(),
            metrics: None,
        }))
    };
}

/// Runs `action` with the VM's state; `None` where the host calls back in the midst of
/// another callback, which no known host does.
pub(super) fn with<T>(action: impl FnOnce(&mut Vm) -> T) -> Option<T> {
    VM.with(|vm| vm.try_borrow_mut().ok().map(|mut vm| action(&mut vm)))
}

impl Vm {
    /// A plugin has a configuration: its first, or another one.
    pub(super) fn configured(&mut self, plugin: u32, mut worker: Worker) {
        let metrics = self.metrics.get_or_insert_with(Metrics::define);
        let signatures = Rc::new(HostSignatures::probe());
        let old = self.plugins.remove(&plugin);
        let queue = old.as_ref().and_then(|old| old.queue);
        let queue = queue.or_else(|| signatures.are_there().then(host::register_queue).flatten());
        Capabilities::of(metrics, &signatures, queue).tell();
        if let Some(old) = old {
            worker.take_over(old.worker);
        }
        let log = Log { level: host::log_level(), format: worker.log_format() };
        self.plugins.insert(plugin, Plugin { worker, log, signatures, queue });
    }

    /// A stream of `plugin` begins. One that had its number before is gone, told or not.
    pub(super) fn stream_begins(&mut self, stream: u32, plugin: u32) {
        if let Some(old) = self.streams.insert(stream, Stream::new(plugin)) {
            self.stream_ends(stream, &old);
        }
    }

    fn stream_ends(&mut self, stream: u32, known: &Stream) {
        self.for_responses.remove(&stream);
        if known.fate == Fate::Waiting {
            self.waits_no_longer(stream, known.plugin);
        }
    }

    #[cold]
    fn waits_no_longer(&mut self, stream: u32, plugin: u32) {
        if let Some(plugin) = self.plugins.get_mut(&plugin) {
            plugin.worker.gone(StreamId(stream));
        }
    }

    /// A stream or a plugin is gone.
    pub(super) fn gone(&mut self, context: u32) {
        match self.streams.remove(&context) {
            Some(stream) => self.stream_ends(context, &stream),
            None => {
                self.plugins.remove(&context);
            }
        }
    }

    /// The right to act on a stream, if nothing has been done about it. A stream that the
    /// host never announced is known from here on, so that it too is answered once.
    pub(super) fn undecided(&mut self, stream: u32) -> Option<Undecided> {
        let plugin = match self.streams.get_mut(&stream) {
            Some(known) if matches!(known.fate, Fate::New | Fate::Waiting) => {
                known.fate = Fate::Over;
                known.plugin
            }
            Some(_) => return None,
            None => {
                let unknown = Stream { fate: Fate::Over, ..Stream::new(NO_PLUGIN) };
                self.streams.insert(stream, unknown);
                NO_PLUGIN
            }
        };
        Some(Undecided { stream, plugin, astray: false, erasing: Erasing::Overwrite })
    }

    /// Has the worker of a stream decide about it.
    pub(super) fn decide<T>(
        &mut self,
        undecided: &mut Undecided,
        action: impl FnOnce(&mut Worker, &mut dyn Host) -> T,
    ) -> Option<T> {
        let (decided, host) = self.run(undecided.plugin, undecided.stream, action)?;
        undecided.astray |= host.astray;
        undecided.erasing = host.erasing;
        Some(decided)
    }

    /// The stream waits.
    pub(super) fn waits(&mut self, undecided: &Undecided) {
        self.set_fate(undecided.stream, Fate::Waiting);
    }

    /// The stream is let through.
    pub(super) fn opens(&mut self, undecided: &Undecided) {
        self.set_fate(undecided.stream, Fate::Open);
    }

    /// The stream is answered without its worker, which need not wait for anything more.
    pub(super) fn gives_up(&mut self, stream: u32) {
        if let Some(metrics) = &self.metrics {
            metrics.count(Metric::Request(Outcome::Undecided));
        }
        self.set_fate(stream, Fate::Over);
        self.forget_waiter(stream);
    }

    /// The stream's worker need not resume it.
    pub(super) fn forget_waiter(&mut self, stream: u32) {
        if let Some(plugin) = self.streams.get(&stream).map(|stream| stream.plugin) {
            self.waits_no_longer(stream, plugin);
        }
    }

    fn set_fate(&mut self, stream: u32, fate: Fate) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.fate = fate;
        }
    }

    /// How far the stream is; `None` for one that never began.
    pub(super) fn fate(&self, stream: u32) -> Option<Fate> {
        self.streams.get(&stream).map(|stream| stream.fate)
    }

    /// Runs `action` with the worker of a stream.
    pub(super) fn of_stream<T>(
        &mut self,
        stream: u32,
        action: impl FnOnce(&mut Worker, &mut dyn Host) -> T,
    ) -> Option<T> {
        let root = self.streams.get(&stream)?.plugin;
        self.run(root, stream, action).map(|(done, _)| done)
    }

    /// The trailers that only the gate may send, and how the host is had to send them no further.
    pub(super) fn foreign(
        &mut self,
        stream: u32,
        trailers: &Head<'_>,
    ) -> Option<(Vec<Vec<u8>>, Erasing)> {
        let root = self.streams.get(&stream)?.plugin;
        let (names, host) = self.run(root, stream, |worker, _| worker.foreign(trailers))?;
        Some((names, host.erasing))
    }

    /// Runs `action` with the worker of a plugin.
    pub(super) fn of_plugin<T>(
        &mut self,
        root: u32,
        action: impl FnOnce(&mut Worker, &mut dyn Host) -> T,
    ) -> Option<T> {
        self.run(root, root, action).map(|(done, _)| done)
    }

    /// Gives also what the host turned out to be.
    fn run<T>(
        &mut self,
        root: u32,
        current: u32,
        action: impl FnOnce(&mut Worker, &mut dyn Host) -> T,
    ) -> Option<(T, Found)> {
        let plugin = self.plugins.get_mut(&root)?;
        let signatures = Rc::clone(&plugin.signatures);
        let metrics = self.metrics.as_ref();
        let (log, queue) = (plugin.log, plugin.queue);
        let mut host = ThisHost::new(root, current, log, queue, &signatures, metrics);
        let done = action(&mut plugin.worker, &mut host);
        let erasing = plugin.signatures.erasing();
        Some((done, Found { astray: host.is_astray(), erasing }))
    }

    /// Reads again how much the host wants logged.
    pub(super) fn refresh_log_level(&mut self, plugin: u32) {
        if let Some(plugin) = self.plugins.get_mut(&plugin) {
            plugin.log.level = host::log_level();
        }
    }

    /// Tells the host what was counted.
    pub(super) fn tell_metrics(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.tell();
        }
    }

    /// All of the body of a stream that waits is there.
    pub(super) fn body_ends(&mut self, stream: u32, size: usize) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.body = Some(size);
        }
    }

    /// How large the body of a stream that waits is, where all of it is there.
    pub(super) fn whole_body(&self, stream: u32) -> Option<usize> {
        self.streams.get(&stream)?.body
    }

    /// Keeps cookies for the stream's response.
    pub(super) fn keep_cookies(
        &mut self,
        stream: u32,
        cookies: Vec<HeaderValue>,
        stamp: Option<Stamp>,
    ) {
        // One that the host says nothing of any more would be kept for ever.
        if self.streams.get(&stream).is_some() {
            self.for_responses.insert(stream, ForResponse { cookies, stamp });
        }
    }

    /// Whether cookies were kept for any response.
    pub(super) const fn keeps_cookies(&self) -> bool {
        !self.for_responses.is_empty()
    }

    /// Gives the cookies for the stream's response, once, if they still hold.
    pub(super) fn take_cookies(&mut self, stream: u32) -> Vec<HeaderValue> {
        let Some(kept) = self.for_responses.remove(&stream) else { return Vec::new() };
        let holds = match kept.stamp {
            Some(stamp) => self
                .of_stream(stream, |worker, host| worker.still_holds(host, &stamp))
                .unwrap_or(false),
            // An answer of the gate's own: it was decided just now.
            None => true,
        };
        if holds { kept.cookies } else { Vec::new() }
    }
}
