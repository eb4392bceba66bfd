//! Keys of the provider that rotate, do not come, or are nobody's: what that costs a login, a
//! refresh and a client's own token.

use oidc_gate::token::testing::{NOW, Signer, access_token};
use serde_json::json;

use super::bearer::{api, refused};
use super::browser::{Browser, Request};
use super::host::Endpoint;
use super::provider::Fault;
use super::scene::Scene;
use super::steps::{CALLBACK, left, load, strangers_token, to_provider};

#[test]
fn keys_that_rotated_are_fetched_once_for_all_who_wait() {
    for seconds in [20, -10] {
        let (mut scene, mut browser) = left(seconds);
        let keys = scene.host.count(Endpoint::Keys);
        scene.provider.rotate_keys("k2");
        let streams: Vec<_> = (0..5).map(|_| scene.arrive(&browser.fetch("GET", "/api"))).collect();
        scene.settle();
        for stream in streams {
            let outcome = scene.outcome(stream).unwrap();
            browser.take(outcome.set_cookies());
            outcome.upstream();
        }
        assert_eq!((scene.host.count(Endpoint::Keys), scene.token_calls()), (keys + 1, 2));
        assert!(load(&mut scene, &mut browser).set_cookies.is_empty());
    }
}

#[test]
fn new_tokens_are_not_thrown_away_because_the_keys_did_not_come() {
    for fault in
        [Fault::Status(503), Fault::NoAnswer, Fault::Silence, Fault::Body(200, b"{}".to_vec())]
    {
        let (mut scene, mut browser) = left(-10);
        scene.provider.rotate_keys("k2");
        scene.provider.fail(Endpoint::Keys, fault.clone());
        let stream = scene.arrive(&browser.page("/"));
        scene.settle();
        assert!(scene.outcome(stream).is_none(), "{fault:?}");
        for _ in 0..9 {
            scene.pass(1);
            scene.settle();
        }
        let outcome = scene.outcome(stream).unwrap();
        browser.take(outcome.set_cookies());
        outcome.upstream();
        load(&mut scene, &mut browser);
        assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0), "{fault:?}");
    }
}

#[test]
fn new_tokens_outlive_an_outage_of_the_keys_but_not_for_ever() {
    // An outage of so many minutes, and new tokens that live for so many seconds.
    for (minutes, lifetime, lives) in [(5, 3_600, true), (5, 200, false), (11, 3_600, false)] {
        let (mut scene, mut browser) = left(-10);
        scene.provider.lifetime = lifetime;
        scene.provider.rotate_keys("k2");
        scene.arrive(&browser.page("/"));
        scene.deliver();
        scene.host.not_taken.push(Endpoint::Keys);
        scene.host.pending.clear();
        for _ in 0..minutes * 6 {
            scene.pass(10);
        }
        scene.host.not_taken.clear();
        scene.pass(61);
        scene.settle();
        let page = browser.page("/");
        let outcome = scene.load(&mut browser, &page);
        if lives {
            outcome.upstream();
        } else {
            assert!(to_provider(&outcome.answer()), "a new login, not an error for ever");
        }
    }
}

#[test]
fn strangers_tokens_with_unknown_keys_cost_nobody_a_refresh_or_a_login() {
    let (mut scene, mut browser) = left(-10);
    let token = strangers_token(&mut scene);
    // The keys were fetched for nothing just now; the provider's keys change after that.
    let request = Request::new("GET", "/api").bearer(&token);
    assert_eq!(scene.send(&request).answer().status, 401);
    let mut other = Browser::default();
    let query = scene.begin(&mut other, "/x");
    scene.provider.rotate_keys("k2");
    let refresh = scene.arrive(&browser.page("/"));
    let login = scene.arrive(&other.page(&format!("{}?{query}", CALLBACK)));
    for _ in 0..11 {
        scene.settle();
        scene.pass(1);
    }
    scene.settle();
    let outcome = scene.outcome(refresh).unwrap();
    browser.take(outcome.set_cookies());
    outcome.upstream();
    assert_eq!(scene.outcome(login).unwrap().answer().location(), "https://app.example/x");
    assert_eq!(scene.provider.thefts, 0);
}

