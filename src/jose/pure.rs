//! Signatures checked in this program, with jwt-simple's keys and what they are made of.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Sha256, Sha384, Sha512};

use super::jwk::Material;
use super::{Algorithm, PublicKey, SignatureBackend, Verdict};
use crate::crypto::digest::{sha256, sha384, sha512};

/// The backend that is always there and knows every [`Algorithm`]; never [`Verdict::Unsupported`].
#[derive(Debug, Clone, Copy, Default)]
pub struct PureRust;

impl SignatureBackend for PureRust {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Verdict {
        let right = key.suits(algorithm)
            && match key.material() {
                Material::Rsa(key) => rsa(algorithm, key, message, signature),
                // `from_slice` takes r || s only, each from 1 to the curve's order. The hash is
                // the one of RFC 7518 section 3.4, by the code that hashes everything else here.
                Material::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                    .and_then(|signature| key.as_ref().verify_prehash(&sha256(message), &signature))
                    .is_ok(),
                Material::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                    .and_then(|signature| key.as_ref().verify_prehash(&sha384(message), &signature))
                    .is_ok(),
                Material::Ed25519(key) => ed25519_compact::Signature::from_slice(signature)
                    .and_then(|signature| key.as_ref().verify(message, &signature))
                    .is_ok(),
            };
        if right { Verdict::Valid } else { Verdict::Invalid }
    }
}

/// RSASSA (RFC 8017 section 8); for PSS the salt is as long as the hash (RFC 7518 section 3.5).
fn rsa(algorithm: Algorithm, key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> bool {
    // RFC 8017 section 5.2.2, step 1: for PSS the library does not ask that itself, and would take a
    // signature's sum with the modulus for a second signature.
    if BigUint::from_bytes_be(signature) >= *key.n() {
        return false;
    }
    let pkcs1 = |scheme: Pkcs1v15Sign, hash: &[u8]| key.verify(scheme, hash, signature).is_ok();
    let pss = |scheme: Pss, hash: &[u8]| key.verify(scheme, hash, signature).is_ok();
    match algorithm {
        Algorithm::Rs256 => pkcs1(Pkcs1v15Sign::new::<Sha256>(), &sha256(message)),
        Algorithm::Rs384 => pkcs1(Pkcs1v15Sign::new::<Sha384>(), &sha384(message)),
        Algorithm::Rs512 => pkcs1(Pkcs1v15Sign::new::<Sha512>(), &sha512(message)),
        Algorithm::Ps256 => pss(Pss::new_with_salt::<Sha256>(32), &sha256(message)),
        Algorithm::Ps384 => pss(Pss::new_with_salt::<Sha384>(48), &sha384(message)),
        Algorithm::Ps512 => pss(Pss::new_with_salt::<Sha512>(64), &sha512(message)),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => false,
    }
}

#[cfg(test)]
#[path = "pure_tests.rs"]
mod tests;
