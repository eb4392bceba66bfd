//! What came back from the provider: status, type and bytes, read strictly and within bounds.
//!
//! The host's own answers (503 where it cannot connect, 504 after the timeout) look like the
//! provider's: whatever is not 200 with the JSON that was asked for is a failed call.

use std::fmt;

use super::error::Fault;
use crate::wire::Json;
use crate::wire::json::JsonError;

/// No answer of the provider is read beyond this.
pub const LONGEST_BODY: usize = 256 * 1024;

/// Foreign text in messages is cut at so many characters.
const LONGEST_QUOTE: usize = 200;

/// The answer to a call.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The status; `None` where the host had no answer at all.
    pub status: Option<u16>,
    /// The `content-type`, for messages only.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// Whether the status is 200.
    ///
    /// # Errors
    /// [`Fault::NoAnswer`] and [`Fault::Status`].
    pub(super) fn ok(&self) -> Result<(), Fault> {
        match self.status {
            None => Err(Fault::NoAnswer),
            Some(200) => Ok(()),
            Some(status) => Err(Fault::Status { status }),
        }
    }

    /// The body as a JSON object, whatever its declared type.
    ///
    /// # Errors
    /// [`Fault::Body`], which never quotes the body.
    pub(super) fn object(&self) -> Result<Json, Fault> {
        match Json::parse(self.body, LONGEST_BODY) {
            Ok(json @ Json::Object(_)) => Ok(json),
            Ok(other) => Err(Fault::Body { found: other.kind().to_owned() }),
            Err(JsonError::Syntax(_)) if self.is_html() => {
                Err(Fault::Body { found: "an HTML page".to_owned() })
            }
            Err(JsonError::Syntax(_)) if self.body.is_empty() => {
                Err(Fault::Body { found: "nothing".to_owned() })
            }
            Err(error) => Err(Fault::Body { found: format!("other text ({error})") }),
        }
    }

    fn is_html(&self) -> bool {
        let declared = self.content_type.and_then(|text| text.get(..9));
        declared.is_some_and(|text| text.eq_ignore_ascii_case("text/html"))
            || self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// The body may hold tokens: only its size is shown.
impl fmt::Debug for Answer<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Answer")
            .field("status", &self.status)
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// Foreign text for a message: printable ASCII, others as `?`, at most 200 characters.
pub(super) fn printable(text: &str) -> String {
    let shown = |char: char| if matches!(char, ' '..='~') { char } else { '?' };
    let mut chars = text.chars().map(shown);
    let mut quote: String = chars.by_ref().take(LONGEST_QUOTE).collect();
    if chars.next().is_some() {
        quote.push_str("...");
    }
    quote
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(body: &[u8]) -> Result<Json, Fault> {
        Answer { status: Some(200), content_type: None, body }.object()
    }

    #[test]
    fn what_is_no_json_object_is_refused_and_never_quoted() {
        let cases: [(&[u8], &str); 8] = [
            (b"", "nothing"),
            (b"[{}]", "an array"),
            (b"\"secret\"", "a string"),
            (b"null", "null"),
            (b"  <html>secret", "an HTML page"),
            (b"{\"access_token\":\"secret", "other text"),
            (b"{\"a\":\"secret\",\"a\":\"secret\"}", "twice"),
            (b"\xff\xfesecret", "other text"),
        ];
        for (body, expected) in cases {
            let message = object(body).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST_BODY));
        assert!(object(huge.as_bytes()).unwrap_err().to_string().contains("at most 262144"));
    }

    #[test]
    fn an_error_page_is_called_by_its_name_and_a_wrong_type_of_json_is_no_matter() {
        let page = Answer {
            status: Some(200),
            content_type: Some("Text/HTML; charset=utf-8"),
            body: b"x",
        };
        assert!(page.object().unwrap_err().to_string().contains("an HTML page"));
        let json = Answer { status: Some(200), content_type: Some("text/html"), body: b"{}" };
        assert!(json.object().is_ok());
    }

    #[test]
    fn foreign_text_is_printable_and_bounded() {
        assert_eq!(printable("a\r\nb\u{202e}é\u{7f}"), "a??b???");
        assert_eq!(printable(&"x".repeat(1_000)).len(), 203);
    }

    #[test]
    fn an_answer_does_not_print_its_body() {
        let answer = Answer { status: Some(200), content_type: None, body: b"secret" };
        assert_eq!(format!("{answer:?}"), "Answer { status: Some(200), body: [6 bytes], .. }");
    }
}
