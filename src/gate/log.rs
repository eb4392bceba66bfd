//! Log lines: which request, if it is about one, what was decided, why. Never a secret.

use super::host::{Host, Level};
use super::request::Arrival;

/// Longest request id that is repeated in a line, in bytes.
const REQUEST_ID_LIMIT: usize = 64;

/// Writes `request=<id> decision=<decision> reason="<reason>"`.
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
    host.log(level, &format!("request={id} decision={decision} reason={reason:?}"));
}

/// Writes `decision=<decision> reason="<reason>"`, of what no single request asked for.
#[cold]
pub(super) fn outcome(host: &mut dyn Host, level: Level, decision: &str, reason: &str) {
    host.log(level, &format!("decision={decision} reason={reason:?}"));
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
}
