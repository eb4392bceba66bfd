//! Opaque tokens and introspection at the development provider (RFC 7662), as a plain client sees it.

mod client;

use client::{Answer, Browser, VERIFIER, claims, redeem, refresh, send, text};
use oidc_gate_dev::{DevProvider, Endpoint, Fault, Minted, ProviderOptions};
use serde_json::{Value, json};

const INTROSPECT: &str = "/realms/acme/protocol/openid-connect/token/introspect";

fn opaque() -> DevProvider {
    let options = ProviderOptions { opaque_access_tokens: true, ..ProviderOptions::default() };
    DevProvider::start(options).expect("a free port")
}

fn ask(provider: &DevProvider, token: &str, secret: &str) -> Answer {
    let fields = [("client_id", "APP-frontend"), ("client_secret", secret), ("token", token)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(provider.port(), "POST", INTROSPECT, &headers, &body).expect("an answer")
}

fn introspect(provider: &DevProvider, token: &str) -> Value {
    ask(provider, token, &provider.options().client_secret).json()
}

#[test]
fn an_opaque_token_says_nothing_and_the_provider_says_what_it_means() {
    let provider = opaque();
    let code = Browser::new(&provider).code(&[]);
    let first = redeem(&provider, &code, VERIFIER).json();
    let tokens = refresh(&provider, &text(&first, "refresh_token")).json();
    let token = text(&tokens, "access_token");
    assert!(!token.contains('.') && token != text(&first, "access_token"), "{token}");
    assert_eq!(claims(&text(&tokens, "id_token"))["at_hash"].as_str().map(str::len), Some(22));
    let said = introspect(&provider, &token);
    assert_eq!((&said["active"], &said["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!(said["aud"], json!(["APP-backend", "account"]));
    assert_eq!(said["iss"], provider.issuer());
    provider.end_sessions();
    assert_eq!(introspect(&provider, &token), json!({"active": false}));
    assert_eq!(introspect(&provider, "garbage"), json!({"active": false}));
    assert_eq!(provider.calls().introspection, 3);
}

#[test]
fn a_minted_token_ends_with_its_exp_alone_and_faults_change_what_is_said() {
    let provider = opaque();
    let token = provider.mint(Minted::Access, json!({}));
    assert_eq!(introspect(&provider, &token)["active"], true);
    let over = provider.mint(Minted::Access, json!({"exp": 1}));
    assert_eq!(introspect(&provider, &over), json!({"active": false}));
    provider.faults(|faults| {
        faults.introspection.insert("aud".into(), Value::Null);
        faults.introspection.insert("scope".into(), "other".into());
    });
    let said = introspect(&provider, &token);
    assert!(said.get("aud").is_none() && said["scope"] == "other", "{said}");
    provider.faults(|faults| faults.set(Endpoint::Introspection, Fault::status(500)));
    assert_eq!(ask(&provider, &token, &provider.options().client_secret).status, 500);
    provider.faults(|faults| faults.clear(Endpoint::Introspection));
    assert_eq!(ask(&provider, &token, "wrong").status, 401);
}
