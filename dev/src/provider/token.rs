//! The token endpoint: codes and refresh tokens in, tokens out (RFC 6749 sections 4.1.3, 5, 6; OIDC Core 12). Exchanges
//! have a file of their own.

use std::sync::PoisonError;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client_auth;
use super::exchange;
use super::faults::Endpoint;
use super::realm::Subject;
use super::record::TokenRequest;
use super::serve::State;
use crate::server::{Reply, Request};
use crate::words::{base64url, now};

/// Writes the request down, and says what kind it is.
pub(super) fn record(state: &State, request: &Request) -> Endpoint {
    let parsed = parse(request);
    let endpoint = match parsed.field("grant_type") {
        Some("refresh_token") => Endpoint::Refresh,
        Some(exchange::GRANT_TYPE) => Endpoint::Exchange,
        _ => Endpoint::Code,
    };
    state.requests.lock().unwrap_or_else(PoisonError::into_inner).push(parsed);
    endpoint
}

/// Answers a token request.
pub(super) fn request(state: &State, request: &Request) -> Reply {
    match grant(state, request) {
        Ok(value) => no_store(Reply::json(200, &value)),
        Err((status, error, description)) => no_store(Reply::json(
            status,
            &json!({"error": error, "error_description": description}),
        )),
    }
}

/// Status, `error` and `error_description`.
pub(super) type Refused = (u16, &'static str, &'static str);

fn grant(state: &State, request: &Request) -> Result<Value, Refused> {
    if request.method != "POST" {
        return Err((405, "invalid_request", "HTTP 405 Method Not Allowed"));
    }
    let request = parse(request);
    let form = "application/x-www-form-urlencoded";
    if !request.content_type.as_deref().is_some_and(|found| found.starts_with(form)) {
        return Err((415, "invalid_request", "expected application/x-www-form-urlencoded"));
    }
    let registered = |id: &str| state.realm().registered(id).is_some();
    let client = client_auth::check(&state.options, &request, registered)?;
    match request.field("grant_type") {
        Some("authorization_code") => code(state, &request, &client),
        Some("refresh_token") => refresh(state, &request, &client),
        Some(exchange::GRANT_TYPE) if client != state.options.client_id => {
            Err((403, "unauthorized_client", "Public client is not allowed to exchange token"))
        }
        Some(exchange::GRANT_TYPE) => exchange::grant(state, &request),
        Some(_) => Err((400, "unsupported_grant_type", "Unsupported grant_type")),
        None => Err((400, "invalid_request", "Missing form parameter: grant_type")),
    }
}

fn code(state: &State, request: &TokenRequest, client: &str) -> Result<Value, Refused> {
    let field = |name| request.field(name).unwrap_or_default();
    // RFC 7636 section 4.6: BASE64URL(SHA256(code_verifier)), 43 to 128 characters.
    let verifier = field("code_verifier");
    if !(43..=128).contains(&verifier.len()) {
        return Err((
            400,
            "invalid_grant",
            "PKCE code verifier not specified or of a wrong length",
        ));
    }
    let challenge = base64url(Sha256::digest(verifier));
    let redeemed =
        state.realm().redeem(field("code"), client, field("redirect_uri"), &challenge, now());
    let mut subject = redeemed.map_err(|why| (400, "invalid_grant", why))?;
    narrow_resource(&mut subject, request)?;
    let faults = state.faults();
    let (id_token, refresh_token) = (!faults.no_id_token, !faults.no_refresh_token);
    drop(faults);
    Ok(tokens(state, &subject, None, id_token, refresh_token))
}

