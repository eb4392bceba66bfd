//! Attacks on tokens that went through elsewhere: each is offered to both kinds of token,
//! in a form that would pass but for the defence it tests.

use serde_json::{Value, json};

use super::claims::Claims;
use super::kind::{must_be_access_token, must_be_id_token};
use super::testing::{
    API, CLIENT, NONCE, NOW, Signer, access_token, access_token_rules, id_token, id_token_rules,
    with,
};
use super::{AccessToken, Check, IdToken, LoginExpectation, Refusal};
use crate::crypto::Secret;
use crate::crypto::digest::sha256;
use crate::jose::{JwsError, KeySet, PureRust};
use crate::wire::base64url;

const BOTH: [fn() -> Value; 2] = [id_token, access_token];

fn as_id_token(raw: &Secret, keys: &KeySet) -> Result<(), Refusal> {
    let nonce = Secret::new(NONCE.to_owned());
    let expected = LoginExpectation { nonce: &nonce, access_token: None };
    IdToken::verify(raw, &id_token_rules(), &expected, keys, &PureRust, NOW).map(|_| ())
}

fn as_access_token(raw: &Secret, keys: &KeySet) -> Result<(), Refusal> {
    AccessToken::verify(raw, &access_token_rules(), keys, &PureRust, NOW).map(|_| ())
}

/// The refusals of both kinds; a token that either accepts fails the test.
fn both(raw: &Secret, keys: &KeySet) -> [Check; 2] {
    let checks = [as_id_token(raw, keys), as_access_token(raw, keys)];
    checks.map(|result| result.expect_err("refused").check)
}

fn both_by_signature(raw: &Secret, keys: &KeySet) -> [JwsError; 2] {
    both(raw, keys).map(|check| match check {
        Check::Signature(error) => error,
        other => panic!("judged before the signature: {other:?}"),
    })
}

fn text(raw: &Secret) -> String {
    raw.expose().to_owned()
}

#[test]
fn the_good_tokens_of_these_tests_are_accepted() {
    for signer in [Signer::ed25519("k1"), Signer::es256("k1")] {
        assert_eq!(as_id_token(&signer.sign("JWT", &id_token()), &signer.keys()), Ok(()));
        assert_eq!(as_access_token(&signer.sign("JWT", &access_token()), &signer.keys()), Ok(()));
    }
}

#[test]
fn alg_none_is_refused_in_every_casing() {
    let signer = Signer::ed25519("k1");
    for alg in ["none", "None", "NONE", "nOnE", "", " none"] {
        for payload in BOTH {
            let header = json!({"alg": alg, "kid": "k1", "typ": "JWT"}).to_string();
            let signed = text(&signer.sign_text(&header, &payload().to_string()));
            let (unsigned, _) = signed.rsplit_once('.').unwrap();
            for raw in [signed.clone(), format!("{unsigned}.")] {
                for error in both_by_signature(&Secret::new(raw), &signer.keys()) {
                    assert!(matches!(error, JwsError::AlgorithmNotAllowed { .. }), "{error:?}");
                }
            }
        }
    }
}

#[test]
fn a_mac_keyed_with_the_public_key_is_refused() {
    let signer = Signer::es256("k1");
    let point = base64url::decode(signer.jwk()["x"].as_str().unwrap().as_bytes()).unwrap();
    for key in [point, signer.jwk().to_string().into_bytes(), signer.jwks().into_bytes()] {
        for payload in BOTH {
            let header = json!({"alg": "HS256", "kid": "k1", "typ": "JWT"}).to_string();
            let signed = text(&signer.sign_text(&header, &payload().to_string()));
            let (message, _) = signed.rsplit_once('.').unwrap();
            let mac = hmac(&key, message);
            let raw = Secret::new(format!("{message}.{}", base64url::encode(&mac)));
            for error in both_by_signature(&raw, &signer.keys()) {
                assert!(matches!(error, JwsError::AlgorithmNotAllowed { .. }), "{error:?}");
            }
        }
    }
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut block = [0u8; 64];
    let short = if key.len() > 64 { sha256(key).to_vec() } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let inner = [block.map(|byte| byte ^ 0x36).as_slice(), message.as_bytes()].concat();
    sha256(&[block.map(|byte| byte ^ 0x5c).as_slice(), &sha256(&inner)].concat())
}

