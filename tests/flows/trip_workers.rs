//! Renewals of a trip's token on several workers of a process.

use serde_json::json;

use super::browser::Browser;
use super::process::Process;
use super::trip::trip;
use super::trip_faults::early;

/// Two workers that have the token of a trip, and a provider that gives the same one till it ends,
/// with another refresh token each time; it is time to renew it.
fn same_token_on_two_workers() -> (Process, Browser) {
    let mut process = Process::with(&[early(), early()]);
    let scene = process.at(0);
    let now = scene.host.now.seconds();
    scene.provider.lifetime = 9_000;
    let mut browser = scene.log_in();
    scene.provider.narrowed = json!({"iat": now, "exp": now + 400, "jti": "same"});
    trip(scene, &mut browser, "/good");
    served_by(&mut process, 0, &mut browser);
    served_by(&mut process, 1, &mut browser);
    process.jump(300);
    (process, browser)
}

fn served_by(process: &mut Process, worker: usize, browser: &mut Browser) {
    let stream = process.at(worker).arrive(&browser.fetch("GET", "/good"));
    process.settle();
    browser.take(&process.upstream(worker, stream).set_cookies);
}

#[test]
fn the_same_token_with_another_refresh_token_is_the_newer_one_on_every_worker() {
    // Both with the old cookie; the first answer never gets to the browser.
    let (mut process, mut browser) = same_token_on_two_workers();
    served_by(&mut process, 0, &mut browser.clone());
    served_by(&mut process, 1, &mut browser);
    process.pass(65);
    served_by(&mut process, 1, &mut browser);
    assert_eq!(process.thefts(), 0);
    // The second hears of it by the cookie, and much later.
    let (mut process, mut browser) = same_token_on_two_workers();
    served_by(&mut process, 0, &mut browser);
    process.pass(65);
    served_by(&mut process, 1, &mut browser);
    assert_eq!(process.thefts(), 0);
}
