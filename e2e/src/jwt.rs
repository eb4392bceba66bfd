//! A look into tokens, without any check: what a test wants to know of what it was given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The claims of a token, or of `Bearer <token>`.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a token, or of `Bearer <token>`.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// Whether `aud` of `claims` names `audience`, alone or among others.
pub fn is_for(claims: &Value, audience: &str) -> bool {
    match &claims["aud"] {
        Value::Array(all) => all.iter().any(|one| one == audience),
        one => one == audience,
    }
}

fn part(token: &str, number: usize) -> Value {
    let text = token.trim_start_matches("Bearer ").split('.').nth(number).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .unwrap_or_else(|problem| panic!("not a JWT ({problem}): {token}"));
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|problem| panic!("not a JWT ({problem}): {token}"))
}
