//! Fixed keys and freshly signed tokens, for tests of this module and of those above it.

use std::sync::LazyLock;

use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ECDSAP256PublicKeyLike as _, ECDSAP384KeyPairLike as _,
    ECDSAP384PublicKeyLike as _, ES256KeyPair, ES384KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _,
    EdDSAPublicKeyLike as _, RS256KeyPair, RSAKeyPairLike as _,
};
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::Signer;

use crate::wire::base64url;

use super::alg::Family;
use super::{Algorithm, KeySet};

// Made for these tests with openssl genrsa, ecparam and genpkey; used nowhere else.
static RSA: LazyLock<RS256KeyPair> =
    LazyLock::new(|| RS256KeyPair::from_pem(include_str!("testing/rsa-2048.pem")).unwrap());
static P256: LazyLock<ES256KeyPair> =
    LazyLock::new(|| ES256KeyPair::from_pem(include_str!("testing/p256.pem")).unwrap());
static P384: LazyLock<ES384KeyPair> =
    LazyLock::new(|| ES384KeyPair::from_pem(include_str!("testing/p384.pem")).unwrap());
static ED25519: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_pem(include_str!("testing/ed25519.pem")).unwrap());

/// The public key for `alg` as a JWK without `kid`, `alg` and `use`.
pub(crate) fn jwk(alg: Algorithm) -> Value {
    let text = |bytes: &[u8]| base64url::encode(bytes);
    let ec = |curve: &str, point: &[u8]| {
        let (x, y) = point[1..].split_at(point.len() / 2);
        json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)})
    };
    match alg.family() {
        Family::Rsa => {
            let parts = RSA.key_pair().public_key().to_components();
            json!({"kty": "RSA", "n": text(&parts.n), "e": text(&parts.e)})
        }
        Family::P256 => ec("P-256", &P256.public_key().public_key().to_bytes_uncompressed()),
        Family::P384 => ec("P-384", &P384.public_key().public_key().to_bytes_uncompressed()),
        Family::Ed25519 => {
            let x = ED25519.public_key().public_key().to_bytes();
            json!({"kty": "OKP", "crv": "Ed25519", "x": text(&x)})
        }
    }
}

/// `jwk` with more members, or with some replaced.
pub(crate) fn with(mut jwk: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

/// A set of these keys.
pub(crate) fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The four keys, under the kids `rsa`, `p256`, `p384` and `ed25519`.
pub(crate) fn all_keys() -> KeySet {
    let named = [
        (Algorithm::Rs256, "rsa"),
        (Algorithm::Es256, "p256"),
        (Algorithm::Es384, "p384"),
        (Algorithm::EdDsa, "ed25519"),
    ];
    set(&named.map(|(alg, kid)| with(jwk(alg), json!({"kid": kid, "use": "sig"}))))
}

/// The signature over `message`, as it stands in a JWS.
pub(crate) fn sign(alg: Algorithm, message: &[u8]) -> Vec<u8> {
    let hash = match alg {
        Algorithm::Rs384 | Algorithm::Ps384 => MessageDigest::sha384(),
        Algorithm::Rs512 | Algorithm::Ps512 => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    };
    match alg.family() {
        Family::Rsa => {
            let key = PKey::from_rsa(RSA.key_pair().as_ref().clone()).unwrap();
            let mut signer = Signer::new(hash, &key).unwrap();
            let pss = alg.name().starts_with("PS");
            signer.set_rsa_padding(if pss { Padding::PKCS1_PSS } else { Padding::PKCS1 }).unwrap();
            signer.update(message).unwrap();
            signer.sign_to_vec().unwrap()
        }
        Family::P256 => {
            let signature: p256::ecdsa::Signature = P256.key_pair().as_ref().sign(message);
            signature.to_bytes().to_vec()
        }
        Family::P384 => {
            let signature: p384::ecdsa::Signature = P384.key_pair().as_ref().sign(message);
            signature.to_bytes().to_vec()
        }
        Family::Ed25519 => ED25519.key_pair().as_ref().sk.sign(message, None).to_vec(),
    }
}

/// A signed token with exactly these bytes as header and payload.
pub(crate) fn token_of(alg: Algorithm, header: &str, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        base64url::encode(header.as_bytes()),
        base64url::encode(payload.as_bytes())
    );
    let signature = base64url::encode(&sign(alg, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A signed token: `alg` and `members` in its header, `payload` as its claims.
pub(crate) fn token(alg: Algorithm, members: Value, payload: &Value) -> String {
    let header = with(json!({"alg": alg.name()}), members);
    token_of(alg, &header.to_string(), &payload.to_string())
}
