//! The userinfo endpoint (OIDC Core 5.3).

use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};

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
    let header = jsonwebtoken::decode_header(token).ok()?;
    let keys = state.keys().set();
    let named = keys
        .into_iter()
        .find(|key| key.get("kid").and_then(Value::as_str) == header.kid.as_deref())?;
    let key = DecodingKey::from_jwk(&serde_json::from_value(named).ok()?).ok()?;
    let mut validation = Validation::new(header.alg);
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).ok()?.claims;
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