#[test]
fn a_key_that_is_never_published_is_the_tokens_fault() {
    let (mut scene, browser) = left(-10);
    scene.provider.signer = Signer::ed25519("k9");
    let answer = scene.send(&browser.fetch("GET", "/api")).answer();
    assert_eq!((answer.status, answer.code().as_str()), (403, "session_token_refused"));
    assert!(answer.body.contains("k9"), "{}", answer.body);
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    let stream = scene.arrive(&browser.page(&format!("{}?{query}", CALLBACK)));
    for _ in 0..11 {
        scene.settle();
        scene.pass(1);
    }
    scene.settle();
    let answer = scene.outcome(stream).unwrap().answer();
    assert_eq!(answer.code(), "login_token_refused");
    assert!(answer.set_cookies.iter().any(|cookie| cookie.contains("Max-Age=0")));
}

#[test]
fn a_login_whose_keys_never_come_is_a_503_and_leaves_nothing_behind() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    scene.provider.rotate_keys("k2");
    for _ in 0..20 {
        scene.provider.fail(Endpoint::Keys, Fault::Status(503));
    }
    let page = browser.page(&format!("{}?{query}", CALLBACK));
    let stream = scene.arrive(&page);
    for _ in 0..13 {
        scene.settle();
        scene.pass(1);
    }
    let answer = scene.outcome(stream).unwrap().answer();
    assert_eq!((answer.status, answer.code().as_str()), (503, "provider_unavailable"));
    browser.take(&answer.set_cookies);
    assert!(browser.jar.is_empty());
}

#[test]
fn a_rotated_key_is_found_by_the_token_that_names_it_and_the_old_one_is_forgotten() {
    let mut scene = Scene::new();
    let old = scene.provider.mint_access_token(json!({}), NOW);
    scene.send(&api(&old)).upstream();
    scene.provider.rotate_keys("k2");
    let new = scene.provider.mint_access_token(json!({}), NOW);
    assert_eq!(scene.send(&api(&new)).upstream().token(), new);
    // The key was taken back: what it signed is not believed any more, though it was.
    refused(&scene.send(&api(&old)).answer(), "invalid_token");
}

#[test]
fn keys_that_do_not_come_are_the_providers_fault_and_not_the_tokens() {
    let faults = [
        Fault::NoAnswer,
        Fault::Status(503),
        Fault::Status(302),
        Fault::Body(200, b"{}".to_vec()),
        Fault::Body(200, br#"{"keys":[]}"#.to_vec()),
        Fault::Body(200, vec![b' '; 1_000_000]),
    ];
    for fault in faults {
        let mut scene = Scene::new();
        scene.provider.rotate_keys("k2");
        scene.provider.fail(Endpoint::Keys, fault.clone());
        let token = scene.provider.mint_access_token(json!({}), NOW);
        let answer = scene.send(&api(&token)).answer();
        let code = answer.code();
        assert_eq!((answer.status, code.as_str()), (503, "provider_unavailable"), "{fault:?}");
        // The keys that are there stay.
        let old = Signer::ed25519("k1").sign("JWT", &access_token()).expose().to_owned();
        scene.provider.secrets.push(old.clone());
        scene.send(&api(&old)).upstream();
        // Once they come, the token is good.
        scene.pass(2);
        scene.settle();
        assert_eq!(scene.send(&api(&token)).upstream().token(), token);
    }
}

#[test]
fn who_waits_for_keys_is_answered_when_they_never_come() {
    let mut scene = Scene::new();
    scene.provider.rotate_keys("k2");
    for _ in 0..9 {
        scene.provider.fail(Endpoint::Keys, Fault::Silence);
    }
    let token = scene.provider.mint_access_token(json!({}), NOW);
    let stream = scene.arrive(&api(&token));
    for _ in 0..13 {
        scene.settle();
        scene.pass(1);
    }
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
}
