//! Bits, the lowest of each byte first (RFC 1951 section 3.1.1).

/// Writes bits.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    waiting: u64,
    count: u32,
}

impl Writer {
    /// The lowest `count` bits of `bits`; at most 32.
    pub(super) fn put(&mut self, bits: usize, count: u32) {
        let mask = 1_u64.wrapping_shl(count).wrapping_sub(1);
        self.waiting |= (bits as u64 & mask).wrapping_shl(self.count);
        self.count = self.count.saturating_add(count);
        while self.count >= 8 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let [low, ..] = self.waiting.to_le_bytes();
        self.bytes.push(low);
        self.waiting = self.waiting.wrapping_shr(8);
        self.count = self.count.saturating_sub(8);
    }

    /// All bytes; the last is filled with zeros.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.flush();
        }
        self.bytes
    }
}

/// Reads bits.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    waiting: u64,
    count: u32,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, waiting: 0, count: 0 }
    }

    /// The next bits without taking them, 32 at least; zeros behind the end.
    #[inline]
    pub(super) fn peek(&mut self) -> usize {
        if self.count < 32 {
            self.fill();
        }
        self.waiting as usize
    }

    #[inline]
    fn fill(&mut self) {
        if let Some((bytes, rest)) = self.bytes.split_first_chunk() {
            self.waiting |= u64::from(u32::from_le_bytes(*bytes)).wrapping_shl(self.count);
            self.count = self.count.saturating_add(32);
            self.bytes = rest;
        } else {
            self.fill_bytewise();
        }
    }

    #[cold]
    fn fill_bytewise(&mut self) {
        for byte in self.bytes {
            self.waiting |= u64::from(*byte).wrapping_shl(self.count);
            self.count = self.count.saturating_add(8);
        }
        self.bytes = &[];
    }

    /// Takes `count` bits that were looked at; `None` where there are not so many.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        self.count = self.count.checked_sub(count)?;
        self.waiting = self.waiting.wrapping_shr(count);
        Some(())
    }

    /// The next `count` bits, at most 31.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Option<usize> {
        let bits = self.peek() & 1_usize.wrapping_shl(count).wrapping_sub(1);
        self.skip(count)?;
        Some(bits)
    }

    /// Nothing may be left but the zeros that fill the last byte.
    pub(super) fn end(self) -> Option<()> {
        (self.bytes.is_empty() && self.count < 8 && self.waiting == 0).then_some(())
    }
}
