//! An answer that the gate itself gives (RFC 9110 section 15).

use std::fmt;

use super::header::{HeaderName, HeaderValue};

/// Status, fields and body, for the host to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The fields in their order; `set-cookie` may stand several times and is never joined.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; may be empty.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first field called `name` (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.as_str())
    }
}

/// Names and sizes only: values hold cookies and redirects with a state.
impl fmt::Debug for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_prints_no_value() {
        let response = Response {
            status: 302,
            headers: vec![(
                HeaderName::from_static("location"),
                HeaderValue::from_static("/hunter2"),
            )],
            body: b"hunter2".to_vec(),
        };
        assert!(!format!("{response:?}").contains("hunter2"));
        assert_eq!(response.header("location"), Some("/hunter2"));
        assert_eq!(response.header("vary"), None);
    }
}
