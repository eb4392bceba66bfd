//! What happens to a request: one state machine per worker, no I/O of its own.
//!
//! | event | entry | gives |
//! |---|---|---|
//! | a request's head is there | [`Worker::arrive`] | one [`Step`] |
//! | a call was answered | [`Worker::answered`] | the streams to resume |
//! | time passed | [`Worker::tick`] | the streams to resume |
//! | another worker has news | [`Worker::woken`] | the streams to resume |
//! | a stream that waited may go on | [`Worker::resume`] | one [`Step`] |
//! | more of a body is there | [`Worker::body_grows`] | whether it is to be read now |
//! | a body that was asked for is there | [`Worker::body`] | one [`Step`] |
//! | a response with cookies comes back | [`Worker::still_holds`] | whether they are sent |
//! | a stream is gone | [`Worker::gone`] | |
//!
//! Time, randomness, calls and the log are handed in as a [`Host`]. Calls belong to the
//! worker, not to the stream that asked: a client that leaves takes no answer with it.
//! The only way to the upstream is a [`Forward`], which is made from a verified identity
//! or from a rule that says public, and from nothing else.

mod access_log;
mod acquire;
mod attempt;
mod bearer;
mod callback;
mod errands;
mod fetches;
mod forms;
mod forward;
mod host;
mod identity;
mod introspect;
mod introspections;
mod log;
mod login;
mod logout;
mod page;
mod refresh;
mod refusal;
mod reply;
mod request;
mod resource;
mod sent;
mod session_info;
mod sessions;
mod shared;
mod tally;
mod turns;
mod verdict;
mod wait;
mod worker;

pub mod metrics;

pub use access_log::Field;
pub use forms::FORM_LIMIT;
pub use forward::{Authorization, Forward, Stamp};
pub use host::{CallId, Expected, Host, Level, NoAccessLog, NoSharedData, NotSent, StreamId};
pub use log::Line;
pub use reply::Reply;
pub use worker::Worker;

/// What is to be done with a request; carrying it out ends the right to answer.
#[derive(Debug)]
pub enum Step {
    /// On to the upstream, with these changes.
    Forward(Forward),
    /// Answered here.
    Reply(Reply),
    /// The worker waits for a call; the stream is resumed by [`Worker::answered`] or [`Worker::tick`].
    Wait,
    /// As `Wait`, for the request's body: [`Worker::body_grows`] and [`Worker::body`] are told
    /// of it. Where the request has none, or all of it came before, it is handed over at once.
    Read,
}
