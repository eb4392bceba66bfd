//! Two workers and one memory: who gets the turn, and what the other hears.
#![allow(clippy::arithmetic_side_effects, reason = "a test counts by hand")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::crypto::{Entropy, NoEntropy};
use crate::jose::{PureRust, SignatureBackend};
use crate::provider::HttpCall;

use super::*;
use crate::gate::{CallId, Level, Line, NotSent};

const LEASE: Duration = Duration::from_secs(6);
const ID: TurnId = TurnId { session: [7; 16], token: [1; 32] };

#[derive(Default)]
struct Memory {
    values: BTreeMap<String, (Vec<u8>, u32)>,
    version: u32,
    woken: Vec<(u32, Vec<u8>)>,
    /// Writes that another worker gets in before.
    races: usize,
}

struct Worker {
    memory: Rc<RefCell<Memory>>,
    queue: Option<u32>,
    now: Timestamp,
    random: u8,
}

impl Entropy for Worker {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.random = self.random.wrapping_add(1);
        bytes.fill(self.random);
        Ok(())
    }
}

impl Host for Worker {
    fn now(&self) -> Timestamp {
        self.now
    }
    fn dispatch(&mut self, _: &HttpCall) -> Result<CallId, NotSent> {
        Err(NotSent)
    }
    fn shared(&mut self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NoSharedData> {
        Ok(self.memory.borrow().values.get(key).cloned())
    }
    fn share(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<bool, NoSharedData> {
        let mut memory = self.memory.borrow_mut();
        if memory.races > 0 {
            memory.races = memory.races.saturating_sub(1);
            return Ok(false);
        }
        let found = match memory.values.get(key) {
            Some((_, version)) => Expected::Version(*version),
            None => Expected::Absent,
        };
        if found == expected {
            memory.version = memory.version.saturating_add(1);
            let version = memory.version;
            memory.values.insert(key.to_owned(), (value.to_vec(), version));
        }
        Ok(found == expected)
    }
    fn queue(&self) -> Option<u32> {
        self.queue
    }
    fn wake(&mut self, queue: u32, message: &[u8]) {
        self.memory.borrow_mut().woken.push((queue, message.to_vec()));
    }
    fn signatures(&self) -> &dyn SignatureBackend {
        &PureRust
    }
    fn logs(&self, _: Level) -> bool {
        false
    }
    fn log(&mut self, _: Level, _: &Line<'_>) {}
}

fn workers() -> (Cells, Worker, Worker, Rc<RefCell<Memory>>) {
    let memory = Rc::new(RefCell::new(Memory::default()));
    let worker = |queue| Worker {
        memory: Rc::clone(&memory),
        queue: Some(queue),
        now: Timestamp::from_seconds(1_000),
        random: u8::try_from(queue).unwrap(),
    };
    (Cells { prefix: "test/".to_owned() }, worker(10), worker(20), Rc::clone(&memory))
}

fn nonce_of(claim: Claim) -> u64 {
    match claim {
        Claim::Mine(nonce) => nonce,
        other => panic!("not the turn: {other:?}"),
    }
}

#[test]
fn one_worker_gets_the_turn_and_the_other_is_woken_with_the_outcome() {
    let (cells, mut one, mut two, memory) = workers();
    nonce_of(cells.claim(&mut one, &ID, LEASE));
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Elsewhere);
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Elsewhere);
    cells.publish(&mut one, &ID, 0, &Outcome::Done(b"sealed".to_vec()));
    assert_eq!(memory.borrow().woken, [(20, ID.message())], "woken once");
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Done(b"sealed".to_vec()));
}

#[test]
fn the_old_cookie_finds_the_new_session_for_a_minute() {
    let (cells, mut one, mut two, _) = workers();
    nonce_of(cells.claim(&mut one, &ID, LEASE));
    cells.publish(&mut one, &ID, 0, &Outcome::Done(b"sealed".to_vec()));
    two.now = two.now.plus(Duration::from_secs(59));
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Done(b"sealed".to_vec()));
    two.now = two.now.plus(Duration::from_secs(1));
    nonce_of(cells.claim(&mut two, &ID, LEASE));
}

