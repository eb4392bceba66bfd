//! `endpoints`, `logout` and `origins`: where the gate itself is found.

use super::path;
use super::reader::{Node, Report, Section, found_url, shown};
use crate::http::{LocalPath, Origin, Scheme, Url};

/// `endpoints`: the paths that the gate answers itself: absolute, distinct and plain (no
/// `%`, `//`, dot segments, query), matched exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `endpoints.login`, default `/oauth2/login`: starts a login from the page.
    pub login: String,
    /// `endpoints.callback`, default `/oauth2/callback`: where the provider sends the browser
    /// back to; registered there as `redirect_uri` with each origin.
    pub callback: String,
    /// `endpoints.logout`, default `/oauth2/logout`: ends the session.
    pub logout: String,
    /// `endpoints.session`, default `/oauth2/session`: says who is logged in.
    pub session: String,
}

/// `logout.post_logout_redirect_uri` (OIDC RP-Initiated Logout section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostLogout {
    /// A path on the origin that the logout was asked of.
    Path(LocalPath),
    /// An absolute URL.
    Url(Url),
}

impl Endpoints {
    /// Whether `path` is one of them, to the letter.
    #[must_use]
    pub fn has(&self, path: &[u8]) -> bool {
        self.all().iter().any(|own| own.as_bytes() == path)
    }

    /// All of them.
    pub(super) fn all(&self) -> [&str; 4] {
        [&self.login, &self.callback, &self.logout, &self.session]
    }
}

/// Reads `endpoints`.
pub(super) fn read(root: &Section<'_>, to: &mut Report<'_>) -> Option<Endpoints> {
    let section = root.section("endpoints", "endpoints", to);
    let mut paths: Vec<(&str, String)> = Vec::new();
    for (name, default) in [
        ("login", "/oauth2/login"),
        ("callback", "/oauth2/callback"),
        ("logout", "/oauth2/logout"),
        ("session", "/oauth2/session"),
    ] {
        let path = match section.get(name) {
            Some(node) => path::plain(&node, to),
            None => Some(default),
        };
        let Some(path) = path else { continue };
        if path == "/" {
            let hint = format!("for example {default}");
            to.problem(&section.path_of(name), "must not be the whole site, /", Some(hint));
        }
        if let Some((other, _)) = paths.iter().find(|(_, known)| known == path) {
            let what =
                format!("must differ from {}, found {} twice", section.path_of(other), shown(path));
            to.problem(&section.path_of(name), what, None);
        }
        paths.push((name, path.to_owned()));
    }
    let mut paths = paths.into_iter().map(|(_, path)| path);
    match [paths.next(), paths.next(), paths.next(), paths.next()] {
        [Some(login), Some(callback), Some(logout), Some(session)] => {
            Some(Endpoints { login, callback, logout, session })
        }
        _ => None,
    }
}

/// Reads `logout`; the inner `None` is the origin's `/`.
#[allow(clippy::option_option, reason = "outer: broken and noted; inner: not configured")]
pub(super) fn read_logout(root: &Section<'_>, to: &mut Report<'_>) -> Option<Option<PostLogout>> {
    let section = root.section("logout", "logout", to);
    match section.get("post_logout_redirect_uri") {
        Some(node) => post_logout(&node, to).map(Some),
        None => Some(None),
    }
}

fn post_logout(node: &Node<'_>, to: &mut Report<'_>) -> Option<PostLogout> {
    let text = node.text(to)?;
    if text.starts_with('/') {
        let path = LocalPath::parse(text.as_bytes());
        if path.is_none() {
            let what = "must be a path that leads to no other origin, found";
            node.problem(format!("{what} {}", shown(text)), Some("for example /goodbye"), to);
        }
        return path.map(PostLogout::Path);
    }
    match Url::parse(text) {
        Ok(url) => Some(PostLogout::Url(url)),
        Err(error) => {
            let what = format!("{error}{}", found_url(text));
            node.problem(what, Some("write a path, or a whole URL"), to);
            None
        }
    }
}

