//! Events of one request: it arrives, it may go on, its response comes back.

use crate::gate::{Host, Step, StreamId, Worker};
use crate::http::Head;

use super::abi::{self, Action, Map};
use super::carry_out::{self, Moment};
use super::vm::{self, Fate, Undecided};
use super::{change, map};

/// A request's head is there.
pub(super) fn request(stream: u32) -> Action {
    // A host that tells of a head twice gets the same answer.
    let Some(undecided) = undecided(stream) else { return more(stream) };
    decide(undecided, Moment::Arriving, |worker, host, head| {
        worker.arrive(host, StreamId(stream), head)
    })
}

/// More of a request is there. While it waits nothing of it moves: there is a mode of
/// Envoy's (`allow_on_headers_stop_iteration`) in which a body would take the head along.
pub(super) fn more(stream: u32) -> Action {
    match fate(stream) {
        Some(Fate::Open) => Action::Continue,
        Some(Fate::Undecided | Fate::Over) | None => Action::Pause,
    }
}

/// A request's trailers are there: some hosts merge them into the head, so identity
/// headers are removed from them too. Where that fails the request goes no further; one that
/// is on its way already is broken off by an answer.
pub(super) fn trailers(stream: u32) -> Action {
    let fate = fate(stream);
    if fate == Some(Fate::Over) || cleaned(stream).is_some() {
        return more(stream);
    }
    carry_out::unavailable(stream, "a request's trailers could not be cleaned: answered 503")
}

fn cleaned(stream: u32) -> Option<()> {
    let bytes = abi::pairs(Map::RequestTrailers).ok()?;
    let trailers = map::read(bytes.as_slice())?;
    let (names, erasing) = vm::with(|vm| vm.foreign(stream, &trailers)).flatten()?;
    change::erase(Map::RequestTrailers, &names, erasing).ok()
}

/// A request that waited may go on; calls to the host are about it already.
pub(super) fn resume(stream: u32) {
    let Some(undecided) = undecided(stream) else {
        vm::with(|vm| vm.forget_waiter(stream));
        return;
    };
    decide(undecided, Moment::Waiting, |worker, host, head| {
        worker.resume(host, StreamId(stream), head)
    });
}

fn undecided(stream: u32) -> Option<Undecided> {
    vm::with(|vm| vm.undecided(stream)).flatten()
}

fn fate(stream: u32) -> Option<Fate> {
    vm::with(|vm| vm.fate(stream)).flatten()
}

/// Walks the head of the current request in place, and does what the worker decides. Without
/// a decision, for whatever went wrong, nothing is forwarded.
fn decide(
    mut undecided: Undecided,
    moment: Moment,
    decide: impl FnOnce(&mut Worker, &mut dyn Host, &Head<'_>) -> Step,
) -> Action {
    let bytes = abi::pairs(Map::Request).ok();
    let head = bytes.as_ref().and_then(|bytes| map::read(bytes.as_slice()));
    let step = head.and_then(|head| {
        vm::with(|vm| vm.decide(&mut undecided, |worker, host| decide(worker, host, &head)))
            .flatten()
    });
    carry_out::carry_out(step, undecided, moment)
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
    if written.is_err() {
        abi::log(abi::LEVEL_WARN, "a response could not be kept from caches: it gets no cookie");
        return Action::Continue;
    }
    for cookie in cookies {
        let added = abi::add_header(Map::Response, b"set-cookie", cookie.as_str().as_bytes());
        written = written.and(added);
    }
    if written.is_err() {
        abi::log(abi::LEVEL_WARN, "a cookie could not be added to a response");
    }
    Action::Continue
}
