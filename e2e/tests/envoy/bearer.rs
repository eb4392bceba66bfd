//! API clients that bring their own access token (RFC 6750): judged by the access token's rules, and by no others.

use oidc_gate_dev::Minted;
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::{PROTOCOLS, Request};
use oidc_gate_e2e::{jwt, wait};
use serde_json::{Value, json};

use crate::seen::{
    assert_bearer_refused, assert_own, assert_unauthenticated, lines, received, the_one,
};

#[test]
fn an_access_token_for_this_api_passes_as_it_is() {
    let gate = Gate::shared();
    let token = gate.provider.mint(Minted::Access, json!({}));
    for protocol in PROTOCOLS {
        for _ in 0..4 {
            assert_eq!(
                gate.send_over(
                    protocol,
                    Request::get("/an-access-token-for-this-api").bearer(&token)
                )
                .status,
                200
            );
        }
    }
    // RFC 9110 section 11.1: the scheme's name has no case.
    assert_eq!(
        gate.send(
            Request::get("/an-access-token-for-this-api")
                .header("authorization", format!("bEARER {token}"))
        )
        .status,
        200
    );
    for request in received(&gate, "/an-access-token-for-this-api") {
        assert_eq!(lines(&request, "authorization"), [format!("Bearer {token}")]);
        assert_eq!(lines(&request, "x-user"), ["alice"]);
        assert_eq!(
            lines(&request, "x-auth-name"),
            Vec::<&str>::new(),
            "there is no ID token to take it from"
        );
    }
}

#[test]
fn an_id_token_is_no_bearer() {
    let gate = Gate::shared();
    for overrides in [
        json!({}),
        // Even where it names the API: it is the wrong kind of token.
        json!({ "aud": "APP-backend" }),
        json!({ "aud": ["APP-frontend", "APP-backend"] }),
    ] {
        let token = gate.provider.mint(Minted::Id, overrides);
        assert_bearer_refused(
            &gate.send(Request::get("/an-id-token-is-no-bearer").bearer(&token)),
            401,
            "invalid_token",
            &["access token"],
        );
    }
    for kind in [Minted::Refresh, Minted::Logout] {
        let token = gate.provider.mint(kind, json!({ "aud": "APP-backend" }));
        assert_bearer_refused(
            &gate.send(Request::get("/an-id-token-is-no-bearer").bearer(&token)),
            401,
            "invalid_token",
            &["access token"],
        );
    }
    assert!(received(&gate, "/an-id-token-is-no-bearer").is_empty());
}

#[test]
fn a_token_for_somebody_else_is_refused_with_both_audiences() {
    let gate = Gate::shared();
    for audience in [
        json!("APP-frontend"),
        json!("account"),
        json!(["account", "good-service"]),
        json!("APP-backend2"),
        json!("app-backend"),
        json!("APP"),
        json!(["APP-backend "]),
    ] {
        let token = gate.provider.mint(Minted::Access, json!({ "aud": audience }));
        let first = audience.as_str().or(audience[0].as_str()).unwrap().trim();
        let answer = gate.send(Request::get("/a-token-for-somebody-else-is").bearer(&token));
        assert_bearer_refused(&answer, 401, "invalid_token", &["APP-backend", first]);
    }
    // What is no audience at all.
    for audience in [
        Value::Null,
        json!([]),
        json!([null]),
        json!(7),
        json!({ "APP-backend": true }),
        json!([["APP-backend"]]),
        json!(""),
    ] {
        let token = gate.provider.mint(Minted::Access, json!({ "aud": audience }));
        assert_bearer_refused(
            &gate.send(Request::get("/a-token-for-somebody-else-is").bearer(&token)),
            401,
            "invalid_token",
            &[],
        );
    }
    assert!(received(&gate, "/a-token-for-somebody-else-is").is_empty());
}

