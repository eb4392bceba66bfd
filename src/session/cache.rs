//! The same cookie again: what it opened to, without opening it again.
//!
//! A session's cookie comes with every request; decoding and opening 4 KB of it costs
//! more than all the rest of a request. So the worker keeps what a sealed text opened
//! to, together with the whole text, and a hit is nothing but a comparison. No digest
//! instead of the text: SHA-256 costs what the AEAD costs, and a short hash proves
//! nothing.
//!
//! The cache only saves work, it decides nothing: expiry and today's configuration are
//! judged by the caller. It is bounded in bytes; a miss is cheap.

use std::hint::black_box;

use super::chunks::Text;
use crate::wire::SortedMap;

/// Bytes a worker's cache takes unless told otherwise: some 1,300 to 2,000 sessions.
pub const DEFAULT_BYTES: usize = 8 << 20;

/// The end of a text, since that differs between any two: the tag of a sealed cookie, the
/// signature of a bearer token (the starts of all tokens of a provider are the same). As a number,
/// in the machine's own order of bytes: two are compared in a few instructions.
type Key = u128;

/// What an entry takes besides its texts and its value: key, lengths, its place in the list.
const ENTRY_OVERHEAD: usize = 128;

struct Entry<T> {
    text: Box<[u8]>,
    host: Box<str>,
    value: T,
    size: usize,
}

struct Generation<T> {
    entries: SortedMap<Key, Box<Entry<T>>>,
    size: usize,
}

/// What sealed texts opened to, bounded in bytes.
///
/// Two generations: entries go into the young one; when it has filled its half, it
/// becomes the old one, and the old one is dropped. An entry found in the old one
/// moves to the young one, so what is used stays, without a list to keep in order.
pub struct Cache<T> {
    young: Generation<T>,
    old: Generation<T>,
    half: usize,
}

impl<T> std::fmt::Debug for Cache<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = self.young.entries.len().saturating_add(self.old.entries.len());
        write!(
            out,
            "Cache({entries} entries, {} bytes)",
            self.young.size.saturating_add(self.old.size)
        )
    }
}

impl<T: Clone> Cache<T> {
    /// A cache that holds at most `bytes` bytes; 0 keeps nothing.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self { young: Generation::empty(), old: Generation::empty(), half: bytes / 2 }
    }

    /// What was kept for exactly this text, sealed for exactly this host.
    #[must_use]
    pub fn get(&mut self, text: Text<'_>, host: &str) -> Option<T> {
        let key = Key::from_ne_bytes(text.end()?);
        if let Some(entry) = self.young.entries.get(&key) {
            return entry.is(text, host).then(|| entry.value.clone());
        }
        if !self.old.entries.get(&key)?.is(text, host) {
            return None;
        }
        let entry = self.old.remove(&key)?;
        let value = entry.value.clone();
        self.insert(key, entry);
        Some(value)
    }

    /// Keeps `value` for `text` and `host`. `value_size` is what the value itself takes;
    /// what is larger than half the cache, or too short to be sealed, is not kept.
    ///
    /// Only what the seal has opened may be put here: a hit is as good as opening.
    pub fn put(&mut self, text: &[u8], host: &str, value: T, value_size: usize) {
        let Some(key) = key(text) else { return };
        self.young.remove(&key);
        self.old.remove(&key);
        let size = [text.len(), host.len(), value_size]
            .into_iter()
            .fold(ENTRY_OVERHEAD, usize::saturating_add);
        if size <= self.half {
            let entry = Entry { text: text.into(), host: host.into(), value, size };
            self.insert(key, Box::new(entry));
        }
    }

    /// Drops what was kept for `text`: after logout, or when it was sealed anew.
    pub fn forget(&mut self, text: &[u8]) {
        let Some(key) = key(text) else { return };
        for generation in [&mut self.young, &mut self.old] {
            // The whole text is compared here too: one who knows how a cookie starts
            // cannot push its owner's session out.
            if generation
                .entries
                .get(&key)
                .is_some_and(|entry| same(&entry.text, Text::whole(text)))
            {
                generation.remove(&key);
            }
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.young = Generation::empty();
        self.old = Generation::empty();
    }

    /// Bytes in use, as counted against the bound.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.young.size.saturating_add(self.old.size)
    }

    fn insert(&mut self, key: Key, entry: Box<Entry<T>>) {
        if self.young.size.saturating_add(entry.size) > self.half {
            self.old = std::mem::replace(&mut self.young, Generation::empty());
        }
        self.young.size = self.young.size.saturating_add(entry.size);
        self.young.entries.insert(key, entry);
    }
}

impl<T> Generation<T> {
    const fn empty() -> Self {
        Self { entries: SortedMap::new(), size: 0 }
    }

    fn remove(&mut self, key: &Key) -> Option<Box<Entry<T>>> {
        let entry = self.entries.remove(key)?;
        self.size = self.size.saturating_sub(entry.size);
        Some(entry)
    }
}

impl<T> Entry<T> {
    fn is(&self, text: Text<'_>, host: &str) -> bool {
        same(&self.text, text) && *self.host == *host
    }
}

fn key(text: &[u8]) -> Option<Key> {
    text.last_chunk().copied().map(Key::from_ne_bytes)
}

/// Whether a text is the one that was kept, in time that depends on the lengths only:
/// `black_box` keeps the compiler from concluding anything before the last step.
fn same(mut kept: &[u8], text: Text<'_>) -> bool {
    let mut difference = 0;
    for piece in text.pieces() {
        let Some((part, rest)) = kept.split_at_checked(piece.len()) else { return false };
        difference |= differing(part, piece);
        kept = rest;
    }
    kept.is_empty() && black_box(difference) == 0
}

