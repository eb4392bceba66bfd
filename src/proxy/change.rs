//! What a step changes of a request's head: a promise that is kept whole, or the request is
//! answered.
//!
//! Envoy removes what it is told to remove. nginx's ngx_wasm_module hides a header that was
//! removed, and further lines of one that was set, from filters and sends them upstream all the
//! same: reading it again shows nothing. What it sends is what was set over a single line. So
//! removals are trusted only where the host is known; elsewhere headers are overwritten, with
//! nothing where they are to go, and looked at again.

use crate::gate::{Authorization, Forward};
use crate::http::Head;
use crate::http::cookie::Rest;

use super::abi::{self, HostBytes, HostError, Map};
use super::map;

/// How this host is had to send a header no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Erasing {
    /// It is removed.
    Remove,
    /// It is overwritten with nothing.
    Overwrite,
}

/// A header, and the value that is to stand there alone; an empty one may be gone instead.
type Change<'a> = (&'a [u8], &'a [u8]);

const AUTHORIZATION: &[u8] = b"authorization";
const COOKIE: &[u8] = b"cookie";

/// Writes only what changes. An error means that a promise can not be kept.
pub(super) fn change(forward: &Forward, erasing: Erasing) -> Result<(), HostError> {
    if erasing == Erasing::Overwrite {
        return overwrite(Map::Request, &changes(forward));
    }
    for name in forward.remove() {
        abi::remove_header(Map::Request, name)?;
    }
    match forward.authorization() {
        Authorization::Unchanged => {}
        Authorization::Remove => abi::remove_header(Map::Request, AUTHORIZATION)?,
        Authorization::Set(value) => {
            abi::set_header(Map::Request, AUTHORIZATION, value.as_str().as_bytes())?;
        }
    }
    match forward.cookie() {
        Rest::Unchanged => {}
        Rest::Empty => abi::remove_header(Map::Request, COOKIE)?,
        Rest::Changed(cookies) => abi::set_header(Map::Request, COOKIE, cookies)?,
    }
    for (name, value) in forward.set() {
        abi::set_header(Map::Request, name.as_str().as_bytes(), value.as_str().as_bytes())?;
    }
    Ok(())
}

/// Takes these headers out of a map.
pub(super) fn erase(map: Map, names: &[Vec<u8>], erasing: Erasing) -> Result<(), HostError> {
    match erasing {
        Erasing::Remove => names.iter().try_for_each(|name| abi::remove_header(map, name)),
        Erasing::Overwrite => {
            let changes: Vec<Change<'_>> = names.iter().map(|name| (&name[..], &b""[..])).collect();
            overwrite(map, &changes)
        }
    }
}

/// The same changes as a list. A name may be there twice: erased, then set.
fn changes(forward: &Forward) -> Vec<Change<'_>> {
    let mut changes: Vec<Change<'_>> =
        forward.remove().iter().map(|name| (&name[..], &b""[..])).collect();
    match forward.authorization() {
        Authorization::Unchanged => {}
        Authorization::Remove => changes.push((AUTHORIZATION, b"")),
        Authorization::Set(value) => changes.push((AUTHORIZATION, value.as_str().as_bytes())),
    }
    match forward.cookie() {
        Rest::Unchanged => {}
        Rest::Empty => changes.push((COOKIE, b"")),
        Rest::Changed(cookies) => changes.push((COOKIE, cookies)),
    }
    let set = forward.set().iter();
    changes.extend(set.map(|(name, value)| (name.as_str().as_bytes(), value.as_str().as_bytes())));
    changes
}

/// Sets each of them over the one line that is there, and looks whether it took effect.
fn overwrite(map: Map, changes: &[Change<'_>]) -> Result<(), HostError> {
    if changes.is_empty() {
        return Ok(());
    }
    let lines = |head: &Head<'_>, name: &[u8]| {
        let named = |(other, _): &(&[u8], &[u8])| other.eq_ignore_ascii_case(name);
        head.pairs().filter(named).count()
    };
    with_head(map, |head| changes.iter().all(|(name, _)| lines(head, name) <= 1))?;
    for (name, value) in changes {
        abi::set_header(map, name, value)?;
    }
    with_head(map, |head| {
        changes.iter().all(|(name, _)| {
            let last = changes.iter().rfind(|(other, _)| other.eq_ignore_ascii_case(name));
            let value = last.map(|(_, value)| *value).unwrap_or_default();
            let mut named = head.pairs().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            let stands = named.next().map(|(_, value)| value).unwrap_or_default();
            stands == value && named.next().is_none()
        })
    })
}

fn with_head(map: Map, holds: impl FnOnce(&Head<'_>) -> bool) -> Result<(), HostError> {
    let bytes: HostBytes = abi::pairs(map)?;
    let head = map::read(bytes.as_slice()).ok_or(HostError::NO_EFFECT)?;
    if holds(&head) { Ok(()) } else { Err(HostError::NO_EFFECT) }
}
