//! The authorization endpoint (RFC 6749 section 4.1.1, OIDC Core 3.1.2, RFC 7636, RFC 9207) and the login form behind it.

use super::exchange::is_absolute;
use super::faults::IssParameter;
use super::login_page;
use super::options::User;
use super::realm::Grant;
use super::serve::{REALM, State};
use crate::server::{Reply, Request};
use crate::words::{now, with_query};

/// The cookie of the single sign-on session. Its path keeps it away from the gate on the same host.
pub(super) const SSO_COOKIE: &str = "DEV_SSO";

/// A request that may be answered by redirects: client and redirect URI are right.
struct Authorization {
    redirect_uri: String,
    state: Option<String>,
    fields: Vec<(String, String)>,
}

impl Authorization {
    /// RFC 8707 section 2: where the access token will be used.
    fn resources(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.as_str())
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Answers an authorization request: a redirect where somebody is logged in, else the login form.
pub(super) fn request(state: &State, request: &Request) -> Reply {
    // OIDC Core 3.1.2.1: GET with a query, or POST with a form.
    let query = match request.method.as_str() {
        "POST" => String::from_utf8_lossy(&request.body).into_owned(),
        _ => request.query().to_owned(),
    };
    let authorization = match check(state, &query) {
        Ok(authorization) => authorization,
        Err(refusal) => return refusal,
    };
    let prompt = authorization.field("prompt").unwrap_or_default();
    let max_age = authorization.field("max_age").and_then(|seconds| seconds.parse::<u64>().ok());
    let session = request.cookie(SSO_COOKIE).and_then(|cookie| {
        let realm = state.realm();
        let (session, auth_time) = realm.session_of(cookie)?;
        let young = max_age.is_none_or(|limit| now().saturating_sub(auth_time) <= limit);
        young.then(|| session.to_owned())
    });
    match session {
        Some(session) if prompt != "login" => answer_with_code(state, &authorization, &session),
        _ if prompt == "none" => answer_with_error(state, &authorization, "login_required"),
        _ => login_page::form(&query, None),
    }
}

/// Answers the login form. Its address carries the authorization request's query.
pub(super) fn login(state: &State, request: &Request) -> Reply {
    let authorization = match check(state, request.query()) {
        Ok(authorization) => authorization,
        Err(refusal) => return refusal,
    };
    if request.method != "POST" {
        return login_page::form(request.query(), None);
    }
    let form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
    let field = |name: &str| {
        form.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
    };
    let (name, password) = (field("username"), field("password"));
    let Some(user) = User::with_password(name, password) else {
        return login_page::form(request.query(), Some(name));
    };
    let (cookie, session) = {
        let mut realm = state.realm();
        // Logging in again in the same browser is another session: the old one ends.
        let old = request.cookie(SSO_COOKIE).and_then(|cookie| realm.session_of(cookie));
        if let Some(old) = old.map(|(session, _)| session.to_owned()) {
            realm.end(&old);
        }
        let cookie = realm.log_in(user, now());
        let session = realm.session_of(&cookie).map(|(session, _)| session.to_owned());
        (cookie, session.expect("the session was started a line above"))
    };
    answer_with_code(state, &authorization, &session)
        .with("set-cookie", format!("{SSO_COOKIE}={cookie}; Path={REALM}; HttpOnly; SameSite=Lax"))
}

/// The checks of RFC 6749 section 4.1.2.1: what fails before the redirect URI is known to be right is a page.
fn check(state: &State, query: &str) -> Result<Authorization, Reply> {
    let fields: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut request = Authorization { redirect_uri: String::new(), state: None, fields };
    let client = request.field("client_id").unwrap_or_default();
    let registered = state.realm().registered(client).map(<[String]>::to_vec);
    if client != state.options.client_id && registered.is_none() {
        let known = &state.options.client_id;
        return Err(login_page::problem(&format!(
            "The client {client:?} is not known here, only {known:?}."
        )));
    }
    request.redirect_uri = request.field("redirect_uri").unwrap_or_default().to_owned();
    if !state.options.allows_redirect(&request.redirect_uri) {
        return Err(login_page::problem(&format!(
            "The redirect_uri {:?} is not allowed: expected an address on {}.",
            request.redirect_uri,
            state.options.redirect_hosts.join(" or ")
        )));
    }
    if registered.is_some_and(|uris| !uris.contains(&request.redirect_uri)) {
        return Err(login_page::problem("The redirect_uri is not one that the client registered."));
    }
    request.state = request.field("state").map(str::to_owned);

    let refused = |error: &str| Err(answer_with_error(state, &request, error));
    // Bound first: the lock on the faults must be free again when the error is written.
    let demanded = state.faults().authorization_error.clone();
    if let Some(error) = demanded {
        return refused(&error);
    }
    if !request.resources().all(is_absolute) {
        return refused("invalid_target");
    }
    // RFC 8707 section 2: `resource` may stand several times.
    let names = request.fields.iter().map(|(name, _)| name.as_str()).filter(|&n| n != "resource");
    let repeated =
        names.clone().any(|name| names.clone().filter(|other| *other == name).count() > 1);
    let challenge = request.field("code_challenge").unwrap_or_default();
    if repeated
        || request.field("code_challenge_method") != Some("S256")
        // RFC 7636 section 4.2: 32 bytes in base64url are 43 characters.
        || challenge.len() != 43
    {
        return refused("invalid_request");
    }
    if request.field("response_type") != Some("code") {
        return refused("unsupported_response_type");
    }
    let scope = request.field("scope").unwrap_or_default();
    if !scope.split(' ').filter(|name| !name.is_empty()).all(|name| state.options.knows(name)) {
        return refused("invalid_scope");
    }
    Ok(request)
}

fn answer_with_code(state: &State, request: &Authorization, session: &str) -> Reply {
    let scope = request.field("scope").unwrap_or_default();
    // Keycloak's default client scopes are granted unasked.
    let mut granted: Vec<&str> = scope.split(' ').filter(|name| !name.is_empty()).collect();
    granted
        .extend(["profile", "email"].iter().filter(|name| !scope.split(' ').any(|s| s == **name)));
    let nonce = request.field("nonce").map(str::to_owned);
    let grant = Grant {
        client: request.field("client_id").unwrap_or_default().to_owned(),
        scope: granted.join(" "),
        nonce,
        resource: request.resources().map(str::to_owned).collect(),
    };
    let challenge = request.field("code_challenge").unwrap_or_default();
    let code = state.realm().issue_code(session, grant, &request.redirect_uri, challenge, now());
    redirect(state, request, &[("session_state", session), ("code", &code)])
}

fn answer_with_error(state: &State, request: &Authorization, error: &str) -> Reply {
    redirect(state, request, &[("error", error)])
}

/// Back to the client, with its state and our issuer (RFC 9207 section 2: in errors too).
fn redirect(state: &State, request: &Authorization, pairs: &[(&str, &str)]) -> Reply {
    let mut all = Vec::new();
    all.extend(request.state.as_deref().map(|value| ("state", value)));
    all.extend_from_slice(pairs);
    let iss = state.faults().iss_parameter.clone();
    match &iss {
        IssParameter::Right => all.push(("iss", &state.issuer)),
        IssParameter::Other(other) => all.push(("iss", other)),
        IssParameter::Missing => {}
    }
    Reply::redirect(&with_query(&request.redirect_uri, &all))
}
