//! Introspection (RFC 7662), and the opaque access tokens that make it necessary.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::client_auth;
use super::keys::Expiry;
use super::serve::State;
use super::token::parse;
use super::tokens::merge;
use crate::server::{Reply, Request};
use crate::words::{base64url, now, random};

/// The opaque tokens that were handed out: for each the JWT that says what it means, and whether it ends with its
/// session.
#[derive(Debug, Default)]
pub(super) struct OpaqueTokens(HashMap<String, (String, bool)>);

impl OpaqueTokens {
    /// An opaque token that means what `signed` says.
    pub(super) fn hand_out(&mut self, signed: String, ends_with_session: bool) -> String {
        let token = base64url(random::<32>());
        self.0.insert(token.clone(), (signed, ends_with_session));
        token
    }

    /// What `token` stands for: itself, where it is a JWT.
    pub(super) fn signed(&self, token: &str) -> (String, bool) {
        self.0.get(token).cloned().unwrap_or_else(|| (token.to_owned(), true))
    }
}

/// Says what a token is, to the client (section 2).
pub(super) fn request(state: &State, request: &Request) -> Reply {
    let request = parse(request);
    // Of clients without a secret nobody knows who asks (section 2.1).
    let checked = client_auth::check(&state.options, &request, |_| false);
    if let Err((status, error, description)) = checked {
        let body = json!({"error": error, "error_description": description});
        return Reply::json(status, &body);
    }
    let Some(token) = request.field("token") else {
        return Reply::json(400, &json!({"error": "invalid_request"}));
    };
    // Section 2.2: of one that is not active nothing else is said.
    let mut answer = claims(state, token).unwrap_or_default();
    answer.insert("active".into(), (!answer.is_empty()).into());
    if answer.len() > 1 {
        answer.insert("token_type".into(), "Bearer".into());
        merge(&mut answer, &state.faults().introspection);
    }
    Reply::json(200, &Value::Object(answer)).with("cache-control", "no-store")
}

/// The claims of a token of ours that is active.
fn claims(state: &State, token: &str) -> Option<Map<String, Value>> {
    let (signed, ends_with_session) = state.opaque_tokens().signed(token);
    let now = now().saturating_add_signed(state.faults().clock_offset);
    let Value::Object(claims) = state.keys().claims(&signed, Expiry::Ignored)? else {
        return None;
    };
    let session = claims.get("sid").and_then(Value::as_str).unwrap_or_default();
    let ends = claims.get("exp").and_then(Value::as_u64);
    let active =
        ends.is_none_or(|exp| exp > now) && (!ends_with_session || state.realm().lives(session));
    active.then_some(claims)
}
