//! What was compressed inflates, here and elsewhere; whatever else does not, and does no harm.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic, in its helpers too")]

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::*;

const DICTIONARY: &[u8] = br#"{"iss":"https://id.example","aud":"#;

fn xorshift(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 24) as usize
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length).map(|_| xorshift(&mut state) as u8).collect()
}

/// A text of `length` bytes in which some bytes stand oftener than others, and some pieces
/// again, near and far.
fn text(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = Vec::new();
    while text.len() < length {
        let number = xorshift(&mut state);
        if !number.is_multiple_of(3) && !text.is_empty() {
            let distance = 1 + number / 8 % text.len();
            let near = if number.is_multiple_of(8) { 1 + distance % 7 } else { distance };
            let from = text.len().saturating_sub(near);
            let end = text.len().min(from + number % 300);
            text.extend_from_within(from..end);
        } else {
            let kinds = 1 << (number % 9);
            text.extend((0..number % 40).map(|_| (xorshift(&mut state) % kinds) as u8));
        }
    }
    text.truncate(length);
    text
}

/// Another inflater's answer.
fn judge(dictionary: &[u8], compressed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut bytes = [dictionary, &vec![0; length]].concat();
    let (status, read, written) = decompress(
        &mut Box::<DecompressorOxide>::default(),
        compressed,
        &mut bytes,
        dictionary.len(),
        TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
    );
    let whole = read == compressed.len() && written == length;
    (status == TINFLStatus::Done && whole).then(|| bytes.split_off(dictionary.len()))
}

fn round_trip(dictionary: &[u8], text: &[u8]) -> Option<usize> {
    let compressed = compress(dictionary, text)?;
    assert!(compressed.len() < text.len());
    let inflated = inflate(dictionary, &compressed, text.len());
    assert!(inflated.is_some_and(|inflated| *inflated == text), "ours, of {}", text.len());
    let judged = judge(dictionary, &compressed, text.len());
    assert!(judged.is_some_and(|judged| judged == text), "another, of {}", text.len());
    Some(compressed.len())
}

#[test]
fn what_was_compressed_inflates_here_and_elsewhere() {
    let mut compressed = 0;
    for seed in 1..300 {
        let length = if seed % 20 == 0 { 70_000 } else { seed as usize * 17 };
        for dictionary in [b"".as_slice(), DICTIONARY, &text(2000, seed + 1)] {
            compressed += usize::from(round_trip(dictionary, &text(length, seed)).is_some());
        }
    }
    assert!(compressed > 800, "{compressed}");
}

#[test]
fn runs_extremes_and_far_repetitions_are_right() {
    let every: Vec<u8> = (0..=255).collect();
    let far = |gap: usize| {
        let gap = vec![b'-'; gap];
        [noise(600, 5).as_slice(), &gap, &noise(600, 5), &gap].concat()
    };
    let texts = [
        vec![b'a'; LIMIT],
        vec![0; 300],
        b"ab".repeat(500),
        every.repeat(3),
        // Frequencies whose codes would be as long as there are symbols.
        (0..18_u32).flat_map(|power| vec![power as u8; 1 << power]).take(LIMIT).collect(),
        far(FARTHEST_REPEAT - 601),
        far(FARTHEST_REPEAT - 600),
        far(FARTHEST_REPEAT - 599),
        text(LIMIT, 9),
    ];
    for text in texts {
        assert!(round_trip(b"", &text).is_some());
        assert!(round_trip(&noise(FARTHEST_REPEAT, 3), &text).is_some() || text.len() < 700);
    }
    // Each length, and each distance's step and what lies around it.
    for length in 3..300 {
        round_trip(DICTIONARY, &[noise(length, 7).as_slice(), b"!", &noise(length, 7)].concat());
    }
    for symbol in 0..DISTANCES {
        let (distance, _) = DISTANCE_STEPS.number(symbol);
        for distance in [distance, distance + 1, distance + 2] {
            let gap = vec![b'.'; distance.saturating_sub(40)];
            let text = [noise(40, 7).as_slice(), &gap, &noise(40, 7), &noise(40, 7)].concat();
            assert!(round_trip(b"", &text).is_some());
        }
    }
}

