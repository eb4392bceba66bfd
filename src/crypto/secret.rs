//! Secrets as a type: printed as `[redacted]`, compared in constant time, zeroed when dropped.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// A text that must not be seen: a client secret, a refresh token, a PKCE verifier.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` in; the caller's own copies are the caller's to drop.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that must send or seal it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same text, in time that depends on the lengths only.
    #[must_use]
    pub fn equals(&self, other: &str) -> bool {
        constant_time_eq(self.0.as_bytes(), other.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// A key of 32 bytes.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Takes 32 bytes of key.
    #[must_use]
    pub fn new(mut bytes: [u8; 32]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// The bytes, for the cipher.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// Whether two byte strings are equal, in time that depends on the lengths only.
#[must_use]
pub fn constant_time_eq(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Key::new([7; 32])),
            "[redacted] [redacted] [redacted]"
        );
        assert!(secret.equals("hunter2"));
        assert!(!secret.equals("hunter22"));
    }
}
