//! Cookies: reading a request's, taking ours out, writing `Set-Cookie` (RFC 6265, 6265bis).

use std::fmt;
use std::time::Duration;

use super::header::{HeaderName, HeaderValue, InvalidHeader};

/// The cookies of one `Cookie` line: name and value (RFC 6265 sections 4.2 and 5.4).
///
/// A name ends at the first `=`; a piece without one has the empty name, as in 6265bis.
/// Blanks and tabs round names and values are dropped, quotes belong to the value.
pub fn pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    pieces(line).map(split)
}

/// The pieces between semicolons, without blanks at their ends; empty ones are skipped.
fn pieces(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    line.split(|byte| *byte == b';').map(trim).filter(|piece| !piece.is_empty())
}

fn split(piece: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = piece.splitn(2, |byte| *byte == b'=');
    match (halves.next(), halves.next()) {
        (Some(name), Some(value)) => (trim(name), trim(value)),
        _ => (b"", piece),
    }
}

/// Drops blanks and tabs, and only these: a cookie may begin with a form feed.
const fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// What is left of the request's cookies once ours are taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// None was ours: the lines may stay as they are.
    Unchanged,
    /// Only ours were there: no `Cookie` field may stay, not even an empty one.
    Empty,
    /// The others, byte for byte, as the one `Cookie` line that replaces all lines.
    Changed(Vec<u8>),
}

/// Takes out the cookies whose name is `ours`. Only names are looked at: a value may
/// hold whatever looks like one of our names.
pub fn without<'a>(
    lines: impl Iterator<Item = &'a [u8]> + Clone,
    ours: impl Fn(&[u8]) -> bool,
) -> Rest {
    let is_ours = |piece: &&[u8]| ours(split(piece).0);
    let all = lines.flat_map(pieces);
    if !all.clone().any(|piece| is_ours(&piece)) {
        return Rest::Unchanged;
    }
    let mut rest = Vec::new();
    for piece in all.filter(|piece| !is_ours(piece)) {
        if !rest.is_empty() {
            rest.extend_from_slice(b"; ");
        }
        rest.extend_from_slice(piece);
    }
    if rest.is_empty() { Rest::Empty } else { Rest::Changed(rest) }
}

/// Which requests from other sites bring the cookie along (6265bis section 5.4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Only a person following a link.
    Lax,
    /// None.
    Strict,
    /// All of them; browsers then insist on `Secure`.
    None,
}

impl SameSite {
    /// The attribute's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

/// One `Set-Cookie`. Always `HttpOnly` and `Path=/`, never with a `Domain`: sent to this
/// host only, and unseen by scripts.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The name as sent, prefix included.
    pub name: String,
    /// The value: characters of a cookie only (RFC 6265 section 4.1.1).
    pub value: String,
    /// Whether browsers send it over TLS only; a name with `__Host-` requires that.
    pub secure: bool,
    /// Which requests from other sites bring it along.
    pub same_site: SameSite,
    /// How long it lives; `None`: until the browser ends, zero: it is deleted.
    pub max_age: Option<Duration>,
}

impl SetCookie {
    /// The same cookie's deletion. Its attributes are the same, as browsers require of
    /// prefixed names (a deletion that breaks the prefix's rule is ignored).
    #[must_use]
    pub fn removal(&self) -> Self {
        Self {
            name: self.name.clone(),
            value: String::new(),
            secure: self.secure,
            same_site: self.same_site,
            max_age: Some(Duration::ZERO),
        }
    }

    /// The value of the `Set-Cookie` field.
    ///
    /// # Errors
    /// [`InvalidHeader`] where name or value hold what a cookie may not hold: they could
    /// add attributes or fields of their own.
    pub fn header_value(&self) -> Result<HeaderValue, InvalidHeader> {
        HeaderName::parse(&self.name)?;
        if let Some((at, byte)) = self.value.bytes().enumerate().find(|(_, b)| !is_cookie_byte(*b))
        {
            return Err(InvalidHeader::CookieByte { byte, at });
        }
        let mut text = format!("{}={}; Path=/", self.name, self.value);
        match self.max_age.map(|age| age.as_secs()) {
            None => {}
            // Below a second is over at once; `Expires` is for what does not know Max-Age.
            Some(0) => text.push_str("; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
            Some(seconds) => text.push_str(&format!("; Max-Age={seconds}")),
        }
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str("; HttpOnly; SameSite=");
        text.push_str(self.same_site.as_str());
        HeaderValue::parse(text)
    }
}

/// `cookie-octet` of RFC 6265 section 4.1.1.
const fn is_cookie_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'+' | b'-'..=b':' | b'<'..=b'[' | b']'..=b'~')
}

/// The value stays out: it is a sealed session.
impl fmt::Debug for SetCookie {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SetCookie")
            .field("name", &self.name)
            .field("value", &format_args!("[{} bytes]", self.value.len()))
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
