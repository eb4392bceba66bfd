//! Cookies as browsers keep them (RFC 6265bis): what a browser would refuse, a test must not be given.

use std::time::{Duration, Instant};

use super::Url;

/// One cookie.
#[derive(Clone, Debug)]
pub struct Cookie {
    /// The host it belongs to; ports do not part cookies (RFC 6265bis section 8.5).
    pub host: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `Path`.
    pub path: String,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `SameSite`, as written.
    pub same_site: Option<String>,
    /// Seconds, as written.
    pub max_age: Option<i64>,
    ends: Option<Instant>,
}

/// All cookies of a browser, and why others were refused.
#[derive(Debug, Default)]
pub struct Jar {
    cookies: Vec<Cookie>,
    /// One sentence for each cookie that a browser would not have kept.
    pub refused: Vec<String>,
}

impl Jar {
    /// What stands in `Cookie` for a request to `url`; `None`: no such header.
    pub fn line(&self, url: &Url) -> Option<String> {
        let now = Instant::now();
        let fitting = self.cookies.iter().filter(|cookie| {
            cookie.host == url.host()
                && cookie.ends.is_none_or(|end| now < end)
                && path_matches(url.path(), &cookie.path)
                && (!cookie.secure || trustworthy(url))
        });
        let pairs: Vec<_> =
            fitting.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes one `Set-Cookie` line of an answer from `url`.
    pub fn keep(&mut self, url: &Url, line: &str) {
        match read(url, line) {
            Err(reason) => self.refused.push(format!("{reason}: {line}")),
            Ok(cookie) => {
                let same = |other: &Cookie| {
                    (&other.host, &other.name, &other.path)
                        == (&cookie.host, &cookie.name, &cookie.path)
                };
                let place = self.cookies.iter().position(same);
                let gone = cookie.max_age.is_some_and(|seconds| seconds <= 0);
                match (place, gone) {
                    (Some(at), true) => drop(self.cookies.remove(at)),
                    (Some(at), false) => self.cookies[at] = cookie,
                    (None, true) => {}
                    (None, false) => self.cookies.push(cookie),
                }
            }
        }
    }

    /// All cookies of this host (without port).
    pub fn of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Cookie> {
        self.cookies.iter().filter(move |cookie| cookie.host == host)
    }

    /// Puts a cookie in by hand, as an attacker on a neighbouring site might.
    pub fn plant(&mut self, host: &str, name: &str, value: &str) {
        self.cookies.retain(|cookie| cookie.host != host || cookie.name != name);
        let (name, value, path) = (name.into(), value.into(), "/".into());
        let (host, same_site) = (host.into(), None);
        self.cookies.push(Cookie {
            host,
            name,
            value,
            path,
            secure: false,
            http_only: false,
            same_site,
            max_age: None,
            ends: None,
        });
    }

    /// Forgets every cookie of this host.
    pub fn clear(&mut self, host: &str) {
        self.cookies.retain(|cookie| cookie.host != host);
    }
}

fn read(url: &Url, line: &str) -> Result<Cookie, &'static str> {
    let mut parts = line.split(';');
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).ok_or("no name")?;
    let (name, value) = (name.trim(), value.trim());
    // Section 5.6: browsers drop anything longer.
    if name.len() + value.len() > 4096 {
        return Err("longer than 4096 bytes");
    }
    let mut cookie = Cookie {
        host: url.host().into(),
        name: name.into(),
        value: value.into(),
        path: default_path(url.path()),
        secure: false,
        http_only: false,
        same_site: None,
        max_age: None,
        ends: None,
    };
    let mut domain = false;
    for attribute in parts {
        let (key, value) = attribute.trim().split_once('=').unwrap_or((attribute.trim(), ""));
        match key.to_ascii_lowercase().as_str() {
            "path" => cookie.path = value.into(),
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => cookie.same_site = Some(value.into()),
            "domain" => domain = true,
            "max-age" => {
                let seconds: i64 = value.parse().map_err(|_| "Max-Age is no number")?;
                cookie.max_age = Some(seconds);
                cookie.ends = u64::try_from(seconds)
                    .ok()
                    .map(|seconds| Instant::now() + Duration::from_secs(seconds));
            }
            _ => {}
        }
    }
    if cookie.secure && !trustworthy(url) {
        return Err("Secure from an insecure page");
    }
    // Section 4.1.3.2.
    if name.starts_with("__Host-") && !(cookie.secure && cookie.path == "/" && !domain) {
        return Err("__Host- needs Secure, Path=/ and no Domain");
    }
    if cookie.same_site.as_deref().is_some_and(|site| site.eq_ignore_ascii_case("none"))
        && !cookie.secure
    {
        return Err("SameSite=None needs Secure");
    }
    Ok(cookie)
}

/// https, or this very machine: browsers take `Secure` cookies from there too.
fn trustworthy(url: &Url) -> bool {
    url.https || matches!(url.host(), "127.0.0.1" | "localhost")
}

/// Section 5.1.4.
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".into(),
        Some(end) => path[..end].into(),
    }
}

/// Section 5.1.4.
fn path_matches(path: &str, cookie: &str) -> bool {
    path == cookie
        || path
            .strip_prefix(cookie)
            .is_some_and(|rest| cookie.ends_with('/') || rest.starts_with('/'))
}
