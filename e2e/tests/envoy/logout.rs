//! Logout (RP-Initiated Logout 1.0): here first, then at the provider, and back.

use oidc_gate_dev::{Endpoint, Fault};
use oidc_gate_e2e::browser::{Form, Url};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{Answer, Request};
use oidc_gate_e2e::jwt;
use serde_json::json;

use crate::seen::{assert_own, assert_unauthenticated, received, removed_cookies};

/// Asserts that this answer leaves nothing of a session in the browser.
fn assert_cookies_gone(answer: &Answer) {
    assert!(removed_cookies(answer).contains(&"oidc_gate"), "{answer:?}");
    for line in answer.all("set-cookie") {
        assert!(
            line.contains("Max-Age=0") && line.contains("Path=/") && line.contains("HttpOnly"),
            "{line}"
        );
    }
}

#[test]
fn logout_ends_the_session_here_and_at_the_provider() {
    let gate = Gate::new().start();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");

    let answer = browser.visit(&gate.url("/oauth2/logout"));
    assert_own(&answer, 302);
    assert_cookies_gone(&answer);
    let end = Url::parse(answer.location());
    assert!(answer.location().starts_with(&gate.provider.issuer()), "{end:?}");
    assert_eq!(
        end.parameter("post_logout_redirect_uri").as_deref(),
        Some(format!("http://{HOME}/").as_str())
    );
    let hint = jwt::claims(&end.parameter("id_token_hint").expect("the provider is told who"));
    assert_eq!((hint["typ"].as_str(), hint["aud"].as_str()), (Some("ID"), Some("APP-frontend")));

    // The browser goes there and comes back to `/`, where it has to log in again: the provider has forgotten it too.
    let page = browser.open(answer.location());
    assert!(Form::of(&page.answer.text()).is_some_and(|form| form.has("password")), "{page:?}");
    assert_eq!(gate.provider.calls().logout, 1);
    assert_unauthenticated(&browser.fetch(&gate.url("/api")));
    // Who kept a copy of the cookie has nothing on this worker.
    assert_unauthenticated(&gate.send(Request::get("/api").header("cookie", &cookie).fetch()));
    assert!(received(&gate, "/api").is_empty());
}

#[test]
fn logout_leads_where_the_configuration_says() {
    for (configured, expected) in [
        (json!("/public/goodbye"), format!("http://{HOME}/public/goodbye")),
        (json!(format!("http://{HOME}/public/whole")), format!("http://{HOME}/public/whole")),
    ] {
        let gate = Gate::new()
            .config(|config| config["logout"] = json!({ "post_logout_redirect_uri": configured }))
            .start();
        let mut browser = gate.browser();
        browser.login(&gate.url("/"), "alice");
        let page = browser.open(&gate.url("/oauth2/logout"));
        assert_eq!(page.url.whole(), expected);
        assert_eq!(page.answer.status, 200);
    }
}

#[test]
fn logout_without_a_session_is_no_error() {
    let gate = Gate::shared();
    for cookie in [None, Some("oidc_gate=garbage")] {
        let request =
            cookie.iter().fold(Request::get("/oauth2/logout").page_load(), |request, cookie| {
                request.header("cookie", cookie)
            });
        let answer = gate.send(request);
        assert_own(&answer, 302);
        assert_eq!(answer.location(), format!("http://{HOME}/"));
        assert_eq!(removed_cookies(&answer).len(), usize::from(cookie.is_some()));
    }
}

#[test]
fn logout_needs_no_provider() {
    let gate = Gate::new().start();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    gate.provider.faults(|faults| faults.set(Endpoint::Logout, Fault::status(500)));
    gate.provider.stop_listening().unwrap();
    let answer = browser.visit(&gate.url("/oauth2/logout"));
    assert_own(&answer, 302);
    assert_cookies_gone(&answer);
    assert_unauthenticated(&browser.fetch(&gate.url("/api")));
}

#[test]
fn all_pieces_of_a_large_session_and_all_attempts_are_removed() {
    let gate = Gate::new().start();
    gate.provider.faults(|faults| faults.access_padding = 6_000);
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    assert!(browser.jar.of("localhost").count() >= 2);
    browser.visit(&gate.url("/oauth2/logout"));
    assert_eq!(browser.jar.of("localhost").count(), 0, "{:?}", browser.jar);
}

#[test]
fn another_site_cannot_log_anybody_out() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    let here = gate.at("/oauth2/logout");
    for request in [
        Request::post("/oauth2/logout", "")
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate"),
        Request::post("/oauth2/logout", "").header("origin", "https://evil.example"),
        Request::get("/oauth2/logout")
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "no-cors"),
    ] {
        assert_own(&browser.send(&here, request), 403);
    }
    assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
    let own = Request::post("/oauth2/logout", "").header("origin", format!("http://{HOME}"));
    assert_cookies_gone(&browser.send(&here, own));
}

#[test]
fn a_logout_url_of_an_attacker_is_not_followed() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    let target = "/oauth2/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F&return_to=//evil.example/";
    let answer = browser.visit(&gate.url(target));
    assert!(!answer.location().contains("evil.example"), "{answer:?}");
}
