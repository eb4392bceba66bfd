//! `gate/wait.rs` and `gate/worker.rs`: what is not known yet is waited for, a little and by not
//! too many; nothing passes meanwhile.

use oidc_gate::token::testing::ISSUER;
use serde_json::json;

use super::browser::{Browser, Request};
use super::host::{Endpoint, Randomness};
use super::provider::Fault;
use super::scene::{Scene, Upstream};
use super::steps::{CALLBACK, needing, to_provider};

#[test]
fn until_the_provider_is_known_nothing_passes_not_even_a_session() {
    let mut warm = Scene::new();
    let requests = needing(&mut warm);
    let mut scene = Scene::cold(json!({}));
    scene.host.not_taken.push(Endpoint::Discovery);
    let streams: Vec<_> = requests.iter().map(|request| scene.arrive(request)).collect();
    for _ in 0..11 {
        scene.pass(1);
        assert!(streams.iter().all(|stream| scene.outcome(*stream).is_none()));
    }
    scene.pass(1);
    for stream in streams {
        let answer = scene.outcome(stream).unwrap().answer();
        assert_eq!((answer.status, answer.code().as_str()), (503, "provider_unavailable"));
        assert!(answer.header("retry-after").is_some());
        assert!(answer.set_cookies.is_empty(), "what is there stays: {answer:?}");
    }
    assert!(scene.host.refused >= 3, "it was tried again");
    // What needs no provider is served.
    scene.send(&Browser::default().page("/public")).upstream();
    assert_eq!(scene.send(&Browser::default().page("/closed")).answer().status, 403);
}

#[test]
fn who_waited_goes_on_once_metadata_and_keys_are_there() {
    let mut warm = Scene::new();
    let requests = needing(&mut warm);
    let mut scene = Scene::cold(json!({}));
    std::mem::swap(&mut scene.provider, &mut warm.provider);
    let streams: Vec<_> = requests.iter().map(|request| scene.arrive(request)).collect();
    scene.tick();
    assert_eq!(scene.host.pending.len(), 1, "discovery first");
    scene.deliver();
    assert!(streams.iter().all(|stream| scene.outcome(*stream).is_none()), "no keys yet");
    scene.settle();
    let outcomes: Vec<_> = streams.iter().map(|stream| scene.outcome(*stream).unwrap()).collect();
    assert!(to_provider(&outcomes[0].clone().answer()));
    assert_eq!(outcomes[1].clone().answer().status, 401);
    for outcome in &outcomes[2..5] {
        assert!(outcome.clone().upstream().token().len() > 100);
    }
    assert_eq!(outcomes[6].clone().answer().status, 302);
    assert_eq!((scene.host.count(Endpoint::Discovery), scene.host.count(Endpoint::Keys)), (1, 1));
}

