//! `gate/bearer.rs`: a client's own access token, by the access token's rules alone.

use oidc_gate::token::testing::{CLIENT, NOW, Signer, access_token, with};
use serde_json::{Value, json};

use super::browser::{Browser, Request};
use super::host::Endpoint;
use super::scene::{Answered, Scene};
use super::steps::to_provider;

pub(crate) fn refused(answer: &Answered, error: &str) {
    let status = match error {
        "insufficient_scope" => 403,
        "invalid_request" => 400,
        _ => 401,
    };
    assert_eq!(answer.status, status, "{answer:?}");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with(&format!("Bearer error=\"{error}\", error_description=\"")));
    assert!(answer.set_cookies.is_empty() && answer.header("location").is_none());
}

pub(crate) fn api(token: &str) -> Request {
    Request::new("GET", "/api/orders").bearer(token)
}

#[test]
fn a_good_token_passes_and_its_signature_is_checked_once() {
    let mut scene = Scene::new();
    let token = scene.provider.mint_access_token(json!({}), NOW);
    for method in ["GET", "POST", "DELETE"] {
        let upstream = scene.send(&Request::new(method, "/api").bearer(&token)).upstream();
        assert_eq!(upstream.token(), token);
        assert_eq!(upstream.all("x-user"), ["alice"]);
        assert!(upstream.all("x-mail").is_empty(), "there is no ID token");
    }
    assert_eq!(scene.host.signatures.checks(), 1);
    let lower = Request::new("GET", "/").and("authorization", format!("bEARER  {token} "));
    assert_eq!(scene.send(&lower).upstream().token(), token);
}

#[test]
fn each_rule_of_the_access_token_is_named_with_both_values() {
    let mut scene = Scene::with(json!({"access_token": {"scope": ["orders:read"]}}));
    let now = NOW.seconds();
    for (changes, error, words) in [
        (
            json!({"aud": "other"}),
            "invalid_token",
            "audience is 'other', expected one of 'APP-backend'",
        ),
        (json!({"aud": CLIENT}), "invalid_token", "'APP-frontend'"),
        (json!({"aud": ["app-backend", "APP-backend-2"]}), "invalid_token", "audience is"),
        (
            json!({"iss": "https://evil.example"}),
            "invalid_token",
            "issuer is 'https://evil.example'",
        ),
        (json!({"exp": now - 30}), "invalid_token", "expired 30 s ago"),
        (json!({"exp": null}), "invalid_token", "exp is missing"),
        (json!({"nbf": now + 31}), "invalid_token", "not valid for 31 s yet"),
        (json!({"iat": now + 31}), "invalid_token", "issued 31 s in the future"),
        (json!({"scope": "orders:write"}), "insufficient_scope", "scope lacks 'orders:read'"),
        (json!({"typ": "ID"}), "invalid_token", "this is an ID token"),
        (json!({"typ": "Refresh"}), "invalid_token", "this is a refresh token"),
        (json!({"typ": null, "events": {}}), "invalid_token", "this is a logout token"),
    ] {
        let token = scene.provider.mint_access_token(changes.clone(), NOW);
        let answer = scene.send(&api(&token)).answer();
        refused(&answer, error);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(words), "{changes}: {challenge}");
        assert_eq!(answer.json()["token"], "access token");
    }
    let good = scene.provider.mint_access_token(json!({"exp": now - 29}), NOW);
    scene.send(&api(&good)).upstream();
}

#[test]
fn an_id_token_is_no_bearer_token_whatever_its_audience() {
    let mut scene = Scene::new();
    for changes in
        [json!({}), json!({"aud": ["APP-backend", CLIENT]}), json!({"aud": "APP-backend"})]
    {
        let token = scene.provider.mint_id_token(changes, NOW);
        let answer = scene.send(&api(&token)).answer();
        refused(&answer, "invalid_token");
        assert!(answer.body.contains("this is an ID token"), "{}", answer.body);
    }
}

