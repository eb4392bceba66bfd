//! ECDSA signatures in ASN.1 DER, for hosts that want them so.

/// `r || s` (RFC 7518 section 3.4) as `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279 section 2.2.3).
/// `None` where `r` or `s` is zero, the length is odd, or it is too long for P-384.
#[must_use]
pub fn ecdsa_der(raw: &[u8]) -> Option<Vec<u8>> {
    let half = raw.len().checked_div(2)?;
    let (r, s) = raw.split_at_checked(half)?;
    if r.len() != s.len() || half > 48 {
        return None;
    }
    let integers = [integer(r)?, integer(s)?].concat();
    let mut der = vec![0x30, u8::try_from(integers.len()).ok()?];
    der.extend(integers);
    Some(der)
}

/// A positive INTEGER: shortest, and with a zero in front where the first bit would read as a sign.
fn integer(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let digits = bytes.get(start..)?;
    let sign = digits.first().is_some_and(|first| *first >= 0x80);
    let length = u8::try_from(digits.len()).ok()?.checked_add(u8::from(sign))?;
    let mut der = vec![0x02, length];
    der.extend(sign.then_some(0));
    der.extend(digits);
    Some(der)
}

#[cfg(test)]
mod tests {
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
}
