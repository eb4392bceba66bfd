//! A record as the text of a cookie: base64url of what the seal makes of it.
//!
//! ```text
//! text = base64url(seal[key](purpose, cookie name, host; record))
//! ```
//!
//! Purpose, name and host are the seal's associated data: a login's cookie is no
//! session, a renamed cookie is noise, and so is the cookie of another host that shares
//! the key.

use super::chunks::{COOKIE_LIMIT, MAX_PIECES};
use crate::crypto::seal::{Binding, OVERHEAD, Opened, SealingKeys};
use crate::crypto::{Entropy, NoEntropy};
use crate::wire::base64url;

/// Bytes of text that `bytes` bytes of a record take.
pub(super) const fn text_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Bytes of text that a whole record of `bytes` bytes takes when sealed.
pub(super) const fn sealed_length(bytes: usize) -> usize {
    text_length(bytes.saturating_add(OVERHEAD))
}

/// Seals a record.
///
/// # Errors
/// [`NoEntropy`] where the host gives no nonce.
pub(super) fn seal(
    keys: &SealingKeys,
    binding: Binding<'_>,
    record: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<String, NoEntropy> {
    Ok(base64url::encode(&keys.seal(binding, record, entropy)?))
}

/// Opens a text; `None` for whatever was not sealed with one of the keys for this.
pub(super) fn open(keys: &SealingKeys, binding: Binding<'_>, text: &[u8]) -> Option<Opened> {
    if text.len() > COOKIE_LIMIT.saturating_mul(MAX_PIECES) {
        return None;
    }
    keys.open(binding, &base64url::decode(text)?)
}
