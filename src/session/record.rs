//! Records: what stands inside a sealed cookie, small, and read back without trust.
//!
//! ```text
//! record = version(1) | fields
//! number = LEB128 of 64 bits, shortest form only
//! time   = number of milliseconds since 1970
//! bytes  = number of bytes | the bytes
//! text   = 0                         absent
//!        | 1 | bytes                 as it is, UTF-8
//!        | 2 | bytes | bytes | bytes a JWT (RFC 7519), its three segments decoded
//! ```
//!
//! A cookie is base64url of the record, and so would a JWT's segments be, twice. They
//! are kept decoded, which saves a quarter, but only where encoding them again gives
//! the same text byte for byte: a signature covers the text, not what it means.
//!
//! The reader looks only at what the seal has opened, so every record is one that this
//! gate wrote. It is bounded and total all the same: another version of the gate may
//! have written it, and no input may panic.

use zeroize::Zeroizing;

use crate::crypto::Secret;
use crate::wire::{Timestamp, base64url};

/// The layout above. Another layout (a compressed one, say) gets another number; what
/// bears an unknown one is absent.
pub(super) const VERSION: u8 = 1;

const ABSENT: u8 = 0;
const AS_IS: u8 = 1;
const JWT: u8 = 2;

/// Writes a record; what it holds is zeroed when dropped.
pub(super) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    /// A record whose fields take about `expected` bytes: room is made at once, since
    /// a buffer that grows leaves copies behind that nobody zeroes.
    pub(super) fn new(expected: usize) -> Self {
        let mut writer = Self(Zeroizing::new(Vec::with_capacity(expected.saturating_add(128))));
        writer.byte(VERSION);
        writer
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Bytes of a length that the reader knows.
    pub(super) fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, mut value: u64) {
        loop {
            let [low, ..] = (value & 0x7f).to_le_bytes();
            value = value.wrapping_shr(7);
            if value == 0 {
                return self.byte(low);
            }
            self.byte(low | 0x80);
        }
    }

    /// A moment; one before 1970 becomes 1970.
    pub(super) fn time(&mut self, time: Timestamp) {
        self.number(u64::try_from(time.millis()).unwrap_or(0));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.fixed(bytes);
    }

    /// A text or its absence, a JWT decoded; the bytes it takes.
    pub(super) fn text(&mut self, text: Option<&str>) -> usize {
        let before = self.0.len();
        match (text, text.and_then(segments)) {
            (None, _) => self.byte(ABSENT),
            (Some(text), None) => {
                self.byte(AS_IS);
                self.bytes(text.as_bytes());
            }
            (Some(_), Some(segments)) => {
                self.byte(JWT);
                for segment in segments {
                    self.bytes(&segment);
                }
            }
        }
        self.0.len().saturating_sub(before)
    }

    pub(super) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

type Segment = Zeroizing<Vec<u8>>;

/// The decoded segments of a JWT, where they spell the same text again.
fn segments(text: &str) -> Option<[Segment; 3]> {
    let mut parts = text.split('.');
    let mut next = || Some(Zeroizing::new(base64url::decode(parts.next()?.as_bytes())?));
    let segments = [next()?, next()?, next()?];
    // base64url::decode accepts one spelling only; that no other comes back is checked
    // and not taken for granted, since a token changed by one character is worthless.
    (parts.next().is_none() && *joined(segments.each_ref().map(|segment| &***segment)) == *text)
        .then_some(segments)
}

fn joined(segments: [&[u8]; 3]) -> Zeroizing<String> {
    let length = segments.iter().fold(8, |sum: usize, segment| {
        sum.saturating_add(segment.len().saturating_mul(4).div_ceil(3))
    });
    let mut text = Zeroizing::new(String::with_capacity(length));
    for (index, segment) in segments.into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        text.push_str(&Zeroizing::new(base64url::encode(segment)));
    }
    text
}

