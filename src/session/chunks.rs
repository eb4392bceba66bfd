//! Pieces: a sealed text that is too long for one cookie, cut and joined again.
//!
//! ```text
//! <name>   = "3.AbCd..."   how many pieces there are, then the text
//! <name>.1 = "..."         the text goes on
//! <name>.2 = "..."
//! ```
//!
//! Browsers keep a cookie whose name and value take at most 4096 bytes together
//! (RFC 6265bis section 5.6; OWASP ASVS 5.0 V3.3), and silently drop a longer one.
//! The count stands in the first piece, so that a piece left over from an earlier,
//! longer session does not get into a shorter one. That all pieces belong together is
//! for the seal to say.

use std::borrow::Cow;
use std::fmt;

/// Bytes of a cookie's name and value together.
pub(super) const COOKIE_LIMIT: usize = 4096;

/// Pieces that are ever written or read, whatever is configured.
pub(super) const MAX_PIECES: usize = 16;

/// The pieces of a jar, each at its own index.
pub(super) type Pieces<'a> = [Option<&'a [u8]>; MAX_PIECES];

/// A text as it stands in the request, in one piece or several. The
/// [`Cache`](super::Cache) knows it without joining them: on every request that would be a
/// copy of thousands of bytes.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    first: &'a [u8],
    others: &'a [Option<&'a [u8]>],
}

impl<'a> Text<'a> {
    /// A text in one piece.
    #[must_use]
    pub const fn whole(text: &'a [u8]) -> Self {
        Self { first: text, others: &[] }
    }

    /// Its pieces, in order.
    pub fn pieces(self) -> impl Iterator<Item = &'a [u8]> {
        std::iter::once(self.first).chain(self.others.iter().copied().flatten())
    }

    /// The text in one piece: what [`Cookies::open_session`](super::Cookies::open_session)
    /// takes. Borrowed where it is one already.
    #[must_use]
    pub fn join(self) -> Cow<'a, [u8]> {
        if self.others.is_empty() {
            return Cow::Borrowed(self.first);
        }
        Cow::Owned(self.pieces().collect::<Vec<_>>().concat())
    }

    /// Its last `N` bytes; `None` where it is shorter.
    pub(super) fn end<const N: usize>(self) -> Option<[u8; N]> {
        let last = self.others.last().copied().flatten().unwrap_or(self.first);
        last.last_chunk().copied().or_else(|| self.join().last_chunk().copied())
    }
}

/// As good as a password: its length only.
impl fmt::Debug for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.pieces().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        write!(out, "[{length} bytes]")
    }
}

/// The name of piece `index`.
pub(super) fn name(base: &str, index: usize) -> String {
    if index == 0 { base.to_owned() } else { format!("{base}.{index}") }
}

/// Bytes of text that fit into `count` pieces.
pub(super) fn room(base: &str, count: usize) -> usize {
    let head = format!("{count}.").len();
    (0..count)
        .fold(0, |sum: usize, index| sum.saturating_add(piece_room(base, index)))
        .saturating_sub(head)
}

fn piece_room(base: &str, index: usize) -> usize {
    COOKIE_LIMIT.saturating_sub(name(base, index).len())
}

/// The values of as few pieces as `text` (ASCII) needs, at most `max_count`; `None`
/// where it does not fit.
pub(super) fn split(base: &str, text: &str, max_count: usize) -> Option<Vec<String>> {
    let count = (1..=max_count.min(MAX_PIECES)).find(|count| text.len() <= room(base, *count))?;
    let mut rest = text;
    let mut values = Vec::with_capacity(count);
    for index in 0..count {
        let head = if index == 0 { format!("{count}.") } else { String::new() };
        let length = piece_room(base, index).saturating_sub(head.len()).min(rest.len());
        let (piece, after) = rest.split_at_checked(length)?;
        values.push(head + piece);
        rest = after;
    }
    Some(values)
}

