//! `provider`: the OpenID provider (OIDC Discovery 1.0 section 3) and how it is reached.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::metadata::{self, MetadataOverrides};
use super::reader::{Node, Report, Section, found_url, shown};
use crate::http::{InvalidUrl, Origin, Scheme, Url};

/// `provider`: the OpenID provider and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// `provider.issuer`, required: compared exactly with `iss`; discovery is at
    /// `<issuer>/.well-known/openid-configuration`.
    pub issuer: Issuer,
    /// `provider.cluster`, required: the host's name for the upstream that reaches the provider.
    pub cluster: String,
    /// `provider.authority`, default the endpoint URL's: `:authority` of the calls.
    pub authority: Option<String>,
    /// `provider.timeout`, default `5s`: of each call; `100ms` to `60s`.
    pub timeout: Duration,
    /// `provider.discovery`, default `true`: whether the metadata is fetched. `false` needs
    /// `provider.metadata` with all that is used.
    pub discovery: bool,
    /// `provider.metadata`, default `{}`: members that override what discovery says.
    pub metadata: MetadataOverrides,
    /// `access_token.format: opaque`: `introspection_endpoint` must be known.
    pub introspects: bool,
}

/// An issuer identifier (OIDC Discovery 1.0 section 3): kept and compared byte for byte
/// (OIDC Core 3.1.3.7 step 2), since `https://op` and `https://op/` are two issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

/// Why a text is not an issuer identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuer {
    /// Not an absolute http or https URL.
    #[error("{0}")]
    Url(InvalidUrl),
    /// It has a query or a fragment.
    #[error("an issuer has neither query nor fragment")]
    QueryOrFragment,
}

