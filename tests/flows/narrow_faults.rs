//! Narrower refreshes where a provider is odd, and where rules and workers are in each other's way.

use serde_json::json;

use super::acquire::audience;
use super::host::Endpoint;
use super::narrow::{rules, scene};
use super::process::Process;
use super::provider::{Fault, noise};
use super::scene::Scene;
use super::steps::load;

#[test]
fn a_token_without_iat_is_had_once_and_replaced_once() {
    let (mut scene, _) = scene();
    scene.provider.lifetime = 9_000;
    let mut browser = scene.log_in();
    scene.provider.lifetime = 300;
    scene.provider.narrowed = json!({"iat": null});
    let first = scene.get(&mut browser, "/good").upstream().token().to_owned();
    for round in 2..4 {
        scene.jump(310);
        let stream = scene.arrive(&browser.fetch("GET", "/good"));
        for _ in 0..50 {
            scene.deliver();
        }
        assert_eq!(scene.provider.narrowings.len(), round);
        let upstream = scene.outcome(stream).unwrap().upstream();
        assert_ne!(upstream.token(), first);
        browser.take(&upstream.set_cookies);
    }
    assert_eq!(scene.provider.thefts, 0);
}

fn invalid_scope() -> Fault {
    let body = json!({"error": "invalid_scope", "error_description": "Invalid scopes: x"});
    Fault::Body(400, body.to_string().into_bytes())
}

#[test]
fn what_is_refused_to_one_rule_costs_no_other_request_anything() {
    let (mut scene, browser) = scene();
    scene.provider.fail(Endpoint::Token, invalid_scope());
    let good = scene.arrive(&browser.fetch("GET", "/good"));
    let evil = scene.arrive(&browser.fetch("GET", "/evil"));
    for _ in 0..4 {
        scene.settle();
    }
    assert_eq!(scene.outcome(good).unwrap().answer().code(), "not_given");
    let upstream = scene.outcome(evil).unwrap().upstream();
    assert_eq!(audience(upstream.token()), json!(["evil-service"]));
    assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0));

    let mut process = Process::with(&[rules(), rules()]);
    let browser = process.at(0).log_in();
    process.at(0).provider.fail(Endpoint::Token, invalid_scope());
    let good = process.at(0).arrive(&browser.fetch("GET", "/good"));
    let evil = process.at(1).arrive(&browser.fetch("GET", "/evil"));
    process.settle();
    assert_eq!(process.workers[0].outcome(good).unwrap().answer().code(), "not_given");
    assert_eq!(audience(process.upstream(1, evil).token()), json!(["evil-service"]));
    assert_eq!((process.token_calls(), process.thefts()), (3, 0));
}

#[test]
fn many_large_tokens_keep_no_worker_from_hearing_of_the_turn() {
    let services = 24;
    let mut changes = rules();
    let members: Vec<_> = (0..services)
        .map(|number| {
            let mut rule = rules()["rules"][0].clone();
            rule["match"]["path_prefix"] = format!("/service-{number}").into();
            rule["access_token"]["audiences"] = json!([format!("service-{number}")]);
            rule["access_token"]["scope"] = json!([format!("service-{number}")]);
            rule
        })
        .collect();
    changes["rules"] = members.into();
    let mut process = Process::with(&[changes.clone(), changes]);
    let browser = process.at(0).log_in();
    process.at(0).provider.narrowed = json!({"groups": noise(30_000)});
    // One page that asks all services at once, with the cookie that it has.
    for number in 0..services {
        let worker = number % 2;
        let path = format!("/service-{number}");
        let stream = process.at(worker).arrive(&browser.fetch("GET", &path));
        process.settle();
        process.upstream(worker, stream);
    }
    assert_eq!((process.thefts(), process.token_calls()), (0, services + 1));
}

#[test]
fn the_words_for_another_users_token_are_not_those_of_an_exchange() {
    let (mut scene, mut browser) = scene();
    scene.provider.narrowed = json!({"sub": "mallory"});
    let answer = scene.get(&mut browser, "/good").answer();
    assert!(answer.body.contains("another user's"), "{}", answer.body);
    assert!(!answer.body.contains("exchange"), "{}", answer.body);
    let mut scene = Scene::with(rules());
    let mut browser = scene.log_in();
    scene.provider.fail(Endpoint::Token, invalid_scope());
    let answer = scene.get(&mut browser, "/good").answer();
    assert!(!answer.body.contains("exchange tokens"), "{}", answer.body);
    load(&mut scene, &mut browser);
}

#[test]
fn an_answer_that_comes_after_its_turn_was_given_up_is_not_lost() {
    let (mut scene, mut browser) = scene();
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    let sent = scene.host.pending.remove(0);
    scene.pass(25);
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
    let answer = scene.provider.answer(&sent, scene.host.now).unwrap();
    scene.answer(sent.id, &answer);
    scene.pass(40);
    let upstream = scene.get(&mut browser, "/good").upstream();
    assert_eq!(audience(upstream.token()), json!(["good-service"]));
    assert_eq!((scene.provider.narrowings.len(), upstream.set_cookies.len()), (1, 1));
    scene.jump(310);
    load(&mut scene, &mut browser);
    assert_eq!(scene.provider.thefts, 0);
}

#[test]
fn a_provider_that_is_down_is_asked_once_a_second_however_many_ask() {
    for fault in [Fault::Status(503), Fault::Body(400, br#"{"error":"invalid_scope"}"#.to_vec())] {
        let (mut scene, browser) = scene();
        for _ in 0..100 {
            scene.provider.fail(Endpoint::Token, fault.clone());
        }
        let calls = scene.token_calls();
        for _ in 0..10 {
            for path in ["/good", "/evil", "/good", "/evil"] {
                let answer = scene.send(&browser.fetch("GET", path)).answer();
                assert!(matches!(answer.status, 403 | 503) && answer.set_cookies.is_empty());
            }
            scene.pass(1);
        }
        assert!(scene.token_calls() - calls <= 20, "{}", scene.token_calls() - calls);
        scene.send(&browser.fetch("GET", "/api")).upstream();
    }
}

#[test]
fn a_token_that_lives_a_second_costs_a_call_a_second_and_no_more() {
    let (mut scene, _) = scene();
    scene.provider.lifetime = 9_000;
    let mut browser = scene.log_in();
    scene.provider.lifetime = 1;
    let calls = scene.token_calls();
    for _ in 0..5 {
        for _ in 0..5 {
            scene.get(&mut browser, "/good").upstream();
        }
        scene.pass(1);
    }
    assert_eq!((scene.token_calls() - calls, scene.provider.thefts), (5, 0));
}

#[test]
fn for_a_session_that_is_not_good_itself_no_refresh_token_is_spent() {
    let (mut scene, mut browser) = scene();
    let mut other = rules();
    other["access_token"] = json!({"audiences": ["elsewhere"]});
    scene.reconfigure(other);
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "session_token_refused");
    assert!(scene.provider.narrowings.is_empty());
}
