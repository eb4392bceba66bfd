//! Tokens for tests: signed for real, with keys that are the same in every run, and saying
//! whatever a test wants. Not in the filter: only under `cfg(test)` or the feature `testing`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it went wrong")]

use std::time::Duration;

use jwt_simple::prelude::{
    ECDSAP256KeyPairLike as _, ES256KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _,
};
use serde_json::{Value, json};

use crate::config::{AccessTokenFormat, AccessTokenRules, IdTokenRules, Issuer};
use crate::crypto::seal::Binding;
use crate::crypto::secret::Key;
use crate::crypto::{Entropy, NoEntropy, Opened, Purpose, SealingKeys, Secret};
use crate::jose::{Algorithm, KeySet};
use crate::wire::{Timestamp, base64url};

/// The issuer of every token here.
pub const ISSUER: &str = "https://keycloak.local/realms/acme";
/// The client that asks for tokens: the ID token's audience.
pub const CLIENT: &str = "APP-frontend";
/// The API: the access token's audience.
pub const API: &str = "APP-backend";
/// The nonce in [`id_token`].
pub const NONCE: &str = "n-0S6_WzA2Mj-n-0S6_WzA2Mj-n-0S6_WzA2Mj-nonce";
/// The present of these tests: 2023-11-14T22:13:20Z.
pub const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A key pair of the provider.
pub struct Signer {
    kid: String,
    pair: Pair,
}

enum Pair {
    Ed25519(Box<Ed25519KeyPair>),
    Es256(Box<ES256KeyPair>),
}

impl Signer {
    /// An Ed25519 key; another `kid`, another key.
    #[must_use]
    pub fn ed25519(kid: &str) -> Self {
        // PKCS #8 of a seed (RFC 8410 section 7).
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend_from_slice(&crate::crypto::digest::sha256(kid.as_bytes()));
        let pair = Ed25519KeyPair::from_der(&der).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::Ed25519(Box::new(pair)) }
    }

    /// A P-256 key; another `kid`, another key.
    #[must_use]
    pub fn es256(kid: &str) -> Self {
        let scalar = crate::crypto::digest::sha256(kid.as_bytes());
        let pair = ES256KeyPair::from_bytes(&scalar).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::Es256(Box::new(pair)) }
    }

    /// The name of the algorithm this key signs with.
    #[must_use]
    pub const fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::Es256(_) => "ES256",
        }
    }

    /// The public key as a JWK (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Ed25519(pair) => json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
                "x": base64url::encode(&pair.public_key().to_bytes()),
            }),
            Pair::Es256(pair) => {
                let point = pair.key_pair().public_key().to_bytes_uncompressed();
                let (x, y) = point.get(1..).unwrap().split_at(32);
                json!({
                    "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
                    "x": base64url::encode(x), "y": base64url::encode(y),
                })
            }
        }
    }

    /// A key set with this one key, as the provider serves it.
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }

    /// A key set with this one key.
    #[must_use]
    pub fn keys(&self) -> KeySet {
        KeySet::parse(self.jwks().as_bytes()).unwrap()
    }

    /// A token with the header `{"alg", "kid", "typ"}`.
    #[must_use]
    pub fn sign(&self, typ: &str, payload: &Value) -> Secret {
        let header = json!({ "alg": self.alg(), "kid": self.kid, "typ": typ });
        self.sign_text(&header.to_string(), &payload.to_string())
    }

    /// A token of exactly these texts, JSON or not.
    #[must_use]
    pub fn sign_text(&self, header: &str, payload: &str) -> Secret {
        let encode = |text: &str| base64url::encode(text.as_bytes());
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = self.signature(message.as_bytes());
        Secret::new(format!("{message}.{}", base64url::encode(&signature)))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.key_pair().as_ref().sk.sign(message, None).to_vec(),
            Pair::Es256(pair) => {
                let (signature, _) = pair.key_pair().as_ref().sign_recoverable(message);
                signature.to_bytes().to_vec()
            }
        }
    }
}

/// The claims of an ID token as Keycloak writes them, good at [`NOW`] for five minutes.
#[must_use]
pub fn id_token() -> Value {
    json!({
        "exp": 1_700_000_300, "iat": 1_700_000_000, "auth_time": 1_699_999_990,
        "jti": "5d6e", "iss": ISSUER, "aud": CLIENT, "sub": "alice-1", "typ": "ID",
        "azp": CLIENT, "nonce": NONCE, "sid": "s-1", "acr": "1",
        "preferred_username": "alice", "email": "alice@example.test",
    })
}

/// The claims of an access token as Keycloak writes them, good at [`NOW`] for five minutes.
#[must_use]
pub fn access_token() -> Value {
    json!({
        "exp": 1_700_000_300, "iat": 1_700_000_000, "auth_time": 1_699_999_990,
        "jti": "onrtac", "iss": ISSUER, "aud": [API, "account"], "sub": "alice-1",
        "typ": "Bearer", "azp": CLIENT, "sid": "s-1", "acr": "1",
        "realm_access": { "roles": ["user"] }, "scope": "openid profile orders:read",
        "preferred_username": "alice",
    })
}

/// `claims` with those of `changes` set; a change to `null` leaves the claim out.
#[must_use]
pub fn with(mut claims: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut claims, changes) else {
        panic!("claims and changes are objects");
    };
    for (name, value) in changes {
        match value {
            Value::Null => drop(members.remove(&name)),
            value => drop(members.insert(name, value)),
        }
    }
    claims
}

/// Rules for [`id_token`], with a clock skew of 30 seconds.
#[must_use]
pub fn id_token_rules() -> IdTokenRules {
    IdTokenRules {
        issuer: Issuer::parse(ISSUER).unwrap(),
        client_id: CLIENT.to_owned(),
        audiences: vec![CLIENT.to_owned()],
        signing_algorithms: Algorithm::ALL.to_vec(),
        acr: Vec::new(),
        max_age: None,
        clock_skew: Duration::from_secs(30),
    }
}

/// Rules for [`access_token`], with a clock skew of 30 seconds.
#[must_use]
pub fn access_token_rules() -> AccessTokenRules {
    AccessTokenRules {
        issuer: Issuer::parse(ISSUER).unwrap(),
        audiences: vec![API.to_owned()],
        scope: Vec::new(),
        format: AccessTokenFormat::Jwt {
            typ: vec!["jwt".to_owned(), "at+jwt".to_owned()],
            signing_algorithms: Algorithm::ALL.to_vec(),
        },
        clock_skew: Duration::from_secs(30),
    }
}

/// What came out of a seal: the proof that `restore` asks for.
#[must_use]
pub fn opened() -> Opened {
    struct Zeros;
    impl Entropy for Zeros {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
            bytes.fill(0);
            Ok(())
        }
    }
    let keys = SealingKeys::new(&Key::new([7; 32]), &[]);
    let binding = Binding { purpose: Purpose::Session, name: "test", host: "test" };
    let sealed = keys.seal(binding, b"test", &mut Zeros).unwrap();
    keys.open(binding, &sealed).unwrap()
}
