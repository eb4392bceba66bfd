//! The filter as a proxy-wasm host sees it: the exports, and the state behind them.
//!
//! Proxy-Wasm ABI 0.2.1, spoken without an SDK: fewer host calls on the way of a request,
//! and none that panics on what a client sent. Only callbacks that are needed are exported,
//! since each one costs every request. The rest of the crate knows nothing of this.

mod abi;
mod access_log;
mod capabilities;
mod carry_out;
mod change;
mod host;
mod map;
mod memory;
mod metrics;
mod root;
mod signatures;
mod stream;
mod vm;

use std::panic;

use abi::{Action, Bool};

/// The version of the ABI that this filter speaks.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Called once, before anything else: runs what the C library has to set up.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the linker's own function; `_initialize` is called once, and first.
    unsafe { abi::__wasm_call_ctors() };
    panic::set_hook(Box::new(|info| {
        abi::log(abi::LEVEL_CRITICAL, &format!("a bug in oidc-gate: {info}"));
    }));
}

/// Memory for bytes that the host hands over; freed by [`abi::HostBytes`].
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    abi::allocate(size)
}

/// A context begins: `parent` is 0 for a plugin, else the plugin of the stream.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    if parent != 0 {
        vm::with(|vm| vm.stream_begins(context, parent));
    }
}

/// The plugin's configuration is there; false refuses it.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, _size: usize) -> Bool {
    root::configure(context).into()
}

/// Time passed.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    root::tick(context);
}

/// Another worker has put a message into a queue of this one.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(context: u32, queue: u32) {
    root::woken(context, queue);
}

/// A call was answered, or failed.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    context: u32,
    call: u32,
    headers: usize,
    body: usize,
    _trailers: usize,
) {
    root::answered(context, call, headers, body);
}

/// A request's head is there.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _count: usize, end: Bool) -> Action {
    stream::request(context, end.into())
}

/// A piece of a request's body is there.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, size: usize, end: Bool) -> Action {
    stream::body(context, size, end.into())
}

/// A request's trailers are there.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _count: usize) -> Action {
    stream::trailers(context)
}

/// A response's head is there, the upstream's or one of ours.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context: u32, _count: usize, _end: Bool) -> Action {
    stream::response(context)
}

/// A context is gone.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    vm::with(|vm| vm.gone(context));
}
