//! RSA's check of signatures beside another one's: what that refuses is refused here.

use rsa::rand_core::OsRng;
use rsa::{RsaPrivateKey, pkcs8::DecodePrivateKey as _};
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::{Padding, Rsa};
use superboring::sign::Verifier;

use super::*;
use crate::jose::testing;

const MESSAGE: &[u8] = b"header.payload";
const PSS: [Algorithm; 3] = [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512];
const PKCS1: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];

fn private_key() -> RsaPrivateKey {
    RsaPrivateKey::from_pkcs8_pem(include_str!("testing/rsa-2048.pem")).unwrap()
}

/// What this module says, and what superboring says.
fn verdicts(algorithm: Algorithm, signature: &[u8]) -> (bool, bool) {
    let keys = testing::all_keys();
    let key = keys.iter().find(|key| key.suits(algorithm)).unwrap();
    let ours = PureRust.verify(algorithm, key, MESSAGE, signature) == Verdict::Valid;

    let other = PKey::from_rsa(Rsa::public_key_from_der(key.spki_der()).unwrap()).unwrap();
    let mut verifier = Verifier::new(digest(algorithm), &other).unwrap();
    let pss = PSS.contains(&algorithm);
    verifier.set_rsa_padding(if pss { Padding::PKCS1_PSS } else { Padding::PKCS1 }).unwrap();
    verifier.update(MESSAGE).unwrap();
    (ours, verifier.verify(signature).unwrap_or(false))
}

fn digest(algorithm: Algorithm) -> MessageDigest {
    match algorithm {
        Algorithm::Rs384 | Algorithm::Ps384 => MessageDigest::sha384(),
        Algorithm::Rs512 | Algorithm::Ps512 => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    }
}

fn pss(algorithm: Algorithm, salt: usize) -> (Pss, Vec<u8>) {
    match algorithm {
        Algorithm::Ps384 => (Pss::new_with_salt::<Sha384>(salt), sha384(MESSAGE).to_vec()),
        Algorithm::Ps512 => (Pss::new_with_salt::<Sha512>(salt), sha512(MESSAGE).to_vec()),
        _ => (Pss::new_with_salt::<Sha256>(salt), sha256(MESSAGE).to_vec()),
    }
}

#[test]
fn a_pss_signature_with_a_salt_of_another_length_is_refused() {
    let key = private_key();
    for algorithm in PSS {
        let hash = pss(algorithm, 0).1.len();
        for salt in [0, 1, 20, 32, 48, 64, hash - 1, hash + 1, 254 - hash] {
            let (scheme, hashed) = pss(algorithm, salt);
            let signature = key.sign_with_rng(&mut OsRng, scheme, &hashed).unwrap();
            let right = salt == hash;
            assert_eq!(verdicts(algorithm, &signature), (right, right), "{algorithm} {salt}");
        }
    }
}

#[test]
fn a_signature_plus_the_modulus_is_no_second_signature() {
    let modulus = private_key().n().clone();
    for algorithm in [PSS, PKCS1].as_flattened() {
        // Only a small signature's sum has the right length, one in seven with this key. PSS draws
        // another each time; of PKCS #1 a message has one.
        let tries = if PSS.contains(algorithm) { 512 } else { 1 };
        let sums = (0..tries).filter_map(|_| {
            let signature = testing::sign(*algorithm, MESSAGE);
            assert_eq!(verdicts(*algorithm, &signature), (true, true));
            let sum = BigUint::from_bytes_be(&signature) + &modulus;
            Some(sum.to_bytes_be()).filter(|sum| sum.len() == modulus.bits().div_ceil(8))
        });
        let sums: Vec<_> = sums.take(1).collect();
        for sum in &sums {
            assert_eq!(verdicts(*algorithm, sum), (false, false), "{algorithm}");
        }
        assert!(!sums.is_empty() || !PSS.contains(algorithm), "{algorithm}");
    }
}

#[test]
fn numbers_that_are_no_signature_are_refused() {
    let modulus = private_key().n().clone();
    for algorithm in [PSS, PKCS1].as_flattened() {
        for number in [
            BigUint::from(0u8),
            BigUint::from(1u8),
            &modulus - 1u8,
            modulus.clone(),
            &modulus + 1u8,
        ] {
            let digits = number.to_bytes_be();
            let signature = [vec![0; 256 - digits.len()], digits].concat();
            assert_eq!(verdicts(*algorithm, &signature), (false, false), "{algorithm} {number}");
        }
    }
}
