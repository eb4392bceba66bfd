//! `session`: the sealed cookies, and how long they live (RFC 6265bis section 4.1).

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::{Node, Report, Section, shown};
use super::{duration, secrets};
use crate::crypto::SealingKeys;
use crate::http::SameSite;

/// `session`: how sessions are kept.
#[derive(Debug)]
pub struct Session {
    /// `session.keys`, required with `login`: 32 bytes in base64 each; the first seals, every
    /// one opens.
    pub keys: SealingKeys,
    /// `session.cookie`.
    pub cookie: Cookie,
    /// `session.idle_timeout`, default `1h`: a session not used for so long is over; `1s` or
    /// more, never longer than `max_age`.
    pub idle_timeout: Duration,
    /// `session.max_age`, default `12h`: so long after login every session is over; at most a
    /// year, `8760h`.
    pub max_age: Duration,
    /// `session.refresh_margin`, default `30s`: refresh when the access token has less than
    /// this left. Always shorter than `idle_timeout`.
    pub refresh_margin: Duration,
}

/// `session.cookie`: the session's cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// `session.cookie.name`, default `oidc_gate`; here as it is sent: `__Host-` before it,
    /// unless `secure` is false.
    pub name: String,
    /// `session.cookie.same_site`, default `lax`: also `strict`, `none`.
    pub same_site: SameSite,
    /// `session.cookie.secure`, default `true`. `false` is for plain-HTTP development only.
    pub secure: bool,
    /// `session.cookie.max_count`, default `4`, 1 to 8: in how many pieces a session may be kept.
    pub max_count: usize,
}

const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const MAX_AGE: Duration = Duration::from_secs(12 * 3600);
const REFRESH_MARGIN: Duration = Duration::from_secs(30);
/// A second to a year.
const LIVES: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(365 * 24 * 3600);
const MARGINS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(24 * 3600);

