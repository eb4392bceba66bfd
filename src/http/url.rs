//! Origins (RFC 6454) and absolute URLs of http and https (RFC 3986, read as browsers do).
//!
//! Both are read strictly: no user information, no fragment, no backslash, nothing that
//! a lenient reader would have to repair.

use std::fmt;
use std::net::Ipv6Addr;

use super::form;

/// The longest authority that is read: a DNS name has at most 253 bytes.
const LONGEST_AUTHORITY: usize = 262;
/// The longest URL that is read.
const LONGEST_URL: usize = 2048;

/// Why a text is no URL or origin that is accepted. Never quotes the text, which may
/// hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Neither `http://` nor `https://` at the beginning.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// Longer than is read.
    #[error("has {found} bytes; at most {LONGEST_URL} are read")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// White space, a control, a backslash or something outside ASCII.
    #[error(
        "holds visible ASCII without backslash only, not byte 0x{byte:02x} at position {at}; write other characters percent-encoded, and host names in their xn-- form"
    )]
    Byte {
        /// The byte found.
        byte: u8,
        /// Where, counted from 0.
        at: usize,
    },
    /// `user:password@`.
    #[error("must not hold a user name or password (no @ before the path)")]
    UserInformation,
    /// `#…`.
    #[error("must not hold a fragment (no #)")]
    Fragment,
    /// No host, or host or port that are none.
    #[error("must name a host, and at most a port from 1 to 65535 behind it")]
    Authority,
    /// An origin with something behind host and port.
    #[error("must end after host and port: an origin has no path, not even a slash")]
    BehindOrigin,
    /// What else a URL can get wrong.
    #[error("is no URL: {0}")]
    Malformed(String),
}

/// http or https.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`, port 80.
    Http,
    /// `https`, port 443.
    Https,
}

impl Scheme {
    /// The scheme's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Takes `http://` or `https://` off the beginning, in any case.
    fn split(text: &str) -> Result<(Self, &str), InvalidUrl> {
        let (name, rest) = text.split_once("://").ok_or(InvalidUrl::Scheme)?;
        [Self::Http, Self::Https]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.as_str()))
            .map(|scheme| (scheme, rest))
            .ok_or(InvalidUrl::Scheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Scheme, host and port (RFC 6454 section 4); printed as in section 6.2:
/// `https://app.example`, `http://localhost:10000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    /// In lower case; with the port, unless it is the scheme's own.
    host: String,
}

impl Origin {
    /// Reads an origin as an operator or an `Origin` field writes it.
    ///
    /// # Errors
    /// [`InvalidUrl`] for anything but scheme, host and port; so for `null` too.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, authority) = Scheme::split(text)?;
        refuse_bytes(text)?;
        if authority.contains('@') {
            return Err(InvalidUrl::UserInformation);
        }
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidUrl::BehindOrigin);
        }
        Self::of_authority(scheme, authority.as_bytes()).ok_or(InvalidUrl::Authority)
    }

    /// The origin of a request whose `:authority` (or `Host`) is `authority`; `None` where
    /// that is not plainly a host and perhaps a port (RFC 3986 section 3.2).
    #[must_use]
    pub fn of_authority(scheme: Scheme, authority: &[u8]) -> Option<Self> {
        if authority.len() > LONGEST_AUTHORITY {
            return None;
        }
        let text = std::str::from_utf8(authority).ok()?;
        let (name, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            (format!("[{}]", address.parse::<Ipv6Addr>().ok()?), port)
        } else {
            let (name, port) = text.find(':').map_or((text, ""), |at| text.split_at(at));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
                return None;
            }
            (name.to_ascii_lowercase(), port)
        };
        if port.is_empty() {
            return Some(Self { scheme, host: name });
        }
        // Without formatting: it is done on every request, and a port has one spelling only.
        let host =
            if read_port(port.strip_prefix(':')?)? == scheme.port() { name } else { name + port };
        Some(Self { scheme, host })
    }

    /// `host`, or `host:port` where the port is not the scheme's own.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The URL of `path` here. A path that lacks its slash gets it: nothing that is
    /// appended can change the host (`@evil.example`, `.evil.example`).
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{self}{slash}{path}")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", self.scheme, self.host)
    }
}

/// A port in its only spelling: digits, no zero in front, 1 to 65535.
fn read_port(text: &str) -> Option<u16> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    canonical.then(|| text.parse().ok()).flatten()
}

fn refuse_bytes(text: &str) -> Result<(), InvalidUrl> {
    if text.len() > LONGEST_URL {
        return Err(InvalidUrl::TooLong { found: text.len() });
    }
    let foreign = |byte: &u8| !byte.is_ascii_graphic() || *byte == b'\\';
    match text.bytes().enumerate().find(|(_, byte)| foreign(byte)) {
        Some((at, byte)) => Err(InvalidUrl::Byte { byte, at }),
        None => Ok(()),
    }
}

/// An absolute URL of http or https: an endpoint of the provider. The text stays as it
/// was written, for whoever compares it; host and path of a call are the parsed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    text: String,
    scheme: Scheme,
    authority: String,
    path_and_query: String,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`InvalidUrl`] for other schemes, user information, a fragment, and for anything
    /// that would have to be repaired.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = Scheme::split(text)?;
        refuse_bytes(text)?;
        if rest.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(InvalidUrl::UserInformation);
        }
        let origin = Origin::of_authority(scheme, authority.as_bytes());
        let authority = origin.ok_or(InvalidUrl::Authority)?.host;
        let parsed =
            url::Url::parse(text).map_err(|error| InvalidUrl::Malformed(error.to_string()))?;
        let path_and_query = match parsed.query() {
            Some(query) => format!("{}?{query}", parsed.path()),
            None => parsed.path().to_owned(),
        };
        Ok(Self { text: text.to_owned(), scheme, authority, path_and_query })
    }

    /// The URL as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `host`, or `host:port` where the port is not the scheme's own: for `:authority`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query, dot segments resolved: for `:path`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// This URL with `pairs` behind the query it already has (RFC 6749 section 3.1: an
    /// endpoint's own query is kept).
    #[must_use]
    pub fn with_query(&self, pairs: &[(&str, &str)]) -> String {
        if pairs.is_empty() {
            return self.text.clone();
        }
        let joint = match self.text.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{joint}{}", self.text, form::encode(pairs))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