/// The bits in which two texts of one length differ, laid over each other. Eight bytes at
/// a time: over 4 KB that is more than ten times as fast as byte by byte.
fn differing(one: &[u8], other: &[u8]) -> u64 {
    let (words, rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = other.as_chunks::<8>();
    let words = words.iter().zip(other_words).fold(0, |difference, (a, b)| {
        difference | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    let rest = rest.iter().zip(other_rest).fold(0, |difference, (a, b)| difference | (a ^ b));
    words | u64::from(rest)
}

#[cfg(test)]
mod tests {
    use super::super::chunks::{self, MAX_PIECES};
    use super::*;

    const HOST: &str = "app.example";

    fn text(number: usize) -> Vec<u8> {
        format!("{}{number:016}", "x".repeat(1000)).into_bytes()
    }

    #[test]
    fn the_same_text_hits_and_any_other_misses() {
        let mut cache = Cache::new(DEFAULT_BYTES);
        cache.put(&text(1), HOST, 1, 0);
        assert_eq!(cache.get(Text::whole(&text(1)), HOST), Some(1));
        assert_eq!(cache.get(Text::whole(&text(2)), HOST), None);
        for index in 0..text(1).len() {
            let mut changed = text(1);
            changed[index] ^= 1;
            assert_eq!(
                cache.get(Text::whole(&changed), HOST),
                None,
                "the last 16 bytes prove nothing"
            );
            assert_eq!(cache.get(Text::whole(&text(1)[..index]), HOST), None);
        }
        let longer = [vec![b'x'], text(1)].concat();
        assert_eq!(cache.get(Text::whole(&longer), HOST), None);
    }

    #[test]
    fn a_text_in_pieces_hits_wherever_it_was_cut_and_only_as_a_whole() {
        let mut cache = Cache::new(DEFAULT_BYTES);
        cache.put(&text(1), HOST, 1, 0);
        let mut get = |first: &[u8], second: &[u8]| {
            let first = [b"2.", first].concat();
            let mut pieces = [None; MAX_PIECES];
            (pieces[0], pieces[1]) = (Some(first.as_slice()), Some(second));
            cache.get(chunks::text(&pieces).unwrap(), HOST)
        };
        for at in 1..text(1).len() {
            let (first, second) = (&text(1)[..at], &text(1)[at..]);
            assert_eq!(get(first, second), Some(1), "cut at {at}");
            assert_eq!(get(first, &[second, b"x"].concat()), None, "cut at {at}");
            let mut changed = second.to_vec();
            changed[0] ^= 1;
            assert_eq!(get(first, &changed), None, "cut at {at}");
        }
    }

    #[test]
    fn another_host_misses_in_both_generations() {
        let mut cache = Cache::new(4000);
        cache.put(&text(1), HOST, 1, 0);
        assert_eq!(cache.get(Text::whole(&text(1)), "app.example:8443"), None);
        cache.put(&text(2), HOST, 2, 0);
        assert!(cache.old.entries.len() == 1 && cache.young.entries.len() == 1);
        assert_eq!(cache.get(Text::whole(&text(1)), "evil.example"), None);
        assert_eq!(cache.get(Text::whole(&text(1)), HOST), Some(1));
    }

    #[test]
    fn the_bound_in_bytes_holds() {
        let bytes = 100_000;
        let mut cache = Cache::new(bytes);
        for number in 0..10_000 {
            cache.put(&text(number), HOST, number, number % 3000);
            let counted: usize = [&cache.young, &cache.old]
                .iter()
                .flat_map(|generation| generation.entries.iter())
                .map(|(_, entry)| entry.text.len() + entry.host.len() + entry.value % 3000 + 128)
                .sum();
            assert_eq!(cache.size(), counted);
            assert!(counted <= bytes);
            let _ = cache.get(Text::whole(&text(number / 2)), HOST);
        }
        cache.put(&text(1), HOST, 1, usize::MAX);
        assert_eq!(cache.get(Text::whole(&text(1)), HOST), None, "what is too large is not kept");
        cache.clear();
        assert_eq!(cache.size(), 0);
    }

    #[test]
    fn what_is_used_stays() {
        let mut cache = Cache::new(20_000);
        for number in 0..1000 {
            cache.put(&text(number), HOST, number, 0);
            assert_eq!(cache.get(Text::whole(&text(0)), HOST), Some(0));
        }
        assert_eq!(cache.get(Text::whole(&text(1)), HOST), None);
    }

    #[test]
    fn what_was_forgotten_is_gone_and_nothing_else_is() {
        let mut cache = Cache::new(4000);
        cache.put(&text(1), HOST, 1, 0);
        cache.put(&text(2), HOST, 2, 0);
        let mut alike = text(1);
        alike[20] ^= 1;
        cache.forget(&alike);
        assert_eq!(cache.get(Text::whole(&text(1)), HOST), Some(1));
        cache.forget(&text(1));
        cache.forget(&text(2));
        assert_eq!(cache.get(Text::whole(&text(1)), HOST), None);
        assert_eq!(cache.get(Text::whole(&text(2)), HOST), None);
        assert_eq!(cache.size(), 0);
    }

    #[test]
    fn short_texts_and_an_empty_cache_keep_nothing() {
        let mut cache = Cache::new(0);
        cache.put(&text(1), HOST, 1, 0);
        cache.put(b"short", HOST, 1, 0);
        cache.put(b"", HOST, 1, 0);
        assert_eq!(cache.size(), 0);
        assert_eq!(cache.get(Text::whole(b"short"), HOST), None);
    }
}
