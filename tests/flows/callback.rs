//! `gate/callback.rs`: state, issuer, code; then tokens, each by its own rules; then a session.

use oidc_gate::token::testing::{API, CLIENT, ISSUER};
use serde_json::{Value, json};

use super::browser::{Browser, Request};
use super::host::{Endpoint, Randomness};
use super::provider::Fault;
use super::scene::{Answered, Scene};
use super::steps::{CALLBACK, claims};

/// The callback's answer where the provider is changed by `change` after the login began.
pub(crate) fn login(change: impl FnOnce(&mut Scene)) -> Answered {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    change(&mut scene);
    let answer = scene.come_back(&mut browser, &query).answer();
    assert!(answer.status == 302 || browser.jar.is_empty(), "{browser:?}");
    answer
}

/// The same where the query of the callback is changed.
fn callback(change: impl FnOnce(String) -> String) -> (Answered, usize) {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = change(scene.begin(&mut browser, "/"));
    (scene.come_back(&mut browser, &query).answer(), scene.token_calls())
}

pub(crate) fn code(answer: &Answered) -> (u16, String) {
    (answer.status, answer.code())
}

pub(crate) fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn the_code_is_exchanged_and_the_access_token_goes_upstream() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    let call = scene.host.latest(Endpoint::Token);
    assert_eq!(call.headers[":method"], "POST");
    assert_eq!(call.form["redirect_uri"], "https://app.example/oauth2/callback");
    assert!(!call.form.contains_key("client_secret") && !call.form.contains_key("client_id"));
    assert_eq!(scene.token_calls(), 1);
    let upstream = scene.send(&browser.page("/")).upstream();
    let claims: Value = claims(upstream.token());
    assert_eq!((&claims["typ"], &claims["aud"][0]), (&"Bearer".into(), &API.into()));
}

#[test]
fn a_client_authenticates_as_it_is_configured() {
    let method = |method: &str| json!({"client": {"token_endpoint_auth_method": method}});
    let mut scene = Scene::with(method("client_secret_post"));
    scene.log_in();
    let form = &scene.host.latest(Endpoint::Token).form;
    assert_eq!(form["client_id"], CLIENT);
    assert!(!scene.host.latest(Endpoint::Token).headers.contains_key("authorization"));
    let mut scene = Scene::with(
        json!({"client": {"token_endpoint_auth_method": "none", "client_secret": null}}),
    );
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    let answer = scene.come_back(&mut browser, &query).answer();
    // This provider wants a secret: the gate says that it is the gate that is not known.
    assert_eq!(code(&answer), is(503, "client_refused"));
    let call = scene.host.latest(Endpoint::Token);
    assert!(call.form.contains_key("code_verifier") && !call.headers.contains_key("authorization"));
    assert!(scene.host.logged(&["decision=client_refused", "invalid_client"]));
}

#[test]
fn only_the_browser_that_began_a_login_can_end_it() {
    let mut scene = Scene::new();
    let mut mallory = Browser::default();
    let query = scene.begin(&mut mallory, "/");
    // Login CSRF: the victim is given Mallory's callback, once without any login of its own,
    // once with one.
    let mut victim = Browser::default();
    let answer = scene.come_back(&mut victim, &query).answer();
    assert_eq!(code(&answer), is(400, "no_attempt"));
    scene.begin(&mut victim, "/");
    let answer = scene.come_back(&mut victim, &query).answer();
    assert_eq!(code(&answer), is(400, "no_attempt"));
    assert!(victim.session().is_empty());
    assert_eq!(scene.token_calls(), 0);
    // Renaming the cookie does not help either.
    let own = victim.jar.values().next().unwrap().clone();
    let name = mallory.logins()[0].to_owned();
    victim.jar.insert(name, own);
    let answer = scene.come_back(&mut victim, &query).answer();
    assert_eq!(code(&answer), is(400, "no_attempt"));
    assert_eq!(scene.token_calls(), 0);
}

