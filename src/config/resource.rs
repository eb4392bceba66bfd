//! `protected_resource`: an API as its clients find it by themselves (RFC 9728, OAuth 2.0 Protected
//! Resource Metadata).

use super::endpoints::Endpoints;
use super::needs::Sources;
use super::path;
use super::provider::{self, Issuer};
use super::reader::{Node, Report, Section, found_url, shown};
use super::rules::Rule;
use super::tokens::{self, AccessTokenRules};
use crate::http::{Origin, Scheme, Url};

/// Where metadata is found (section 3): a path that no rule is asked about.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// `protected_resource`, or that of a rule: what its metadata says (section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedResource {
    /// `protected_resource.resource`, required: the API's URL, without query and fragment and
    /// with a plain path. It is no audience by itself.
    pub resource: Url,
    /// `protected_resource.authorization_servers`, default `[provider.issuer]`: not empty.
    pub authorization_servers: Vec<Issuer>,
    /// `protected_resource.scopes_supported`, default the scope that tokens must have.
    pub scopes_supported: Vec<String>,
}

impl ProtectedResource {
    /// The path of its metadata (section 3.1): the well-known string stands between host and
    /// path. A slash that ends the host is left out, any other stays.
    #[must_use]
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.path())
    }

    /// The URL of its metadata, for challenges (section 5.1): on the resource's own host, whatever
    /// host a request names.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        let url = &self.resource;
        format!("{}://{}{}", url.scheme(), url.authority(), self.metadata_path())
    }

    /// Whether a request for `path` is one for this resource: at its path or below.
    #[must_use]
    pub fn covers(&self, path: &[u8]) -> bool {
        let own = self.path().trim_end_matches('/').as_bytes();
        path.strip_prefix(own).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
    }

    /// Its path; empty where it is all of its host.
    fn path(&self) -> &str {
        match self.resource.path_and_query() {
            "/" => "",
            path => path,
        }
    }
}

/// Reads `protected_resource` of the whole, or of a rule whose tokens are `judged` by these rules;
/// the inner `None`: it is not there.
#[allow(clippy::option_option, reason = "outer: broken and noted; inner: not configured")]
pub(super) fn read(
    parent: &Section<'_>,
    schema: &str,
    sources: &Sources<'_>,
    judged: Option<&AccessTokenRules>,
    to: &mut Report<'_>,
) -> Option<Option<ProtectedResource>> {
    let Some(node) = parent.get("protected_resource") else { return Some(None) };
    if !sources.bearer {
        let what = "is of no use with `bearer: false`: who reads it comes with a token";
        node.problem(what, Some("leave one of them out"), to);
    }
    let section = node.section(schema, to)?;
    let hint = "write the API's URL as its clients have it: https://mcp.example/mcp";
    let given = section.required("resource", hint, to);
    let resource = given.as_ref().and_then(|node| resource(node, sources.plain_http, to));
    if let (Some(node), Some(url), Some(judged)) = (&given, &resource, judged) {
        warn_of_audience(node, url, judged, &parent.path_of("access_token"), to);
    }
    let servers = match section.get("authorization_servers") {
        Some(node) => servers(&node, sources.issuer, to),
        None => sources.issuer.map(|issuer| vec![issuer.clone()]),
    };
    let scopes = match section.get("scopes_supported") {
        Some(node) => tokens::scope(&node, to),
        None => Some(judged.map(|judged| judged.scope.clone()).unwrap_or_default()),
    };
    Some(Some(ProtectedResource {
        resource: resource?,
        authorization_servers: servers?,
        scopes_supported: scopes?,
    }))
}

