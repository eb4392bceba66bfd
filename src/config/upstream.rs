//! `upstream`: what the upstream learns of the user.

use super::claim::{self, ClaimPath};
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
    /// Which claim it carries.
    pub claim: ClaimPath,
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
    let claim = claim::read(node, login, to);
    let (name, claim) = (header?, claim?);
    Some(UpstreamHeader { folded: FoldedName::of(&name), name, claim })
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::ClaimSource;
    use crate::config::testing::{config, problems, warnings};

    fn headers(headers: Value) -> Vec<UpstreamHeader> {
        config(json!({"upstream": {"headers": headers}})).upstream.headers
    }
    fn refused(headers: Value) -> String {
        problems(json!({"upstream": {"headers": headers}}))
    }

    #[test]
    fn a_claim_is_a_path_in_one_of_the_tokens() {
        let claim = |text: &str| {
            let header = headers(json!({"X-Claim": text})).remove(0);
            assert_eq!(header.name.as_str(), "x-claim");
            (header.claim.token, header.claim.names)
        };
        let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (id, access) = (ClaimSource::IdToken, ClaimSource::AccessToken);
        assert_eq!(claim("preferred_username"), (access, path(&["preferred_username"])));
        assert_eq!(claim("realm_access.roles"), (access, path(&["realm_access", "roles"])));
        assert_eq!(claim("id_token.email"), (id, path(&["email"])));
        assert_eq!(claim("id_token"), (access, path(&["id_token"])));
        assert_eq!(claim(r"https://x\.example/r.a"), (access, path(&["https://x.example/r", "a"])));
        assert_eq!(claim(r"a\\.b"), (access, path(&["a\\", "b"])));
    }

    #[test]
    fn a_claim_may_be_written_as_a_list_of_names() {
        let claim = |names: Value| headers(json!({"x-claim": names})).remove(0).claim;
        let path = |token, names: &[&str]| ClaimPath {
            token,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let (id, access) = (ClaimSource::IdToken, ClaimSource::AccessToken);
        let url = "https://app.example/roles";
        assert_eq!(claim(json!([url])), path(access, &[url]));
        assert_eq!(
            claim(json!(["resource_access", "a.b"])),
            path(access, &["resource_access", "a.b"])
        );
        assert_eq!(claim(json!(["id_token", url])), path(id, &[url]));
        assert_eq!(claim(json!(["id_token"])), path(access, &["id_token"]));
    }

    #[test]
    fn what_names_no_claim_is_refused() {
        for text in [".", "a.", ".a", "a..b", "id_token.", r"a\", r"\a", "a\n", &"a.".repeat(20)] {
            let what = refused(json!({"x-a": text}));
            assert!(what.starts_with("upstream.headers.x-a: must be a claim's name"), "{what}");
        }
        assert_eq!(
            refused(json!({"x-mail": "userinfo.email", "x-user": 7, "x-b": [], "x-c": ["a", 1]})),
            "upstream.headers.x-b: must be a claim's name, found none; hint: for example \
             realm_access.roles; a dot within a name is written \\.
upstream.headers.x-c[1]: expected a string, found a number
upstream.headers.x-mail: not supported yet; hint: take a claim of the ID token, id_token.NAME, or of \
             the access token, NAME
upstream.headers.x-user: expected a string, found a number"
        );
        assert_eq!(
            warnings(json!({"upstream": {"headers": {"x-user": "access_token.sub"}}})),
            "upstream.headers.x-user: claims of the access token are written without prefix"
        );
    }

    #[test]
    fn headers_that_are_not_for_claims_are_refused_in_every_spelling() {
        for name in [
            "cookie",
            "Host",
            "content_length",
            "Transfer-Encoding",
            "transfer_encoding",
            "connection",
            "TE",
            "keep-alive",
            "proxy_connection",
            "upgrade",
            "sec_fetch_site",
        ] {
            assert_eq!(
                refused(json!({name: "sub"})),
                format!(
                    "upstream.headers.{name}: this header is not for claims; \
                     hint: take a name of its own, for example x-user"
                )
            );
        }
        assert_eq!(
            refused(json!({"Authorization": "sub"})),
            "upstream.headers.Authorization: this header is not for claims; \
             hint: which token goes there says `upstream.authorization`"
        );
        assert_eq!(
            refused(json!({":path": "sub"})),
            "upstream.headers[\":path\"]: must not be a pseudo-header"
        );
        let what = refused(json!({"x-a\r\nx-b": "sub"}));
        assert!(what.starts_with("upstream.headers[\"x-a\\r\\nx-b\"]: a header name"), "{what}");
    }

    #[test]
    fn two_headers_that_servers_confuse_are_refused() {
        assert_eq!(
            refused(json!({"x-user-name": "sub", "X_User_Name": "email"})),
            "upstream.headers.x-user-name: servers cannot tell this name from \"X_User_Name\"; \
             hint: keep one of them"
        );
    }
}
