//! `gate/refresh.rs` and `gate/turns.rs` where something goes wrong: no answer, a bad one, a late
//! one, new keys, no randomness, a clock that jumps.

use serde_json::json;

use super::browser::{Browser, Request};
use super::host::{Endpoint, Randomness};
use super::provider::Fault;
use super::scene::Scene;
use super::steps::{CALLBACK, left, load, strangers_token, to_provider};

fn faults() -> Vec<Fault> {
    let error =
        |status, error: &str| Fault::Body(status, json!({"error": error}).to_string().into_bytes());
    vec![
        Fault::NoAnswer,
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(503),
        Fault::Status(504),
        Fault::Status(302),
        Fault::Status(429),
        Fault::Status(404),
        Fault::Status(204),
        Fault::Body(200, b"<html>".to_vec()),
        Fault::Body(200, Vec::new()),
        Fault::Body(200, b"{}".to_vec()),
        Fault::Body(200, vec![b' '; 2_000_000]),
        Fault::Body(200, b"[".repeat(100_000)),
        Fault::Body(200, br#"{"access_token":"a b","token_type":"Bearer"}"#.to_vec()),
        error(500, "invalid_grant"),
        error(503, "invalid_grant"),
        error(403, "invalid_grant"),
        error(401, "invalid_client"),
        error(400, "invalid_request"),
        error(400, "temporarily_unavailable"),
    ]
}

#[test]
fn a_refresh_that_fails_costs_nobody_whose_token_is_valid() {
    for fault in faults() {
        let what = format!("{fault:?}").chars().take(60).collect::<String>();
        let (mut scene, mut browser) = left(20);
        scene.provider.fail(Endpoint::Token, fault);
        let upstream = load(&mut scene, &mut browser);
        assert!(upstream.set_cookies.is_empty(), "{what}");
        // Not again at once; a moment later it works.
        load(&mut scene, &mut browser);
        assert_eq!(scene.token_calls(), 2, "{what}");
        scene.pass(2);
        assert_eq!(load(&mut scene, &mut browser).set_cookies.len(), 1, "{what}");
        assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0), "{what}");
    }
}

#[test]
fn a_refresh_that_fails_when_the_token_is_over_is_a_503_and_the_session_stays() {
    for fault in faults() {
        let what = format!("{fault:?}").chars().take(60).collect::<String>();
        let (mut scene, mut browser) = left(0);
        scene.provider.fail(Endpoint::Token, fault);
        let streams: Vec<_> = (0..5).map(|_| scene.arrive(&browser.fetch("GET", "/api"))).collect();
        scene.settle();
        for stream in streams {
            let answer = scene.outcome(stream).unwrap().answer();
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (503, "provider_unavailable"),
                "{what}"
            );
            assert!(answer.header("retry-after").is_some() && answer.set_cookies.is_empty());
        }
        let again = scene.send(&browser.page("/")).answer();
        assert_eq!((again.status, scene.token_calls()), (503, 2), "{what}: not again at once");
        scene.pass(2);
        load(&mut scene, &mut browser);
        assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0), "{what}");
    }
}

#[test]
fn a_call_that_is_not_taken_is_a_failure_like_any_other() {
    for (seconds, passes) in [(20, true), (0, false)] {
        let (mut scene, mut browser) = left(seconds);
        scene.host.not_taken.push(Endpoint::Token);
        let page = browser.page("/");
        match scene.load(&mut browser, &page) {
            outcome if passes => drop(outcome.upstream()),
            outcome => assert_eq!(outcome.answer().status, 503),
        }
        scene.host.not_taken.clear();
        scene.pass(2);
        assert_eq!(load(&mut scene, &mut browser).set_cookies.len(), 1);
    }
}

