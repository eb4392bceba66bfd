//! The development provider, as a plain client sees it: it must be as strict as Keycloak, or tests against it prove nothing.

mod client;

use std::time::{Duration, Instant};

use client::{Browser, CALLBACK, VERIFIER, claims, redeem, refresh, text, token};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oidc_gate_dev::{DevProvider, Endpoint, Fault, IssParameter, Minted, ProviderOptions};
use serde_json::{Value, json};

fn provider() -> DevProvider {
    DevProvider::start(ProviderOptions::default()).expect("a free port")
}

#[test]
fn a_login_brings_two_tokens_for_two_audiences() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    let answer = browser.log_in("alice", "alice", &[]);
    let parameters = answer.parameters();
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").expect("a redirect").starts_with(CALLBACK));
    assert_eq!(parameters["state"], "the-state");
    assert_eq!(parameters["iss"], provider.issuer());

    let answer = redeem(&provider, &parameters["code"], VERIFIER);
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let answer = answer.json();
    let (access, id) = (claims(&text(&answer, "access_token")), claims(&text(&answer, "id_token")));
    assert_eq!(access["aud"], json!(["APP-backend", "account"]));
    assert_eq!(access["typ"], "Bearer");
    assert_eq!(id["aud"], "APP-frontend");
    assert_eq!(id["typ"], "ID");
    assert_eq!(id["nonce"], "the-nonce");
    assert_eq!(id["iss"], provider.issuer());
    assert_eq!(provider.calls().code, 1);
    assert_eq!(provider.token_requests()[0].field("code_verifier"), Some(VERIFIER));
}

#[test]
fn a_second_login_needs_no_password() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    assert_eq!(browser.authorize(&[("prompt", "none")]).parameters()["error"], "login_required");
    browser.code(&[]);
    assert!(browser.authorize(&[("prompt", "none")]).parameters().contains_key("code"));
    assert_eq!(browser.authorize(&[("prompt", "login")]).status, 200);
    provider.end_sessions();
    assert_eq!(browser.authorize(&[]).status, 200);
}

#[test]
fn a_wrong_password_shows_the_form_again() {
    let provider = provider();
    let answer = Browser::new(&provider).log_in("alice", "<b>", &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("do not go together"));
}

#[test]
fn a_wrong_redirect_uri_or_client_is_never_redirected_to() {
    let provider = provider();
    let browser = Browser::new(&provider);
    for change in [("redirect_uri", "https://evil.example/"), ("client_id", "other")] {
        let answer = browser.authorize(&[change]);
        assert_eq!((answer.status, answer.header("location")), (400, None), "{change:?}");
    }
}

#[test]
fn errors_go_back_with_state_and_issuer() {
    let provider = provider();
    let browser = Browser::new(&provider);
    let cases = [
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "openid unheard-of", "invalid_scope"),
    ];
    for (name, value, error) in cases {
        let parameters = browser.authorize(&[(name, value)]).parameters();
        assert_eq!(parameters["error"], error);
        assert_eq!(parameters["state"], "the-state");
        assert_eq!(parameters["iss"], provider.issuer());
    }
    provider.faults(|faults| {
        faults.authorization_error = Some("access_denied".into());
        faults.iss_parameter = IssParameter::Missing;
    });
    let parameters = browser.authorize(&[]).parameters();
    assert_eq!(parameters["error"], "access_denied");
    assert!(!parameters.contains_key("iss"));
}

#[test]
fn a_wrong_verifier_spends_the_code() {
    let provider = provider();
    let code = Browser::new(&provider).code(&[]);
    let wrong = VERIFIER.replace('d', "e");
    assert_eq!(redeem(&provider, &code, &wrong).json()["error"], "invalid_grant");
    assert_eq!(redeem(&provider, &code, VERIFIER).status, 400);
}

#[test]
fn a_code_used_twice_ends_the_clients_session() {
    let provider = provider();
    let code = Browser::new(&provider).code(&[]);
    let answer = redeem(&provider, &code, VERIFIER).json();
    assert_eq!(redeem(&provider, &code, VERIFIER).json()["error"], "invalid_grant");
    assert_eq!(
        refresh(&provider, &text(&answer, "refresh_token")).json()["error"],
        "invalid_grant"
    );
}

