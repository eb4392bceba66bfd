//! What the provider answers to a refresh, and what becomes of the session.

use oidc_gate_dev::{Endpoint, Fault, Faults};
use oidc_gate_e2e::http::{Protocol, Request};
use oidc_gate_e2e::wait;
use serde_json::json;

use crate::expiry::{eager, exact, expired, short_lived, wait_for_expiry, wait_for_half_life};
use crate::seen::{
    assert_own, assert_page, assert_unauthenticated, object, received, removed_cookies,
};

#[test]
fn a_session_that_the_provider_has_ended_is_over() {
    let gate = exact().start();
    let mut browser = expired(&gate, "alice", Protocol::H1);
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    gate.provider.end_sessions();
    let answer = browser.fetch(&gate.url("/over"));
    assert_unauthenticated(&answer);
    assert!(removed_cookies(&answer).contains(&"oidc_gate"), "{answer:?}");
    // Also for those who still send the old cookie; and nobody asks the provider again.
    let answer = gate.send(Request::get("/over").header("cookie", &cookie).page_load());
    assert_own(&answer, 302);
    assert_eq!(gate.provider.calls().refresh, 1);
    assert!(received(&gate, "/over").is_empty());
    assert_eq!(
        browser.login(&gate.url("/over"), "alice").answer.status,
        200,
        "and a new login helps"
    );
}

/// The provider's bad minute is not the user's fault: the session stays, and goes on afterwards.
#[test]
fn a_provider_that_fails_does_not_end_the_session() {
    let faults = [
        Fault::status(500),
        Fault::status(503),
        Fault::status(429),
        Fault::close(),
        Fault::garbage(),
        Fault::truncated(),
        Fault::body(200, "application/json", "{}"),
        Fault::hold(),
    ];
    let gate = exact().config(|config| config["provider"]["timeout"] = "1s".into()).start();
    let mut browsers: Vec<_> =
        faults.iter().map(|_| short_lived(&gate, "alice", Protocol::H1)).collect();
    wait_for_expiry(&gate, "alice");
    for (browser, fault) in browsers.iter_mut().zip(faults) {
        gate.provider.faults(|faults| faults.set(Endpoint::Refresh, fault.clone()));
        let answer = browser.fetch(&gate.url("/meanwhile"));
        assert_own(&answer, 503);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        answer.problem();
        assert_eq!(answer.all("set-cookie").count(), 0, "the cookie stays: {answer:?}");
    }
    assert!(received(&gate, "/meanwhile").is_empty());
    gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
    for browser in &mut browsers {
        wait::until("the session to go on", || {
            (browser.fetch(&gate.url("/after")).status == 200).then_some(())
        });
    }
}

#[test]
fn while_the_token_is_good_a_failing_refresh_is_nobodys_trouble() {
    let gate = eager().start();
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::status(503)));
    let mut browser = gate.browser();
    assert_eq!(browser.login(&gate.url("/alice"), "alice").answer.status, 200);
    assert_eq!(gate.provider.calls().refresh, 0, "a new token is not refreshed");
    wait_for_half_life(&gate, "alice");
    for _ in 0..5 {
        assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
    }
    assert!(gate.provider.calls().refresh >= 1);
}

#[test]
fn answers_without_an_id_token_or_without_a_new_refresh_token_are_right_too() {
    let gate = exact().provider(|options| options.rotate_refresh_tokens = false).start();
    for number in 0..3 {
        gate.provider.faults(|faults| {
            faults.clear_all();
            faults.no_id_token_at_refresh = number != 1;
            faults.no_refresh_token_at_refresh = number != 0;
        });
        let mut browser = expired(&gate, "alice", Protocol::H1);
        assert_eq!(browser.fetch(&gate.url("/api")).status, 200, "case {number}");
        assert_eq!(browser.fetch(&gate.url("/api")).status, 200, "case {number}");
        assert_eq!(gate.provider.calls().refresh, number + 1);
    }
}

/// OIDC Core 12.2: what comes of a refresh goes through the same rules, and is still about the same user.
#[test]
fn refreshed_tokens_are_judged_like_the_first_ones() {
    type Breaks = fn(&mut Faults);
    let cases: [(&str, Breaks); 6] = [
        ("access token", |f| f.access_audience = Some(json!("somebody-else"))),
        ("access token", |f| f.bad_access_signature = true),
        ("access token", |f| f.access_claims = object(json!({ "typ": "ID" }))),
        ("ID token", |f| f.id_audience = Some(json!("somebody-else"))),
        ("ID token", |f| f.id_claims = object(json!({ "sub": "another-user" }))),
        ("ID token", |f| f.bad_id_signature = true),
    ];
    let gate = exact().start();
    let mut browsers: Vec<_> =
        cases.iter().map(|_| short_lived(&gate, "alice", Protocol::H1)).collect();
    wait_for_expiry(&gate, "alice");
    for (number, (browser, (token, breaks))) in browsers.iter_mut().zip(cases).enumerate() {
        gate.provider.faults(|faults| {
            faults.clear_all();
            breaks(faults);
        });
        let problem = browser.fetch(&gate.url("/judged")).problem();
        assert_eq!(problem["status"], 403, "case {number}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(token), "case {number}: {problem}");
        assert_page(&browser.visit(&gate.url("/judged")), 403, &[token]);
    }
    assert!(received(&gate, "/judged").is_empty());
}