#[test]
fn invalid_grant_ends_the_session_for_all_its_requests() {
    for seconds in [20, -10] {
        let (mut scene, mut browser) = left(seconds);
        scene.provider.end_logins();
        let page = scene.arrive(&browser.page("/where"));
        let fetch = scene.arrive(&browser.fetch("GET", "/api"));
        scene.settle();
        let answer = scene.outcome(page).unwrap().answer();
        assert!(to_provider(&answer), "a new login, not an error page: {answer:?}");
        if seconds < 0 {
            let answer = scene.outcome(fetch).unwrap().answer();
            assert_eq!(
                (answer.status, answer.json()["login"].as_str()),
                (401, Some("/oauth2/login"))
            );
            assert!(answer.set_cookies.iter().all(|cookie| cookie.contains("Max-Age=0")));
        }
        browser.take(&answer.set_cookies);
        assert!(browser.session().is_empty());
        assert_eq!(scene.token_calls(), 2);
        assert!(scene.host.logged(&["decision=session_over", "invalid_grant"]));
    }
}

#[test]
fn a_call_that_nobody_answers_is_given_up_and_made_again() {
    let (mut scene, mut browser) = left(-10);
    scene.provider.fail(Endpoint::Token, Fault::Silence);
    let stream = scene.arrive(&browser.page("/"));
    scene.settle();
    scene.pass(11);
    assert!(scene.outcome(stream).is_none());
    scene.pass(1);
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
    scene.pass(2);
    load(&mut scene, &mut browser);
    assert_eq!(scene.token_calls(), 3);
}

#[test]
fn a_late_answer_is_worth_what_it_says_unless_there_is_another() {
    let (mut scene, mut browser) = left(-10);
    let stream = scene.arrive(&browser.page("/"));
    let call = scene.host.pending.remove(0);
    scene.pass(12);
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 503);
    // The refresh token is spent: these tokens are all there is.
    let answer = scene.provider.answer(&call, scene.host.now).unwrap();
    scene.answer(call.id, &answer);
    let token = load(&mut scene, &mut browser).token().to_owned();
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
    // The same answer again, and other answers to the same call, change nothing.
    for again in [answer, (Some(400), br#"{"error":"invalid_grant"}"#.to_vec()), (None, Vec::new())]
    {
        scene.answer(call.id, &again);
        assert_eq!(load(&mut scene, &mut browser).token(), token);
    }
}

#[test]
fn a_late_answer_does_not_undo_what_a_later_call_brought() {
    let (mut scene, mut browser) = left(-10);
    scene.arrive(&browser.page("/"));
    // The provider never sees this one; its connection breaks late.
    let lost = scene.host.pending.remove(0);
    scene.pass(14);
    let token = load(&mut scene, &mut browser).token().to_owned();
    let old = browser.clone();
    for late in [(None, Vec::new()), (Some(400), br#"{"error":"invalid_grant"}"#.to_vec())] {
        scene.answer(lost.id, &late);
        assert_eq!(load(&mut scene, &mut browser).token(), token);
        assert_eq!(scene.send(&old.page("/")).upstream().token(), token);
    }
    assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0));
}

#[test]
fn a_late_answer_does_not_undo_a_logout() {
    let (mut scene, browser) = left(-10);
    let stream = scene.arrive(&browser.page("/"));
    let call = scene.host.pending.remove(0);
    let answer = scene.provider.answer(&call, scene.host.now).unwrap();
    let logout = scene.arrive(&browser.page("/oauth2/logout"));
    assert_eq!(scene.outcome(logout).unwrap().answer().status, 302);
    // A host that is slower than its own time limit, too.
    scene.pass(170);
    assert!(scene.outcome(stream).is_some());
    scene.answer(call.id, &answer);
    let fetch = browser.fetch("GET", "/api");
    assert_eq!(scene.send(&fetch).answer().status, 401);
    assert_eq!(scene.token_calls(), 2);
    scene.pass(15);
    assert_eq!(scene.send(&fetch).answer().status, 401);
}