#[test]
fn a_refresh_token_used_twice_ends_the_clients_session() {
    let provider = provider();
    let code = Browser::new(&provider).code(&[]);
    let first = redeem(&provider, &code, VERIFIER).json();
    let second = refresh(&provider, &text(&first, "refresh_token")).json();
    let id = claims(&text(&second, "id_token"));
    assert_eq!(id.get("nonce"), None);
    assert_eq!(id["sid"], claims(&text(&first, "id_token"))["sid"]);
    assert_eq!(refresh(&provider, &text(&first, "refresh_token")).json()["error"], "invalid_grant");
    assert_eq!(
        refresh(&provider, &text(&second, "refresh_token")).json()["error"],
        "invalid_grant"
    );
    assert_eq!(provider.calls().refresh, 3);
}

#[test]
fn two_tabs_refresh_each_on_its_own() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    let one = redeem(&provider, &browser.code(&[]), VERIFIER).json();
    let two = redeem(&provider, &browser.code(&[]), VERIFIER).json();
    assert_eq!(refresh(&provider, &text(&one, "refresh_token")).status, 200);
    assert_eq!(refresh(&provider, &text(&two, "refresh_token")).status, 200);
}

#[test]
fn without_rotation_a_refresh_token_lasts() {
    let options = ProviderOptions { rotate_refresh_tokens: false, ..ProviderOptions::default() };
    let provider = DevProvider::start(options).expect("a free port");
    let code = Browser::new(&provider).code(&[]);
    let first = text(&redeem(&provider, &code, VERIFIER).json(), "refresh_token");
    provider.faults(|faults| {
        faults.no_refresh_token_at_refresh = true;
        faults.no_id_token_at_refresh = true;
    });
    for _ in 0..2 {
        let answer = refresh(&provider, &first).json();
        assert_eq!((answer.get("refresh_token"), answer.get("id_token")), (None, None));
    }
}

#[test]
fn an_optional_scope_adds_its_audience_only_when_asked_for() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    for (scope, audiences) in [
        ("openid", json!(["APP-backend", "account"])),
        ("openid good-service", json!(["APP-backend", "account", "good-service"])),
    ] {
        let answer = redeem(&provider, &browser.code(&[("scope", scope)]), VERIFIER).json();
        assert_eq!(claims(&text(&answer, "access_token"))["aud"], audiences);
    }
}

#[test]
fn a_wrong_secret_is_refused() {
    let options = ProviderOptions { public_client: true, ..ProviderOptions::default() };
    let public = DevProvider::start(options).expect("a free port");
    // The test client sends a secret, which a public client does not have.
    let answer = token(&public, &[("grant_type", "refresh_token")]).expect("an answer");
    assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("unauthorized_client")));
}

#[test]
fn logout_ends_the_session_and_returns() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    let tokens = redeem(&provider, &browser.code(&[]), VERIFIER).json();
    let hint = text(&tokens, "id_token");
    let logout = "/realms/acme/protocol/openid-connect/logout";
    let home = "post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A10000%2F";
    assert_eq!(browser.get(&format!("{logout}?{home}")).status, 400);
    assert_eq!(browser.get(&format!("{logout}?{home}&id_token_hint=garbage")).status, 400);
    assert_eq!(browser.get(logout).status, 200);
    assert_eq!(browser.authorize(&[]).status, 302, "nobody was logged out by that");
    // The hint alone does: no cookie is needed.
    let target = format!("{logout}?{home}&id_token_hint={hint}&state=s");
    let answer = Browser::new(&provider).get(&target);
    assert_eq!(answer.header("location"), Some("http://127.0.0.1:10000/?state=s"));
    assert_eq!(browser.authorize(&[]).status, 200);
    assert_eq!(refresh(&provider, &text(&tokens, "refresh_token")).status, 400);
}