#[test]
fn a_worker_that_died_holds_the_session_up_no_longer_than_its_lease() {
    let (cells, mut one, mut two, _) = workers();
    nonce_of(cells.claim(&mut one, &ID, LEASE));
    two.now = two.now.plus(Duration::from_millis(5_999));
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Elsewhere);
    two.now = two.now.plus(Duration::from_millis(1));
    nonce_of(cells.claim(&mut two, &ID, LEASE));
}

#[test]
fn a_holder_that_needs_more_time_keeps_its_turn() {
    let (cells, mut one, mut two, _) = workers();
    let nonce = nonce_of(cells.claim(&mut one, &ID, LEASE));
    one.now = one.now.plus(Duration::from_secs(5));
    cells.extend(&mut one, &ID, nonce, LEASE);
    cells.extend(&mut one, &ID, nonce + 1, Duration::from_secs(200));
    two.now = two.now.plus(Duration::from_secs(10));
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Elsewhere);
    two.now = two.now.plus(Duration::from_secs(1));
    nonce_of(cells.claim(&mut two, &ID, LEASE));
}

#[test]
fn a_logout_wins_over_a_refresh_that_is_under_way_or_done() {
    let (cells, mut one, mut two, memory) = workers();
    let other = TurnId { token: [2; 32], ..ID };
    let stranger = TurnId { session: [7, 7, 9, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7], ..ID };
    nonce_of(cells.claim(&mut one, &other, LEASE));
    cells.publish(&mut one, &other, 0, &Outcome::Done(b"sealed".to_vec()));
    nonce_of(cells.claim(&mut one, &stranger, LEASE));
    nonce_of(cells.claim(&mut one, &ID, LEASE));
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Elsewhere);
    cells.end(&mut two, ID.session);
    assert_eq!(memory.borrow().woken, [(20, ID.message())]);
    let stands = cells.publish(&mut one, &ID, 0, &Outcome::Done(b"too late".to_vec()));
    assert_eq!(stands, Claim::Ended);
    for turn in [ID, other, TurnId { token: [3; 32], ..ID }] {
        assert_eq!(cells.claim(&mut one, &turn, LEASE), Claim::Ended);
    }
    assert_eq!(cells.claim(&mut two, &stranger, LEASE), Claim::Elsewhere, "another session");
}

#[test]
fn a_success_is_told_even_when_the_lease_was_taken_over_and_a_failure_never_replaces_it() {
    let (cells, mut one, mut two, _) = workers();
    nonce_of(cells.claim(&mut one, &ID, LEASE));
    one.now = one.now.plus(LEASE);
    two.now = one.now;
    nonce_of(cells.claim(&mut two, &ID, LEASE));
    cells.publish(&mut one, &ID, 0, &Outcome::Done(b"sealed".to_vec()));
    let stands = cells.publish(&mut two, &ID, 0, &Outcome::Failed);
    assert_eq!(stands, Claim::Done(b"sealed".to_vec()));
    assert_eq!(cells.publish(&mut two, &ID, 0, &Outcome::Ended), Claim::Done(b"sealed".to_vec()));
}

#[test]
fn a_failure_keeps_others_from_calling_for_a_second() {
    let (cells, mut one, mut two, _) = workers();
    let nonce = nonce_of(cells.claim(&mut one, &ID, LEASE));
    cells.publish(&mut one, &ID, nonce, &Outcome::Failed);
    assert_eq!(cells.claim(&mut two, &ID, LEASE), Claim::Failed);
    two.now = two.now.plus(COOLDOWN);
    nonce_of(cells.claim(&mut two, &ID, LEASE));
}

