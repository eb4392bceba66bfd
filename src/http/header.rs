//! Names and values of header fields (RFC 9110 sections 5.1 and 5.5).
//!
//! Only well-formed fields can be written: no CR, LF or NUL, so a value that came from
//! outside cannot begin a field or a body of its own (response splitting).

use std::borrow::Cow;
use std::fmt;

/// The longest name that is read; real ones have a few dozen bytes.
const LONGEST_NAME: usize = 256;

/// Why a text is not a header field's name or value. Never quotes the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// A name of no bytes, or of too many.
    #[error("a header name has 1 to {LONGEST_NAME} bytes, this one has {found}")]
    NameLength {
        /// Bytes found.
        found: usize,
    },
    /// A byte that no name may hold.
    #[error(
        "a header name holds letters, digits and !#$%&'*+-.^_`|~ only, not byte 0x{byte:02x} at position {at}"
    )]
    NameByte {
        /// The byte found.
        byte: u8,
        /// Where, counted from 0.
        at: usize,
    },
    /// A byte that no value may hold.
    #[error(
        "a header value holds visible ASCII, blanks and tabs only, not byte 0x{byte:02x} at position {at}"
    )]
    ValueByte {
        /// The byte found.
        byte: u8,
        /// Where, counted from 0.
        at: usize,
    },
    /// White space round a value, which the next reader would drop.
    #[error("a header value neither begins nor ends with a blank or a tab")]
    ValueBlank,
    /// A byte that no cookie's value may hold (RFC 6265 section 4.1.1).
    #[error(
        "a cookie's value holds visible ASCII without quote, comma, semicolon and backslash, not byte 0x{byte:02x} at position {at}"
    )]
    CookieByte {
        /// The byte found.
        byte: u8,
        /// Where, counted from 0.
        at: usize,
    },
}

/// Whether `byte` may stand in a token (RFC 9110 section 5.6.2).
#[must_use]
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// A field's name: a token in lower case. Only the program itself writes names that
/// begin with `:` (pseudo-fields of HTTP/2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderName(Cow<'static, str>);

impl HeaderName {
    /// A name that stands in the program: lower case, and right as it is written.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Reads a name; upper case becomes lower case.
    ///
    /// # Errors
    /// [`InvalidHeader`] where `name` is no token.
    pub fn parse(name: &str) -> Result<Self, InvalidHeader> {
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(InvalidHeader::NameLength { found: name.len() });
        }
        match name.bytes().enumerate().find(|(_, byte)| !is_token_byte(*byte)) {
            Some((at, byte)) => Err(InvalidHeader::NameByte { byte, at }),
            None => Ok(Self(Cow::Owned(name.to_ascii_lowercase()))),
        }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A field's value: visible ASCII, blanks and tabs, with none of those two at its ends.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderValue(Cow<'static, str>);

impl HeaderValue {
    /// A value that stands in the program, right as it is written.
    #[must_use]
    pub const fn from_static(value: &'static str) -> Self {
        Self(Cow::Borrowed(value))
    }

    /// Reads a value.
    ///
    /// # Errors
    /// [`InvalidHeader`] where it could end the field or change on its way.
    pub fn parse(value: impl Into<String>) -> Result<Self, InvalidHeader> {
        let value = value.into();
        let foreign = |byte: u8| !matches!(byte, b' '..=b'~' | b'\t');
        if let Some((at, byte)) = value.bytes().enumerate().find(|(_, byte)| foreign(*byte)) {
            return Err(InvalidHeader::ValueByte { byte, at });
        }
        if value.starts_with([' ', '\t']) || value.ends_with([' ', '\t']) {
            return Err(InvalidHeader::ValueBlank);
        }
        Ok(Self(Cow::Owned(value)))
    }

    /// The value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Length only: values are cookies, tokens and redirects with a state.
impl fmt::Debug for HeaderValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{} bytes]", self.0.len())
    }
}

/// A name as servers see it that make variables of names: lower case, and `-` for every
/// byte that is no letter or digit.
///
/// `X-Auth-Name`, `x_auth_name` and `X.Auth.Name` are one variable to CGI, WSGI and PHP.
/// An identity header must be taken from the client in each of these spellings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FoldedName(String);

impl FoldedName {
    /// What `name` folds to.
    #[must_use]
    pub fn of(name: &HeaderName) -> Self {
        Self(name.as_str().bytes().map(|byte| char::from(fold(byte))).collect())
    }

    /// Whether `name`, as it came off the wire, folds to the same. Allocates nothing;
    /// almost every name already differs in length.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.0.len() == name.len()
            && self.0.bytes().zip(name).all(|(ours, theirs)| ours == fold(*theirs))
    }
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_split_the_response() {
        for text in [
            "a\r\nSet-Cookie: x=y",
            "a\nb",
            "a\rb",
            "a\0b",
            "a\u{7f}",
            "a\u{85}b",
            "\u{10a}evil",
            "a\u{2028}b",
            "a\x1bb",
            "\u{560d}\u{560a}",
        ] {
            let refused = HeaderValue::parse(text);
            assert!(matches!(refused, Err(InvalidHeader::ValueByte { .. })), "{text:?}");
        }
        for text in [" a", "a ", "\ta", "a\t", " "] {
            assert_eq!(HeaderValue::parse(text), Err(InvalidHeader::ValueBlank), "{text:?}");
        }
        for text in ["", "a", "a b\tc", "Bearer x.y.z", "~!\"#"] {
            assert_eq!(HeaderValue::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn every_byte_of_a_value_is_judged() {
        for code in 0..=0xff_u32 {
            let text = format!("a{}b", char::from_u32(code).unwrap());
            let fine = (0x20..0x7f).contains(&code) || code == 9;
            assert_eq!(HeaderValue::parse(text).is_ok(), fine, "{code:#x}");
        }
    }

    #[test]
    fn a_name_is_a_token_in_lower_case() {
        assert_eq!(HeaderName::parse("X-User_1").unwrap().as_str(), "x-user_1");
        for name in ["", ":path", "a b", "a:", "a\r", "a\n", "ä", "a\0", "a(b)", "\"a\"", "a/b"] {
            assert!(HeaderName::parse(name).is_err(), "{name:?}");
        }
        assert!(HeaderName::parse(&"a".repeat(256)).is_ok());
        assert!(HeaderName::parse(&"a".repeat(257)).is_err());
    }

    #[test]
    fn every_spelling_of_one_variable_folds_to_one() {
        let folded = FoldedName::of(&HeaderName::parse("X-Auth-Name").unwrap());
        for spelling in [
            "x-auth-name",
            "X-AUTH-NAME",
            "X_Auth_Name",
            "x_auth-name",
            "X_Auth.Name",
            "x.auth~name",
            "x\u{7f}auth name",
        ] {
            assert!(folded.matches(spelling.as_bytes()), "{spelling:?}");
        }
        assert!(folded.matches(b"x\xffauth\0name"));
        for other in
            ["", "x-auth-nam", "x-auth-names", "xx-auth-name", "x-auth-nbme", "x1auth-name"]
        {
            assert!(!folded.matches(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn values_do_not_print() {
        let value = HeaderValue::parse("Bearer hunter2").unwrap();
        assert_eq!(format!("{value:?}"), "[14 bytes]");
    }
}