#[test]
fn what_nobody_signed_is_refused() {
    let mut scene = Scene::new();
    let token = scene.provider.mint_access_token(json!({}), NOW);
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |text: &str| oidc_gate::wire::base64url::encode(text.as_bytes());
    let mallory = Signer::ed25519("k1-of-mallory");
    let forged =
        mallory.sign_text(r#"{"alg":"EdDSA","kid":"k1","typ":"JWT"}"#, &access_token().to_string());
    let admin = with(access_token(), json!({"sub": "admin"})).to_string();
    let header = |alg: &str| encode(&format!(r#"{{"alg":"{alg}","kid":"k1","typ":"JWT"}}"#));
    let mut tokens = vec![
        forged.expose().to_owned(),
        format!("{}.{}.{}", parts[0], encode(&admin), parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.x.y"),
        format!("{token}="),
        "x".to_owned(),
        "x".repeat(200_000),
    ];
    for alg in ["none", "None", "NONE", "HS256", "HS512"] {
        tokens.push(format!("{}.{}.{}", header(alg), parts[1], parts[2]));
        tokens.push(format!("{}.{}.", header(alg), parts[1]));
    }
    for token in tokens {
        refused(&scene.send(&api(&token)).answer(), "invalid_token");
    }
}

#[test]
fn what_is_no_single_token_is_a_malformed_request() {
    let mut scene = Scene::new();
    let token = scene.provider.mint_access_token(json!({}), NOW);
    for value in [
        &b"Bearer a b"[..],
        b"Bearer a,b",
        b"Bearer \xff",
        b"Bearer ",
        b"bearer  ",
        b"Bearer \"a\"",
    ] {
        let request = Request::new("GET", "/api").and("authorization", value);
        refused(&scene.send(&request).answer(), "invalid_request");
    }
    for other in ["Basic x", "Bearer x", ""] {
        refused(&scene.send(&api(&token).and("authorization", other)).answer(), "invalid_request");
        let first = Request::new("GET", "/api").and("authorization", other).bearer(&token);
        refused(&scene.send(&first).answer(), "invalid_request");
    }
}

#[test]
fn other_schemes_are_no_credentials_here_and_do_not_reach_the_upstream() {
    let mut scene = Scene::new();
    for value in ["Basic YTpi", "Bearer", "DPoP x", "Bearerx y", "Token x"] {
        let request = Request::new("GET", "/api").and("authorization", value);
        let answer = scene.send(&request).answer();
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
        let public = Request::new("GET", "/public").and("authorization", value);
        assert!(scene.send(&public).upstream().all("authorization").is_empty(), "{value}");
    }
}

#[test]
fn a_bad_bearer_token_is_not_helped_by_a_good_session() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    refused(&scene.send(&browser.page("/").bearer("x")).answer(), "invalid_token");
    let token = scene.provider.mint_access_token(json!({"preferred_username": "bob"}), NOW);
    let upstream = scene.send(&browser.page("/").bearer(&token)).upstream();
    assert_eq!((upstream.token(), &upstream.all("x-user")[..]), (token.as_str(), &["bob"][..]));
    assert!(upstream.all("cookie").is_empty() && upstream.all("x-mail").is_empty());
}

#[test]
fn where_bearer_is_off_it_is_dropped_and_only_the_session_counts() {
    let mut scene = Scene::with(json!({"bearer": false}));
    let token = scene.provider.mint_access_token(json!({"preferred_username": "bob"}), NOW);
    assert_eq!(scene.send(&api(&token)).answer().header("www-authenticate"), Some("Bearer"));
    assert!(to_provider(&scene.send(&Browser::default().page("/").bearer(&token)).answer()));
    let browser = scene.log_in();
    let request = browser.page("/").bearer(&token).bearer("x");
    assert_eq!(scene.send(&request).upstream().all("x-user"), ["alice"]);
}

#[test]
fn without_rules_for_access_tokens_none_is_right() {
    let mut scene = Scene::with(json!({
        "access_token": null, "bearer": false,
        "upstream": {"authorization": "id_token", "headers": null},
    }));
    let token = scene.provider.mint_access_token(json!({}), NOW);
    assert_eq!(scene.send(&api(&token)).answer().status, 401);
    let browser = scene.log_in();
    assert!(scene.send(&browser.page("/")).upstream().token().len() > 100);
}

#[test]
fn a_bearer_is_no_id_token_for_the_upstream() {
    let mut scene = Scene::with(json!({"upstream": {"authorization": "id_token"}}));
    let token = scene.provider.mint_access_token(json!({}), NOW);
    assert!(scene.send(&api(&token)).upstream().all("authorization").is_empty());
}

#[test]
fn a_verified_token_is_judged_again_each_time() {
    let mut scene = Scene::new();
    let token = scene.provider.mint_access_token(json!({}), NOW);
    scene.send(&api(&token)).upstream();
    scene.jump(329);
    scene.send(&api(&token)).upstream();
    scene.jump(1);
    refused(&scene.send(&api(&token)).answer(), "invalid_token");
    assert_eq!(scene.host.signatures.checks(), 1);
}

/// A token of a key that the gate does not know.
fn unknown(scene: &mut Scene, kid: &str) -> String {
    let claims: Value = with(access_token(), json!({}));
    let token = Signer::ed25519(kid).sign("JWT", &claims).expose().to_owned();
    scene.provider.secrets.push(token.clone());
    token
}

#[test]
fn an_unknown_key_fetches_the_keys_once_for_all_who_ask_and_then_not_for_ten_seconds() {
    let mut scene = Scene::new();
    let token = unknown(&mut scene, "k9");
    let streams: Vec<_> = (0..20).map(|_| scene.arrive(&api(&token))).collect();
    let before = scene.host.count(Endpoint::Keys);
    assert_eq!(before, 2, "one at the start, one for the unknown key");
    scene.settle();
    for stream in streams {
        refused(&scene.outcome(stream).unwrap().answer(), "invalid_token");
    }
    for number in 0..9 {
        let token = unknown(&mut scene, &format!("k9-{number}"));
        refused(&scene.send(&api(&token)).answer(), "invalid_token");
        scene.pass(1);
    }
    assert_eq!(scene.host.count(Endpoint::Keys), 2);
    scene.pass(1);
    refused(&scene.send(&api(&token)).answer(), "invalid_token");
    assert_eq!(scene.host.count(Endpoint::Keys), 3);
}
