//! What clients that find the provider by themselves need of it: metadata (RFC 8414), registration (RFC 7591), and
//! tokens for the resource that they name (RFC 8707).

mod client;

use client::{Browser, CALLBACK, VERIFIER, claims, redeem, send, text, token};
use oidc_gate_dev::{DevProvider, ProviderOptions};
use serde_json::{Value, json};

const RESOURCE: &str = "http://127.0.0.1:10000/mcp";
const TOKEN: &str = "/realms/acme/protocol/openid-connect/token";

fn provider() -> DevProvider {
    DevProvider::start(ProviderOptions::default()).expect("a free port")
}

fn register(provider: &DevProvider, metadata: &Value) -> (u16, Value) {
    let path = "/realms/acme/clients-registrations/openid-connect";
    let headers = [("content-type", "application/json")];
    let answer = send(provider.port(), "POST", path, &headers, &metadata.to_string());
    let answer = answer.expect("an answer");
    (answer.status, answer.json())
}

/// A token request of a client without a secret.
fn public(provider: &DevProvider, fields: &[(&str, &str)]) -> (u16, Value) {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = send(provider.port(), "POST", TOKEN, &headers, &body).expect("an answer");
    (answer.status, answer.json())
}

fn code<'a>(code: &'a str, client: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

#[test]
fn metadata_is_where_rfc_8414_has_it_and_the_same() {
    let provider = provider();
    let at = |path: &str| send(provider.port(), "GET", path, &[], "").expect("an answer");
    let oauth = at("/.well-known/oauth-authorization-server/realms/acme");
    let openid = at("/realms/acme/.well-known/openid-configuration");
    assert_eq!((oauth.status, oauth.json()), (200, openid.json()));
    assert!(oauth.json()["registration_endpoint"].is_string());
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/realms/x",
    ] {
        assert_eq!(at(path).status, 404, "{path}");
    }
}

#[test]
fn a_client_registers_itself_and_gets_tokens_for_the_resource_alone() {
    let provider = provider();
    let (status, registered) = register(
        &provider,
        &json!({
            "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic",
        }),
    );
    assert_eq!((status, &registered["token_endpoint_auth_method"]), (201, &json!("none")));
    let id = text(&registered, "client_id");
    let mut browser = Browser::new(&provider);
    let changes = [("client_id", id.as_str()), ("resource", RESOURCE)];
    let (status, tokens) = public(&provider, &code(&browser.code(&changes), &id));
    assert_eq!(status, 200, "{tokens}");
    let access = claims(&text(&tokens, "access_token"));
    assert_eq!((&access["aud"], &access["azp"]), (&json!(RESOURCE), &json!(id)));
    assert_eq!(claims(&text(&tokens, "id_token"))["aud"], id);

    let old = text(&tokens, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &old), ("client_id", &id)];
    let (status, renewed) = public(&provider, &fields);
    assert_eq!(status, 200, "{renewed}");
    assert_eq!(claims(&text(&renewed, "access_token"))["aud"], RESOURCE);
}

#[test]
fn what_one_client_got_is_of_no_use_to_another() {
    let provider = provider();
    let (_, registered) = register(&provider, &json!({"redirect_uris": [CALLBACK]}));
    let id = text(&registered, "client_id");
    let mut browser = Browser::new(&provider);
    let answer = redeem(&provider, &browser.code(&[("client_id", &id)]), VERIFIER);
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")));
    let (status, _) = public(&provider, &code(&browser.code(&[]), &id));
    assert_eq!(status, 400, "nor is that of the client with a secret");
    let (_, tokens) = public(&provider, &code(&browser.code(&[("client_id", &id)]), &id));
    let old = text(&tokens, "refresh_token");
    let answer = client::refresh(&provider, &old);
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")));
    let (status, _) = public(&provider, &code(&browser.code(&[]), "unknown"));
    assert_eq!(status, 401);
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(public(&provider, &[("grant_type", exchange), ("client_id", &id)]).0, 403);
}

#[test]
fn a_registered_client_is_sent_to_its_own_addresses_on_this_machine_only() {
    let provider = provider();
    for wrong in
        [json!({}), json!({"redirect_uris": []}), json!({"redirect_uris": ["https://a.example/"]})]
    {
        let (status, answer) = register(&provider, &wrong);
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_redirect_uri")), "{wrong}");
    }
    let (_, registered) = register(&provider, &json!({"redirect_uris": ["http://127.0.0.1:9/cb"]}));
    let id = text(&registered, "client_id");
    assert_eq!(Browser::new(&provider).authorize(&[("client_id", &id)]).status, 400);
}

#[test]
fn a_resource_is_absolute_and_of_those_that_were_granted() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    let first = browser.code(&[("resource", RESOURCE)]);
    let refused = browser.authorize(&[("resource", "mcp")]).parameters();
    assert_eq!(refused["error"], "invalid_target");
    let fields = |code: &str, resource: &str| {
        let mut fields = code_fields(code);
        fields.push(("resource".to_owned(), resource.to_owned()));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        token(&provider, &fields).expect("an answer")
    };
    let other = fields(&first, "https://other.example");
    assert_eq!((other.status, &other.json()["error"]), (400, &json!("invalid_target")));
    let same = fields(&browser.code(&[("resource", RESOURCE)]), RESOURCE);
    assert_eq!(claims(&text(&same.json(), "access_token"))["aud"], RESOURCE);
    let late = fields(&browser.code(&[]), RESOURCE);
    assert_eq!(claims(&text(&late.json(), "access_token"))["aud"], RESOURCE);
}

fn code_fields(code: &str) -> Vec<(String, String)> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
