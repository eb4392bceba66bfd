//! When to ask again: at most one fetch of a kind under way, jitter, and back-off after failures.
//!
//! The state says which of the two holds, waiting or under way, so an answer that nobody waits
//! for cannot be taken and a slow answer cannot be overtaken by a second question. The clock is
//! the host's and may be set back: only distances between two moments count, in either
//! direction, so a wrong clock costs at most one pause.

use std::time::Duration;

use crate::wire::Timestamp;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A call that the host did not take costs the provider nothing, and its cluster may come any moment.
const LONGEST_PAUSE_UNSENT: Duration = Duration::from_secs(5);

/// The times of one kind of fetch.
#[derive(Debug)]
pub(super) struct Schedule {
    every: Duration,
    patience: Duration,
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Waiting { since: Timestamp, pause: Duration },
    UnderWay { since: Timestamp },
}

/// What [`Schedule::due`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing is to be done.
    No,
    /// A fetch is to be sent, and counts as under way from now on.
    Send,
    /// A fetch was under way for longer than any answer may take; it counts as failed.
    GivenUp {
        /// How long it was waited for.
        after: Duration,
    },
}

impl Schedule {
    /// Due at once, later every `every`; an answer is waited for `patience` at most.
    pub(super) const fn new(every: Duration, patience: Duration) -> Self {
        let state = State::Waiting { since: Timestamp::from_millis(0), pause: Duration::ZERO };
        Self { every, patience, failures: 0, state }
    }

    /// What is to be done now; a fetch that is to be sent is under way from here on.
    pub(super) fn due(&mut self, now: Timestamp, jitter: u16) -> Due {
        match self.state {
            State::Waiting { since, pause } if apart(since, now) >= pause => {
                self.state = State::UnderWay { since: now };
                Due::Send
            }
            State::UnderWay { since } if apart(since, now) >= self.patience => {
                self.failed(now, jitter);
                Due::GivenUp { after: self.patience }
            }
            State::Waiting { .. } | State::UnderWay { .. } => Due::No,
        }
    }

    /// Whether an answer is waited for.
    pub(super) const fn under_way(&self) -> bool {
        matches!(self.state, State::UnderWay { .. })
    }

    /// Whether a fetch is under way or would be sent by the next [`Self::due`].
    pub(super) fn under_way_or_due(&self, now: Timestamp) -> bool {
        match self.state {
            State::Waiting { since, pause } => apart(since, now) >= pause,
            State::UnderWay { .. } => true,
        }
    }

    /// The next fetch is due at once, unless one is under way.
    pub(super) const fn hasten(&mut self, now: Timestamp) {
        if !self.under_way() {
            self.state = State::Waiting { since: now, pause: Duration::ZERO };
        }
    }

    /// The fetch brought what was wanted.
    pub(super) fn succeeded(&mut self, now: Timestamp, jitter: u16) {
        self.failures = 0;
        self.state = State::Waiting { since: now, pause: spread(self.every, jitter) };
    }

    /// The fetch failed: the next one waits 1 s, 2 s, 4 s .. 60 s.
    pub(super) fn failed(&mut self, now: Timestamp, jitter: u16) {
        self.pause_after_failure(now, jitter, LONGEST_PAUSE);
    }

    /// The host did not take the call: the next attempt waits 1 s, 2 s, 4 s, 5 s.
    pub(super) fn not_sent(&mut self, now: Timestamp, jitter: u16) {
        self.pause_after_failure(now, jitter, LONGEST_PAUSE_UNSENT);
    }

    fn pause_after_failure(&mut self, now: Timestamp, jitter: u16, longest: Duration) {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let pause = FIRST_PAUSE.saturating_mul(factor).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Waiting { since: now, pause: spread(pause, jitter) };
    }
}

/// `pause` less or more up to a fifth, so that the workers of a fleet do not ask in step.
fn spread(pause: Duration, jitter: u16) -> Duration {
    let thousandths = 800_u32.saturating_add(u32::from(jitter).saturating_mul(400) / 65_535);
    pause.saturating_mul(thousandths).checked_div(1_000).unwrap_or(pause)
}

