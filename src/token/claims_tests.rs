//! Claims as they must not be (RFC 7519 section 4.1): each shape is refused by name.

use super::*;
use crate::token::testing::NOW;

/// Reads `{"iss":"i","aud":"a","exp":1700000300,"sub":"s"}` with one claim written as `text`;
/// an empty text leaves it out.
fn read(claim: &str, text: &str) -> Result<Claims, Check> {
    let mut members = vec![("iss", "\"i\""), ("aud", "\"a\""), ("exp", "1700000300")];
    members.retain(|(name, _)| *name != claim);
    members.push((claim, text));
    let members: Vec<String> = members
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| format!("\"{name}\":{text}"))
        .collect();
    Claims::read(format!("{{{}}}", members.join(",")).as_bytes())
}

fn invalid(claim: &str, text: &str) -> String {
    match read(claim, text) {
        Err(Check::ClaimInvalid { claim: named, found, .. }) if named == claim => found,
        Err(other) => panic!("{claim} {text}: {other:?}"),
        Ok(_) => panic!("{claim} {text} was read"),
    }
}

#[test]
fn an_audience_is_a_text_or_some_texts() {
    assert_eq!(read("aud", "\"a\"").unwrap_or_else(|_| panic!()).audience, ["a"]);
    assert_eq!(read("aud", "[\"a\",\"b\"]").unwrap_or_else(|_| panic!()).audience, ["a", "b"]);
    for (text, found) in [
        ("7", "a number"),
        ("{\"a\":\"a\"}", "an object"),
        ("null", "null"),
        ("true", "a boolean"),
        ("\"\"", "an empty string"),
        ("[]", "an empty array"),
        ("[null]", "null in the array"),
        ("[\"a\",null]", "null in the array"),
        ("[\"a\",\"\"]", "an empty string in the array"),
        ("[[\"a\"]]", "an array in the array"),
        ("[{\"a\":\"a\"}]", "an object in the array"),
        ("[\"a\",7]", "a number in the array"),
    ] {
        assert_eq!(invalid("aud", text), found, "{text}");
    }
    let many = |count: usize| format!("[{}]", vec!["\"a\""; count].join(","));
    assert!(read("aud", &many(64)).is_ok());
    assert_eq!(invalid("aud", &many(65)), "an array of 65");
    assert_eq!(read("aud", "").err(), Some(Check::ClaimMissing("aud")));
}

#[test]
fn a_date_is_a_number_that_is_a_date() {
    for claim in ["exp", "iat", "nbf"] {
        for text in ["1700000300", "1700000300.9", "1.7000003e9", "0", "253402300799"] {
            assert!(read(claim, text).is_ok(), "{claim} {text}");
        }
        for text in [
            "-1",
            "-0.5",
            "1e308",
            "-1e308",
            "253402300800",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
        ] {
            assert_eq!(invalid(claim, text), "a number that is no date", "{claim} {text}");
        }
        for text in ["\"1700000300\"", "null", "[1700000300]", "{}", "true"] {
            assert!(!invalid(claim, text).is_empty());
        }
        for text in ["1e999", "NaN", "Infinity", "0x10", "1_000"] {
            assert!(matches!(read(claim, text), Err(Check::Malformed(_))), "{claim} {text}");
        }
    }
    assert_eq!(read("exp", "").err(), Some(Check::ClaimMissing("exp")));
    let floored = read("exp", "1700000300.9").unwrap_or_else(|_| panic!());
    assert_eq!(floored.expires_at, Timestamp::from_seconds(1_700_000_300));
}

#[test]
fn an_issuer_and_a_subject_are_texts() {
    assert_eq!(read("iss", "").err(), Some(Check::ClaimMissing("iss")));
    for text in ["null", "7", "[\"i\"]", "{}"] {
        assert!(!invalid("iss", text).is_empty());
        assert!(!invalid("sub", text).is_empty());
    }
    assert_eq!(invalid("sub", "\"\""), "an empty string");
    let long = |length: usize| format!("\"{}\"", "ü".repeat(length));
    assert!(read("sub", &long(255)).is_ok());
    assert_eq!(invalid("sub", &long(256)), "a longer string");
}

#[test]
fn a_payload_is_one_object_within_bounds() {
    for payload in ["", "[]", "null", "\"{}\"", "7", "{", "{}{}", "{\"iss\":\"i\",\"iss\":\"i\"}"] {
        assert!(
            matches!(Claims::read(payload.as_bytes()), Err(Check::Malformed(_))),
            "{payload:?}"
        );
    }
    let escaped = br#"{"iss":"i","aud":"a","exp":1700000300,"\u0061ud":"b"}"#;
    assert!(matches!(Claims::read(escaped), Err(Check::Malformed(_))));
    assert!(matches!(Claims::read(b"{\"iss\":\"\xff\"}"), Err(Check::Malformed(_))));
    assert!(read("x", &format!("\"{}\"", "x".repeat(65_000))).is_ok());
    assert!(matches!(
        read("x", &format!("\"{}\"", "x".repeat(65_536))),
        Err(Check::Malformed(why)) if why.contains("at most 65536")
    ));
}

#[test]
fn scopes_are_read_as_each_provider_writes_them() {
    let scope = |claim: &str, text: &str| read(claim, text).and_then(|claims| claims.scope());
    let names = |names: &[&str]| Ok(names.iter().map(|&name| name.to_owned()).collect());
    assert_eq!(scope("scope", ""), names(&[]));
    assert_eq!(scope("scope", "\"openid  orders:read \""), names(&["openid", "orders:read"]));
    assert_eq!(scope("scp", "[\"openid\",\"orders:read\"]"), names(&["openid", "orders:read"]));
    assert_eq!(scope("scp", "\"openid orders:read\""), names(&["openid", "orders:read"]));
    for text in ["7", "null", "{}", "[7]", "[\"\"]"] {
        assert!(matches!(scope("scope", text), Err(Check::ClaimInvalid { claim: "scope", .. })));
        assert!(matches!(scope("scp", text), Err(Check::ClaimInvalid { claim: "scp", .. })));
    }
    assert!(scope("scope", &format!("\"{}\"", "a ".repeat(512))).is_ok());
    assert!(scope("scope", &format!("\"{}\"", "a ".repeat(513))).is_err());
}

#[test]
fn the_clock_skew_is_the_limit_to_the_millisecond() {
    let skew = Duration::from_secs(30);
    let at = |millis: i64| Timestamp::from_millis(NOW.millis() + millis);
    let expires = read("exp", "1700000000").unwrap_or_else(|_| panic!());
    for now in [i64::MIN / 2, 0, 29_999] {
        assert_eq!(expires.unexpired(skew, at(now)), Ok(at(30_000)), "{now}");
    }
    assert_eq!(
        expires.unexpired(skew, at(30_000)),
        Err(Check::Expired { at: NOW, now: at(30_000) })
    );
    for claim in ["nbf", "iat"] {
        let begins = read(claim, "1700000000").unwrap_or_else(|_| panic!());
        assert!(begins.begun(skew, at(-30_000)).is_ok());
        assert!(begins.begun(skew, at(-30_001)).is_err());
    }
}

#[test]
fn the_size_grows_with_the_claims() {
    let small = read("x", "[1]").map(|claims| claims.heap_size()).unwrap_or_default();
    let large = read("x", &format!("{{\"y\":[\"{}\"]}}", "z".repeat(1_000)));
    let large = large.map(|claims| claims.heap_size()).unwrap_or_default();
    assert!(small > 0 && large >= small + 1_000, "{small} {large}");
}
