//! Whose signature counts, and whose does not.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;
use crate::jose::testing::{self, all_keys, with};
use crate::wire::base64url;

const ALL: &[Algorithm] = &Algorithm::ALL;

fn judge(token: &str, allowed: &[Algorithm], keys: &KeySet) -> Result<(), JwsError> {
    verify(&Jws::split(token).unwrap(), allowed, keys, &PureRust)
}

fn alice() -> Value {
    json!({"sub": "alice"})
}

/// A text signed by nobody: this header and these bytes as its signature.
fn forged(header: &Value, signature: &[u8]) -> String {
    let parts = [header.to_string().as_bytes(), b"{}", signature].map(base64url::encode);
    parts.join(".")
}

/// Answers the same to everything and remembers what it was asked.
struct Says(Verdict, RefCell<Vec<(Vec<u8>, Vec<u8>)>>);

impl Says {
    fn new(verdict: Verdict) -> Self {
        Self(verdict, RefCell::default())
    }
}

impl SignatureBackend for Says {
    fn verify(&self, _: Algorithm, _: &PublicKey, message: &[u8], signature: &[u8]) -> Verdict {
        self.1.borrow_mut().push((message.to_vec(), signature.to_vec()));
        self.0
    }
}

#[test]
fn a_token_verifies_by_its_own_algorithm_only() {
    let keys = all_keys();
    for alg in ALL {
        let token = testing::token(*alg, json!({}), &alice());
        assert_eq!(judge(&token, &[*alg], &keys), Ok(()), "{alg}");
        let others: Vec<_> = ALL.iter().copied().filter(|other| other != alg).collect();
        let answer = judge(&token, &others, &keys);
        let refusal = JwsError::AlgorithmNotAllowed { found: alg.to_string(), allowed: others };
        assert_eq!(answer, Err(refusal), "{alg}");
        assert!(judge(&token, &[], &keys).is_err());
        // The same signature under a header that names another algorithm.
        for other in ALL.iter().filter(|other| *other != alg) {
            let header = json!({"alg": other.name()}).to_string();
            let token = testing::token_of(*alg, &header, "{}");
            assert_eq!(judge(&token, ALL, &keys), Err(JwsError::BadSignature), "{alg} {other}");
        }
    }
}

#[test]
fn no_casing_of_none_and_no_hmac_is_ever_allowed() {
    let keys = all_keys();
    for alg in ["none", "None", "NONE", "nOnE", "noNe", "", " none", "rs256", "Rs256", "RS256 "] {
        for signature in [&b""[..], &[0; 256]] {
            let token = forged(&json!({"alg": alg}), signature);
            let refusal = judge(&token, ALL, &keys).unwrap_err();
            let allowed = ALL.to_vec();
            assert_eq!(refusal, JwsError::AlgorithmNotAllowed { found: alg.into(), allowed });
        }
    }
    let refusal = judge(&forged(&json!({"alg": "x\n".repeat(99)}), b""), &ALL[..2], &keys);
    let found = "x?".repeat(32);
    assert_eq!(
        refusal.unwrap_err().to_string(),
        format!("the token says alg `{found}`; allowed: RS256, RS384")
    );
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    use jwt_simple::algorithms::{HS256Key, MACLike as _};
    use jwt_simple::prelude::{Claims, Duration};
    let keys = all_keys();
    let jwk = testing::jwk(Algorithm::Rs256);
    let der = keys.iter().next().unwrap().spki_der().to_vec();
    let pem = jwt_simple::algorithms::RS256PublicKey::from_der(&der).unwrap().to_pem().unwrap();
    let n = base64url::decode(jwk["n"].as_str().unwrap().as_bytes()).unwrap();
    for secret in [pem.as_bytes(), pem.trim().as_bytes(), &der, jwk.to_string().as_bytes(), &n] {
        let token = HS256Key::from_bytes(secret)
            .authenticate(Claims::create(Duration::from_hours(1)))
            .unwrap();
        let refusal = judge(&token, ALL, &keys).unwrap_err();
        assert!(
            matches!(refusal, JwsError::AlgorithmNotAllowed { ref found, .. } if found == "HS256")
        );
        // The same tag, called RS256.
        let tag = base64url::decode(token.rsplit_once('.').unwrap().1.as_bytes()).unwrap();
        let token = forged(&json!({"alg": "RS256"}), &tag);
        assert_eq!(judge(&token, ALL, &keys), Err(JwsError::BadSignature));
    }
}

#[test]
fn a_key_that_names_its_algorithm_checks_no_other() {
    for (own, used) in [
        (Algorithm::Rs256, Algorithm::Ps256),
        (Algorithm::Rs256, Algorithm::Rs512),
        (Algorithm::Ps256, Algorithm::Rs256),
    ] {
        let key = with(testing::jwk(own), json!({"alg": own.name(), "kid": "k"}));
        let keys = testing::set(&[key]);
        for members in [json!({}), json!({"kid": "k"})] {
            let token = testing::token(used, members.clone(), &alice());
            assert_eq!(judge(&token, ALL, &keys), Err(JwsError::NoKey { algorithm: used }));
            let token = testing::token(own, members, &alice());
            assert_eq!(judge(&token, ALL, &keys), Ok(()));
        }
    }
}

