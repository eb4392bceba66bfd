//! A step becomes host calls. It is consumed: a request is answered once or goes on once.

use crate::gate::{Reply, Stamp, Step};
use crate::http::{HeaderValue, SetCookie};

use super::abi::{self, Action};
use super::change::change;
use super::map;
use super::vm::{self, Undecided};

const UNDECIDED: &str = "a request could not be decided: answered 503";
const UNCHANGED: &str = "a header of a request could not be changed or taken out (outside of \
    Envoy one that is sent several times can not): answered 503";

/// When the step is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// In the request's own callback: what this returns decides.
    Arriving,
    /// Later, while the request is paused: it has to be resumed.
    Waiting,
}

/// Carries a step out. Without one (the host or a bug of ours kept it from being made) the
/// request is answered 503: nothing passes undecided.
pub(super) fn carry_out(step: Option<Step>, undecided: Undecided, moment: Moment) -> Action {
    if matches!(step, Some(Step::Wait | Step::Read)) {
        vm::with(|vm| vm.waits(&undecided));
        return Action::Pause;
    }
    let stream = undecided.stream();
    if undecided.astray && abi::act_for(stream).is_err() {
        abi::log(
            abi::LEVEL_ERROR,
            "the host does not come back to a request from a call: the request stays where it is",
        );
        return Action::Pause;
    }
    match step {
        Some(Step::Forward(forward)) => match change(&forward, undecided.erasing) {
            Ok(()) => {
                keep(stream, forward.cookies(), forward.stamp());
                vm::with(|vm| vm.opens(&undecided));
                go_on(moment)
            }
            Err(_) => unavailable(stream, UNCHANGED),
        },
        Some(Step::Reply(reply)) => respond(&reply, stream),
        Some(Step::Wait | Step::Read) | None => unavailable(stream, UNDECIDED),
    }
}

fn go_on(moment: Moment) -> Action {
    match moment {
        Moment::Arriving => Action::Continue,
        Moment::Waiting => {
            if abi::resume_request().is_err() {
                abi::log(abi::LEVEL_WARN, "a request that waited could not be resumed");
            }
            Action::Pause
        }
    }
}

#[cold]
fn respond(reply: &Reply, stream: u32) -> Action {
    keep(stream, reply.cookies(), None);
    let response = reply.response();
    let headers =
        map::write(response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    answer(response.status, &headers, &response.body)
}

/// Answers 503, whatever the stream waits for.
#[cold]
pub(super) fn unavailable(stream: u32, reason: &str) -> Action {
    vm::with(|vm| vm.gives_up(stream));
    abi::log(abi::LEVEL_ERROR, reason);
    let headers = [("cache-control", "no-store"), ("retry-after", "5")];
    answer(503, &map::write(headers.into_iter()), b"")
}

fn answer(status: u16, headers: &[u8], body: &[u8]) -> Action {
    if abi::respond(status, headers, body).is_err() {
        abi::log(
            abi::LEVEL_ERROR,
            "the host did not take an answer; the request stays where it is",
        );
    }
    Action::Pause
}

/// Cookies wait for the response.
fn keep(stream: u32, cookies: &[SetCookie], stamp: Option<Stamp>) {
    if cookies.is_empty() {
        return;
    }
    let values: Vec<HeaderValue> =
        cookies.iter().filter_map(|cookie| cookie.header_value().ok()).collect();
    vm::with(|vm| vm.keep_cookies(stream, values, stamp));
}
