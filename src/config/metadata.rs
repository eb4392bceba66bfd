//! `provider.metadata`: a discovery document of the operator's (OIDC Discovery 1.0 section
//! 3, RFC 8414 section 2).

use super::provider::Issuer;
use super::reader::{Node, Report, found_url};
use super::spelling;
use crate::http::Url;

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
    /// `provider.metadata.introspection_endpoint`: where the provider is asked about tokens.
    pub introspection_endpoint: Option<Url>,
    /// `provider.metadata.end_session_endpoint`: where browsers are sent to log out.
    pub end_session_endpoint: Option<Url>,
    /// `provider.metadata.authorization_response_iss_parameter_supported`: whether answers
    /// to the callback carry `iss` (RFC 9207 section 3).
    pub authorization_response_iss_parameter_supported: Option<bool>,
}

/// Members of a discovery document that the gate makes no use of. They may stand in
/// `provider.metadata`, so that a whole document can be pasted there.
const UNUSED_MEMBERS: &[&str] = &[
    "userinfo_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
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

/// Reads `provider.metadata`; its `issuer`, if it is there, must be `issuer`.
pub(super) fn read(
    node: &Node<'_>,
    issuer: Option<&Issuer>,
    to: &mut Report<'_>,
) -> MetadataOverrides {
    let mut overrides = MetadataOverrides::default();
    let mut unused = Vec::new();
    for (name, node) in node.map(128, to).unwrap_or_default() {
        match name {
            "authorization_endpoint" => overrides.authorization_endpoint = url(&node, to),
            "token_endpoint" => overrides.token_endpoint = url(&node, to),
            "jwks_uri" => overrides.jwks_uri = url(&node, to),
            "introspection_endpoint" => overrides.introspection_endpoint = url(&node, to),
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
                    "introspection_endpoint",
                    "end_session_endpoint",
                    "authorization_response_iss_parameter_supported",
                ];
                let known = used.into_iter().chain(UNUSED_MEMBERS.iter().copied());
                let hint = spelling::nearest(name, known)
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
        node.problem(format!("{error}{}", found_url(text)), None, to);
    }
    url.ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::testing::{config, problems, warnings};

    #[test]
    fn a_whole_discovery_document_may_be_pasted() {
        let metadata = json!({
            "issuer": "https://keycloak.local/realms/acme",
            "authorization_endpoint": "https://keycloak.local/a?x=1",
            "authorization_response_iss_parameter_supported": true,
            "userinfo_endpoint": "https://keycloak.local/u"
        });
        let change = json!({"provider": {"metadata": metadata}});
        assert_eq!(
            warnings(change.clone()),
            "provider.metadata: the gate makes no use of userinfo_endpoint"
        );
        let read = config(change).provider.metadata;
        assert_eq!(read.authorization_response_iss_parameter_supported, Some(true));
        assert_eq!(
            problems(json!({"provider": {"metadata": {
                "issuer": "https://keycloak.local/realms/acme/", "jwk_uri": "https://a.example",
                "token_endpoint": "/token"
            }}})),
            "provider.metadata.issuer: must equal `provider.issuer`; hint: write the right one \
             there, and leave this one out
provider.metadata.jwk_uri: no member of a discovery document; hint: did you mean `jwks_uri`?
provider.metadata.token_endpoint: must begin with https:// or http://, found \"/token\""
        );
    }
}
