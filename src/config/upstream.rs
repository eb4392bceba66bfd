//! `upstream`: what the upstream learns of the user.

use super::reader::{Node, Report, Section, shown};
use crate::http::{FoldedName, HeaderName};

/// `upstream`: what goes upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// `upstream.authorization`, default `access_token`: what goes upstream as
    /// `Authorization: Bearer`.
    pub authorization: Authorization,
    /// `upstream.headers`, default `{}`: claims as headers. Each is removed from every
    /// incoming request, in every spelling, on every path.
    pub headers: Vec<UpstreamHeader>,
}

/// `upstream.authorization`: which token goes upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// `access_token`: the access token.
    AccessToken,
    /// `id_token`: the ID token.
    IdToken,
    /// `none`: no `Authorization` at all.
    None,
}

/// One member of `upstream.headers`: a header that carries a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamHeader {
    /// The header that is set.
    pub name: HeaderName,
    /// Its name as servers may confuse it with others; no two headers have the same.
    pub folded: FoldedName,
    /// Which token the claim is of.
    pub token: ClaimSource,
    /// The names from the claims down to the value; never empty.
    pub claim: Vec<String>,
}

/// Which token a claim is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimSource {
    /// `id_token.NAME`: the ID token.
    IdToken,
    /// Without prefix: the access token.
    AccessToken,
}

const AUTHORIZATIONS: &[(&str, Authorization)] = &[
    ("access_token", Authorization::AccessToken),
    ("id_token", Authorization::IdToken),
    ("none", Authorization::None),
];

/// Headers that carry the message itself, belong to one connection (RFC 9110 section
/// 7.6.1), or that the gate decides by.
const RESERVED: &[&str] = &[
    "authorization",
    "cookie",
    "set-cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
    "expect",
    "accept",
    "origin",
    "sec-fetch-mode",
    "sec-fetch-site",
];

/// Reads `upstream`.
pub(super) fn read(root: &Section<'_>, login: bool, to: &mut Report<'_>) -> Option<Upstream> {
    let section = root.section("upstream", "upstream", to);
    let default = Authorization::AccessToken;
    let authorization = section.choice("authorization", default, AUTHORIZATIONS, to);
    if authorization == Some(Authorization::IdToken) && !login {
        let path = section.path_of("authorization");
        let hint = "write access_token or none".to_owned();
        to.problem(&path, "id_token needs `login`: there is none without it", Some(hint));
    }
    let mut headers: Vec<(String, UpstreamHeader)> = Vec::new();
    let members = section.get("headers").map_or(Some(Vec::new()), |node| node.map(64, to));
    for (name, node) in members? {
        let Some(header) = header(name, &node, login, to) else { continue };
        match headers.iter().find(|(_, known)| known.folded == header.folded) {
            Some((first, _)) => {
                let what = format!("servers cannot tell this name from {}", shown(first));
                node.problem(what, Some("keep one of them"), to);
            }
            None => headers.push((name.to_owned(), header)),
        }
    }
    let headers = headers.into_iter().map(|(_, header)| header).collect();
    Some(Upstream { authorization: authorization?, headers })
}

fn header(name: &str, node: &Node<'_>, login: bool, to: &mut Report<'_>) -> Option<UpstreamHeader> {
    let header = header_name(name, node, to);
    let claim = claim(node, login, to);
    let (name, (token, claim)) = (header?, claim?);
    Some(UpstreamHeader { folded: FoldedName::of(&name), name, token, claim })
}

fn header_name(name: &str, node: &Node<'_>, to: &mut Report<'_>) -> Option<HeaderName> {
    if name.starts_with(':') {
        node.problem("must not be a pseudo-header", None, to);
        return None;
    }
    let header = match HeaderName::parse(&name.to_ascii_lowercase()) {
        Ok(header) => header,
        Err(error) => {
            node.problem(error.to_string(), None, to);
            return None;
        }
    };
    let folded = FoldedName::of(&header);
    if RESERVED.iter().any(|name| FoldedName::of(&HeaderName::from_static(name)) == folded) {
        let hint = match header.as_str() {
            "authorization" => "which token goes there says `upstream.authorization`",
            _ => "take a name of its own, for example x-user",
        };
        node.problem("this header is not for claims", Some(hint), to);
        return None;
    }
    Some(header)
}

/// Reads a claim's path: names with `.` between them; `\.` is a dot within a name.
fn claim(node: &Node<'_>, login: bool, to: &mut Report<'_>) -> Option<(ClaimSource, Vec<String>)> {
    let text = node.text(to)?;
    if text.starts_with("userinfo.") {
        let hint = "take a claim of the ID token, id_token.NAME, or of the access token, NAME";
        node.problem("not supported yet", Some(hint), to);
        return None;
    }
    let (token, path) = match text.strip_prefix("id_token.") {
        Some(path) => (ClaimSource::IdToken, path),
        None => (ClaimSource::AccessToken, text),
    };
    let names = match split_claim(path) {
        Some(names) if text.len() <= 512 && names.len() <= 16 => names,
        _ => {
            let what = format!("must be a claim's name, found {}", shown(text));
            let hint = "for example realm_access.roles; a dot within a name is written \\.";
            node.problem(what, Some(hint), to);
            return None;
        }
    };
    if token == ClaimSource::IdToken && !login {
        node.problem("an ID token needs `login`: there is none without it", None, to);
        return None;
    }
    if path.starts_with("access_token.") {
        let what = "claims of the access token are written without prefix";
        to.warn(&node.path, what);
    }
    Some((token, names))
}

fn split_claim(path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => names.push(std::mem::take(&mut name)),
            '\\' => name.push(characters.next().filter(|next| matches!(next, '.' | '\\'))?),
            _ if character.is_control() => return None,
            _ => name.push(character),
        }
    }
    names.push(name);
    names.iter().all(|name| !name.is_empty()).then_some(names)
}
