//! What is said of an opaque token, by the rules of every access token.

use oidc_gate::token::testing::{CLIENT, ISSUER, NOW};
use serde_json::json;

use super::bearer::{api, refused};
use super::host::Endpoint;
use super::opaque::{asked, scene, token};
use super::provider::Fault;
use super::scene::{Outcome, Scene};

#[test]
fn an_opaque_token_is_refused_as_a_jwt_that_says_the_same() {
    let needing = json!({"access_token": {"scope": ["orders:read"]}});
    let now = NOW.seconds();
    for changes in [
        json!({"aud": "other"}),
        json!({"aud": CLIENT}),
        json!({"aud": ["app-backend", "APP-backend-2"]}),
        json!({"aud": []}),
        json!({"aud": 7}),
        json!({"aud": ["APP-backend", 7]}),
        json!({"iss": format!("{ISSUER}/")}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": ["https://evil.example"]}),
        json!({"exp": now - 30}),
        json!({"exp": (now + 300).to_string()}),
        json!({"nbf": now + 31}),
        json!({"iat": now + 31}),
        json!({"scope": null}),
        json!({"scope": "openid"}),
        json!({"scope": 7}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"typ": "ID"}),
        json!({"typ": "Refresh"}),
        json!({"typ": "Offline"}),
        json!({"typ": "Logout"}),
        json!({"typ": 7}),
        json!({"typ": null, "at_hash": "x"}),
        json!({"typ": null, "nonce": "x"}),
        json!({"typ": null, "events": {}}),
    ] {
        let mut signed = Scene::with(needing.clone());
        let raw = token(&mut signed, changes.clone());
        let signed = signed.send(&api(&raw)).answer();
        let mut opaque = scene(needing.clone());
        // Of one that has ended the provider may still say that it is active.
        opaque.provider.introspection = changes.clone();
        let raw = token(&mut opaque, json!({}));
        let opaque = opaque.send(&api(&raw)).answer();
        assert_eq!(signed.status, opaque.status, "{changes}");
        let challenge = "www-authenticate";
        assert_eq!(signed.header(challenge), opaque.header(challenge), "{changes}");
        assert_eq!(signed.json()["detail"], opaque.json()["detail"], "{changes}");
    }
}

