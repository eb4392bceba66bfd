//! Signatures checked in this program, with jwt-simple's keys and what they are made of.

use jwt_simple::algorithms::RSAPublicKey;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::Verifier;

use super::jwk::Material;
use super::{Algorithm, PublicKey, SignatureBackend, Verdict};
use crate::crypto::digest::{sha256, sha384};

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
                Material::Rsa(key) => rsa(algorithm, key, message, signature).unwrap_or(false),
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
/// `None` where the algorithm is not RSA's or the arithmetic failed.
fn rsa(algorithm: Algorithm, key: &RSAPublicKey, message: &[u8], signature: &[u8]) -> Option<bool> {
    let (padding, hash) = match algorithm {
        Algorithm::Rs256 => (Padding::PKCS1, MessageDigest::sha256()),
        Algorithm::Rs384 => (Padding::PKCS1, MessageDigest::sha384()),
        Algorithm::Rs512 => (Padding::PKCS1, MessageDigest::sha512()),
        Algorithm::Ps256 => (Padding::PKCS1_PSS, MessageDigest::sha256()),
        Algorithm::Ps384 => (Padding::PKCS1_PSS, MessageDigest::sha384()),
        Algorithm::Ps512 => (Padding::PKCS1_PSS, MessageDigest::sha512()),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
    };
    let key = PKey::from_rsa(key.as_ref().clone()).ok()?;
    let mut verifier = Verifier::new(hash, &key).ok()?;
    verifier.set_rsa_padding(padding).ok()?;
    verifier.update(message).ok()?;
    verifier.verify(signature).ok()
}