#[test]
fn a_kid_is_a_name_and_nothing_more() {
    let keys = all_keys();
    let judge = |kid: &str| {
        judge(&testing::token(Algorithm::Es256, json!({"kid": kid}), &alice()), ALL, &keys)
    };
    assert_eq!(judge("p256"), Ok(()));
    for kid in [
        "",
        "P256",
        "p256 ",
        "p25",
        "p256\0",
        "../../dev/null",
        "/etc/passwd",
        "' OR '1'='1' --",
        "p256' UNION SELECT 'k",
        "https://evil.example/keys",
        "$(id)",
        "0",
        "\u{1f511}\r\nSet-Cookie: a=b",
    ] {
        let shown = crate::jose::error::printable(kid);
        assert_eq!(judge(kid), Err(JwsError::UnknownKid { kid: shown }), "{kid:?}");
    }
    let huge = judge(&"k\u{7f}".repeat(10_000));
    assert_eq!(huge, Err(JwsError::UnknownKid { kid: "k?".repeat(32) }));
    // A key of another kind, though one that fits stands beside it.
    assert_eq!(judge("rsa"), Err(JwsError::NoKey { algorithm: Algorithm::Es256 }));
}

#[test]
fn a_named_key_that_does_not_match_is_not_replaced_by_another() {
    let stranger = jwt_simple::algorithms::ES256KeyPair::generate().public_key().to_jwk();
    let stranger: Value = serde_json::from_str(&stranger).unwrap();
    let keys = testing::set(&[
        with(stranger, json!({"kid": "other"})),
        with(testing::jwk(Algorithm::Es256), json!({"kid": "own"})),
    ]);
    let judge = |members| judge(&testing::token(Algorithm::Es256, members, &alice()), ALL, &keys);
    assert_eq!(judge(json!({"kid": "other"})), Err(JwsError::BadSignature));
    assert_eq!(judge(json!({"kid": "own"})), Ok(()));
    assert_eq!(judge(json!({})), Ok(()), "without a name each key that suits is tried");
}

#[test]
fn of_two_keys_with_one_name_either_may_match() {
    let stranger = jwt_simple::algorithms::ES256KeyPair::generate().public_key().to_jwk();
    let stranger: Value = serde_json::from_str(&stranger).unwrap();
    let both = [stranger, testing::jwk(Algorithm::Es256)].map(|key| with(key, json!({"kid": "k"})));
    let token = testing::token(Algorithm::Es256, json!({"kid": "k"}), &alice());
    assert_eq!(judge(&token, ALL, &testing::set(&both)), Ok(()));
}

#[test]
fn keys_that_a_token_brings_along_are_not_used() {
    let jwk = testing::jwk(Algorithm::Es256);
    let members = json!({
        "jwk": jwk, "jku": "https://evil.example/keys", "x5u": "https://evil.example/c.pem",
        "x5c": ["MIIB"], "x5t": "AA", "x5t#S256": "AA",
    });
    let token = testing::token(Algorithm::Es256, members.clone(), &alice());
    let stranger = jwt_simple::algorithms::ES256KeyPair::generate().public_key().to_jwk();
    let others = testing::set(&[serde_json::from_str(&stranger).unwrap()]);
    assert_eq!(judge(&token, ALL, &others), Err(JwsError::BadSignature));
    let none = testing::set(&[]);
    assert_eq!(judge(&token, ALL, &none), Err(JwsError::NoKey { algorithm: Algorithm::Es256 }));
    let named = testing::token(Algorithm::Es256, with(members, json!({"kid": "k"})), &alice());
    assert_eq!(judge(&named, ALL, &none), Err(JwsError::UnknownKid { kid: "k".into() }));
    // Nor do they stand in the way of the provider's own.
    assert_eq!(judge(&token, ALL, &all_keys()), Ok(()));
}

