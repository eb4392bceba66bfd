//! Signatures by the host, where it has a check of its own and is right on known vectors.
//!
//! Envoy's foreign function `verify_signature` is some forty times faster than code in
//! wasm. It is asked at start-up about a good and a broken signature for each algorithm,
//! and used only for those it answered rightly. Its arguments are a protobuf message:
//! `{1: hash function, 2: public key as SPKI DER, 3: signature, 4: text}`, its answer
//! `{1: bool, 2: error}`.

use crate::jose::{Algorithm, PublicKey, SignatureBackend, Verdict, ecdsa_der};

use super::abi;
use super::capabilities::Checking;
use super::change::Erasing;

const FUNCTION: &str = "verify_signature";

/// What the vectors sign.
const TEXT: &[u8] = b"oidc-gate asks the host";

/// One known signature per algorithm: key (SPKI DER) and signature (ECDSA in DER).
const VECTORS: [(Algorithm, &[u8], &[u8]); 5] = [
    (Algorithm::Rs256, RSA, include_bytes!("vectors/rs256.sig")),
    (Algorithm::Rs384, RSA, include_bytes!("vectors/rs384.sig")),
    (Algorithm::Rs512, RSA, include_bytes!("vectors/rs512.sig")),
    (Algorithm::Es256, include_bytes!("vectors/p256.der"), include_bytes!("vectors/es256.sig")),
    (Algorithm::Es384, include_bytes!("vectors/p384.der"), include_bytes!("vectors/es384.sig")),
];
const RSA: &[u8] = include_bytes!("vectors/rsa.der");

/// The host's signature check, and what it may be used for.
pub(super) struct HostSignatures {
    trusted: Vec<Algorithm>,
}

impl HostSignatures {
    /// Asks the host about the known vectors.
    pub(super) fn probe() -> Self {
        let right = |(algorithm, key, signature): &(Algorithm, &[u8], &[u8])| {
            let hash = hash_function(*algorithm)?;
            let accepts = ask(hash, key, signature, TEXT)?;
            let refuses = !ask(hash, key, signature, b"something else")?;
            (accepts && refuses).then_some(*algorithm)
        };
        Self { trusted: VECTORS.iter().filter_map(right).collect() }
    }

    /// Whether the host has this check at all, and is right: only Envoy is known to.
    pub(super) const fn are_there(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// How this host is had to send a header no further.
    pub(super) const fn erasing(&self) -> Erasing {
        if self.are_there() { Erasing::Remove } else { Erasing::Overwrite }
    }

    /// Who checks what.
    #[cold]
    pub(super) fn checking(&self) -> Checking {
        let names: Vec<&str> = self.trusted.iter().map(|algorithm| algorithm.name()).collect();
        match names.len() {
            0 => Checking::Filter,
            right if right == VECTORS.len() => Checking::Host(names.join(" ")),
            _ => Checking::Partly(names.join(" ")),
        }
    }
}

impl SignatureBackend for HostSignatures {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Verdict {
        let Some(hash) = hash_function(algorithm).filter(|_| self.trusted.contains(&algorithm))
        else {
            return Verdict::Unsupported;
        };
        let der = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => match ecdsa_der(signature) {
                Some(der) => der,
                None => return Verdict::Invalid,
            },
            _ => signature.to_vec(),
        };
        match ask(hash, key.spki_der(), &der, message) {
            Some(true) => Verdict::Valid,
            Some(false) => Verdict::Invalid,
            None => Verdict::Unsupported,
        }
    }
}

const fn hash_function(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 => Some("sha512"),
        _ => None,
    }
}

/// The host's answer; `None` where it has no such function or did not answer in its terms.
fn ask(hash: &str, key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
    let mut arguments = Vec::new();
    for (number, bytes) in [(1, hash.as_bytes()), (2, key), (3, signature), (4, text)] {
        field(&mut arguments, number, bytes)?;
    }
    let answer = abi::foreign_function(FUNCTION, &arguments).ok()?;
    // A bool that is false is not written (proto3), an error then is.
    Some(answer.as_slice().starts_with(&[0x08, 0x01]))
}

/// A protobuf field of wire type 2: tag, length as varint, bytes.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) -> Option<()> {
    message.push(number.checked_shl(3)? | 2);
    let mut length = bytes.len();
    while length > 0x7f {
        message.push(u8::try_from(length & 0x7f).ok()? | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).ok()?);
    message.extend_from_slice(bytes);
    Some(())
}
