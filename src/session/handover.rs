//! A session for other workers of the same process, which read it from memory that they
//! share: sealed like a cookie, and bound to what it is the answer to.

use crate::crypto::seal::{Binding, Opened, SealingKeys};
use crate::crypto::{Entropy, NoEntropy, Purpose};
use crate::wire::base64url;

use super::live::Session;

/// Bytes for the tokens kept for rules; the latest that was had stands first. What is left out
/// can be had again, and a cell of the process's memory holds many sessions.
const KEPT_BYTES: usize = 16 * 1024;

impl Session {
    /// Seals the session for whoever waits for `turn` (a digest that names the refresh).
    ///
    /// # Errors
    /// [`NoEntropy`] where the host gives no nonce.
    pub fn seal_for_workers(
        &self,
        keys: &SealingKeys,
        turn: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, NoEntropy> {
        let name = base64url::encode(turn);
        keys.seal(binding(&name), &self.record(self.may_fit(KEPT_BYTES)).0, entropy)
    }

    /// Opens what another worker sealed for `turn`; `None` for anything else. The flag says
    /// whether the key that seals today sealed it.
    #[must_use]
    pub fn open_from_workers(
        keys: &SealingKeys,
        turn: &[u8],
        sealed: &[u8],
    ) -> Option<(Self, bool)> {
        let name = base64url::encode(turn);
        let opened: Opened = keys.open(binding(&name), sealed)?;
        Some((Self::restore(&opened)?, opened.with_first_key()))
    }
}

const fn binding(name: &str) -> Binding<'_> {
    Binding { purpose: Purpose::Handover, name, host: "" }
}