#[test]
fn what_only_an_answer_says_is_judged_too() {
    for (changes, words) in [
        (json!({"token_type": "DPoP"}), "claim token_type is 'DPoP', expected Bearer"),
        (json!({"token_type": "refresh_token"}), "claim token_type is 'refresh_token'"),
        (json!({"token_type": 7}), "claim token_type is a number"),
        (json!({"token_use": "refresh_token"}), "its token_use is 'refresh_token'"),
        (json!({"token_use": "id"}), "its token_use is 'id'"),
        (json!({"aud": null}), "says nothing of `aud`, so nobody can tell for whom the token is"),
    ] {
        let mut scene = scene(json!({}));
        scene.provider.introspection = changes.clone();
        let raw = token(&mut scene, json!({}));
        let answer = scene.send(&api(&raw)).answer();
        refused(&answer, "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(words), "{changes}: {challenge}");
    }
    let mut scene = scene(json!({}));
    scene.provider.introspection = json!({"aud": null});
    let raw = token(&mut scene, json!({}));
    let answer = scene.send(&api(&raw)).answer();
    for words in [ISSUER, "RFC 7662 section 2.2", "access_token.format: jwt"] {
        assert!(answer.body.contains(words), "{}", answer.body);
    }
}

#[test]
fn what_an_answer_may_leave_out_is_not_asked_for() {
    for changes in [
        json!({"iss": null}),
        json!({"exp": null, "iat": null, "nbf": null}),
        json!({"token_type": null}),
        json!({"token_type": "bearer"}),
        json!({"token_use": "access_token"}),
        json!({"typ": null, "sub": null, "scope": null, "jti": null}),
        json!({"client_id": "other", "username": "x", "more": {"deep": [1, null]}}),
    ] {
        let mut scene = scene(json!({}));
        scene.provider.introspection = changes.clone();
        let raw = token(&mut scene, json!({}));
        scene.send(&api(&raw)).upstream();
        assert_eq!(asked(&scene), 1, "{changes}");
    }
}

/// An answer that is good, with more members.
fn good(more: &str) -> String {
    let exp = NOW.seconds() + 300;
    format!(r#"{{"active":true,"iss":"{ISSUER}","aud":"APP-backend","exp":{exp}{more}}}"#)
}

/// 200, and a body that must let nobody pass. `true`: it says so of the token, which is refused;
/// else it says nothing.
fn hostile() -> Vec<(Vec<u8>, bool)> {
    let nonsense = [
        String::new(),
        "null".to_owned(),
        "true".to_owned(),
        "[]".to_owned(),
        format!("[{}]", good("")),
        "\"active\"".to_owned(),
        "{}".to_owned(),
        "<html>active: true</html>".to_owned(),
        good("").replace("true", "\"true\""),
        good("").replace("true", "1"),
        good("").replace("true", "null"),
        good("").replace("true", "[true]"),
        good("").replace("true", "{}"),
        good("").replace("active", "Active"),
        good("").replace("active", "active "),
        good(",\"active\":true"),
        good(",\"\\u0061ctive\":false"),
        good(",\"aud\":\"other\""),
        good(&format!(",\"x\":\"{}\"", "x".repeat(70_000))),
        good(&format!(",\"x\":{}{}", "[".repeat(200), "]".repeat(200))),
        good(&format!(",\"x\":{}", "[".repeat(60_000))),
        good(",\"x\":1e999"),
        format!("{}{}", good(""), good("")),
        format!("{}//", good("")),
        good("").replace('}', ""),
        good("").replace('"', "'"),
        format!("\u{feff}{}", good("")),
        // A signed answer (RFC 9701) was not asked for.
        "eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9.".to_owned(),
    ];
    let of_the_token = [
        good("").replace("true", "false"),
        good("").replace("\"APP-backend\"", "[[\"APP-backend\"]]"),
        good("").replace("\"APP-backend\"", "{\"APP-backend\":1}"),
        good("").replace("\"APP-backend\"", "\"APP-backend other\""),
        good("").replace("\"APP-backend\"", "\"APP-backend\\u0000\""),
        good("").replace("\"APP-backend\"", "null"),
        good(",\"nbf\":99999999999"),
        good(",\"nbf\":\"1\""),
        good(",\"nbf\":-1"),
        good(",\"iat\":1e300"),
        good(",\"cnf\":null"),
        good(",\"token_type\":null"),
        good(",\"token_type\":\"bearer \""),
        good(",\"sub\":null"),
    ];
    let mut answers: Vec<_> = nonsense.map(|body| (body.into_bytes(), false)).to_vec();
    answers.push((b"{\"active\":true,\"aud\":\"APP-backend\",\"x\":\"\xff\"}".to_vec(), false));
    answers.extend(of_the_token.map(|body| (body.into_bytes(), true)));
    answers
}

#[test]
fn no_hostile_answer_lets_anybody_pass() {
    for (body, of_the_token) in hostile() {
        let what: String = String::from_utf8_lossy(&body).chars().take(120).collect();
        let mut scene = scene(json!({}));
        let browser = scene.log_in();
        let raw = token(&mut scene, json!({}));
        scene.jump(31);
        for _ in 0..2 {
            scene.provider.fail(Endpoint::Introspection, Fault::Body(200, body.clone()));
        }
        let answer = scene.send(&api(&raw)).answer();
        assert_eq!(answer.status, if of_the_token { 401 } else { 503 }, "{what}");
        let outcome = scene.send(&browser.fetch("GET", "/api"));
        match outcome {
            Outcome::Forward(_) => assert!(what.contains("false"), "only by a refresh: {what}"),
            Outcome::Reply(answer) => {
                assert_eq!(answer.status, if of_the_token { 403 } else { 503 }, "{what}");
            }
        }
    }
    // And it is for no other reason that nobody passes.
    let mut scene = scene(json!({}));
    let raw = token(&mut scene, json!({}));
    let body = good(",\"more\":[]").into_bytes();
    scene.provider.fail(Endpoint::Introspection, Fault::Body(200, body));
    scene.send(&api(&raw)).upstream();
}
