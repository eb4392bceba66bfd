//! Dynamic client registration (RFC 7591): public clients on this machine, for clients that find the provider by
//! themselves, as those of MCP do.

use serde_json::{Value, json};

use super::serve::State;
use crate::server::{Reply, Request};
use crate::words::{now, uuid};

/// Registers a client without a secret, whatever it asks for (section 3.2.1: the server may replace what was asked).
pub(super) fn request(state: &State, request: &Request) -> Reply {
    if request.method != "POST" {
        return refused(405, "invalid_request", "only POST registers a client");
    }
    let Ok(asked) = serde_json::from_slice::<Value>(&request.body) else {
        return refused(400, "invalid_client_metadata", "the body is not JSON");
    };
    let redirects: Option<Vec<String>> = asked["redirect_uris"].as_array().and_then(|uris| {
        let right = |uri: &Value| {
            uri.as_str().filter(|uri| state.options.allows_redirect(uri)).map(str::to_owned)
        };
        uris.iter().map(right).collect()
    });
    let Some(redirects) = redirects.filter(|uris| !uris.is_empty()) else {
        return refused(
            400,
            "invalid_redirect_uri",
            "expected addresses on 127.0.0.1 or localhost",
        );
    };
    let id = uuid();
    state.realm().register(&id, redirects.clone());
    let client = json!({
        "client_id": id,
        "client_id_issued_at": now(),
        "client_name": asked["client_name"],
        "redirect_uris": redirects,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    Reply::json(201, &client).with("cache-control", "no-store")
}

/// Section 3.2.2.
fn refused(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description});
    Reply::json(status, &body).with("cache-control", "no-store")
}
