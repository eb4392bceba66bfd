//! RP-Initiated Logout 1.0: ends the session that `id_token_hint` names, and goes back to the client.

use serde_json::Value;

use super::authorize::SSO_COOKIE;
use super::keys::Expiry;
use super::login_page;
use super::serve::{LOGOUT, REALM, State};
use crate::server::{Reply, Request};
use crate::words::{escape, with_query};

/// Answers a logout request. With a right hint no cookie is needed, and nobody is asked.
pub(super) fn request(state: &State, request: &Request) -> Reply {
    let fields: Vec<(String, String)> = match request.method.as_str() {
        "POST" => form_urlencoded::parse(&request.body).into_owned().collect(),
        _ => form_urlencoded::parse(request.query().as_bytes()).into_owned().collect(),
    };
    let field = |name: &str| {
        fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    };
    let target = field("post_logout_redirect_uri");
    if target.is_some_and(|uri| !state.options.allows_redirect(uri)) {
        return login_page::problem("The post_logout_redirect_uri is not allowed.");
    }
    let cookie = request.cookie(SSO_COOKIE).map(str::to_owned);
    let cookie_session = cookie.and_then(|cookie| {
        state.realm().session_of(&cookie).map(|(session, _)| session.to_owned())
    });
    let session = match (field("id_token_hint"), field("client_id")) {
        (Some(hint), _) => match session_of_hint(state, hint) {
            Some(session) => Some(session),
            None => return login_page::problem("The id_token_hint is not a token of this realm."),
        },
        // A confirmed logout has no hint.
        _ if field("confirmed").is_some() => cookie_session,
        (None, None) if target.is_some() => {
            return login_page::problem("Missing parameters: id_token_hint");
        }
        (None, _) => return confirmation(&fields),
    };
    if let Some(session) = session {
        state.realm().end(&session);
    }
    let gone = format!("{SSO_COOKIE}=; Path={REALM}; HttpOnly; SameSite=Lax; Max-Age=0");
    match target {
        Some(uri) => {
            let state: Vec<_> = field("state").map(|value| ("state", value)).into_iter().collect();
            Reply::redirect(&with_query(uri, &state))
        }
        None => login_page::page(200, "Signed out", "<h1>You are signed out</h1>"),
    }
    .with("set-cookie", gone)
}

/// `sid` of an ID token that we have signed, however old (RP-Initiated Logout section 2: expired hints are accepted).
fn session_of_hint(state: &State, hint: &str) -> Option<String> {
    let claims = state.keys().claims(hint, Expiry::Ignored)?;
    let member = |name: &str| claims.get(name).and_then(Value::as_str);
    (member("typ") == Some("ID")).then(|| member("sid").unwrap_or_default().to_owned())
}

/// Without a hint anybody could have sent the user here: ask.
fn confirmation(fields: &[(String, String)]) -> Reply {
    let hidden: String = fields
        .iter()
        .map(|(name, value)| {
            let (name, value) = (escape(name), escape(value));
            format!(r#"<input type="hidden" name="{name}" value="{value}">"#)
        })
        .collect();
    login_page::page(
        200,
        "Sign out",
        &format!(
            r#"<h1>Do you want to sign out?</h1>
<form method="post" action="{REALM}{LOGOUT}">{hidden}<input type="hidden" name="confirmed" value="yes">
<button type="submit">Sign out</button></form>"#
        ),
    )
}
