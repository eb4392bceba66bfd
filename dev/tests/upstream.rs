//! The service behind the gate: it must tell exactly what reached it, and the verifying one must refuse what is not its own.

#[allow(dead_code, reason = "the login is for the tests of the provider")]
mod client;

use client::send;
use oidc_gate_dev::{
    DevProvider, DevUpstream, Minted, ProviderOptions, UpstreamOptions, Verification,
};
use serde_json::{Value, json};

#[test]
fn what_arrives_is_remembered_and_told() {
    let upstream = DevUpstream::start(UpstreamOptions::default()).expect("a free port");
    let body = "x".repeat(5_000_000);
    let headers = [("x-b", "1"), ("x-a", "2"), ("x-b", "3")];
    let answer = send(upstream.port(), "POST", "/api/a?b=c", &headers, &body).expect("an answer");
    let told = answer.json();
    assert_eq!(
        (answer.status, &told["method"], &told["path"]),
        (200, &json!("POST"), &json!("/api/a?b=c"))
    );
    let seen = &upstream.requests()[0];
    assert_eq!(seen.all("x-b").collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(seen.body_length, 5_000_000);
    assert_eq!(
        seen.body_sha256,
        "03a7bd518f3e4ecac11f2e77f7437928ba5d80ac0b2b26a523d90e7628bfd59b"
    );
    assert_eq!(
        send(upstream.port(), "GET", "/?status=418", &[], "").expect("an answer").status,
        418
    );
}

#[test]
fn events_come_one_by_one() {
    let upstream = DevUpstream::start(UpstreamOptions::default()).expect("a free port");
    let answer = send(upstream.port(), "GET", "/api/events?count=2", &[], "").expect("an answer");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert!(answer.body.contains("data: 1\n\n") && answer.body.contains("data: 2\n\n"));
}

#[test]
fn an_api_answers_its_own_tokens_only() {
    let provider = DevProvider::start(ProviderOptions::default()).expect("a free port");
    let verification = |audience: &str| Verification {
        issuer: provider.issuer(),
        jwks_uri: format!("{}/protocol/openid-connect/certs", provider.issuer()),
        audience: Some(audience.to_owned()),
    };
    let start = |audience: &str| {
        let verification = Some(verification(audience));
        let options = UpstreamOptions { name: "api".into(), verification, ..Default::default() };
        DevUpstream::start(options).expect("a free port")
    };
    let (api, reports) = (start("APP-backend"), start("APP-reports"));
    let ask = |service: &DevUpstream, token: &str| {
        let bearer = format!("Bearer {token}");
        send(service.port(), "GET", "/api/hello", &[("authorization", &bearer)], "")
            .expect("an answer")
    };

    let token = provider.mint(Minted::Access, Value::Null);
    let answer = ask(&api, &token);
    assert_eq!(
        (answer.status, &answer.json()["claims"]["preferred_username"]),
        (200, &json!("alice"))
    );
    assert!(!answer.body.contains(&token), "the whole token is shown");

    let answer = ask(&reports, &token);
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").expect("a challenge").contains("invalid_token"));
    let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("APP-backend") && detail.contains("APP-reports"), "{detail}");

    // Keys that came later are fetched when a token names one.
    provider.rotate_keys();
    assert_eq!(ask(&api, &provider.mint(Minted::Access, Value::Null)).status, 200);
    for wrong in [
        json!({"exp": 1}),
        json!({"exp": null}),
        json!({"iss": "http://127.0.0.1/realms/acme"}),
        json!({"aud": "APP-backend2"}),
        json!({"$header": {"alg": "none"}}),
    ] {
        assert_eq!(ask(&api, &provider.mint(Minted::Access, wrong.clone())).status, 401, "{wrong}");
    }
    assert_eq!(ask(&api, &provider.mint(Minted::Id, Value::Null)).status, 401);
    let answer = send(api.port(), "GET", "/", &[("accept", "text/html")], "").expect("an answer");
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    assert!(answer.body.contains("<h1>Sign in first</h1>"));
}

#[test]
fn an_api_without_an_audience_takes_what_is_for_others_and_nothing_that_is_wrong() {
    let provider = DevProvider::start(ProviderOptions::default()).expect("a free port");
    let verification = Verification {
        issuer: provider.issuer(),
        jwks_uri: format!("{}/protocol/openid-connect/certs", provider.issuer()),
        audience: None,
    };
    let options = UpstreamOptions { verification: Some(verification), ..Default::default() };
    let careless = DevUpstream::start(options).expect("a free port");
    let status = |claims: Value| {
        let bearer = format!("Bearer {}", provider.mint(Minted::Access, claims));
        send(careless.port(), "GET", "/", &[("authorization", &bearer)], "")
            .expect("an answer")
            .status
    };
    for right in [json!({}), json!({"aud": "others"}), json!({"aud": null})] {
        assert_eq!(status(right.clone()), 200, "{right}");
    }
    for wrong in [
        json!({"exp": 1}),
        json!({"exp": null}),
        json!({"iss": "http://127.0.0.1/realms/acme"}),
        json!({"$header": {"alg": "none"}}),
    ] {
        assert_eq!(status(wrong.clone()), 401, "{wrong}");
    }
}

#[test]
fn a_thief_plays_what_it_received_and_tells_what_came_of_it() {
    let prey = DevUpstream::start(UpstreamOptions::default()).expect("a free port");
    let target = format!("http://127.0.0.1:{}/orders?status=418", prey.port());
    let options = UpstreamOptions { plays_to: Some(target), ..Default::default() };
    let thief = DevUpstream::start(options).expect("a free port");
    let ask = |path: &str, headers: &[(&str, &str)]| {
        send(thief.port(), "GET", path, headers, "").expect("an answer")
    };
    let answer = ask("/evil/theft", &[("authorization", "Bearer stolen"), ("cookie", "a=b")]);
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!(418)));
    let seen = prey.requests().pop().expect("it was tried");
    assert_eq!((seen.bearer(), seen.header("cookie")), (Some("stolen"), None));
    assert_eq!(ask("/evil/theft", &[]).status, 400);
    assert_eq!(ask("/evil/hello", &[("authorization", "Bearer stolen")]).status, 200);
    assert_eq!(prey.requests().len(), 1, "it was asked once");
    prey.stop_listening().expect("it stops");
    assert_eq!(ask("/evil/theft", &[("authorization", "Bearer stolen")]).status, 502);
}
