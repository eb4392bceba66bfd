//! `oidc-gate check --online`: the development provider is asked, and lies.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use oidc_gate_dev::{Calls, DevProvider, Endpoint, Fault, ProviderOptions};
use serde_json::{Value, json};

use crate::{Run, run};

fn provider() -> DevProvider {
    DevProvider::start(ProviderOptions::default()).unwrap()
}

/// A configuration for `issuer`, with more sections below.
pub(crate) fn configuration(issuer: &str, more: &str) -> String {
    format!(
        "provider: {{issuer: '{issuer}', cluster: keycloak, timeout: 2s}}
client: {{client_id: APP-frontend, client_secret: {{env: CLIENT_SECRET}}}}
access_token: {{audiences: [APP-backend]}}
session: {{keys: [{{env: SESSION_KEY}}]}}
{more}"
    )
}

fn ask(issuer: &str, more: &str) -> Run {
    run(&["check", "--online", "-"], &configuration(issuer, more))
}

/// Asks, and gives back the line of a check with the advice below it, if any.
fn check(provider: &DevProvider, name: &str) -> (i32, String) {
    check_with(provider, "", name)
}

fn check_with(provider: &DevProvider, more: &str, name: &str) -> (i32, String) {
    let ran = ask(&provider.issuer(), more);
    let mut lines =
        ran.stdout.lines().skip_while(|line| line.split_whitespace().nth(1) != Some(name));
    let first = lines.next().unwrap_or_else(|| panic!("no check {name}: {ran:?}"));
    let advice = lines.next().filter(|line| line.trim_start().starts_with("= "));
    (
        ran.code,
        format!(
            "{}{}",
            first.trim(),
            advice.map_or_else(String::new, |it| format!(" {}", it.trim()))
        ),
    )
}

/// What the document says instead.
fn says(provider: &DevProvider, name: &str, value: Value) {
    provider.faults(|faults| {
        faults.discovery.clear();
        faults.discovery.insert(name.to_owned(), value);
    });
}

#[test]
fn a_provider_that_fits_passes_every_check_and_is_sent_no_secret() {
    let provider = provider();
    let issuer = provider.issuer();
    let ran = ask(&issuer, "");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.contains(&format!("\nprovider: {issuer}/.well-known/openid-configuration\n"))
    );
    assert!(
        ran.stdout.contains(&format!("  ok       issuer         \"{issuer}\", to the letter\n"))
    );
    for name in [
        "discovery",
        "issuer",
        "endpoints",
        "logout",
        "algorithms",
        "response_type",
        "pkce",
        "iss",
        "scope",
        "grants",
        "client",
        "keys",
        "id_token",
        "access_token",
    ] {
        assert!(
            ran.stdout.contains(&format!("\n  ok       {name:<14} ")),
            "{name}: {}",
            ran.stdout
        );
    }
    assert!(!ran.stdout.contains("error") && !ran.stdout.contains("warning"), "{}", ran.stdout);
    assert_eq!(provider.calls(), Calls { discovery: 1, jwks: 1, ..Calls::default() });
}

#[test]
fn another_issuer_is_refused_in_the_words_of_the_gate_and_its_keys_are_not_asked_for() {
    let provider = provider();
    let (code, line) = check_with(&provider, "", "issuer");
    assert!(code == 0 && line.starts_with("ok"), "{line}");
    says(&provider, "issuer", json!(format!("{}/", provider.issuer())));
    let (code, line) = check(&provider, "issuer");
    let issuer = provider.issuer();
    let expected = format!("expected issuer `{issuer}`, to the letter, found `{issuer}/`");
    assert!(code == 1 && line.starts_with("error") && line.contains(&expected), "{line}");
    assert!(line.contains("= write provider.issuer as the provider spells it"), "{line}");
    assert_eq!(provider.calls().jwks, 1, "by the first run alone");
}