/// A resource identifier (section 1.2) that the gate can answer for: it looks at paths alone.
fn resource(node: &Node<'_>, plain_http: bool, to: &mut Report<'_>) -> Option<Url> {
    let text = node.text(to)?;
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            let hint = "for example https://mcp.example/mcp";
            node.problem(format!("{error}{}", found_url(text)), Some(hint), to);
            return None;
        }
    };
    if url.scheme() == Scheme::Http && !(plain_http && provider::is_loopback(url.authority())) {
        let hint = "http is for localhost alone, with `login: false` or `session.cookie.secure: \
            false`";
        node.problem(format!("must be https, found {}", shown(text)), Some(hint), to);
        return None;
    }
    let (_, rest) = text.split_once("://")?;
    let written = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/");
    let fault = if written.contains('?') {
        Some("must not have a query: its metadata is found by the path")
    } else {
        let plain = path::fault(written).map(|(what, _)| what);
        let canonical = written == url.path_and_query();
        plain.or(if canonical { None } else { Some("must be written as clients send it") })
    };
    if let Some(what) = fault {
        node.problem(format!("{what}, found {}", shown(text)), None, to);
        return None;
    }
    Some(url)
}

fn servers(node: &Node<'_>, issuer: Option<&Issuer>, to: &mut Report<'_>) -> Option<Vec<Issuer>> {
    let mut servers = Vec::new();
    for (node, _) in node.some_texts(to)? {
        servers.extend(provider::issuer(&node, to));
    }
    if let Some(issuer) = issuer.filter(|issuer| !servers.contains(issuer)) {
        let what = format!(
            "does not name provider.issuer, {}: tokens with any other `iss` are refused",
            shown(issuer.as_str())
        );
        to.warn(&node.path, &what);
    }
    (!servers.is_empty()).then_some(servers)
}

/// Clients ask for a token with `resource` (RFC 8707), and no list of audiences is filled from it.
fn warn_of_audience(
    node: &Node<'_>,
    resource: &Url,
    judged: &AccessTokenRules,
    section: &str,
    to: &mut Report<'_>,
) {
    if judged.audiences.iter().any(|audience| audience == resource.as_str()) {
        return;
    }
    let names: Vec<_> = judged.audiences.iter().map(|name| shown(name)).collect();
    let what = format!(
        "is none of {section}.audiences, {}: clients ask for a token with this `resource` (RFC \
         8707), which many providers write into `aud`, and it would be refused; add it to the \
         list, or have the provider write one of these for it",
        names.join(", ")
    );
    to.warn(&node.path, &what);
}

/// What single resources cannot see: who else is found at the same place.
pub(super) fn check_places(
    whole: Option<&ProtectedResource>,
    rules: &[Rule],
    endpoints: &Endpoints,
    origins: &[Origin],
    to: &mut Report<'_>,
) {
    let path = |rule| format!("rules[{rule}].protected_resource.resource");
    let of_rules = rules.iter().enumerate().filter_map(|(index, rule)| {
        rule.protected_resource.as_ref().map(|resource| (path(index), resource))
    });
    let whole = whole.map(|resource| ("protected_resource.resource".to_owned(), resource));
    let mut known: Vec<(String, String, &ProtectedResource)> = Vec::new();
    for (path, resource) in whole.into_iter().chain(of_rules) {
        let (place, url) = (resource.metadata_path(), resource.metadata_url());
        if endpoints.all().contains(&place.as_str()) {
            to.problem(&path, format!("its metadata is at {place}, one of `endpoints`"), None);
        }
        let host = resource.resource.authority().as_bytes();
        let at = Origin::of_authority(resource.resource.scheme(), host);
        if let Some(origin) = at.filter(|at| !origins.is_empty() && !origins.contains(at)) {
            let what = format!("is at {origin}, none of `origins`: its clients are answered 421");
            to.warn(&path, &what);
        }
        let other = known.iter().find(|(_, known, _)| *known == url);
        if let Some((other, ..)) = other.filter(|(.., other)| *other != resource) {
            let what = format!("has the metadata of {other}, {url}, and other members");
            let hint = "write the same in both, or leave one of them out".to_owned();
            to.problem(&path, what, Some(hint));
        }
        known.push((path, url, resource));
    }
}

#[cfg(test)]
mod tests;
