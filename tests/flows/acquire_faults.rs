//! Faults on the way to a rule's own token: whatever goes wrong, the session's never goes instead.

use serde_json::json;

use super::acquire::{rules, scene};
use super::browser::Request;
use super::host::Endpoint;
use super::provider::{Fault, noise};
use super::scene::Scene;
use super::steps::{strangers_token, to_provider};

#[test]
fn a_provider_that_gives_no_token_is_quoted_and_asked_again_after_a_while() {
    let (mut scene, mut browser) = scene();
    let body = json!({"error": "invalid_target", "error_description": "Audience not found"});
    let fault = Fault::Body(400, body.to_string().into_bytes());
    scene.provider.fail(Endpoint::Token, fault);
    let calls = scene.token_calls();
    for _ in 0..3 {
        let answer = scene.get(&mut browser, "/good").answer();
        assert_eq!((answer.status, answer.code().as_str()), (403, "not_given"));
        for words in ["invalid_target", "Audience not found"] {
            assert!(answer.body.contains(words), "{words}: {}", answer.body);
        }
        assert!(answer.header("location").is_none() && answer.set_cookies.is_empty());
        // The login at the provider may have ended (RFC 8693 section 2.2.2: `invalid_request`).
        assert_eq!(answer.json()["login"], "/oauth2/login");
    }
    assert_eq!(scene.token_calls(), calls + 1, "it said no once");
    assert!(!scene.get(&mut browser, "/api").upstream().token().is_empty(), "all else goes on");
    scene.pass(11);
    scene.get(&mut browser, "/good").upstream();
    assert!(scene.host.logged(&["not_acquired", "invalid_target"]));
}

#[test]
fn without_an_answer_there_is_a_503_and_another_try() {
    for fault in [
        Fault::NoAnswer,
        Fault::Status(503),
        Fault::Status(302),
        Fault::Body(200, b"{}".to_vec()),
        Fault::Body(200, br#"{"access_token":"a.b.c","token_type":"N_A"}"#.to_vec()),
    ] {
        let (mut scene, mut browser) = scene();
        scene.provider.fail(Endpoint::Token, fault.clone());
        let answer = scene.get(&mut browser, "/good").answer();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (503, "provider_unavailable"),
            "{fault:?}"
        );
        assert!(answer.header("retry-after").is_some());
        scene.pass(2);
        scene.get(&mut browser, "/good").upstream();
    }
    let (mut scene, mut browser) = scene();
    scene.host.not_taken.push(Endpoint::Token);
    assert_eq!(scene.get(&mut browser, "/good").answer().status, 503);
}

#[test]
fn what_says_that_it_is_no_access_token_is_none() {
    let (mut scene, mut browser) = scene();
    scene.provider.answer =
        json!({"issued_token_type": "urn:ietf:params:oauth:token-type:id_token"});
    assert_eq!(scene.get(&mut browser, "/good").answer().status, 503);
    // An access token that is a JWT may be called that.
    scene.provider.answer = json!({"issued_token_type": "urn:ietf:params:oauth:token-type:jwt"});
    scene.pass(2);
    scene.get(&mut browser, "/good").upstream();
}

#[test]
fn a_provider_that_never_answers_holds_nobody_for_ever() {
    let (mut scene, browser) = scene();
    scene.provider.fail(Endpoint::Token, Fault::Silence);
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    scene.settle();
    scene.pass(10);
    assert!(scene.outcome(stream).is_none());
    scene.pass(3);
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
    scene.pass(2);
    let mut browser = browser;
    scene.get(&mut browser, "/good").upstream();
}

#[test]
fn a_logout_wins_over_the_exchange_that_is_under_way() {
    let (mut scene, mut browser) = scene();
    let old = browser.clone();
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    let logout = browser.page("/oauth2/logout");
    let out = scene.arrive(&logout);
    browser.take(scene.outcome(out).unwrap().set_cookies());
    scene.settle();
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 401);
    // The cookie from before it neither: not on this worker.
    let answer = scene.send(&old.page("/good")).answer();
    assert!(to_provider(&answer));
    assert!(scene.upstreams.iter().all(|upstream| upstream.all(":path") != ["/good"]));
}

