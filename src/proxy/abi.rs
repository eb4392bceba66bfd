//! The Proxy-Wasm ABI 0.2.1, as far as it is used: each host call once, bytes in, `Result` out.
//!
//! The only unsafe code stands here, in [`super::memory`] and [`super::access_log`]. What holds
//! everywhere: pointers that go to the host are those of live slices, and the host reads them
//! before the call returns; pointers that come back are judged by [`HostBytes`].

pub(super) use super::memory::{HostBytes, allocate};

/// The host's answer to a call of ours was not "Ok", or not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HostError(u32);

impl HostError {
    /// It gave back memory that is not ours, or more than there is: no status of a host's.
    pub(super) const NOT_OURS: Self = Self(u32::MAX);
    /// It said "Ok", and a header does not stand as it was set.
    pub(super) const NO_EFFECT: Self = Self(u32::MAX - 1);
}

/// What a callback tells the host to do with the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Action {
    /// Go on.
    Continue = 0,
    /// Stop here until the stream is resumed or answered.
    Pause = 1,
}

/// A C truth value.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(super) struct Bool(u32);

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(u32::from(value))
    }
}

impl From<Bool> for bool {
    fn from(value: Bool) -> Self {
        value.0 != 0
    }
}

pub(super) const LEVEL_DEBUG: u32 = 1;
pub(super) const LEVEL_INFO: u32 = 2;
pub(super) const LEVEL_WARN: u32 = 3;
pub(super) const LEVEL_ERROR: u32 = 4;
pub(super) const LEVEL_CRITICAL: u32 = 5;

/// A map of headers that the host keeps.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(super) enum Map {
    Request = 0,
    RequestTrailers = 1,
    Response = 2,
    CallResponse = 6,
}

/// A buffer that the host keeps.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(super) enum Buffer {
    RequestBody = 0,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;
const REQUEST_STREAM: u32 = 0;
const NO_GRPC_STATUS: i32 = -1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(nanoseconds: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        limit: usize,
        bytes: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, bytes: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        call: *mut u32,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> u32;
    fn proxy_register_shared_queue(name: *const u8, name_size: usize, queue: *mut u32) -> u32;
    fn proxy_enqueue_shared_queue(queue: u32, message: *const u8, size: usize) -> u32;
    fn proxy_dequeue_shared_queue(queue: u32, message: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, number: *mut u32) -> u32;
    fn proxy_increment_metric(number: u32, by: i64) -> u32;
    fn proxy_record_metric(number: u32, value: u64) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        result: *mut *mut u8,
        result_size: *mut usize,
    ) -> u32;
}

unsafe extern "C" {
    pub(super) fn __wasm_call_ctors();
}

pub(super) const fn check(status: u32) -> Result<(), HostError> {
    if status == 0 { Ok(()) } else { Err(HostError(status)) }
}

/// Writes a log line. A host that does not take it loses it.
pub(super) fn log(level: u32, text: &str) {
    // SAFETY: see the module.
    let _ = unsafe { proxy_log(level, text.as_ptr(), text.len()) };
}

/// The lowest level that the host keeps.
pub(super) fn log_level() -> Result<u32, HostError> {
    let mut level = LEVEL_INFO;
    // SAFETY: see the module.
    check(unsafe { proxy_get_log_level(&raw mut level) })?;
    Ok(level)
}

/// Nanoseconds since 1970.
pub(super) fn time() -> Result<u64, HostError> {
    let mut nanoseconds = 0;
    // SAFETY: see the module.
    check(unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) })?;
    Ok(nanoseconds)
}

/// Asks to be called every `milliseconds`.
pub(super) fn tick_every(milliseconds: u32) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
}

/// At most `limit` bytes of a buffer.
pub(super) fn buffer(buffer: Buffer, limit: usize) -> Result<HostBytes, HostError> {
    // SAFETY: see the module.
    HostBytes::from_call(|bytes, size| unsafe {
        proxy_get_buffer_bytes(buffer as u32, 0, limit, bytes, size)
    })
}

/// All headers of a map, as [`super::map`] reads them.
pub(super) fn pairs(map: Map) -> Result<HostBytes, HostError> {
    // SAFETY: see the module.
    HostBytes::from_call(|bytes, size| unsafe {
        proxy_get_header_map_pairs(map as u32, bytes, size)
    })
}

