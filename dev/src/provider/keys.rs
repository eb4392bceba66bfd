//! The realm's keys (RFC 7517), of as many kinds as a real key set may hold.
//!
//! Used for signing: an RSA key for RS256, an RSA key without `alg` for the other RSA algorithms, P-256, P-384, Ed25519.
//! Only to be skipped by whoever reads the set: a key for encryption, and one of a kind that nobody knows.

use std::sync::OnceLock;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

use crate::words::{base64url, random};

/// Whether a token that has expired is still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It is not.
    Checked,
    /// However old it is.
    Ignored,
}

/// A key that signs, and its public half as a JWK.
struct SigningKey {
    kid: String,
    private: EncodingKey,
    public: Value,
}

/// A new RS256 key. Making one takes a while, so it is made before the key set is locked.
pub(crate) struct NextKey(SigningKey, String);

impl NextKey {
    /// A key that nobody has seen yet.
    pub(crate) fn generate() -> Self {
        let (key, pem) = rsa(Some("RS256"));
        Self(key, pem)
    }
}

/// Making RSA keys is what starting a provider takes: this one is shared by all providers of a process.
static ANY_RSA: OnceLock<SigningKey> = OnceLock::new();

/// The keys of the realm.
pub(crate) struct Keys {
    rs256: SigningKey,
    rs256_pem: String,
    any_rsa: &'static SigningKey,
    p256: SigningKey,
    p384: SigningKey,
    ed25519: SigningKey,
    encryption: Value,
    /// Keys that are not used any more, but published: tokens signed by them are still about.
    retired: Vec<Value>,
    /// For refresh tokens, which only the provider itself reads.
    secret: [u8; 64],
}

impl Keys {
    /// New keys of every kind.
    pub(crate) fn generate() -> Self {
        let (rs256, rs256_pem) = rsa(Some("RS256"));
        Self {
            rs256,
            rs256_pem,
            any_rsa: ANY_RSA.get_or_init(|| rsa(None).0),
            p256: p256(),
            p384: p384(),
            ed25519: ed25519(),
            encryption: encryption(),
            retired: Vec::new(),
            secret: random(),
        }
    }

    /// `next` signs from now on; the old RS256 key stays published.
    pub(crate) fn rotate(&mut self, next: NextKey) {
        let old = std::mem::replace(&mut self.rs256, next.0);
        self.rs256_pem = next.1;
        self.retired.push(old.public);
    }

    /// Keys that do not sign any more are not published any more either.
    pub(crate) fn forget_retired(&mut self) {
        self.retired.clear();
    }

    /// The key set (RFC 7517 section 5). Unusable keys come first: whoever gives up there finds nothing.
    pub(crate) fn set(&self) -> Vec<Value> {
        let unknown = json!({"kty": "AKP", "kid": "dev-unknown", "alg": "ML-DSA-44", "use": "sig", "pub": base64url([7; 32])});
        let signing = [&self.rs256, self.any_rsa, &self.p256, &self.p384, &self.ed25519];
        let mut keys = vec![unknown, self.encryption.clone()];
        keys.extend(signing.iter().map(|key| key.public.clone()));
        keys.extend(self.retired.iter().cloned());
        keys
    }

    /// The RS256 key's public half in PEM: what an attacker would feed to a verifier as an HMAC secret.
    pub(crate) fn public_pem(&self) -> &str {
        &self.rs256_pem
    }

    /// The `kid` that a token signed with `algorithm` names.
    pub(crate) fn kid(&self, algorithm: Algorithm) -> &str {
        self.key(algorithm).map_or("dev-refresh", |key| &key.kid)
    }

