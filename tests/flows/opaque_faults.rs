//! A provider that does not say what an opaque token is, or says it late; strangers who ask much; a
//! clock that jumps.

use serde_json::json;

use super::bearer::{api, refused};
use super::browser::Browser;
use super::host::Endpoint;
use super::opaque::{asked, logged_in, scene, token};
use super::process::Process;
use super::provider::Fault;
use super::scene::{Answered, Scene};

fn faults() -> Vec<Fault> {
    vec![
        Fault::NoAnswer,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
        Fault::Status(302),
        Fault::Status(401),
        Fault::Status(404),
        Fault::Body(200, b"nonsense".to_vec()),
        Fault::Body(204, Vec::new()),
    ]
}

fn unavailable(answer: &Answered) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert!(answer.set_cookies.is_empty(), "the session is not lost: {answer:?}");
}

#[test]
fn a_provider_that_does_not_say_lets_nobody_pass_and_is_not_asked_on_every_request() {
    for fault in faults() {
        let (mut scene, browser) = logged_in(json!({}));
        let raw = token(&mut scene, json!({}));
        scene.send(&api(&raw)).upstream();
        scene.jump(30);
        let before = scene.upstreams.len();
        for _ in 0..2 {
            scene.provider.fail(Endpoint::Introspection, fault.clone());
        }
        for _ in 0..20 {
            unavailable(&scene.send(&api(&raw)).answer());
            unavailable(&scene.send(&browser.fetch("GET", "/api")).answer());
        }
        assert_eq!(asked(&scene), 4, "once a token: {fault:?}");
        assert_eq!(scene.upstreams.len(), before, "{fault:?}");
        assert!(scene.host.logged(&["not_introspected"]), "{fault:?}");
        // As soon as it answers again, all is well.
        scene.pass(2);
        scene.send(&api(&raw)).upstream();
        scene.send(&browser.fetch("GET", "/api")).upstream();
    }
}

#[test]
fn a_login_waits_for_a_provider_that_does_not_say_and_is_not_lost_on_others() {
    for fault in faults() {
        let mut scene = scene(json!({}));
        let mut browser = Browser::default();
        let query = scene.begin(&mut browser, "/x");
        scene.provider.fail(Endpoint::Introspection, fault.clone());
        let answer = scene.come_back(&mut browser, &query).answer();
        assert_eq!(answer.status, 503, "{fault:?}");
        assert!(browser.session().is_empty(), "{fault:?}");
    }
}

#[test]
fn a_call_that_the_host_does_not_take_or_never_answers_is_given_up_and_made_again() {
    let mut scene = scene(json!({}));
    let raw = token(&mut scene, json!({}));
    scene.host.not_taken = vec![Endpoint::Introspection];
    for _ in 0..5 {
        unavailable(&scene.send(&api(&raw)).answer());
    }
    assert_eq!(scene.host.refused, 1);
    scene.host.not_taken.clear();
    scene.pass(2);
    let stream = scene.arrive(&api(&raw));
    let late = scene.host.pending.remove(0);
    scene.pass(12);
    unavailable(&scene.outcome(stream).unwrap().answer());
    scene.pass(2);
    let stream = scene.arrive(&api(&raw));
    assert!(scene.outcome(stream).is_none());
    // What comes late is nobody's: the token may have been taken back since.
    let answer = scene.provider.answer(&late, scene.host.now).unwrap();
    scene.answer(late.id, &answer);
    assert!(scene.outcome(stream).is_none());
    scene.settle();
    scene.outcome(stream).unwrap().upstream();
}