#[test]
fn a_token_that_does_not_hold_is_refused() {
    let gate = Gate::new().config(|config| config["clock_skew"] = "0s".into()).start();
    let now = jwt::claims(&gate.provider.mint(Minted::Access, json!({})))["iat"].as_i64().unwrap();
    for overrides in [
        json!({ "exp": now - 1 }),
        json!({ "exp": null }),
        json!({ "exp": (now + 300).to_string() }),
        json!({ "exp": 1e308 }),
        json!({ "exp": -1 }),
        json!({ "nbf": now + 3600 }),
        json!({ "iss": "http://127.0.0.1/realms/acme" }),
        json!({ "iss": format!("{}/", gate.provider.issuer()) }),
        json!({ "iss": null }),
        json!({ "typ": "Refresh" }),
        json!({ "$header": { "typ": "logout+jwt" } }),
        json!({ "$header": { "typ": "dpop+jwt" } }),
        json!({ "$header": { "alg": "none" } }),
        json!({ "$header": { "alg": "None" } }),
        json!({ "$header": { "alg": "HS256" } }),
        json!({ "$header": { "kid": "../../etc/passwd" } }),
        json!({ "$header": { "crit": ["exp"] } }),
    ] {
        let token = gate.provider.mint(Minted::Access, overrides.clone());
        let answer = gate.send(Request::get("/api").bearer(&token));
        assert_eq!(answer.status, 401, "{overrides}: {}", answer.text());
        assert_bearer_refused(&answer, 401, "invalid_token", &[]);
    }
    let right = gate.provider.mint(Minted::Access, json!({}));
    let (unsigned, signature) = right.rsplit_once('.').unwrap();
    let swapped = if signature.starts_with('A') { "B" } else { "A" };
    for token in [
        format!("{unsigned}.{swapped}{}", &signature[1..]),
        format!("{unsigned}."),
        unsigned.into(),
        format!("{right}.x"),
    ] {
        assert_bearer_refused(
            &gate.send(Request::get("/api").bearer(&token)),
            401,
            "invalid_token",
            &[],
        );
    }
    assert!(received(&gate, "/api").is_empty());
    assert_eq!(gate.send(Request::get("/api").bearer(&right)).status, 200);
}

#[test]
fn a_token_that_was_right_is_refused_once_it_has_expired() {
    let gate = Gate::new().config(|config| config["clock_skew"] = "0s".into()).start();
    let now = jwt::claims(&gate.provider.mint(Minted::Access, json!({})))["iat"].as_i64().unwrap();
    let token = gate.provider.mint(Minted::Access, json!({ "exp": now + 3 }));
    assert_eq!(gate.send(Request::get("/api").bearer(&token)).status, 200);
    let answer = wait::until("the token to expire", || {
        let answer = gate.send(Request::get("/api").bearer(&token));
        (answer.status != 200).then_some(answer)
    });
    assert_bearer_refused(&answer, 401, "invalid_token", &[]);
}

#[test]
fn every_algorithm_that_the_provider_may_sign_with_is_understood() {
    let gate = Gate::shared();
    for algorithm in
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
    {
        let token = gate.provider.mint(Minted::Access, json!({ "$header": { "alg": algorithm } }));
        for _ in 0..4 {
            let answer = gate.send(Request::get("/api").bearer(&token));
            assert_eq!(answer.status, 200, "{algorithm}: {}", answer.text());
        }
        let (unsigned, signature) = token.rsplit_once('.').unwrap();
        let middle = signature.len() / 2;
        let swapped = if &signature[middle..=middle] == "A" { "B" } else { "A" };
        let broken =
            format!("{unsigned}.{}{swapped}{}", &signature[..middle], &signature[middle + 1..]);
        assert_bearer_refused(
            &gate.send(Request::get("/api").bearer(&broken)),
            401,
            "invalid_token",
            &[],
        );
    }
}

#[test]
fn algorithms_can_be_restricted() {
    let gate = Gate::new()
        .config(|config| config["access_token"]["signing_algorithms"] = json!(["ES256"]))
        .start();
    for (algorithm, status) in [("ES256", 200), ("RS256", 401), ("PS256", 401)] {
        let token = gate.provider.mint(Minted::Access, json!({ "$header": { "alg": algorithm } }));
        assert_eq!(gate.send(Request::get("/api").bearer(&token)).status, status, "{algorithm}");
    }
}