#[test]
fn a_token_by_a_key_that_is_not_known_yet_waits_for_the_keys() {
    let (mut scene, browser) = scene();
    scene.provider.rotate_keys("k2");
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    scene.deliver();
    assert!(scene.outcome(stream).is_none(), "keys are asked for");
    scene.settle();
    assert!(!scene.outcome(stream).unwrap().upstream().token().is_empty());
    assert_eq!(scene.provider.exchanges.len(), 1);
}

#[test]
fn a_session_that_is_over_or_not_good_acquires_nothing() {
    let (mut scene, browser) = scene();
    scene.provider.end_logins();
    scene.jump(400);
    let answer = scene.send(&browser.page("/good")).answer();
    assert!(to_provider(&answer), "{answer:?}");
    assert!(scene.provider.exchanges.is_empty());
}

#[test]
fn a_session_that_was_refreshed_before_the_exchange_failed_is_kept() {
    for fault in [Fault::Status(503), Fault::Body(400, br#"{"error":"access_denied"}"#.to_vec())] {
        let (mut scene, mut browser) = scene();
        scene.jump(310);
        let stream = scene.arrive(&browser.fetch("GET", "/good"));
        scene.deliver();
        scene.provider.fail(Endpoint::Token, fault);
        scene.settle();
        let outcome = scene.outcome(stream).unwrap();
        browser.take(outcome.set_cookies());
        assert!(matches!(outcome.answer().status, 403 | 503));
        scene.pass(70);
        scene.get(&mut browser, "/api").upstream();
        assert_eq!(scene.provider.thefts, 0);
    }
}

#[test]
fn a_token_that_is_about_to_end_when_it_comes_is_not_asked_for_by_every_request() {
    let (mut scene, mut browser) = scene();
    let now = scene.host.now.seconds();
    // A provider that gives one token till it ends.
    scene.provider.exchanged = json!({"iat": now - 280, "exp": now + 20});
    for _ in 0..10 {
        scene.get(&mut browser, "/good").upstream();
    }
    assert_eq!(scene.provider.exchanges.len(), 1);
    scene.pass(2);
    scene.get(&mut browser, "/good").upstream();
    assert_eq!(scene.provider.exchanges.len(), 2);
}

#[test]
fn a_token_that_has_ended_when_it_comes_is_not_asked_for_on_and_on() {
    let (mut scene, browser) = scene();
    let now = scene.host.now.seconds();
    // Within the clock's skew.
    scene.provider.exchanged = json!({"iat": now - 300, "exp": now - 1});
    let streams: Vec<_> = (0..3).map(|_| scene.arrive(&browser.fetch("GET", "/good"))).collect();
    for _ in 0..50 {
        scene.deliver();
    }
    assert_eq!(scene.provider.exchanges.len(), 1);
    for stream in streams {
        let answer = scene.outcome(stream).unwrap().answer();
        assert_eq!((answer.status, answer.code().as_str()), (503, "provider_unavailable"));
    }
}

#[test]
fn a_clock_that_is_set_back_holds_no_exchange_up() {
    let (mut scene, mut browser) = scene();
    scene.provider.fail(Endpoint::Token, Fault::Silence);
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    scene.settle();
    scene.jump(-100);
    scene.pass(13);
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
    scene.pass(2);
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    scene.settle();
    scene.outcome(stream).expect("it is asked for again").upstream();
    let _ = scene.get(&mut browser, "/good");
}

#[test]
fn a_token_waits_for_keys_that_were_asked_for_a_moment_too_early() {
    let (mut scene, browser) = scene();
    let stranger = strangers_token(&mut scene);
    scene.send(&Request::new("GET", "/api").bearer(&stranger)).answer();
    scene.provider.rotate_keys("k2");
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    for _ in 0..10 {
        scene.settle();
        scene.pass(1);
    }
    scene.settle();
    assert!(!scene.outcome(stream).unwrap().upstream().token().is_empty());
    assert_eq!(scene.provider.exchanges.len(), 1);
}

#[test]
fn what_the_provider_refuses_is_put_down_to_whom_it_is_about() {
    let (mut scene, mut browser) = scene();
    scene
        .provider
        .fail(Endpoint::Token, Fault::Body(400, br#"{"error":"invalid_scope"}"#.to_vec()));
    let answer = scene.get(&mut browser, "/good").answer();
    assert_eq!((answer.status, answer.code().as_str()), (403, "not_given"));
    assert!(answer.body.contains("invalid_scope"));
    assert!(!answer.body.contains("client.scope"), "that is the login's: {}", answer.body);
    scene.pass(11);
    // The gate itself, and so no user's fault.
    let fault = Fault::Body(401, br#"{"error":"invalid_client"}"#.to_vec());
    scene.provider.fail(Endpoint::Token, fault);
    let answer = scene.get(&mut browser, "/good").answer();
    assert_eq!((answer.status, answer.code().as_str()), (503, "client_refused"));
}

#[test]
fn large_tokens_take_no_more_memory_than_small_ones() {
    let (services, mut paths) = (150, Vec::new());
    let members: Vec<_> = (0..services)
        .map(|number| {
            paths.push(format!("/service-{number}"));
            let mut rule = rules()["rules"][0].clone();
            rule["match"]["path_prefix"] = format!("/service-{number}").into();
            rule["access_token"]["audiences"] = json!([format!("service-{number}")]);
            rule["access_token"]["audience"] = format!("service-{number}").into();
            rule
        })
        .collect();
    let mut scene = Scene::with(json!({"rules": members}));
    scene.provider.exchanged = json!({"groups": noise(40_000)});
    let mut browser = scene.log_in();
    for path in &paths {
        scene.get(&mut browser, path).upstream();
    }
    scene.get(&mut browser, paths.last().unwrap()).upstream();
    assert_eq!(scene.provider.exchanges.len(), services);
    scene.get(&mut browser, &paths[0]).upstream();
    assert_eq!(scene.provider.exchanges.len(), services + 1, "the least used has made room");
}

#[test]
fn a_token_that_is_kept_serves_no_session_that_is_over_and_no_other_configuration() {
    let (mut scene, mut browser) = scene();
    scene.provider.lifetime = 3_000;
    scene.get(&mut browser, "/good").upstream();
    // The token that was acquired is good for long; the session is not.
    scene.provider.end_logins();
    scene.jump(310);
    let answer = scene.get(&mut browser, "/good").answer();
    assert_eq!(answer.status, 401);
    scene.provider.lifetime = 300;
    let mut next = scene.log_in();
    scene.provider.lifetime = 3_000;
    let kept = scene.get(&mut next, "/good").upstream().token().to_owned();
    // Another configuration, by which neither session nor token is right.
    let mut other = rules();
    other["access_token"] = json!({"audiences": ["elsewhere"]});
    scene.reconfigure(other);
    assert_eq!(scene.get(&mut next, "/good").answer().code(), "session_token_refused");
    let mut other = rules();
    other["rules"][0]["access_token"]["audiences"] = json!(["another"]);
    scene.reconfigure(other);
    assert_eq!(scene.get(&mut next, "/good").answer().code(), "session_token_refused");
    assert!(scene.upstreams.last().unwrap().token() == kept);
}

#[test]
fn an_answer_that_comes_after_the_next_call_was_made_is_nobodys() {
    let (mut scene, browser) = scene();
    let first = scene.arrive(&browser.fetch("GET", "/good"));
    let late = scene.host.pending.remove(0).id;
    scene.pass(13);
    assert_eq!(scene.outcome(first).unwrap().answer().status, 503);
    scene.pass(2);
    let second = scene.arrive(&browser.fetch("GET", "/good"));
    let refusal = json!({"error": "invalid_target"}).to_string().into_bytes();
    scene.answer(late, &(Some(400), refusal));
    assert!(scene.outcome(second).is_none(), "its own answer is still to come");
    scene.settle();
    assert!(!scene.outcome(second).unwrap().upstream().token().is_empty());
}