#[test]
fn an_answer_that_comes_twice_or_to_nobody_is_no_matter() {
    let (mut scene, browser) = logged_in(json!({}));
    scene.jump(30);
    let stream = scene.arrive(&browser.fetch("GET", "/api"));
    let sent = scene.host.pending.remove(0);
    let answer = scene.provider.answer(&sent, scene.host.now).unwrap();
    scene.answer(sent.id, &answer);
    scene.outcome(stream).unwrap().upstream();
    scene.provider.opaque_tokens.clear();
    for _ in 0..2 {
        scene.answer(sent.id, &(Some(200), br#"{"active":false}"#.to_vec()));
    }
    scene.send(&browser.fetch("GET", "/api")).upstream();
}

#[test]
fn a_token_that_is_refused_is_not_asked_about_again_for_a_while() {
    let mut scene = scene(json!({}));
    let garbage = "Z2FyYmFnZSBmcm9tIGEgc3RyYW5nZXI";
    for _ in 0..50 {
        refused(&scene.send(&api(garbage)).answer(), "invalid_token");
    }
    assert_eq!(asked(&scene), 1);
    scene.jump(11);
    refused(&scene.send(&api(garbage)).answer(), "invalid_token");
    assert_eq!(asked(&scene), 2);
}

#[test]
fn strangers_can_not_make_the_gate_ask_without_bound_nor_keep_others_from_asking() {
    let (mut scene, browser) = logged_in(json!({}));
    let known = token(&mut scene, json!({}));
    scene.send(&api(&known)).upstream();
    scene.jump(31);
    let streams: Vec<_> =
        (0..1_000).map(|number| scene.arrive(&api(&format!("garbage-{number}")))).collect();
    assert_eq!(scene.host.pending.len(), 64);
    let answers = streams.iter().filter_map(|stream| scene.outcome(*stream));
    let busy: Vec<_> = answers.map(|outcome| outcome.answer()).collect();
    assert_eq!(busy.len(), 1_000 - 64);
    busy.iter().for_each(unavailable);
    assert_eq!(busy[0].code(), "busy");
    // Sessions, and tokens that were good a moment ago, are no strangers.
    let session = scene.arrive(&browser.fetch("GET", "/api"));
    let client = scene.arrive(&api(&known));
    assert_eq!(scene.host.pending.len(), 66);
    scene.settle();
    scene.outcome(session).unwrap().upstream();
    scene.outcome(client).unwrap().upstream();
    for stream in &streams[..64] {
        refused(&scene.outcome(*stream).unwrap().answer(), "invalid_token");
    }
}

#[test]
fn what_strangers_send_pushes_out_nothing_that_is_good() {
    let (mut scene, mut browser) =
        logged_in(json!({"access_token": {"introspection_cache": "10m"}}));
    scene.provider.lifetime = 3_600;
    let known = token(&mut scene, json!({}));
    scene.send(&api(&known)).upstream();
    for number in 0..5_000 {
        refused(&scene.send(&api(&format!("garbage-{number}"))).answer(), "invalid_token");
    }
    let before = asked(&scene);
    scene.send(&api(&known)).upstream();
    scene.get(&mut browser, "/api").upstream();
    assert_eq!(asked(&scene), before);
}

#[test]
fn what_is_kept_of_tokens_is_bounded_in_bytes() {
    let mut scene = scene(json!({"access_token": {"introspection_cache": "10m"}}));
    scene.provider.access_token = json!({"more": "x".repeat(60_000)});
    let tokens: Vec<_> = (0..400).map(|_| token(&mut scene, json!({}))).collect();
    for raw in &tokens {
        scene.send(&api(raw)).upstream();
    }
    assert_eq!(asked(&scene), 400);
    scene.send(&api(&tokens[399])).upstream();
    assert_eq!(asked(&scene), 400);
    // Some 24 MB were said.
    scene.send(&api(&tokens[0])).upstream();
    assert_eq!(asked(&scene), 401);
}

#[test]
fn an_answer_from_a_clock_that_was_set_back_does_not_count_for_that_long() {
    let (mut scene, mut browser) = logged_in(json!({"clock_skew": "5m"}));
    let raw = token(&mut scene, json!({}));
    scene.send(&api(&raw)).upstream();
    scene.jump(-200);
    scene.provider.opaque_tokens.remove(&raw);
    refused(&scene.send(&api(&raw)).answer(), "invalid_token");
    scene.get(&mut browser, "/api").upstream();
    assert_eq!(asked(&scene), 4, "both were asked about again");
    // Nor is anybody refused for the time that it was set back by.
    let garbage = "Z2FyYmFnZSBmcm9tIGEgc3RyYW5nZXI";
    refused(&scene.send(&api(garbage)).answer(), "invalid_token");
    scene.jump(-200);
    refused(&scene.send(&api(garbage)).answer(), "invalid_token");
    assert_eq!(asked(&scene), 6);
}

#[test]
fn a_clock_that_is_set_back_during_the_call_keeps_nobody_waiting() {
    let (mut scene, browser) = logged_in(json!({"clock_skew": "5m"}));
    scene.jump(40);
    let stream = scene.arrive(&browser.fetch("GET", "/api"));
    scene.jump(-30);
    scene.settle();
    scene.outcome(stream).unwrap().upstream();
    scene.jump(40);
    let stream = scene.arrive(&browser.fetch("GET", "/api"));
    scene.host.pending.clear();
    scene.jump(-30);
    scene.pass(13);
    unavailable(&scene.outcome(stream).unwrap().answer());
}

#[test]
fn another_configuration_asks_anew_and_answers_to_the_old_one_are_nobodys() {
    let (mut scene, browser) = logged_in(json!({}));
    scene.jump(30);
    let stream = scene.arrive(&browser.fetch("GET", "/api"));
    let changes = json!({"access_token": {"format": "opaque", "audiences": ["other"]}});
    let old = std::mem::replace(
        &mut scene.worker,
        oidc_gate::gate::Worker::new(super::scene::config(&changes)),
    );
    scene.worker.take_over(old);
    scene.tick();
    scene.settle();
    scene.tick();
    scene.settle();
    let answer = scene.outcome(stream).unwrap().answer();
    assert_eq!((answer.status, answer.code().as_str()), (403, "session_token_refused"));
}

#[test]
fn each_worker_asks_for_itself_and_a_refresh_is_still_made_once() {
    let opaque = json!({"access_token": {"format": "opaque"}});
    let mut process = Process::with(&[opaque.clone(), opaque]);
    process.at(0).provider.opaque = true;
    let browser = process.at(0).log_in();
    process.jump(310);
    let streams: Vec<_> = [0, 1, 0, 1]
        .into_iter()
        .map(|worker| (worker, process.at(worker).arrive(&browser.fetch("GET", "/api"))))
        .collect();
    process.settle();
    process.settle();
    let tokens: Vec<String> = streams
        .iter()
        .map(|(worker, stream)| process.upstream(*worker, *stream).token().to_owned())
        .collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!((process.token_calls(), process.thefts()), (2, 0));
    // The old token by each worker, then the new one.
    let asked: Vec<_> = process.workers.iter().map(asked).collect();
    assert_eq!(asked, [3, 2]);
}

#[test]
fn a_provider_without_an_introspection_endpoint_makes_no_gate_ready() {
    let mut scene = Scene::cold(json!({"access_token": {"format": "opaque"}}));
    scene.provider.metadata = json!({"introspection_endpoint": null});
    scene.tick();
    scene.settle();
    assert!(!scene.worker.ready());
    assert!(scene.host.logged(&[
        "introspection_endpoint",
        "provider.metadata",
        "access_token.format"
    ]));
    let endpoint = "https://keycloak.local/realms/acme/introspect";
    let given = json!({"metadata": {"introspection_endpoint": endpoint}});
    let mut scene = Scene::cold(json!({"access_token": {"format": "opaque"}, "provider": given}));
    scene.provider.metadata = json!({"introspection_endpoint": null});
    scene.provider.opaque = true;
    scene.warm_up();
    let raw = token(&mut scene, json!({}));
    scene.send(&api(&raw)).upstream();
}