#[test]
fn a_state_that_was_changed_or_left_out_is_refused() {
    for state in ["state=", "state=x", "other=1"] {
        let (answer, calls) = callback(|query| {
            let (_, rest) = query.split_once('&').unwrap();
            format!("{state}&{rest}")
        });
        assert_eq!((code(&answer), calls), (is(400, "no_attempt"), 0), "{state}");
        assert!(answer.body.contains("href=\"/oauth2/login\""), "a way on is offered");
    }
}

#[test]
fn a_callback_is_used_once() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    assert_eq!(scene.come_back(&mut browser, &query).answer().status, 302);
    let before = browser.line();
    // With the back button: on to the page, with the session that is there.
    let again = scene.come_back(&mut browser, &query).answer();
    assert_eq!((again.status, again.location()), (302, "https://app.example/"));
    assert_eq!(browser.line(), before);
    let mut other = Browser::default();
    assert_eq!(code(&scene.come_back(&mut other, &query).answer()), is(400, "no_attempt"));
    assert_eq!(scene.token_calls(), 1);
}

#[test]
fn each_parameter_may_stand_once() {
    for name in ["state", "code", "iss", "error", "error_description"] {
        let (answer, calls) = callback(|query| format!("{query}&{name}=a&{name}=b"));
        assert_eq!((code(&answer), calls), (is(400, "bad_query"), 0), "{name}");
    }
    for junk in ["&x=%zz", "&x=%ff"] {
        let (answer, calls) = callback(|query| query + junk);
        assert_eq!((code(&answer), calls), (is(400, "bad_query"), 0), "{junk}");
    }
}

#[test]
fn only_get_and_only_its_exact_path() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    let path = format!("{CALLBACK}?{query}");
    for method in ["POST", "HEAD", "PUT", "get", "OPTIONS"] {
        let answer = scene.send(&browser.page(&path).with(":method", method)).answer();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")), "{method}");
    }
    for path in [
        format!("/oauth2/callbackstuff?{query}"),
        format!("/oauth2/callback/?{query}"),
        format!("/oauth2/Callback?{query}"),
        format!("/x/oauth2/callback?{query}"),
        format!("/?{query}"),
        format!("/oauth2/callback#?{query}"),
    ] {
        let answer = scene.send(&browser.fetch("GET", &path)).answer();
        assert!(matches!(answer.status, 400 | 401), "{path}: {answer:?}");
    }
    assert_eq!(scene.token_calls(), 0);
    assert_eq!(scene.come_back(&mut browser, &query).answer().status, 302);
}

#[test]
fn the_responses_issuer_is_compared_before_anything_is_believed() {
    let iss = oidc_gate::http::form::component(ISSUER);
    for other in [
        String::new(),
        "&iss=".to_owned(),
        format!("&iss={iss}%2F"),
        "&iss=https%3A%2F%2Fevil.example".to_owned(),
        format!("&iss={}", iss.to_uppercase()),
    ] {
        let (answer, calls) = callback(|query| query.replace(&format!("&iss={iss}"), &other));
        assert_eq!((code(&answer), calls), (is(400, "response_issuer"), 0), "{other}");
        // An error of another provider is no error of this one.
        let (answer, _) = callback(|query| {
            query.replace(&format!("&iss={iss}"), &format!("{other}&error=access_denied"))
        });
        assert_eq!(code(&answer), is(400, "response_issuer"), "{other}");
    }
}

#[test]
fn a_provider_that_does_not_advertise_iss_need_not_send_it_but_not_a_wrong_one() {
    let iss = oidc_gate::http::form::component(ISSUER);
    for (other, status) in [("", 302), ("&iss=https%3A%2F%2Fevil.example", 400)] {
        let mut scene = Scene::cold(json!({}));
        scene.provider.metadata = json!({"authorization_response_iss_parameter_supported": null});
        scene.warm_up();
        let mut browser = Browser::default();
        let query = scene.begin(&mut browser, "/").replace(&format!("&iss={iss}"), other);
        assert_eq!(scene.come_back(&mut browser, &query).answer().status, status);
    }
}