/// Sets a header, instead of whatever has that name.
pub(super) fn set_header(map: Map, name: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: see the module.
    check(unsafe {
        proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Adds a header beside others of that name.
pub(super) fn add_header(map: Map, name: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: see the module.
    check(unsafe {
        proxy_add_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes every header of that name.
pub(super) fn remove_header(map: Map, name: &[u8]) -> Result<(), HostError> {
    // SAFETY: see the module.
    check(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// Calls that follow are about this context. An error means that it is gone.
pub(super) fn act_for(context: u32) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_set_effective_context(context) })
}

/// Lets the paused request of the current context go on.
pub(super) fn resume_request() -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_continue_stream(REQUEST_STREAM) })
}

/// Answers the request of the current context. `headers` is a map as [`super::map`] writes it.
pub(super) fn respond(status: u16, headers: &[u8], body: &[u8]) -> Result<(), HostError> {
    let details = b"oidc_gate";
    // SAFETY: see the module.
    check(unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Calls an upstream; the answer comes to the current context. Milliseconds.
pub(super) fn call(
    cluster: &str,
    headers: &[u8],
    body: &[u8],
    timeout: u32,
) -> Result<u32, HostError> {
    let mut call = 0;
    let trailers = super::map::EMPTY;
    // SAFETY: see the module.
    check(unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut call,
        )
    })?;
    Ok(call)
}

/// What the host knows of the current stream, by the names on the way to it.
pub(super) fn property(path: &[&str]) -> Result<HostBytes, HostError> {
    let path = path.join("\0");
    // SAFETY: see the module.
    HostBytes::from_call(|bytes, size| unsafe {
        proxy_get_property(path.as_ptr(), path.len(), bytes, size)
    })
}

/// What stands under a key that all workers share, and its version.
pub(super) fn shared_data(key: &str) -> Result<Option<(HostBytes, u32)>, HostError> {
    let mut version = 0;
    // SAFETY: see the module.
    let found = HostBytes::from_call(|bytes, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), bytes, size, &raw mut version)
    });
    match found {
        Ok(bytes) => Ok(Some((bytes, version))),
        Err(HostError(NOT_FOUND)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes under a key that all workers share, if its version is still `version`; false if
/// it is not. What versions mean where nothing stands differs between hosts.
pub(super) fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<bool, HostError> {
    // SAFETY: see the module.
    let status = unsafe {
        proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    };
    match check(status) {
        Ok(()) => Ok(true),
        Err(HostError(CAS_MISMATCH)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A queue that wakes this plugin; its number is good in every worker.
pub(super) fn register_queue(name: &str) -> Result<u32, HostError> {
    let mut queue = 0;
    // SAFETY: see the module.
    check(unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut queue) })?;
    Ok(queue)
}

/// Puts a message into a queue. It must not be empty: that reads as no message.
pub(super) fn enqueue(queue: u32, message: &[u8]) -> Result<(), HostError> {
    // SAFETY: see the module.
    check(unsafe { proxy_enqueue_shared_queue(queue, message.as_ptr(), message.len()) })
}

/// Takes a message out of a queue; an error where there is none.
pub(super) fn dequeue(queue: u32) -> Result<HostBytes, HostError> {
    // SAFETY: see the module.
    HostBytes::from_call(|bytes, size| unsafe { proxy_dequeue_shared_queue(queue, bytes, size) })
}

/// Has the host keep a metric; its number is good in this VM.
pub(super) fn define_metric(kind: u32, name: &str) -> Result<u32, HostError> {
    let mut number = 0;
    // SAFETY: see the module.
    check(unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut number) })?;
    Ok(number)
}

/// Has a counter grow.
pub(super) fn increment_metric(number: u32, by: i64) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_increment_metric(number, by) })
}

/// Tells a histogram of a value.
pub(super) fn record_metric(number: u32, value: u64) -> Result<(), HostError> {
    // SAFETY: no pointers.
    check(unsafe { proxy_record_metric(number, value) })
}

/// Calls a function that only this kind of host has.
pub(super) fn foreign_function(name: &str, arguments: &[u8]) -> Result<HostBytes, HostError> {
    // SAFETY: see the module.
    HostBytes::from_call(|bytes, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            bytes,
            size,
        )
    })
}
