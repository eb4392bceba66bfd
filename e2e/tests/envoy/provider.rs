//! The provider is somebody else's machine: late, gone, rotated, or talking nonsense. Nothing passes because of it.

use std::time::Duration;

use oidc_gate_dev::{Calls, DevProvider, Endpoint, Fault, Minted};
use oidc_gate_e2e::gate::{Builder, Gate};
use oidc_gate_e2e::http::{self, Answer, PROTOCOLS, Request};
use oidc_gate_e2e::wait;
use serde_json::{Value, json};

use crate::seen::{assert_bearer_refused, assert_own, assert_page, received};

/// A gate that does not wait long for its provider.
fn impatient() -> Builder {
    Gate::new().config(|config| config["provider"]["timeout"] = "500ms".into())
}

fn assert_unavailable(answer: &Answer) {
    assert_own(answer, 503);
    let seconds = answer.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    assert!(seconds.is_some(), "503 says when to try again: {answer:?}");
}

/// Filters of the same kind, 2: what waits for discovery is answered, and never let through.
#[test]
fn before_the_provider_is_known_nothing_passes() {
    for endpoint in [Endpoint::Discovery, Endpoint::Jwks] {
        let gate = impatient().concurrency(2).start_unready(|provider| {
            provider.faults(|faults| faults.set(endpoint, Fault::hold()));
        });
        let token = gate.provider.mint(Minted::Access, json!({}));
        let requests = [
            Request::get("/early").page_load(),
            Request::get("/early").fetch(),
            Request::get("/early").bearer(&token),
            Request::post("/early", "x"),
            Request::get("/early").header("cookie", "oidc_gate=1.AAAA"),
            Request::get("/oauth2/login?return_to=/early").page_load(),
            Request::get("/oauth2/callback?code=c&state=s").page_load(),
        ];
        for protocol in PROTOCOLS {
            let answers = http::send_together(gate.envoy.address(), protocol, &requests);
            assert_page(&answers[0], 503, &[]);
            answers.iter().for_each(assert_unavailable);
        }
        assert_eq!(
            gate.send(Request::get("/public/early")).status,
            200,
            "what is public needs no provider"
        );
        assert!(received(&gate, "/early").is_empty());

        gate.provider.faults(|faults| faults.clear_all());
        gate.wait_until_ready();
        assert_eq!(gate.send(Request::get("/early").bearer(&token)).status, 200);
    }
}

#[test]
fn whoever_comes_a_little_early_waits() {
    let gate = Gate::new().start_unready(|provider| {
        provider
            .faults(|faults| faults.set(Endpoint::Discovery, Fault::delay(Duration::from_secs(1))));
    });
    let page = gate.browser().login(&gate.url("/early"), "alice");
    assert_eq!(
        page.answer.status,
        200,
        "the first request is held until discovery is there: {}",
        page.answer.text()
    );
}

/// Filters of the same kind, 3: an answer that takes longer than whatever ticks inside is waited for, not asked anew.
#[test]
fn a_slow_discovery_is_one_call_a_copy() {
    let gate = Gate::new().start_unready(|provider| {
        provider
            .faults(|faults| faults.set(Endpoint::Discovery, Fault::delay(Duration::from_secs(3))));
    });
    gate.wait_until_ready();
    // One worker, the main thread, and the canary that starts before both.
    assert!(gate.provider.calls().discovery <= 3, "{:?}", gate.provider.calls());
}