#[test]
fn the_providers_error_is_shown_as_text() {
    let error = "&error=access_denied&error_description=%3Cimg+src%3Dx%3E%0D%0Ano";
    let (answer, calls) = callback(|query| query + error);
    assert_eq!((code(&answer), calls), (is(400, "provider_error"), 0));
    assert!(answer.body.contains("access_denied (&lt;img src=x&gt;  no)"), "{}", answer.body);
    assert!(answer.set_cookies.iter().any(|cookie| cookie.contains("Max-Age=0")));
}

#[test]
fn a_callback_without_a_code_is_refused() {
    let (answer, calls) = callback(|query| query.split_once("&code=").unwrap().0.to_owned());
    assert_eq!((code(&answer), calls), (is(400, "no_code"), 0));
}

#[test]
fn an_answer_of_the_token_endpoint_that_is_worth_nothing_is_a_503_and_no_session() {
    let html = b"<html>".to_vec();
    let body = |body: &Value| Fault::Body(200, body.to_string().into_bytes());
    let faults = [
        Fault::NoAnswer,
        Fault::Status(503),
        Fault::Status(504),
        Fault::Status(500),
        Fault::Status(429),
        Fault::Status(302),
        Fault::Status(307),
        Fault::Status(204),
        Fault::Status(404),
        Fault::Body(200, html),
        Fault::Body(200, Vec::new()),
        Fault::Body(200, vec![0xff; 100]),
        Fault::Body(200, vec![b' '; 2_000_000]),
        Fault::Body(200, b"[".repeat(100_000)),
        Fault::Body(
            200,
            br#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#.to_vec(),
        ),
        body(&json!([])),
        body(&json!({})),
        body(&json!({"token_type": "Bearer"})),
        body(&json!({"access_token": "a", "id_token": "b"})),
        body(&json!({"access_token": "a", "id_token": "b", "token_type": "mac"})),
        body(&json!({"access_token": "a", "id_token": "b", "token_type": "DPoP"})),
        body(&json!({"access_token": 7, "token_type": "Bearer"})),
        body(&json!({"access_token": "a b", "token_type": "Bearer"})),
        body(&json!({"access_token": "x".repeat(70_000), "token_type": "Bearer"})),
    ];
    for fault in faults {
        let what = format!("{fault:?}").chars().take(80).collect::<String>();
        let answer = login(|scene| scene.provider.fail(Endpoint::Token, fault));
        assert_eq!(code(&answer), is(503, "provider_unavailable"), "{what}");
        assert!(answer.header("retry-after").is_some());
    }
}

#[test]
fn a_call_that_is_not_taken_is_a_503() {
    let answer = login(|scene| scene.host.not_taken.push(Endpoint::Token));
    assert_eq!(code(&answer), is(503, "provider_unavailable"));
}

#[test]
fn a_code_that_the_provider_does_not_take_is_a_400() {
    let error = json!({"error": "invalid_grant", "error_description": "Code not valid"});
    let error = Fault::Body(400, error.to_string().into_bytes());
    let answer = login(|scene| scene.provider.fail(Endpoint::Token, error));
    assert_eq!(code(&answer), is(400, "code_refused"));
    assert!(answer.body.contains("invalid_grant (Code not valid)"), "{}", answer.body);
    assert!(answer.body.contains("Sign in again"));
}

#[test]
fn without_randomness_there_is_no_session() {
    let mut probe = Scene::new();
    let mut browser = Browser::default();
    let query = probe.begin(&mut browser, "/");
    let before = probe.host.draws;
    probe.come_back(&mut browser, &query).answer();
    let draws = probe.host.draws - before;
    assert!(draws >= 2, "the session's id and its seal: {draws}");
    for draw in 0..draws {
        let answer = login(|scene| {
            scene.host.randomness = Randomness::FailsAt(scene.host.draws + draw);
        });
        assert_eq!(answer.status, 503, "draw {draw}");
        assert!(answer.set_cookies.iter().all(|cookie| cookie.contains("Max-Age=0")));
    }
}

#[test]
fn without_a_browsers_headers_the_answer_is_a_problem_for_programs() {
    let mut scene = Scene::new();
    let answer = scene.send(&Request::new("GET", "/oauth2/callback?code=x&state=y")).answer();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["code"], "no_attempt");
}