#[test]
fn an_id_token_is_no_access_token_even_when_its_audience_fits() {
    let signer = Signer::ed25519("k1");
    let says = |payload: Value| {
        let raw = signer.sign("JWT", &payload);
        as_access_token(&raw, &signer.keys()).expect_err("refused").to_string()
    };
    let fitting = with(id_token(), json!({"aud": [CLIENT, API]}));
    assert_eq!(
        says(fitting.clone()),
        "access token: this is an ID token (its claim typ is \"ID\"), expected an access token"
    );
    let plain = with(fitting, json!({"typ": null}));
    assert_eq!(
        says(plain.clone()),
        "access token: this is an ID token (it has the claim nonce), expected an access token"
    );
    for name in ["at_hash", "c_hash"] {
        let hashed = with(plain.clone(), json!({"nonce": null, name: "77QmUPtjPfzWtF2AnpK9RQ"}));
        assert!(says(hashed).contains(&format!("this is an ID token (it has the claim {name})")));
    }
    // Keycloak before 25 writes the nonce into access tokens too: the claim typ says Bearer.
    let old_keycloak = signer.sign("JWT", &with(access_token(), json!({"nonce": NONCE})));
    assert_eq!(as_access_token(&old_keycloak, &signer.keys()), Ok(()));
    let rfc_9068 = with(access_token(), json!({"nonce": NONCE, "typ": null}));
    assert_eq!(as_access_token(&signer.sign("at+jwt", &rfc_9068), &signer.keys()), Ok(()));
}

#[test]
fn an_access_token_is_no_id_token_even_when_all_else_fits() {
    let signer = Signer::ed25519("k1");
    let fitting = with(access_token(), json!({"aud": CLIENT, "nonce": NONCE}));
    let refusal = as_id_token(&signer.sign("JWT", &fitting), &signer.keys()).expect_err("refused");
    assert_eq!(
        refusal.to_string(),
        "ID token: this is an access token (its claim typ is \"Bearer\"), expected an ID token"
    );
    let plain = with(fitting, json!({"typ": null}));
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT", "logout+jwt", "secevent+jwt"] {
        let refusal = as_id_token(&signer.sign(typ, &plain), &signer.keys()).expect_err("refused");
        assert!(matches!(refusal.check, Check::Type { .. }), "{typ}: {refusal}");
    }
}

#[test]
fn tokens_for_other_purposes_are_refused_by_name() {
    let signer = Signer::ed25519("k1");
    for (typ, name) in [
        ("Refresh", "a refresh token"),
        ("Offline", "an offline refresh token"),
        ("Logout", "a logout token"),
        ("x", "a token of another kind"),
    ] {
        for payload in BOTH {
            let raw = signer.sign("JWT", &with(payload(), json!({"typ": typ})));
            for check in both(&raw, &signer.keys()) {
                assert!(matches!(&check, Check::OtherKind { found, .. } if found == name));
            }
        }
    }
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for payload in BOTH {
        let logout = with(payload(), json!({"typ": null, "nonce": null, "events": events}));
        for check in both(&signer.sign("JWT", &logout), &signer.keys()) {
            assert!(matches!(&check, Check::OtherKind { found, .. } if found == "a logout token"));
        }
    }
}

#[test]
fn the_signature_comes_before_everything_it_covers() {
    let signer = Signer::ed25519("k1");
    for payload in BOTH {
        let good = text(&signer.sign("JWT", &payload()));
        let (_, signature) = good.rsplit_once('.').unwrap();
        for change in [
            json!({"exp": 1}),
            json!({"aud": "evil"}),
            json!({"iss": "https://evil"}),
            json!({"sub": "admin"}),
            json!({"typ": "Refresh"}),
            json!({"exp": null}),
        ] {
            let forged = text(&signer.sign("JWT", &with(payload(), change)));
            let (message, _) = forged.rsplit_once('.').unwrap();
            let raw = Secret::new(format!("{message}.{signature}"));
            assert_eq!(
                both_by_signature(&raw, &signer.keys()),
                [JwsError::BadSignature, JwsError::BadSignature]
            );
        }
    }
}

#[test]
fn a_token_brings_no_key_of_its_own() {
    let (ours, evil) = (Signer::es256("k1"), Signer::es256("evil"));
    for payload in BOTH {
        for member in [
            json!({"jwk": evil.jwk()}),
            json!({"jku": "https://evil.example/jwks"}),
            json!({"x5u": "https://evil.example/cert"}),
            json!({"x5c": ["MIIB"]}),
        ] {
            let header = with(json!({"alg": "ES256", "kid": "k1", "typ": "JWT"}), member.clone());
            let raw = evil.sign_text(&header.to_string(), &payload().to_string());
            let bad = [JwsError::BadSignature, JwsError::BadSignature];
            assert_eq!(both_by_signature(&raw, &ours.keys()), bad, "{member}");
        }
    }
}

