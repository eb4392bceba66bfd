//! Discovery documents, wrong ones before right ones.

use serde_json::{Value, json};

use super::super::fixture::{self, ISSUER, ok};
use super::*;

fn read(document: &Value, needs_login: bool) -> Result<Metadata, Fault> {
    Metadata::read(&ok(document.to_string().as_bytes()), &fixture::provider(), needs_login)
}

fn with(member: &str, value: Value) -> Value {
    let mut document = fixture::document();
    document[member] = value;
    document
}

fn refusal(document: &Value) -> String {
    read(document, true).unwrap_err().to_string()
}

#[test]
fn the_document_is_at_the_issuer_without_its_trailing_slash() {
    let mut provider = fixture::provider();
    for issuer in [ISSUER.to_owned(), format!("{ISSUER}/")] {
        provider.issuer = config::Issuer::parse(&issuer).unwrap();
        let url = Metadata::url(&provider).unwrap();
        assert_eq!(url.as_str(), format!("{ISSUER}/.well-known/openid-configuration"));
    }
}

#[test]
fn a_document_of_any_other_issuer_is_refused_naming_both() {
    let others = [
        format!("{ISSUER}/"),
        ISSUER.to_uppercase(),
        ISSUER.replace("https", "http"),
        format!("{ISSUER}%2f"),
        "https://op.example:443/realms/acme".to_owned(),
        "https://evil.example".to_owned(),
        String::new(),
    ];
    for other in others {
        let message = refusal(&with("issuer", json!(other)));
        assert!(message.contains(&format!("`{ISSUER}`")), "{message}");
        assert!(message.contains(&format!("found `{other}`")), "{message}");
    }
    assert!(
        refusal(&with("issuer", json!([ISSUER]))).contains("expected a string, found an array")
    );
    let mut document = fixture::document();
    document.as_object_mut().unwrap().remove("issuer");
    assert!(refusal(&document).contains("member `issuer` is missing"));
}

#[test]
fn what_is_no_document_is_refused() {
    let read = |status, body: &[u8]| {
        let answer = Answer { status, content_type: None, body };
        Metadata::read(&answer, &fixture::provider(), true).unwrap_err().to_string()
    };
    let right = fixture::document().to_string();
    assert!(read(None, right.as_bytes()).contains("found none"));
    for status in [201, 204, 302, 401, 404, 421, 429, 500, 503, 504] {
        let message = read(Some(status), right.as_bytes());
        assert!(message.contains(&format!("expected status 200, found {status}; hint: ")));
    }
    let twice = right.replacen('{', &format!("{{\"issuer\":\"{ISSUER}\","), 1);
    let bodies: [&[u8]; 6] = [
        b"",
        b"[]",
        b"<html>",
        b"{\"issuer\":",
        right.trim_end_matches('}').as_bytes(),
        twice.as_bytes(),
    ];
    for body in bodies {
        assert!(read(Some(200), body).contains("expected a JSON object, found"));
    }
    assert!(read(Some(200), " ".repeat(300_000).as_bytes()).contains("at most"));
}

#[test]
fn endpoints_are_absolute_urls_with_the_issuers_tls() {
    let members = ["jwks_uri", "authorization_endpoint", "token_endpoint", "end_session_endpoint"];
    let wrong = [
        json!(7),
        json!([]),
        json!(""),
        json!("/certs"),
        json!("//op.example/certs"),
        json!("javascript:alert(1)"),
        json!("ftp://op.example/"),
        json!("https://user@op.example/"),
        json!("https://op.example/#x"),
        json!("https://op.example/\r\nx: y"),
        json!(format!("https://op.example/{}", "x".repeat(3_000))),
    ];
    for member in members {
        for value in &wrong {
            let message = refusal(&with(member, value.clone()));
            assert!(message.starts_with(&format!("member `{member}`: expected")), "{message}");
            assert!(message.ends_with(&format!("set provider.metadata.{member}")), "{message}");
            assert!(!message.contains(['\r', '\n']) && message.len() < 500);
        }
        let message = refusal(&with(member, json!("http://op.example/x")));
        assert!(message.contains("expected an https URL"), "{message}");
        assert!(message.contains("`http://op.example/x`"), "{message}");
    }
}

#[test]
fn an_issuer_without_tls_may_have_endpoints_without_it() {
    let mut provider = fixture::provider();
    provider.issuer = config::Issuer::parse("http://op.local:8080").unwrap();
    let document = fixture::document()
        .to_string()
        .replace("https://op.example/realms/acme", "http://op.local:8080");
    let metadata = Metadata::read(&ok(document.as_bytes()), &provider, true).unwrap();
    assert_eq!(metadata.jwks_uri.as_str(), "http://op.local:8080/certs");
}

