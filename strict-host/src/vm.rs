//! The VM, and the callbacks that a host makes.

use std::sync::OnceLock;

use wasmi::{Engine, Instance, Linker, Module, Store, WasmParams, WasmResults};

use crate::head::Head;
use crate::state::{Call, Callback, Outcome, State, Stream};
use crate::{abi, wasi};

/// What a callback says about its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Continue,
    /// It stays.
    Pause,
}

/// The filter in its VM.
pub struct Vm {
    store: Store<State>,
    instance: Instance,
    streams: u32,
}

/// The .wasm, compiled once.
fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let built =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../target/wasm32-wasip1/release/oidc_gate.wasm");
        let path = std::env::var("OIDC_GATE_WASM").unwrap_or_else(|_| built.to_owned());
        let wasm = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{path}: {error}: the filter is built by `make wasm`"));
        Module::new(&Engine::default(), &wasm).unwrap()
    })
}

/// The functions that the .wasm takes from its host: module and name, sorted, since linkers may change their order.
pub fn imports() -> Vec<(String, String)> {
    let name = |import: wasmi::ImportType<'_>| (import.module().into(), import.name().into());
    let mut imports: Vec<_> = module().imports().map(name).collect();
    imports.sort();
    imports
}

/// The functions that the .wasm gives its host.
pub fn exports() -> Vec<String> {
    let functions = module().exports().filter(|export| export.ty().func().is_some());
    functions.map(|export| export.name().into()).collect()
}

impl Vm {
    /// A VM in which the filter has started, and the plugin 1 has begun.
    pub fn new(state: State) -> Self {
        let module = module();
        let mut store = Store::new(module.engine(), state);
        let mut linker = Linker::new(module.engine());
        abi::define(&mut linker);
        wasi::define(&mut linker);
        let instance = linker.instantiate_and_start(&mut store, module).unwrap();
        let mut vm = Self { store, instance, streams: 100 };
        vm.call::<_, ()>(Callback::Other, 0, "_initialize", ());
        vm.root(1);
        vm
    }

