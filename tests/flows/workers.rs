//! `gate/shared` and `gate/errands.rs`: several workers of one process, each with requests of the
//! same session, one memory and one call.

use oidc_gate::gate::StreamId;
use serde_json::json;

use super::browser::Browser;
use super::host::{Endpoint, Randomness};
use super::process::Process;
use super::provider::Fault;
use super::scene::{OTHER_KEY, Outcome};
use super::steps::{CALLBACK, load};

#[test]
fn one_worker_calls_and_all_get_the_new_session() {
    let mut process = Process::with(&[json!({}), json!({}), json!({}), json!({})]);
    let browser = process.over();
    let streams: Vec<(usize, StreamId)> = (0..20)
        .map(|number| (number % 4, process.at(number % 4).arrive(&browser.fetch("GET", "/api"))))
        .collect();
    process.settle();
    let token = process.upstream(0, streams[0].1).token().to_owned();
    for (worker, stream) in streams {
        let upstream = process.upstream(worker, stream);
        assert_eq!((upstream.token(), upstream.set_cookies.len()), (token.as_str(), 1));
    }
    assert_eq!((process.token_calls(), process.thefts()), (2, 0));
}

#[test]
fn while_the_token_is_valid_other_workers_wait_for_nothing() {
    let mut process = Process::new();
    let browser = process.at(0).log_in();
    process.jump(280);
    let asker = process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.page("/"));
    assert!(process.upstream(1, other).set_cookies.is_empty());
    process.settle();
    assert_eq!(process.upstream(0, asker).set_cookies.len(), 1);
    assert_eq!(process.token_calls(), 2);
}

#[test]
fn the_old_cookie_finds_the_new_session_on_any_worker_however_many_refreshes_later() {
    let mut process = Process::new();
    process.at(0).provider.lifetime = 10;
    let mut browser = process.at(0).log_in();
    let mut past = vec![browser.clone()];
    for second in 0..60 {
        process.pass(1);
        load(process.at(second % 2), &mut browser);
        past.push(browser.clone());
        for late in [3, 11, 30] {
            if let Some(old) = past.iter().rev().nth(late) {
                let outcome = process.at((second + 1) % 2).send(&old.fetch("GET", "/api"));
                let Outcome::Forward(_) = outcome else { panic!("{second} s, {late} s late") };
            }
        }
    }
    assert_eq!(process.thefts(), 0);
    assert!(process.token_calls() <= 13, "{}", process.token_calls());
}

#[test]
fn refresh_tokens_that_do_not_rotate_are_refreshed_by_any_worker_in_time() {
    let mut process = Process::new();
    process.at(0).provider.lifetime = 20;
    process.at(0).provider.rotates = false;
    let mut browser = process.at(0).log_in();
    for second in 0..100 {
        process.pass(1);
        load(process.at(second % 2), &mut browser);
    }
    let refreshes = process.token_calls() - 1;
    assert!((5..=11).contains(&refreshes), "{refreshes}");
}

#[test]
fn a_wake_that_is_lost_is_made_up_for_by_the_next_tick() {
    let mut process = Process::new();
    let browser = process.over();
    process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.page("/"));
    process.at(0).settle();
    process.memory.borrow_mut().wakes.clear();
    assert!(process.workers[1].outcome(other).is_none());
    process.at(1).tick();
    assert_eq!(process.upstream(1, other).set_cookies.len(), 1);
    // One that comes for nothing, late, or is no message at all.
    for message in [&b""[..], b"x", &[7; 48], &[0; 1_000]] {
        process.at(1).woken(message);
    }
    assert_eq!(process.token_calls(), 2);
}

#[test]
fn a_worker_that_dies_holds_nobody_up_longer_than_its_lease() {
    let mut process = Process::new();
    let browser = process.over();
    process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.page("/"));
    // It never hears of its answer, nor does the provider of its call.
    process.workers[0].host.pending.clear();
    for _ in 0..5 {
        process.workers[1].pass(1);
        assert_eq!(process.workers[1].token_calls(), 0);
    }
    process.workers[1].pass(2);
    process.at(1).settle();
    assert_eq!(process.upstream(1, other).set_cookies.len(), 1);
    assert_eq!((process.token_calls(), process.thefts()), (3, 0));
}