#[test]
fn what_jwt_simple_thinks_of_header_and_claims_does_not_count() {
    // Its own verification refuses each of these, whatever their signature.
    let keys = all_keys();
    let long = "x".repeat(9_000);
    for (header, claims) in [
        (json!({"typ": "logout"}), "{}".to_owned()),
        (json!({"salt": "!"}), "{}".to_owned()),
        (json!({"x": long}), "{}".to_owned()),
        (json!({}), r#"{"exp":1}"#.to_owned()),
        (json!({}), r#"{"iat":99999999999,"nbf":99999999999}"#.to_owned()),
        (json!({}), r#"{"exp":"soon","aud":7}"#.to_owned()),
        (json!({}), "not JSON".to_owned()),
        (json!({}), String::new()),
    ] {
        let header = with(header, json!({"alg": "ES256"})).to_string();
        let token = testing::token_of(Algorithm::Es256, &header, &claims);
        assert_eq!(judge(&token, ALL, &keys), Ok(()), "{claims}");
    }
}

#[test]
fn one_bit_changed_anywhere_is_seen() {
    let keys = all_keys();
    for alg in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        let token = testing::token(alg, json!({}), &alice());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature.as_bytes()).unwrap();
        for index in (0..signature.len()).step_by(7).chain([signature.len() - 1]) {
            let mut wrong = signature.clone();
            wrong[index] ^= 1;
            let token = format!("{signed}.{}", base64url::encode(&wrong));
            assert_eq!(judge(&token, ALL, &keys), Err(JwsError::BadSignature), "{alg} {index}");
        }
        for (header, payload) in [
            (json!({"alg": alg.name()}), json!({"sub": "alicf"})),
            (json!({"alg": alg.name(), "typ": "at+jwt"}), alice()),
        ] {
            let other =
                [header, payload].map(|part| base64url::encode(part.to_string().as_bytes()));
            let token = format!("{}.{}", other.join("."), base64url::encode(&signature));
            assert_eq!(judge(&token, ALL, &keys), Err(JwsError::BadSignature), "{alg}");
        }
    }
}

#[test]
fn signatures_that_are_none_are_refused() {
    let keys = all_keys();
    for (alg, length) in
        [("ES256", 64), ("ES384", 96), ("EdDSA", 64), ("RS256", 256), ("PS256", 256)]
    {
        let mut cases = vec![vec![0; length], vec![0xff; length], vec![1; length]];
        let half = length / 2;
        cases.push([vec![0; half], vec![1; half]].concat());
        cases.push([vec![1; half], vec![0; half]].concat());
        for signature in cases {
            let token = forged(&json!({"alg": alg}), &signature);
            assert_eq!(judge(&token, ALL, &keys), Err(JwsError::BadSignature), "{signature:?}");
        }
    }
}

#[test]
fn a_signature_of_another_length_reaches_no_backend() {
    let keys = all_keys();
    let yes = Says::new(Verdict::Valid);
    for alg in ALL {
        let right = testing::sign(*alg, b"any");
        let zero = vec![0];
        for signature in [
            vec![],
            vec![1],
            right[1..].to_vec(),
            [&right[..], &zero].concat(),
            [&zero, &right[..]].concat(),
            [&right[..], &right].concat(),
            vec![1; 20_000],
        ] {
            let token = forged(&json!({"alg": alg.name()}), &signature);
            let answer = verify(&Jws::split(&token).unwrap(), ALL, &keys, &yes);
            assert_eq!(answer, Err(JwsError::BadSignature), "{alg}");
        }
    }
    assert!(yes.1.borrow().is_empty());
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    let keys = all_keys();
    for alg in [Algorithm::Es256, Algorithm::Es384] {
        let token = testing::token(alg, json!({}), &alice());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let raw = base64url::decode(signature.as_bytes()).unwrap();
        let der = crate::jose::ecdsa_der(&raw).unwrap();
        let token = format!("{signed}.{}", base64url::encode(&der));
        assert_eq!(judge(&token, ALL, &keys), Err(JwsError::BadSignature));
    }
}

#[test]
fn a_backend_decides_unless_it_cannot() {
    let keys = all_keys();
    let good = testing::token(Algorithm::Es256, json!({}), &alice());
    let bad = forged(&json!({"alg": "ES256"}), &[1; 64]);
    let (yes, no) = (Ok(()), Err(JwsError::BadSignature));
    for (verdict, for_good, for_bad) in [
        (Verdict::Valid, &yes, &yes),
        (Verdict::Invalid, &no, &no),
        (Verdict::Unsupported, &yes, &no),
    ] {
        for (token, expected) in [(&good, for_good), (&bad, for_bad)] {
            let backend = Says::new(verdict);
            let answer = verify(&Jws::split(token).unwrap(), ALL, &keys, &backend);
            assert_eq!(&answer, expected, "{verdict:?}");
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = base64url::decode(signature.as_bytes()).unwrap();
            assert_eq!(*backend.1.borrow(), [(signed.as_bytes().to_vec(), signature)]);
        }
    }
}

#[test]
fn pure_rust_asks_a_key_only_for_what_it_suits() {
    let keys = all_keys();
    for alg in ALL {
        let signature = testing::sign(*alg, b"text");
        for (asked, key) in ALL.iter().flat_map(|asked| keys.iter().map(move |key| (*asked, key))) {
            let right = asked == *alg && key.suits(*alg);
            let expected = if right { Verdict::Valid } else { Verdict::Invalid };
            assert_eq!(PureRust.verify(asked, key, b"text", &signature), expected, "{alg} {asked}");
        }
    }
}

#[test]
fn one_token_costs_at_most_eight_checks() {
    let key = with(testing::jwk(Algorithm::Es256), json!({"kid": "k"}));
    let keys = testing::set(&vec![key; 20]);
    for members in [json!({}), json!({"kid": "k"})] {
        let no = Says::new(Verdict::Invalid);
        let token = testing::token(Algorithm::Es256, members, &alice());
        let answer = verify(&Jws::split(&token).unwrap(), ALL, &keys, &no);
        assert_eq!(answer, Err(JwsError::BadSignature));
        assert_eq!(no.1.borrow().len(), MAX_TRIES);
    }
}
