//! `provider`: the OpenID provider (OIDC Discovery 1.0 section 3) and how it is reached.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::{Node, Report, Section, shown};
use crate::http::{InvalidUrl, Scheme, Url};

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
    /// `provider.timeout`, default `5s`: of each call.
    pub timeout: Duration,
    /// `provider.discovery`, default `true`: whether the metadata is fetched. `false` needs
    /// `provider.metadata` with all that is used.
    pub discovery: bool,
    /// `provider.metadata`, default `{}`: members that override what discovery says.
    pub metadata: MetadataOverrides,
}

/// Members of the discovery document (OIDC Discovery 1.0 section 3) that the operator
/// sets; what is `None` is taken from the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataOverrides {
    /// `provider.metadata.authorization_endpoint`: where browsers are sent to log in.
    pub authorization_endpoint: Option<Url>,
    /// `provider.metadata.token_endpoint`: where codes and refresh tokens are exchanged.
    pub token_endpoint: Option<Url>,
    /// `provider.metadata.jwks_uri`: where the provider's keys are.
    pub jwks_uri: Option<Url>,
    /// `provider.metadata.end_session_endpoint`: where browsers are sent to log out.
    pub end_session_endpoint: Option<Url>,
    /// `provider.metadata.authorization_response_iss_parameter_supported`: whether answers
    /// to the callback carry `iss` (RFC 9207 section 3).
    pub authorization_response_iss_parameter_supported: Option<bool>,
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

/// Members of a discovery document that the gate makes no use of. They may stand in
/// `provider.metadata`, so that a whole document can be pasted there.
const UNUSED_MEMBERS: &[&str] = &[
    "userinfo_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "device_authorization_endpoint",
    "backchannel_authentication_endpoint",
    "check_session_iframe",
    "mtls_endpoint_aliases",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "userinfo_signing_alg_values_supported",
    "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported",
    "request_object_signing_alg_values_supported",
    "request_object_encryption_alg_values_supported",
    "request_object_encryption_enc_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "authorization_signing_alg_values_supported",
    "authorization_encryption_alg_values_supported",
    "authorization_encryption_enc_values_supported",
    "dpop_signing_alg_values_supported",
    "code_challenge_methods_supported",
    "prompt_values_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "claims_locales_supported",
    "ui_locales_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "tls_client_certificate_bound_access_tokens",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "service_documentation",
    "op_policy_uri",
    "op_tos_uri",
];

/// Reads `provider`; with `login`, static metadata must have all that logging in needs.
pub(super) fn read(root: &Section<'_>, login: bool, to: &mut Report<'_>) -> Option<Provider> {
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
        Some(node) => metadata(node, issuer.as_ref(), to),
        None => MetadataOverrides::default(),
    };
    if discovery == Some(false) {
        let has = |name: &str| given.as_ref().is_some_and(|node| node.value.get(name).is_some());
        let needed: &[&str] = match login {
            true => &["authorization_endpoint", "token_endpoint", "jwks_uri"],
            false => &["jwks_uri"],
        };
        for name in needed.iter().filter(|name| !has(name)) {
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
    })
}

fn issuer(node: &Node<'_>, to: &mut Report<'_>) -> Option<Issuer> {
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
            node.problem(format!("{error}, found {}", shown(text)), Some(hint), to);
            None
        }
    }
}

/// Whether `authority` never leaves the machine (RFC 6761 section 6.3, RFC 1122 3.2.1.3).
fn is_loopback(authority: &str) -> bool {
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
    if crate::http::Origin::of_authority(Scheme::Https, text.as_bytes()).is_some() {
        return Some(text.to_owned());
    }
    let what = format!("expected a host and at most a port, found {}", shown(text));
    node.problem(what, Some("for example keycloak.example:8443"), to);
    None
}

fn metadata(node: &Node<'_>, issuer: Option<&Issuer>, to: &mut Report<'_>) -> MetadataOverrides {
    let mut overrides = MetadataOverrides::default();
    let mut unused = Vec::new();
    for (name, node) in node.map(128, to).unwrap_or_default() {
        match name {
            "authorization_endpoint" => overrides.authorization_endpoint = url(&node, to),
            "token_endpoint" => overrides.token_endpoint = url(&node, to),
            "jwks_uri" => overrides.jwks_uri = url(&node, to),
            "end_session_endpoint" => overrides.end_session_endpoint = url(&node, to),
            "authorization_response_iss_parameter_supported" => {
                overrides.authorization_response_iss_parameter_supported = node.flag(to);
            }
            "issuer" => {
                let found = node.text(to);
                let same = |issuer: &Issuer| found.is_none_or(|text| issuer.is_exactly(text));
                if !issuer.is_none_or(same) {
                    let hint = "write the right one there, and leave this one out";
                    node.problem("must equal `provider.issuer`", Some(hint), to);
                }
            }
            _ if UNUSED_MEMBERS.contains(&name) => unused.push(name),
            _ => {
                let used = [
                    "authorization_endpoint",
                    "token_endpoint",
                    "jwks_uri",
                    "end_session_endpoint",
                    "authorization_response_iss_parameter_supported",
                ];
                let known = used.into_iter().chain(UNUSED_MEMBERS.iter().copied());
                let hint = super::keys::nearest(name, known)
                    .map(|nearest| format!("did you mean `{nearest}`?"));
                node.problem("no member of a discovery document", hint.as_deref(), to);
            }
        }
    }
    if !unused.is_empty() {
        to.warn(&node.path, &format!("the gate makes no use of {}", unused.join(", ")));
    }
    overrides
}

fn url(node: &Node<'_>, to: &mut Report<'_>) -> Option<Url> {
    let text = node.text(to)?;
    let url = Url::parse(text);
    if let Err(error) = &url {
        node.problem(format!("{error}, found {}", shown(text)), None, to);
    }
    url.ok()
}
