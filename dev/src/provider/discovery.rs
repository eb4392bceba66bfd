//! The discovery document (OpenID Connect Discovery 1.0 section 3) and the key set (RFC 7517 section 5).

use serde_json::{Value, json};

use super::exchange;
use super::serve::{AUTHORIZE, INTROSPECT, JWKS, LOGOUT, REGISTER, State, TOKEN, USERINFO};
use super::tokens::merge;
use crate::server::Reply;

/// The discovery document.
pub(super) fn metadata(state: &State) -> Reply {
    let at = |path: &str| format!("{}{path}", state.issuer);
    let mut document = json!({
        "issuer": state.issuer,
        "authorization_endpoint": at(AUTHORIZE),
        "token_endpoint": at(TOKEN),
        "introspection_endpoint": at(INTROSPECT),
        "userinfo_endpoint": at(USERINFO),
        "jwks_uri": at(JWKS),
        "end_session_endpoint": at(LOGOUT),
        "registration_endpoint": at(REGISTER),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", exchange::GRANT_TYPE],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported":
            ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "good-service", "evil-service"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "name", "preferred_username", "email"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": false,
    });
    if let Value::Object(members) = &mut document {
        merge(members, &state.faults().discovery);
    }
    Reply::json(200, &document)
}

/// The key set.
pub(super) fn keys(state: &State) -> Reply {
    let faults = state.faults();
    let mut keys = faults.more_keys.clone();
    if !faults.no_keys {
        keys.extend(state.keys().set());
    }
    Reply::json(200, &json!({"keys": keys})).with("cache-control", "no-cache")
}
