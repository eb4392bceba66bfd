//! What became of the requests of a run.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use super::Person;

/// What became of one request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The answer's status.
    pub status: u16,
    /// How old its cookie was, where it came late on purpose.
    pub late: Option<Duration>,
    /// The answer means that the user is not logged in any more, or is somebody else.
    pub lost: bool,
    /// The newest token that the browser had heard of was still valid when the answer came.
    pub was_valid: bool,
    /// What the answer says, where it is no success.
    pub text: String,
}

/// What became of all of them.
#[derive(Debug, Default)]
pub struct Tally {
    /// How long it took.
    pub duration: Duration,
    /// How many connections there were.
    pub connections: usize,
    /// How many answers by status.
    pub statuses: BTreeMap<u16, usize>,
    /// How many requests came with a cookie from before a refresh.
    pub late: usize,
    /// The oldest of those cookies: how long ago a newer one was there.
    pub latest: Duration,
    /// Whatever was no success.
    pub failures: Vec<Outcome>,
    /// Requests without an answer: why.
    pub broken: Vec<String>,
    /// The people, with the cookies that they are left with.
    pub people: Vec<Person>,
}

impl Tally {
    /// How many requests were sent.
    pub fn requests(&self) -> usize {
        self.statuses.values().sum::<usize>() + self.broken.len()
    }

    /// How many answers say that a user is not logged in any more.
    pub fn lost(&self) -> usize {
        self.failures.iter().filter(|outcome| outcome.lost).count()
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        *self.statuses.entry(outcome.status).or_default() += 1;
        if let Some(age) = outcome.late {
            self.late += 1;
            self.latest = self.latest.max(age);
        }
        if outcome.status != 200 || outcome.lost {
            self.failures.push(outcome);
        }
    }

    pub(super) fn broken(&mut self, why: &str) {
        self.broken.push(why.into());
    }

    pub(super) fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.late += other.late;
        self.latest = self.latest.max(other.latest);
        self.failures.extend(other.failures);
        self.broken.extend(other.broken);
    }

    /// Prints the counts, also where the test passes. `name` says which run it was.
    pub fn print(&self, name: &str) {
        say(&format!(
            "{name}: {} browsers, {} connections, {} s: {} requests, by status {:?}, without an answer {}; {} of them \
             late, with a cookie replaced up to {:.1} s before; answers that mean a lost session: {}",
            self.people.len(),
            self.connections,
            self.duration.as_secs(),
            self.requests(),
            self.statuses,
            self.broken.len(),
            self.late,
            self.latest.as_secs_f32(),
            self.lost(),
        ));
    }
}

/// Tests hold back what `println!` prints until they fail; these numbers are for whoever reads that they passed.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
