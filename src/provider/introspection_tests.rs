//! The introspection endpoint's answers, wrong ones before right ones.

use super::super::fixture;
use super::*;
use crate::config::ClientAuthentication;

fn answer(status: Option<u16>, body: &[u8]) -> Result<Said, IntrospectionError> {
    said(&Answer { status, content_type: None, body })
}

#[test]
fn an_answer_that_is_no_introspection_is_nonsense_and_never_quoted() {
    let deep = format!(r#"{{"active":true,"x":{}}}"#, "[".repeat(100_000));
    let nested = format!(r#"{{"active":true,"x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let huge = format!(r#"{{"active":true,"x":"{}"}}"#, "s3cret".repeat(11_000));
    let cases: [(&[u8], &str); 20] = [
        (b"", "nothing"),
        (b"true", "a boolean"),
        (b"null", "null"),
        (b"\"s3cret\"", "a string"),
        (br#"[{"active":true}]"#, "an array"),
        (b"<html>s3cret</html>", "an HTML page"),
        (br#"{"active":true"#, "other text"),
        (br#"{"active":true} s3cret"#, "other text"),
        (br#"{"active":true,}"#, "other text"),
        (b"{'active':true}", "other text"),
        (b"\xef\xbb\xbf{\"active\":true}", "other text"),
        (b"{\"active\":true,\"sub\":\"\xff\"}", "other text"),
        (br#"{"active":false,"active":true}"#, "twice"),
        (br#"{"active":true,"aud":"s3cret","\u0061ud":"x"}"#, "twice"),
        (br#"{}"#, "active: expected true or false, found nothing"),
        (br#"{"active":"true"}"#, "active: expected true or false, found a string"),
        (br#"{"active":1}"#, "active: expected true or false, found a number"),
        (br#"{"active":null}"#, "active: expected true or false, found null"),
        (br#"{"active":[true]}"#, "active: expected true or false, found an array"),
        (br#"{"Active":true}"#, "active: expected true or false, found nothing"),
    ];
    let long = [(deep.as_bytes(), "at most"), (huge.as_bytes(), "at most 65536 bytes")];
    let bounds = long.into_iter().chain([(nested.as_bytes(), "other text")]);
    for (body, expected) in cases.into_iter().chain(bounds) {
        let error = answer(Some(200), body).err().expect(expected);
        assert!(matches!(error, IntrospectionError::Nonsense(_)), "{expected}");
        let message = error.to_string();
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn an_answer_with_another_status_says_nothing_of_the_token() {
    let body = br#"{"active":true,"aud":"APP-backend"}"#;
    for status in [401, 403] {
        let error = answer(Some(status), body).err();
        assert_eq!(error, Some(IntrospectionError::Refused { status }));
    }
    for status in [None, Some(301), Some(302), Some(429), Some(500), Some(503), Some(504)] {
        let error = answer(status, body).err();
        assert!(matches!(error, Some(IntrospectionError::Unavailable(_))), "{status:?}");
    }
    for status in [0, 100, 201, 204, 206, 400, 404, 405, 499, 600] {
        let error = answer(Some(status), body).err();
        assert!(matches!(error, Some(IntrospectionError::Nonsense(_))), "{status}");
    }
}

#[test]
fn a_token_is_active_or_not() {
    let inactive = answer(Some(200), br#"{"active":false,"aud":"APP-backend"}"#);
    assert!(matches!(inactive, Ok(Said::Inactive)));
    let Ok(Said::Active(json)) = answer(Some(200), br#"{"active":true,"sub":"alice"}"#) else {
        panic!("it is active")
    };
    assert_eq!(json.get("sub").and_then(Json::as_str), Some("alice"));
}

#[test]
fn the_token_goes_out_in_the_form_and_the_client_is_named_as_configured() {
    let token = Secret::new("a+b/c=".to_owned());
    let mut client = fixture::client();
    let (provider, mut metadata) = (fixture::provider(), fixture::metadata());
    let call = introspection_call(&provider, &client, &metadata, &token).unwrap();
    let form = "token=a%2Bb%2Fc%3D&token_type_hint=access_token";
    assert_eq!(call.body, format!("{form}&client_id=APP-frontend").into_bytes());
    assert!(call.headers.contains(&(":path".to_owned(), "/realms/acme/introspect".to_owned())));
    assert!(call.headers.contains(&(":method".to_owned(), "POST".to_owned())));
    assert!(!format!("{call:?}").contains("a+b"));

    client.authentication = ClientAuthentication::SecretBasic(Secret::new("s3cret".to_owned()));
    let call = introspection_call(&provider, &client, &metadata, &token).unwrap();
    assert_eq!(call.body, form.as_bytes());
    let basic =
        |(name, value): &(String, String)| name == "authorization" && value.starts_with("Basic ");
    assert!(call.headers.iter().any(basic));

    metadata.introspection_endpoint = None;
    assert!(introspection_call(&provider, &client, &metadata, &token).is_none());
}
