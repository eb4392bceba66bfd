//! Which keys are used, and which are left out for what reason.

use serde_json::{Value, json};

use super::*;
use crate::crypto::digest::sha256;
use crate::jose::testing::{self, with};

fn read(jwk: &Value) -> Result<PublicKey, Unusable> {
    PublicKey::from_jwk(&Json::parse(jwk.to_string().as_bytes(), 1_000_000).unwrap())
}

fn rsa_jwk(n: &[u8], e: &[u8]) -> Value {
    json!({"kty": "RSA", "n": base64url::encode(n), "e": base64url::encode(e)})
}

/// A modulus of `bytes` bytes that begins and ends with these.
fn modulus(bytes: usize, first: u8, last: u8) -> Vec<u8> {
    let mut n = vec![0x55; bytes];
    *n.first_mut().unwrap() = first;
    *n.last_mut().unwrap() = last;
    n
}

#[test]
fn the_spki_is_the_one_that_openssl_writes() {
    // openssl pkey -in FILE -pubout -outform DER | openssl dgst -sha256
    for (alg, digest, length) in [
        (Algorithm::Rs256, "IylLpkbB7lGt9WYwiVxZoW9x_PJ-WqCAgICJ7uivZMY", 256),
        (Algorithm::Es256, "0GRZdeQkolKcrc3UdJh5jolx_w7PFUMbP0IF3sB6h4c", 64),
        (Algorithm::Es384, "gYI3vSMaEf6iRtmGKGgmOgtakJ8Imy8TJWSndOuFzP0", 96),
        (Algorithm::EdDsa, "6yQ3G7Qt81bsZu8FwWu69EoGL0PCRG-DkfKG7bByEBE", 64),
    ] {
        let key = read(&testing::jwk(alg)).unwrap();
        assert_eq!(base64url::encode(&sha256(key.spki_der())), digest, "{alg}");
        assert_eq!(key.signature_len(), length, "{alg}");
        assert_eq!(key.kid(), None);
    }
}

#[test]
fn a_key_suits_its_own_kind_and_where_it_names_one_its_own_algorithm() {
    for alg in Algorithm::ALL {
        let free = read(&testing::jwk(alg)).unwrap();
        let bound = read(&with(testing::jwk(alg), json!({"alg": alg.name(), "kid": "k"}))).unwrap();
        assert_eq!(bound.kid(), Some("k"));
        for other in Algorithm::ALL {
            assert_eq!(free.suits(other), alg.family() == other.family(), "{alg} {other}");
            assert_eq!(bound.suits(other), alg == other, "{alg} {other}");
        }
    }
}

#[test]
fn weak_and_wrong_rsa_keys_are_left_out() {
    let sound = modulus(256, 0x80, 1);
    let f4: &[u8] = &[1, 0, 1];
    for (n, e) in [
        (sound.clone(), f4),
        (modulus(512, 0xff, 1), f4),
        // Some providers write a sign's zero in front (RFC 7518 section 6.3.1.1).
        ([vec![0], sound.clone()].concat(), f4),
        (sound.clone(), &[0, 1, 0, 1]),
    ] {
        let key = read(&rsa_jwk(&n, e)).unwrap();
        assert!(matches!(key.signature_len(), 256 | 512));
    }
    let refused: [(&str, Vec<u8>, &[u8]); 14] = [
        ("1024 bits", modulus(128, 0x80, 1), f4),
        ("2047 bits", modulus(256, 0x7f, 1), f4),
        ("2047 bits, padded with zeros", [vec![0; 200], modulus(256, 0x7f, 1)].concat(), f4),
        ("4097 bits", modulus(513, 1, 1), f4),
        ("even n", modulus(256, 0x80, 2), f4),
        ("n = 0", vec![0; 256], f4),
        ("no n", vec![], f4),
        ("e = 1", sound.clone(), &[1]),
        ("e = 3", sound.clone(), &[3]),
        ("e = 0", sound.clone(), &[0]),
        ("no e", sound.clone(), &[]),
        ("even e", sound.clone(), &[1, 0, 0]),
        ("e = n", sound.clone(), &sound),
        ("e beyond 64 bits", sound.clone(), &[1, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    for (what, n, e) in refused {
        assert!(matches!(read(&rsa_jwk(&n, e)), Err(Unusable::Unsound { .. })), "{what}");
    }
}

#[test]
fn points_beside_their_curve_are_left_out() {
    for (curve, length) in [("P-256", 32), ("P-384", 48)] {
        let alg = if length == 32 { Algorithm::Es256 } else { Algorithm::Es384 };
        let good = testing::jwk(alg);
        let text = |bytes: Vec<u8>| Value::from(base64url::encode(&bytes));
        for (x, y) in [
            (text(vec![0; length]), text(vec![0; length])),
            (text(vec![0xff; length]), good["y"].clone()),
            (good["x"].clone(), text(vec![0xff; length])),
            (good["y"].clone(), good["x"].clone()),
            (text(vec![1; length]), text(vec![1; length])),
        ] {
            let jwk = json!({"kty": "EC", "crv": curve, "x": x, "y": y});
            assert!(matches!(read(&jwk), Err(Unusable::Unsound { .. })), "{jwk}");
        }
        for wrong in [0, 1, length - 1, length + 1, 2 * length, 65] {
            for name in ["x", "y"] {
                let jwk = with(good.clone(), json!({name: text(vec![7; wrong])}));
                assert!(matches!(read(&jwk), Err(Unusable::Member { .. })), "{jwk}");
            }
        }
    }
    let p256_as_p384 = with(testing::jwk(Algorithm::Es256), json!({"crv": "P-384"}));
    assert!(matches!(read(&p256_as_p384), Err(Unusable::Member { name: "x", .. })));
}

#[test]
fn ed25519_points_of_small_order_and_other_lengths_are_left_out() {
    let okp = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x)});
    let mut one = [0; 32];
    one[0] = 1;
    // The field's prime, p = 2^255 - 19: a second spelling of zero.
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    let bad: [&[u8]; 7] = [&[0; 32], &one, &prime, &[0xff; 32], &[7; 31], &[7; 33], &[]];
    for x in bad {
        assert!(matches!(read(&okp(x)), Err(Unusable::Unsound { .. })), "{x:?}");
    }
}

