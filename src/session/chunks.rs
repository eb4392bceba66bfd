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

/// Bytes of a cookie's name and value together.
pub(super) const COOKIE_LIMIT: usize = 4096;

/// Pieces that are ever written or read, whatever is configured.
pub(super) const MAX_PIECES: usize = 16;

/// The pieces of a jar, each at its own index.
pub(super) type Pieces<'a> = [Option<&'a [u8]>; MAX_PIECES];

/// The sealed text of all pieces; borrowed from the request where there is one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined<'a>(Cow<'a, [u8]>);

impl Joined<'_> {
    /// The sealed text: what [`Cookies::open_session`](super::Cookies::open_session) and
    /// the [`Cache`](super::Cache) take.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
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
pub(super) fn join<'a>(pieces: &Pieces<'a>) -> Option<Joined<'a>> {
    let (first, others) = pieces.split_first()?;
    let (count, head) = count((*first)?)?;
    let others = others.get(..count.checked_sub(1)?)?;
    if others.is_empty() {
        return plausible(head).then_some(Joined(Cow::Borrowed(head)));
    }
    let mut text = Vec::with_capacity(count.saturating_mul(COOKIE_LIMIT));
    for piece in std::iter::once(&Some(head)).chain(others) {
        let piece = piece.filter(|piece| plausible(piece))?;
        text.extend_from_slice(piece);
    }
    Some(Joined(Cow::Owned(text)))
}

fn plausible(piece: &[u8]) -> bool {
    (1..=COOKIE_LIMIT).contains(&piece.len())
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
                assert_eq!(join(&jar(&values)).unwrap().as_bytes(), text.as_bytes());
            }
            assert!(split(NAME, &"t".repeat(room(NAME, max_count) + 1), max_count).is_none());
        }
    }

    #[test]
    fn one_piece_is_borrowed() {
        let values = split(NAME, "text", 4).unwrap();
        assert_eq!(values, ["1.text"]);
        assert!(matches!(join(&jar(&values)), Some(Joined(Cow::Borrowed(b"text")))));
    }

    #[test]
    fn left_over_pieces_stay_out_and_a_missing_piece_leaves_nothing() {
        let mut values = split(NAME, &"t".repeat(5000), 4).unwrap();
        values.extend(["stale".to_owned(), "stale".to_owned()]);
        assert_eq!(join(&jar(&values)).unwrap().as_bytes().len(), 5000);
        let mut pieces = jar(&values);
        pieces[1] = None;
        assert!(join(&pieces).is_none());
        pieces[0] = None;
        assert!(join(&pieces).is_none());
    }

    #[test]
    fn counts_that_nobody_writes_leave_nothing() {
        let bad = [
            "", ".", "1", "0.t", "01.t", "1.", "17.t", "99.t", "100.t", "-1.t", "+1.t", " 1.t",
            "a.t",
        ];
        for value in bad {
            assert!(join(&jar(&[value.to_owned()])).is_none(), "{value:?}");
        }
        let long = vec!["2.t".to_owned(), "t".repeat(COOKIE_LIMIT + 1)];
        assert!(join(&jar(&long)).is_none());
        assert!(join(&jar(&["2.t".to_owned(), String::new()])).is_none());
    }
}
