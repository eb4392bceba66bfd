//! A posted form that a page can hold and send again, byte for byte (WHATWG HTML section
//! 4.10.21 and URL section 5.2).
//!
//! A page that holds names and values as hidden inputs has the browser write the body anew.
//! That is the same body only where it was written as browsers write it, from text that a
//! page can hold. Anything else is not taken: half of a form, or another one, is worse than
//! none.

use std::fmt;

use super::form;

/// The names and values of a form, in their order; what a browser makes of them is the body
/// that they were read from.
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a body; `None` where a browser would not write it in just this way.
    #[must_use]
    pub fn of_body(body: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        let mut again = String::with_capacity(body.len());
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = form::decode(halves.next()?).ok()?;
            let value = form::decode(halves.next()?).ok()?;
            if !is_kept(&name, &value) {
                return None;
            }
            if !again.is_empty() {
                again.push('&');
            }
            form::push(&mut again, &name);
            again.push('=');
            form::push(&mut again, &value);
            fields.push((name, value));
        }
        (again.as_bytes() == body).then_some(Self(fields))
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Whether a page's hidden input sends name and value as they are. One without a name is left
/// out, one called `_charset_` sends the encoding, line ends become CR LF, and no text of a
/// page holds NUL.
fn is_kept(name: &str, value: &str) -> bool {
    let charset = name.eq_ignore_ascii_case("_charset_") && value != "UTF-8";
    !name.is_empty() && !charset && [name, value].into_iter().all(is_text)
}

fn is_text(text: &str) -> bool {
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return true,
            [b'\r', b'\n', tail @ ..] => tail,
            [b'\r' | b'\n' | 0, ..] => return false,
            [_, tail @ ..] => tail,
        };
    }
}

/// Their number only: a password may be among them.
impl fmt::Debug for Fields {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{} fields]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<(String, String)>> {
        Fields::of_body(body.as_bytes()).map(|fields| fields.0)
    }

    #[test]
    fn what_browsers_write_is_read_with_order_and_duplicates() {
        let body = "b=1&a=x+y%26%3D%2B&a=&b=1&%C3%BC=%E2%82%AC&text=one%0D%0Atwo&%3Cx%3E=%22%27&_charset_=UTF-8";
        let fields = read(body).unwrap();
        let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "a", "b", "\u{fc}", "text", "<x>", "_charset_"]);
        assert_eq!(fields[1].1, "x y&=+");
        assert_eq!(fields[5].1, "one\r\ntwo");
        assert_eq!(read("").unwrap(), []);
        let many = "a=&".repeat(5_000) + "a=";
        assert_eq!(read(&many).unwrap().len(), 5_001);
    }

    #[test]
    fn what_would_not_come_back_byte_for_byte_is_not_taken() {
        for body in [
            // Written otherwise.
            "a",
            "a=1&",
            "&a=1",
            "a=1&&b=2",
            "a=%2f",
            "a=%41",
            "a=b c",
            "a=~",
            "a=1;b=2",
            "a=b=c",
            // No text, or of another encoding.
            "a=%",
            "a=%zz",
            "a=%FF",
            "a=%E9",
            "a=%C0%AF",
            "a=%ED%A0%80",
            "a=%00",
            "%00=a",
            // A page sends these as something else, or not at all.
            "=1",
            "=",
            "a=1%0A2",
            "a=1%0D2",
            "a=%0A%0D",
            "a%0A=1",
            "_charset_=latin1",
            "_CharSet_=",
        ] {
            assert_eq!(read(body), None, "{body}");
        }
        assert!(Fields::of_body(b"a=\xc3\xbc").is_none() && Fields::of_body(b"a=\xff").is_none());
    }

    #[test]
    fn values_do_not_print() {
        let fields = Fields::of_body(b"password=hunter2").unwrap();
        assert_eq!(format!("{fields:?}"), "[1 fields]");
    }
}
