//! Sets of keys as providers publish them, and as nobody should.

use serde_json::{Value, json};

use super::*;
use crate::jose::Algorithm;
use crate::jose::testing::{self, with};

fn parse(set: &Value) -> Result<KeySet, KeySetError> {
    KeySet::parse(set.to_string().as_bytes())
}

#[test]
fn one_key_that_cannot_be_used_does_not_spoil_the_set() {
    let rsa = testing::jwk(Algorithm::Rs256);
    let set = testing::set(&[
        with(rsa.clone(), json!({"kid": "enc\n", "use": "enc", "alg": "RSA-OAEP"})),
        with(rsa.clone(), json!({"kid": "sig", "use": "sig"})),
        json!({"kty": "AKP", "kid": "x".repeat(500)}),
        json!(null),
        testing::jwk(Algorithm::EdDsa),
    ]);
    assert_eq!(set.len(), 2);
    assert_eq!(set.iter().map(PublicKey::kid).collect::<Vec<_>>(), [Some("sig"), None]);
    let kind = "its kind is `AKP`; RSA, EC with P-256 or P-384, and OKP with Ed25519 are used";
    assert_eq!(
        set.skipped(),
        [
            "keys[0] (kid `enc?`): `use` says that it is not for checking signatures".to_owned(),
            format!("keys[2] (kid `{}`): {kind}", "x".repeat(64)),
            "keys[3]: `kty` must be a string; found nothing".to_owned(),
        ]
    );
}

#[test]
fn keys_of_one_name_are_all_kept() {
    let key = with(testing::jwk(Algorithm::Es256), json!({"kid": "same"}));
    assert_eq!(testing::set(&[key.clone(), key]).len(), 2);
}

#[test]
fn of_a_thousand_keys_the_first_64_are_looked_at() {
    let key = testing::jwk(Algorithm::Es256);
    let set = testing::set(&vec![key; 1_000]);
    assert_eq!(set.len(), 64);
    assert_eq!(set.skipped(), ["936 keys after the first 64 are not looked at"]);
    let none = testing::set(&vec![json!({}); 1_000]);
    assert!(none.is_empty());
    assert_eq!(none.skipped().len(), 65);
}

#[test]
fn an_empty_set_is_a_set() {
    assert!(parse(&json!({"keys": []})).unwrap().is_empty());
}

#[test]
fn what_is_no_set_is_an_error() {
    for (set, message) in [
        (json!({}), "found none"),
        (json!([]), "found none"),
        (json!("keys"), "found none"),
        (json!({"Keys": []}), "found none"),
        (json!({"keys": null}), "found null"),
        (json!({"keys": {}}), "found an object"),
        (testing::jwk(Algorithm::Rs256), "found none"),
    ] {
        let error = parse(&set).unwrap_err().to_string();
        let expected = "the provider's keys must be an object with an array `keys`; ";
        assert_eq!(error, format!("{expected}{message}"), "{set}");
    }
    let texts: [&[u8]; 5] = [
        b"",
        b"<html>",
        b"{\"keys\":[]}x",
        b"{\"keys\":[],\"keys\":[]}",
        b"{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}",
    ];
    for text in texts {
        assert!(matches!(KeySet::parse(text), Err(KeySetError::Json(_))), "{text:?}");
    }
}

#[test]
fn a_set_may_have_256_kib_and_no_byte_more() {
    let mut body = br#"{"keys":[]}"#.to_vec();
    body.resize(MAX_BYTES, b' ');
    assert!(KeySet::parse(&body).is_ok());
    body.push(b' ');
    assert!(matches!(KeySet::parse(&body), Err(KeySetError::Json(_))));
}
