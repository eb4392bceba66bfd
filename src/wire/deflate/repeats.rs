//! What of a text stands before it already (RFC 1951 section 4).

use super::{FARTHEST_REPEAT, LONGEST_REPEAT, SHORTEST_REPEAT};

/// Earlier places that are looked at: so many for a text of usual length, and fewer for
/// each place of a longer one, so that no text takes for ever.
const TRIES: usize = 64;
const TRIES_OF_A_TEXT: usize = 1 << 20;
/// A repetition that is as long is taken at once.
const GOOD: usize = 64;
/// The shortest repetition is no gain where its distance takes many bits.
const FARTHEST_SHORT: usize = 512;

const HASH_BITS: u32 = 12;
const NOWHERE: usize = usize::MAX;

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Byte(u8),
    Repeat { length: usize, distance: usize },
}

/// The pieces of `text` from `at` on.
pub(super) struct Pieces<'a> {
    text: &'a [u8],
    at: usize,
    /// Places before this one are remembered.
    known: usize,
    tries: usize,
    /// The last place of each hash of three bytes, and for each place the one before it.
    last: Vec<usize>,
    before: Vec<usize>,
    /// The repetition at `at`, where it was looked for already.
    found: Option<(usize, usize)>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(text: &'a [u8], at: usize) -> Self {
        let last = vec![NOWHERE; 1_usize.wrapping_shl(HASH_BITS)];
        let before = vec![NOWHERE; text.len()];
        let tries = TRIES_OF_A_TEXT.checked_div(text.len()).unwrap_or(TRIES).min(TRIES);
        Self { text, at, known: 0, tries, last, before, found: None }
    }

    fn hash(&self, at: usize) -> Option<usize> {
        let [one, two, three] = *self.text.get(at..)?.first_chunk()?;
        let hash = u32::from_le_bytes([one, two, three, 0]).wrapping_mul(0x9e37_79b1);
        usize::try_from(hash.wrapping_shr(32_u32.saturating_sub(HASH_BITS))).ok()
    }

    /// Remembers all places before `at`.
    fn learn(&mut self, at: usize) {
        while self.known < at {
            if let Some(hash) = self.hash(self.known)
                && let (Some(last), Some(before)) =
                    (self.last.get_mut(hash), self.before.get_mut(self.known))
            {
                *before = std::mem::replace(last, self.known);
            }
            self.known = self.known.saturating_add(1);
        }
    }

    /// The longest repetition at `at`, the nearest of several: length and distance.
    fn longest(&mut self, at: usize) -> Option<(usize, usize)> {
        self.learn(at);
        let text = self.text.get(at..)?;
        let mut place = *self.last.get(self.hash(at)?)?;
        let mut best = None;
        let mut longest = SHORTEST_REPEAT.saturating_sub(1);
        for _ in 0..self.tries {
            let Some(earlier) = self.text.get(place..) else { break };
            let distance = at.saturating_sub(place);
            if distance > FARTHEST_REPEAT {
                break;
            }
            if earlier.get(longest) == text.get(longest) {
                let same = |(one, other): &(&u8, &u8)| one == other;
                let length = text.iter().zip(earlier).take(LONGEST_REPEAT).take_while(same).count();
                let short = length == SHORTEST_REPEAT && distance > FARTHEST_SHORT;
                if length > longest && !short {
                    longest = length;
                    best = Some((length, distance));
                    if length >= GOOD {
                        break;
                    }
                }
            }
            place = *self.before.get(place)?;
        }
        best
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let at = self.at;
        let byte = *self.text.get(at)?;
        let next = at.saturating_add(1);
        let found = self.found.take().or_else(|| self.longest(at));
        if let Some((length, distance)) = found {
            // A byte later there may be a longer one.
            let later = if length < GOOD { self.longest(next) } else { None };
            if later.is_none_or(|(longer, _)| longer <= length) {
                self.at = at.saturating_add(length);
                return Some(Piece::Repeat { length, distance });
            }
            self.found = later;
        }
        self.at = next;
        Some(Piece::Byte(byte))
    }
}