impl Issuer {
    /// Takes an issuer as it is written.
    ///
    /// # Errors
    /// [`InvalidIssuer`] where it is no absolute http(s) URL without query and fragment.
    pub fn parse(text: &str) -> Result<Self, InvalidIssuer> {
        if text.contains(['?', '#']) {
            return Err(InvalidIssuer::QueryOrFragment);
        }
        Url::parse(text).map_err(InvalidIssuer::Url)?;
        Ok(Self(text.to_owned()))
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `iss` is this issuer, byte for byte.
    #[must_use]
    pub fn is_exactly(&self, iss: &str) -> bool {
        self.0 == iss
    }
}

const TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// Reads `provider`; static metadata must have all that logging in needs, with `login`, and
/// asking about tokens, where it `introspects`.
pub(super) fn read(
    root: &Section<'_>,
    login: bool,
    introspects: bool,
    to: &mut Report<'_>,
) -> Option<Provider> {
    let section = root.section("provider", "provider", to);
    let hint = "write the provider's `issuer` as its discovery document has it";
    let issuer = section.required("issuer", hint, to).and_then(|node| issuer(&node, to));
    let hint = "name the host's cluster that reaches the provider";
    let cluster = section.required("cluster", hint, to).and_then(|node| cluster(&node, to));
    let authority = section.get("authority").and_then(|node| authority(&node, to));
    let timeout = section.duration("timeout", TIMEOUT, &TIMEOUTS, to);
    let discovery = section.flag("discovery", true, to);
    let given = section.get("metadata");
    let metadata = match &given {
        Some(node) => metadata::read(node, issuer.as_ref(), to),
        None => MetadataOverrides::default(),
    };
    if discovery == Some(false)
        && given.as_ref().is_none_or(|node| node.value.as_object().is_some())
    {
        let has = |name: &str| given.as_ref().is_some_and(|node| node.value.get(name).is_some());
        let needed: &[&str] = match login {
            true => &["authorization_endpoint", "token_endpoint", "jwks_uri"],
            false => &["jwks_uri"],
        };
        let introspection = introspects.then_some("introspection_endpoint");
        for name in needed.iter().copied().chain(introspection).filter(|name| !has(name)) {
            let path = format!("{}.{name}", section.path_of("metadata"));
            let hint = "needed with `provider.discovery: false`".to_owned();
            to.problem(&path, "missing", Some(hint));
        }
    }
    Some(Provider {
        issuer: issuer?,
        cluster: cluster?,
        authority,
        timeout: timeout?,
        discovery: discovery?,
        metadata,
        introspects,
    })
}

pub(super) fn issuer(node: &Node<'_>, to: &mut Report<'_>) -> Option<Issuer> {
    let text = node.text(to)?;
    match Issuer::parse(text) {
        Ok(issuer) => {
            let url = Url::parse(text).ok()?;
            if url.scheme() == Scheme::Http && !is_loopback(url.authority()) {
                to.warn(&node.path, "http: whoever is on the way can read and forge all logins");
            }
            Some(issuer)
        }
        Err(error) => {
            let hint = "for example https://keycloak.example/realms/acme";
            node.problem(format!("{error}{}", found_url(text)), Some(hint), to);
            None
        }
    }
}

/// Whether `authority` never leaves the machine (RFC 6761 section 6.3, RFC 1122 3.2.1.3).
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(_) => authority.split_once(']').map_or(authority, |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    let host = host.trim_start_matches('[');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn cluster(node: &Node<'_>, to: &mut Report<'_>) -> Option<String> {
    let text = node.text(to)?;
    if text.len() > 512 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = format!("must be 1 to 512 visible ASCII characters, found {}", shown(text));
        node.problem(what, None, to);
        return None;
    }
    if text.contains("://") {
        let hint = "name the host's cluster; Istio calls it outbound|443||keycloak.example";
        node.problem(format!("expected a name, found the URL {}", shown(text)), Some(hint), to);
        return None;
    }
    Some(text.to_owned())
}

fn authority(node: &Node<'_>, to: &mut Report<'_>) -> Option<String> {
    let text = node.text(to)?;
    if Origin::of_authority(Scheme::Https, text.as_bytes()).is_some() {
        return Some(text.to_owned());
    }
    let what = format!("expected a host and at most a port{}", found_url(text));
    node.problem(what, Some("for example keycloak.example:8443"), to);
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::config::testing::{config, problems, warnings};

    fn refused(provider: Value) -> String {
        problems(json!({"provider": provider}))
    }

    #[test]
    fn an_issuer_stays_as_it_is_written() {
        for issuer in ["https://op.example", "https://op.example/", "https://OP.example/A/%7e"] {
            let read = config(json!({"provider": {"issuer": issuer}})).provider.issuer;
            assert_eq!(read.as_str(), issuer);
            assert!(read.is_exactly(issuer));
            assert!(!read.is_exactly("https://op.example/A"));
        }
    }

    #[test]
    fn an_issuer_is_an_absolute_url_without_query_and_fragment() {
        for issuer in [
            "op.example",
            "ftp://op.example",
            "https://",
            "https://op.example?",
            "https://a b/",
            "https://op.example/#",
            " https://op.example",
            "https://op.example\n",
            "/realms",
        ] {
            let what = refused(json!({"issuer": issuer}));
            assert!(what.starts_with("provider.issuer: "), "{what}");
        }
        assert_eq!(
            refused(json!({"issuer": "https://op.example/?realm=acme"})),
            "provider.issuer: an issuer has neither query nor fragment, found \
             \"https://op.example/?realm=acme\"; hint: for example \
             https://keycloak.example/realms/acme"
        );
    }

    #[test]
    fn plain_http_warns_unless_it_stays_on_the_machine() {
        let warned = |issuer: &str| warnings(json!({"provider": {"issuer": issuer}}));
        for local in ["localhost:8080", "127.0.0.1", "[::1]:8080", "keycloak.localhost"] {
            assert_eq!(warned(&format!("http://{local}/realms/acme")), "");
        }
        for far in ["keycloak:8080", "localhost.example", "10.0.0.1", "127.0.0.1.example"] {
            assert_eq!(
                warned(&format!("http://{far}/realms/acme")),
                "provider.issuer: http: whoever is on the way can read and forge all logins"
            );
        }
    }

    #[test]
    fn static_metadata_has_all_that_is_used() {
        assert_eq!(
            refused(json!({"discovery": false, "metadata": {"jwks_uri": "https://op.example/k"}})),
            "provider.metadata.authorization_endpoint: missing; hint: needed with \
             `provider.discovery: false`
provider.metadata.token_endpoint: missing; hint: needed with `provider.discovery: false`"
        );
        let keys_alone = json!({"jwks_uri": "https://op.example/k"});
        let read = config(json!({
            "login": false, "provider": {"discovery": false, "metadata": keys_alone}
        }));
        assert_eq!(read.provider.metadata.jwks_uri.unwrap().as_str(), "https://op.example/k");
        let none = problems(json!({"login": false, "provider": {"discovery": false}}));
        assert_eq!(
            none,
            "provider.metadata.jwks_uri: missing; hint: needed with `provider.discovery: false`"
        );
    }

    #[test]
    fn cluster_and_authority_are_names() {
        let read = config(json!({"provider": {
            "cluster": "outbound|443||keycloak.example", "authority": "keycloak.example:8443"
        }}));
        assert_eq!(read.provider.cluster, "outbound|443||keycloak.example");
        assert_eq!(read.provider.authority.as_deref(), Some("keycloak.example:8443"));
        assert_eq!(
            refused(json!({"cluster": "https://a.example", "authority": "a/b", "timeout": "0s"})),
            "provider.cluster: expected a name, found the URL \"https://a.example\"; hint: name \
             the host's cluster; Istio calls it outbound|443||keycloak.example
provider.authority: expected a host and at most a port, found \"a/b\"; hint: for example \
keycloak.example:8443
provider.timeout: must be 100ms to 1m, found \"0s\""
        );
    }
}
