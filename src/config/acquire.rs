//! How a rule's own access token is had.

use super::format::AccessTokenFormat;
use super::needs::Sources;
use super::reader::{Node, Report, Section};
use super::tokens;
use crate::crypto::digest::sha256;
use crate::wire::base64url;

/// `rules[].access_token` where the session's own token does not go upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquire {
    /// `rules[].access_token.acquire`: in which way.
    pub way: Way,
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
    /// What is asked for, as sessions know it.
    pub ask: Ask,
}

/// How a rule's own token is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The session's is exchanged for it (RFC 8693).
    TokenExchange,
    /// The session's refresh token gets it, with a narrower `scope` (RFC 6749 section 6).
    RefreshToken,
    /// The user is sent through the provider's single sign-on once more (RFC 6749 section 4.1).
    AuthorizationCode,
}

/// What a rule asks for, and by which audiences it judges what it gets: a digest, the same for
/// every worker and after a restart, so that a token in a cookie finds its rule again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ask([u8; 16]);

/// The characters of an [`Ask`] in a URL: few, and enough to tell the rules of one gate apart.
const NAME_LENGTH: usize = 11;

impl Ask {
    /// The digest's bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From these bytes.
    #[must_use]
    pub const fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What it is called in a URL: 11 characters of base64url, which tell nothing.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = base64url::encode(&self.0);
        name.truncate(NAME_LENGTH);
        name
    }

    /// Of what `acquire` asks for, judged by `audiences`.
    pub(super) fn of(acquire: &Acquire, audiences: &[String]) -> Self {
        let way: &[u8] = match acquire.way {
            Way::TokenExchange => b"token_exchange",
            Way::RefreshToken => b"refresh_token",
            Way::AuthorizationCode => b"authorization_code",
        };
        let extra: &[u8] = if acquire.extra_audiences { b"allow" } else { b"refuse" };
        let mut text = [way, b"\n", extra, b"\n"].concat();
        // No name has a control character in it: no two lists are written alike.
        for names in [&acquire.audience, &acquire.scope, &acquire.resource].map(Vec::as_slice) {
            text.extend_from_slice(names.join("\t").as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(audiences.join("\t").as_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(sha256(&text)).for_each(|(to, from)| *to = from);
        Self(bytes)
    }
}

const WAYS: &[(&str, Option<Way>)] = &[
    ("session", None),
    ("token_exchange", Some(Way::TokenExchange)),
    ("refresh_token", Some(Way::RefreshToken)),
    ("authorization_code", Some(Way::AuthorizationCode)),
];

/// Reads how the token is had; the inner `None`: it is the session's. `scope` is the rule's own.
#[allow(clippy::option_option, reason = "outer: broken and noted; inner: the session's")]
pub(super) fn read(
    section: &Section<'_>,
    scope: Option<&[String]>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<Option<Acquire>> {
    let Some(way) = section.choice("acquire", None, WAYS, to)? else {
        return not_asked(section, to);
    };
    let node = section.get("acquire")?;
    if !sources.login {
        node.problem("needs `login`: there is no session without it", None, to);
        return None;
    }
    let format = sources.access_token.map(|rules| &rules.format);
    if matches!(format, Some(AccessTokenFormat::Opaque { .. })) {
        let hint = "write session, or `format: jwt` where the provider's access tokens are JWT";
        let what = "not supported yet with `access_token.format: opaque`";
        node.problem(what, Some(hint), to);
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
    if way == Way::RefreshToken && !audience.is_empty() {
        let hint = "a refresh names `scope` and `resource` (RFC 6749 section 6, RFC 8707)";
        section.get("audience")?.problem("is of no use to `refresh_token`", Some(hint), to);
        return None;
    }
    if audience.is_empty() && resource.is_empty() && scope.is_empty() {
        let hint = "what the provider takes: Keycloak wants `audience` and `scope`";
        node.problem("asks for nothing: needs `audience`, `scope` or `resource`", Some(hint), to);
        return None;
    }
    let (extra_audiences, like, ask) = (extra?, 0, Ask::default());
    Some(Some(Acquire { way, audience, scope, resource, extra_audiences, like, ask }))
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
