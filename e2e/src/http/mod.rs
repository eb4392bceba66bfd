//! One request, one answer, one connection. HTTP/1.1 is written by hand, so that a test can write what a client library
//! would refuse; HTTP/2 (prior knowledge, RFC 9113 section 3.3) is hyper's.

mod h1;
mod h2;
mod stream;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread;

use serde_json::Value;

pub use h1::raw;
pub use stream::{Part, Stream, Streams, Tunnel};

/// Which protocol a [`Connection`] speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    H1,
    /// HTTP/2 without TLS, known beforehand.
    H2,
}

/// Both, for tests that must hold on either.
pub const PROTOCOLS: [Protocol; 2] = [Protocol::H1, Protocol::H2];

/// A request as it goes over the wire: nothing is added but the host and the length of the body.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, as it stands.
    pub method: String,
    /// Path and query, as they stand.
    pub target: String,
    /// `Host`, or `:authority`; the connection's own address where `None`.
    pub host: Option<String>,
    /// Further header lines, in order; names may repeat.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty is no body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            host: None,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// `GET target`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST target` with `body`.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", target) }
    }

    /// With one more header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// With `Authorization: Bearer token`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With another `Host` than the connection's address.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// As a browser marks the load of a page that the user asked for (W3C Fetch Metadata).
    #[must_use]
    pub fn page_load(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", "none")
    }

    /// As a browser marks a form that a page of `origin` posts to its own origin, and its body.
    #[must_use]
    pub fn form(self, origin: &str) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .header("referer", format!("{origin}/new"))
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", "same-origin")
    }

    /// As a browser marks `fetch()` from a page of the same origin.
    #[must_use]
    pub fn fetch(self) -> Self {
        self.header("accept", "*/*")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
    }
}

/// An answer, whole.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// All header lines, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Every header line of this name (in lower case).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// `Location`; panics where there is none.
    pub fn location(&self) -> &str {
        self.header("location")
            .unwrap_or_else(|| panic!("an answer with a location was expected: {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|problem| panic!("JSON was expected ({problem}): {self:?}"))
    }

    /// The body as `application/problem+json` (RFC 9457); panics where it is none or contradicts the status.
    pub fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}: {}",
            self.status,
            self.text()
        );
        let problem = self.json();
        assert_eq!(
            problem["status"], self.status,
            "the problem's status is the answer's: {problem}"
        );
        for member in ["type", "title", "detail"] {
            assert!(problem[member].is_string(), "a problem has a {member}: {problem}");
        }
        problem
    }
}

impl fmt::Debug for Answer {
    /// As one would read it, the body as text.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(to, "{name}: {value}")?;
        }
        write!(to, "\n{}", self.text())
    }
}

/// One connection, kept open between requests, so that all of them reach the same worker of Envoy.
pub struct Connection(Inner);

enum Inner {
    H1(h1::Connection),
    H2(h2::Connection),
}

impl Connection {
    /// Connects to `address`.
    ///
    /// # Errors
    /// What connecting may end with.
    pub fn open(address: SocketAddr, protocol: Protocol) -> io::Result<Self> {
        Ok(Self(match protocol {
            Protocol::H1 => Inner::H1(h1::Connection::open(address)?),
            Protocol::H2 => Inner::H2(h2::Connection::open(address)?),
        }))
    }

    /// Sends `request` and waits for the whole answer.
    ///
    /// # Errors
    /// Where the connection was closed or spoke nonsense, or nothing came for a minute.
    pub fn try_send(&mut self, request: &Request) -> io::Result<Answer> {
        match &mut self.0 {
            Inner::H1(connection) => connection.send(request),
            Inner::H2(connection) => connection.send(request),
        }
    }

    /// Sends all `requests` on this connection, HTTP/2 at once and HTTP/1.1 one after the other. What became of them comes
    /// in their order.
    pub fn try_send_together(&mut self, requests: &[Request]) -> Vec<io::Result<Answer>> {
        match &mut self.0 {
            Inner::H1(connection) => {
                requests.iter().map(|request| connection.send(request)).collect()
            }
            Inner::H2(connection) => connection.send_together(requests),
        }
    }

    /// [`Self::try_send`], where an answer must come.
    pub fn send(&mut self, request: &Request) -> Answer {
        self.try_send(request)
            .unwrap_or_else(|problem| panic!("{} {}: {problem}", request.method, request.target))
    }
}

/// Sends `request` on a connection of its own.
pub fn send(address: SocketAddr, protocol: Protocol, request: &Request) -> Answer {
    let mut connection = Connection::open(address, protocol)
        .unwrap_or_else(|problem| panic!("{address}: {problem}"));
    connection.send(request)
}

/// Sends all `requests` at once: HTTP/1.1 on a connection each, HTTP/2 on one connection together. The answers come in
/// the order of the requests.
pub fn send_together(address: SocketAddr, protocol: Protocol, requests: &[Request]) -> Vec<Answer> {
    match protocol {
        Protocol::H2 => h2::Connection::open(address)
            .and_then(|connection| connection.send_together(requests).into_iter().collect())
            .unwrap_or_else(|problem| panic!("{problem}")),
        Protocol::H1 => thread::scope(|scope| {
            let senders: Vec<_> = requests
                .iter()
                .map(|request| scope.spawn(move || send(address, protocol, request)))
                .collect();
            senders
                .into_iter()
                .map(|sender| sender.join().expect("each request is answered"))
                .collect()
        }),
    }
}
