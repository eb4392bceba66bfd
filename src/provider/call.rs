//! A request to the provider as a value; the host carries it out (`dispatch_http_call`).
//!
//! The cluster says how the provider is reached, `:authority` whom it is asked for: both are
//! configured apart. Redirects are never followed (the host delivers a 3xx as it is).

use std::fmt;
use std::time::Duration;

use zeroize::Zeroize as _;

use crate::config;
use crate::http::{Scheme, Url};

const USER_AGENT: &str = concat!("oidc-gate/", env!("CARGO_PKG_VERSION"));

/// A request to one of the provider's endpoints. Body and headers may hold a code, a token or
/// the client's secret: printing shows neither, and they are zeroed when it is dropped.
pub struct HttpCall {
    /// The host's name for the upstream that reaches the provider.
    pub cluster: String,
    /// `:method`, `:path`, `:authority` and `:scheme` first, then the others in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty for GET.
    pub body: Vec<u8>,
    /// How long the host waits for the answer.
    pub timeout: Duration,
}

impl HttpCall {
    /// A GET for JSON.
    pub(super) fn get(provider: &config::Provider, url: &Url) -> Self {
        Self::new(provider, url, "GET")
    }

    /// A POST of a form (RFC 6749 appendix B) that is answered with JSON.
    pub(super) fn post_form(provider: &config::Provider, url: &Url, form: String) -> Self {
        let mut call = Self::new(provider, url, "POST")
            .with_header("content-type", "application/x-www-form-urlencoded".to_owned());
        call.body = form.into_bytes();
        call
    }

    /// The same call with one more header; `name` in lower case.
    pub(super) fn with_header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    fn new(provider: &config::Provider, url: &Url, method: &str) -> Self {
        let authority = provider.authority.as_deref().unwrap_or_else(|| url.authority());
        let headers = [
            (":method", method),
            (":path", url.path_and_query()),
            (":authority", authority),
            (":scheme", scheme(url)),
            ("accept", "application/json"),
            ("user-agent", USER_AGENT),
        ];
        Self {
            cluster: provider.cluster.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Vec::new(),
            timeout: provider.timeout,
        }
    }
}

/// What was asked, for messages: method, path without query, authority and cluster.
pub(super) fn asked(provider: &config::Provider, url: &Url) -> String {
    let path = url.path_and_query().split('?').next().unwrap_or_default();
    let authority = provider.authority.as_deref().unwrap_or_else(|| url.authority());
    format!("GET {path} (authority `{authority}`, cluster `{}`)", provider.cluster)
}

const fn scheme(url: &Url) -> &'static str {
    match url.scheme() {
        Scheme::Http => "http",
        Scheme::Https => "https",
    }
}

/// Names and sizes only: no header but the pseudo-headers, no query, no body.
impl fmt::Debug for HttpCall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = |name: &str| {
            let found = self.headers.iter().find(|(key, _)| key == name);
            found.map_or("", |(_, value)| value.split('?').next().unwrap_or_default())
        };
        out.debug_struct("HttpCall")
            .field("cluster", &self.cluster)
            .field("method", &header(":method"))
            .field("authority", &header(":authority"))
            .field("path", &header(":path"))
            .field("body", &format_args!("[{} bytes]", self.body.len()))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Drop for HttpCall {
    fn drop(&mut self) {
        self.body.zeroize();
        for (_, value) in &mut self.headers {
            value.zeroize();
        }
    }
}
