//! `application/x-www-form-urlencoded` (WHATWG URL Standard section 5; RFC 6749 appendix B).
//!
//! Writing follows the standard to the letter. Reading is stricter: a broken escape, text
//! that is not UTF-8, or a parameter that stands twice where one is asked for is refused
//! (RFC 6749 section 3.1: parameters must not be included more than once).

use std::fmt;

/// The most parameters that are read.
const MOST_PARAMETERS: usize = 64;
/// The longest form that is read.
const LONGEST: usize = 16 * 1024;

/// `name=value&…` for a request's body or a query.
#[must_use]
pub fn encode(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        push(&mut text, name);
        text.push('=');
        push(&mut text, value);
    }
    text
}

/// One name or value, encoded: also what client id and secret need before base64
/// (RFC 6749 section 2.3.1).
#[must_use]
pub fn component(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push(&mut encoded, text);
    encoded
}

pub(super) fn push(out: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).map_or('0', |byte| char::from(*byte));
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.extend(['%', digit(byte >> 4), digit(byte & 0xf)]),
        }
    }
}

/// Why a form or a query is not read. Never quotes a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Longer than is read.
    #[error("the parameters have {found} bytes; at most {LONGEST} are read")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// More parameters than are read.
    #[error("there are more than {MOST_PARAMETERS} parameters")]
    TooMany,
    /// `%` without two hexadecimal digits behind it.
    #[error("a parameter holds % without two hexadecimal digits behind it")]
    Escape,
    /// Not UTF-8 once decoded.
    #[error("a parameter is not UTF-8")]
    NotUtf8,
    /// The parameter stands more than once.
    #[error("the parameter {name} stands more than once")]
    Repeated {
        /// The name that was asked for.
        name: String,
    },
}

/// The parameters of a query or a form's body, decoded.
#[derive(Clone)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads parameters; a query without its `?`. A name without `=` has the empty value.
    ///
    /// # Errors
    /// [`FormError`] for too much of it, and for what two readers could read differently.
    pub fn parse(text: &[u8]) -> Result<Self, FormError> {
        if text.len() > LONGEST {
            return Err(FormError::TooLong { found: text.len() });
        }
        let mut pairs = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() >= MOST_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            pairs.push((name, decode(halves.next().unwrap_or_default())?));
        }
        Ok(Self { pairs })
    }

    /// The value of `name`, where it stands once; `None` where it does not stand at all.
    ///
    /// # Errors
    /// [`FormError::Repeated`] where it stands more than once, be it with one value.
    pub fn once(&self, name: &str) -> Result<Option<&str>, FormError> {
        let mut found = self.pairs.iter().filter(|(key, _)| key == name);
        let value = found.next().map(|(_, value)| value.as_str());
        match found.next() {
            Some(_) => Err(FormError::Repeated { name: name.to_owned() }),
            None => Ok(value),
        }
    }

    /// Whether `name` stands at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }
}

/// The number of parameters only: a code may be among them.
impl fmt::Debug for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{} parameters]", self.pairs.len())
    }
}

pub(super) fn decode(text: &[u8]) -> Result<String, FormError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => break,
            [b'%', tail @ ..] => {
                let (byte, tail) = escaped(tail).ok_or(FormError::Escape)?;
                decoded.push(byte);
                tail
            }
            [b'+', tail @ ..] => {
                decoded.push(b' ');
                tail
            }
            [byte, tail @ ..] => {
                decoded.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(decoded).map_err(|_| FormError::NotUtf8)
}

/// Reads the two hexadecimal digits behind a `%`: the byte, and what follows it.
#[must_use]
pub fn escaped(digits: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = digits else { return None };
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(((value(*high)? << 4) | value(*low)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_is_the_standards_serializer() {
        assert_eq!(
            encode(&[("a b", "c&d=e"), ("ü", "*-._~"), ("", "")]),
            "a+b=c%26d%3De&%C3%BC=*-._%7E&="
        );
        assert_eq!(encode(&[]), "");
        // RFC 6749 appendix B: its own example.
        assert_eq!(component(" %&+\u{a3}\u{20ac}"), "+%25%26%2B%C2%A3%E2%82%AC");
        assert_eq!(component("a:b\r\n\0"), "a%3Ab%0D%0A%00");
    }

    #[test]
    fn what_was_written_is_read() {
        let text: String = (0..=0x2ff_u32).filter_map(char::from_u32).collect();
        let form = Form::parse(encode(&[(&text, &text), ("x", "")]).as_bytes()).unwrap();
        assert_eq!(form.once(&text), Ok(Some(text.as_str())));
        assert_eq!(form.once("x"), Ok(Some("")));
        assert_eq!(form.once("y"), Ok(None));
    }

    #[test]
    fn names_and_values_are_split_at_the_first_equals_sign() {
        let form = Form::parse(b"&a=b=c&&flag&=v&d=1+2%2B3&").unwrap();
        assert_eq!(form.once("a"), Ok(Some("b=c")));
        assert_eq!(form.once("flag"), Ok(Some("")));
        assert_eq!(form.once(""), Ok(Some("v")));
        assert_eq!(form.once("d"), Ok(Some("1 2+3")));
        assert!(form.has("flag") && !form.has("e"));
    }

    #[test]
    fn broken_escapes_and_other_charsets_are_refused() {
        for text in ["%", "a=%", "a=%4", "a=%zz", "a=%4g", "%=1", "a=%+1", "a=%-1", "a=% 1", "a=%%"]
        {
            assert_eq!(Form::parse(text.as_bytes()).unwrap_err(), FormError::Escape, "{text}");
        }
        for text in [&b"a=%ff"[..], b"a=%C3", b"\xff=1", b"a=%ED%A0%80", b"a=%C0%AF"] {
            assert_eq!(Form::parse(text).unwrap_err(), FormError::NotUtf8);
        }
    }

    #[test]
    fn a_parameter_that_stands_twice_is_refused() {
        let form = Form::parse(b"code=a&state=s&code=a&c%6Fde=b&st%61te=t").unwrap();
        for name in ["code", "state"] {
            assert_eq!(form.once(name), Err(FormError::Repeated { name: name.to_owned() }));
            assert!(form.has(name));
        }
        // Names keep their case: this is another parameter.
        assert_eq!(Form::parse(b"code=a&Code=b").unwrap().once("code"), Ok(Some("a")));
    }

    #[test]
    fn size_and_count_are_bounded() {
        assert!(Form::parse("a=1&".repeat(64).as_bytes()).is_ok());
        assert_eq!(Form::parse("a=1&".repeat(65).as_bytes()).unwrap_err(), FormError::TooMany);
        assert!(Form::parse(&[b'&'; 16 * 1024]).is_ok());
        let long = Form::parse(&[b'&'; 16 * 1024 + 1]);
        assert_eq!(long.unwrap_err(), FormError::TooLong { found: 16 * 1024 + 1 });
    }

    #[test]
    fn values_do_not_print() {
        assert_eq!(format!("{:?}", Form::parse(b"code=hunter2").unwrap()), "[1 parameters]");
    }
}