#[test]
fn a_failure_is_everybodys_and_for_a_second_only() {
    let mut process = Process::new();
    let browser = process.over();
    process.at(0).provider.fail(Endpoint::Token, Fault::Status(503));
    let streams =
        [process.at(0).arrive(&browser.page("/")), process.at(1).arrive(&browser.page("/"))];
    process.settle();
    for (worker, stream) in streams.into_iter().enumerate() {
        assert_eq!(process.workers[worker].outcome(stream).unwrap().answer().status, 503);
    }
    assert_eq!(process.at(1).send(&browser.page("/")).answer().status, 503);
    assert_eq!(process.token_calls(), 2);
    process.pass(2);
    process.at(1).send(&browser.page("/")).upstream();
    assert_eq!((process.token_calls(), process.thefts()), (3, 0));
}

#[test]
fn an_end_at_the_provider_is_everybodys() {
    let mut process = Process::new();
    let browser = process.over();
    process.at(0).provider.end_logins();
    let streams = [
        process.at(0).arrive(&browser.fetch("GET", "/api")),
        process.at(1).arrive(&browser.fetch("GET", "/api")),
    ];
    process.settle();
    for (worker, stream) in streams.into_iter().enumerate() {
        assert_eq!(process.workers[worker].outcome(stream).unwrap().answer().status, 401);
    }
    assert_eq!(process.token_calls(), 2);
}

#[test]
fn a_logout_on_one_worker_wins_over_a_refresh_on_another() {
    let mut process = Process::new();
    let browser = process.over();
    let asker = process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.fetch("GET", "/api"));
    let answer = process.at(1).send(&browser.page("/oauth2/logout")).answer();
    assert!(answer.set_cookies.iter().any(|cookie| cookie.contains("Max-Age=0")));
    process.settle();
    process.pass(1);
    for (worker, stream) in [(0, asker), (1, other)] {
        let answer = process.workers[worker].outcome(stream).unwrap().answer();
        let kept = |cookie: &&String| !cookie.contains("Max-Age=0") && !cookie.contains(".login.");
        assert_eq!(answer.set_cookies.iter().find(kept), None, "worker {worker}");
    }
    for worker in [0, 1] {
        let answer = process.at(worker).send(&browser.fetch("GET", "/api")).answer();
        assert_eq!(answer.status, 401, "worker {worker}");
    }
    assert_eq!(process.token_calls(), 2);
}

#[test]
fn tokens_that_wait_for_keys_are_not_called_for_again_by_others() {
    let mut process = Process::new();
    let browser = process.over();
    process.at(0).provider.rotate_keys("k2");
    for _ in 0..4 {
        process.at(0).provider.fail(Endpoint::Keys, Fault::Status(503));
    }
    let asker = process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.page("/"));
    for _ in 0..10 {
        process.at(0).settle();
        process.pass(1);
    }
    process.settle();
    assert_eq!((process.token_calls(), process.thefts()), (2, 0));
    process.pass(3);
    for (worker, stream) in [(0, asker), (1, other)] {
        let outcome = process.workers[worker].outcome(stream).unwrap();
        // It may have waited too long; it must not have cost the session.
        if let Outcome::Reply(answer) = outcome {
            assert_eq!(answer.status, 503, "worker {worker}");
        }
    }
    process.settle();
    for worker in [0, 1] {
        process.at(worker).send(&browser.page("/")).upstream();
    }
    assert_eq!((process.token_calls(), process.thefts()), (2, 0));
}

#[test]
fn a_success_counts_though_another_worker_has_taken_the_turn_over() {
    let mut process = Process::new();
    let browser = process.over();
    let slow = process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.page("/"));
    process.pass(7);
    assert_eq!(process.token_calls(), 3, "the lease was over, and no answer there");
    // The first call is answered after all; the second finds its refresh token spent.
    process.at(0).settle();
    let error = br#"{"error":"invalid_grant"}"#.to_vec();
    process.at(1).provider.fail(Endpoint::Token, Fault::Body(400, error));
    process.settle();
    let token = process.upstream(0, slow).token().to_owned();
    assert_eq!(process.upstream(1, other).token(), token);
    assert_eq!(process.thefts(), 0);
}