    /// The signature of `message`, in base64url. HMAC uses the provider's own secret.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &str) -> String {
        let hmac = EncodingKey::from_secret(&self.secret);
        let key = self.key(algorithm).map_or(&hmac, |key| &key.private);
        jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("our own keys sign")
    }

    /// The claims of a token that one of these keys has signed; `None` for any other.
    pub(crate) fn claims(&self, token: &str, expiry: Expiry) -> Option<Value> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let named = self
            .set()
            .into_iter()
            .find(|key| key.get("kid").and_then(Value::as_str) == header.kid.as_deref())?;
        let key = DecodingKey::from_jwk(&serde_json::from_value(named).ok()?).ok()?;
        let mut validation = Validation::new(header.alg);
        validation.validate_aud = false;
        if expiry == Expiry::Ignored {
            validation.validate_exp = false;
            validation.required_spec_claims.clear();
        }
        Some(jsonwebtoken::decode::<Value>(token, &key, &validation).ok()?.claims)
    }

    const fn key(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        match algorithm {
            Algorithm::RS256 => Some(&self.rs256),
            Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => Some(self.any_rsa),
            Algorithm::ES256 => Some(&self.p256),
            Algorithm::ES384 => Some(&self.p384),
            Algorithm::EdDSA => Some(&self.ed25519),
            _ => None,
        }
    }
}

fn new_kid(kind: &str) -> String {
    format!("dev-{kind}-{}", base64url(random::<9>()))
}

fn rsa(alg: Option<&str>) -> (SigningKey, String) {
    let key = rsa::RsaPrivateKey::new(&mut OsRng, 2048).expect("2048 bits are a legal size");
    let kid = new_kid("rsa");
    let (n, e) = (base64url(key.n().to_bytes_be()), base64url(key.e().to_bytes_be()));
    let mut public = json!({"kty": "RSA", "kid": kid, "use": "sig", "n": n, "e": e});
    if let Some(alg) = alg {
        public["alg"] = alg.into();
    }
    let der = key.to_pkcs1_der().expect("an RSA key has a DER form");
    let pem = key.to_public_key().to_public_key_pem(rsa::pkcs8::LineEnding::LF);
    let private = EncodingKey::from_rsa_der(der.as_bytes());
    (SigningKey { kid, private, public }, pem.expect("an RSA key has a PEM form"))
}

fn p256() -> SigningKey {
    let key = p256::SecretKey::random(&mut OsRng);
    let point = key.public_key().to_encoded_point(false);
    let private = EncodingKey::from_ec_der(
        key.to_pkcs8_der().expect("a P-256 key has a DER form").as_bytes(),
    );
    ec("P-256", "ES256", private, point.x().map(base64url), point.y().map(base64url))
}

fn p384() -> SigningKey {
    let key = p384::SecretKey::random(&mut OsRng);
    let point = key.public_key().to_encoded_point(false);
    let private = EncodingKey::from_ec_der(
        key.to_pkcs8_der().expect("a P-384 key has a DER form").as_bytes(),
    );
    ec("P-384", "ES384", private, point.x().map(base64url), point.y().map(base64url))
}

fn ec(
    crv: &str,
    alg: &str,
    private: EncodingKey,
    x: Option<String>,
    y: Option<String>,
) -> SigningKey {
    let kid = new_kid("ec");
    let public =
        json!({"kty": "EC", "kid": kid, "use": "sig", "alg": alg, "crv": crv, "x": x, "y": y});
    SigningKey { kid, private, public }
}

fn ed25519() -> SigningKey {
    let key = ed25519_dalek::SigningKey::generate(&mut OsRng);
    let kid = new_kid("ed");
    let x = base64url(key.verifying_key().as_bytes());
    let public =
        json!({"kty": "OKP", "kid": kid, "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "x": x});
    let private = EncodingKey::from_ed_der(
        key.to_pkcs8_der().expect("an Ed25519 key has a DER form").as_bytes(),
    );
    SigningKey { kid, private, public }
}

/// A key for encryption. Nobody encrypts for this provider, so a random number of the right size will do.
fn encryption() -> Value {
    let mut n = random::<256>();
    n[0] |= 0x80;
    n[255] |= 1;
    json!({"kty": "RSA", "kid": new_kid("enc"), "use": "enc", "alg": "RSA-OAEP", "n": base64url(n), "e": "AQAB"})
}
