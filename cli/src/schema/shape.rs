//! The type of every key. A test asks the gate's own parser whether it takes those, and no others.

use serde_json::{Value, json};

/// Most pieces of a session's cookie.
const MOST_PIECES: u8 = 8;

/// The type of the key at `path`; `None` for a key that nobody has given one yet.
pub(super) fn of(path: &str) -> Option<Value> {
    Some(match path {
        "provider.issuer"
        | "provider.cluster"
        | "provider.authority"
        | "client.client_id"
        | "logout.post_logout_redirect_uri"
        | "protected_resource.resource"
        | "rules[].protected_resource.resource"
        | "session.cookie.name"
        | "rules[].match.path"
        | "rules[].match.path_prefix"
        | "rules[].match.route_name" => text(),
        "endpoints.login" | "endpoints.callback" | "endpoints.logout" | "endpoints.session" => {
            text()
        }
        "provider.timeout"
        | "access_token.introspection_cache"
        | "clock_skew"
        | "session.idle_timeout"
        | "session.max_age"
        | "session.refresh_margin" => duration(),
        "provider.discovery"
        | "login"
        | "bearer"
        | "preserve_post"
        | "session.cookie.secure"
        | "log.access_log_fields" => {
            json!({"type": "boolean"})
        }
        "client.userinfo" => json!({"type": "boolean", "enum": [false]}),
        "provider.metadata" => json!({"type": "object"}),
        "client.client_secret" => secret(),
        "session.keys" => {
            json!({"type": "array", "items": secret(), "minItems": 1, "maxItems": 8})
        }
        "session.cookie.max_count" => {
            json!({"type": "integer", "minimum": 1, "maximum": MOST_PIECES})
        }
        "client.scope"
        | "access_token.scope"
        | "rules[].access_token.scope"
        | "protected_resource.scopes_supported"
        | "rules[].protected_resource.scopes_supported" => texts(0),
        "id_token.audiences"
        | "access_token.audiences"
        | "access_token.typ"
        | "protected_resource.authorization_servers"
        | "rules[].protected_resource.authorization_servers"
        | "rules[].access_token.audiences" => texts(1),
        "origins" | "rules[].match.methods" => texts(1),
        "id_token.signing_algorithms" | "access_token.signing_algorithms" => {
            let algorithms = oidc_gate::jose::Algorithm::ALL.map(|algorithm| algorithm.name());
            json!({"type": "array", "items": {"type": "string", "enum": algorithms}, "minItems": 1})
        }
        "client.authorization_parameters" => map(text_or_texts()),
        "upstream.headers" => map(text_or_texts()),
        "rules[].access_token.audience"
        | "rules[].access_token.resource"
        | "rules[].claims[].claim" => text_or_texts(),
        // The form as a list comes from the keys below it.
        "rules[].claims" => json!({"anyOf": [map(values())]}),
        "rules[].claims[].values" => values(),
        _ => words(path)?,
    })
}

/// Keys that have one of some words.
fn words(path: &str) -> Option<Value> {
    let words: &[&str] = match path {
        "client.token_endpoint_auth_method" => {
            &["client_secret_basic", "client_secret_post", "none"]
        }
        "client.pushed_authorization_requests" | "client.dpop" => &["off"],
        "access_token.format" => &["jwt", "opaque"],
        "log.format" => &["text", "json"],
        "session.cookie.same_site" => &["lax", "strict", "none"],
        "upstream.authorization" => &["access_token", "id_token", "none"],
        "rules[].access" => &["public", "authenticated", "deny"],
        "rules[].unauthenticated" => &["auto", "redirect", "deny"],
        "rules[].access_token.acquire" => {
            &["session", "token_exchange", "refresh_token", "authorization_code"]
        }
        "rules[].access_token.extra_audiences" => &["refuse", "allow"],
        _ => return None,
    };
    Some(json!({"type": "string", "enum": words}))
}

fn text() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn texts(least: u8) -> Value {
    json!({"type": "array", "items": text(), "minItems": least})
}

fn text_or_texts() -> Value {
    json!({"anyOf": [text(), texts(0)]})
}

fn duration() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"})
}

fn map(values: Value) -> Value {
    json!({"type": "object", "additionalProperties": values})
}

/// The values that a claim may have.
fn values() -> Value {
    json!({"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1})
}

fn secret() -> Value {
    let form = |name: &str| {
        json!({
            "type": "object", "additionalProperties": false, "required": [name],
            "properties": {name: text()},
        })
    };
    json!({"anyOf": [form("env"), form("inline")]})
}
