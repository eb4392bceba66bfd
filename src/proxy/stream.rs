//! Events of one request: it arrives, it may go on, its response comes back.

use crate::gate::{Step, StreamId};

use super::abi::{self, Action, Map};
use super::carry_out::{self, Moment};
use super::{map, vm};

/// A request's head is there.
pub(super) fn request(stream: u32) -> Action {
    let step = with_head(|head| {
        vm::with(|vm| {
            vm.of_stream(stream, |worker, host| worker.arrive(host, StreamId(stream), head))
        })
    });
    carry_out::carry_out(step, stream, Moment::Arriving)
}

/// More of a request is there. While it waits nothing of it moves: there is a mode of
/// Envoy's (`allow_on_headers_stop_iteration`) in which a body would take the head along.
pub(super) fn more(stream: u32) -> Action {
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
    carry_out::carry_out(step, stream, Moment::Waiting);
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
