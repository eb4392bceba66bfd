//! Compressing: pieces to symbols.

use zeroize::Zeroizing;

use super::bits::Writer;
use super::huffman::{self, Encoder};
use super::repeats::{Piece, Pieces};
use super::{
    DISTANCE_STEPS, DISTANCES, END, FIRST_LENGTH, LENGTH_STEPS, LIMIT, LITERALS, LONGEST_CODE,
    LONGEST_LENGTH_CODE, MANY_ZEROS, ORDER, REPEAT, RUNS, SHORTEST_REPEAT, ZEROS,
};

/// `plain` compressed; `None` where that takes as many bytes or more, and where `plain` is
/// longer than [`LIMIT`].
///
/// The dictionary may be 32 KiB long at most, or its beginning is out of reach.
#[must_use]
pub fn compress(dictionary: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    if plain.is_empty() || plain.len() > LIMIT {
        return None;
    }
    let text = Zeroizing::new([dictionary, plain].concat());
    let pieces: Vec<_> = Pieces::new(&text, dictionary.len()).collect();
    let mut literals = [0; LITERALS];
    let mut distances = [0; DISTANCES];
    for (symbol, distance) in pieces.iter().map(|piece| symbols(*piece)) {
        count(&mut literals, symbol);
        distance.into_iter().for_each(|symbol| count(&mut distances, symbol));
    }
    count(&mut literals, END);
    let literals = huffman::lengths(&literals, LONGEST_CODE);
    let distances = huffman::lengths(&distances, LONGEST_CODE);
    let mut bits = Writer::default();
    put_head(&literals, &distances, &mut bits);
    let (literals, distances) = (Encoder::new(&literals), Encoder::new(&distances));
    for piece in pieces {
        put(piece, &literals, &distances, &mut bits);
    }
    literals.put(END, &mut bits);
    let compressed = bits.finish();
    (compressed.len() < plain.len()).then_some(compressed)
}

fn count(frequencies: &mut [usize], symbol: usize) {
    if let Some(frequency) = frequencies.get_mut(symbol) {
        *frequency = frequency.saturating_add(1);
    }
}

/// The symbols of a piece.
fn symbols(piece: Piece) -> (usize, Option<usize>) {
    match piece {
        Piece::Byte(byte) => (usize::from(byte), None),
        Piece::Repeat { length, distance } => {
            let (length, _) = LENGTH_STEPS.symbol(length.saturating_sub(SHORTEST_REPEAT));
            let (distance, _) = DISTANCE_STEPS.symbol(distance.saturating_sub(1));
            (FIRST_LENGTH.saturating_add(length), Some(distance))
        }
    }
}

fn put(piece: Piece, literals: &Encoder, distances: &Encoder, bits: &mut Writer) {
    match piece {
        Piece::Byte(byte) => literals.put(usize::from(byte), bits),
        Piece::Repeat { length, distance } => {
            let number = length.saturating_sub(SHORTEST_REPEAT);
            let (symbol, more) = LENGTH_STEPS.symbol(number);
            literals.put(FIRST_LENGTH.saturating_add(symbol), bits);
            bits.put(number, more);
            let number = distance.saturating_sub(1);
            let (symbol, more) = DISTANCE_STEPS.symbol(number);
            distances.put(symbol, bits);
            bits.put(number, more);
        }
    }
}

/// The head of the one block: how long the codes are, in a code whose own stand first.
fn put_head(literals: &[u8], distances: &[u8], bits: &mut Writer) {
    let (literals, distances) = (trimmed(literals, FIRST_LENGTH), trimmed(distances, 1));
    let runs = runs(&[literals, distances].concat());
    let mut frequencies = [0; ORDER.len()];
    runs.iter().for_each(|run| count(&mut frequencies, run.0));
    let lengths = huffman::lengths(&frequencies, LONGEST_LENGTH_CODE);
    let ordered = ORDER.map(|symbol| lengths.get(symbol).copied().unwrap_or(0));
    let ordered = trimmed(&ordered, 4);
    bits.put(0b101, 3);
    bits.put(literals.len().saturating_sub(FIRST_LENGTH), 5);
    bits.put(distances.len().saturating_sub(1), 5);
    bits.put(ordered.len().saturating_sub(4), 4);
    ordered.iter().for_each(|length| bits.put(usize::from(*length), 3));
    let code = Encoder::new(&lengths);
    for (symbol, longer, count) in runs {
        code.put(symbol, bits);
        bits.put(longer, count);
    }
}

/// Without zeros at the end, but `least` at least.
fn trimmed(lengths: &[u8], least: usize) -> &[u8] {
    let end = lengths.iter().rposition(|length| *length > 0).map_or(0, |at| at.saturating_add(1));
    lengths.get(..end.max(least)).unwrap_or(lengths)
}

/// Lengths, with runs of one length in a symbol: symbol, and the bits behind it with their
/// count.
fn runs(lengths: &[u8]) -> Vec<(usize, usize, u32)> {
    let mut runs = Vec::new();
    for run in lengths.chunk_by(|one, other| one == other) {
        let length = run.first().copied().map_or(0, usize::from);
        let mut left = run.len();
        if length > 0 {
            runs.push((length, 0, 0));
            left = left.saturating_sub(1);
        }
        while left > 0 {
            let wanted = match (length, left) {
                (0, 11..) => MANY_ZEROS,
                (0, _) => ZEROS,
                _ => REPEAT,
            };
            let known = RUNS.iter().find(|(symbol, ..)| *symbol == wanted);
            let taken = known.and_then(|(_, bits, shortest)| {
                let longer = left.checked_sub(*shortest)?;
                let most = 1_usize.wrapping_shl(*bits).saturating_sub(1);
                let longer = longer.min(most);
                runs.push((wanted, longer, *bits));
                Some(shortest.saturating_add(longer))
            });
            if taken.is_none() {
                runs.push((length, 0, 0));
            }
            left = left.saturating_sub(taken.unwrap_or(1));
        }
    }
    runs
}
