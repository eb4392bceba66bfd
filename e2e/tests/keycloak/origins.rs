//! However an audience came into the token at Keycloak, it reaches the rule that asks for it: by a role (the mapper
//! *audience resolve*), by a mapper that names a client, by one that names anything.

use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::jwt;
use serde_json::{Value, json};

use crate::exchange::{assert_challenge, tokens};
use crate::gate::{Builder, Gate};
use crate::{answered, audiences};

const CLIENT: &str = "my-app";

/// The only one with a role of `orders-service`.
const USER: &str = "carol";

/// Route, the scope that brings the audience, the audience.
const WAYS: [[&str; 3]; 3] = [
    ["/role", "orders-service", "orders-service"],
    ["/client", "good-service", "good-service"],
    ["/custom", "url-audience", "https://api.example.test/v1"],
];

/// A service for each way; its rule takes the token that is there.
fn with_three_rules(gate: Builder) -> Builder {
    WAYS.into_iter().fold(gate, |gate, [prefix, _, audience]| {
        gate.service(prefix, audience, json!({"audiences": [audience]}))
    })
}

/// The rule of a service whose token is had by exchange.
fn exchanged(scope: &str, audience: &str) -> Value {
    let mut rule = json!({
        "audiences": [audience],
        "acquire": "token_exchange",
        "scope": ["openid", scope],
    });
    // Keycloak knows only clients there; without it the scope alone decides.
    if !audience.contains("://") {
        rule["audience"] = audience.into();
    }
    rule
}

#[test]
fn a_sessions_audience_opens_the_rule_that_asks_for_it_and_no_other() {
    for [_, scope, own] in WAYS {
        let gate = Gate::of(CLIENT).scope(&[scope]).audience(own);
        let gate = with_three_rules(gate).start();
        let mut carol = Browser::new();
        let seen = answered(&carol.login(&gate.url("/"), USER).answer);
        assert_eq!(audiences(&seen), [own]);
        for [prefix, _, asked] in WAYS {
            let answer = carol.fetch(&gate.url(prefix));
            if asked == own {
                assert_eq!(answered(&answer)["claims"]["aud"], own);
            } else {
                let problem = answer.problem();
                assert_eq!(problem["status"], 403, "{own} at {asked}: {problem}");
                let words = format!("audience is \"{own}\", expected one of \"{asked}\"");
                let detail = problem["detail"].as_str().expect("a detail");
                assert!(detail.contains(&words), "{words}: {detail}");
                assert!(gate.service(prefix).requests().is_empty(), "nothing passes");
            }
        }
    }
}

#[test]
fn each_audience_is_had_by_exchange_and_opens_the_rule_that_asks_for_it_and_no_other() {
    let front = WAYS.into_iter().fold(
        Gate::of(CLIENT).scope(&["backend-audience"]),
        |gate, [prefix, scope, audience]| {
            gate.service(prefix, audience, exchanged(scope, audience))
        },
    );
    let (front, back) = (front.start(), with_three_rules(Gate::of_bearers("nobody")).start());
    let mut carol = Browser::new();
    carol.login(&front.url("/"), USER);
    for [own_prefix, _, own] in WAYS {
        assert_eq!(answered(&carol.fetch(&front.url(own_prefix)))["claims"]["aud"], own);
        let token = tokens(front.service(own_prefix)).remove(0);
        assert_eq!(jwt::claims(&token)["preferred_username"], USER);
        for [prefix, _, asked] in WAYS {
            let answer = back.envoy.send(&Request::get(prefix).bearer(&token));
            if asked == own {
                assert_eq!(answered(&answer)["claims"]["aud"], own);
            } else {
                assert_eq!(answer.status, 401, "{own} at {asked}: {}", answer.text());
                assert_challenge(answer.header("www-authenticate"), own, asked);
            }
        }
    }
}

#[test]
fn without_the_role_there_is_no_audience_and_the_answer_says_so() {
    // Keycloak leaves a scope out without a word where its user lacks the role.
    let gate = Gate::of(CLIENT).scope(&["backend-audience", "orders-service"]);
    let gate = gate
        .service("/orders", "orders-service", json!({"audiences": ["orders-service"]}))
        .service("/exchanged", "orders-service", exchanged("orders-service", "orders-service"))
        .start();
    let mut carol = Browser::new();
    let seen = answered(&carol.login(&gate.url("/orders/"), USER).answer);
    assert_eq!(audiences(&seen), ["APP-backend", "orders-service"]);
    let seen = answered(&carol.fetch(&gate.url("/exchanged/")));
    assert_eq!(audiences(&seen), ["orders-service"]);

    let mut alice = Browser::new();
    let page = alice.login(&gate.url("/orders/"), "alice");
    assert_eq!(page.answer.status, 403, "{page:?}");
    let words = page.answer.text();
    for expected in ["access token", "APP-backend", "orders-service"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    // Asked for `audience` it says no, and its words are told.
    let problem = alice.fetch(&gate.url("/exchanged/")).problem();
    assert_eq!((&problem["status"], &problem["code"]), (&json!(403), &json!("not_given")));
    let told = "Requested audience not available: orders-service";
    assert!(problem.to_string().contains(told), "{problem}");
    for prefix in ["/orders", "/exchanged"] {
        assert_eq!(gate.service(prefix).requests().len(), 1, "carol's");
    }
    answered(&alice.open(&gate.url("/")).answer);
}