#[test]
fn a_kid_is_a_name_and_nothing_more() {
    let signer = Signer::ed25519("k1");
    let keys = signer.keys();
    let huge = "k".repeat(10_000);
    for kid in ["../../dev/null", "' OR 1=1 --", "k1 ", "K1", "k", "", "\u{0}", huge.as_str()] {
        let header = json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"}).to_string();
        for payload in BOTH {
            let raw = signer.sign_text(&header, &payload().to_string());
            let refusal = as_access_token(&raw, &keys).expect_err("refused");
            assert!(refusal.unknown_kid());
            assert!(refusal.to_string().len() < 200, "{refusal}");
            assert!(as_id_token(&raw, &keys).expect_err("refused").unknown_kid());
        }
    }
    for header in [
        r#"{"alg":"EdDSA","kid":7}"#,
        r#"{"alg":"EdDSA","kid":null}"#,
        r#"{"alg":"EdDSA","kid":["k1"]}"#,
        r#"{"alg":"EdDSA","kid":"k1","kid":"k1"}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#,
        r#"{"alg":"EdDSA","kid":"k1","crit":["exp"]}"#,
        r#"{"alg":"EdDSA","kid":"k1","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"k1","b64":false}"#,
        r#"{"kid":"k1"}"#,
        "[]",
        "",
    ] {
        for payload in BOTH {
            both_by_signature(&signer.sign_text(header, &payload().to_string()), &keys);
        }
    }
}

#[test]
fn claims_that_two_readers_could_read_differently_are_refused() {
    let signer = Signer::ed25519("k1");
    let header = r#"{"alg":"EdDSA","kid":"k1","typ":"JWT"}"#;
    for payload in BOTH {
        let good = payload().to_string();
        for extra in ["\"aud\":\"x\"", "\"\\u0061ud\":\"x\"", "\"exp\":9999999999", "\"iss\":\"\""]
        {
            let twice = format!("{},{extra}}}", good.strip_suffix('}').unwrap());
            for check in both(&signer.sign_text(header, &twice), &signer.keys()) {
                assert!(matches!(check, Check::Malformed(_)), "{extra}: {check:?}");
            }
        }
    }
}

#[test]
fn audiences_and_dates_of_the_wrong_shape_are_refused() {
    let signer = Signer::ed25519("k1");
    for (claim, value) in [
        ("aud", json!(7)),
        ("aud", json!({API: true, CLIENT: true})),
        ("aud", json!([])),
        ("aud", json!([null])),
        ("aud", json!([[API, CLIENT]])),
        ("aud", json!([API, CLIENT, null])),
        ("exp", json!("1700000300")),
        ("exp", json!(1e308)),
        ("exp", json!(-1)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("exp", json!([1_700_000_300])),
        ("iat", json!("1700000000")),
        ("nbf", json!({})),
    ] {
        for payload in BOTH {
            let raw = signer.sign("JWT", &with(payload(), json!({claim: value})));
            for check in both(&raw, &signer.keys()) {
                assert!(matches!(check, Check::ClaimInvalid { claim: c, .. } if c == claim));
            }
        }
    }
}

#[test]
fn other_spellings_sizes_and_formats_are_refused() {
    let signer = Signer::ed25519("k1");
    for payload in BOTH {
        let good = text(&signer.sign("JWT", &payload()));
        let (message, signature) = good.rsplit_once('.').unwrap();
        // Of the last character of 64 bytes 4 bits are spare: the next one spells the same bytes.
        let (start, last) = signature.split_at(signature.len() - 1);
        let next = char::from(last.as_bytes()[0] + 1);
        for raw in [
            format!("{message}.{signature}="),
            format!("{message}.{start}{next}"),
            format!("{message}.{signature}\n"),
        ] {
            for error in both_by_signature(&Secret::new(raw), &signer.keys()) {
                assert_eq!(error, JwsError::Encoding { part: "signature" });
            }
        }
        for raw in [
            format!(" {good}"),
            format!("{good}."),
            format!("{good}.{signature}"),
            format!("{message}.a.b.c"),
            message.to_owned(),
            String::new(),
            "x".repeat(1_000_000),
            format!("{message}.{}", "x".repeat(1_000_000)),
        ] {
            both_by_signature(&Secret::new(raw), &signer.keys());
        }
    }
}

#[test]
fn no_payload_panics() {
    for payload in BOTH {
        let good = payload().to_string().into_bytes();
        for index in 0..good.len() {
            for byte in [b'0', b'-', b'"', b'[', b'{', b'e', 0xff] {
                let mut changed = good.clone();
                changed[index] = byte;
                for text in [changed.as_slice(), &good[..index]] {
                    let Ok(claims) = Claims::read(text) else { continue };
                    let _ = must_be_id_token(None, &claims);
                    let _ = must_be_access_token(None, &claims);
                    let _ = claims.scope();
                }
            }
        }
    }
}
