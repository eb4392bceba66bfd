//! Cookies: reading a request's, taking ours out, writing `Set-Cookie` (RFC 6265, 6265bis).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::bytes;
use super::header::{HeaderName, HeaderValue, InvalidHeader};

/// The pieces of one `Cookie` line between its semicolons, each with its place in the line;
/// blanks at their ends are no part of them, and empty ones are skipped.
fn pieces(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        while let Some(tail) = rest {
            let (raw, after) = match bytes::cut(tail, b';') {
                Some((raw, after)) => (raw, Some(after)),
                None => (tail, None),
            };
            rest = after;
            let piece = trim_end(trim_start(raw));
            if !piece.is_empty() {
                let before = line.len().saturating_sub(tail.len());
                let blanks = raw.len().saturating_sub(trim_start(raw).len());
                return Some((before.saturating_add(blanks), piece));
            }
        }
        None
    })
}

/// Name and value of a cookie (RFC 6265 sections 4.2 and 5.4).
///
/// A name ends at the first `=`; a piece without one has the empty name, as in 6265bis.
/// Blanks and tabs round names and values are dropped, quotes belong to the value.
fn split(piece: &[u8]) -> (&[u8], &[u8]) {
    match bytes::cut(piece, b'=') {
        Some((name, value)) => (trim_end(name), trim_start(value)),
        None => (b"", piece),
    }
}

/// Drops blanks and tabs, and only these: a cookie may begin with a form feed.
const fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

const fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
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

/// The cookies that are not ours, as [`sort_out`] found them.
#[derive(Clone, Default)]
pub struct Others<'a> {
    /// Those that stand side by side are one text, and often the only one.
    run: &'a [u8],
    more_runs: Vec<&'a [u8]>,
    ours_were_there: bool,
}

/// Walks over a request's cookies once. `ours` is asked about each that begins with
/// `prefix`, by name and value, and keeps what it says is ours. Only names should be
/// looked at: a value may hold whatever looks like one of our names.
pub fn sort_out<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    prefix: &[u8],
    mut ours: impl FnMut(&'a [u8], &'a [u8]) -> bool,
) -> Others<'a> {
    let mut others = Others::default();
    for line in lines {
        let mut run = 0..0;
        for (start, piece) in pieces(line) {
            let end = start.saturating_add(piece.len());
            // Blanks before it are gone: where the name has the prefix, so has the piece.
            let is_ours = piece.starts_with(prefix) && {
                let (name, value) = split(piece);
                ours(name, value)
            };
            if is_ours {
                others.ours_were_there = true;
            } else if line.get(run.end..start) == Some(b"; ") && !run.is_empty() {
                run.end = end;
            } else {
                others.keep(line.get(run));
                run = start..end;
            }
        }
        others.keep(line.get(run));
    }
    others
}

impl<'a> Others<'a> {
    fn keep(&mut self, run: Option<&'a [u8]>) {
        match run {
            None | Some([]) => {}
            Some(run) if self.run.is_empty() => self.run = run,
            Some(run) => self.more_runs.push(run),
        }
    }

    /// What becomes of the request's `Cookie` lines.
    #[must_use]
    pub fn rest(&self) -> Rest {
        if !self.ours_were_there {
            return Rest::Unchanged;
        }
        if self.run.is_empty() {
            return Rest::Empty;
        }
        let mut line = self.run.to_vec();
        for run in &self.more_runs {
            line.extend_from_slice(b"; ");
            line.extend_from_slice(run);
        }
        Rest::Changed(line)
    }
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

/// One `Set-Cookie`. Always `HttpOnly`, never with a `Domain`: sent to this host only, and
/// unseen by scripts.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The name as sent, prefix included.
    pub name: String,
    /// The value: characters of a cookie only (RFC 6265 section 4.1.1).
    pub value: String,
    /// Whether browsers send it over TLS only; a name with `__Host-` requires that.
    pub secure: bool,
    /// Which paths it is sent to, this one and all below; `/` where the name has `__Host-`.
    pub path: Cow<'static, str>,
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
            path: self.path.clone(),
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
        // RFC 6265 section 4.1.1: a path ends at a semicolon.
        if let Some((at, byte)) = self.path.bytes().enumerate().find(|(_, byte)| *byte == b';') {
            return Err(InvalidHeader::CookieByte { byte, at });
        }
        let mut text = format!("{}={}; Path={}", self.name, self.value, self.path);
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
