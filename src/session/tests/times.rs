//! How long sessions live.

use std::time::Duration;

use super::browser::{NOW, config, session};
use crate::http::SameSite;
use crate::session::{Ended, Session};
use crate::wire::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

fn seen(seen: Timestamp) -> Session {
    Session { seen, ..session(0) }
}

#[test]
fn a_session_ends_when_idle_and_at_its_age() {
    let config = config(SameSite::Lax, 4);
    let almost = HOUR.saturating_sub(Duration::from_millis(1));
    assert_eq!(seen(NOW).ended(&config, NOW), None);
    assert_eq!(seen(NOW).ended(&config, NOW.plus(almost)), None);
    assert_eq!(seen(NOW).ended(&config, NOW.plus(HOUR)), Some(Ended::Idle));
    let late = NOW.plus(HOUR * 11).plus(almost);
    assert_eq!(seen(late).ended(&config, late), None);
    assert_eq!(seen(late).ended(&config, NOW.plus(HOUR * 12)), Some(Ended::MaxAge));
}

#[test]
fn a_clock_that_was_set_back_ends_nothing_and_one_that_was_wrong_does() {
    let config = config(SameSite::Lax, 4);
    assert_eq!(seen(NOW).ended(&config, NOW.minus(HOUR)), None);
    assert_eq!(seen(NOW).ended(&config, NOW.minus(HOUR * 13)), Some(Ended::MaxAge));
    for now in [i64::MIN, i64::MAX] {
        assert_eq!(seen(NOW).ended(&config, Timestamp::from_millis(now)), Some(Ended::MaxAge));
    }
}

#[test]
fn the_idle_time_slides_in_tenths() {
    let config = config(SameSite::Lax, 4);
    let minutes = |count: u64| Duration::from_secs(count * 60);
    assert!(!seen(NOW).should_touch(&config, NOW));
    assert!(!seen(NOW).should_touch(&config, NOW.plus(minutes(5))));
    assert!(seen(NOW).should_touch(&config, NOW.plus(minutes(6))));
    assert!(!seen(NOW).should_touch(&config, NOW.minus(minutes(5))));
    assert!(seen(NOW).should_touch(&config, NOW.minus(minutes(6))), "a clock set back");
}

#[test]
fn nothing_is_due_about_a_quiet_session_and_something_right_after() {
    let config = config(SameSite::Lax, 4);
    let moment = Duration::from_millis(1);
    let due = |session: &Session, now| {
        session.ended(&config, now).is_some() || session.should_touch(&config, now)
    };
    // Made just now, near its greatest age, and noted by clocks that were wrong.
    for minutes in [-800, -700, -10, 0, 10, 300, 700, 715, 720, 800] {
        let session = seen(Timestamp::from_millis(NOW.millis() + minutes * 60_000));
        let quiet = session.quiet(&config);
        if !quiet.is_empty() {
            assert!(!due(&session, quiet.start) && !due(&session, quiet.end.minus(moment)));
            assert!(due(&session, quiet.start.minus(moment)) && due(&session, quiet.end));
        }
        for step in -1_000..1_000 {
            let now = Timestamp::from_millis(NOW.millis() + step * 60_000);
            assert_eq!(quiet.contains(&now), !due(&session, now), "{minutes} {step}");
        }
    }
}
