//! What people read, word for word.

use super::*;
use crate::token::testing::NOW;

fn say(token: Kind, check: Check) -> String {
    Refusal { token, check }.to_string()
}

fn access(check: Check) -> String {
    say(Kind::AccessToken, check)
}

fn id(check: Check) -> String {
    say(Kind::IdToken, check)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn audience() -> Check {
    Check::Audience { expected: texts(&["APP-backend"]), found: texts(&["account"]) }
}

/// One of each.
fn every_check() -> Vec<Check> {
    let text = |text: &str| text.to_owned();
    vec![
        Check::Malformed(text("the payload is an array, expected an object")),
        Check::Signature(JwsError::BadSignature),
        Check::OtherKind {
            found: text("a refresh token"),
            because: text("its claim typ is \"x\""),
        },
        Check::Type { expected: texts(&["jwt"]), found: None },
        Check::Issuer { expected: text("https://a"), found: text("https://a/") },
        audience(),
        Check::ExtraAudience { trusted: texts(&["a"]), found: texts(&["b", "c"]) },
        Check::AuthorizedParty { expected: text("a"), found: text("b") },
        Check::Expired { at: NOW, now: NOW },
        Check::NotYetValid { at: NOW, now: NOW },
        Check::IssuedInFuture { at: NOW, now: NOW },
        Check::Authentication { expected: texts(&["gold", "silver"]), found: Some(text("1")) },
        Check::AuthenticatedLongAgo { at: NOW, now: NOW, max_age: Duration::from_secs(60) },
        Check::Nonce,
        Check::AccessTokenHash,
        Check::Scope { missing: texts(&["orders:read"]), found: texts(&["openid"]) },
        Check::Changed { claim: "sub", expected: text("a"), found: text("b") },
        Check::ClaimMissing("exp"),
        Check::ClaimInvalid { claim: "aud", expected: "a string", found: text("a number") },
    ]
}

#[test]
fn audiences_are_said_with_both_values() {
    assert_eq!(
        access(audience()),
        "access token: audience is \"account\", expected one of \"APP-backend\""
    );
    let check = Check::Audience { expected: texts(&["a", "b"]), found: texts(&["c", "d"]) };
    assert_eq!(
        access(check),
        "access token: audience is \"c\", \"d\", expected one of \"a\", \"b\""
    );
    let check = Check::Audience { expected: texts(&["APP-frontend"]), found: texts(&["other"]) };
    assert_eq!(id(check), "ID token: audience is \"other\", expected \"APP-frontend\"");
    let check = Check::ExtraAudience { trusted: texts(&["a"]), found: texts(&["b"]) };
    assert_eq!(id(check), "ID token: audience names \"b\" as well, expected only \"a\"");
    let check = Check::AuthorizedParty { expected: "a".to_owned(), found: "b".to_owned() };
    assert_eq!(id(check), "ID token: authorized party (azp) is \"b\", expected \"a\"");
}

#[test]
fn times_are_said_with_the_distance() {
    let later = Timestamp::from_seconds(1_700_000_125);
    assert_eq!(
        access(Check::Expired { at: NOW, now: later }),
        "access token: expired 125 s ago: exp is 1700000000, now is 1700000125"
    );
    assert_eq!(
        access(Check::NotYetValid { at: later, now: NOW }),
        "access token: not valid for 125 s yet: nbf is 1700000125, now is 1700000000"
    );
    assert_eq!(
        id(Check::IssuedInFuture { at: later, now: NOW }),
        "ID token: issued 125 s in the future: iat is 1700000125, now is 1700000000"
    );
}

#[test]
fn the_rest_is_said_in_one_sentence_each() {
    let said: Vec<String> = every_check().into_iter().map(access).collect();
    for (index, expected) in [
        (0, "access token: the payload is an array, expected an object"),
        (1, "access token: the signature does not match the provider's key"),
        (
            2,
            "access token: this is a refresh token (its claim typ is \"x\"), expected an access token",
        ),
        (3, "access token: header typ is nothing, expected \"jwt\""),
        (4, "access token: issuer is \"https://a/\", expected \"https://a\""),
        (
            11,
            "access token: authentication context (acr) is \"1\", expected one of \"gold\", \"silver\"",
        ),
        (
            12,
            "access token: the user was authenticated 0 s ago (auth_time), expected at most 60 s ago",
        ),
        (13, "access token: nonce is not the one that this login sent"),
        (14, "access token: at_hash is not that of the access token that came with it"),
        (15, "access token: scope lacks \"orders:read\", found \"openid\""),
        (16, "access token: refreshed with sub \"b\", expected \"a\" as before"),
        (17, "access token: claim exp is missing"),
        (18, "access token: claim aud is a number, expected a string"),
    ] {
        assert_eq!(said[index], expected);
    }
}

#[test]
fn advice_names_the_token_it_is_about_and_no_other() {
    for check in every_check() {
        for (token, other) in [(Kind::AccessToken, "ID token"), (Kind::IdToken, "access token")] {
            let advice = Refusal { token, check: check.clone() }.advice();
            assert!(advice.ends_with('.') && advice.len() > 30, "{advice}");
            let switch = matches!(check, Check::ExtraAudience { .. });
            assert!(switch || !advice.contains(other), "{token}: {advice}");
        }
    }
    assert_eq!(
        Refusal { token: Kind::AccessToken, check: audience() }.advice(),
        "At the provider, let the access token name \"APP-backend\": in Keycloak, add an audience \
         mapper to a client scope of the client that asks for the token, or give the user a \
         client role of that API. Or correct `access_token.audiences` here."
    );
}

#[test]
fn what_a_stranger_wrote_is_cut_and_cleaned() {
    let found = "a\"\r\nset-cookie: x\u{1b}[31m".to_owned() + &"x".repeat(60_000);
    for check in [
        Check::Issuer { expected: "i".to_owned(), found: found.clone() },
        Check::Audience { expected: texts(&["a"]), found: vec![found.clone(); 64] },
        Check::Scope { missing: texts(&["a"]), found: vec![found.clone(); 64] },
        Check::Type { expected: texts(&["jwt"]), found: Some(found.clone()) },
        Check::AuthorizedParty { expected: "a".to_owned(), found },
    ] {
        let said = access(check);
        assert!(said.len() < 600, "{}", said.len());
        assert!(!said.contains(['\r', '\n', '\u{1b}']), "{said}");
    }
}

#[test]
fn the_gate_can_tell_what_to_do_next() {
    let refusal = |check| Refusal { token: Kind::AccessToken, check };
    let kid = "k2".to_owned();
    assert!(refusal(Check::Signature(JwsError::UnknownKid { kid })).unknown_kid());
    for check in every_check() {
        let scope = matches!(check, Check::Scope { .. });
        assert_eq!(refusal(check.clone()).insufficient_scope(), scope);
        assert!(!refusal(check).unknown_kid());
    }
}