/// The distance between two moments, whichever is the later one.
pub(super) fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u16 = u16::MAX / 2 + 1;
    const EVERY: Duration = Duration::from_secs(600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds.saturating_add(1_700_000_000))
    }

    fn schedule() -> Schedule {
        Schedule::new(EVERY, Duration::from_secs(6))
    }

    #[test]
    fn the_first_fetch_is_due_at_once_and_only_one_is_under_way() {
        let mut schedule = schedule();
        assert_eq!(schedule.due(at(0), 0), Due::Send);
        for second in 0..6 {
            assert_eq!(schedule.due(at(second), 0), Due::No);
        }
        assert!(schedule.under_way());
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        assert_eq!(spread(EVERY, 0), Duration::from_secs(480));
        assert_eq!(spread(EVERY, MIDDLE), EVERY);
        assert_eq!(spread(EVERY, u16::MAX), Duration::from_secs(720));
        assert!(spread(Duration::MAX, u16::MAX) > Duration::from_secs(1 << 40));
    }

    #[test]
    fn after_failures_the_pause_doubles_up_to_a_minute_and_a_success_ends_that() {
        let mut schedule = schedule();
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(schedule.due(at(now), MIDDLE), Due::Send);
            schedule.failed(at(now), MIDDLE);
            assert_eq!(schedule.due(at(now + pause - 1), MIDDLE), Due::No, "{pause}");
            now += pause;
        }
        assert_eq!(schedule.due(at(now), MIDDLE), Due::Send);
        schedule.succeeded(at(now), MIDDLE);
        assert_eq!(schedule.due(at(now + 599), MIDDLE), Due::No);
        assert_eq!(schedule.due(at(now + 600), MIDDLE), Due::Send);
        schedule.failed(at(now + 600), MIDDLE);
        assert_eq!(schedule.due(at(now + 601), MIDDLE), Due::Send);
    }

    #[test]
    fn a_thousand_failures_overflow_nothing() {
        let mut schedule = schedule();
        for _ in 0..1_000 {
            schedule.failed(at(0), u16::MAX);
        }
        assert_eq!(schedule.due(at(71), 0), Due::No);
        assert_eq!(schedule.due(at(72), 0), Due::Send);
    }

    #[test]
    fn a_call_that_was_not_sent_is_tried_again_within_seconds() {
        let mut schedule = schedule();
        for _ in 0..20 {
            schedule.not_sent(at(0), MIDDLE);
        }
        assert_eq!(schedule.due(at(5), MIDDLE), Due::Send);
    }

    #[test]
    fn an_answer_that_never_comes_is_given_up() {
        let mut schedule = schedule();
        assert_eq!(schedule.due(at(0), MIDDLE), Due::Send);
        assert_eq!(schedule.due(at(6), MIDDLE), Due::GivenUp { after: Duration::from_secs(6) });
        assert_eq!(schedule.due(at(6), MIDDLE), Due::No);
        assert_eq!(schedule.due(at(7), MIDDLE), Due::Send);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_fetches() {
        let mut schedule = schedule();
        assert_eq!(schedule.due(at(0), MIDDLE), Due::Send);
        assert!(matches!(schedule.due(at(-1_000_000), MIDDLE), Due::GivenUp { .. }));
        assert_eq!(schedule.due(at(-1_000_000 + 1), MIDDLE), Due::Send);
        schedule.succeeded(at(0), MIDDLE);
        assert_eq!(schedule.due(at(-1_000_000), MIDDLE), Due::Send);
    }

    #[test]
    fn hastening_does_not_double_a_fetch_under_way() {
        let mut schedule = schedule();
        assert_eq!(schedule.due(at(0), 0), Due::Send);
        schedule.hasten(at(1));
        assert_eq!(schedule.due(at(1), 0), Due::No);
        schedule.succeeded(at(2), 0);
        schedule.hasten(at(3));
        assert_eq!(schedule.due(at(3), 0), Due::Send);
    }
}