#[test]
fn steps_are_those_of_the_standard() {
    // RFC 1951 section 3.2.5, less what its tables add: 3 to lengths, 1 to distances.
    let lengths =
        [(0, (0, 0)), (7, (7, 0)), (8, (8, 1)), (12, (16, 2)), (23, (112, 4)), (27, (224, 5))];
    let distances = [(0, (0, 0)), (3, (3, 0)), (4, (4, 1)), (10, (32, 4)), (29, (24_576, 13))];
    for (steps, table) in [(LENGTH_STEPS, &lengths[..]), (DISTANCE_STEPS, &distances)] {
        for (symbol, number) in table {
            assert_eq!(steps.number(*symbol), *number);
        }
        for number in 0..32_768 {
            let (symbol, bits) = steps.symbol(number);
            let (base, more) = steps.number(symbol);
            assert!(bits == more && base <= number && number < base + (1 << bits), "{number}");
        }
    }
    assert_eq!(
        LENGTH_STEPS.symbol(LONGEST_REPEAT - SHORTEST_REPEAT).0,
        LITERALS - FIRST_LENGTH - 1
    );
}

#[test]
fn the_dictionary_makes_what_stands_once_short() {
    let text = [DICTIONARY, &noise(30, 1), DICTIONARY].concat().repeat(3);
    let with = round_trip(DICTIONARY, &text).unwrap();
    let without = round_trip(b"", &text).unwrap();
    assert!(with + 20 < without, "{with}, {without}");
    let compressed = compress(DICTIONARY, &text).unwrap();
    assert!(inflate(b"", &compressed, text.len()).is_none_or(|other| *other != text));
}

#[test]
fn what_does_not_get_smaller_or_is_too_long_is_not_compressed() {
    for length in [0, 1, 100, 5000] {
        assert!(compress(DICTIONARY, &noise(length, 1)).is_none(), "{length}");
    }
    assert!(compress(b"", &vec![b'a'; LIMIT + 1]).is_none());
}

#[test]
fn a_bomb_stops_at_its_declared_length_and_none_is_longer_than_the_limit() {
    let bomb = compress(b"", &vec![b'a'; LIMIT]).unwrap();
    assert!(bomb.len() < 1000, "{}", bomb.len());
    assert!(inflate(b"", &bomb, LIMIT).is_some());
    for length in [0, 10, LIMIT - 1, LIMIT + 1, usize::MAX] {
        assert!(inflate(b"", &bomb, length).is_none(), "{length}");
    }
}

#[test]
fn what_is_cut_lengthened_or_changed_does_not_panic() {
    for seed in 1..6 {
        let text = [DICTIONARY, &noise(40, seed), &text(700, seed), DICTIONARY].concat();
        let compressed = compress(DICTIONARY, &text).unwrap();
        for length in 0..compressed.len() {
            assert!(inflate(DICTIONARY, &compressed[..length], text.len()).is_none());
        }
        for length in [text.len() - 1, text.len() + 1, 0] {
            assert!(inflate(DICTIONARY, &compressed, length).is_none());
        }
        assert!(inflate(DICTIONARY, &[&*compressed, &[0]].concat(), text.len()).is_none());
        for index in 0..compressed.len() {
            for bit in 0..8 {
                let mut changed = compressed.clone();
                changed[index] ^= 1 << bit;
                for length in [text.len(), text.len() - 1, text.len() + 7] {
                    let ours = inflate(DICTIONARY, &changed, length);
                    // Whatever both take for something is the same thing.
                    if let (Some(ours), Some(other)) = (ours, judge(DICTIONARY, &changed, length)) {
                        assert_eq!(*ours, other);
                    }
                }
            }
        }
    }
}

#[test]
fn noise_is_nothing() {
    for seed in 0..20_000 {
        let mut noise = noise(seed as usize % 200, seed + 1);
        if let Some(first) = noise.first_mut() {
            // The head of what we write, so that more is read than three bits.
            *first = (*first & !7) | 0b101;
        }
        assert!(inflate(DICTIONARY, &noise, 100).is_none());
    }
}
