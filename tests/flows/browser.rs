//! A browser: requests as it makes them, and a jar that keeps to RFC 6265bis.

use std::collections::BTreeMap;

/// A request's head.
#[derive(Debug, Clone)]
pub(crate) struct Request(pub(crate) Vec<(Vec<u8>, Vec<u8>)>);

impl Request {
    /// A client that is no browser.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self(Vec::new())
            .and(":method", method)
            .and(":scheme", "https")
            .and(":authority", "app.example")
            .and(":path", path)
            .and("x-request-id", "req-1")
    }

    /// The same with one more header.
    pub(crate) fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.push((name.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// The same without a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name.as_bytes());
        self
    }

    /// The same with this value instead.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.and("authorization", format!("Bearer {token}"))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cookie {
    pub(crate) value: String,
    /// The one path that it is sent to; all, where there is none.
    pub(crate) path: Option<String>,
}

/// Its jar is open to tests: cookies can be stolen, planted and put back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser {
    pub(crate) jar: BTreeMap<String, Cookie>,
}

impl Browser {
    /// Loads a page.
    pub(crate) fn page(&self, path: &str) -> Request {
        self.request("GET", path)
            .and("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .and("sec-fetch-mode", "navigate")
            .and("sec-fetch-site", "none")
    }

    /// A script of the page fetches something.
    pub(crate) fn fetch(&self, method: &str, path: &str) -> Request {
        self.request(method, path)
            .and("accept", "*/*")
            .and("sec-fetch-mode", "cors")
            .and("sec-fetch-site", "same-origin")
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, path);
        let line = self.line_for(path);
        if line.is_empty() { request } else { request.and("cookie", line) }
    }

    /// The `Cookie` line of most requests.
    pub(crate) fn line(&self) -> String {
        self.line_for("/")
    }

    fn line_for(&self, target: &str) -> String {
        let asked = target.split('?').next();
        let sent = |(_, cookie): &(&String, &Cookie)| {
            cookie.path.is_none() || cookie.path.as_deref() == asked
        };
        let pair = |(name, cookie): (&String, &Cookie)| format!("{name}={}", cookie.value);
        self.jar.iter().filter(sent).map(pair).collect::<Vec<_>>().join("; ")
    }

    /// Takes `Set-Cookie`s as a browser does: what breaks a rule fails the test.
    pub(crate) fn take(&mut self, set: &[String]) {
        for line in set {
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: Vec<&str> = parts.collect();
            let has = |attribute: &str| attributes.contains(&attribute);
            let path = attributes.iter().find_map(|text| text.strip_prefix("Path="));
            assert!(name.starts_with("__Host-") || name.starts_with("__Secure-"), "{name}");
            assert!(path == Some("/") || name.starts_with("__Secure-"), "{line}");
            assert!(has("Secure") && has("HttpOnly"), "{attributes:?}");
            assert!(!attributes.iter().any(|attribute| attribute.starts_with("Domain")));
            assert!(name.len() + value.len() <= 4096, "browsers drop such a cookie");
            let same_site = attributes.iter().find_map(|text| text.strip_prefix("SameSite="));
            assert!(matches!(same_site, Some("Lax" | "Strict")), "{attributes:?}");
            let max_age = attributes.iter().find_map(|text| text.strip_prefix("Max-Age="));
            if max_age == Some("0") {
                self.jar.remove(name);
            } else {
                let path = path.filter(|path| *path != "/").map(str::to_owned);
                self.jar.insert(name.to_owned(), Cookie { value: value.to_owned(), path });
            }
        }
    }

    /// Posts a form of a page of the same origin.
    pub(crate) fn form(&self, path: &str) -> Request {
        self.request("POST", path)
            .and("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .and("content-type", "application/x-www-form-urlencoded")
            .and("origin", "https://app.example")
            .and("referer", "https://app.example/orders/new?step=2")
            .and("sec-fetch-mode", "navigate")
            .and("sec-fetch-site", "same-origin")
    }

    /// Names of cookies that hold a session.
    pub(crate) fn session(&self) -> Vec<&str> {
        let other = |name: &&str| name.contains(".login.") || name.contains(".form");
        self.jar.keys().map(String::as_str).filter(|name| !other(name)).collect()
    }

    /// Names of cookies that hold a form.
    pub(crate) fn forms(&self) -> Vec<&str> {
        self.jar.keys().map(String::as_str).filter(|name| name.contains(".form")).collect()
    }

    /// Names of cookies that hold a login in progress.
    pub(crate) fn logins(&self) -> Vec<&str> {
        self.jar.keys().map(String::as_str).filter(|name| name.contains(".login.")).collect()
    }
}
