//! DEFLATE (RFC 1951), as much of it as a reader needs that reads only what it wrote: one
//! block with codes of its own (section 3.2.7), after a text that both sides know. Such a
//! preset dictionary, as zlib has it (RFC 1950 section 2.2), makes short what it holds, even
//! where that stands once.
//!
//! A few KiB at a time, in one go, and of a length that is known before it is inflated. Any
//! inflater that takes a dictionary reads what is written here; tests compare with another.

mod bits;
mod compress;
mod huffman;
mod inflate;
mod repeats;
#[cfg(test)]
mod tests;

pub use compress::compress;
pub use inflate::inflate;

/// Bytes that are ever compressed or inflated at once, the dictionary not counted.
pub const LIMIT: usize = 256 * 1024;

/// The symbol that ends the block. Those before it are bytes, those behind it lengths.
const END: usize = 256;
const FIRST_LENGTH: usize = 257;
/// Symbols that are used; DEFLATE has one more, for a length that is not used here.
const LITERALS: usize = 285;
const DISTANCES: usize = 30;

/// The longest codes of bytes, lengths and distances.
const LONGEST_CODE: usize = 10;

/// Lengths of codes are written in a code themselves; 16 to 18 are runs of them, with so
/// many bits for how long the run is, and what the shortest is.
const REPEAT: usize = 16;
const ZEROS: usize = 17;
const MANY_ZEROS: usize = 18;
const RUNS: [(usize, u32, usize); 3] = [(REPEAT, 2, 3), (ZEROS, 3, 3), (MANY_ZEROS, 7, 11)];

/// In what order the lengths of that code's codes are written; the last ones are often 0.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LONGEST_LENGTH_CODE: usize = 7;

const SHORTEST_REPEAT: usize = 3;
const LONGEST_REPEAT: usize = 257;
const FARTHEST_REPEAT: usize = 32 * 1024;

/// Lengths and distances are symbols with bits behind them that say where between two
/// steps the number is; the steps double every `1 << 0.0` symbols (section 3.2.5).
#[derive(Clone, Copy)]
struct Steps(u32);

const LENGTH_STEPS: Steps = Steps(2);
const DISTANCE_STEPS: Steps = Steps(1);

impl Steps {
    /// The symbol of a number that counts from 0, and how many bits stand behind it: the
    /// lowest ones of the number.
    fn symbol(self, number: usize) -> (usize, u32) {
        let bits = number.checked_ilog2().unwrap_or(0).saturating_sub(self.0);
        let step = number.wrapping_shr(bits);
        (step.saturating_add((bits as usize).wrapping_shl(self.0)), bits)
    }

    /// The smallest number of a symbol, and how many bits stand behind it.
    fn number(self, symbol: usize) -> (usize, u32) {
        let in_octave = 1_usize.wrapping_shl(self.0);
        let octave = symbol.wrapping_shr(self.0);
        let Some(bits) = octave.checked_sub(1) else { return (symbol, 0) };
        let step = (symbol & in_octave.wrapping_sub(1)) | in_octave;
        let bits = u32::try_from(bits).unwrap_or(0);
        (step.wrapping_shl(bits), bits)
    }
}