/// Reads `origins`; `plain_http` says whether http may stand among them.
pub(super) fn read_origins(
    root: &Section<'_>,
    plain_http: bool,
    to: &mut Report<'_>,
) -> Option<Vec<Origin>> {
    let Some(node) = root.get("origins") else { return Some(Vec::new()) };
    if node.value.as_array().is_some_and(<[_]>::is_empty) {
        node.problem("must not be empty", Some("leave it out to serve any origin"), to);
        return None;
    }
    let mut origins: Vec<Origin> = Vec::new();
    for (node, text) in node.texts(to)? {
        match Origin::parse(text) {
            Ok(origin) if origin.scheme() == Scheme::Http && !plain_http => {
                let what = format!("must be https, found {}", shown(text));
                let hint = "http needs `session.cookie.secure: false`, for development only";
                node.problem(what, Some(hint), to);
            }
            Ok(origin) if origins.contains(&origin) => {
                to.warn(&node.path, &format!("{origin} stands twice"));
            }
            Ok(origin) => origins.push(origin),
            Err(error) => {
                let what = format!("{error}{}", found_url(text));
                node.problem(what, Some("for example https://app.example"), to);
            }
        }
    }
    Some(origins)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::testing::{config, problems};

    #[test]
    fn endpoints_are_plain_and_distinct() {
        assert_eq!(
            problems(json!({"endpoints": {
                "login": "/oauth2/callback", "logout": "/a/../logout", "session": "/"
            }})),
            "endpoints.callback: must differ from endpoints.login, found \"/oauth2/callback\" twice
endpoints.logout: must not have a segment . or .., found \"/a/../logout\"
endpoints.session: must not be the whole site, /; hint: for example /oauth2/session"
        );
        let read = config(json!({"endpoints": {"callback": "/cb", "session": "/me"}})).endpoints;
        assert_eq!(read.all(), ["/oauth2/login", "/cb", "/oauth2/logout", "/me"]);
    }

    #[test]
    fn the_way_after_logout_is_a_path_or_a_url() {
        let read = |text: &str| {
            config(json!({"logout": {"post_logout_redirect_uri": text}})).post_logout_redirect_uri
        };
        assert!(
            matches!(read("/bye?x=1"), Some(PostLogout::Path(path)) if path.as_str() == "/bye?x=1")
        );
        assert!(matches!(read("https://www.example/"), Some(PostLogout::Url(url))
            if url.as_str() == "https://www.example/"));
        for text in ["//evil.example", "/\\evil.example", "/%2fevil.example"] {
            let what = problems(json!({"logout": {"post_logout_redirect_uri": text}}));
            assert!(what.contains("must be a path that leads to no other origin"), "{what}");
        }
        assert_eq!(
            problems(json!({"logout": {"post_logout_redirect_uri": "bye"}})),
            "logout.post_logout_redirect_uri: must begin with https:// or http://, found \"bye\"; \
             hint: write a path, or a whole URL"
        );
    }

    #[test]
    fn origins_are_https_unless_cookies_may_go_over_plain_http() {
        let origins =
            json!(["https://app.example", "https://APP.example:443", "http://localhost:1"]);
        assert_eq!(
            problems(json!({"origins": origins})),
            "origins[2]: must be https, found \"http://localhost:1\"; hint: http needs \
             `session.cookie.secure: false`, for development only"
        );
        let read =
            config(json!({"origins": origins, "session": {"cookie": {"secure": false}}})).origins;
        let read: Vec<_> = read.iter().map(ToString::to_string).collect();
        assert_eq!(read, ["https://app.example", "http://localhost:1"]);
        assert_eq!(
            problems(json!({"origins": ["https://app.example/", "app.example"]})),
            "origins[0]: must end after host and port: an origin has no path, not even a slash, \
             found \"https://app.example/\"; hint: for example https://app.example
origins[1]: must begin with https:// or http://, found \"app.example\"; hint: for example \
https://app.example"
        );
        assert_eq!(
            problems(json!({"origins": []})),
            "origins: must not be empty; hint: leave it out to serve any origin"
        );
    }
}
