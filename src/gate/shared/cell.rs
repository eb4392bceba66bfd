//! A cell: what workers tell each other about a few sessions, as bytes.
//!
//! ```text
//! cell  = version(1) entry*
//! entry = session(16) token(32) until(8) kind(1) length(4) payload
//! lease = nonce(8) queue(4)*        done = a sealed session        failed, ended = nothing
//! ```
//! Numbers are big-endian. What is not a cell reads as an empty one: it is somebody
//! else's, or an older version's.

use std::time::Duration;

use crate::wire::Timestamp;

use super::super::turns::TurnId;

const VERSION: u8 = 1;
/// Most entries of a cell; more sessions than that share no cell.
const ENTRIES_LIMIT: usize = 64;
/// Most bytes of a cell that are read.
const BYTES_LIMIT: usize = 1 << 20;
/// Most workers that wait for one lease.
const WAITERS_LIMIT: usize = 256;
/// No entry lives longer: one that says so was written by a clock that was wrong.
const LIFETIME_LIMIT: Duration = Duration::from_secs(300);

/// What is known about one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// A worker makes the call; others are woken by their queues.
    Lease {
        /// Whose lease it is.
        nonce: u64,
        /// Who is to be woken.
        waiters: Vec<u32>,
    },
    /// The new session, sealed.
    Done(Vec<u8>),
    /// The call failed; not again before `until`.
    Failed,
    /// The session is over.
    Ended,
}

/// One turn in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: TurnId,
    pub(super) until: Timestamp,
    pub(super) state: State,
}

impl Entry {
    /// How many bytes it takes.
    fn size(&self) -> usize {
        let payload = match &self.state {
            State::Lease { waiters, .. } => waiters.len().saturating_mul(4).saturating_add(8),
            State::Done(sealed) => sealed.len(),
            State::Failed | State::Ended => 0,
        };
        payload.saturating_add(16 + 32 + 8 + 1 + 4)
    }
}

/// The entries of `bytes` that are still good.
pub(super) fn read(bytes: &[u8], now: Timestamp) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = match bytes.split_first() {
        Some((&VERSION, rest)) if bytes.len() <= BYTES_LIMIT => rest,
        _ => return entries,
    };
    while let Some((entry, after)) = read_entry(rest) {
        let lives = entry.until > now && entry.until.since(now) <= LIFETIME_LIMIT;
        if lives && entries.len() < ENTRIES_LIMIT {
            entries.push(entry);
        }
        rest = after;
    }
    entries
}

fn read_entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (session, rest) = bytes.split_first_chunk::<16>()?;
    let (token, rest) = rest.split_first_chunk::<32>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) =
        rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let state = match kind {
        1 => {
            let (nonce, queues) = payload.split_first_chunk::<8>()?;
            let (queues, _) = queues.as_chunks::<4>();
            let waiters = queues.iter().take(WAITERS_LIMIT);
            let waiters = waiters.map(|queue| u32::from_be_bytes(*queue)).collect();
            State::Lease { nonce: u64::from_be_bytes(*nonce), waiters }
        }
        2 => State::Done(payload.to_vec()),
        3 => State::Failed,
        4 => State::Ended,
        _ => return None,
    };
    let until = Timestamp::from_millis(i64::from_be_bytes(*until));
    Some((Entry { id: TurnId { session: *session, token: *token }, until, state }, rest))
}

/// Lets go of what costs least to forget where the entries are too many or too long: failures, then
/// sessions that are over (most of them logins that came to nothing, which anybody can
/// cause), then the oldest successes. Leases and logouts stay.
pub(super) fn make_room(entries: &mut Vec<Entry>) {
    let worth = |entry: &Entry| match entry.state {
        State::Failed => Some(0),
        State::Ended if !entry.id.is_logout() => Some(1),
        State::Done(_) => Some(2),
        State::Ended | State::Lease { .. } => None,
    };
    let size = |entries: &[Entry]| entries.iter().map(Entry::size).fold(1, usize::saturating_add);
    while entries.len() > ENTRIES_LIMIT || size(entries) > BYTES_LIMIT {
        let least = entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| Some((worth(entry)?, entry.until, index)))
            .min();
        match least {
            Some((_, _, index)) => {
                entries.swap_remove(index);
            }
            None => return,
        }
    }
}

