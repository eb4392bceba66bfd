//! The provider's introspection endpoint.

use oidc_gate::token::testing::with;
use oidc_gate::wire::Timestamp;
use serde_json::{Value, json};

use super::provider::{Provider, is_client};
use super::sent::Sent;

impl Provider {
    /// RFC 7662 section 2.2.
    pub(super) fn introspect(&self, sent: &Sent, now: Timestamp) -> (u16, Value) {
        if !is_client(sent) {
            return (401, json!({"error": "invalid_client"}));
        }
        assert_eq!(sent.form["token_type_hint"], "access_token");
        let Some(claims) = self.opaque_tokens.get(&sent.form["token"]) else {
            return (200, json!({"active": false}));
        };
        if claims["exp"].as_i64().is_some_and(|exp| exp <= now.seconds()) {
            return (200, json!({"active": false}));
        }
        let answer = with(claims.clone(), json!({"active": true, "token_type": "Bearer"}));
        (200, with(answer, self.introspection.clone()))
    }
}