#[test]
fn without_randomness_no_call_is_made_whose_outcome_nobody_could_keep() {
    let mut process = Process::new();
    let browser = process.over();
    process.at(0).host.randomness = Randomness::GoneFrom(0);
    let answer = process.at(0).send(&browser.page("/")).answer();
    assert_eq!((answer.status, process.token_calls()), (503, 1));
    process.at(1).send(&browser.page("/")).upstream();
}

#[test]
fn without_randomness_the_others_are_told_that_it_failed() {
    let mut process = Process::new();
    let browser = process.over();
    let asker = process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.page("/"));
    process.at(0).host.randomness = Randomness::GoneFrom(0);
    process.settle();
    assert_eq!(process.workers[0].outcome(asker).unwrap().answer().code(), "no_entropy");
    assert_eq!(process.workers[1].outcome(other).unwrap().answer().status, 503);
    // The session lives on where it was made.
    process.at(0).host.randomness = Randomness::Good;
    process.at(0).send(&browser.page("/")).upstream();
    assert_eq!((process.token_calls(), process.thefts()), (2, 0));
}

#[test]
fn a_memory_that_is_contended_or_written_by_others_costs_a_moment_at_most() {
    for races in [1, 63, 1_000_000] {
        let mut process = Process::new();
        let mut browser = process.over();
        process.memory.borrow_mut().races = races;
        let page = browser.page("/");
        let outcome = process.at(0).load(&mut browser, &page);
        if let Outcome::Reply(answer) = outcome {
            assert_eq!((answer.status, races), (503, 1_000_000));
        }
        process.memory.borrow_mut().races = 0;
        process.pass(2);
        load(process.at(1), &mut browser);
        assert_eq!(process.thefts(), 0);
    }
}

#[test]
fn what_another_worker_sealed_with_a_key_that_is_not_ours_is_a_failure() {
    let keys = |keys: &[&str]| {
        let keys: Vec<_> = keys.iter().map(|key| json!({"inline": key})).collect();
        json!({"session": {"keys": keys}})
    };
    let key = super::scene::SESSION_KEY;
    // A reload is on its way: one worker seals with the new key, the other does not know it.
    let mut process = Process::with(&[keys(&[OTHER_KEY, key]), keys(&[key])]);
    let mut browser = process.at(1).log_in();
    process.jump(310);
    let asker = process.at(0).arrive(&browser.page("/"));
    let other = process.at(1).arrive(&browser.page("/"));
    process.settle();
    assert_eq!(process.upstream(0, asker).set_cookies.len(), 1);
    assert_eq!(process.workers[1].outcome(other).unwrap().answer().status, 503);
    load(process.at(0), &mut browser);
    assert_eq!((process.token_calls(), process.thefts()), (2, 0));
}

#[test]
fn a_callback_that_is_opened_twice_sends_its_code_once_and_ends_on_its_page_on_any_worker() {
    let mut process = Process::new();
    let mut browser = Browser::default();
    let query = process.at(0).begin(&mut browser, "/x");
    let page = browser.page(&format!("{CALLBACK}?{query}"));
    let streams: Vec<_> =
        (0..4).map(|number| (number % 2, process.at(number % 2).arrive(&page))).collect();
    process.settle();
    for (worker, stream) in streams {
        let answer = process.workers[worker].outcome(stream).unwrap().answer();
        assert_eq!((answer.status, answer.location()), (302, "https://app.example/x"));
        let mut browser = browser.clone();
        browser.take(&answer.set_cookies);
        process.at(1 - worker).send(&browser.page("/")).upstream();
    }
    assert_eq!(process.token_calls(), 1);
}

#[test]
fn an_exchange_that_fails_fails_on_every_worker() {
    let mut process = Process::new();
    let mut browser = Browser::default();
    let query = process.at(0).begin(&mut browser, "/x");
    process.at(0).provider.fail(Endpoint::Token, Fault::Status(503));
    let page = browser.page(&format!("{CALLBACK}?{query}"));
    let streams = [process.at(0).arrive(&page), process.at(1).arrive(&page)];
    process.settle();
    for (worker, stream) in streams.into_iter().enumerate() {
        let answer = process.workers[worker].outcome(stream).unwrap().answer();
        assert_eq!(answer.status, 503);
        assert!(answer.set_cookies.iter().all(|cookie| cookie.contains("Max-Age=0")));
    }
    assert_eq!(process.token_calls(), 1);
}
