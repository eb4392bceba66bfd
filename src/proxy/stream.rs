//! Events of one request: it arrives, it may go on, its response comes back.

use crate::gate::{FORM_LIMIT, Host, Step, StreamId, Worker};
use crate::http::Head;

use super::abi::{self, Action, Buffer, Map};
use super::carry_out::{self, Moment};
use super::vm::{self, Fate, Undecided};
use super::{change, map};

/// A request's head is there; `ends`: and nothing else comes.
pub(super) fn request(stream: u32, ends: bool) -> Action {
    // A host that tells of a head twice gets the same answer.
    let Some(mut undecided) = undecided(stream) else { return more(stream) };
    let mut step =
        decide(&mut undecided, |worker, host, head| worker.arrive(host, StreamId(stream), head));
    if ends && matches!(step, Some(Step::Wait | Step::Read)) {
        vm::with(|vm| vm.body_ends(stream, 0));
    }
    if matches!(step, Some(Step::Read)) {
        step = read(&mut undecided);
    }
    carry_out::carry_out(step, undecided, Moment::Arriving)
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
    if due.flatten().unwrap_or(false)
        && let Some(mut undecided) = undecided(stream)
    {
        let step = hand_over(&mut undecided, size);
        carry_out::carry_out(step, undecided, Moment::Waiting);
    }
}

/// A step asks for the body: what comes of it where all of it is there already.
#[cold]
fn read(undecided: &mut Undecided) -> Option<Step> {
    match vm::with(|vm| vm.whole_body(undecided.stream())).flatten() {
        Some(size) => hand_over(undecided, size),
        None => Some(Step::Read),
    }
}

/// Hands over a body of `size` bytes, or the beginning of one that is too long. One that the
/// host does not give is never taken for an empty one: then the request goes on waiting.
fn hand_over(undecided: &mut Undecided, size: usize) -> Option<Step> {
    let limit = size.min(FORM_LIMIT.saturating_add(1));
    let bytes = match limit {
        0 => None,
        _ => abi::buffer(Buffer::RequestBody, limit).ok(),
    };
    let body = bytes.as_ref().map(abi::HostBytes::as_slice).unwrap_or_default();
    if body.len() != limit {
        return Some(Step::Read);
    }
    let id = StreamId(undecided.stream());
    decide(undecided, |worker, host, head| worker.body(host, id, head, body))
}

/// More of a request is there. While it waits nothing of it moves: there is a mode of
/// Envoy's (`allow_on_headers_stop_iteration`) in which a body would take the head along.
fn more(stream: u32) -> Action {
    match fate(stream) {
        Some(Fate::Open) => Action::Continue,
        Some(Fate::New | Fate::Waiting | Fate::Over) | None => Action::Pause,
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
    let Some(mut undecided) = undecided(stream) else {
        vm::with(|vm| vm.forget_waiter(stream));
        return;
    };
    let mut step =
        decide(&mut undecided, |worker, host, head| worker.resume(host, StreamId(stream), head));
    if matches!(step, Some(Step::Read)) {
        step = read(&mut undecided);
    }
    carry_out::carry_out(step, undecided, Moment::Waiting);
}

fn undecided(stream: u32) -> Option<Undecided> {
    vm::with(|vm| vm.undecided(stream)).flatten()
}

fn fate(stream: u32) -> Option<Fate> {
    vm::with(|vm| vm.fate(stream)).flatten()
}

/// Walks the head of the current request in place, for the worker to decide. `None` for
/// whatever went wrong: what is not decided is not forwarded.
fn decide(
    undecided: &mut Undecided,
    decide: impl FnOnce(&mut Worker, &mut dyn Host, &Head<'_>) -> Step,
) -> Option<Step> {
    let bytes = abi::pairs(Map::Request).ok()?;
    let mut room = map::room(bytes.as_slice());
    let head = map::read_into(&mut room, bytes.as_slice())?;
    vm::with(|vm| vm.decide(undecided, |worker, host| decide(worker, host, &head))).flatten()
}

/// A response's head is there: our cookies go with it, on answers of ours too. That way
/// hosts that keep one `Set-Cookie` of a local reply send them all.
pub(super) fn response(stream: u32) -> Action {
    if vm::with(|vm| vm.keeps_cookies()).unwrap_or(false) {
        add_cookies(stream);
    }
    Action::Continue
}

#[cold]
fn add_cookies(stream: u32) {
    let cookies = vm::with(|vm| vm.take_cookies(stream)).unwrap_or_default();
    if cookies.is_empty() {
        return;
    }
    // A shared cache that keeps this response would hand out somebody's session.
    let mut written = abi::set_header(Map::Response, b"cache-control", b"no-store");
    if written.is_err() {
        abi::log(abi::LEVEL_WARN, "a response could not be kept from caches: it gets no cookie");
        return;
    }
    for cookie in cookies {
        let added = abi::add_header(Map::Response, b"set-cookie", cookie.as_str().as_bytes());
        written = written.and(added);
    }
    if written.is_err() {
        abi::log(abi::LEVEL_WARN, "a cookie could not be added to a response");
    }
}
