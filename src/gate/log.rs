//! Log lines: which request, if it is about one, what was decided, why. Never a secret.

use std::fmt;

use crate::wire::Json;

use super::host::{Host, Level};
use super::request::Arrival;

/// Longest request id that is repeated in a line, in bytes.
const REQUEST_ID_LIMIT: usize = 64;

/// A line of the log. `Display` is the text: `request=<id> decision=<decision> reason="<reason>"`,
/// or the message alone.
#[derive(Debug)]
pub enum Line<'a> {
    /// About a request.
    Request {
        /// The host's id of it.
        id: String,
        /// What was decided.
        decision: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// Of what no single request asked for.
    Outcome {
        /// What was decided.
        decision: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// Anything else.
    Message(&'a str),
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { id, decision, reason } => {
                write!(out, "request={id} decision={decision} reason={reason:?}")
            }
            Self::Outcome { decision, reason } => {
                write!(out, "decision={decision} reason={reason:?}")
            }
            Self::Message(message) => out.write_str(message),
        }
    }
}

impl Line<'_> {
    /// The line as one JSON object: `level`, and `request`, `decision`, `reason` or `message`.
    #[must_use]
    pub fn to_json(&self, level: Level) -> String {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let mut members = vec![("level", level)];
        match self {
            Self::Request { id, decision, reason } => {
                members.extend([
                    ("request", id.as_str()),
                    ("decision", *decision),
                    ("reason", *reason),
                ]);
            }
            Self::Outcome { decision, reason } => {
                members.extend([("decision", *decision), ("reason", *reason)]);
            }
            Self::Message(message) => members.push(("message", message)),
        }
        let text = |(name, value): (&str, &str)| (name.to_owned(), Json::String(value.to_owned()));
        Json::Object(members.into_iter().map(text).collect()).to_string()
    }
}

/// Writes what was decided of a request.
pub(super) fn decision(
    host: &mut dyn Host,
    level: Level,
    arrival: &Arrival<'_>,
    decision: &str,
    reason: &str,
) {
    if host.logs(level) {
        write(host, level, arrival, decision, reason);
    }
}

#[cold]
fn write(host: &mut dyn Host, level: Level, arrival: &Arrival<'_>, decision: &str, reason: &str) {
    let id = request_id(arrival.request_id);
    host.log(level, &Line::Request { id, decision, reason });
}

/// Writes what came of something that no single request asked for.
#[cold]
pub(super) fn outcome(host: &mut dyn Host, level: Level, decision: &str, reason: &str) {
    host.log(level, &Line::Outcome { decision, reason });
}

/// A client may send any request id: only what an id is made of is repeated.
fn request_id(id: Option<&[u8]>) -> String {
    let Some(id) = id else { return "-".to_owned() };
    let plain = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    id.iter().take(REQUEST_ID_LIMIT).filter(plain).map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_cannot_write_a_line_of_its_own() {
        assert_eq!(
            request_id(Some(b"a-1\nrequest=b decision=forward")),
            "a-1requestbdecisionforward"
        );
        assert_eq!(request_id(Some(&[b'x'; 1_000])).len(), REQUEST_ID_LIMIT);
        assert_eq!(request_id(None), "-");
    }

    #[test]
    fn a_line_is_text_or_one_json_object_whatever_stands_in_it() {
        let reason = "expected \"a\"\n{found}";
        let line = Line::Request { id: "r-1".to_owned(), decision: "denied", reason };
        assert_eq!(
            line.to_string(),
            r#"request=r-1 decision=denied reason="expected \"a\"\n{found}""#
        );
        assert_eq!(
            line.to_json(Level::Warn),
            r#"{"level":"warn","request":"r-1","decision":"denied","reason":"expected \"a\"\n{found}"}"#
        );
        let outcome = Line::Outcome { decision: "call_failed", reason: "no answer" };
        assert_eq!(
            outcome.to_json(Level::Info),
            r#"{"level":"info","decision":"call_failed","reason":"no answer"}"#
        );
        let message = Line::Message("two\nlines");
        assert_eq!(message.to_json(Level::Debug), r#"{"level":"debug","message":"two\nlines"}"#);
    }
}
