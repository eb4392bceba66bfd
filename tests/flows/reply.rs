//! `gate/reply.rs`, `gate/refusal.rs`, `gate/page.rs`: a page for people, a problem for programs,
//! and the same words in both.

use oidc_gate::gate::Level;
use serde_json::json;

use super::browser::{Browser, Request};
use super::scene::Scene;

/// Requests that are refused, each in another way.
fn refused(scene: &mut Scene) -> Vec<Request> {
    let browser = Browser::default();
    let token = scene.provider.mint_access_token(json!({"aud": "<other>"}), scene.host.now);
    vec![
        browser.page("/api"),
        browser.page("/closed"),
        browser.page("/public/%2e%2e/x"),
        browser.page("/oauth2/login").with(":method", "PUT"),
        browser.page("/oauth2/callback?state=x&code=y"),
        browser.page("/oauth2/login?return_to=a&return_to=b"),
        browser.page("/api").bearer(&token),
        browser.page("/api").bearer("a b"),
        browser.page("/").with(":authority", ""),
    ]
}

#[test]
fn a_page_loads_nothing_runs_nothing_and_is_framed_by_nobody() {
    let mut scene = Scene::new();
    for request in refused(&mut scene) {
        let answer = scene.send(&request).answer();
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'")
        );
        assert!(!answer.body.contains("<script") && !answer.body.contains("<other>"));
        assert!(answer.body.contains("<html lang=\"en\">") && answer.body.contains("<h1>"));
        assert!(answer.body.contains(&format!("{} &middot; {}", answer.status, answer.code())));
    }
}

#[test]
fn a_problem_says_what_the_page_says() {
    let mut scene = Scene::new();
    for request in refused(&mut scene) {
        let page = scene.send(&request).answer();
        let program = request.with("sec-fetch-mode", "cors").with("accept", "*/*");
        let answer = scene.send(&program).answer();
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!((answer.status, answer.code()), (page.status, page.code()));
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status);
        assert!(page.body.contains(problem["title"].as_str().unwrap()));
        assert_eq!(answer.header("www-authenticate"), page.header("www-authenticate"));
    }
}

#[test]
fn a_challenge_stands_beside_401_and_bearer_refusals_only() {
    let mut scene = Scene::new();
    for request in refused(&mut scene) {
        let answer = scene.send(&request).answer();
        let bearer = matches!(
            answer.code().as_str(),
            "unauthenticated" | "invalid_token" | "invalid_request"
        );
        assert_eq!(answer.header("www-authenticate").is_some(), bearer, "{answer:?}");
        if let Some(challenge) = answer.header("www-authenticate") {
            // RFC 6750 section 3: no quotes or backslashes within the description.
            assert!(matches!(challenge.matches('"').count(), 0 | 4), "{challenge}");
        }
    }
}

#[test]
fn a_form_that_is_refused_gets_a_page_for_its_sender() {
    let mut scene = Scene::new();
    let form = Browser::default().page("/").with(":method", "POST");
    let answer = scene.send(&form).answer();
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (401, Some("text/html; charset=utf-8"))
    );
    assert!(answer.body.contains("href=\"/oauth2/login?return_to=%2F\""));
}

#[test]
fn every_decision_is_logged_with_its_request_and_its_reason() {
    let mut scene = Scene::new();
    for request in refused(&mut scene) {
        let named = request.with("x-request-id", "id-7\r\nrequest=forged \"");
        scene.host.log.clear();
        let answer = scene.send(&named).answer();
        if answer.status == 421 {
            continue;
        }
        let [(_, line)] = &scene.host.log[..] else { panic!("{:?}", scene.host.log) };
        let begins = format!("request=id-7requestforged decision={} reason=\"", answer.code());
        assert!(line.starts_with(&begins), "{line}");
    }
    scene.host.log.clear();
    let browser = scene.log_in();
    scene.send(&browser.page("/")).upstream();
    scene.send(&Request::new("GET", "/public").without("x-request-id")).upstream();
    for words in ["decision=login_begins", "decision=logged_in", "decision=forward"] {
        assert!(scene.host.logged(&["request=req-1", words]), "{words}: {:?}", scene.host.log);
    }
    assert!(scene.host.logged(&["request=- decision=forward", "a rule says public"]));
}

#[test]
fn an_unauthenticated_request_is_no_event_for_operators() {
    let mut scene = Scene::new();
    scene.host.log.clear();
    scene.send(&Browser::default().fetch("GET", "/api")).answer();
    let [(level, _)] = &scene.host.log[..] else { panic!("{:?}", scene.host.log) };
    assert_eq!(*level, Level::Debug);
}

#[test]
fn a_misdirected_request_is_answered_before_anything_of_it_is_believed() {
    let mut scene = Scene::with(json!({"origins": ["https://app.example"]}));
    let mut browser = scene.log_in();
    for path in ["/", "/public", "/oauth2/logout", "/oauth2/session", "/oauth2/callback?state=x"] {
        let page = browser.page(path).with(":authority", "evil.example");
        let answer = scene.load(&mut browser, &page).answer();
        assert_eq!(answer.status, 421);
        assert!(answer.set_cookies.is_empty() && !answer.body.contains("href"));
    }
    assert!(scene.host.logged(&["decision=misdirected"]), "{:?}", scene.host.log);
    scene.send(&browser.page("/")).upstream();
}