#[test]
fn every_algorithm_verifies_with_the_published_keys() {
    let provider = provider();
    let keys = provider.jwks();
    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let header = json!({"alg": format!("{algorithm:?}")});
        let token = provider.mint(Minted::Access, json!({"$header": header}));
        let kid = jsonwebtoken::decode_header(&token).expect("a header").kid;
        let all = keys["keys"].as_array().expect("keys");
        let jwk = all.iter().find(|key| key["kid"].as_str() == kid.as_deref()).expect("the key");
        let key = serde_json::from_value(jwk.clone()).expect("a JWK");
        let key = DecodingKey::from_jwk(&key).expect("a usable JWK");
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&["APP-backend"]);
        jsonwebtoken::decode::<Value>(&token, &key, &validation).expect("a good signature");
    }
}

#[test]
fn tokens_can_be_made_up() {
    let provider = provider();
    let overrides = json!({"aud": 7, "exp": null, "$header": {"alg": "none", "kid": null}});
    let token = provider.mint(Minted::Id, overrides);
    assert!(token.ends_with('.'));
    let claims = claims(&token);
    assert_eq!((claims["aud"].clone(), claims.get("exp")), (json!(7), None));
    let logout = provider.mint(Minted::Logout, Value::Null);
    assert_eq!(
        jsonwebtoken::decode_header(logout).expect("a header").typ.as_deref(),
        Some("logout+jwt")
    );
}

#[test]
fn keys_rotate_and_old_ones_stay_until_forgotten() {
    let provider = provider();
    let kid = |token: &str| jsonwebtoken::decode_header(token).expect("a header").kid;
    let before = kid(&provider.mint(Minted::Access, Value::Null)).expect("a kid");
    provider.rotate_keys();
    assert_ne!(kid(&provider.mint(Minted::Access, Value::Null)).as_ref(), Some(&before));
    assert!(provider.jwks().to_string().contains(&before));
    provider.forget_old_keys();
    assert!(!provider.jwks().to_string().contains(&before));
}

#[test]
fn faults_break_answers_as_told() {
    let provider = provider();
    let get = || {
        client::send(
            provider.port(),
            "GET",
            "/realms/acme/.well-known/openid-configuration",
            &[],
            "",
        )
    };
    let with = |fault| provider.faults(|faults| faults.set(Endpoint::Discovery, fault));
    with(Fault::status(503).times(1));
    assert_eq!(get().expect("an answer").status, 503);
    assert_eq!(get().expect("an answer").status, 200);
    with(Fault::status(503).every(3));
    let statuses: Vec<_> = (0..6).map(|_| get().expect("an answer").status).collect();
    assert_eq!(statuses, [200, 200, 503, 200, 200, 503]);
    with(Fault::close());
    assert!(get().is_none());
    with(Fault::truncated());
    assert!(get().is_none());
    with(Fault::garbage());
    assert!(get().expect("an answer").body.starts_with("<!doctype"));
    with(Fault::huge(2_000_000));
    assert_eq!(get().expect("an answer").body.len(), 2_000_000);
    provider.faults(|faults| faults.clear(Endpoint::Discovery));
    assert_eq!(get().expect("an answer").json()["issuer"], provider.issuer());
    assert_eq!(provider.calls().discovery, 13);
    provider.stop_listening().expect("it stops");
    assert!(get().is_none());
    provider.resume().expect("it goes on");
    assert_eq!(get().expect("an answer").status, 200);
}

#[test]
fn a_held_call_waits_until_it_is_released() {
    let provider = provider();
    provider.faults(|faults| faults.set(Endpoint::Jwks, Fault::hold()));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            client::send(
                provider.port(),
                "GET",
                "/realms/acme/protocol/openid-connect/certs",
                &[],
                "",
            )
        });
        let started = Instant::now();
        while provider.calls().jwks == 0 && started.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        assert!(!held.is_finished());
        provider.faults(|faults| faults.clear(Endpoint::Jwks));
        assert_eq!(held.join().expect("no panic").expect("an answer").status, 200);
    });
}

#[test]
fn a_refresh_can_take_effect_although_its_answer_is_lost() {
    let provider = provider();
    let code = Browser::new(&provider).code(&[]);
    let tokens = redeem(&provider, &code, VERIFIER).json();
    let refresh_token = text(&tokens, "refresh_token");
    provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::close().after_effect().times(1)));
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    assert!(token(&provider, &fields).is_none());
    assert_eq!(refresh(&provider, &refresh_token).json()["error"], "invalid_grant");
}
