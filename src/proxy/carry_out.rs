//! A step becomes host calls. It is consumed: a request is answered once or goes on once.

use crate::gate::{Authorization, Forward, Reply, Stamp, Step};
use crate::http::cookie::Rest;
use crate::http::{HeaderValue, SetCookie};

use super::abi::{self, Action, HostError, Map};
use super::{map, vm};

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
pub(super) fn carry_out(step: Option<Step>, stream: u32, moment: Moment) -> Action {
    match step {
        Some(Step::Forward(forward)) => match change(&forward) {
            Ok(()) => {
                keep(stream, forward.cookies(), forward.stamp());
                vm::with(|vm| vm.opened(stream));
                go_on(moment)
            }
            Err(_) => unavailable(),
        },
        Some(Step::Reply(reply)) => respond(&reply, stream),
        Some(Step::Wait | Step::Read) => Action::Pause,
        None => unavailable(),
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

/// Writes only what changes. An error means that a promise can not be kept.
fn change(forward: &Forward) -> Result<(), HostError> {
    for name in forward.remove() {
        abi::remove_header(Map::Request, name)?;
    }
    match forward.authorization() {
        Authorization::Absent => {}
        Authorization::Remove => abi::remove_header(Map::Request, b"authorization")?,
        Authorization::Set(value) => {
            abi::set_header(Map::Request, b"authorization", value.as_str().as_bytes())?;
        }
    }
    match forward.cookie() {
        Rest::Unchanged => {}
        Rest::Empty => abi::remove_header(Map::Request, b"cookie")?,
        Rest::Changed(cookies) => abi::set_header(Map::Request, b"cookie", cookies)?,
    }
    for (name, value) in forward.set() {
        abi::set_header(Map::Request, name.as_str().as_bytes(), value.as_str().as_bytes())?;
    }
    Ok(())
}

fn respond(reply: &Reply, stream: u32) -> Action {
    keep(stream, reply.cookies(), None);
    let response = reply.response();
    let headers =
        map::write(response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if abi::respond(response.status, &headers, &response.body).is_err() {
        abi::log(
            abi::LEVEL_ERROR,
            "the host did not take an answer; the request stays where it is",
        );
    }
    Action::Pause
}

fn unavailable() -> Action {
    abi::log(
        abi::LEVEL_ERROR,
        "a request could not be decided, or a header not be changed: answered 503",
    );
    let headers = [("cache-control", "no-store"), ("retry-after", "5")];
    if abi::respond(503, &map::write(headers.into_iter()), b"").is_err() {
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
