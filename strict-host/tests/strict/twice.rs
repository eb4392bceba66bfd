//! Nothing is done about a request after it was answered or let through, whatever fails.

use oidc_gate_strict_host::{Action, Fault, Misdeed, Outcome};

use super::browser::{Browser, Request};
use super::scene::{ENVOY, Scene, answered, forwarded, head};

/// The function's n-th call from now on fails.
pub(crate) fn fails(function: &'static str, at: usize) -> Fault {
    Fault { function, at, misdeed: Misdeed::Status(10) }
}

impl Scene {
    pub(crate) fn status(&mut self, stream: u32) -> Option<u32> {
        match self.vm.host().outcome(stream) {
            Some(Outcome::Answer(answer)) => Some(answer.status),
            Some(Outcome::Forward(_)) | None => None,
        }
    }
}

#[test]
fn a_request_that_waited_and_was_answered_503_is_not_answered_again() {
    let mut scene = Scene::cold(ENVOY);
    let stream = scene.arrive(&Browser::default().page("/"));
    scene.vm.tick(1);
    scene.deliver();
    // The answer's head is read, then the head of the request that may go on.
    scene.vm.host().set_faults(vec![fails("proxy_get_header_map_pairs", 2)]);
    scene.deliver();
    assert_eq!(scene.vm.host().happened(), 1);
    assert_eq!(scene.status(stream), Some(503));
    scene.pass(20);
}

#[test]
fn a_request_whose_header_cannot_be_set_is_answered_once() {
    for waits in [false, true] {
        let mut scene = Scene::new();
        let browser = scene.log_in();
        scene.jump(if waits { 310 } else { 0 });
        scene.vm.host().set_faults(vec![fails("proxy_replace_header_map_value", 1)]);
        let stream = scene.arrive(&browser.page("/"));
        assert_eq!(scene.status(stream).is_none(), waits);
        scene.settle();
        assert_eq!(scene.status(stream), Some(503));
        scene.pass(20);
    }
}

#[test]
fn a_request_that_cannot_be_resumed_yet_is_resumed_by_a_tick() {
    let mut scene = Scene::cold(ENVOY);
    let stream = scene.arrive(&Browser::default().page("/"));
    scene.vm.tick(1);
    scene.deliver();
    // To the stream, when the keys are there.
    scene.vm.host().set_faults(vec![fails("proxy_set_effective_context", 1)]);
    scene.deliver();
    assert_eq!((scene.vm.host().happened(), scene.status(stream)), (1, None));
    scene.vm.tick(1);
    assert_eq!(scene.status(stream), Some(302));
}

#[test]
fn a_number_that_comes_again_is_another_stream() {
    let mut scene = Scene::cold(ENVOY);
    let stream = scene.arrive(&Browser::default().page("/"));
    // Its end is never told.
    scene.vm.create(stream, 1);
    scene.vm.head(stream, head(&Request::new("GET", "/public")));
    assert!(matches!(scene.vm.host().outcome(stream), Some(Outcome::Forward(_))));
    scene.warm_up();
    scene.pass(20);
}

#[test]
fn a_number_that_comes_again_gets_no_cookie_of_the_stream_before() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    scene.jump(310);
    let stream = scene.arrive(&browser.page("/"));
    scene.settle();
    assert!(matches!(scene.vm.host().outcome(stream), Some(Outcome::Forward(_))));
    scene.vm.create(stream, 1);
    scene.vm.head(stream, head(&Request::new("GET", "/public")));
    let response = scene.vm.response(stream, head(&Request::new("GET", "/")));
    assert!(response.all("set-cookie").is_empty(), "{response:?}");
}

#[test]
fn a_head_that_is_told_twice_is_decided_once() {
    let mut scene = Scene::cold(ENVOY);
    let waits = scene.arrive(&Browser::default().page("/"));
    assert_eq!(scene.vm.head(waits, head(&Request::new("GET", "/public"))), Action::Continue);
    let denied = scene.arrive(&Request::new("GET", "/").and("connection", "x-user"));
    assert_eq!(scene.status(denied), Some(400));
    assert_eq!(scene.vm.head(denied, head(&Request::new("GET", "/public"))), Action::Pause);
    scene.warm_up();
    scene.pass(20);
}

#[test]
fn a_call_that_is_not_sent_leaves_the_host_at_its_stream() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    scene.jump(310);
    scene.vm.host().set_faults(vec![fails("proxy_http_call", 1)]);
    let stream = scene.arrive(&browser.page("/"));
    assert_eq!(scene.status(stream), Some(503));
}

#[test]
fn where_the_host_does_not_come_back_from_a_call_nothing_is_done_to_another_context() {
    for lost in [1, 2] {
        let mut scene = Scene::new();
        let browser = scene.log_in();
        scene.jump(310);
        let mut faults = vec![fails("proxy_http_call", 1)];
        faults.extend((2..2 + lost).map(|at| fails("proxy_set_effective_context", at)));
        scene.vm.host().set_faults(faults);
        let stream = scene.arrive(&browser.page("/"));
        assert_eq!(scene.vm.host().happened(), 1 + lost);
        // It is tried once more; then the host keeps the request.
        assert_eq!(scene.status(stream), (lost == 1).then_some(503));
        scene.pass(20);
    }
}

#[test]
fn a_call_that_was_sent_is_waited_for_wherever_the_host_is() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    scene.jump(310);
    scene.vm.host().set_faults(vec![fails("proxy_set_effective_context", 2)]);
    let upstream = forwarded(scene.load(&mut browser, "/"));
    assert_eq!((upstream.all("x-user"), scene.provider.thefts), (vec!["alice"], 0));
    assert_eq!(scene.vm.host().happened(), 1);
}

#[test]
fn a_request_that_is_gone_without_a_word_is_not_acted_on() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    scene.jump(310);
    let [gone, stays] = [(); 2].map(|()| scene.arrive(&browser.page("/")));
    scene.vm.host().lose(gone);
    scene.settle();
    scene.pass(20);
    assert!(matches!(scene.vm.host().outcome(stays), Some(Outcome::Forward(_))));
    assert_eq!(answered(scene.send(&Request::new("GET", "/api"))).status, 401);
}
