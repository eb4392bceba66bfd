//! base64url without padding (RFC 4648 section 5; RFC 7515 section 2), canonical only.
//!
//! One value has one spelling: padding, white space and non-zero trailing bits are
//! refused, so that two different texts never decode to the same token or cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The base64url text of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes that `text` spells, or `None` where it is not canonical base64url.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_decodes() {
        for length in 0..40u8 {
            let bytes: Vec<u8> = (0..length).collect();
            assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
        }
    }

    #[test]
    fn other_spellings_of_the_same_bytes_are_refused() {
        assert_eq!(decode(b"_w"), Some(vec![0xff]));
        for other in ["_w==", "_x", "/w", " _w", "_w\n", "_w=", "_"] {
            assert_eq!(decode(other.as_bytes()), None, "{other:?}");
        }
    }
}
