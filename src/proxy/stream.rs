//! Events of one request: it arrives, it may go on, its response comes back.

use crate::gate::{FORM_LIMIT, Step, StreamId};

use super::abi::{self, Action, Buffer, Map};
use super::carry_out::{self, Moment};
use super::{map, vm};

/// A request's head is there; `ends`: and nothing else comes.
pub(super) fn request(stream: u32, ends: bool) -> Action {
    let step = with_head(|head| {
        vm::with(|vm| {
            vm.of_stream(stream, |worker, host| worker.arrive(host, StreamId(stream), head))
        })
    });
    if ends && matches!(step, Some(Step::Wait | Step::Read)) {
        vm::with(|vm| vm.body_ends(stream, 0));
    }
    carry_out::carry_out(read(step, stream), stream, Moment::Arriving)
}

/// More of a request's body is there, `size` bytes by now.
pub(super) fn body(stream: u32, size: usize, ends: bool) -> Action {
    let action = more(stream);
    if action == Action::Pause {
        grows(stream, size, ends);
    }
    action
}

/// A body that may be awaited: it is handed over once all of it is there, or too much.
fn grows(stream: u32, size: usize, ends: bool) {
    let due = vm::with(|vm| {
        if ends {
            vm.body_ends(stream, size);
        }
        vm.of_stream(stream, |worker, _| worker.body_grows(StreamId(stream), size, ends))
    });
    if due.flatten().unwrap_or(false) {
        carry_out::carry_out(hand_over(stream, size), stream, Moment::Waiting);
    }
}

/// Where a step asks for the body, and all of it is there already, the step that comes of it.
fn read(step: Option<Step>, stream: u32) -> Option<Step> {
    if !matches!(step, Some(Step::Read)) {
        return step;
    }
    match vm::with(|vm| vm.whole_body(stream)).flatten() {
        Some(size) => hand_over(stream, size),
        None => step,
    }
}

/// Hands over a body of `size` bytes, or the beginning of one that is too long. One that the
/// host does not give is never taken for an empty one: then the request goes on waiting.
fn hand_over(stream: u32, size: usize) -> Option<Step> {
    let limit = size.min(FORM_LIMIT.saturating_add(1));
    let bytes = match limit {
        0 => None,
        _ => abi::buffer(Buffer::RequestBody, limit).ok(),
    };
    let body = bytes.as_ref().map(abi::HostBytes::as_slice).unwrap_or_default();
    if body.len() != limit {
        return Some(Step::Read);
    }
    with_head(|head| {
        vm::with(|vm| {
            let id = StreamId(stream);
            vm.of_stream(stream, |worker, host| worker.body(host, id, head, body))
        })
    })
}

/// More of a request is there. While it waits nothing of it moves: there is a mode of
/// Envoy's (`allow_on_headers_stop_iteration`) in which a body would take the head along.
fn more(stream: u32) -> Action {
    let open = vm::with(|vm| vm.is_open(stream)).unwrap_or(false);
    if open { Action::Continue } else { Action::Pause }
}

/// A request's trailers are there: some hosts merge them into the head, so identity
/// headers are removed from them too.
pub(super) fn trailers(stream: u32) -> Action {
    let foreign = abi::pairs(Map::RequestTrailers).ok().and_then(|bytes| {
        let trailers = map::read(bytes.as_slice())?;
        vm::with(|vm| vm.of_stream(stream, |worker, _| worker.foreign(&trailers))).flatten()
    });
    let removed = foreign.is_some_and(|names| {
        names.iter().all(|name| abi::remove_header(Map::RequestTrailers, name).is_ok())
    });
    if removed {
        return more(stream);
    }
    abi::log(abi::LEVEL_ERROR, "a request's trailers could not be cleaned: they go no further");
    Action::Pause
}

/// A request that waited may go on; calls to the host are about it already.
pub(super) fn resume(stream: u32) {
    let step = with_head(|head| {
        vm::with(|vm| {
            vm.of_stream(stream, |worker, host| worker.resume(host, StreamId(stream), head))
        })
    });
    carry_out::carry_out(read(step, stream), stream, Moment::Waiting);
}

/// A response's head is there: our cookies go with it, on answers of ours too. That way
/// hosts that keep one `Set-Cookie` of a local reply send them all.
pub(super) fn response(stream: u32) -> Action {
    let cookies = vm::with(|vm| vm.take_cookies(stream)).unwrap_or_default();
    if cookies.is_empty() {
        return Action::Continue;
    }
    // A shared cache that keeps this response would hand out somebody's session.
    let mut written = abi::set_header(Map::Response, b"cache-control", b"no-store");
    for cookie in cookies {
        let added = abi::add_header(Map::Response, b"set-cookie", cookie.as_str().as_bytes());
        written = written.and(added);
    }
    if written.is_err() {
        abi::log(abi::LEVEL_WARN, "a cookie could not be added to a response");
    }
    Action::Continue
}

/// The head of the current request, walked in place. `None` for whatever went wrong:
/// what is not decided is not forwarded.
fn with_head(decide: impl FnOnce(&crate::http::Head<'_>) -> Option<Option<Step>>) -> Option<Step> {
    let bytes = abi::pairs(Map::Request).ok()?;
    let head = map::read(bytes.as_slice())?;
    decide(&head).flatten()
}
