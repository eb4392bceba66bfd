//! A map of headers as it crosses the ABI, read in place.
//!
//! ```text
//! count(4) | count x (name_size(4) value_size(4)) | count x (name 0 value 0)     little-endian
//! ```

use crate::http::{Head, Pair};

/// The map with nothing in it.
pub(super) const EMPTY: [u8; 4] = [0; 4];

/// Most pairs that are read; hosts allow far fewer.
const PAIRS_LIMIT: usize = 4_096;

/// Room for the pairs of a usual head of `bytes`, for [`read_into`]. What stands there before they
/// do points into `bytes`: a constant would be copied from memory that is cold.
pub(super) fn room(bytes: &[u8]) -> [Pair<'_>; 32] {
    let nothing = bytes.get(..0).unwrap_or_default();
    [(nothing, nothing); 32]
}

/// The pairs of `bytes`, or `None` where they are not a map.
pub(super) fn read(bytes: &[u8]) -> Option<Head<'_>> {
    let (count, rest) = counted(bytes)?;
    let mut pairs = vec![(&b""[..], &b""[..]); count];
    fill(&mut pairs, rest)?;
    Some(Head::new(pairs))
}

/// The same without asking for memory, where `room` is enough.
pub(super) fn read_into<'r, 'b: 'r>(room: &'r mut [Pair<'b>], bytes: &'b [u8]) -> Option<Head<'r>> {
    let (count, rest) = counted(bytes)?;
    match room.get_mut(..count) {
        Some(pairs) => {
            fill(pairs, rest)?;
            Some(Head::borrowed(pairs))
        }
        None => read(bytes),
    }
}

/// How many pairs there are, and what follows that; an empty answer is an empty map.
fn counted(bytes: &[u8]) -> Option<(usize, &[u8])> {
    number(bytes).or(Some((0, bytes))).filter(|(count, _)| *count <= PAIRS_LIMIT)
}

/// Reads as many pairs as there are places.
fn fill<'b>(pairs: &mut [Pair<'b>], rest: &'b [u8]) -> Option<()> {
    let (mut sizes, mut texts) = rest.split_at_checked(pairs.len().checked_mul(8)?)?;
    for pair in pairs {
        let (name_size, rest) = number(sizes)?;
        let (value_size, rest) = number(rest)?;
        sizes = rest;
        let (name, rest) = text(texts, name_size)?;
        let (value, rest) = text(rest, value_size)?;
        texts = rest;
        *pair = (name, value);
    }
    Some(())
}

/// The map of `pairs`.
pub(super) fn write<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let count = u32::try_from(pairs.clone().count()).unwrap_or(u32::MAX);
    let mut bytes = count.to_le_bytes().to_vec();
    for (name, value) in pairs.clone() {
        bytes.extend_from_slice(&size(name));
        bytes.extend_from_slice(&size(value));
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
    }
    bytes
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    Some((text, rest.get(1..)?))
}