#[test]
fn a_code_exchange_that_nobody_answers_is_a_503_and_its_attempt_is_over() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    scene.provider.fail(Endpoint::Token, Fault::Silence);
    let stream = scene.arrive(&browser.page(&format!("{}?{query}", CALLBACK)));
    scene.settle();
    scene.pass(12);
    let answer = scene.outcome(stream).unwrap().answer();
    assert_eq!(answer.status, 503);
    browser.take(&answer.set_cookies);
    assert!(browser.jar.is_empty(), "a code is sent once");
}

#[test]
fn without_randomness_a_renewed_session_can_not_be_written_and_is_not_lost() {
    let (mut probe, mut browser) = left(-10);
    let before = probe.host.draws;
    load(&mut probe, &mut browser);
    let draws = probe.host.draws - before;
    assert!(draws >= 1);
    for draw in 0..draws {
        let (mut scene, mut browser) = left(-10);
        scene.host.randomness = Randomness::FailsAt(scene.host.draws + draw);
        let page = browser.page("/");
        if let super::scene::Outcome::Reply(answer) = scene.load(&mut browser, &page) {
            assert_eq!((answer.status, answer.code().as_str()), (503, "no_entropy"), "draw {draw}");
            assert!(answer.set_cookies.is_empty());
        }
        load(&mut scene, &mut browser);
        assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
    }
}

#[test]
fn too_many_waiters_turn_nobody_away_whose_token_is_valid() {
    for (seconds, passes) in [(20, true), (-10, false)] {
        let (mut scene, mut browser) = left(seconds);
        // Bearers of an unknown key fill the place: the call for newer keys is not answered.
        let bearer = Request::new("GET", "/api").bearer(&strangers_token(&mut scene));
        let crowd: Vec<_> = (0..10_000).map(|_| scene.arrive(&bearer)).collect();
        let stream = scene.arrive(&browser.page("/"));
        let outcome = scene.outcome(stream).unwrap();
        if passes {
            outcome.upstream();
        } else {
            let answer = outcome.answer();
            assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
        }
        for stream in crowd {
            scene.leave(stream);
        }
        scene.settle();
        load(&mut scene, &mut browser);
        assert_eq!(scene.provider.thefts, 0);
    }
}

#[test]
fn tokens_that_are_about_to_end_when_they_come_are_not_refreshed_by_every_request() {
    let (mut scene, mut browser) = left(-10);
    // A provider that gives one token till it ends.
    let now = scene.host.now.seconds();
    scene.provider.access_token = json!({"iat": now - 280, "exp": now + 20});
    for _ in 0..5 {
        scene.get(&mut browser, "/api").upstream();
    }
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
    scene.pass(2);
    scene.get(&mut browser, "/api").upstream();
    assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0));
}

#[test]
fn a_session_whose_token_is_over_a_moment_after_it_came_is_refreshed_once_and_not_ended() {
    let mut scene = Scene::with(json!({"clock_skew": "0s", "session": {"refresh_margin": "0s"}}));
    let now = scene.host.now.seconds();
    scene.provider.access_token = json!({"iat": now, "exp": now + 1});
    let mut browser = scene.log_in();
    scene.provider.access_token = json!({});
    scene.pass(1);
    let renewed = scene.get(&mut browser, "/api").upstream();
    assert_eq!((renewed.set_cookies.len(), scene.token_calls()), (1, 2));
    scene.get(&mut browser, "/api").upstream();
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn the_same_tokens_with_another_refresh_token_are_the_next_state_of_the_session() {
    let mut scene = Scene::with(json!({"session": {"refresh_margin": "140s"}}));
    let now = scene.host.now.seconds();
    scene.provider.access_token = json!({"iat": now, "exp": now + 300, "jti": "same"});
    scene.provider.refreshed_id_token = false;
    let mut browser = scene.log_in();
    scene.jump(170);
    assert_eq!(load(&mut scene, &mut browser).set_cookies.len(), 1);
    scene.pass(65);
    load(&mut scene, &mut browser);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0));
}