/// The text whose first piece names its count, where all of its pieces are there.
pub(super) fn text<'a>(pieces: &'a Pieces<'_>) -> Option<Text<'a>> {
    let (first, others) = pieces.split_first()?;
    let (count, first) = count((*first)?)?;
    let others = others.get(..count.checked_sub(1)?)?;
    let complete = others.iter().all(|piece| piece.is_some_and(plausible));
    (plausible(first) && complete).then_some(Text { first, others })
}

const fn plausible(piece: &[u8]) -> bool {
    !piece.is_empty() && piece.len() <= COOKIE_LIMIT
}

/// `12.rest`: a count of one or two digits as [`split`] writes it.
fn count(piece: &[u8]) -> Option<(usize, &[u8])> {
    match piece {
        [digit, b'.', rest @ ..] => Some((decimal(&[*digit])?, rest)),
        [tens, ones, b'.', rest @ ..] => Some((decimal(&[*tens, *ones])?, rest)),
        _ => None,
    }
}

/// One or two decimal digits, the first no zero: every number has one spelling.
pub(super) fn decimal(digits: &[u8]) -> Option<usize> {
    let (first, rest) = digits.split_first()?;
    if *first == b'0' || rest.len() > 1 {
        return None;
    }
    digits.iter().try_fold(0, |number: usize, digit| {
        let value = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(usize::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "__Host-oidc_gate";

    fn jar(values: &[String]) -> Pieces<'_> {
        let mut pieces = [None; MAX_PIECES];
        for (place, value) in pieces.iter_mut().zip(values) {
            *place = Some(value.as_bytes());
        }
        pieces
    }

    #[test]
    fn what_was_cut_joins_and_no_piece_is_longer_than_browsers_keep() {
        for max_count in [1, 4, 9, 10, MAX_PIECES] {
            for length in [1, 4077, 4078, 4079, 8154, 8155, 20_000, room(NAME, max_count)] {
                let text = "t".repeat(length);
                let Some(values) = split(NAME, &text, max_count) else {
                    assert!(length > room(NAME, max_count));
                    continue;
                };
                assert!(values.len() <= max_count);
                for (index, value) in values.iter().enumerate() {
                    assert!(name(NAME, index).len() + value.len() <= 4096);
                    assert!(
                        index + 1 == values.len() || name(NAME, index).len() + value.len() == 4096
                    );
                }
                let pieces = jar(&values);
                let found = super::text(&pieces).unwrap();
                assert_eq!(*found.join(), *text.as_bytes());
                assert_eq!(found.end(), text.as_bytes().last_chunk::<16>().copied());
                assert_eq!(format!("{found:?}"), format!("[{length} bytes]"));
            }
            assert!(split(NAME, &"t".repeat(room(NAME, max_count) + 1), max_count).is_none());
        }
    }

    #[test]
    fn one_piece_is_borrowed() {
        let values = split(NAME, "text", 4).unwrap();
        assert_eq!(values, ["1.text"]);
        let pieces = jar(&values);
        assert!(matches!(text(&pieces).unwrap().join(), Cow::Borrowed(b"text")));
    }

    #[test]
    fn left_over_pieces_stay_out_and_a_missing_piece_leaves_nothing() {
        let mut values = split(NAME, &"t".repeat(5000), 4).unwrap();
        values.extend(["stale".to_owned(), "stale".to_owned()]);
        assert_eq!(text(&jar(&values)).unwrap().join().len(), 5000);
        let mut pieces = jar(&values);
        pieces[1] = None;
        assert!(text(&pieces).is_none());
        pieces[0] = None;
        assert!(text(&pieces).is_none());
    }

    #[test]
    fn counts_that_nobody_writes_leave_nothing() {
        let bad = [
            "", ".", "1", "0.t", "01.t", "1.", "17.t", "99.t", "100.t", "-1.t", "+1.t", " 1.t",
            "a.t",
        ];
        for value in bad {
            assert!(text(&jar(&[value.to_owned()])).is_none(), "{value:?}");
        }
        let long = vec!["2.t".to_owned(), "t".repeat(COOKIE_LIMIT + 1)];
        assert!(text(&jar(&long)).is_none());
        assert!(text(&jar(&["2.t".to_owned(), String::new()])).is_none());
    }
}