const SAME_SITES: &[(&str, SameSite)] =
    &[("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];

/// Reads `session`; `None` where it is broken, and where it is missing without `login`.
pub(super) fn read(root: &Section<'_>, login: bool, to: &mut Report<'_>) -> Option<Session> {
    let section = root.section("session", "session", to);
    let keys = match login {
        true => section.required("keys", "write [{env: SESSION_KEY}]", to),
        false => section.get("keys"),
    };
    let keys = keys.and_then(|node| secrets::sealing_keys(&node, to));
    let cookie = read_cookie(&section, to);
    let max_age = section.duration("max_age", MAX_AGE, &LIVES, to);
    let idle_timeout = section.duration("idle_timeout", IDLE_TIMEOUT, &LIVES, to);
    let refresh_margin = section.duration("refresh_margin", REFRESH_MARGIN, &MARGINS, to);
    let (idle_timeout, max_age, refresh_margin) = (idle_timeout?, max_age?, refresh_margin?);
    if idle_timeout > max_age {
        let least = duration::spell(max_age);
        let what = format!(
            "must not be longer than `session.max_age` ({least}), is {}",
            duration::spell(idle_timeout)
        );
        let hint = format!("write {least} or less");
        to.problem(&section.path_of("idle_timeout"), what, Some(hint));
    }
    if refresh_margin >= idle_timeout {
        let what = format!(
            "must be shorter than `session.idle_timeout` ({}), is {}",
            duration::spell(idle_timeout),
            duration::spell(refresh_margin)
        );
        to.problem(&section.path_of("refresh_margin"), what, None);
    }
    Some(Session { keys: keys?, cookie: cookie?, idle_timeout, max_age, refresh_margin })
}

fn read_cookie(session: &Section<'_>, to: &mut Report<'_>) -> Option<Cookie> {
    let section = session.section("cookie", "session.cookie", to);
    let name = match section.get("name") {
        Some(node) => cookie_name(&node, to),
        None => Some("oidc_gate"),
    };
    let same_site = section.choice("same_site", SameSite::Lax, SAME_SITES, to);
    let secure = section.flag("secure", true, to);
    let max_count = match section.get("max_count") {
        Some(node) => node.integer(&(1..=8), to),
        None => Some(4),
    };
    if secure == Some(false) {
        let what = "false: anybody on the way can take sessions over; for development only";
        to.warn(&section.path_of("secure"), what);
        if same_site == Some(SameSite::None) {
            // RFC 6265bis section 5.7: browsers drop such a cookie.
            let what = "none needs `session.cookie.secure`: browsers refuse such a cookie";
            let hint = "write lax".to_owned();
            to.problem(&section.path_of("same_site"), what, Some(hint));
        }
    }
    let (name, secure) = (name?, secure?);
    Some(Cookie {
        name: if secure { format!("__Host-{name}") } else { name.to_owned() },
        same_site: same_site?,
        secure,
        max_count: usize::try_from(max_count?).ok()?,
    })
}

/// A cookie's name is a token (RFC 6265 section 4.1.1).
fn cookie_name<'j>(node: &Node<'j>, to: &mut Report<'_>) -> Option<&'j str> {
    let text = node.text(to)?;
    let has_prefix = |prefix: &str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    // RFC 6265bis section 4.1.3. Some servers compare these without regard to case.
    if has_prefix("__Host-") || has_prefix("__Secure-") {
        let hint = Some("the gate itself sends __Host- before the name");
        node.problem(format!("must not have a prefix, found {}", shown(text)), hint, to);
        return None;
    }
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.len() > 64 || !text.bytes().all(in_token) {
        let what = "must be 1 to 64 of letters, digits and !#$%&'*+-.^_`|~, found";
        node.problem(format!("{what} {}", shown(text)), None, to);
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::config::testing::{config, problems, warnings};

    fn refused(session: Value) -> String {
        problems(json!({"session": session}))
    }

    #[test]
    fn a_cookie_has_the_host_prefix_unless_it_may_go_over_plain_http() {
        let cookie = |cookie: Value| {
            config(json!({"session": {"cookie": cookie}})).session.unwrap().cookie.name
        };
        assert_eq!(cookie(json!({"name": "app"})), "__Host-app");
        assert_eq!(cookie(json!({"name": "app", "secure": false})), "app");
        assert_eq!(
            warnings(json!({"session": {"cookie": {"secure": false}}})),
            "session.cookie.secure: false: anybody on the way can take sessions over; \
             for development only"
        );
    }

    #[test]
    fn a_cookie_that_browsers_refuse_is_refused() {
        assert_eq!(
            refused(json!({"cookie": {"secure": false, "same_site": "none"}})),
            "session.cookie.same_site: none needs `session.cookie.secure`: browsers refuse such \
             a cookie; hint: write lax"
        );
        for name in ["a b", "a=b", "a;b", "a,b", "\u{fc}", "a\r\nb", &"a".repeat(65)] {
            let what = refused(json!({"cookie": {"name": name}}));
            assert!(what.starts_with("session.cookie.name: must be 1 to 64 of letters"), "{what}");
        }
        for name in ["__Host-a", "__host-a", "__SECURE-a"] {
            assert_eq!(
                refused(json!({"cookie": {"name": name}})),
                format!(
                    "session.cookie.name: must not have a prefix, found \"{name}\"; \
                     hint: the gate itself sends __Host- before the name"
                )
            );
        }
        for count in [0, -1, 9] {
            assert_eq!(
                refused(json!({"cookie": {"max_count": count}})),
                format!("session.cookie.max_count: expected an integer from 1 to 8, found {count}")
            );
        }
    }

    #[test]
    fn times_fit_each_other() {
        assert_eq!(
            refused(json!({"max_age": "30m"})),
            "session.idle_timeout: must not be longer than `session.max_age` (30m), is 1h; \
             hint: write 30m or less"
        );
        assert_eq!(
            refused(json!({"idle_timeout": "30s"})),
            "session.refresh_margin: must be shorter than `session.idle_timeout` (30s), is 30s"
        );
        assert_eq!(
            refused(json!({"max_age": "365d", "idle_timeout": "0s"})),
            "session.max_age: expected a duration, found \"365d\"; hint: days are written in \
             hours: 8760h
session.idle_timeout: must be 1s to 8760h, found \"0s\""
        );
        let session = json!({"max_age": "8760h", "idle_timeout": "8760h", "refresh_margin": "0s"});
        let read = config(json!({"session": session})).session.unwrap();
        assert_eq!(read.idle_timeout, read.max_age);
    }
}
