//! [`Worker::take_over`]: another configuration while requests wait and calls are under way.

use oidc_gate::gate::Worker;
use serde_json::{Value, json};

use super::browser::Browser;
use super::host::Endpoint;
use super::scene::{Scene, config};
use super::steps::left;

impl Scene {
    /// The configuration changes under whoever waits.
    fn change(&mut self, changes: Value) {
        self.printed.push(format!("{:?}", self.worker));
        let old = std::mem::replace(&mut self.worker, Worker::new(config(&changes)));
        self.worker.take_over(old);
    }
}

#[test]
fn who_waits_when_the_configuration_changes_is_decided_by_the_new_one() {
    let mut scene = Scene::cold(json!({}));
    scene.tick();
    let open = scene.arrive(&Browser::default().page("/public-now"));
    let closed = scene.arrive(&Browser::default().fetch("GET", "/api"));
    assert!(scene.outcome(open).is_none() && scene.outcome(closed).is_none());
    scene.change(json!({"rules": [{"match": {"path": "/public-now"}, "access": "public"}]}));
    // The old worker's fetch is answered: nobody asked for it.
    scene.deliver();
    assert!(scene.outcome(open).is_none() && !scene.worker.ready());
    scene.tick();
    scene.outcome(open).unwrap().upstream();
    assert!(scene.outcome(closed).is_none(), "it waits for the provider again");
    scene.settle();
    assert_eq!(scene.outcome(closed).unwrap().answer().status, 401);
}

#[test]
fn who_waits_gets_no_more_time_by_a_change_of_the_configuration() {
    let mut scene = Scene::cold(json!({}));
    scene.host.not_taken.push(Endpoint::Discovery);
    let stream = scene.arrive(&Browser::default().page("/"));
    scene.pass(8);
    scene.change(json!({}));
    scene.pass(3);
    assert!(scene.outcome(stream).is_none());
    scene.pass(1);
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
}

/// What a refresh made is remembered under both configurations; what was found of it is not.
#[test]
fn tokens_that_were_good_by_the_configuration_before_are_judged_by_the_new_one() {
    let (mut scene, mut browser) = left(-10);
    let old = browser.clone();
    scene.visit(&mut browser, "/").upstream();
    for _ in 0..2 {
        scene.send(&old.fetch("GET", "/api")).upstream();
    }
    let narrower = json!({"access_token": {"audiences": ["billing"]}});
    for (changes, status) in [(narrower, 403), (json!({}), 200)] {
        scene.change(changes);
        scene.warm_up();
        for browser in [&old, &browser] {
            let outcome = scene.send(&browser.fetch("GET", "/api"));
            match status {
                200 => drop(outcome.upstream()),
                status => assert_eq!(outcome.answer().status, status),
            }
        }
    }
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn a_refresh_that_is_under_way_when_the_configuration_changes_is_spent_once_and_kept() {
    let (mut scene, browser) = left(-10);
    let stream = scene.arrive(&browser.page("/"));
    assert_eq!((scene.token_calls(), scene.host.pending.len()), (2, 1));
    scene.change(json!({"upstream": {"headers": {"x-login": "preferred_username"}}}));
    // The answer is there before the keys are.
    scene.deliver();
    assert!(scene.outcome(stream).is_none());
    scene.tick();
    scene.settle();
    let upstream = scene.outcome(stream).unwrap().upstream();
    assert_eq!((upstream.all("x-login"), upstream.set_cookies.len()), (vec!["alice"], 1));
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn an_outcome_from_before_the_change_goes_upstream_as_the_new_configuration_says() {
    let (mut scene, browser) = left(-10);
    scene.send(&browser.page("/")).upstream();
    scene.change(json!({"upstream": {"headers": {"x-login": "preferred_username"}}}));
    scene.warm_up();
    let upstream = scene.send(&browser.page("/")).upstream();
    assert_eq!(upstream.all("x-login"), ["alice"]);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn another_clients_configuration_takes_no_turn_over() {
    let (mut scene, browser) = left(-10);
    let stream = scene.arrive(&browser.page("/"));
    scene.host.log.clear();
    scene.change(json!({"client": {"client_id": "another"}}));
    // The answer to the old client's refresh is nobody's.
    scene.deliver();
    scene.tick();
    assert!(scene.outcome(stream).is_none(), "it waits for the provider");
    scene.settle();
    assert!(scene.outcome(stream).is_some());
    assert!(!scene.host.logged(&["decision=tokens_"]), "{:?}", scene.host.log);
}
