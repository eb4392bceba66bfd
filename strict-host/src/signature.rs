//! The foreign function `verify_signature`, for ECDSA on P-256 with SHA-256.

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;

/// The answer to a protobuf message `{1: hash, 2: key, 3: signature, 4: text}`.
pub(crate) fn verify(arguments: &[u8]) -> Option<Vec<u8>> {
    let mut fields: [&[u8]; 5] = [&[]; 5];
    let mut rest = arguments;
    while let Some((tag, after)) = rest.split_first() {
        let (mut size, mut shift, mut bytes) = (0_usize, 0, after);
        loop {
            let (byte, after) = bytes.split_first()?;
            size |= usize::from(byte & 0x7f) << shift;
            (shift, bytes) = (shift + 7, after);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (field, after) = bytes.split_at_checked(size)?;
        *fields.get_mut(usize::from(tag >> 3))? = field;
        rest = after;
    }
    let [_, hash, key, signature, text] = fields;
    let right = hash == b"sha256" && is_right(key, signature, text).is_some();
    Some(if right { vec![0x08, 0x01] } else { b"\x12\x05wrong".to_vec() })
}

fn is_right(key: &[u8], signature: &[u8], text: &[u8]) -> Option<()> {
    let key = VerifyingKey::from_public_key_der(key).ok()?;
    key.verify(text, &DerSignature::try_from(signature).ok()?).ok()
}
