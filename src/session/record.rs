//! Records: what stands inside a sealed cookie, small, and read back without trust.
//!
//! ```text
//! record  = 1 | fields
//!         | 2 | number n | bytes | fields    objects of tokens: n bytes, or fewer, compressed
//! number  = LEB128 of 64 bits, shortest form only
//! time    = number of milliseconds since 1970
//! bytes   = number of bytes | the bytes
//! text    = 0                      absent
//!         | 1 | bytes              as it is, UTF-8
//!         | 2 | bytes*3            a JWT, its segments decoded: read, but no longer written
//!         | 3 | count | segment*   base64url with dots between, decoded
//!         | 4 | bytes              an opaque access token, UTF-8
//! segment = number 2n | n bytes
//!         | number 2n+1            the next n bytes of the objects
//! ```
//!
//! A cookie is base64url of the record, and so would the segments of a JWT (RFC 7519) be,
//! twice. They are kept decoded, but only where encoding them again gives the same text
//! byte for byte: a signature covers the text, not what it means. Then the header and
//! claims of a signed token are plain JSON, and are kept together and
//! [compressed](super::objects).
//!
//! All of the token is kept, the ID token's too: without the token itself as a hint, the
//! provider asks people at logout whether they mean it (RP-Initiated Logout 1.0 section 2),
//! and `upstream.authorization` may send it on.
//!
//! The reader looks only at what the seal has opened, so every record is one that this
//! gate wrote. It is bounded and total all the same: another version of the gate may
//! have written it, and no input may panic.

use zeroize::Zeroizing;

use super::objects;
use crate::crypto::Secret;
use crate::wire::{Timestamp, base64url};

/// The layouts above; what bears another number is absent.
const PLAIN: u8 = 1;
const WITH_OBJECTS: u8 = 2;

const ABSENT: u8 = 0;
const AS_IS: u8 = 1;
const JWT: u8 = 2;
const SEGMENTS: u8 = 3;
const OPAQUE: u8 = 4;

/// Segments of a text: a JWT has three, an encrypted one five (RFC 7516).
const MAX_SEGMENTS: usize = 5;

/// An access token as a record has it.
pub(super) enum Token {
    /// There is none.
    Absent,
    /// Its signature was checked before it went in.
    Signed(Secret),
    /// Nothing is known of it.
    Opaque(Secret),
}

/// Writes a record; what it holds is zeroed when dropped.
pub(super) struct Writer {
    fields: Zeroizing<Vec<u8>>,
    objects: Zeroizing<Vec<u8>>,
}

/// Bytes that a text takes before anything is compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    fields: usize,
    objects: usize,
}

/// A record, and how much smaller its objects got.
pub(super) struct Written {
    pub(super) record: Zeroizing<Vec<u8>>,
    objects: usize,
    packed: usize,
}

impl Written {
    /// Bytes of the record that are for a text: what they would be if each object got
    /// smaller as all of them did together. What two tokens share is nobody's.
    pub(super) fn share(&self, taken: Taken) -> usize {
        let wide = |number| u64::try_from(number).unwrap_or(u64::MAX);
        let packed = wide(taken.objects)
            .saturating_mul(wide(self.packed))
            .checked_div(wide(self.objects))
            .and_then(|share| usize::try_from(share).ok());
        taken.fields.saturating_add(packed.unwrap_or(0))
    }
}