/// The bytes of `entries`; `None` where they are too many.
pub(super) fn write(entries: &[Entry]) -> Option<Vec<u8>> {
    if entries.len() > ENTRIES_LIMIT {
        return None;
    }
    let mut bytes = vec![VERSION];
    for entry in entries {
        let (kind, payload) = match &entry.state {
            State::Lease { nonce, waiters } => {
                let queues = waiters.iter().flat_map(|queue| queue.to_be_bytes());
                (1, nonce.to_be_bytes().into_iter().chain(queues).collect())
            }
            State::Done(sealed) => (2, sealed.clone()),
            State::Failed => (3, Vec::new()),
            State::Ended => (4, Vec::new()),
        };
        bytes.extend_from_slice(&entry.id.session);
        bytes.extend_from_slice(&entry.id.token);
        bytes.extend_from_slice(&entry.until.millis().to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&u32::try_from(payload.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(&payload);
    }
    (bytes.len() <= BYTES_LIMIT).then_some(bytes)
}

/// Adds a queue to those that a lease wakes; false where it has too many.
pub(super) fn add_waiter(waiters: &mut Vec<u32>, queue: u32) -> bool {
    if waiters.contains(&queue) {
        return true;
    }
    if waiters.len() >= WAITERS_LIMIT {
        return false;
    }
    waiters.push(queue);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn entry(number: u8, until: i64, state: State) -> Entry {
        let id = TurnId { session: [number; 16], token: [number; 32] };
        Entry { id, until: Timestamp::from_seconds(until), state }
    }

    #[test]
    fn what_was_written_is_read_and_what_is_over_is_not() {
        let kept = vec![
            entry(1, 1_001, State::Lease { nonce: 7, waiters: vec![1, 2] }),
            entry(2, 1_060, State::Done(vec![9; 3_000])),
            entry(3, 1_001, State::Failed),
            entry(4, 1_300, State::Ended),
        ];
        assert_eq!(read(&write(&kept).unwrap(), NOW), kept);
        let over = vec![entry(1, 1_000, State::Ended), entry(2, 900, State::Failed)];
        assert_eq!(read(&write(&over).unwrap(), NOW), Vec::new());
    }

    #[test]
    fn an_entry_of_a_clock_that_was_wrong_does_not_live_for_years() {
        let wrong = vec![entry(1, 1_301, State::Ended), entry(2, i64::MAX, State::Failed)];
        assert_eq!(read(&write(&wrong).unwrap(), NOW), Vec::new());
    }

    #[test]
    fn large_outcomes_make_room_for_the_next_turn() {
        let large =
            |number| entry(number, 1_000 + i64::from(number), State::Done(vec![9; 200_000]));
        let mut entries: Vec<_> = (1..=6).map(large).collect();
        entries.push(entry(9, 1_010, State::Lease { nonce: 7, waiters: vec![1; 9] }));
        make_room(&mut entries);
        let left = read(&write(&entries).unwrap(), NOW);
        let mut left: Vec<_> = left.iter().map(|entry| entry.id.session[0]).collect();
        left.sort_unstable();
        assert_eq!(left, [2, 3, 4, 5, 6, 9], "the oldest went");
        let whole = [entry(1, 1_010, State::Lease { nonce: 7, waiters: vec![1; 9] })];
        assert_eq!(write(&whole).unwrap().len(), 1 + whole[0].size());
    }

    #[test]
    fn garbage_reads_as_less_and_never_panics() {
        let whole = write(&[
            entry(1, 1_060, State::Done(vec![9; 40])),
            entry(2, 1_001, State::Lease { nonce: 7, waiters: vec![1] }),
        ])
        .unwrap();
        for index in 0..whole.len() {
            assert!(read(&whole[..index], NOW).len() < 2);
            let mut changed = whole.clone();
            changed[index] ^= 0xff;
            let _ = read(&changed, NOW);
        }
        assert_eq!(read(b"somebody else's", NOW), Vec::new());
    }

    #[test]
    fn a_cell_is_bounded() {
        let many: Vec<Entry> = (0..=64).map(|number| entry(number, 1_060, State::Ended)).collect();
        assert_eq!(write(&many), None);
        let mut waiters: Vec<u32> = (0..256).collect();
        assert!(add_waiter(&mut waiters, 3) && !add_waiter(&mut waiters, 256));
    }
}
