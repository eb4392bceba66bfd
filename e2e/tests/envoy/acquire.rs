//! To each upstream its own token, in real Envoy: exchanged for the session's, and nothing else ever.

use oidc_gate_dev::{Endpoint, Fault, Received};
use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::{self, Protocol, Request};
use oidc_gate_e2e::{jwt, wait};
use serde_json::json;

use crate::seen::{logged_in, received};

/// A gate in front of `good-service`, which gets tokens of its own, and of all else.
fn two_services() -> Gate {
    let gate = Gate::new().concurrency(2).service("/good").config(|config| {
        config["rules"] = json!([{
            "match": { "route_name": "/good" },
            "access_token": {
                "audiences": ["good-service"],
                "acquire": "token_exchange",
                "audience": "good-service",
                "scope": ["good-service"],
            },
        }]);
    });
    let gate = gate.start();
    // What a session has is good for all of them: that is what no service may get.
    gate.provider.faults(|faults| {
        let all = json!(["APP-backend", "good-service", "evil-service"]);
        faults.access_claims.insert("aud".into(), all);
    });
    gate
}

/// The bearer token that an upstream received.
fn token(request: &Received) -> &str {
    request.bearer().expect("a token")
}

#[test]
fn each_upstream_sees_its_own_token_and_nothing_else_of_the_session() {
    let gate = two_services();
    let good = gate.service("/good");
    let mut browser = logged_in(&gate);
    assert_eq!(browser.open(&gate.url("/api/x")).answer.status, 200);
    let wide = token(&received(&gate, "/api/x")[0]).to_owned();
    for number in 0..20 {
        assert_eq!(browser.fetch(&gate.url(&format!("/good/{number}"))).status, 200);
    }
    let exchanges = gate.provider.calls().exchange;
    assert!((1..=2).contains(&exchanges), "one a worker at most: {exchanges}");
    let seen = good.requests();
    assert_eq!(seen.len(), 20);
    for request in &seen {
        let claims = jwt::claims(token(request));
        assert_eq!(
            (&claims["aud"], &claims["azp"]),
            (&json!("good-service"), &json!("APP-frontend"))
        );
        for (name, value) in &request.headers {
            assert!(!value.contains(&wide), "{name}");
            assert!(name != "cookie", "the session stays with the gate");
        }
    }
    assert_eq!(token(&received(&gate, "/api/x")[0]), wide, "and the session goes on");
}

/// The theft of Keycloak's guide: a service keeps what it received, and plays it to another one.
#[test]
fn a_service_can_not_play_what_it_received_to_another() {
    let gate = two_services();
    let good = gate.service("/good");
    let mut browser = logged_in(&gate);
    assert_eq!(browser.open(&gate.url("/good/x")).answer.status, 200);
    assert_eq!(browser.open(&gate.url("/api/x")).answer.status, 200);
    let stolen = token(&good.requests()[0]).to_owned();
    let wide = token(&received(&gate, "/api/x")[0]).to_owned();
    // In front of the API: a resource server's half, without any login.
    let sidecar = gate.sibling(|config| {
        let members = config.as_object_mut().expect("an object");
        for name in ["client", "session", "rules", "upstream"] {
            members.remove(name);
        }
        config["login"] = false.into();
    });
    let play = |token: &str| {
        let request = Request::get("/orders").bearer(token);
        http::send(sidecar.address(), Protocol::H1, &request)
    };
    let answer = play(&stolen);
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    for words in ["invalid_token", "audience is 'good-service'", "expected one of 'APP-backend'"] {
        assert!(challenge.contains(words), "{words}: {challenge}");
    }
    assert!(received(&gate, "/orders").is_empty());
    // Without a token of its own for good-service the theft would have succeeded.
    assert_eq!(play(&wide).status, 200);
}

#[test]
fn while_its_token_can_not_be_had_nothing_reaches_the_upstream() {
    let gate = two_services();
    let good = gate.service("/good");
    let mut browser = logged_in(&gate);
    gate.provider.faults(|faults| faults.set(Endpoint::Exchange, Fault::status(503)));
    let answer = browser.fetch(&gate.url("/good/x"));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some());

    gate.provider.faults(|faults| {
        faults.clear(Endpoint::Exchange);
        faults.exchange_claims.insert("aud".into(), json!(["good-service", "evil-service"]));
    });
    let refused = |browser: &mut Browser| {
        let answer = browser.fetch(&gate.url("/good/x"));
        (answer.status == 403).then_some(answer)
    };
    let answer = wait::until("the next try", || refused(&mut browser));
    let text = answer.text();
    assert!(text.contains("evil-service") && text.contains("extra_audiences"), "{text}");
    assert!(good.requests().is_empty());
    assert_eq!(browser.fetch(&gate.url("/api/x")).status, 200, "all else goes on");
}
