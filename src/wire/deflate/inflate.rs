//! Inflating: symbols to bytes.

use zeroize::Zeroizing;

use super::bits::Reader;
use super::huffman::Decoder;
use super::{
    DISTANCE_STEPS, DISTANCES, END, FIRST_LENGTH, LENGTH_STEPS, LIMIT, LITERALS, ORDER, REPEAT,
    RUNS, SHORTEST_REPEAT,
};

/// What was compressed after the same dictionary: exactly `length` bytes, out of all of
/// `compressed`. `None` for anything else, and for more than [`LIMIT`]: no byte more than
/// `length` is ever written, whatever `compressed` would become.
#[must_use]
pub fn inflate(dictionary: &[u8], compressed: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    if length > LIMIT {
        return None;
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; dictionary.len().saturating_add(length)]);
    bytes.get_mut(..dictionary.len())?.copy_from_slice(dictionary);
    let mut bits = Reader::new(compressed);
    let (literals, distances) = decoders(&mut bits)?;
    let mut at = dictionary.len();
    loop {
        let symbol = literals.take(&mut bits)?;
        if let Ok(byte) = u8::try_from(symbol) {
            *bytes.get_mut(at)? = byte;
            at = at.saturating_add(1);
        } else if symbol == END {
            break;
        } else {
            let (length, more) = LENGTH_STEPS.number(symbol.checked_sub(FIRST_LENGTH)?);
            let length = (length | bits.take(more)?).saturating_add(SHORTEST_REPEAT);
            let (distance, more) = DISTANCE_STEPS.number(distances.take(&mut bits)?);
            let distance = (distance | bits.take(more)?).saturating_add(1);
            repeat(&mut bytes, at, length, distance)?;
            at = at.saturating_add(length);
        }
    }
    bits.end()?;
    if bytes.len() != at {
        return None;
    }
    bytes.drain(..dictionary.len());
    Some(bytes)
}

/// Writes `length` bytes from `at` on, each the one that stands `distance` before it.
#[inline]
fn repeat(bytes: &mut [u8], at: usize, length: usize, distance: usize) -> Option<()> {
    let (before, after) = bytes.split_at_mut_checked(at)?;
    let to = after.get_mut(..length)?;
    let from = before.get(before.len().checked_sub(distance)?..)?;
    if let Some(from) = from.get(..length) {
        to.copy_from_slice(from);
        return Some(());
    }
    // It overlaps itself: what stands between goes round.
    for (to, from) in to.iter_mut().zip(from.iter().cycle()) {
        *to = *from;
    }
    Some(())
}

/// The two codes at the head of the block.
fn decoders(bits: &mut Reader<'_>) -> Option<(Decoder, Decoder)> {
    // The last block, with codes of its own.
    if bits.take(3)? != 0b101 {
        return None;
    }
    let literals = bits.take(5)?.saturating_add(257);
    let distances = bits.take(5)?.saturating_add(1);
    let count = bits.take(4)?.saturating_add(4);
    if literals > LITERALS || distances > DISTANCES {
        return None;
    }
    let mut lengths = [0; ORDER.len()];
    for symbol in ORDER.iter().take(count) {
        *lengths.get_mut(*symbol)? = u8::try_from(bits.take(3)?).ok()?;
    }
    let code = Decoder::new(&lengths)?;
    let all = literals.saturating_add(distances);
    let mut lengths = Vec::with_capacity(all);
    while lengths.len() < all {
        let symbol = code.take(bits)?;
        let Some((_, more, shortest)) = RUNS.iter().find(|(run, ..)| *run == symbol) else {
            lengths.push(u8::try_from(symbol).ok()?);
            continue;
        };
        let length = if symbol == REPEAT { *lengths.last()? } else { 0 };
        let run = bits.take(*more)?.saturating_add(*shortest);
        lengths.extend(std::iter::repeat_n(length, run));
    }
    let (literals, distances) = lengths.get(..all)?.split_at_checked(literals)?;
    (lengths.len() == all).then_some(())?;
    Some((Decoder::new(literals)?, Decoder::new(distances)?))
}
