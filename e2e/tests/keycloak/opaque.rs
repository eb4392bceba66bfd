//! A real Keycloak is asked what tokens are (RFC 7662), as if they were opaque. It says so to a client that is in the
//! token's `aud`, and to nobody else.

use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::http::Request;

use crate::answered;
use crate::gate::Gate;

const CLIENT: &str = "APP-frontend";

#[test]
fn keycloak_says_what_a_token_is_to_a_client_that_it_is_for_and_to_nobody_else() {
    let gate = Gate::of(CLIENT).start();
    answered(&Browser::new().login(&gate.url("/"), "alice").answer);
    let token = gate.api.requests()[0].bearer().expect("a token").to_owned();

    let asking = Gate::of_bearers("APP-backend").introspects_as("APP-backend").start();
    let answer = answered(&asking.envoy.send(&Request::get("/orders").bearer(&token)));
    assert_eq!(answer["claims"]["preferred_username"], "alice", "{answer}");

    let stranger = Gate::of_bearers("APP-backend").introspects_as("good-service").start();
    let answer = stranger.envoy.send(&Request::get("/orders").bearer(&token));
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(answer.text().contains("the client must be in the token's `aud`"), "{}", answer.text());
    assert!(stranger.api.requests().is_empty(), "nothing passes");
}

#[test]
fn a_login_by_a_client_that_its_token_is_not_for_is_told_what_to_do() {
    let gate = Gate::of(CLIENT).introspects_as(CLIENT).start();
    let answer = Browser::new().login(&gate.url("/"), "alice").answer;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("it is not active"), "{}", answer.text());
    assert!(gate.api.requests().is_empty(), "nothing passes");
}
