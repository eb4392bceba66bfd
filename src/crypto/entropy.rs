//! Randomness, handed in; without it nothing is sealed and no login begins.

use crate::wire::base64url;

/// The host gave no random numbers: whatever needed them is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host gave no random numbers")]
pub struct NoEntropy;

/// A source of unpredictable bytes.
pub trait Entropy {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`NoEntropy`] where the host fails; `bytes` must then not be used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// `N` random bytes.
///
/// # Errors
/// [`NoEntropy`] where the host fails.
pub fn random_bytes<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// 32 random bytes as 43 characters of base64url: a state, nonce or PKCE verifier
/// (RFC 7636 section 4.1 asks for exactly this).
///
/// # Errors
/// [`NoEntropy`] where the host fails.
pub fn random_text(entropy: &mut dyn Entropy) -> Result<String, NoEntropy> {
    Ok(base64url::encode(&random_bytes::<32>(entropy)?))
}