/// Reads a record; every method gives `None` where the record does not go on like that.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A record of our version.
    pub(super) fn new(record: &'a [u8]) -> Option<Self> {
        let (version, rest) = record.split_first()?;
        (*version == VERSION).then_some(Self(rest))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.wrapping_shl(shift);
            if shifted.wrapping_shr(shift) != bits || (byte == 0 && shift > 0) {
                return None;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(i64::try_from(self.number()?).ok()?))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// UTF-8 that is no secret.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A text, or its absence.
    pub(super) fn text(&mut self) -> Option<Option<Secret>> {
        match self.byte()? {
            ABSENT => Some(None),
            AS_IS => Some(Some(Secret::new(self.string()?.to_owned()))),
            JWT => {
                let segments = [self.bytes()?, self.bytes()?, self.bytes()?];
                Some(Some(Secret::new(std::mem::take(&mut *joined(segments)))))
            }
            _ => None,
        }
    }

    /// Whether nothing follows.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: Option<&str>) -> usize {
        let mut writer = Writer::new(0);
        let size = writer.text(text);
        let record = writer.finish();
        assert_eq!(record.len(), size.saturating_add(1));
        let mut reader = Reader::new(&record).unwrap();
        let read = reader.text().unwrap();
        assert_eq!(read.as_ref().map(Secret::expose), text);
        reader.end().unwrap();
        for length in 0..record.len() {
            assert!(Reader::new(&record[..length]).is_none_or(|mut cut| cut.text().is_none()));
        }
        size
    }

    #[test]
    fn a_token_comes_back_byte_for_byte() {
        round_trip(None);
        // Canonical: kept decoded. The last is what a signature-less token looks like.
        for jwt in ["e30.e30.c2lnbg", "_-8.e30.AA", "e30.e30.", ".."] {
            let segments = segments(jwt).unwrap();
            assert_eq!(*joined(segments.each_ref().map(|segment| &***segment)), jwt);
            round_trip(Some(jwt));
        }
        // Not canonical, or no JWT: kept as it is.
        for text in ["e31.e30.c2", "e30.e30.c2lnbg==", "e30.e30", "e30.e30.e30.e30", "e30.e3 0.e30"]
        {
            assert!(segments(text).is_none(), "{text}");
            round_trip(Some(text));
        }
        round_trip(Some(""));
        round_trip(Some("opaque-\u{e9}"));
    }

    #[test]
    fn a_jwt_takes_three_quarters_of_its_text() {
        let segment = base64url::encode(&[7; 900]);
        assert!(round_trip(Some(&format!("{segment}.{segment}.{segment}"))) < 2710);
    }

    #[test]
    fn times_come_back_and_saturate() {
        for millis in [0, 1, 127, 128, 1_760_000_000_000, i64::MAX] {
            let mut writer = Writer::new(0);
            writer.time(Timestamp::from_millis(millis));
            let record = writer.finish();
            let mut reader = Reader::new(&record).unwrap();
            assert_eq!(reader.time(), Some(Timestamp::from_millis(millis)));
        }
        let mut writer = Writer::new(0);
        writer.time(Timestamp::from_millis(-5));
        assert_eq!(Reader::new(&writer.finish()).unwrap().time().unwrap().millis(), 0);
    }

    #[test]
    fn numbers_have_one_spelling_and_64_bits() {
        let read = |bytes: &[u8]| Reader(bytes).number();
        assert_eq!(read(&[0]), Some(0));
        assert_eq!(read(&[0x80, 0]), None);
        assert_eq!(read(&[0x80]), None);
        assert_eq!(read(&[0xff; 11]), None);
        let largest = [[0xff; 9].as_slice(), &[1]].concat();
        assert_eq!(read(&largest), Some(u64::MAX));
        assert_eq!(read(&[[0xff; 9].as_slice(), &[2]].concat()), None);
        assert!(Reader(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).bytes().is_none());
        assert!(Reader(&largest).bytes().is_none());
    }

    #[test]
    fn another_version_is_absent() {
        assert!(Reader::new(&[VERSION + 1, 0]).is_none());
        assert!(Reader::new(&[]).is_none());
    }
}
