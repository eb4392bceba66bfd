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