#[test]
fn what_the_document_says_is_compared_with_the_configuration() {
    let provider = provider();
    let exchange = "rules: [{match: {path: /a}, access_token: {audiences: [good], acquire: token_exchange, scope: [good-service]}}]";
    for (member, value, more, name, code, words) in [
        (
            "code_challenge_methods_supported",
            json!(["plain"]),
            "",
            "pkce",
            1,
            "error expected `S256` among them, found `plain`",
        ),
        (
            "code_challenge_methods_supported",
            Value::Null,
            "",
            "pkce",
            0,
            "warning found no such list: it is sent all the same",
        ),
        (
            "id_token_signing_alg_values_supported",
            json!(["HS256"]),
            "",
            "algorithms",
            1,
            "error found \"HS256\"",
        ),
        (
            "id_token_signing_alg_values_supported",
            json!(["RS256", "HS256"]),
            "",
            "algorithms",
            0,
            "ok \"RS256\" (not accepted: \"HS256\")",
        ),
        (
            "id_token_signing_alg_values_supported",
            json!(["RS256"]),
            "id_token: {signing_algorithms: [ES256]}",
            "algorithms",
            1,
            "error expected one of ES256, found \"RS256\"",
        ),
        (
            "token_endpoint",
            Value::Null,
            "",
            "metadata",
            1,
            "error member `token_endpoint` is missing",
        ),
        (
            "jwks_uri",
            json!("https://other.example/keys"),
            "",
            "endpoints",
            1,
            "warning \"other.example\"",
        ),
        (
            "end_session_endpoint",
            Value::Null,
            "",
            "logout",
            0,
            "warning expected `end_session_endpoint`, found none",
        ),
        (
            "authorization_response_iss_parameter_supported",
            json!(false),
            "",
            "iss",
            0,
            "note `state` alone",
        ),
        ("require_pushed_authorization_requests", json!(true), "", "par", 1, "error (RFC 9126)"),
        (
            "pushed_authorization_request_endpoint",
            json!("https://op.example/par"),
            "",
            "par",
            0,
            "note not used by the gate yet",
        ),
        (
            "dpop_signing_alg_values_supported",
            json!(["ES256"]),
            "",
            "dpop",
            0,
            "note not used by the gate yet",
        ),
        ("require_signed_request_object", json!(true), "", "request_object", 1, "error (RFC 9101)"),
        (
            "response_types_supported",
            json!(["id_token"]),
            "",
            "response_type",
            1,
            "error found \"id_token\"",
        ),
        (
            "token_endpoint_auth_methods_supported",
            json!(["private_key_jwt"]),
            "",
            "client",
            0,
            "warning `client_secret_basic`",
        ),
        ("scopes_supported", json!(["openid"]), "", "scope", 0, "ok \"openid\""),
        (
            "scopes_supported",
            json!(["openid"]),
            exchange,
            "scope",
            0,
            "warning expected \"good-service\" in `scopes_supported`",
        ),
        (
            "grant_types_supported",
            json!(["authorization_code", "refresh_token"]),
            "",
            "grants",
            0,
            "ok \"refresh_token\"",
        ),
        (
            "grant_types_supported",
            json!(["authorization_code", "refresh_token"]),
            exchange,
            "grants",
            0,
            "warning token-exchange",
        ),
        (
            "grant_types_supported",
            json!(["authorization_code"]),
            "",
            "grants",
            0,
            "warning \"refresh_token\"",
        ),
    ] {
        says(&provider, member, value.clone());
        let (found, line) = check_with(&provider, more, name);
        let (word, words) = words.split_once(' ').unwrap();
        assert!(line.starts_with(word) && line.contains(words), "{member}: {value}: {line}");
        assert_eq!(found, code, "{member}: {value}: {line}");
    }
}

#[test]
fn opaque_tokens_need_a_place_to_ask_about_them() {
    let provider = provider();
    let opaque = "access_token: {audiences: [APP-backend], format: opaque}";
    let issuer = provider.issuer();
    let text =
        configuration(&issuer, "").replace("access_token: {audiences: [APP-backend]}", opaque);
    let ran = run(&["check", "--online", "-"], &text);
    assert!(ran.code == 0 && ran.stdout.contains("ok       introspection"), "{ran:?}");
    assert!(!ran.stdout.contains("access_token  "), "no key is for them: {ran:?}");
    says(&provider, "introspection_endpoint", Value::Null);
    let ran = run(&["check", "--online", "-"], &text);
    assert!(ran.code == 1 && ran.stdout.contains("`introspection_endpoint` is missing"), "{ran:?}");
}

