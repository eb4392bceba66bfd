//! Keys roll without logging anyone out.

use super::browser::{Browser, HOST, Xorshift, cookies, jar, keys, read, session};
use crate::crypto::SealingKeys;
use crate::session::{Cookies, Session};

const OLD: u8 = 1;
const NEW: u8 = 2;

/// One instance of the gate: it reads, and writes what the first of its keys did not seal,
/// as it does whatever else it has to write.
struct Gate {
    cookies: Cookies,
    keys: SealingKeys,
    entropy: Xorshift,
}

impl Gate {
    fn new(bytes: &[u8]) -> Self {
        Self { cookies: cookies(), keys: keys(bytes), entropy: Xorshift(u64::from(bytes[0])) }
    }

    fn write(&mut self, browser: &mut Browser, session: &Session) {
        let line = browser.line();
        let jar = jar(&self.cookies, &line);
        let set =
            self.cookies.write_session(&self.keys, session, HOST, &jar, &mut self.entropy).unwrap();
        browser.apply(&set);
    }

    /// Whether there was a session, and whether it had to be sealed anew.
    fn serve(&mut self, browser: &mut Browser) -> Option<bool> {
        let (session, with_first_key) = self.read(browser)?;
        if !with_first_key {
            self.write(browser, &session);
        }
        Some(!with_first_key)
    }

    fn read(&self, browser: &Browser) -> Option<(Session, bool)> {
        read(&self.cookies, &self.keys, &browser.line())
    }
}

#[test]
fn two_gates_with_other_first_keys_serve_one_browser_in_turns() {
    // Several pieces as well: all of them are sealed anew, or none.
    for size in [400, 6000] {
        let (mut one, mut other) = (Gate::new(&[OLD, NEW]), Gate::new(&[NEW, OLD]));
        let mut browser = Browser::default();
        let session = session(size);
        one.write(&mut browser, &session);
        for _ in 0..3 {
            assert_eq!(one.serve(&mut browser), Some(false));
            assert_eq!(one.serve(&mut browser), Some(false));
            assert_eq!(other.serve(&mut browser), Some(true), "sealed anew once");
            assert_eq!(other.serve(&mut browser), Some(false));
            assert_eq!(one.serve(&mut browser), Some(true));
        }
        let (read, _) = one.read(&browser).unwrap();
        assert_eq!((read.id, read.created, read.seen), (session.id, session.created, session.seen));
        assert_eq!(read.id_token.raw().expose(), session.id_token.raw().expose());
    }
}

#[test]
fn the_old_key_can_go_once_its_sessions_were_written_anew() {
    let mut browser = Browser::default();
    // A fleet is changed in steps, and at each step an instance may still be at the one before.
    let mut steps = [&[OLD][..], &[OLD, NEW], &[NEW, OLD], &[NEW]].map(Gate::new);
    steps[0].write(&mut browser, &session(400));
    for later in 1..steps.len() {
        if later == 3 {
            assert!(steps[0].read(&browser).is_none(), "the new key seals by now");
        }
        for step in [later, later - 1, later] {
            assert!(steps[step].serve(&mut browser).is_some(), "at {later}, served by {step}");
        }
    }
    assert_eq!(steps[3].serve(&mut browser), Some(false));
}

#[test]
fn one_step_too_many_at_once_ends_the_session_and_nothing_else() {
    let (mut old, mut new) = (Gate::new(&[OLD]), Gate::new(&[NEW, OLD]));
    let mut browser = Browser::default();
    old.write(&mut browser, &session(400));
    assert_eq!(new.serve(&mut browser), Some(true));
    assert_eq!(old.serve(&mut browser), None);
    assert_eq!(new.serve(&mut browser), Some(false));
}

#[test]
fn what_is_handed_to_other_workers_says_which_key_sealed_it() {
    let session = session(400);
    let sealed = session.seal_for_workers(&keys(&[OLD, NEW]), b"turn", &mut Xorshift(3)).unwrap();
    let open = |bytes: &[u8], turn: &[u8]| Session::open_from_workers(&keys(bytes), turn, &sealed);
    assert!(open(&[OLD, NEW], b"turn").unwrap().1);
    let (handed, with_first_key) = open(&[NEW, OLD], b"turn").unwrap();
    assert!(!with_first_key);
    assert_eq!(handed.id_token.raw().expose(), session.id_token.raw().expose());
    assert!(open(&[NEW], b"turn").is_none());
    assert!(open(&[OLD], b"another turn").is_none());
}