    /// The host.
    pub fn host(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// A plugin begins.
    pub fn root(&mut self, root: u32) {
        self.host().roots.insert(root);
        self.create(root, 0);
    }

    /// Configures the plugin; whether it takes the configuration.
    pub fn configure(&mut self, root: u32, configuration: &str) -> bool {
        self.host().configuration = configuration.as_bytes().to_vec();
        let size = i32::try_from(configuration.len()).unwrap();
        let root = root.cast_signed();
        self.about::<_, i32>(Callback::Configure, root, "proxy_on_configure", (root, size)) == 1
    }

    /// A number for a new stream.
    pub fn number(&mut self) -> u32 {
        self.streams += 1;
        self.streams
    }

    /// A stream that the filter is not told of; `head` is its request's.
    pub fn unannounced(&mut self, head: Head) -> u32 {
        let number = self.number();
        self.host().streams.insert(number, Stream { held: Some(head), ..Stream::default() });
        number
    }

    /// A context begins.
    pub fn create(&mut self, context: u32, parent: u32) {
        if parent != 0 {
            self.host().streams.insert(context, Stream::default());
        }
        let arguments = (context.cast_signed(), parent.cast_signed());
        self.about::<_, ()>(Callback::Other, arguments.0, "proxy_on_context_create", arguments);
    }

    /// A request's head is there.
    pub fn head(&mut self, stream: u32, head: Head) -> Action {
        let known = self.host().streams.get_mut(&stream).unwrap();
        if known.outcome.is_none() {
            known.held = Some(head);
        }
        let arguments = (stream.cast_signed(), 1, 1);
        self.of_request(Callback::Head(stream), stream, "proxy_on_request_headers", arguments)
    }

    /// A piece of a request's body is there.
    pub fn body(&mut self, stream: u32) -> Action {
        let arguments = (stream.cast_signed(), 10, 0);
        self.of_request(Callback::Other, stream, "proxy_on_request_body", arguments)
    }

    /// A request's trailers are there; those that go on.
    pub fn trailers(&mut self, stream: u32, trailers: Head) -> (Action, Head) {
        self.host().streams.get_mut(&stream).unwrap().trailers = trailers;
        let arguments = (stream.cast_signed(), 1);
        let name = "proxy_on_request_trailers";
        let action = self.of_request(Callback::Trailers(stream), stream, name, arguments);
        (action, self.host().streams[&stream].trailers.clone())
    }

    /// The upstream's response is there; what goes to the client of its head.
    pub fn response(&mut self, stream: u32, response: Head) -> Head {
        self.host().streams.get_mut(&stream).unwrap().response = response;
        let arguments = (stream.cast_signed(), 1, 1);
        let callback = Callback::Response(stream);
        self.about::<_, i32>(callback, arguments.0, "proxy_on_response_headers", arguments);
        self.host().streams[&stream].response.clone()
    }

    /// A stream or a plugin ends.
    pub fn delete(&mut self, context: u32) {
        let known = self.host().streams.remove(&context).is_some();
        if !known {
            self.host().roots.remove(&context);
        }
        let context = context.cast_signed();
        self.call::<_, ()>(Callback::Other, context, "proxy_on_delete", context);
    }

    /// Time passed.
    pub fn tick(&mut self, root: u32) {
        let root = root.cast_signed();
        self.about::<_, ()>(Callback::Other, root, "proxy_on_tick", root);
    }

    /// A message is in the queue.
    pub fn queue_ready(&mut self, root: u32, queue: u32) {
        let arguments = (root.cast_signed(), queue.cast_signed());
        self.about::<_, ()>(Callback::Other, arguments.0, "proxy_on_queue_ready", arguments);
    }

    /// A call is answered; no headers where it failed.
    pub fn answer(&mut self, call: &Call, headers: Head, count: i32, body: &[u8]) {
        self.host().calls.retain(|pending| pending.number != call.number);
        self.host().answer = (headers, body.to_vec());
        let size = i32::try_from(body.len()).unwrap();
        let arguments = (call.root.cast_signed(), call.number.cast_signed(), count, size, 0);
        let name = "proxy_on_http_call_response";
        self.about::<_, ()>(Callback::Call, arguments.0, name, arguments);
    }

    fn of_request<P: WasmParams>(
        &mut self,
        callback: Callback,
        stream: u32,
        name: &str,
        arguments: P,
    ) -> Action {
        let action = self.call::<_, i32>(callback, stream.cast_signed(), name, arguments);
        let known = self.host().streams.get_mut(&stream).unwrap();
        let action = if action == 0 { Action::Continue } else { Action::Pause };
        if action == Action::Continue {
            match (callback, known.held.take()) {
                (Callback::Head(_), Some(head)) => known.outcome = Some(Outcome::Forward(head)),
                (_, Some(_)) => panic!("stream {stream} passes undecided in {callback:?}"),
                (_, None) => {
                    let answered = matches!(known.outcome, Some(Outcome::Answer(_)));
                    assert!(!answered, "stream {stream} goes on although it was answered");
                }
            }
        }
        self.show();
        action
    }

    /// A callback of which the streams that it ended are shown their answers.
    fn about<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: Callback,
        context: i32,
        name: &str,
        arguments: P,
    ) -> R {
        let result = self.call(callback, context, name, arguments);
        self.show();
        result
    }

    /// Answers of the filter's own come by as responses, as they do in Envoy.
    fn show(&mut self) {
        let due = |stream: &Stream| match &stream.outcome {
            Some(Outcome::Answer(answer)) if !stream.shown => Some(answer.headers.clone()),
            _ => None,
        };
        let found = self
            .host()
            .streams
            .iter()
            .find_map(|(number, stream)| due(stream).map(|headers| (*number, headers)));
        let Some((number, headers)) = found else { return };
        self.host().streams.get_mut(&number).unwrap().shown = true;
        let written = self.response(number, headers);
        let stream = self.host().streams.get_mut(&number).unwrap();
        if let Some(Outcome::Answer(answer)) = &mut stream.outcome {
            answer.headers = written;
        }
        self.show();
    }

    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: Callback,
        context: i32,
        name: &str,
        arguments: P,
    ) -> R {
        let state = self.host();
        let before = (state.callback, state.effective);
        (state.callback, state.effective) = (callback, context.cast_unsigned());
        let function = self.instance.get_typed_func::<P, R>(&self.store, name).unwrap();
        let result = function.call(&mut self.store, arguments);
        let state = self.host();
        let effective = state.effective.cast_signed();
        (state.callback, state.effective) = before;
        match result {
            Ok(result) => {
                let right = effective == context || state.happened() > 0;
                assert!(right, "{name} leaves the host with context {effective}");
                result
            }
            Err(error) => panic!("{name}: {error}\n{:#?}", self.host().log),
        }
    }
}