impl Writer {
    /// A record whose fields take about `expected` bytes: room is made at once, since
    /// a buffer that grows leaves copies behind that nobody zeroes.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            fields: Zeroizing::new(Vec::with_capacity(expected.saturating_add(128))),
            objects: Zeroizing::new(Vec::with_capacity(expected)),
        }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.fields.push(byte);
    }

    /// Bytes of a length that the reader knows.
    pub(super) fn fixed(&mut self, bytes: &[u8]) {
        self.fields.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, number: u64) {
        push_number(&mut self.fields, number);
    }

    /// A moment; one before 1970 becomes 1970.
    pub(super) fn time(&mut self, time: Timestamp) {
        self.number(u64::try_from(time.millis()).unwrap_or(0));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(length(bytes));
        self.fixed(bytes);
    }

    /// A text or its absence, with what the text takes.
    pub(super) fn text(&mut self, text: Option<&str>) -> Taken {
        let Some(text) = text else {
            self.byte(ABSENT);
            return Taken { fields: 0, objects: 0 };
        };
        let (fields, objects) = (self.fields.len(), self.objects.len());
        if let Some(segments) = segments(text) {
            self.byte(SEGMENTS);
            self.byte(u8::try_from(segments.len()).unwrap_or(u8::MAX));
            let signed = signed(&segments);
            for (index, segment) in segments.iter().enumerate() {
                self.segment(segment, signed && index < 2);
            }
        } else {
            self.byte(AS_IS);
            self.bytes(text.as_bytes());
        }
        Taken {
            fields: self.fields.len().saturating_sub(fields),
            objects: self.objects.len().saturating_sub(objects),
        }
    }

    /// An opaque token or its absence. It may look like a JWT, and is none: nobody has checked a
    /// signature. So it says what it is.
    pub(super) fn opaque(&mut self, token: Option<&str>) -> Taken {
        let fields = self.fields.len();
        match token {
            None => self.byte(ABSENT),
            Some(token) => {
                self.byte(OPAQUE);
                self.bytes(token.as_bytes());
            }
        }
        Taken { fields: self.fields.len().saturating_sub(fields), objects: 0 }
    }

    fn segment(&mut self, segment: &[u8], may_be_object: bool) {
        let is_object = may_be_object && matches!(segment, [b'{', .., b'}']);
        self.number(length(segment).saturating_mul(2) | u64::from(is_object));
        let to = if is_object { &mut self.objects } else { &mut self.fields };
        to.extend_from_slice(segment);
    }

    /// The record. One without tokens is not compressed, nor is anything else in it.
    pub(super) fn finish(self) -> Written {
        let packed = objects::pack(&self.objects);
        let room = self.fields.len().saturating_add(packed.len()).saturating_add(21);
        let mut record = Zeroizing::new(Vec::with_capacity(room));
        if self.objects.is_empty() {
            record.push(PLAIN);
        } else {
            record.push(WITH_OBJECTS);
            push_number(&mut record, length(&self.objects));
            push_number(&mut record, length(&packed));
            record.extend_from_slice(&packed);
        }
        record.extend_from_slice(&self.fields);
        Written { record, objects: self.objects.len(), packed: packed.len() }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn push_number(to: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = (number & 0x7f).to_le_bytes();
        number = number.wrapping_shr(7);
        if number == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

/// Whether what stands in front is worth nothing without the end: a signature, or the tag
/// of an encrypted token, which nobody guesses.
fn signed(segments: &[Zeroizing<Vec<u8>>]) -> bool {
    matches!(segments, [_, _, .., end] if end.len() >= 16)
}

/// The decoded segments of a text, where they spell the same text again.
fn segments(text: &str) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let mut segments = Vec::with_capacity(MAX_SEGMENTS);
    for part in text.split('.') {
        if segments.len() == MAX_SEGMENTS {
            return None;
        }
        segments.push(Zeroizing::new(base64url::decode(part.as_bytes())?));
    }
    // base64url::decode accepts one spelling only; that no other comes back is checked
    // and not taken for granted, since a token changed by one character is worthless.
    (*joined(segments.iter().map(|segment| segment.as_slice())) == *text).then_some(segments)
}

fn joined<'s>(segments: impl Iterator<Item = &'s [u8]> + Clone) -> Zeroizing<String> {
    let length = segments.clone().fold(0, |sum: usize, segment| {
        sum.saturating_add(segment.len().saturating_mul(4).div_ceil(3)).saturating_add(1)
    });
    let mut text = Zeroizing::new(String::with_capacity(length));
    for (index, segment) in segments.enumerate() {
        if index > 0 {
            text.push('.');
        }
        text.push_str(&Zeroizing::new(base64url::encode(segment)));
    }
    text
}

/// A record taken apart, its objects inflated.
pub(super) struct Record<'a> {
    objects: Zeroizing<Vec<u8>>,
    fields: &'a [u8],
}

impl<'a> Record<'a> {
    /// A record of a version that is known; `None` for anything else.
    pub(super) fn open(record: &'a [u8]) -> Option<Self> {
        match record.split_first()? {
            (&PLAIN, fields) => Some(Self { objects: Zeroizing::default(), fields }),
            (&WITH_OBJECTS, rest) => {
                let mut head = Reader { objects: &[], fields: rest };
                let length = usize::try_from(head.number()?).ok()?;
                let objects = objects::unpack(head.bytes()?, length)?;
                Some(Self { objects, fields: head.fields })
            }
            _ => None,
        }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { objects: &self.objects, fields: self.fields }
    }
}

/// Reads a record; every method gives `None` where the record does not go on like that.
pub(super) struct Reader<'a> {
    objects: &'a [u8],
    fields: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.fields.split_first()?;
        self.fields = rest;
        Some(*byte)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.fields.split_first_chunk()?;
        self.fields = rest;
        Some(*bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
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
        let length = self.number()?;
        take(&mut self.fields, length)
    }

    /// UTF-8 that is no secret.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// An access token.
    pub(super) fn token(&mut self) -> Option<Token> {
        if let Some((&OPAQUE, rest)) = self.fields.split_first() {
            self.fields = rest;
            return Some(Token::Opaque(Secret::new(self.string()?.to_owned())));
        }
        Some(self.text()?.map_or(Token::Absent, Token::Signed))
    }

    /// A text, or its absence.
    pub(super) fn text(&mut self) -> Option<Option<Secret>> {
        let mut segments = [&[][..]; MAX_SEGMENTS];
        let segments = match self.byte()? {
            ABSENT => return Some(None),
            AS_IS => return Some(Some(Secret::new(self.string()?.to_owned()))),
            JWT => {
                let segments = segments.get_mut(..3)?;
                for segment in &mut *segments {
                    *segment = self.bytes()?;
                }
                segments
            }
            SEGMENTS => {
                let segments = segments.get_mut(..usize::from(self.byte()?))?;
                for segment in &mut *segments {
                    *segment = self.segment()?;
                }
                segments
            }
            _ => return None,
        };
        Some(Some(Secret::new(std::mem::take(&mut *joined(segments.iter().copied())))))
    }

    fn segment(&mut self) -> Option<&'a [u8]> {
        let number = self.number()?;
        let from = if number & 1 == 1 { &mut self.objects } else { &mut self.fields };
        take(from, number.wrapping_shr(1))
    }

    /// Whether nothing follows.
    pub(super) const fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.objects.is_empty()
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Option<()> {
        (self.fields.is_empty() && self.objects.is_empty()).then_some(())
    }
}

fn take<'a>(from: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (bytes, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
    *from = rest;
    Some(bytes)
}

#[cfg(test)]
mod tests;
