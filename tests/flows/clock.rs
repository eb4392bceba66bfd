//! A clock that jumps, back and forward: what it breaks, and what it must not.

use serde_json::json;

use super::browser::Browser;
use super::host::Endpoint;
use super::provider::Fault;
use super::scene::Scene;
use super::steps::{CALLBACK, left, load, needing, to_provider};

#[test]
fn a_clock_that_jumps_back_an_hour_breaks_no_session_and_no_memory() {
    let (mut scene, mut browser) = left(-10);
    let old = browser.clone();
    load(&mut scene, &mut browser);
    scene.jump(-3_600);
    scene.tick();
    // Sessions go on: their tokens were issued in what is now the future.
    load(&mut scene, &mut browser);
    scene.send(&old.fetch("GET", "/api")).upstream();
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
    scene.pass(61);
    load(&mut scene, &mut browser);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn a_clock_that_jumps_back_during_a_refresh_ends_neither_the_wait_nor_the_turn() {
    let (mut scene, mut browser) = left(-10);
    let stream = scene.arrive(&browser.page("/"));
    scene.jump(-100);
    scene.tick();
    assert!(scene.outcome(stream).is_none());
    scene.jump(100);
    scene.settle();
    let outcome = scene.outcome(stream).unwrap();
    browser.take(outcome.set_cookies());
    assert_eq!(outcome.set_cookies().len(), 1);
    load(&mut scene, &mut browser);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn a_clock_that_jumps_back_keeps_no_failure_for_that_long() {
    let mut scene = Scene::with(json!({"session": {"idle_timeout": "3h"}}));
    let mut browser = scene.log_in();
    scene.jump(4_000);
    scene.provider.fail(Endpoint::Token, Fault::Status(503));
    assert_eq!(scene.send(&browser.page("/")).answer().status, 503);
    // The token is over by this clock, too.
    scene.jump(-3_600);
    scene.pass(3);
    load(&mut scene, &mut browser);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0));
}

#[test]
fn a_clock_that_jumps_back_does_not_bring_back_who_logged_out() {
    let (mut scene, browser) = left(200);
    scene.send(&browser.page("/oauth2/logout")).answer();
    scene.jump(-3_600);
    scene.tick();
    assert_eq!(scene.send(&browser.fetch("GET", "/api")).answer().status, 401);
}

#[test]
fn a_clock_that_jumps_forward_refreshes_and_goes_on() {
    let (mut scene, mut browser) = left(200);
    scene.jump(3_000);
    scene.tick();
    assert_eq!(load(&mut scene, &mut browser).set_cookies.len(), 1);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}
#[test]
fn a_clock_that_jumps_back_keeps_nobody_waiting_for_that_long() {
    let mut warm = Scene::new();
    let requests = needing(&mut warm);
    let mut scene = Scene::cold(json!({}));
    let streams: Vec<_> = requests.iter().map(|request| scene.arrive(request)).collect();
    for _ in 0..3 {
        scene.provider.fail(Endpoint::Discovery, Fault::Silence);
    }
    scene.pass(2);
    scene.jump(-3_600);
    scene.pass(10);
    // Nor does it throw anybody out.
    assert!(streams.iter().all(|stream| scene.outcome(*stream).is_none()));
    scene.pass(3);
    for stream in streams {
        assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
    }
}

#[test]
fn a_clock_that_jumps_back_does_not_end_a_login_that_waits_for_its_tokens() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/x");
    let stream = scene.arrive(&browser.page(&format!("{CALLBACK}?{query}")));
    scene.jump(-1);
    scene.tick();
    assert!(scene.outcome(stream).is_none());
    scene.settle();
    assert_eq!(scene.outcome(stream).unwrap().answer().location(), "https://app.example/x");
}

#[test]
fn a_clock_that_jumps_forward_ends_waits_and_nothing_else() {
    let mut scene = Scene::cold(json!({}));
    let stream = scene.arrive(&Browser::default().page("/"));
    scene.tick();
    scene.jump(3_600);
    scene.tick();
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
    scene.pass(2);
    scene.settle();
    assert!(scene.worker.ready());
    assert!(to_provider(&scene.send(&Browser::default().page("/")).answer()));
}
