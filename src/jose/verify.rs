//! Whether the provider has signed a token (RFC 7515 section 5.2; RFC 8725 sections 3.1 to 3.3).

use super::error::printable;
use super::{Algorithm, Jws, JwsError, KeySet, PublicKey, PureRust};

/// Keys that one token may be tried with; each costs a signature check.
const MAX_TRIES: usize = 8;

/// A backend's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The signature is this key's.
    Valid,
    /// It is not.
    Invalid,
    /// The backend cannot tell: ask another.
    Unsupported,
}

/// Who checks signatures: a host's crypto, or [`PureRust`].
pub trait SignatureBackend {
    /// Whether `signature`, as it stands in a JWS (ECDSA: `r || s`), is `key`'s over `message`.
    /// Called only with a key that suits the algorithm and a signature of that key's length.
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Verdict;
}

/// Checks the signature of `jws`: its `alg` must be one of `allowed`. A `kid` in the header
/// chooses among `keys` by its exact name; without one, every key that suits is tried. Either
/// way a key must suit the algorithm, and at most 8 are tried.
///
/// # Errors
/// [`JwsError::AlgorithmNotAllowed`], [`JwsError::UnknownKid`], [`JwsError::NoKey`] or
/// [`JwsError::BadSignature`].
pub fn verify(
    jws: &Jws<'_>,
    allowed: &[Algorithm],
    keys: &KeySet,
    backend: &dyn SignatureBackend,
) -> Result<(), JwsError> {
    let algorithm = Algorithm::parse(jws.unverified_alg())
        .filter(|algorithm| allowed.contains(algorithm))
        .ok_or_else(|| JwsError::AlgorithmNotAllowed {
            found: printable(jws.unverified_alg()),
            allowed: allowed.to_vec(),
        })?;
    let kid = jws.unverified_kid();
    let named = |key: &&PublicKey| kid.is_none() || key.kid() == kid;
    if let Some(kid) = kid
        && !keys.iter().any(|key| named(&key))
    {
        return Err(JwsError::UnknownKid { kid: printable(kid) });
    }
    let suitable = keys.iter().filter(named).filter(|key| key.suits(algorithm));
    let mut refusal = JwsError::NoKey { algorithm };
    for key in suitable.take(MAX_TRIES) {
        if is_signature(algorithm, key, jws, backend) {
            return Ok(());
        }
        refusal = JwsError::BadSignature;
    }
    Err(refusal)
}

fn is_signature(
    algorithm: Algorithm,
    key: &PublicKey,
    jws: &Jws<'_>,
    backend: &dyn SignatureBackend,
) -> bool {
    // Checked here, so that no backend need be trusted to: DER where r || s belongs ends here too.
    if jws.signature().len() != key.signature_len() {
        return false;
    }
    let verdict = match backend.verify(algorithm, key, jws.signed(), jws.signature()) {
        Verdict::Unsupported => PureRust.verify(algorithm, key, jws.signed(), jws.signature()),
        verdict => verdict,
    };
    verdict == Verdict::Valid
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