fn refresh(state: &State, request: &TokenRequest, client: &str) -> Result<Value, Refused> {
    let invalid = |why| (400, "invalid_grant", why);
    let token = request.field("refresh_token").unwrap_or_default();
    let claims = own(state, token).ok_or_else(|| invalid("Invalid refresh token"))?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if claims.get("exp").and_then(Value::as_u64).is_none_or(|exp| exp <= now()) {
        return Err(invalid("Token is not active"));
    }
    if claim("azp") != client {
        return Err(invalid(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    // Before anything is spent, as with Keycloak.
    let asked = request.field("scope").map(|scope| known(state, scope)).transpose()?;
    let rotate = state.options.rotate_refresh_tokens;
    let mut subject = state
        .realm()
        .refresh(claim("sid"), claim("reuse_id"), claim("jti"), rotate)
        .map_err(invalid)?;
    narrow_resource(&mut subject, request)?;
    let scope = asked.map(|asked| narrowed(&subject.grant.scope, &asked));
    let faults = state.faults();
    let (id_token, refresh_token) =
        (!faults.no_id_token_at_refresh, !faults.no_refresh_token_at_refresh);
    drop(faults);
    Ok(tokens(state, &subject, scope, id_token, refresh_token))
}

/// RFC 8707 section 2.2: the access token is for what the request names, of what was granted; for anything where
/// nothing was.
fn narrow_resource(subject: &mut Subject, request: &TokenRequest) -> Result<(), Refused> {
    let asked: Vec<String> = request.all("resource").map(str::to_owned).collect();
    let granted = &subject.grant.resource;
    let right =
        |uri: &String| exchange::is_absolute(uri) && (granted.is_empty() || granted.contains(uri));
    if !asked.iter().all(right) {
        return Err((400, "invalid_target", "Requested resource was not granted"));
    }
    if !asked.is_empty() {
        subject.grant.resource = asked;
    }
    Ok(())
}

/// The scopes of `scope`, all of which the realm knows.
fn known<'a>(state: &State, scope: &'a str) -> Result<Vec<&'a str>, Refused> {
    let asked: Vec<_> = scope.split(' ').filter(|name| !name.is_empty()).collect();
    if asked.iter().all(|name| state.options.knows(name)) {
        Ok(asked)
    } else {
        Err((400, "invalid_scope", "Invalid scopes"))
    }
}

/// RFC 6749 section 6: what was granted, of what is asked for now. The rest is left out without a word, and the
/// default client scopes are always there, as with Keycloak.
fn narrowed(granted: &str, asked: &[&str]) -> String {
    let stays = |name: &&str| asked.contains(name) || ["profile", "email"].contains(name);
    granted.split(' ').filter(stays).collect::<Vec<_>>().join(" ")
}

/// The claims of a refresh token that we have signed ourselves.
fn own(state: &State, token: &str) -> Option<Value> {
    let (message, signature) = token.rsplit_once('.')?;
    let ours = state.keys().sign(jsonwebtoken::Algorithm::HS512, message);
    if signature != ours {
        return None;
    }
    jsonwebtoken::dangerous::insecure_decode_claims(token).ok()
}

/// `scope`: what the access token is for, where it is less than what was granted.
fn tokens(
    state: &State,
    subject: &Subject,
    scope: Option<String>,
    id_token: bool,
    refresh_token: bool,
) -> Value {
    let mut narrow = subject.clone();
    narrow.grant.scope = scope.unwrap_or_else(|| subject.grant.scope.clone());
    let faults = state.faults().clone();
    state.mint(&faults, |mint| {
        let mut access = mint.access(&narrow);
        if state.options.opaque_access_tokens {
            access = state.opaque_tokens().hand_out(access, true);
        }
        let mut answer = json!({
            "token_type": faults.token_type.as_deref().unwrap_or("Bearer"),
            "not-before-policy": 0,
            "session_state": subject.session,
            "scope": narrow.grant.scope,
        });
        if !faults.no_expires_in {
            answer["expires_in"] = mint.access_lifespan().into();
        }
        // OIDC Core 3.1.2.1: without the scope `openid` this is plain OAuth.
        if id_token && subject.grant.scope.split(' ').any(|scope| scope == "openid") {
            answer["id_token"] = mint.id(subject, &access).into();
        }
        if refresh_token {
            answer["refresh_token"] = mint.refresh(subject).into();
            answer["refresh_expires_in"] = 1800.into();
        }
        answer["access_token"] = access.into();
        answer
    })
}

pub(super) fn parse(request: &Request) -> TokenRequest {
    TokenRequest {
        form: form_urlencoded::parse(&request.body).into_owned().collect(),
        authorization: request.header("authorization").map(str::to_owned),
        content_type: request.header("content-type").map(str::to_owned),
    }
}

/// RFC 6749 section 5.1.
fn no_store(reply: Reply) -> Reply {
    reply.with("cache-control", "no-store").with("pragma", "no-cache")
}
