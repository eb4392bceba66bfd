//! Logins in progress: one cookie each, few, short-lived, used once.

use std::time::Duration;

use super::browser::{
    Broken, Browser, HOST, NAME, NOW, Xorshift, config, cookies, jar, keys, login,
};
use crate::crypto::{NoEntropy, Secret};
use crate::http::{LocalPath, SameSite};
use crate::session::transaction::{login_binding, suffix};
use crate::session::{Cookies, LOGIN_LIFETIME, MAX_LOGINS, sealed};
use crate::wire::Timestamp;

fn begin(browser: &mut Browser, state: &str, now: Timestamp) {
    let (cookies, line) = (cookies(), browser.line());
    let mut entropy = Xorshift(now.millis().unsigned_abs());
    let set = cookies
        .write_transaction(
            &keys(&[1]),
            &login(state, now),
            HOST,
            &jar(&cookies, &line),
            now,
            &mut entropy,
        )
        .unwrap();
    browser.apply(&set);
}

/// Whether a callback with `state` finds its login.
fn end(browser: &mut Browser, state: &str, now: Timestamp) -> bool {
    let (cookies, line) = (cookies(), browser.line());
    let (login, removals) =
        cookies.take_transaction(&keys(&[1]), state, &jar(&cookies, &line), HOST, now);
    browser.apply(&removals);
    login.is_some_and(|login| login.state.equals(state))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_login_comes_back_as_it_was_and_once() {
    let (cookies, mut browser) = (cookies(), Browser::default());
    begin(&mut browser, "state", NOW);
    let line = browser.line();
    let (found, _) =
        cookies.take_transaction(&keys(&[1]), "state", &jar(&cookies, &line), HOST, NOW);
    let (found, written) = (found.unwrap(), login("state", NOW));
    assert!(found.nonce.equals("nonce") && found.verifier.equals("verifier"));
    assert_eq!(found.return_to.as_str(), written.return_to.as_str());
    assert_eq!(found.redirect_uri, written.redirect_uri);
    assert_eq!((found.created, found.attempts), (NOW, 2));

    assert!(!end(&mut browser, "another", NOW));
    assert_eq!(browser.0.len(), 1, "a wrong state leaves the login alone");
    assert!(end(&mut browser, "state", NOW));
    assert!(browser.0.is_empty());
    assert!(!end(&mut browser, "state", NOW));
}

#[test]
fn a_login_brought_under_another_ones_name_does_not_open() {
    let (cookies, mut browser) = (cookies(), Browser::default());
    begin(&mut browser, "one", NOW);
    begin(&mut browser, "other", NOW);
    let mut values: Vec<_> = browser.0.values().cloned().collect();
    values.reverse();
    for (place, value) in browser.0.values_mut().zip(values) {
        *place = value;
    }
    let line = browser.line();
    for state in ["one", "other"] {
        let jar = jar(&cookies, &line);
        let (found, removals) = cookies.take_transaction(&keys(&[1]), state, &jar, HOST, NOW);
        assert!(found.is_none());
        assert_eq!(removals.len(), 1, "what is no use goes");
    }
}

#[test]
fn the_state_itself_is_compared_not_the_name_made_of_it() {
    // As if two states had the same name: sealed for "other" under the name of "one".
    let (cookies, keys) = (cookies(), keys(&[1]));
    let name = cookies.login_name(&suffix("one"));
    for (state, found) in [("one", true), ("other", false), ("On\u{0}", false)] {
        let record = login(state, NOW).record("/");
        let text = sealed::seal(&keys, login_binding(&name, HOST), &record, &mut Xorshift(4));
        let line = format!("{name}={}", text.unwrap());
        let (login, removals) =
            cookies.take_transaction(&keys, "one", &jar(&cookies, &line), HOST, NOW);
        assert_eq!((login.is_some(), removals.len()), (found, 1));
    }
}

#[test]
fn two_tabs_do_not_disturb_each_other() {
    let mut browser = Browser::default();
    begin(&mut browser, "one", NOW);
    begin(&mut browser, "two", NOW);
    assert!(end(&mut browser, "one", NOW));
    assert!(end(&mut browser, "two", NOW));
}

#[test]
fn five_at_once_and_the_oldest_goes() {
    let mut browser = Browser::default();
    for number in 0..12 {
        begin(&mut browser, &format!("s{number}"), NOW.plus(seconds(number)));
        assert!(browser.0.len() <= MAX_LOGINS);
    }
    let now = NOW.plus(seconds(12));
    for number in 0..12 {
        assert_eq!(end(&mut browser, &format!("s{number}"), now), number >= 7, "s{number}");
    }
    assert!(browser.0.is_empty());
}

#[test]
fn what_does_not_open_or_has_expired_goes_before_the_oldest() {
    let mut browser = Browser::default();
    begin(&mut browser, "expired", NOW.minus(seconds(601)));
    for number in 0..4 {
        begin(&mut browser, &format!("s{number}"), NOW.minus(seconds(599)).plus(seconds(number)));
    }
    browser.0.insert(format!("{NAME}.login.0000000000"), "noise".to_owned());
    assert_eq!(browser.0.len(), 6);
    begin(&mut browser, "new", NOW);
    assert_eq!(browser.0.len(), 5);
    for state in ["s0", "s1", "s2", "s3", "new"] {
        assert!(end(&mut browser, state, NOW), "{state}");
    }
}

#[test]
fn a_login_lives_ten_minutes_by_a_clock_that_may_jump() {
    let found = |created: Timestamp, now: Timestamp| {
        let mut browser = Browser::default();
        begin(&mut browser, "s", created);
        end(&mut browser, "s", now)
    };
    assert!(found(NOW, NOW.plus(seconds(599))));
    assert!(!found(NOW, NOW.plus(LOGIN_LIFETIME)));
    assert!(found(NOW, NOW.minus(seconds(300))), "clocks of two workers");
    assert!(!found(NOW, NOW.minus(seconds(301))));
    assert!(!found(NOW, NOW.minus(seconds(3600))), "set back an hour");
    assert!(!found(NOW, Timestamp::from_millis(i64::MIN)));
    assert!(!found(NOW, Timestamp::from_millis(i64::MAX)));
    assert!(!found(Timestamp::from_millis(i64::MAX), NOW));
    assert!(!found(Timestamp::from_millis(i64::MIN), NOW));

    let mut browser = Browser::default();
    begin(&mut browser, "before", NOW);
    begin(&mut browser, "after", NOW.minus(seconds(3600)));
    assert_eq!(browser.0.len(), 1, "a new login begins and the old one is out of the way");
    assert!(end(&mut browser, "after", NOW.minus(seconds(3590))));
}

#[test]
fn its_cookie_is_lax_even_where_the_session_is_strict() {
    let strict = Cookies::new(&config(SameSite::Strict, 4));
    let set = strict
        .write_transaction(
            &keys(&[1]),
            &login("s", NOW),
            HOST,
            &jar(&strict, ""),
            NOW,
            &mut Xorshift(3),
        )
        .unwrap();
    assert_eq!((set[0].same_site, set[0].secure), (SameSite::Lax, true));
    assert_eq!(set[0].max_age, Some(seconds(600)));
    assert_eq!(set[0].removal().same_site, SameSite::Lax);
}

#[test]
fn the_longest_way_back_fits_and_what_does_not_fit_is_left_out() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let longest = format!("/{}", "p".repeat(2047));
    for (redirect_uri, return_to) in [(60, longest.as_str()), (900, "/")] {
        let mut login = login(&"s".repeat(43), NOW);
        login.nonce = Secret::new("n".repeat(43));
        login.verifier = Secret::new("v".repeat(43));
        login.return_to = LocalPath::parse(longest.as_bytes()).unwrap();
        login.redirect_uri = "r".repeat(redirect_uri);
        let set = cookies
            .write_transaction(&keys, &login, HOST, &jar(&cookies, ""), NOW, &mut Xorshift(3))
            .unwrap();
        let mut browser = Browser::default();
        browser.apply(&set);
        let line = browser.line();
        let jar = jar(&cookies, &line);
        let (found, _) = cookies.take_transaction(&keys, login.state.expose(), &jar, HOST, NOW);
        assert_eq!(found.unwrap().return_to.as_str(), return_to);
    }
}

#[test]
fn no_login_begins_without_randomness() {
    let cookies = cookies();
    let result = cookies.write_transaction(
        &keys(&[1]),
        &login("s", NOW),
        HOST,
        &jar(&cookies, ""),
        NOW,
        &mut Broken,
    );
    assert!(matches!(result, Err(NoEntropy)));
}
