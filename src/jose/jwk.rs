//! One public key of the provider (RFC 7517 section 4; RFC 7518 section 6; RFC 8037 section 2).
//!
//! A key serves one kind of algorithm, and only its own `alg` where it names one. What jwt-simple
//! holds to be weak is refused: RSA under 2048 or over 4096 bits or with another exponent than
//! 65537, a point beside its curve, an Ed25519 point of small order.

use std::fmt;

use jwt_simple::algorithms::{Edwards25519PublicKey, P256PublicKey, P384PublicKey, RSAPublicKey};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey};

use crate::wire::{Json, base64url};

use super::Algorithm;
use super::alg::Family;
use super::der::{p256_spki, p384_spki, rsa_spki};
use super::error::printable;

/// A public key that checks signatures.
#[derive(Clone)]
pub struct PublicKey {
    kid: Option<String>,
    alg: Option<Algorithm>,
    spki: Vec<u8>,
    material: Material,
}

/// The key itself, by kind.
#[derive(Clone)]
pub(super) enum Material {
    Rsa(Box<RsaPublicKey>),
    P256(P256PublicKey),
    P384(P384PublicKey),
    Ed25519(Edwards25519PublicKey),
}

/// Why a key is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("`{name}` must be {expected}; found {found}")]
    Member { name: &'static str, expected: &'static str, found: &'static str },
    #[error("`{name}` says that it is not for checking signatures")]
    OtherUse { name: &'static str },
    #[error("its kind is `{found}`; RSA, EC with P-256 or P-384, and OKP with Ed25519 are used")]
    Kind { found: String },
    #[error("`alg` is `{found}`, which is not a signature algorithm of this kind of key")]
    Algorithm { found: String },
    #[error("it is a private key (`d`): whoever reads these keys can sign; replace it")]
    Private,
    #[error("it is not a sound key: {expected}")]
    Unsound { expected: &'static str },
}

impl PublicKey {
    /// Reads one member of `keys`.
    pub(super) fn from_jwk(jwk: &Json) -> Result<Self, Unusable> {
        if jwk.get("d").is_some() {
            return Err(Unusable::Private);
        }
        let (material, spki) = Material::from_jwk(jwk)?;
        for_signatures(jwk)?;
        let kid = optional(jwk, "kid")?.map(str::to_owned);
        let alg = match optional(jwk, "alg")? {
            None => None,
            Some(name) => Some(
                Algorithm::parse(name)
                    .filter(|algorithm| algorithm.family() == material.family())
                    .ok_or_else(|| Unusable::Algorithm { found: printable(name) })?,
            ),
        };
        Ok(Self { kid, alg, spki, material })
    }

    /// The key as a SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7), as hosts want it.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Whether the key may check signatures of this algorithm (RFC 8725 section 3.1: one key, one
    /// algorithm; where the provider names none, those of its kind).
    #[must_use]
    pub fn suits(&self, algorithm: Algorithm) -> bool {
        self.material.family() == algorithm.family() && self.alg.is_none_or(|own| own == algorithm)
    }

    /// The key's name (RFC 7517 section 4.5).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// How long this key's signatures are, in bytes (RFC 7518 sections 3.3 to 3.5; RFC 8032).
    pub(super) fn signature_len(&self) -> usize {
        match &self.material {
            Material::Rsa(key) => key.size(),
            Material::P256(_) | Material::Ed25519(_) => 64,
            Material::P384(_) => 96,
        }
    }

    pub(super) const fn material(&self) -> &Material {
        &self.material
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .field("family", &self.material.family())
            .finish_non_exhaustive()
    }
}

impl Material {
    /// The key and its SubjectPublicKeyInfo.
    fn from_jwk(jwk: &Json) -> Result<(Self, Vec<u8>), Unusable> {
        let kind = required(jwk, "kty")?;
        match (kind, optional(jwk, "crv")?) {
            ("RSA", _) => rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
            ("EC", Some("P-256")) => p256(&point(jwk, 32)?),
            ("EC", Some("P-384")) => p384(&point(jwk, 48)?),
            ("OKP", Some("Ed25519")) => ed25519(&bytes(jwk, "x")?),
            (_, None) => Err(Unusable::Kind { found: printable(kind) }),
            (_, Some(curve)) => {
                Err(Unusable::Kind { found: printable(&format!("{kind} {curve}")) })
            }
        }
    }

    const fn family(&self) -> Family {
        match self {
            Self::Rsa(_) => Family::Rsa,
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Result<(Material, Vec<u8>), Unusable> {
    let unsound = Unusable::Unsound {
        expected: "RSA keys have 2048 to 4096 bits, an odd modulus and the exponent 65537",
    };
    // jwt-simple judges the key. What it keeps of one is bound to a larger library's checks of
    // signatures and its DER, so the key is made once more.
    let number = BigUint::from_bytes_be;
    RSAPublicKey::from_components(n, e)
        .ok()
        .and_then(|_| RsaPublicKey::new(number(n), number(e)).ok())
        .and_then(|key| Some((Material::Rsa(Box::new(key)), rsa_spki(n, e)?)))
        .ok_or(unsound)
}

fn p256(point: &[u8]) -> Result<(Material, Vec<u8>), Unusable> {
    P256PublicKey::from_bytes(point)
        .ok()
        .and_then(|key| Some((Material::P256(key), p256_spki(point)?)))
        .ok_or(Unusable::Unsound { expected: "`x` and `y` are a point on P-256" })
}

fn p384(point: &[u8]) -> Result<(Material, Vec<u8>), Unusable> {
    P384PublicKey::from_bytes(point)
        .ok()
        .and_then(|key| Some((Material::P384(key), p384_spki(point)?)))
        .ok_or(Unusable::Unsound { expected: "`x` and `y` are a point on P-384" })
}

fn ed25519(x: &[u8]) -> Result<(Material, Vec<u8>), Unusable> {
    Edwards25519PublicKey::from_bytes(x)
        .map(|key| (key.to_der(), key))
        .map(|(spki, key)| (Material::Ed25519(key), spki))
        .map_err(|_| Unusable::Unsound { expected: "`x` is 32 bytes, a point of large order" })
}

/// An uncompressed point (SEC 1 section 2.3.3); each coordinate has the curve's full length.
fn point(jwk: &Json, length: usize) -> Result<Vec<u8>, Unusable> {
    let mut point = vec![0x04];
    for name in ["x", "y"] {
        let coordinate = bytes(jwk, name)?;
        if coordinate.len() != length {
            let expected = "as long as the curve's coordinates";
            return Err(Unusable::Member { name, expected, found: "another length" });
        }
        point.extend(coordinate);
    }
    Ok(point)
}

/// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3): what they say must fit.
fn for_signatures(jwk: &Json) -> Result<(), Unusable> {
    if optional(jwk, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(Unusable::OtherUse { name: "use" });
    }
    match jwk.get("key_ops").map(Json::as_array) {
        None => Ok(()),
        Some(Some(list)) if list.iter().any(|entry| entry.as_str() == Some("verify")) => Ok(()),
        Some(_) => Err(Unusable::OtherUse { name: "key_ops" }),
    }
}

fn bytes(jwk: &Json, name: &'static str) -> Result<Vec<u8>, Unusable> {
    base64url::decode(required(jwk, name)?.as_bytes()).ok_or(Unusable::Member {
        name,
        expected: "base64url",
        found: "another text",
    })
}

fn required<'a>(jwk: &'a Json, name: &'static str) -> Result<&'a str, Unusable> {
    optional(jwk, name)?.ok_or(Unusable::Member { name, expected: "a string", found: "nothing" })
}

fn optional<'a>(jwk: &'a Json, name: &'static str) -> Result<Option<&'a str>, Unusable> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(Unusable::Member { name, expected: "a string", found: other.kind() }),
    }
}

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
