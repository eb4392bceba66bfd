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