#[test]
fn a_cell_that_others_change_is_tried_again_and_not_for_ever() {
    let (cells, mut one, _, memory) = workers();
    memory.borrow_mut().races = TRIES - 1;
    nonce_of(cells.claim(&mut one, &ID, LEASE));
    memory.borrow_mut().races = TRIES;
    assert_eq!(cells.claim(&mut one, &TurnId { session: [8; 16], ..ID }, LEASE), Claim::Failed);
}

#[test]
fn without_a_queue_or_shared_data_a_worker_is_alone() {
    let (cells, mut one, _, _) = workers();
    one.queue = None;
    assert_eq!(cells.claim(&mut one, &ID, LEASE), Claim::Alone);
}

#[test]
fn a_failure_of_whoever_was_too_slow_does_not_end_the_lease_of_the_next() {
    let (cells, mut one, mut two, memory) = workers();
    let late = nonce_of(cells.claim(&mut one, &ID, LEASE));
    one.now = one.now.plus(LEASE);
    two.now = one.now;
    let nonce = nonce_of(cells.claim(&mut two, &ID, LEASE));
    for outcome in [Outcome::Failed, Outcome::Ended] {
        assert_eq!(cells.publish(&mut one, &ID, late, &outcome), Claim::Elsewhere);
    }
    assert_eq!(cells.claim(&mut one, &ID, LEASE), Claim::Elsewhere, "no second call");
    cells.publish(&mut two, &ID, nonce, &Outcome::Done(b"sealed".to_vec()));
    assert_eq!(memory.borrow().woken, [(10, ID.message())]);
    assert_eq!(cells.claim(&mut one, &ID, LEASE), Claim::Done(b"sealed".to_vec()));
}

#[test]
fn a_success_replaces_an_end_that_was_no_logout() {
    let (cells, mut one, _, _) = workers();
    let nonce = nonce_of(cells.claim(&mut one, &ID, LEASE));
    cells.publish(&mut one, &ID, nonce, &Outcome::Ended);
    let done = Outcome::Done(b"sealed".to_vec());
    assert_eq!(cells.publish(&mut one, &ID, nonce, &done), Claim::Done(b"sealed".to_vec()));
}

#[test]
fn logins_that_fail_push_no_refresh_and_no_logout_out_of_a_cell() {
    let (cells, mut one, mut two, _) = workers();
    let turn = |number: u8| TurnId { session: [7; 16], token: [number; 32] };
    let holder = nonce_of(cells.claim(&mut one, &turn(200), LEASE));
    let done = nonce_of(cells.claim(&mut one, &turn(201), LEASE));
    cells.publish(&mut one, &turn(201), done, &Outcome::Done(b"sealed".to_vec()));
    for number in 1..=150 {
        let nonce = nonce_of(cells.claim(&mut two, &turn(number), LEASE));
        cells.publish(&mut two, &turn(number), nonce, &Outcome::Ended);
    }
    assert_eq!(cells.claim(&mut two, &turn(200), LEASE), Claim::Elsewhere);
    assert_eq!(cells.claim(&mut two, &turn(201), LEASE), Claim::Done(b"sealed".to_vec()));
    let sealed = Outcome::Done(b"too".to_vec());
    assert_eq!(cells.publish(&mut one, &turn(200), holder, &sealed), Claim::Done(b"too".to_vec()));
}

#[test]
fn a_turn_that_was_taken_or_a_logout_is_seen_by_whoever_would_write_an_older_cookie() {
    let (cells, mut one, mut two, _) = workers();
    assert!(!cells.taken(&mut two, &ID));
    let nonce = nonce_of(cells.claim(&mut one, &ID, LEASE));
    assert!(cells.taken(&mut two, &ID), "a refresh is under way");
    cells.publish(&mut one, &ID, nonce, &Outcome::Failed);
    assert!(!cells.taken(&mut two, &ID), "it came to nothing");
    cells.end(&mut one, ID.session);
    assert!(cells.taken(&mut two, &ID) && cells.logged_out(&mut two, ID.session));
}
