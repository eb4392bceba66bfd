//! Searching in bytes, eight at a time: a session's cookie has thousands, on every request.

/// What stands before and after the first `byte`; `None` where it is not there.
pub(super) fn cut(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, from) = text.split_at_checked(position(text, byte)?)?;
    Some((before, from.get(1..)?))
}

/// Where the first `byte` is.
fn position(text: &[u8], byte: u8) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    // All but the last few bytes are looked at in words; where a word has it, or none does,
    // its bytes one by one.
    let clean = words.iter().take_while(|word| !has(**word, byte)).count().saturating_mul(8);
    let found = text.get(clean..)?.iter().position(|found| *found == byte)?;
    Some(clean.saturating_add(found))
}

/// Whether one of eight bytes is `byte`: in their difference that byte is zero, and only at
/// a zero, or right behind one, does subtracting one borrow into a high bit that was not set.
const fn has(word: [u8; 8], byte: u8) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let difference = u64::from_ne_bytes(word) ^ u64::from_ne_bytes([byte; 8]);
    difference.wrapping_sub(ONES) & !difference & HIGHS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_is() {
        for byte in [b';', 0, 1, 0x7f, 0x80, 0xff] {
            for other in [b':', b'<', 0, 1, 0x7f, 0x80, 0x81, 0xfe, 0xff] {
                for length in 0..40 {
                    let mut text = vec![other; length];
                    let alone = (other == byte && length > 0).then_some(0);
                    assert_eq!(position(&text, byte), alone, "{byte} {other} {length}");
                    for at in (0..length).rev() {
                        text[at] = byte;
                        let first = if other == byte { 0 } else { at };
                        assert_eq!(position(&text, byte), Some(first), "{byte} {other} {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_text_is_cut_at_the_first() {
        assert_eq!(cut(b"a=b=c", b'='), Some((&b"a"[..], &b"b=c"[..])));
        assert_eq!(cut(b"=", b'='), Some((&b""[..], &b""[..])));
        assert_eq!(cut(b"a", b'='), None);
        assert_eq!(cut(b"", b'='), None);
    }
}
