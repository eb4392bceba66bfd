//! The userinfo endpoint (OIDC Core 5.3).

use serde_json::{Value, json};

use super::keys::Expiry;
use super::serve::State;
use crate::server::{Reply, Request};

/// The claims about whom the access token stands for; 401 where its session has ended.
pub(super) fn request(state: &State, request: &Request) -> Reply {
    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match token.and_then(|token| claims(state, token)) {
        Some(claims) => Reply::json(200, &claims),
        None => Reply::json(401, &json!({"error": "invalid_token"}))
            .with("www-authenticate", "Bearer realm=\"acme\", error=\"invalid_token\""),
    }
}

fn claims(state: &State, token: &str) -> Option<Value> {
    let (signed, _) = state.opaque_tokens().signed(token);
    let claims = state.keys().claims(&signed, Expiry::Checked)?;
    let session = claims.get("sid").and_then(Value::as_str)?;
    let realm = state.realm();
    if !realm.lives(session) || claims.get("typ").and_then(Value::as_str) != Some("Bearer") {
        return None;
    }
    let user = realm.user_of(session)?;
    let members = [
        "sub",
        "name",
        "given_name",
        "family_name",
        "preferred_username",
        "email",
        "email_verified",
    ];
    let told =
        members.iter().filter_map(|name| Some(((*name).to_owned(), claims.get(*name)?.clone())));
    (claims.get("sub").and_then(Value::as_str) == Some(user.id))
        .then(|| Value::Object(told.collect()))
}
