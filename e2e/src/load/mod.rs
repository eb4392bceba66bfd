//! Browsers at work: several connections each, requests at once, and cookies that were replaced a while ago, as they come
//! from tabs that slept and from requests that were long under way.
//!
//! [`run`] plays it and says what became of every request ([`Tally`]); [`Upstream`] is what the other side saw. Which of
//! it is right is for the test to say.

mod person;
mod tally;
mod upstream;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Connection, Protocol, Request};

pub use person::Person;
pub use tally::{Outcome, Tally};
pub use upstream::Upstream;

/// How many requests an HTTP/2 connection sends at once.
const STREAMS: usize = 3;

/// Of so many requests one comes late, with a cookie from before a refresh.
const LATE_EACH: usize = 4;

/// What is to be played.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How long.
    pub duration: Duration,
    /// How long a browser waits from one burst of requests to the next.
    pub pause: Duration,
    /// How old the cookies may be that come late, counted from when a newer one was there.
    pub late: Duration,
}

/// The connections of each browser, in turn: HTTP/1.1 and HTTP/2 mixed.
const CONNECTIONS: [[Protocol; 3]; 2] =
    [[Protocol::H1, Protocol::H1, Protocol::H2], [Protocol::H2, Protocol::H1, Protocol::H2]];

/// Plays `plan` with these people against the gate at `address`, and says what became of it.
pub fn run(address: SocketAddr, people: Vec<Person>, plan: &Plan) -> Tally {
    let began = Instant::now();
    let tallies = Mutex::new(Tally::default());
    let people: Vec<_> = people.into_iter().map(Mutex::new).collect();
    thread::scope(|scope| {
        for (number, person) in people.iter().enumerate() {
            for (tab, protocol) in CONNECTIONS[number % CONNECTIONS.len()].into_iter().enumerate() {
                let (plan, tallies) = (*plan, &tallies);
                // Connections of one browser begin their bursts together, browsers one after another.
                let first = began + plan.pause * u32::try_from(number % 8).unwrap_or(0) / 8;
                scope.spawn(move || {
                    let tally = work(address, person, protocol, tab, first, &plan);
                    tallies.lock().expect("nobody panics with it in hand").add(tally);
                });
            }
        }
    });
    let mut tally = tallies.into_inner().expect("nobody panicked");
    tally.connections = people.len() * CONNECTIONS[0].len();
    tally.duration = began.elapsed();
    tally.people = people.into_iter().map(|one| one.into_inner().expect("no panic")).collect();
    tally
}

/// One connection of one browser.
fn work(
    address: SocketAddr,
    person: &Mutex<Person>,
    protocol: Protocol,
    tab: usize,
    first: Instant,
    plan: &Plan,
) -> Tally {
    let mut tally = Tally::default();
    let mut connection = Connection::open(address, protocol).ok();
    let (mut sent, mut next) = (tab, first);
    let end = first + plan.duration;
    let streams = if protocol == Protocol::H2 { STREAMS } else { 1 };
    while next < end {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let cookies: Vec<_> = (0..streams)
            .map(|_| {
                sent += 1;
                let late = (sent % LATE_EACH == 0).then_some((plan.late, sent / LATE_EACH));
                person.lock().expect("nobody panics with it in hand").cookie(late)
            })
            .collect();
        let requests: Vec<_> = cookies
            .iter()
            .map(|cookie| {
                let home = person.lock().expect("nobody panics with it in hand").home();
                Request::get("/load").fetch().host(&home).header("cookie", &cookie.line)
            })
            .collect();
        let Some(open) = connection.as_mut() else {
            tally.broken("no connection could be opened");
            break;
        };
        let answers = open.try_send_together(&requests);
        for (cookie, answer) in cookies.iter().zip(answers) {
            let mut person = person.lock().expect("nobody panics with it in hand");
            match answer {
                Ok(answer) => {
                    let outcome = person.outcome(cookie, &answer);
                    person.keep(&answer);
                    tally.count(outcome);
                }
                Err(problem) => {
                    tally.broken(&problem.to_string());
                    connection = Connection::open(address, protocol).ok();
                }
            }
        }
        // What took longer than the pause is not made up for: browsers wait, too.
        while next <= Instant::now() {
            next += plan.pause;
        }
    }
    tally
}