#[test]
fn a_scope_that_is_missing_is_403() {
    let gate = Gate::new()
        .config(|config| config["access_token"]["scope"] = json!(["orders:read", "profile"]))
        .start();
    for (scope, status) in
        [("profile orders:read x", 200), ("profile", 403), ("orders:readx profile", 403), ("", 403)]
    {
        let token = gate.provider.mint(Minted::Access, json!({ "scope": scope }));
        let answer = gate.send(Request::get("/api").bearer(&token));
        assert_eq!(answer.status, status, "{scope:?}: {}", answer.text());
        if status == 403 {
            assert_bearer_refused(&answer, 403, "insufficient_scope", &["orders:read"]);
        }
    }
}

/// RFC 6750 section 3.1: a request that names its credentials twice, or not at all, is no request with credentials.
#[test]
fn what_is_not_one_bearer_token_is_refused() {
    let gate = Gate::shared();
    let token = gate.provider.mint(Minted::Access, json!({}));
    for protocol in PROTOCOLS {
        let twice = Request::get("/what-is-not-one-bearer-token").bearer(&token).bearer(&token);
        assert_bearer_refused(&gate.send_over(protocol, twice), 400, "invalid_request", &[]);
        let behind = Request::get("/what-is-not-one-bearer-token")
            .header("authorization", "Basic YTpi")
            .bearer(&token);
        // Envoy hands several lines on as one, so this is one of a scheme that is no credential here.
        assert_unauthenticated(&gate.send_over(protocol, behind.fetch()));
    }
    for malformed in [
        format!("Bearer {token},{token}"),
        format!("Bearer {token} {token}"),
        "Bearer a\"b".into(),
        "Bearer \u{fc}".into(),
    ] {
        let answer = gate
            .send(Request::get("/what-is-not-one-bearer-token").header("authorization", malformed));
        assert_bearer_refused(&answer, 400, "invalid_request", &[]);
    }
    for none in ["Basic YTpi", "Digest x", "x", "Bear er"] {
        assert_unauthenticated(&gate.send(
            Request::get("/what-is-not-one-bearer-token").header("authorization", none).fetch(),
        ));
    }
    // In the query or the body a token does not count (RFC 9700 section 2.4).
    assert_unauthenticated(&gate.send(Request::get(&format!("/api?access_token={token}")).fetch()));
    assert!(received(&gate, "/what-is-not-one-bearer-token").is_empty());
}

#[test]
fn without_bearer_only_sessions_count() {
    let gate = Gate::new().config(|config| config["bearer"] = false.into()).start();
    let token = gate.provider.mint(Minted::Access, json!({}));
    assert_unauthenticated(&gate.send(Request::get("/api").bearer(&token).fetch()));
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
}

#[test]
fn a_token_that_is_refused_does_not_fall_back_to_the_session() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    let url = gate.at("/a-token-that-is-refused-does");
    let wrong = gate.provider.mint(Minted::Access, json!({ "aud": "somebody-else" }));
    assert_bearer_refused(
        &browser.send(&url, Request::get("/a-token-that-is-refused-does").bearer(&wrong)),
        401,
        "invalid_token",
        &[],
    );
    // And one that is right speaks for itself, whoever is logged in.
    let right = gate.provider.mint(Minted::Access, json!({ "preferred_username": "robot" }));
    assert_eq!(
        browser.send(&url, Request::get("/a-token-that-is-refused-does").bearer(&right)).status,
        200
    );
    assert_eq!(lines(&the_one(&gate, "/a-token-that-is-refused-does"), "x-user"), ["robot"]);
}

#[test]
fn a_token_in_the_size_of_a_whole_header_is_refused_and_nothing_breaks() {
    let gate = Gate::shared();
    let token = gate.provider.mint(Minted::Access, json!({ "padding": "p".repeat(30_000) }));
    let answer = gate.send(Request::get("/api").bearer(&token));
    // Within the limit of 64 KiB it is a token like others.
    assert!(matches!(answer.status, 200 | 431), "{answer:?}");
    assert_bearer_refused(
        &gate.send(Request::get("/api").bearer(&"a.".repeat(20_000))),
        401,
        "invalid_token",
        &[],
    );
    assert_own(&gate.send(Request::get("/api").fetch()), 401);
}
