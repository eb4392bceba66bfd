//! The path as the upstream may read it (RFC 3986 sections 3.3, 5.2.4 and 6.2.2).
//!
//! Servers differ: in what they decode and how often, in whether they resolve dot
//! segments before or after that, merge slashes, take `\` for `/`, drop `;parameters`,
//! or end a path at NUL. The gate cannot know which of them stands behind it, so a rule
//! holds only where every reading falls under it.

use crate::http::{form, split_target};

/// The longest path whose readings are made; longer ones with anything to read in
/// different ways are refused. Plain paths have no limit here.
const LONGEST: usize = 4096;
/// The most readings that are made: what has more is an attack.
const MOST_READINGS: usize = 64;

/// The path before its query. `#` does not end it: no client sends a fragment, and who
/// takes it for one is among the readings.
pub(super) fn without_query(path: &[u8]) -> &[u8] {
    split_target(path).0
}

/// The paths that `path` is at or below: `/a/b/c` is below `/a` and `/a/b`.
pub(super) fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inner = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
    inner.map(|(at, _)| at).chain([path.len()]).filter_map(|end| path.get(..end))
}

/// Whether all servers read `path` alike. Allocates nothing; almost every request is done
/// with this. `*` and no path at all belong to OPTIONS and CONNECT (RFC 9112 section 3.2).
pub(super) fn is_plain(path: &[u8]) -> bool {
    if !path.starts_with(b"/") {
        return matches!(path, b"" | b"*");
    }
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        let plain = match (byte, after) {
            (b'/', [b'/', ..] | [b'.'] | [b'.', b'/', ..]) => false,
            (b'/', [b'.', b'.'] | [b'.', b'.', b'/', ..]) => false,
            (b'%' | b'\\' | b';' | b'#', _) => false,
            (byte, _) => !is_blank(*byte),
        };
        if !plain {
            return false;
        }
        rest = after;
    }
    true
}

/// Whether `same` holds for every reading of `path`. Where they are too many to tell, or
/// the path could not even be sent on (a blank ends it in HTTP/1.1), it does not.
#[cold]
pub(super) fn all_readings(path: &[u8], same: impl Fn(&[u8]) -> bool) -> bool {
    let sendable = path.starts_with(b"/") && !path.iter().any(|byte| is_blank(*byte));
    if path.len() > LONGEST || !sendable {
        return false;
    }
    // The steps in every order: each reading is read on, until nothing new comes.
    let mut readings = vec![path.to_vec()];
    let mut done: usize = 0;
    while let Some(reading) = readings.get(done) {
        let next: Vec<_> = STEPS.iter().filter_map(|step| step(reading)).collect();
        for reading in next {
            if readings.contains(&reading) {
                continue;
            }
            if readings.len() >= MOST_READINGS || !same(&reading) {
                return false;
            }
            readings.push(reading);
        }
        done = done.saturating_add(1);
    }
    true
}

/// What a server may do to a path; `None` where it changes nothing.
type Step = fn(&[u8]) -> Option<Vec<u8>>;

const STEPS: [Step; 6] =
    [decode, turn_backslashes, merge_slashes, resolve_dot_segments, drop_parameters, end_early];

/// Decodes `%XX` once; broken escapes stay.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        let escaped = if *byte == b'%' { form::escaped(tail) } else { None };
        let (byte, tail) = escaped.unwrap_or((*byte, tail));
        decoded.push(byte);
        rest = tail;
    }
    (decoded.len() != path.len()).then_some(decoded)
}

fn turn_backslashes(path: &[u8]) -> Option<Vec<u8>> {
    let turn = |byte: &u8| if *byte == b'\\' { b'/' } else { *byte };
    path.contains(&b'\\').then(|| path.iter().map(turn).collect())
}

fn merge_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let mut merged = path.to_vec();
    merged.dedup_by(|next, before| is_slash(next) && is_slash(before));
    (merged.len() != path.len()).then_some(merged)
}

/// RFC 3986 section 5.2.4: `..` takes the segment before it away, be it an empty one.
fn resolve_dot_segments(path: &[u8]) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(b"/")?;
    let last = rest.rsplit(is_slash).next()?;
    rest.split(is_slash).find(|segment| is_dots(segment))?;
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in rest.split(is_slash) {
        match segment {
            b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    if is_dots(last) {
        kept.push(b"");
    }
    Some([b"/".as_slice(), &kept.join(&b'/')].concat())
}

/// Drops `;…` from every segment, as servers of servlets do.
fn drop_parameters(path: &[u8]) -> Option<Vec<u8>> {
    let name = |segment| <[u8]>::split(segment, |byte| *byte == b';').next().unwrap_or_default();
    path.contains(&b';').then(|| path.split(is_slash).map(name).collect::<Vec<_>>().join(&b'/'))
}

/// Ends the path at NUL, as C does, and at what begins a query or fragment once decoded.
fn end_early(path: &[u8]) -> Option<Vec<u8>> {
    let end = path.iter().position(|byte| matches!(byte, 0 | b'?' | b'#'))?;
    path.get(..end).map(<[u8]>::to_vec)
}

const fn is_slash(byte: &u8) -> bool {
    *byte == b'/'
}

fn is_dots(segment: &[u8]) -> bool {
    matches!(segment, b"." | b"..")
}

const fn is_blank(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

#[cfg(test)]
mod tests;
