//! Callbacks that nobody expects.

use oidc_gate_strict_host::{Action, Call, Head, Outcome, Process, State, Vm};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::browser::Request;
use super::scene::{ENVOY, ROOT, Scene, forwarded, head};

#[test]
fn before_a_configuration_nothing_passes_and_nothing_stops_the_vm() {
    let process = Rc::new(RefCell::new(Process::default()));
    let mut vm = Vm::new(State::new(ENVOY, &process, 1));
    vm.tick(ROOT);
    vm.queue_ready(ROOT, 1);
    let call = Call { number: 9, root: ROOT, headers: BTreeMap::new(), body: Vec::new() };
    vm.answer(&call, Head::default(), 0, b"");
    let stream = vm.number();
    vm.create(stream, ROOT);
    assert_eq!(vm.head(stream, head(&Request::new("GET", "/public"))), Action::Pause);
    assert!(
        matches!(vm.host().outcome(stream), Some(Outcome::Answer(answer)) if answer.status == 503)
    );
}

#[test]
fn a_body_before_its_head_waits_for_it() {
    let mut scene = Scene::new();
    let stream = scene.vm.number();
    scene.vm.create(stream, ROOT);
    assert_eq!(scene.vm.body(stream), Action::Pause);
    assert_eq!(scene.vm.head(stream, head(&Request::new("GET", "/public"))), Action::Continue);
    assert_eq!(scene.vm.body(stream), Action::Continue);
}

#[test]
fn a_stream_that_was_never_announced_is_answered_once() {
    let mut scene = Scene::new();
    let stream = scene.vm.unannounced(Head::default());
    assert_eq!(scene.vm.body(stream), Action::Pause);
    for _ in 0..2 {
        assert_eq!(scene.vm.head(stream, head(&Request::new("GET", "/public"))), Action::Pause);
        assert_eq!(scene.status(stream), Some(503));
    }
    let other = scene.vm.unannounced(Head::default());
    assert!(scene.vm.response(other, Head::default()).all("set-cookie").is_empty());
}

#[test]
fn what_ends_twice_or_never_began_ends_nothing_else() {
    let mut scene = Scene::new();
    let stream = scene.arrive(&Request::new("GET", "/public"));
    for context in [stream, stream, 7_777] {
        scene.vm.delete(context);
    }
    forwarded(scene.send(&Request::new("GET", "/public")));
}

#[test]
fn answers_to_calls_that_nobody_made_and_messages_of_garbage_are_nothing() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    for number in [0, 1, u32::MAX] {
        let call = Call { number, root: ROOT, headers: BTreeMap::new(), body: Vec::new() };
        for (headers, count) in [(Head::default(), 0), (Head::default(), 5)] {
            scene.vm.answer(&call, headers, count, b"\0garbage");
        }
    }
    let queues: Vec<u32> = scene.process.borrow().queues.keys().copied().collect();
    assert_eq!(queues.len(), 1);
    for message in [&b""[..], b"x", &[0; 47], &[0; 48], &[0xff; 48], &[7; 100_000]] {
        scene.process.borrow_mut().queues.get_mut(&queues[0]).unwrap().push_back(message.to_vec());
    }
    scene.settle();
    scene.vm.queue_ready(ROOT, 99);
    assert_eq!(forwarded(scene.load(&mut browser, "/")).all("x-user"), ["alice"]);
}

#[test]
fn a_plugin_that_ends_lets_nothing_pass_that_still_comes() {
    let mut scene = Scene::new();
    scene.vm.delete(ROOT);
    scene.vm.host().adopt(ROOT);
    let stream = scene.arrive(&Request::new("GET", "/public"));
    assert_eq!(scene.status(stream), Some(503));
    scene.vm.tick(ROOT);
}
