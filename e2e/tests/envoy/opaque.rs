//! Opaque access tokens in real Envoy: the provider is asked what they mean (RFC 7662), and nobody passes by them before
//! it has answered.

use std::time::Duration;

use oidc_gate_dev::{Endpoint, Fault, Minted};
use oidc_gate_e2e::gate::{Builder, Gate};
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::wait;
use serde_json::{Value, json};

use crate::seen::{assert_bearer_refused, assert_own, lines, logged_in, received};

fn opaque(cache: &str) -> Builder {
    let gate = Gate::new().provider(|options| options.opaque_access_tokens = true);
    let format = json!({ "format": "opaque", "introspection_cache": cache });
    gate.config(|config| {
        let section = config["access_token"].as_object_mut().expect("a section");
        section.extend(format.as_object().expect("an object").clone());
    })
}

/// Changes what is said of active tokens.
fn say(gate: &Gate, members: &Value) {
    let members = members.as_object().expect("an object").clone();
    gate.provider.faults(|faults| faults.introspection = members);
}

#[test]
fn a_session_with_an_opaque_token_works_and_one_answer_serves_for_many_requests() {
    let gate = opaque("10m").concurrency(1).start();
    let mut browser = logged_in(&gate);
    for number in 0..20 {
        assert_eq!(browser.fetch(&gate.url(&format!("/opaque/{number}"))).status, 200);
    }
    let request = &received(&gate, "/opaque/7")[0];
    let token = request.bearer().expect("a token");
    assert!(!token.contains('.'), "it says nothing itself");
    assert_eq!(lines(request, "x-user"), ["alice"]);
    assert_eq!(gate.provider.calls().introspection, 1);
    // A refresh that is due brings another token, which is asked about, too.
    assert_eq!(gate.provider.calls().refresh, 0);
}

#[test]
fn a_token_that_is_taken_back_ends_the_session_with_the_next_answer() {
    let gate = opaque("0s").start();
    let mut browser = logged_in(&gate);
    assert_eq!(browser.fetch(&gate.url("/before")).status, 200);
    gate.provider.end_sessions();
    assert_own(&browser.fetch(&gate.url("/after")), 401);
    assert!(received(&gate, "/after").is_empty());
    assert_eq!(gate.provider.calls().refresh, 1, "it was tried");
}

#[test]
fn a_token_that_runs_out_is_refreshed_and_the_new_one_is_asked_about() {
    let gate = opaque("0s").concurrency(1);
    let gate = gate.provider(|options| options.access_token_lifespan = Duration::from_secs(3));
    let gate = gate.start();
    let mut browser = logged_in(&gate);
    wait::until("a refresh", || {
        assert_eq!(browser.fetch(&gate.url("/on-and-on")).status, 200);
        (gate.provider.calls().refresh > 1).then_some(())
    });
    let tokens: Vec<_> = received(&gate, "/on-and-on")
        .iter()
        .map(|request| request.bearer().expect("a token").to_owned())
        .collect();
    assert_ne!(tokens.first(), tokens.last());
}

#[test]
fn a_clients_own_opaque_token_is_judged_like_any_other() {
    let gate = opaque("0s").start();
    let token = gate.provider.mint(Minted::Access, json!({}));
    let send = || gate.send(Request::get("/own").bearer(&token));
    assert_eq!(send().status, 200);
    for (said, status, error, word) in [
        (json!({ "active": false }), 401, "invalid_token", "it is not active"),
        (json!({ "aud": null }), 401, "invalid_token", "says nothing of `aud`"),
        (json!({ "aud": "other" }), 401, "invalid_token", "audience is"),
        (json!({ "iss": "https://evil.example" }), 401, "invalid_token", "issuer is"),
        (json!({ "typ": "Refresh" }), 401, "invalid_token", "a refresh token"),
        (json!({ "token_type": "DPoP" }), 401, "invalid_token", "token_type"),
    ] {
        say(&gate, &said);
        let answer = wait::until("the last refusal to be forgotten", || {
            let token = gate.provider.mint(Minted::Access, json!({}));
            let answer = gate.send(Request::get("/refused").bearer(&token));
            (answer.status != 503).then_some(answer)
        });
        assert_bearer_refused(&answer, status, error, &[word]);
    }
    assert!(received(&gate, "/refused").is_empty());
    assert_bearer_refused(
        &gate.send(Request::get("/refused").bearer("Z2FyYmFnZQ")),
        401,
        "invalid_token",
        &["it is not active"],
    );
}

#[test]
fn while_the_provider_does_not_say_nobody_passes() {
    let gate = opaque("0s").concurrency(1);
    let gate = gate.config(|config| config["provider"]["timeout"] = "500ms".into()).start();
    let mut browser = logged_in(&gate);
    for fault in [
        Fault::status(500),
        Fault::close(),
        Fault::garbage(),
        Fault::huge(300_000),
        Fault::delay(Duration::from_secs(3)),
        Fault::body(200, "application/json", r#"{"active":"true","aud":"APP-backend"}"#),
    ] {
        gate.provider.faults(|faults| faults.set(Endpoint::Introspection, fault));
        let answer = browser.fetch(&gate.url("/silence"));
        assert_own(&answer, 503);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        let token = gate.provider.mint(Minted::Access, json!({}));
        assert_own(&gate.send(Request::get("/silence").bearer(&token)), 503);
        gate.provider.faults(|faults| faults.clear(Endpoint::Introspection));
        wait::until("the next answer", || {
            (browser.fetch(&gate.url("/again")).status == 200).then_some(())
        });
    }
    assert!(received(&gate, "/silence").is_empty());
}

#[test]
fn requests_that_wait_for_one_answer_make_one_call() {
    let gate = opaque("10m").concurrency(1).start();
    let token = gate.provider.mint(Minted::Access, json!({}));
    gate.provider.faults(|faults| faults.set(Endpoint::Introspection, Fault::hold()));
    std::thread::scope(|scope| {
        let sent: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| gate.send(Request::get("/many").bearer(&token)).status))
            .collect();
        wait::until("the call", || (gate.provider.calls().introspection == 1).then_some(()));
        gate.provider.faults(|faults| faults.clear(Endpoint::Introspection));
        for sent in sent {
            assert_eq!(sent.join().expect("an answer"), 200);
        }
    });
    assert_eq!(gate.provider.calls().introspection, 1);
}