/// Each answer in turn is met by one copy of the filter or more: nine workers ask, each for itself.
#[test]
fn a_provider_that_talks_nonsense_is_asked_again_until_it_does_not() {
    for (endpoint, calls) in [
        (Endpoint::Discovery, (|calls| calls.discovery) as fn(Calls) -> usize),
        (Endpoint::Jwks, |calls| calls.jwks),
    ] {
        let gate = impatient().concurrency(9).start_unready(|provider| {
            provider.faults(|faults| faults.set(endpoint, Fault::status(500)));
        });
        for fault in [
            Fault::status(302),
            Fault::status(404),
            Fault::garbage(),
            Fault::truncated(),
            Fault::close(),
            Fault::huge(2_000_000),
            Fault::body(200, "application/json", r#"{"issuer": 1, "keys": 2}"#),
            Fault::body(200, "application/json", "[".repeat(10_000)),
        ] {
            let before = calls(gate.provider.calls());
            gate.provider.faults(|faults| faults.set(endpoint, fault));
            wait::until("this answer to be met", || {
                (calls(gate.provider.calls()) > before).then_some(())
            });
        }
        assert_unavailable(&gate.send(Request::get("/x").page_load()));
        gate.provider.faults(|faults| faults.clear_all());
        gate.wait_until_ready();
    }
}

/// OIDC Discovery 4.3: the document must be about the issuer that was asked, to the last character.
#[test]
fn metadata_of_another_issuer_is_refused() {
    let claim = |provider: &DevProvider, issuer: String| {
        provider.faults(|faults| faults.discovery.insert("issuer".into(), issuer.into()));
    };
    let gate = impatient()
        .concurrency(4)
        .start_unready(|provider| claim(provider, "https://evil.example".into()));
    for almost in [format!("{}/", gate.provider.issuer()), String::new()] {
        let before = gate.provider.calls().discovery;
        wait::until("the first issuer to be met", || {
            (gate.provider.calls().discovery > before).then_some(())
        });
        claim(&gate.provider, almost);
    }
    let answer = gate.send(Request::get("/x").page_load());
    assert_unavailable(&answer);
    let lines = gate.envoy.log().lines_with("evil.example");
    let both = lines.iter().any(|line| line.contains(&gate.provider.issuer()));
    assert!(both, "the log names what was expected and found: {lines:?}");
}

/// Filters of the same kind, 4: keys that are not understood cost themselves, not the set.
#[test]
fn keys_of_unknown_kinds_are_skipped() {
    let gate = Gate::new().start_unready(|provider| {
        provider.faults(|faults| {
            faults.more_keys = vec![
                json!({ "kty": "OKP", "crv": "X448", "kid": "a", "x": "AAAA" }),
                json!({ "kty": "AKP", "alg": "ML-DSA-65", "kid": "b", "pub": "AAAA" }),
                json!({ "kty": "RSA", "kid": "c", "n": "AQAB", "e": "AQAB" }),
                json!({ "kty": "RSA", "kid": "d" }),
                json!({ "kty": "EC", "crv": "P-256", "kid": "e", "x": "AAAA", "y": "AAAA" }),
                json!({ "kty": "oct", "kid": "f", "k": "c2VjcmV0" }),
                json!({ "kid": "g" }),
                json!({}),
                json!("a string"),
                Value::Null,
            ];
        });
    });
    gate.wait_until_ready();
    assert_eq!(gate.browser().login(&gate.url("/"), "alice").answer.status, 200);
}

#[test]
fn a_new_key_is_fetched_once_when_it_is_first_met() {
    let gate = Gate::new().start();
    let before = gate.provider.calls().jwks;
    gate.provider.rotate_keys();
    let token = gate.provider.mint(Minted::Access, json!({}));
    let answer = gate.send(Request::get("/api").bearer(&token));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gate.provider.calls().jwks, before + 1);
    assert_eq!(gate.send(Request::get("/api").bearer(&token)).status, 200);
    assert_eq!(gate.provider.calls().jwks, before + 1);
}

#[test]
fn made_up_key_ids_do_not_hammer_the_provider() {
    let gate = Gate::new().start();
    let before = gate.provider.calls().jwks;
    for number in 0..50 {
        let token = gate
            .provider
            .mint(Minted::Access, json!({ "$header": { "kid": format!("made-up-{number}") } }));
        assert_bearer_refused(
            &gate.send(Request::get("/api").bearer(&token)),
            401,
            "invalid_token",
            &[],
        );
    }
    assert!(
        gate.provider.calls().jwks <= before + 2,
        "{:?}, {before} before",
        gate.provider.calls()
    );
}

