//! Token exchange (RFC 8693): an access token in, one for other audiences out, for the same user and session.

use serde_json::{Map, Value, json};

use super::keys::Expiry;
use super::record::TokenRequest;
use super::serve::State;
use super::token::Refused;
use crate::words::now;

/// `grant_type` (section 2.1).
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The only type of token that is taken or given (section 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The services of the realm, whatever the options say.
const SERVICES: [&str; 3] = ["APP-backend", "good-service", "evil-service"];

/// Answers a request whose client is known already.
///
/// Errors: status, `error` and `error_description` (section 2.2.2).
pub(super) fn grant(state: &State, request: &TokenRequest) -> Result<Value, Refused> {
    let invalid = |why| Err((400, "invalid_request", why));
    if let Some(why) = malformed(request) {
        return invalid(why);
    }
    let Some(subject) = subject(state, request.field("subject_token").unwrap_or_default()) else {
        // Section 2.2.2 asks for `invalid_request`, and not `invalid_grant`, whatever is wrong with the token.
        return invalid("Invalid token");
    };
    let targets: Vec<&str> = request.all("audience").chain(request.all("resource")).collect();
    if !targets.iter().all(|target| is_known(state, target)) {
        return Err((400, "invalid_target", "Requested audience not available"));
    }
    let granted = subject.get("scope").and_then(Value::as_str).unwrap_or_default();
    let scope = request.field("scope").unwrap_or(granted);
    if !scope.split(' ').filter(|name| !name.is_empty()).all(|name| state.options.knows(name)) {
        return Err((400, "invalid_scope", "Invalid scopes"));
    }
    Ok(answer(state, &subject, &targets, scope))
}

/// What is wrong with the request itself (section 2.1, RFC 6749 section 3.2).
fn malformed(request: &TokenRequest) -> Option<&'static str> {
    let may_repeat = ["audience", "resource"];
    let repeated = |name: &str| !may_repeat.contains(&name) && request.all(name).count() > 1;
    if request.form.iter().any(|(name, _)| repeated(name)) {
        return Some("duplicated parameter");
    }
    if request.field("subject_token").is_none() {
        return Some("Missing parameter: subject_token");
    }
    if request.field("subject_token_type") != Some(ACCESS_TOKEN) {
        return Some("subject_token_type is not that of an access token");
    }
    if request.field("requested_token_type").is_some_and(|asked| asked != ACCESS_TOKEN) {
        return Some("requested_token_type is not that of an access token");
    }
    if ["actor_token", "actor_token_type"].iter().any(|name| request.field(name).is_some()) {
        return Some("Delegation is not supported: actor_token");
    }
    request.all("resource").any(|uri| !is_absolute(uri)).then_some("resource is no absolute URI")
}

/// An absolute URI without a fragment, as `resource` has to be.
pub(super) fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            && !rest.is_empty()
            && !uri.contains(['#', ' '])
    })
}

/// The claims of an access token that we have issued, that is still good, and whose login has not ended.
fn subject(state: &State, token: &str) -> Option<Map<String, Value>> {
    let now = now().saturating_add_signed(state.faults().clock_offset);
    // Not `Expiry::Checked`, which is lenient by a minute.
    let Value::Object(claims) = state.keys().claims(token, Expiry::Ignored)? else {
        return None;
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let good = text("typ") == "Bearer"
        && claims.get("exp").and_then(Value::as_u64).is_some_and(|exp| exp > now)
        && state.realm().serves_client(text("sid"));
    good.then_some(claims)
}

/// Whether there are tokens for `audience`, by the options or by the faults of the moment.
fn is_known(state: &State, audience: &str) -> bool {
    let faults = state.faults();
    let named = |value: &Value| match value {
        Value::Array(all) => all.iter().any(|one| one == audience),
        one => one == audience,
    };
    SERVICES.contains(&audience)
        || state.options.audiences.iter().any(|known| known == audience)
        || state.options.optional_scopes.iter().any(|(_, known)| known == audience)
        || faults.extra_audiences.iter().any(|known| known == audience)
        || faults.access_audience.as_ref().is_some_and(named)
}

/// Section 2.2.1. There is no refresh token: whoever may exchange may do so again.
fn answer(state: &State, subject: &Map<String, Value>, targets: &[&str], scope: &str) -> Value {
    let faults = state.faults().clone();
    state.mint(&faults, |mint| {
        let mut answer = Map::new();
        answer.insert("access_token".into(), mint.exchanged(subject, targets, scope).into());
        answer.insert("issued_token_type".into(), ACCESS_TOKEN.into());
        answer.insert("token_type".into(), faults.token_type.as_deref().unwrap_or("Bearer").into());
        if !faults.no_expires_in {
            answer.insert("expires_in".into(), mint.exchange_lifespan().into());
        }
        answer.insert("not-before-policy".into(), json!(0));
        answer.insert("session_state".into(), subject["sid"].clone());
        answer.insert("scope".into(), scope.into());
        super::tokens::merge(&mut answer, &faults.exchange_answer);
        Value::Object(answer)
    })
}

#[cfg(test)]
mod tests {
    use super::is_absolute;

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        for right in ["https://api.example/v1?x=y", "urn:example:service"] {
            assert!(is_absolute(right), "{right}");
        }
        for wrong in ["", "good-service", "/v1", ":x", "https:", "1a:x", "https://a/#b", "a b:c"] {
            assert!(!is_absolute(wrong), "{wrong}");
        }
    }
}