#[test]
fn no_fault_of_discovery_or_keys_lets_anything_pass_and_each_is_tried_again() {
    let document = |change: serde_json::Value| {
        let mut scene = Scene::cold(json!({}));
        scene.provider.metadata = change;
        scene.tick();
        let sent = scene.host.pending[0].clone();
        scene.provider.answer(&sent, scene.host.now).unwrap().1
    };
    let mut faults = vec![
        (
            Endpoint::Discovery,
            Fault::Body(200, document(json!({"issuer": "https://evil.example"}))),
        ),
        (Endpoint::Discovery, Fault::Body(200, document(json!({"jwks_uri": null})))),
        (
            Endpoint::Discovery,
            Fault::Body(200, document(json!({"token_endpoint": "http://x.example/"}))),
        ),
        (
            Endpoint::Discovery,
            Fault::Body(200, document(json!({"code_challenge_methods_supported": ["plain"]}))),
        ),
        (Endpoint::Keys, Fault::Body(200, br#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_vec())),
    ];
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        for fault in [
            Fault::NoAnswer,
            Fault::Silence,
            Fault::Status(503),
            Fault::Status(504),
            Fault::Status(302),
            Fault::Status(404),
            Fault::Status(204),
            Fault::Body(200, b"<html>".to_vec()),
            Fault::Body(200, Vec::new()),
            Fault::Body(200, b"{}".to_vec()),
            Fault::Body(200, b"null".to_vec()),
            Fault::Body(200, vec![b' '; 2_000_000]),
            Fault::Body(200, b"[".repeat(200_000)),
        ] {
            faults.push((endpoint, fault));
        }
    }
    for (endpoint, fault) in faults {
        let mut scene = Scene::cold(json!({}));
        scene.provider.fail(endpoint, fault);
        let stream = scene.arrive(&Browser::default().page("/"));
        scene.tick();
        scene.settle();
        assert!(!scene.worker.ready() && scene.outcome(stream).is_none(), "{endpoint:?}");
        for _ in 0..9 {
            scene.pass(1);
            scene.settle();
        }
        assert!(scene.worker.ready(), "{endpoint:?}");
        assert!(to_provider(&scene.outcome(stream).unwrap().answer()));
        assert!(scene.host.count(endpoint) == 2);
    }
}

#[test]
fn metadata_that_is_configured_is_not_asked_for() {
    let mut scene = Scene::with(json!({"provider": {"discovery": false, "metadata": {
        "authorization_endpoint": format!("{ISSUER}/auth"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/certs"),
    }}}));
    let browser = scene.log_in();
    scene.send(&browser.page("/")).upstream();
    assert_eq!(scene.host.count(Endpoint::Discovery), 0);
    let answer = scene.send(&browser.page("/oauth2/logout")).answer();
    assert_eq!(answer.location(), "https://app.example/", "no end_session_endpoint");
}

#[test]
fn a_provider_that_is_slow_is_asked_once_at_a_time() {
    let mut scene = Scene::cold(json!({}));
    for _ in 0..30 {
        scene.tick();
        scene.jump(0);
        scene.host.now = scene.host.now.plus(std::time::Duration::from_millis(200));
    }
    assert_eq!(scene.host.count(Endpoint::Discovery), 1, "6 s, and 30 ticks");
}

#[test]
fn what_was_learned_stays_when_the_provider_goes_away() {
    let mut scene = Scene::new();
    scene.provider.lifetime = 24 * 3_600;
    let browser = scene.log_in();
    scene.host.not_taken = vec![Endpoint::Discovery, Endpoint::Keys];
    for _ in 0..3 {
        scene.jump(1_000);
        scene.pass(2);
        scene.send(&browser.page("/")).upstream();
    }
    assert!(scene.host.refused >= 3);
    assert!(scene.host.logged(&["is the cluster configured?"]));
}

#[test]
fn an_answer_that_comes_late_or_twice_or_for_nobody_changes_nothing() {
    let mut scene = Scene::cold(json!({}));
    scene.tick();
    let discovery = scene.host.pending[0].clone();
    let document = scene.provider.answer(&discovery, scene.host.now).unwrap();
    let nobody = oidc_gate::gate::CallId(7_777);
    scene.answer(nobody, &document);
    assert!(scene.host.count(Endpoint::Keys) == 0);
    scene.settle();
    assert!(scene.worker.ready());
    let evil = scene.provider.signer.jwks().into_bytes();
    let calls = scene.host.sent.len();
    for id in 0..20 {
        for body in [&document.1, &evil, &b"{}".to_vec()] {
            scene.answer(oidc_gate::gate::CallId(id), &(Some(200), body.clone()));
            scene.answer(oidc_gate::gate::CallId(id), &(None, Vec::new()));
        }
    }
    assert_eq!(scene.host.sent.len(), calls);
    let browser = scene.log_in();
    scene.send(&browser.page("/")).upstream();
}

#[test]
fn a_code_exchange_is_its_own_streams_and_dies_with_it() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    let page = browser.page(&format!("{CALLBACK}?{query}"));
    let stream = scene.arrive(&page);
    scene.leave(stream);
    scene.settle();
    assert_eq!(scene.token_calls(), 1);
    // Two exchanges at once do not get each other's tokens.
    let mut browsers = [Browser::default(), Browser::default()];
    let pages: Vec<Request> = (0..2)
        .map(|number| {
            let query = scene.begin(&mut browsers[number], &format!("/{number}"));
            browsers[number].page(&format!("{CALLBACK}?{query}"))
        })
        .collect();
    let streams: Vec<_> = pages.iter().map(|page| scene.arrive(page)).collect();
    let second = scene.host.pending.remove(1);
    let answer = scene.provider.answer(&second, scene.host.now).unwrap();
    scene.answer(second.id, &answer);
    assert!(scene.outcome(streams[0]).is_none());
    let at = |scene: &Scene, number: usize| scene.outcome(streams[number]).unwrap().answer();
    assert_eq!(at(&scene, 1).location(), "https://app.example/1");
    // The same answer again, and to the first one's stream by mistake: nobody listens.
    scene.answer(second.id, &answer);
    scene.settle();
    assert_eq!(at(&scene, 0).location(), "https://app.example/0");
}

#[test]
fn who_leaves_is_not_resumed() {
    let mut scene = Scene::cold(json!({}));
    let gone: Vec<_> = (0..5).map(|_| scene.arrive(&Browser::default().page("/"))).collect();
    let stays = scene.arrive(&Browser::default().page("/"));
    for stream in gone {
        scene.leave(stream);
        scene.leave(stream);
    }
    scene.warm_up();
    assert!(to_provider(&scene.outcome(stays).unwrap().answer()));
}

#[test]
fn a_stream_that_never_waited_is_answered_and_never_passed() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    // The host resumes somebody by mistake: the head is good, the wait is not.
    let stream = scene.arrive(&Browser::default().page("/page"));
    let answer = scene.outcome(stream).unwrap().answer();
    assert!(to_provider(&answer));
    assert_eq!(scene.resume_by_mistake(&browser.page("/")).status, 503);
    let nowhere = browser.page("/").with(":authority", "");
    assert_eq!(scene.resume_by_mistake(&nowhere).status, 421);
}

#[test]
fn too_many_waiters_are_told_to_come_again_and_the_rest_goes_on() {
    let mut scene = Scene::cold(json!({}));
    let request = Browser::default().fetch("GET", "/api");
    let first = scene.arrive(&request);
    for _ in 1..10_000 {
        scene.arrive(&request);
    }
    let many = scene.arrive(&request);
    let answer = scene.outcome(many).unwrap().answer();
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    assert!(answer.header("retry-after").is_some());
    scene.leave(first);
    let next = scene.arrive(&request);
    assert!(scene.outcome(next).is_none(), "one left, one may wait");
    scene.warm_up();
    assert_eq!(scene.outcome(next).unwrap().answer().status, 401);
}

#[test]
fn without_randomness_there_is_no_jitter_and_the_provider_is_asked_all_the_same() {
    let mut scene = Scene::cold(json!({}));
    scene.host.randomness = Randomness::GoneFrom(0);
    scene.warm_up();
    let token = scene.provider.mint_access_token(json!({}), scene.host.now);
    let upstream: Upstream = scene.send(&Request::new("GET", "/api").bearer(&token)).upstream();
    assert_eq!(upstream.token(), token);
}
