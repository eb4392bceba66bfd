//! A browser of a few lines: cookies, redirects and forms as RFC 6265bis, RFC 9110 and HTML have them, and requests
//! marked as browsers mark page loads and `fetch()`.
//!
//! `https://` is spoken without TLS and with `x-forwarded-proto: https`, as if TLS ended just before Envoy.

mod form;
mod jar;

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::http::{Answer, Connection, Protocol, Request};

pub use form::Form;
pub use jar::{Cookie, Jar};

/// More redirects than this are a loop: what browsers allow.
const REDIRECTS: usize = 20;

/// One person's browser.
#[derive(Debug)]
pub struct Browser {
    /// Its cookies.
    pub jar: Jar,
    protocol: Protocol,
    hosts: HashMap<String, SocketAddr>,
}

/// What the person sees after a page load.
#[derive(Clone, Debug)]
pub struct Page {
    /// The address bar.
    pub url: Url,
    /// The last answer.
    pub answer: Answer,
    /// Each redirect on the way: where from, and the status.
    pub trail: Vec<(String, u16)>,
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl Browser {
    /// A browser without cookies, over HTTP/1.1.
    pub fn new() -> Self {
        Self::speaking(Protocol::H1)
    }

    /// A browser without cookies that speaks `protocol` to the servers that it learns of.
    pub fn speaking(protocol: Protocol) -> Self {
        Self { jar: Jar::default(), protocol, hosts: HashMap::new() }
    }

    /// From now on this name (`app.example`, or with a port) is at `address`, as a line in `/etc/hosts` would say.
    pub fn learn(&mut self, authority: &str, address: SocketAddr) {
        self.hosts.insert(authority.into(), address);
    }

    /// Opens a page and follows redirects. Panics on a loop.
    pub fn open(&mut self, url: &str) -> Page {
        let answer = self.visit(url);
        self.follow(Url::parse(url), answer)
    }

    /// Opens a page without following redirects.
    pub fn visit(&mut self, url: &str) -> Answer {
        let url = Url::parse(url);
        self.send(&url, Request::get(&url.target).page_load())
    }

    /// What `fetch(url)` gets from a page of the same origin, redirects not followed.
    pub fn fetch(&mut self, url: &str) -> Answer {
        let url = Url::parse(url);
        self.send(&url, Request::get(&url.target).fetch())
    }

    /// Sends `request` to the server of `url` with this browser's cookies for it, and keeps those that come back.
    /// The request's own target counts, so that any byte can be in it.
    pub fn send(&mut self, url: &Url, mut request: Request) -> Answer {
        if let Some(line) = self.jar.line(url) {
            request = request.header("cookie", line);
        }
        if url.https {
            request = request.header("x-forwarded-proto", "https");
        }
        request = request.host(&url.authority);
        // Servers that were not introduced, as the provider, are no part of the test: any protocol does for them.
        let (address, protocol) = match self.hosts.get(&url.authority) {
            Some(address) => (*address, self.protocol),
            None => (loopback(&url.authority), Protocol::H1),
        };
        let mut connection = Connection::open(address, protocol)
            .unwrap_or_else(|problem| panic!("{} {}: {problem}", request.method, url.whole()));
        let answer = connection.send(&request);
        for line in answer.all("set-cookie") {
            self.jar.keep(url, line);
        }
        answer
    }

    /// Fills in the one form of `page` and sends it: the fields that are named, and the hidden ones as they are.
    /// Redirects are followed.
    pub fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let form = Form::of(&page.answer.text())
            .unwrap_or_else(|| panic!("a page with a form was expected: {page:?}"));
        let url = page.url.join(&form.action);
        let body = form.filled(fields);
        let (request, url) = if form.post {
            let request = Request::post(&url.target, body)
                .header("content-type", "application/x-www-form-urlencoded");
            (request, url)
        } else {
            let url = url.join(&format!("{}?{body}", url.target));
            (Request::get(&url.target), url)
        };
        let answer = self.send(&url, request.page_load());
        self.follow(url, answer)
    }

    /// Opens a page that needs a login, logs in as `user` at the provider (user name and password are the same there)
    /// unless it knows the browser already, and comes back.
    pub fn login(&mut self, url: &str, user: &str) -> Page {
        let page = self.open(url);
        if !Form::of(&page.answer.text()).is_some_and(|form| form.has("password")) {
            return page;
        }
        let back = self.submit(&page, &[("username", user), ("password", user)]);
        assert!(
            Form::of(&back.answer.text()).is_none_or(|form| !form.has("password")),
            "the provider refused {user}: {back:?}"
        );
        back
    }

    fn follow(&mut self, mut url: Url, mut answer: Answer) -> Page {
        let mut trail = Vec::new();
        while matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            trail.push((url.whole(), answer.status));
            assert!(trail.len() <= REDIRECTS, "a loop of redirects: {trail:#?}");
            assert!(
                answer.status < 307,
                "after 307 and 308 a browser would send the form again: {trail:#?}"
            );
            url = url.join(answer.location());
            answer = self.send(&url, Request::get(&url.target).page_load());
        }
        Page { url, answer, trail }
    }
}

/// The address of a name that means this machine.
fn loopback(authority: &str) -> SocketAddr {
    let address = authority.replace("localhost", "127.0.0.1").parse();
    address
        .unwrap_or_else(|_| panic!("{authority} is unknown to this browser: tell it with learn()"))
}

/// An http(s) URL, split: just enough for a browser in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether the scheme is https.
    pub https: bool,
    /// Host and, where it was written, port.
    pub authority: String,
    /// Path and query; never empty.
    pub target: String,
}

impl Url {
    /// Reads an absolute URL; panics on anything else.
    pub fn parse(text: &str) -> Self {
        let (scheme, rest) =
            text.split_once("://").unwrap_or_else(|| panic!("not an absolute URL: {text:?}"));
        assert!(matches!(scheme, "http" | "https"), "not http: {text:?}");
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let slash = if target.starts_with('/') { "" } else { "/" };
        Self {
            https: scheme == "https",
            authority: authority.into(),
            target: format!("{slash}{target}"),
        }
    }

    /// Where a link or `Location` leads from here (RFC 3986 section 5.2, as browsers do it: `\` is `/`).
    pub fn join(&self, link: &str) -> Self {
        let scheme = if self.https { "https" } else { "http" };
        if link.contains("://") && !link.starts_with(['/', '?']) {
            return Self::parse(link);
        }
        let link = link.split('#').next().unwrap_or_default();
        if link.starts_with("//") || link.starts_with("/\\") || link.starts_with("\\") {
            return Self::parse(&format!("{scheme}://{}", link.trim_start_matches(['/', '\\'])));
        }
        let path = self.target.split('?').next().unwrap_or_default();
        let target = match link.as_bytes().first() {
            None => self.target.clone(),
            Some(b'/') => link.into(),
            Some(b'?') => format!("{path}{link}"),
            Some(_) => format!("{}/{link}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
        };
        Self { target, ..self.clone() }
    }

    /// The URL as text.
    pub fn whole(&self) -> String {
        format!("{}://{}{}", if self.https { "https" } else { "http" }, self.authority, self.target)
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// One parameter of the query, decoded; panics where it is repeated.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let mut found = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form::decode(key) == name).then(|| form::decode(value))
        });
        let first = found.next();
        assert!(found.next().is_none(), "`{name}` is there twice: {}", self.target);
        first
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        self.authority.split(':').next().unwrap_or_default()
    }
}