#[test]
fn keys_of_other_kinds_and_uses_are_left_out_with_a_reason() {
    let rsa = testing::jwk(Algorithm::Rs256);
    let ec = testing::jwk(Algorithm::Es256);
    let okp = testing::jwk(Algorithm::EdDsa);
    let kind = "its kind is `?`; RSA, EC with P-256 or P-384, and OKP with Ed25519 are used";
    let kind = |found: &str| kind.replace('?', found);
    let alg =
        |a: &str| format!("`alg` is `{a}`, which is not a signature algorithm of this kind of key");
    let use_ = |name: &str| format!("`{name}` says that it is not for checking signatures");
    let private = "it is a private key (`d`): whoever reads these keys can sign; replace it";
    for (jwk, reason) in [
        (json!({"kty": "oct", "k": "c2VjcmV0"}), kind("oct")),
        (json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}), kind("AKP")),
        (with(rsa.clone(), json!({"kty": "rsa"})), kind("rsa")),
        (with(ec.clone(), json!({"crv": "secp256k1"})), kind("EC secp256k1")),
        (with(ec.clone(), json!({"crv": "P-521"})), kind("EC P-521")),
        (with(okp.clone(), json!({"crv": "X25519"})), kind("OKP X25519")),
        (with(okp.clone(), json!({"crv": "Ed448"})), kind("OKP Ed448")),
        (with(okp, json!({"kty": "EC"})), kind("EC Ed25519")),
        (json!({"kty": "EC"}), kind("EC")),
        (json!({}), "`kty` must be a string; found nothing".into()),
        (json!("RSA"), "`kty` must be a string; found nothing".into()),
        (json!({"kty": 1}), "`kty` must be a string; found a number".into()),
        (json!({"kty": "RSA", "e": "AQAB"}), "`n` must be a string; found nothing".into()),
        (
            with(rsa.clone(), json!({"n": "AQ=="})),
            "`n` must be base64url; found another text".into(),
        ),
        (with(rsa.clone(), json!({"e": 65537})), "`e` must be a string; found a number".into()),
        (with(rsa.clone(), json!({"kid": 1})), "`kid` must be a string; found a number".into()),
        (with(rsa.clone(), json!({"use": "enc"})), use_("use")),
        (with(rsa.clone(), json!({"use": "SIG"})), use_("use")),
        (
            with(rsa.clone(), json!({"use": ["sig"]})),
            "`use` must be a string; found an array".into(),
        ),
        (with(rsa.clone(), json!({"key_ops": ["sign", "encrypt"]})), use_("key_ops")),
        (with(rsa.clone(), json!({"key_ops": []})), use_("key_ops")),
        (with(rsa.clone(), json!({"key_ops": "verify"})), use_("key_ops")),
        (with(rsa.clone(), json!({"use": "enc", "key_ops": ["verify"]})), use_("use")),
        (with(rsa.clone(), json!({"alg": "RSA-OAEP"})), alg("RSA-OAEP")),
        (with(rsa.clone(), json!({"alg": "HS256"})), alg("HS256")),
        (with(rsa.clone(), json!({"alg": "none"})), alg("none")),
        (with(rsa.clone(), json!({"alg": "ES256"})), alg("ES256")),
        (with(ec, json!({"alg": "ES384\n"})), alg("ES384?")),
        (with(rsa.clone(), json!({"alg": null})), "`alg` must be a string; found null".into()),
        (with(rsa.clone(), json!({"d": "AQAB"})), private.into()),
        (with(rsa, json!({"d": null})), private.into()),
    ] {
        assert_eq!(read(&jwk).unwrap_err().to_string(), reason, "{jwk}");
    }
}

#[test]
fn what_a_key_says_beside_that_changes_nothing() {
    let more = json!({
        "use": "sig", "key_ops": ["verify"], "alg": "RS256", "kid": "../../etc/passwd",
        "x5c": ["MII"], "x5u": "https://evil.example/", "x5t": 1, "ext": true, "crv": "P-256",
    });
    let plain = read(&testing::jwk(Algorithm::Rs256)).unwrap();
    let key = read(&with(testing::jwk(Algorithm::Rs256), more)).unwrap();
    assert_eq!(key.spki_der(), plain.spki_der());
    assert_eq!(key.kid(), Some("../../etc/passwd"));
}
