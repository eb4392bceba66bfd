//! ASN.1 DER, as hosts want it: public keys, and signatures of ECDSA.

/// `SEQUENCE { OBJECT IDENTIFIER rsaEncryption, NULL }` (RFC 3279 section 2.3.1).
const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// `SEQUENCE { OBJECT IDENTIFIER id-ecPublicKey, OBJECT IDENTIFIER secp256r1 }` (RFC 5480
/// section 2.1.1).
const P256: &[u8] =
    b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// The same for secp384r1.
const P384: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of an RSA key: within it
/// `SEQUENCE { INTEGER n, INTEGER e }` (RFC 8017 appendix A.1.1). Both are big-endian, with zeros in
/// front or without. `None` where one is zero, or both are too long for any key.
pub(super) fn rsa_spki(n: &[u8], e: &[u8]) -> Option<Vec<u8>> {
    spki(RSA, &element(SEQUENCE, &[&integer(n)?, &integer(e)?])?)
}

/// The SubjectPublicKeyInfo of a key on P-256: within it its point as it stands (RFC 5480 section 2.2).
pub(super) fn p256_spki(point: &[u8]) -> Option<Vec<u8>> {
    spki(P256, point)
}

/// The same on P-384.
pub(super) fn p384_spki(point: &[u8]) -> Option<Vec<u8>> {
    spki(P384, point)
}

fn spki(algorithm: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    // A BIT STRING begins with how many bits of its last byte do not count.
    element(SEQUENCE, &[algorithm, &element(BIT_STRING, &[&[0], key])?])
}

/// `r || s` (RFC 7518 section 3.4) as `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279 section 2.2.3).
/// `None` where `r` or `s` is zero, the length is odd, or it is too long for P-384.
#[must_use]
pub fn ecdsa_der(raw: &[u8]) -> Option<Vec<u8>> {
    let half = raw.len().checked_div(2)?;
    let (r, s) = raw.split_at_checked(half)?;
    if r.len() != s.len() || half > 48 {
        return None;
    }
    element(SEQUENCE, &[&integer(r)?, &integer(s)?])
}

/// A positive INTEGER: shortest, and with a zero in front where the first bit would read as a sign.
fn integer(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let digits = bytes.get(start..)?;
    let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits])
}

/// Tag, shortest length (X.690 section 8.1.3) and content of at most 65,535 bytes.
fn element(tag: u8, content: &[&[u8]]) -> Option<Vec<u8>> {
    let content = content.concat();
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let mut der = match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    der.extend(content);
    Some(der)
}

#[cfg(test)]
mod tests {
    use jwt_simple::algorithms::{P256PublicKey, P384PublicKey, RSAPublicKey};

    use super::*;

    #[test]
    fn integers_are_shortest_and_positive() {
        let cases: [(&[u8], &[u8]); 5] = [
            (&[1, 2], &[0x30, 6, 2, 1, 1, 2, 1, 2]),
            (&[0, 1, 0, 0x7f], &[0x30, 6, 2, 1, 1, 2, 1, 0x7f]),
            (&[0x80, 0xff], &[0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0xff]),
            (&[0, 0x80, 1, 0], &[0x30, 8, 2, 2, 0, 0x80, 2, 2, 1, 0]),
            (&[0, 0, 9, 0, 8, 0], &[0x30, 7, 2, 1, 9, 2, 2, 8, 0]),
        ];
        for (raw, der) in cases {
            assert_eq!(ecdsa_der(raw).as_deref(), Some(der), "{raw:?}");
        }
    }

    #[test]
    fn the_longest_signature_fits_a_short_length() {
        let der = ecdsa_der(&[0xff; 96]).unwrap();
        assert_eq!(der[..5], [0x30, 102, 2, 49, 0]);
        assert_eq!(der.len(), 104);
    }

    #[test]
    fn what_is_no_signature_has_no_der() {
        let cases: [&[u8]; 7] = [&[], &[1], &[1, 2, 3], &[0, 1], &[1, 0], &[0; 64], &[1; 98]];
        for raw in cases {
            assert_eq!(ecdsa_der(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn the_der_is_what_another_library_reads() {
        for end in 1..=60u8 {
            let raw: Vec<u8> = (end..end.saturating_add(64)).collect();
            let Ok(signature) = p256::ecdsa::Signature::from_slice(&raw) else { continue };
            assert_eq!(ecdsa_der(&raw).unwrap(), signature.to_der().as_bytes());
        }
    }

    #[test]
    fn the_spki_of_an_rsa_key_is_what_another_library_writes() {
        // Lengths and first bytes where the DER changes: a sign's zero, one more byte of length.
        for length in [256, 257, 258, 383, 384, 385, 511, 512] {
            for first in [0x01, 0x7f, 0x80, 0xff] {
                let mut n = vec![0x55; length];
                n[0] = first;
                let Ok(key) = RSAPublicKey::from_components(&n, &[1, 0, 1]) else { continue };
                let der = key.to_der().unwrap();
                assert_eq!(rsa_spki(&n, &[1, 0, 1]).unwrap(), der, "{length} {first}");
                let padded = [&[0, 0], &n[..]].concat();
                assert_eq!(rsa_spki(&padded, &[0, 1, 0, 1]).unwrap(), der, "{length} {first}");
            }
        }
        assert_eq!(rsa_spki(&[0; 256], &[1, 0, 1]), None);
        assert_eq!(rsa_spki(&[1; 256], &[]), None);
        assert_eq!(rsa_spki(&[1; 66_000], &[1, 0, 1]), None);
    }

    #[test]
    fn the_spki_of_a_point_is_what_another_library_writes() {
        for scalar in 1..=20u8 {
            let scalar = |length: usize| [vec![0; length - 1], vec![scalar]].concat();
            let key = p256::SecretKey::from_slice(&scalar(32)).unwrap().public_key();
            let point = p256::ecdsa::VerifyingKey::from(key).to_sec1_point(false);
            let other = P256PublicKey::from_bytes(point.as_bytes()).unwrap().to_der().unwrap();
            assert_eq!(p256_spki(point.as_bytes()).unwrap(), other);
            let key = p384::SecretKey::from_slice(&scalar(48)).unwrap().public_key();
            let point = p384::ecdsa::VerifyingKey::from(key).to_sec1_point(false);
            let other = P384PublicKey::from_bytes(point.as_bytes()).unwrap().to_der().unwrap();
            assert_eq!(p384_spki(point.as_bytes()).unwrap(), other);
        }
    }

    #[test]
    fn lengths_are_shortest() {
        for (length, head) in [
            (0, &[3, 0][..]),
            (127, &[3, 127]),
            (128, &[3, 0x81, 128]),
            (255, &[3, 0x81, 255]),
            (256, &[3, 0x82, 1, 0]),
            (65_535, &[3, 0x82, 255, 255]),
        ] {
            let content = vec![7; length];
            assert_eq!(element(3, &[&content]).unwrap(), [head, &content].concat());
        }
        assert_eq!(element(3, &[&[7; 65_535], &[7]]), None);
    }
}
