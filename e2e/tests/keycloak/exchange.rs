//! Token exchange (RFC 8693) with a real Keycloak: each service gets a token that is of use at itself alone, so that none
//! can act for a user elsewhere.
//!
//! What Keycloak says to such a request is asked by hand first: it is what the gate relies on.

use oidc_gate_dev::DevUpstream;
use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::{jwt, keycloak};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::{answered, audiences};

const CLIENT: &str = "APP-frontend";

/// What the rule for `service` says: its tokens are for it and for nobody else. `openid`: see `by_hand`.
pub(crate) fn exchanged_for(service: &str) -> Value {
    json!({
        "audiences": [service],
        "acquire": "token_exchange",
        "audience": service,
        "scope": ["openid", service],
        "extra_audiences": "refuse",
    })
}

/// The bearer tokens that reached a service, one for each request.
pub(crate) fn tokens(service: &DevUpstream) -> Vec<String> {
    let requests = service.requests();
    assert!(!requests.is_empty(), "nothing has reached it");
    let bearer = |request: &oidc_gate_dev::Received| {
        request.bearer().unwrap_or_else(|| panic!("no bearer token: {request:?}")).to_owned()
    };
    requests.iter().map(bearer).collect()
}

/// Whether `token` stands anywhere in what reached a service.
fn saw(service: &DevUpstream, token: &str) -> bool {
    let requests = service.requests();
    requests.iter().any(|request| {
        request.path.contains(token)
            || request.headers.iter().any(|(_, value)| value.contains(token))
    })
}

/// The access token of a session of alice's, as the API behind a gate gets it.
fn session_token() -> String {
    let gate = Gate::of(CLIENT).start();
    answered(&Browser::new().login(&gate.url("/"), "alice").answer);
    tokens(&gate.api).remove(0)
}

/// The token for `service` that Keycloak gives for `token`.
fn narrow(token: &str, service: &str) -> String {
    let more = format!("&audience={service}&scope={service}");
    let answer = keycloak::shared().exchange(CLIENT, token, &more);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

/// What a service was given is of use at itself, and at no other.
fn assert_of_use_only_at(service: &str, token: &str, other: &str) {
    let own = Gate::of_bearers(service).start();
    let answer = own.envoy.send(&Request::get("/theft").bearer(token));
    assert_eq!(answered(&answer)["claims"]["aud"], service);

    let gate = Gate::of_bearers(other).start();
    let answer = gate.envoy.send(&Request::get("/theft").bearer(token));
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_challenge(answer.header("www-authenticate"), service, other);
    assert!(gate.api.requests().is_empty(), "nothing passes");
}

/// The challenge for a token whose audience is `found` and should have been `expected`.
pub(crate) fn assert_challenge(challenge: Option<&str>, found: &str, expected: &str) {
    let challenge = challenge.expect("a challenge");
    let words = format!("audience is '{found}', expected one of '{expected}'");
    assert!(
        challenge.contains("error=\"invalid_token\"") && challenge.contains(&words),
        "{challenge}"
    );
}

#[test]
fn keycloak_gives_a_token_for_one_audience_where_it_is_asked_with_its_scope() {
    let wide = session_token();
    let answer =
        keycloak::shared().exchange(CLIENT, &wide, "&audience=good-service&scope=good-service");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(answer["token_type"], "Bearer");
    assert!(answer["expires_in"].as_u64().is_some_and(|seconds| seconds > 0), "{answer}");
    assert_eq!(answer.get("refresh_token"), None);

    let token = answer["access_token"].as_str().expect("a token");
    let (narrow, wide_claims) = (jwt::claims(token), jwt::claims(&wide));
    assert_eq!(narrow["aud"], "good-service");
    assert_eq!(narrow["azp"], CLIENT);
    assert_eq!(narrow["typ"], "Bearer");
    for same in ["iss", "sub", "sid", "preferred_username"] {
        assert_eq!(narrow[same], wide_claims[same], "{same}");
    }
    let told = |client| keycloak::shared().introspect(client, token)["active"].clone();
    assert_eq!((told("good-service"), told("APP-backend")), (json!(true), json!(false)));
}

#[test]
fn keycloak_has_no_audience_whose_scope_is_not_asked_for() {
    let answer = keycloak::shared().exchange(CLIENT, &session_token(), "&audience=good-service");
    assert_eq!(answer.status, 400, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["error"], "invalid_request");
    let described = answer["error_description"].as_str().expect("a description");
    assert!(described.contains("Requested audience not available"), "{described}");
}

#[test]
fn keycloak_exchanges_no_token_whose_session_has_ended() {
    let wide = session_token();
    let sid = jwt::claims(&wide)["sid"].as_str().expect("a session").to_owned();
    keycloak::shared().admin().end_session(&sid);
    let more = "&audience=good-service&scope=good-service";
    let answer = keycloak::shared().exchange(CLIENT, &wide, more);
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")));
}

#[test]
fn a_token_that_keycloak_has_exchanged_is_refused_at_gates_of_others() {
    let wide = session_token();
    assert_of_use_only_at("good-service", &narrow(&wide, "good-service"), "APP-backend");
    assert_of_use_only_at("evil-service", &narrow(&wide, "evil-service"), "good-service");
}

#[test]
fn a_service_gets_a_token_for_itself_and_never_that_of_the_session() {
    let rule = exchanged_for("good-service");
    let gate = Gate::of(CLIENT).service("/good", "good-service", rule).start();
    let good = gate.service("/good");
    let mut alice = Browser::new();
    let page = alice.login(&gate.url("/good/orders?page=2"), "alice");
    let first = answered(&page.answer);
    assert_eq!(page.url.whole(), gate.url("/good/orders?page=2"), "back where the login began");
    let second = answered(&alice.fetch(&gate.url("/good/things")));
    let seen = answered(&alice.fetch(&gate.url("/api/things")));
    assert_eq!(audiences(&seen), ["account", "APP-backend"], "the rest gets the session's");
    for narrow in [&first, &second] {
        assert_eq!(narrow["claims"]["aud"], "good-service");
        assert_eq!(narrow["claims"]["azp"], CLIENT);
        for same in ["sub", "sid", "preferred_username"] {
            assert_eq!(narrow["claims"][same], seen["claims"][same], "{same}");
        }
    }

    let (narrow, wide) = (tokens(good), tokens(&gate.api));
    assert_eq!((narrow.len(), wide.len()), (2, 1));
    assert!(wide.iter().all(|token| !saw(good, token)), "the session's token stays here");
    assert!(narrow.iter().all(|token| !saw(&gate.api, token)), "each has its own");
}

#[test]
fn what_good_service_was_given_opens_nothing_at_the_api() {
    let rule = exchanged_for("good-service");
    let gate = Gate::of(CLIENT).service("/good", "good-service", rule).start();
    answered(&Browser::new().login(&gate.url("/good/"), "alice").answer);
    let stolen = tokens(gate.service("/good")).remove(0);
    assert_of_use_only_at("good-service", &stolen, "APP-backend");
}

#[test]
fn what_evil_service_was_given_opens_nothing_at_good_service() {
    let gate = Gate::of(CLIENT)
        .service("/good", "good-service", exchanged_for("good-service"))
        .service("/evil", "evil-service", exchanged_for("evil-service"))
        .start();
    let mut alice = Browser::new();
    answered(&alice.login(&gate.url("/evil/"), "alice").answer);
    answered(&alice.fetch(&gate.url("/good/")));
    let stolen = tokens(gate.service("/evil")).remove(0);
    assert_of_use_only_at("evil-service", &stolen, "good-service");
}
