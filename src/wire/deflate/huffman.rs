//! Codes whose lengths fit how often each symbol stands (RFC 1951 section 3.2.2).

use super::LONGEST_CODE;
use super::bits::{Reader, Writer};

/// The lengths of the codes of symbols that stand so often; 0 for those that do not.
pub(super) fn lengths(frequencies: &[usize], longest: usize) -> Vec<u8> {
    let mut frequencies = frequencies.to_vec();
    loop {
        let lengths = any_lengths(&frequencies);
        if lengths.iter().all(|length| usize::from(*length) <= longest) {
            return lengths;
        }
        // Rarely: evener frequencies make the longest codes shorter, and the others little worse.
        for frequency in &mut frequencies {
            *frequency = frequency.div_ceil(2);
        }
    }
}

/// Symbols that stand so often together.
type Group = (usize, Vec<usize>);

/// Huffman's: the two rarest groups become one, until one is left; each time their
/// symbols' codes get a bit longer.
fn any_lengths(frequencies: &[usize]) -> Vec<u8> {
    let mut lengths = vec![0_u8; frequencies.len()];
    let mut groups = Vec::new();
    for (symbol, often) in frequencies.iter().enumerate().filter(|(_, often)| **often > 0) {
        insert(&mut groups, (*often, vec![symbol]));
    }
    if let [(_, symbols)] = &*groups {
        lengthen(&mut lengths, symbols);
    }
    while let (Some((often, mut symbols)), Some((next, more))) = (groups.pop(), groups.pop()) {
        symbols.extend_from_slice(&more);
        lengthen(&mut lengths, &symbols);
        if groups.is_empty() {
            break;
        }
        insert(&mut groups, (often.saturating_add(next), symbols));
    }
    lengths
}

/// The rarest group stands last.
fn insert(groups: &mut Vec<Group>, group: Group) {
    let at = groups.partition_point(|other| other.0 > group.0);
    groups.insert(at, group);
}

fn lengthen(lengths: &mut [u8], symbols: &[usize]) {
    for symbol in symbols {
        if let Some(length) = lengths.get_mut(*symbol) {
            *length = length.saturating_add(1);
        }
    }
}

/// The first code of each length: shorter ones stand before longer ones. `None` where
/// there are more codes than bits tell apart.
fn first_codes(lengths: &[u8]) -> Option<[usize; LONGEST_CODE + 1]> {
    let mut counts = [0_usize; LONGEST_CODE + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        let count = counts.get_mut(usize::from(*length))?;
        *count = count.saturating_add(1);
    }
    let mut code = 0_usize;
    let mut firsts = [0; LONGEST_CODE + 1];
    for (length, (first, count)) in firsts.iter_mut().zip(counts).enumerate() {
        code = code.wrapping_shl(1);
        *first = code;
        code = code.saturating_add(count);
        if length > 0 && code > 1_usize.wrapping_shl(length as u32) {
            return None;
        }
    }
    Some(firsts)
}

/// Each symbol with its code, as it is written: the highest bit first.
fn codes(lengths: &[u8]) -> Option<impl Iterator<Item = (usize, usize, u32)>> {
    let mut next = first_codes(lengths)?;
    let used = lengths.iter().enumerate().filter(|(_, length)| **length > 0);
    Some(used.map(move |(symbol, length)| {
        let code = next.get_mut(usize::from(*length)).map_or(0, |next| {
            let code = *next;
            *next = next.saturating_add(1);
            code
        });
        let length = u32::from(*length);
        let reversed = code.reverse_bits().wrapping_shr(usize::BITS.saturating_sub(length));
        (symbol, reversed, length)
    }))
}

/// Writes symbols.
pub(super) struct Encoder(Vec<(usize, u32)>);

impl Encoder {
    pub(super) fn new(lengths: &[u8]) -> Self {
        let mut all = vec![(0, 0); lengths.len()];
        for (symbol, code, length) in codes(lengths).into_iter().flatten() {
            if let Some(to) = all.get_mut(symbol) {
                *to = (code, length);
            }
        }
        Self(all)
    }

    pub(super) fn put(&self, symbol: usize, to: &mut Writer) {
        if let Some((code, length)) = self.0.get(symbol) {
            to.put(*code, *length);
        }
    }
}

/// Reads symbols: every pattern of as many bits as the longest code has, and what it
/// begins with.
pub(super) struct Decoder {
    patterns: Vec<(u16, u8)>,
    mask: usize,
}

impl Decoder {
    /// `None` for lengths that are no code's.
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        let longest = u32::from(lengths.iter().copied().max().unwrap_or(0));
        let size = 1_usize.wrapping_shl(longest);
        let mut patterns = vec![(0, 0); size];
        for (symbol, code, length) in codes(lengths)? {
            let entry = (u16::try_from(symbol).ok()?, u8::try_from(length).ok()?);
            for pattern in patterns.iter_mut().skip(code).step_by(1_usize.wrapping_shl(length)) {
                *pattern = entry;
            }
        }
        Some(Self { patterns, mask: size.wrapping_sub(1) })
    }

    /// The next symbol; `None` where no code begins like that.
    #[inline]
    pub(super) fn take(&self, from: &mut Reader<'_>) -> Option<usize> {
        let (symbol, length) = *self.patterns.get(from.peek() & self.mask)?;
        from.skip(u32::from(length))?;
        (length > 0).then_some(usize::from(symbol))
    }
}
