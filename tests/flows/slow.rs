//! Responses that come late: a cookie that was decided on earlier must not undo what came since.

use oidc_gate::gate::Stamp;

use super::browser::Browser;
use super::scene::{Scene, Upstream};
use super::steps::{left, load};

/// A request that had the session refreshed, and whose response is still to come.
fn refreshed(scene: &mut Scene, browser: &Browser) -> Upstream {
    let upstream = scene.send(&browser.page("/report")).upstream();
    assert!(!upstream.set_cookies.is_empty());
    upstream
}

fn holds(scene: &mut Scene, stamp: Option<Stamp>) -> bool {
    scene.worker.still_holds(&mut scene.host, &stamp.unwrap())
}

#[test]
fn a_response_in_good_time_brings_its_cookies() {
    let (mut scene, browser) = left(10);
    let report = refreshed(&mut scene, &browser);
    assert!(holds(&mut scene, report.stamp));
    scene.pass(59);
    assert!(holds(&mut scene, report.stamp));
}

#[test]
fn a_response_that_comes_after_the_logout_does_not_bring_the_session_back() {
    let (mut scene, mut browser) = left(10);
    let report = refreshed(&mut scene, &browser);
    // The other tab has the new session already, and logs out.
    load(&mut scene, &mut browser);
    let page = browser.page("/oauth2/logout");
    scene.load(&mut browser, &page).answer();
    assert!(!holds(&mut scene, report.stamp));
}

#[test]
fn a_response_that_comes_after_the_next_refresh_does_not_bring_a_spent_refresh_token_back() {
    let (mut scene, mut browser) = left(10);
    let report = refreshed(&mut scene, &browser);
    load(&mut scene, &mut browser);
    scene.jump(295);
    load(&mut scene, &mut browser);
    assert_eq!(scene.token_calls(), 3, "the login and two refreshes");
    assert!(!holds(&mut scene, report.stamp));
}

#[test]
fn a_response_that_nobody_can_judge_any_more_brings_no_cookies() {
    let (mut scene, browser) = left(10);
    let report = refreshed(&mut scene, &browser);
    scene.pass(60);
    assert!(!holds(&mut scene, report.stamp));
    scene.jump(-3_600);
    assert!(!holds(&mut scene, report.stamp), "a clock that was set back decides nothing");
}
