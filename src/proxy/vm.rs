//! What lives in this VM: plugins (the host may put several into one VM) and their streams.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::gate::{Host, Stamp, StreamId, Worker};
use crate::http::HeaderValue;

use super::abi;
use super::host::{self, ThisHost};
use super::signatures::HostSignatures;

/// A plugin that was configured.
struct Plugin {
    worker: Worker,
    log_level: u32,
    signatures: Rc<HostSignatures>,
    /// Under which number other workers wake it.
    queue: Option<u32>,
}

/// What is remembered of a stream.
struct Stream {
    plugin: u32,
    /// It was let through; what else of the request comes may follow.
    open: bool,
    /// Of a stream that waits: all of its body is there, so many bytes.
    body: Option<usize>,
    /// For the response: cookies of ours, and what they hold.
    cookies: Vec<HeaderValue>,
    stamp: Option<Stamp>,
}

/// The state of the VM.
pub(super) struct Vm {
    plugins: BTreeMap<u32, Plugin>,
    streams: BTreeMap<u32, Stream>,
}

thread_local! {
    static VM: RefCell<Vm> =
        const { RefCell::new(Vm { plugins: BTreeMap::new(), streams: BTreeMap::new() }) };
}

/// Runs `action` with the VM's state; `None` where the host calls back in the midst of
/// another callback, which no known host does.
pub(super) fn with<T>(action: impl FnOnce(&mut Vm) -> T) -> Option<T> {
    VM.with(|vm| vm.try_borrow_mut().ok().map(|mut vm| action(&mut vm)))
}

impl Vm {
    /// A plugin has a configuration: its first, or another one.
    pub(super) fn configured(&mut self, plugin: u32, worker: Worker) {
        let signatures = Rc::new(HostSignatures::probe());
        let queue = host::register_queue();
        let log_level = abi::log_level();
        self.plugins.insert(plugin, Plugin { worker, log_level, signatures, queue });
    }

    /// A stream of `plugin` begins.
    pub(super) fn stream_begins(&mut self, stream: u32, plugin: u32) {
        self.streams.insert(
            stream,
            Stream { plugin, open: false, body: None, cookies: Vec::new(), stamp: None },
        );
    }

    /// A stream or a plugin is gone.
    pub(super) fn gone(&mut self, context: u32) {
        match self.streams.remove(&context) {
            Some(stream) => {
                if let Some(plugin) = self.plugins.get_mut(&stream.plugin) {
                    plugin.worker.gone(StreamId(context));
                }
            }
            None => {
                self.plugins.remove(&context);
            }
        }
    }

    /// Runs `action` with the worker of a stream.
    pub(super) fn of_stream<T>(
        &mut self,
        stream: u32,
        action: impl FnOnce(&mut Worker, &mut dyn Host) -> T,
    ) -> Option<T> {
        let root = self.streams.get(&stream)?.plugin;
        self.run(root, stream, action)
    }

    /// Runs `action` with the worker of a plugin.
    pub(super) fn of_plugin<T>(
        &mut self,
        root: u32,
        action: impl FnOnce(&mut Worker, &mut dyn Host) -> T,
    ) -> Option<T> {
        self.run(root, root, action)
    }

    fn run<T>(
        &mut self,
        root: u32,
        current: u32,
        action: impl FnOnce(&mut Worker, &mut dyn Host) -> T,
    ) -> Option<T> {
        let plugin = self.plugins.get_mut(&root)?;
        let signatures = Rc::clone(&plugin.signatures);
        let mut host = ThisHost::new(root, current, plugin.log_level, plugin.queue, &signatures);
        Some(action(&mut plugin.worker, &mut host))
    }

    /// Reads again how much the host wants logged.
    pub(super) fn refresh_log_level(&mut self, plugin: u32) {
        if let Some(plugin) = self.plugins.get_mut(&plugin) {
            plugin.log_level = abi::log_level();
        }
    }

    /// The stream was let through.
    pub(super) fn opened(&mut self, stream: u32) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.open = true;
        }
    }

    /// Whether the stream was let through.
    pub(super) fn is_open(&self, stream: u32) -> bool {
        self.streams.get(&stream).is_some_and(|stream| stream.open)
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
        if let Some(stream) = self.streams.get_mut(&stream) {
            (stream.cookies, stream.stamp) = (cookies, stamp);
        }
    }

    /// Gives the cookies for the stream's response, once, if they still hold.
    pub(super) fn take_cookies(&mut self, stream: u32) -> Vec<HeaderValue> {
        let Some(kept) = self.streams.get_mut(&stream) else { return Vec::new() };
        let (cookies, stamp) = (std::mem::take(&mut kept.cookies), kept.stamp.take());
        let holds = match stamp {
            Some(stamp) => self
                .of_stream(stream, |worker, host| worker.still_holds(host, &stamp))
                .unwrap_or(false),
            // An answer of the gate's own: it was decided just now.
            None => true,
        };
        if holds { cookies } else { Vec::new() }
    }
}
