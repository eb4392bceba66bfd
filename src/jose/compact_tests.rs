//! What is a JWS, and what only looks like one.

use super::*;

/// The text with this header, `{}` as payload and two bytes as signature.
fn text(header: &str) -> String {
    format!("{}.{}.AAA", base64url::encode(header.as_bytes()), base64url::encode(b"{}"))
}

fn error(raw: &str) -> JwsError {
    Jws::split(raw).unwrap_err()
}

#[test]
fn a_token_is_taken_apart() {
    let raw = text(r#"{"typ":"at+jwt","alg":"RS256","kid":"k 1","more":{"alg":"x"}}"#);
    let jws = Jws::split(&raw).unwrap();
    assert_eq!(jws.unverified_alg(), "RS256");
    assert_eq!(jws.unverified_typ(), Some("at+jwt"));
    assert_eq!(jws.unverified_kid(), Some("k 1"));
    assert_eq!(jws.unverified_payload(), b"{}");
    assert_eq!(jws.signed(), raw.strip_suffix(".AAA").unwrap().as_bytes());
    assert_eq!(jws.signature(), [0, 0]);
}

#[test]
fn only_three_parts_are_a_token() {
    for (raw, found) in [
        ("", 1),
        ("opaque", 1),
        ("e30.e30", 2),
        ("e30.e30.e30.e30", 4),
        ("e30.e30.e30.e30.e30.e30", 6),
    ] {
        assert_eq!(error(raw), JwsError::Parts { found }, "{raw:?}");
    }
    assert_eq!(error(&".".repeat(65_000)), JwsError::Parts { found: 65_001 });
}

#[test]
fn an_encrypted_token_is_called_so() {
    // RFC 7516 appendix A.1 has this shape.
    for raw in ["eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d", "eyJhbGciOiJkaXIifQ..b.c.d", "...."] {
        assert_eq!(error(raw), JwsError::Encrypted);
    }
}

#[test]
fn a_token_may_have_64_kib_and_no_byte_more() {
    let head = base64url::encode(br#"{"alg":"RS256"}"#);
    let room = MAX_TOKEN_BYTES - head.len() - ".".len() - ".AAAA".len();
    // base64url has no text of 4n + 1 characters.
    let payload = "A".repeat(room - usize::from(room % 4 == 1));
    let longest = format!("{head}.{payload}.AAAA");
    assert!(longest.len() >= MAX_TOKEN_BYTES - 1);
    assert!(Jws::split(&longest).is_ok());
    let found = MAX_TOKEN_BYTES + 1;
    let longer = format!("{head}.{}.AAAA", "A".repeat(room + 1));
    assert_eq!(error(&longer), JwsError::TooLong { found });
}

#[test]
fn each_part_has_one_spelling() {
    let good = [base64url::encode(br#"{"alg":"x"}"#), "e30".to_owned(), "_w".to_owned()];
    assert!(Jws::split(&good.join(".")).is_ok());
    for (index, part) in ["header", "payload", "signature"].into_iter().enumerate() {
        for spoil in ["{}=", "{}==", " {}", "{}\n", "{}+", "{}/", "{}%3D", "{}\u{e9}", "A", "_x"] {
            let mut parts = good.clone();
            parts[index] = spoil.replace("{}", &good[index]);
            let raw = parts.join(".");
            assert_eq!(error(&raw), JwsError::Encoding { part }, "{raw:?}");
        }
    }
}

#[test]
fn an_empty_signature_is_no_error_of_form() {
    // `alg: none` is refused for what it is (RFC 7519 section 6.1), not for a missing part.
    let raw = text(r#"{"alg":"none"}"#);
    let jws = Jws::split(raw.strip_suffix("AAA").unwrap()).unwrap();
    assert_eq!(jws.signature(), b"");
}

#[test]
fn a_header_is_one_json_object_with_each_name_once() {
    for header in [
        "",
        " ",
        "null",
        "[]",
        r#""alg""#,
        "{",
        r#"{"alg":"RS256"} {}"#,
        r#"{"alg":"RS256"}x"#,
        "\u{feff}{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\"}\0",
        r#"{"alg":"RS256","alg":"none"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"alg":"RS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"RS256","jwk":{"kty":"RSA","kty":"EC"}}"#,
        r#"{'alg':'RS256'}"#,
        r#"{"alg":"RS256",}"#,
        r#"{"alg":"\ud800"}"#,
    ] {
        assert!(matches!(error(&text(header)), JwsError::Header(_)), "{header:?}");
    }
    let latin1 = format!("{}.e30.AAA", base64url::encode(b"{\"alg\":\"RS256\",\"kid\":\"\xe9\"}"));
    assert!(matches!(error(&latin1), JwsError::Header(_)));
    let deep = format!(r#"{{"alg":"RS256","x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    assert!(matches!(error(&text(&deep)), JwsError::Header(_)));
}

#[test]
fn members_that_are_read_are_strings() {
    for (header, name, found) in [
        ("{}", "alg", "nothing"),
        (r#"{"Alg":"RS256"}"#, "alg", "nothing"),
        (r#"{"alg":null}"#, "alg", "null"),
        (r#"{"alg":0}"#, "alg", "a number"),
        (r#"{"alg":["RS256"]}"#, "alg", "an array"),
        (r#"{"alg":"RS256","typ":1}"#, "typ", "a number"),
        (r#"{"alg":"RS256","typ":null}"#, "typ", "null"),
        (r#"{"alg":"RS256","kid":7}"#, "kid", "a number"),
        (r#"{"alg":"RS256","kid":null}"#, "kid", "null"),
        (r#"{"alg":"RS256","kid":{"a":1}}"#, "kid", "an object"),
        (r#"{"alg":"RS256","kid":["a"]}"#, "kid", "an array"),
    ] {
        assert_eq!(error(&text(header)), JwsError::HeaderMember { name, found }, "{header}");
    }
}

#[test]
fn an_extension_is_refused_whatever_it_says() {
    for (members, name) in [
        (r#""crit":["exp"],"exp":1"#, "crit"),
        (r#""crit":["b64"],"b64":false"#, "crit"),
        (r#""crit":["alg"]"#, "crit"),
        (r#""crit":[]"#, "crit"),
        (r#""crit":null"#, "crit"),
        (r#""crit":"exp""#, "crit"),
        (r#""b64":false"#, "b64"),
        (r#""b64":true"#, "b64"),
    ] {
        let header = format!(r#"{{"alg":"RS256",{members}}}"#);
        assert_eq!(error(&text(&header)), JwsError::Extension { name }, "{header}");
    }
}

#[test]
fn neither_debug_nor_a_message_shows_the_token() {
    let raw = text(r#"{"alg":"RS256","kid":"hunter2"}"#);
    assert_eq!(format!("{:?}", Jws::split(&raw).unwrap()), "Jws { .. }");
    for header in ["hunter2", r#"{"hunter2":"#, r#"{"alg":"a","hunter2":1,"hunter2":2}"#] {
        let error = error(&text(header));
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn messages_say_what_was_expected_and_found() {
    for (raw, message) in [
        ("x", "a signed token has three parts joined by dots; found 1: an opaque token?"),
        (
            "a.b.c.d.e",
            "the token is encrypted (JWE, five parts); a signed one (JWS, three parts) is expected: switch its encryption off at the provider",
        ),
        ("e30.e30.e30", "the token's header must have `alg` as a string; found nothing"),
        ("e30=.e30.e30", "the token's header is not base64url without padding"),
        ("W10.e30.e30", "the token's header is not a JSON object: it is an array"),
        ("eyJjcml0IjpbXX0.e30.e30", "the token's header has `crit`: extensions are not supported"),
    ] {
        assert_eq!(error(raw).to_string(), message);
    }
}
