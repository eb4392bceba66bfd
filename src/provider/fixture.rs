//! What the tests of this folder have in common.

use std::time::Duration;

use super::{Answer, Metadata};
use crate::config::{Client, ClientAuthentication, Issuer, MetadataOverrides, Provider};
use crate::http::Url;

pub(super) const ISSUER: &str = "https://op.example/realms/acme";

pub(super) fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

pub(super) fn provider() -> Provider {
    Provider {
        issuer: Issuer::parse(ISSUER).unwrap(),
        cluster: "keycloak".to_owned(),
        authority: None,
        timeout: Duration::from_secs(5),
        discovery: true,
        metadata: MetadataOverrides::default(),
        introspects: false,
    }
}

pub(super) fn client() -> Client {
    Client {
        client_id: "APP-frontend".to_owned(),
        authentication: ClientAuthentication::None,
        scope: vec!["openid".to_owned()],
        authorization_parameters: Vec::new(),
    }
}

pub(super) fn metadata() -> Metadata {
    Metadata {
        authorization_endpoint: Some(url(&format!("{ISSUER}/auth"))),
        token_endpoint: Some(url(&format!("{ISSUER}/token"))),
        jwks_uri: url(&format!("{ISSUER}/certs")),
        introspection_endpoint: Some(url(&format!("{ISSUER}/introspect"))),
        end_session_endpoint: Some(url(&format!("{ISSUER}/logout"))),
        iss_parameter_supported: true,
        token_endpoint_auth_methods: None,
    }
}

/// The document that says what [`metadata`] says.
pub(super) fn document() -> serde_json::Value {
    serde_json::json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/auth"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/certs"),
        "introspection_endpoint": format!("{ISSUER}/introspect"),
        "end_session_endpoint": format!("{ISSUER}/logout"),
        "authorization_response_iss_parameter_supported": true,
        "code_challenge_methods_supported": ["plain", "S256"],
        "scopes_supported": ["openid"],
    })
}

pub(super) const fn ok(body: &[u8]) -> Answer<'_> {
    Answer { status: Some(200), content_type: Some("application/json"), body }
}