#[test]
fn what_a_login_needs_must_be_there_and_only_for_a_login() {
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for absent in [true, false] {
            let mut document = with(member, Value::Null);
            if absent {
                document.as_object_mut().unwrap().remove(member);
            }
            let message = refusal(&document);
            assert!(message.contains(&format!("`{member}` is missing")), "{message}");
            assert_eq!(read(&document, false).is_ok(), member != "jwks_uri");
        }
    }
    let least =
        json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/certs"), "token_endpoint": 7});
    let metadata = read(&least, false).unwrap();
    assert!(metadata.authorization_endpoint.is_none() && metadata.token_endpoint.is_none());
}

#[test]
fn pkce_is_never_downgraded() {
    let member = "code_challenge_methods_supported";
    for (value, found) in [
        (json!(["plain"]), "found `plain`"),
        (json!([]), "found none"),
        (json!(["s256", "S256 "]), "found `s256`, `S256 `"),
        (json!("S256"), "found a string"),
        (json!([["S256"]]), "found an array"),
    ] {
        let message = refusal(&with(member, value.clone()));
        assert!(message.contains(found), "{message}");
        assert!(read(&with(member, value), false).is_ok(), "no login, no PKCE");
    }
    assert!(read(&with(member, Value::Null), true).is_ok());
}

#[test]
fn a_right_document_is_read_and_unknown_members_are_ignored() {
    let mut document = with("token_endpoint_auth_methods_supported", json!(["none", "x\n"]));
    document["x"] = json!({"issuer": "https://evil.example"});
    let metadata = read(&document, true).unwrap();
    let expected = fixture::metadata();
    assert_eq!(metadata.jwks_uri.as_str(), expected.jwks_uri.as_str());
    assert_eq!(
        metadata.token_endpoint.unwrap().as_str(),
        expected.token_endpoint.unwrap().as_str()
    );
    assert!(metadata.authorization_endpoint.is_some() && metadata.end_session_endpoint.is_some());
    assert!(metadata.iss_parameter_supported);
    assert_eq!(metadata.token_endpoint_auth_methods.unwrap(), ["none", "x?"]);
    let advertised = "authorization_response_iss_parameter_supported";
    assert!(!read(&with(advertised, Value::Null), true).unwrap().iss_parameter_supported);
    assert!(refusal(&with(advertised, json!("true"))).contains("expected a boolean"));
}

#[test]
fn what_the_operator_sets_overrides_the_document() {
    let mut provider = fixture::provider();
    provider.metadata.token_endpoint = Some(fixture::url("http://keycloak:8080/token"));
    provider.metadata.authorization_response_iss_parameter_supported = Some(false);
    let document = with("token_endpoint", json!(["nonsense"])).to_string();
    let metadata = Metadata::read(&ok(document.as_bytes()), &provider, true).unwrap();
    assert_eq!(metadata.token_endpoint.unwrap().as_str(), "http://keycloak:8080/token");
    assert!(!metadata.iss_parameter_supported);
    assert_eq!(metadata.jwks_uri.as_str(), format!("{ISSUER}/certs"));
}

#[test]
fn without_discovery_all_that_is_needed_must_be_configured() {
    let mut provider = fixture::provider();
    let missing = |provider: &config::Provider, login| {
        Metadata::fixed(provider, login).err().map(|fault| fault.to_string())
    };
    assert!(missing(&provider, false).unwrap().contains("`jwks_uri` is missing"));
    provider.metadata.jwks_uri = Some(fixture::url("https://op.example/certs"));
    assert_eq!(missing(&provider, false), None);
    assert!(missing(&provider, true).unwrap().contains("`authorization_endpoint` is missing"));
}

#[test]
fn where_tokens_are_opaque_the_provider_says_where_it_is_asked_about_them() {
    let read = |document: &Value, introspects| {
        let provider = config::Provider { introspects, ..fixture::provider() };
        Metadata::read(&ok(document.to_string().as_bytes()), &provider, false)
    };
    let known = read(&fixture::document(), true).unwrap();
    let endpoint = known.introspection_endpoint.unwrap();
    assert_eq!(endpoint.as_str(), format!("{ISSUER}/introspect"));
    let none = with("introspection_endpoint", json!(null));
    assert!(read(&none, false).is_ok());
    assert_eq!(
        read(&none, true).unwrap_err().to_string(),
        "member `introspection_endpoint` is missing; hint: set \
         provider.metadata.introspection_endpoint; where the provider's access tokens are JWT, \
         leave access_token.format out"
    );
    for wrong in [json!("/introspect"), json!(["https://op.example"]), json!("http://op.example/i")]
    {
        assert!(read(&with("introspection_endpoint", wrong), true).is_err());
    }
    let given = config::MetadataOverrides {
        introspection_endpoint: Some(fixture::url("https://op.example/i")),
        ..config::MetadataOverrides::default()
    };
    let provider = config::Provider { introspects: true, metadata: given, ..fixture::provider() };
    let known = Metadata::read(&ok(none.to_string().as_bytes()), &provider, false).unwrap();
    assert_eq!(known.introspection_endpoint.unwrap().as_str(), "https://op.example/i");
}
