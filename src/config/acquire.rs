//! How a rule's own access token is had: RFC 8693.

use super::needs::Sources;
use super::reader::{Node, Report, Section};
use super::tokens;

/// `rules[].access_token` where the session's own token does not go upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquire {
    /// `rules[].access_token.audience`: who it is asked for (RFC 8693 section 2.1).
    pub audience: Vec<String>,
    /// `rules[].access_token.scope`: what it is asked for; required of it, too.
    pub scope: Vec<String>,
    /// `rules[].access_token.resource`: where it will be used (RFC 8707).
    pub resource: Vec<String>,
    /// `rules[].access_token.extra_audiences`, default `refuse` (here: `false`): whether it may
    /// name others besides `audiences`.
    pub extra_audiences: bool,
    /// The first rule that asks for the same, so that it is had once.
    pub like: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Session,
    TokenExchange,
    Later,
}

const WAYS: &[(&str, Way)] = &[
    ("session", Way::Session),
    ("token_exchange", Way::TokenExchange),
    ("refresh_token", Way::Later),
    ("authorization_code", Way::Later),
];

/// Reads how the token is had; the inner `None`: it is the session's. `scope` is the rule's own.
#[allow(clippy::option_option, reason = "outer: broken and noted; inner: the session's")]
pub(super) fn read(
    section: &Section<'_>,
    scope: Option<&[String]>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<Option<Acquire>> {
    let way = section.choice("acquire", Way::Session, WAYS, to)?;
    let node = section.get("acquire");
    if way == Way::Session {
        return not_asked(section, to);
    }
    let node = node?;
    if way == Way::Later {
        node.problem("not supported yet", Some("write token_exchange or session"), to);
        return None;
    }
    if !sources.login {
        node.problem("needs `login`: there is no session without it", None, to);
        return None;
    }
    if !sources.sends_access_token {
        let hint = "write `upstream.authorization: access_token`";
        node.problem("is of no use: no access token goes upstream", Some(hint), to);
        return None;
    }
    // With the global ones the session's own token would do.
    section.required("audiences", "name the service that it is for: [good-service]", to)?;
    let audience = section.get("audience").map_or(Some(Vec::new()), |node| names(&node, to));
    let resource = section.get("resource").map_or(Some(Vec::new()), |node| names(&node, to));
    let extra = section.choice("extra_audiences", false, &[("refuse", false), ("allow", true)], to);
    let (audience, resource) = (audience?, resource?);
    let scope = scope.unwrap_or_default().to_vec();
    if audience.is_empty() && resource.is_empty() && scope.is_empty() {
        let hint = "what the provider takes: Keycloak wants `audience` and `scope`";
        node.problem("asks for nothing: needs `audience`, `scope` or `resource`", Some(hint), to);
        return None;
    }
    Some(Some(Acquire { audience, scope, resource, extra_audiences: extra?, like: 0 }))
}

/// Nothing is asked for, so nothing may say what.
#[allow(clippy::option_option, reason = "as `read`")]
fn not_asked(section: &Section<'_>, to: &mut Report<'_>) -> Option<Option<Acquire>> {
    let mut told = false;
    for name in ["audience", "resource", "extra_audiences"] {
        if let Some(node) = section.get(name) {
            let hint = "write `acquire: token_exchange`, or leave it out";
            node.problem("has no effect on the session's own token", Some(hint), to);
            told = true;
        }
    }
    (!told).then_some(None)
}

/// A name, or a list of them.
fn names(node: &Node<'_>, to: &mut Report<'_>) -> Option<Vec<String>> {
    match node.value.as_array() {
        Some(_) => tokens::audiences(node, to),
        None => tokens::audience(node, node.text(to)?, to).map(|name| vec![name]),
    }
}
