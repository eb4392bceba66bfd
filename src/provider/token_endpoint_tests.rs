//! The token endpoint's answers, wrong ones before right ones.

use super::super::fixture;
use super::*;
use crate::config::ClientAuthentication;

fn answer(status: u16, body: &str) -> Result<TokenAnswer, TokenError> {
    token_answer(&Answer { status: Some(status), content_type: None, body: body.as_bytes() })
}

fn header<'a>(call: &'a HttpCall, name: &str) -> Option<&'a str> {
    call.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[test]
fn an_answer_that_is_not_200_with_tokens_is_nonsense_and_never_quoted() {
    let cases = [
        ("", "nothing"),
        ("<html>s3cret</html>", "an HTML page"),
        (r#"["s3cret"]"#, "an array"),
        (r#"{"access_token":"s3cret","token_type":"Bearer""#, "other text"),
        (r#"{"access_token":"s3cret","access_token":"s3cret","token_type":"Bearer"}"#, "twice"),
        (r#"{"access_token":"s3cret"}"#, "token_type Bearer, found none"),
        (r#"{"access_token":"s3cret","token_type":null}"#, "found null"),
        (r#"{"access_token":"s3cret","token_type":["Bearer"]}"#, "found an array"),
        (r#"{"access_token":"s3cret","token_type":"s3cret"}"#, "another type"),
        (r#"{"access_token":"s3cret","token_type":"DPoP"}"#, "found DPoP"),
        (r#"{"token_type":"Bearer"}"#, "neither"),
        (r#"{"token_type":"Bearer","refresh_token":"s3cret"}"#, "neither"),
        (r#"{"token_type":"Bearer","access_token":""}"#, "empty"),
        (r#"{"token_type":"Bearer","access_token":{"a":"s3cret"}}"#, "found an object"),
        (r#"{"token_type":"Bearer","access_token":"s3cret\r\nx: y"}"#, "no token has"),
        (r#"{"token_type":"Bearer","access_token":"s3cret é"}"#, "no token has"),
        (
            r#"{"token_type":"Bearer","access_token":"a","id_token":7}"#,
            "id_token: expected a string",
        ),
        (r#"{"token_type":"Bearer","access_token":"a","refresh_token":" "}"#, "refresh_token"),
        (r#"{"error":"invalid_grant"}"#, "token_type"),
    ];
    for (body, expected) in cases {
        let error = answer(200, body).unwrap_err();
        assert!(matches!(error, TokenError::Nonsense(_)), "{body}");
        let message = error.to_string();
        assert!(message.contains(expected), "{body}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
    for status in [100, 201, 204, 206, 600] {
        let body = r#"{"access_token":"a","token_type":"Bearer"}"#;
        assert!(matches!(answer(status, body).unwrap_err(), TokenError::Nonsense(_)), "{status}");
    }
}

#[test]
fn tokens_and_answers_are_bounded() {
    let of = |length: usize| {
        format!(r#"{{"token_type":"Bearer","access_token":"{}"}}"#, "x".repeat(length))
    };
    assert!(answer(200, &of(LONGEST_TOKEN)).is_ok());
    assert!(answer(200, &of(LONGEST_TOKEN + 1)).is_err());
    assert!(answer(200, &of(LONGEST_BODY)).is_err());
    assert!(matches!(answer(400, &of(LONGEST_BODY)), Err(TokenError::Nonsense(_))));
}

#[test]
fn right_answers_bring_their_tokens_whatever_expires_in_says() {
    for odd in ["", r#","expires_in":"soon""#, r#","expires_in":-1"#, r#","expires_in":1e300"#] {
        let body = format!(
            r#"{{"access_token":"a.b","id_token":"c","refresh_token":"d","token_type":"bEARER"{odd},"scope":"openid"}}"#
        );
        let tokens = answer(200, &body).unwrap();
        assert!(tokens.access_token.unwrap().equals("a.b"));
        assert!(tokens.id_token.unwrap().equals("c"));
        assert!(tokens.refresh_token.unwrap().equals("d"));
    }
    let tokens =
        answer(200, r#"{"access_token":"a","token_type":"Bearer","refresh_token":null}"#).unwrap();
    assert!(tokens.id_token.is_none() && tokens.refresh_token.is_none());
    assert!(!format!("{tokens:?}").contains("\"a\""));
}

#[test]
fn what_may_pass_is_unavailable_and_ends_no_session() {
    let body = r#"{"error":"invalid_grant"}"#;
    for status in [301, 302, 307, 429, 500, 502, 503, 504] {
        let error = answer(status, body).unwrap_err();
        assert_eq!(error, TokenError::Unavailable { status: Some(status) });
        assert!(!error.invalid_grant());
    }
    let none = token_answer(&Answer { status: None, content_type: None, body: b"" }).unwrap_err();
    assert_eq!(none, TokenError::Unavailable { status: None });
    assert!(none.to_string().contains("found no answer"));
}

#[test]
fn only_invalid_grant_with_400_or_401_ends_a_session() {
    let cases = [
        (400, r#"{"error":"invalid_grant"}"#, true),
        (401, r#"{"error":"invalid_grant","error_description":"Stale token"}"#, true),
        (403, r#"{"error":"invalid_grant"}"#, false),
        (404, r#"{"error":"invalid_grant"}"#, false),
        (400, r#"{"error":"Invalid_Grant"}"#, false),
        (400, r#"{"error":"invalid_grants"}"#, false),
        (400, r#"{"error":"invalid_client"}"#, false),
        (400, r#"{"error_description":"invalid_grant"}"#, false),
        (400, r#"{"error":{"error":"invalid_grant"}}"#, false),
        (400, r#"[{"error":"invalid_grant"}]"#, false),
        (400, r#"{"error":"x","error":"invalid_grant"}"#, false),
        (400, "invalid_grant", false),
    ];
    for (status, body, expected) in cases {
        assert_eq!(answer(status, body).unwrap_err().invalid_grant(), expected, "{status} {body}");
    }
}

#[test]
fn a_refusal_is_shown_printable_bounded_and_without_anything_like_a_token() {
    let long = "word ".repeat(100);
    let token = format!("eyJ{}.eyJ{}.sig", "x".repeat(40), "y".repeat(40));
    let cases = [
        ("Stale token", "Stale token".to_owned()),
        ("a\u{0}\r\nb\u{1b}[31m é \"q\"\\", "ab[31m  q".to_owned()),
        (&long, format!("{}...", "word ".repeat(40))),
        (&format!("code {token}, try again"), "code [..]  try again".to_owned()),
    ];
    for (found, expected) in cases {
        let body = serde_json::json!({"error": "invalid_request", "error_description": found});
        let error = answer(400, &body.to_string()).unwrap_err();
        let TokenError::Refused { error, description } = error else { panic!() };
        assert_eq!(error, "invalid_request");
        assert_eq!(description.unwrap(), expected);
    }
    let message = answer(401, r#"{"error":"unauthorized_client","error_description":"Bad"}"#);
    let message = message.unwrap_err().to_string();
    assert!(
        message.starts_with(
            "the token endpoint refused: unauthorized_client (Bad); hint: compare client.client_id"
        ),
        "{message}"
    );
}

#[test]
fn a_4xx_without_an_oauth_error_is_nonsense() {
    for body in ["", "<html>login</html>", "{}", r#"{"error":7}"#, r#"{"error":""}"#, "null"] {
        let error = answer(404, body).unwrap_err();
        assert!(matches!(error, TokenError::Nonsense(_)), "{body}");
        assert!(!error.to_string().contains("html"), "{error}");
    }
    let error = answer(400, r#"{"error":"invalid_scope","error_description":7}"#).unwrap_err();
    assert!(matches!(error, TokenError::Refused { description: None, .. }));
}

#[test]
fn a_code_goes_out_with_its_verifier_and_the_same_redirect_uri() {
    let mut provider = fixture::provider();
    let (client, metadata) = (fixture::client(), fixture::metadata());
    let redirect_uri = "https://app.example/oauth2/callback";
    let (code, verifier) = (secret("c&de"), secret("verifier"));
    let call = |provider: &config::Provider| {
        code_call(provider, &client, &metadata, &code, &verifier, redirect_uri).unwrap()
    };
    let first = call(&provider);
    let expected = [
        (":method", "POST"),
        (":path", "/realms/acme/token"),
        (":authority", "op.example"),
        (":scheme", "https"),
        ("accept", "application/json"),
        ("user-agent", concat!("oidc-gate/", env!("CARGO_PKG_VERSION"))),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let found: Vec<_> = first.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(found, expected);
    assert_eq!(
        String::from_utf8(first.body.clone()).unwrap(),
        "grant_type=authorization_code&code=c%26de\
         &redirect_uri=https%3A%2F%2Fapp.example%2Foauth2%2Fcallback&code_verifier=verifier&client_id=APP-frontend"
    );
    assert_eq!((first.cluster.as_str(), first.timeout), ("keycloak", provider.timeout));
    provider.authority = Some("keycloak.internal:8080".to_owned());
    assert_eq!(header(&call(&provider), ":authority"), Some("keycloak.internal:8080"));
}

#[test]
fn a_refresh_authenticates_and_nothing_of_it_prints() {
    let mut client = fixture::client();
    client.authentication = ClientAuthentication::SecretBasic(secret("s3cret"));
    let token = secret("r3fresh");
    let call = refresh_call(&fixture::provider(), &client, &fixture::metadata(), &token).unwrap();
    assert_eq!(call.body, b"grant_type=refresh_token&refresh_token=r3fresh");
    assert_eq!(header(&call, "authorization"), Some("Basic QVBQLWZyb250ZW5kOnMzY3JldA=="));
    assert_eq!(
        format!("{call:?}"),
        "HttpCall { cluster: \"keycloak\", method: \"POST\", authority: \"op.example\", path: \"/realms/acme/token\", body: [46 bytes], timeout: 5s, .. }"
    );
    let mut metadata = fixture::metadata();
    metadata.token_endpoint = None;
    assert!(refresh_call(&fixture::provider(), &client, &metadata, &token).is_none());
}