#[test]
fn keys_must_be_there_for_what_is_accepted_and_those_left_out_are_told() {
    let provider = provider();
    provider.faults(|faults| {
        faults.more_keys = vec![json!({"kty": "oct", "kid": "hmac\u{1b}[31m", "k": "AAAA"})];
    });
    let (code, line) = check(&provider, "keys");
    assert!(code == 0 && line.starts_with("note"), "{line}");
    assert!(line.contains("keys[0] (kid `hmac?[31m`): its kind is `oct`"), "{line}");
    let accepted = "id_token: {signing_algorithms: [EdDSA]}";
    provider.faults(|faults| {
        faults.more_keys = provider.jwks()["keys"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|key| key["kty"] == "RSA")
            .cloned()
            .collect();
        faults.no_keys = true;
    });
    let (code, line) = check_with(&provider, accepted, "id_token");
    assert!(code == 1 && line.contains("expected a key for one of EdDSA, found none"), "{line}");
    provider.faults(|faults| faults.more_keys.clear());
    let (code, line) = check(&provider, "keys");
    assert!(code == 1 && line.contains("expected at least one key that verifies"), "{line}");
}

#[test]
fn whatever_comes_instead_of_a_document_is_named_and_never_quoted() {
    let provider = provider();
    let page = "<html><body>please log in, hunter2</body></html>";
    for (fault, words) in [
        (Fault::status(404), "expected status 200, found 404 = check the path of provider.issuer"),
        (Fault::status(302), "found 302 = redirects are not followed"),
        (Fault::body(200, "text/html", page), "expected a JSON object, found an HTML page"),
        (Fault::huge(300 * 1024), "at most 262144"),
        (Fault::truncated(), "expected an answer: "),
        (Fault::close(), "expected an answer: "),
        (Fault::hold(), "expected an answer: found none within 2s"),
    ] {
        for endpoint in [Endpoint::Discovery, Endpoint::Jwks] {
            let name = if endpoint == Endpoint::Discovery { "discovery" } else { "keys" };
            provider.faults(|faults| faults.set(endpoint, fault.clone()));
            let (code, line) = check(&provider, name);
            assert!(line.starts_with("error") && line.contains(words), "{words}: {line}");
            assert!(code == 1 && !line.contains("hunter2"), "{line}");
            provider.faults(|faults| faults.clear(endpoint));
        }
    }
    provider.stop_listening().unwrap();
    assert!(check(&provider, "discovery").1.contains("= check the address"));
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let provider = provider();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let to = format!("{}/.well-known/openid-configuration", provider.issuer());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.is_empty()));
        let answer = format!("HTTP/1.1 301 Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let ran = ask(&format!("http://{address}"), "");
    assert!(ran.code == 1 && ran.stdout.contains("found 301"), "{ran:?}");
    assert!(ran.stdout.contains("= redirects are not followed"), "{ran:?}");
    assert_eq!(provider.calls(), Calls::default());
}

#[test]
fn metadata_that_is_configured_is_not_fetched_and_its_keys_are() {
    let provider = provider();
    let issuer = provider.issuer();
    let endpoints = format!(
        "discovery: false, metadata: {{authorization_endpoint: '{issuer}/a', token_endpoint: '{issuer}/t', \
         jwks_uri: '{issuer}/protocol/openid-connect/certs'}}"
    );
    let text = configuration(&issuer, "").replace("timeout: 2s", &endpoints);
    let ran = run(&["check", "--online", "-"], &text);
    assert!(ran.stdout.contains("note     discovery      not asked for"), "{ran:?}");
    assert!(ran.code == 0 && ran.stdout.contains("ok       id_token"), "{ran:?}");
    assert_eq!(provider.calls(), Calls { jwks: 1, ..Calls::default() });
}

#[test]
fn programs_get_a_line_a_check_with_the_line_of_its_key() {
    let provider = provider();
    says(&provider, "end_session_endpoint", Value::Null);
    let text = configuration(&provider.issuer(), "logout:\n  post_logout_redirect_uri: /bye\n");
    let arguments = ["check", "--online", "--format", "json", "-"];
    let ran = run(&arguments, &text);
    let lines: Vec<Value> =
        ran.stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let logout = lines.iter().find(|line| line["check"] == "logout").unwrap();
    assert_eq!((&logout["severity"], &logout["line"]), (&json!("warning"), &json!(6)));
    assert!(lines.iter().any(|line| line["check"] == "issuer" && line["severity"] == "ok"));
    assert_eq!(ran.code, 0);
    assert_eq!(run(&[&arguments[..], &["--deny-warnings"]].concat(), &text).code, 1);
}

#[test]
fn a_configuration_that_is_wrong_asks_nobody() {
    let provider = provider();
    let ran = ask(&provider.issuer(), "nonsense: 1");
    assert!(ran.code == 1 && ran.stderr.contains("its provider is not asked"), "{ran:?}");
    assert_eq!(provider.calls().discovery, 0);
}
