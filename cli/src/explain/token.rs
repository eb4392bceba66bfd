//! A token taken apart, and copies of it that the gate's own rules can judge without its signature.
//!
//! The gate judges nothing that nobody signed, so there is no way round the signature in it, nor
//! does this make one: a copy is signed by nobody, under a key that nobody has, and [`Unsigned`]
//! calls its signature right. It never leaves this program.

use std::sync::LazyLock;

use oidc_gate::crypto::Secret;
use oidc_gate::jose::{Algorithm, Jws, KeySet, PublicKey, SignatureBackend, Verdict};
use oidc_gate::wire::{Json, base64url};

/// The algorithm of copies.
pub(super) const ALGORITHM: Algorithm = Algorithm::EdDsa;

/// The key of copies: the public one of RFC 8037 appendix A.2.
#[allow(clippy::expect_used, reason = "a constant; no test passes where it cannot be read")]
pub(super) static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let keys = serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]});
    KeySet::parse(keys.to_string().as_bytes()).expect("a set of keys")
});

/// A set without any key.
pub(super) const NONE: &[u8] = br#"{"keys":[]}"#;

/// Calls the signature of a copy right.
pub(super) struct Unsigned;

impl SignatureBackend for Unsigned {
    fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Valid
    }
}

/// A token, of which nothing is proven.
pub(super) struct Token {
    pub(super) raw: Secret,
    pub(super) alg: String,
    pub(super) typ: Option<String>,
    pub(super) kid: Option<String>,
    payload: Vec<u8>,
    claims: Json,
}

impl Token {
    /// Takes a token out of a text: with or without `Authorization:` and `Bearer` before it.
    ///
    /// # Errors
    /// Why it is no signed token; without any of its text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace().filter(|word| {
            !word.eq_ignore_ascii_case("authorization:") && !word.eq_ignore_ascii_case("bearer")
        });
        let (raw, more) = (words.next().unwrap_or_default(), words.next().is_some());
        if raw.is_empty() || more {
            let found = if more { "several words" } else { "nothing" };
            return Err(format!("expected one token, found {found}"));
        }
        let jws = Jws::split(raw).map_err(|error| error.to_string())?;
        let payload = jws.unverified_payload().to_vec();
        let claims = Json::parse(&payload, payload.len())
            .map_err(|error| format!("the token's payload is not JSON: {error}"))?;
        if claims.as_object().is_none() {
            return Err(format!("the token's payload is {}, expected an object", claims.kind()));
        }
        Ok(Self {
            alg: jws.unverified_alg().to_owned(),
            typ: jws.unverified_typ().map(str::to_owned),
            kid: jws.unverified_kid().map(str::to_owned),
            payload,
            claims,
            raw: Secret::new(raw.to_owned()),
        })
    }

    /// The claim `name`.
    pub(super) fn claim(&self, name: &str) -> Option<&Json> {
        self.claims.get(name)
    }

    /// A copy that says the same, for [`KEYS`] and [`Unsigned`].
    pub(super) fn copy(&self) -> Secret {
        copy(self.typ.as_deref(), &self.payload)
    }
}

/// A token with this header `typ` and payload, signed by nobody.
pub(super) fn copy(typ: Option<&str>, payload: &[u8]) -> Secret {
    let mut header = serde_json::json!({"alg": ALGORITHM.name()});
    if let (Some(typ), Some(members)) = (typ, header.as_object_mut()) {
        members.insert("typ".to_owned(), typ.into());
    }
    let header = base64url::encode(header.to_string().as_bytes());
    let (payload, signature) = (base64url::encode(payload), base64url::encode(&[0; 64]));
    Secret::new(format!("{header}.{payload}.{signature}"))
}