#[test]
fn a_key_rotation_at_the_provider_ends_no_session() {
    let gate = Gate::new().start();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    gate.provider.rotate_keys();
    gate.provider.forget_old_keys();
    assert_eq!(
        browser.fetch(&gate.url("/api")).status,
        200,
        "what was verified at login stays verified"
    );
    let mut other = gate.browser();
    assert_eq!(
        other.login(&gate.url("/"), "bob").answer.status,
        200,
        "and the new key is found for new logins"
    );
    assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
}

#[test]
fn a_provider_that_is_down_stops_logins_and_no_session() {
    let gate = impatient().start();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    gate.provider.stop_listening().unwrap();
    for _ in 0..3 {
        assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
    }
    let token_of_before = gate.provider.mint(Minted::Access, json!({}));
    assert_eq!(gate.send(Request::get("/api").bearer(&token_of_before)).status, 200);
    gate.provider.resume().unwrap();
    assert_eq!(gate.browser().login(&gate.url("/"), "bob").answer.status, 200);
}

#[test]
fn a_token_endpoint_that_fails_at_the_callback_is_503_and_one_that_refuses_is_400() {
    let gate = impatient().start();
    for (fault, status) in [
        (Fault::status(500), 503),
        (Fault::close(), 503),
        (Fault::garbage(), 503),
        (Fault::truncated(), 503),
        (Fault::huge(2_000_000), 503),
        (Fault::hold(), 503),
        (Fault::body(200, "application/json", "{}"), 503),
        (
            Fault::body(
                400,
                "application/json",
                r#"{"error":"invalid_grant","error_description":"<b>spent</b>"}"#,
            ),
            400,
        ),
        (Fault::body(401, "application/json", r#"{"error":"unauthorized_client"}"#), 503),
    ] {
        gate.provider.faults(|faults| faults.set(Endpoint::Code, fault.clone()));
        let mut browser = gate.browser();
        let page = browser.login(&gate.url("/x"), "alice");
        assert_page(&page.answer, status, &[]);
        assert!(
            !page.answer.text().contains("<b>spent"),
            "the provider's words are text: {}",
            page.answer.text()
        );
        if status == 503 {
            assert_unavailable(&page.answer);
        }
    }
    assert!(received(&gate, "/x").is_empty());
}

#[test]
fn with_metadata_in_the_configuration_nothing_is_discovered() {
    let gate = Gate::new()
        .config(|config| {
            config["provider"]["discovery"] = false.into();
            // Filled in below: the provider's port is not known yet.
            config["provider"]["metadata"] = json!({});
        })
        .metadata(|issuer| {
            json!({
                "authorization_endpoint": format!("{issuer}/protocol/openid-connect/auth"),
                "token_endpoint": format!("{issuer}/protocol/openid-connect/token"),
                "jwks_uri": format!("{issuer}/protocol/openid-connect/certs"),
            })
        })
        .start();
    assert_eq!(gate.browser().login(&gate.url("/"), "alice").answer.status, 200);
    assert_eq!(gate.provider.calls().discovery, 0);
}

#[test]
fn members_in_the_configuration_win_over_discovery() {
    let gate = Gate::new()
        .metadata(|issuer| json!({ "authorization_endpoint": format!("{issuer}/protocol/openid-connect/auth?kc_idp_hint=x") }))
        .start();
    let first = gate.browser().visit(&gate.url("/x"));
    assert!(first.location().contains("/auth?kc_idp_hint=x&"), "{first:?}");
}

#[test]
fn a_cluster_that_does_not_exist_is_no_reason_not_to_start() {
    // It may still come by CDS: until then nothing passes.
    let gate = impatient()
        .config(|config| config["provider"]["cluster"] = "nowhere".into())
        .start_unready(|_| ());
    let answer = wait::until("an answer", || Some(gate.send(Request::get("/x").page_load())));
    assert_unavailable(&answer);
    assert!(gate.envoy.log().text().contains("nowhere"), "the log names the cluster");
}
