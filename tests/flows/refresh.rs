//! `gate/refresh.rs`: one call for all who wait, nobody waits who need not, and the new tokens
//! go through the rules that the old ones went through.

use oidc_gate::token::testing::{CLIENT, NOW};
use serde_json::json;

use super::host::Endpoint;
use super::provider::noise;
use super::scene::{Answered, Outcome, Scene};
use super::steps::{claims, left, load, to_provider};

#[test]
fn tokens_are_refreshed_when_less_than_the_margin_is_left() {
    for (seconds, calls) in [(31, 0), (30, 1), (1, 1), (0, 1), (-3_000, 1)] {
        let (mut scene, mut browser) = left(seconds);
        let before = browser.jar.clone();
        let upstream = load(&mut scene, &mut browser);
        assert_eq!(scene.token_calls() - 1, calls, "{seconds} s left");
        assert_eq!(upstream.set_cookies.is_empty(), calls == 0);
        assert_eq!(
            before.values().next().unwrap().value == browser.jar.values().next().unwrap().value,
            calls == 0
        );
        let form = &scene.host.latest(Endpoint::Token).form;
        assert_eq!(form["grant_type"] == "refresh_token", calls == 1);
        // And the new ones last.
        assert!(load(&mut scene, &mut browser).set_cookies.is_empty());
        assert_eq!(scene.token_calls() - 1, calls);
    }
}

#[test]
fn while_the_token_is_valid_one_request_refreshes_and_the_others_go_on() {
    let mut scene = Scene::with(json!({"session": {"idle_timeout": "10m"}}));
    let browser = scene.log_in();
    // Long enough for the idle time to slide, too.
    scene.jump(280);
    let streams: Vec<_> = (0..20).map(|_| scene.arrive(&browser.fetch("POST", "/api"))).collect();
    assert_eq!(scene.host.pending.len(), 1);
    assert!(scene.outcome(streams[0]).is_none());
    for stream in &streams[1..] {
        let upstream = scene.outcome(*stream).unwrap().upstream();
        assert!(
            upstream.set_cookies.is_empty(),
            "an older session must not reach the browser last"
        );
    }
    scene.settle();
    let upstream = scene.outcome(streams[0]).unwrap().upstream();
    assert_eq!(upstream.set_cookies.len(), 1);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn when_it_is_over_all_wait_for_one_call_and_all_get_the_new_session() {
    let (mut scene, browser) = left(-10);
    let streams: Vec<_> = (0..20)
        .map(|number| scene.arrive(&browser.fetch(["GET", "POST"][number % 2], "/api")))
        .collect();
    assert!(streams.iter().all(|stream| scene.outcome(*stream).is_none()));
    assert_eq!(scene.host.pending.len(), 1);
    scene.settle();
    let tokens: Vec<String> = streams
        .iter()
        .map(|stream| {
            let upstream = scene.outcome(*stream).unwrap().upstream();
            assert_eq!(upstream.set_cookies.len(), 1);
            upstream.token().to_owned()
        })
        .collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
}

#[test]
fn the_old_cookie_gets_the_new_session_for_a_minute_and_no_second_call_is_made() {
    let (mut scene, mut browser) = left(-10);
    let old = browser.clone();
    let token = load(&mut scene, &mut browser).token().to_owned();
    for _ in 0..60 {
        let upstream = scene.send(&old.fetch("GET", "/api")).upstream();
        assert_eq!((upstream.token(), upstream.set_cookies.len()), (token.as_str(), 1));
        scene.pass(1);
    }
    assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
    // Its memory is gone: one attempt, and then a new login, not an error page.
    scene.pass(1);
    assert!(to_provider(&scene.send(&old.page("/")).answer()));
    assert_eq!(scene.send(&old.fetch("GET", "/api")).answer().status, 401);
    assert_eq!(scene.token_calls(), 3);
}

#[test]
fn an_old_cookie_may_be_several_refreshes_behind() {
    let mut scene = Scene::new();
    scene.provider.lifetime = 10;
    let mut browser = scene.log_in();
    let mut past = vec![browser.clone()];
    for second in 0..120 {
        scene.pass(1);
        load(&mut scene, &mut browser);
        past.push(browser.clone());
        // Up to 30 s late, as requests on slow ways are.
        for late in [1, 5, 12, 30] {
            let Some(old) = past.iter().rev().nth(late) else { continue };
            let outcome = scene.send(&old.fetch("POST", "/api"));
            let Outcome::Forward(upstream) = outcome else {
                panic!("{second} s, {late} s late: {outcome:?}")
            };
            let left = expires_at(upstream.token()) - scene.host.now.seconds();
            assert!(left > 0, "{late} s late: an expired token went upstream");
        }
    }
    assert_eq!(scene.provider.thefts, 0);
    let refreshes = scene.token_calls() - 1;
    assert!((12..=24).contains(&refreshes), "one each five to ten seconds: {refreshes}");
}

#[test]
fn a_token_that_lives_shorter_than_the_margin_is_not_refreshed_at_every_request() {
    let mut scene = Scene::new();
    scene.provider.lifetime = 20;
    let mut browser = scene.log_in();
    for _ in 0..100 {
        scene.host.now = scene.host.now.plus(std::time::Duration::from_millis(200));
        scene.tick();
        load(&mut scene, &mut browser);
    }
    assert_eq!(scene.token_calls() - 1, 2, "at half its life, in 20 s");
}

#[test]
fn refresh_tokens_that_do_not_rotate_are_used_again_each_time() {
    for lifetime in [10, 40, 300] {
        let mut scene = Scene::new();
        scene.provider.rotates = false;
        scene.provider.lifetime = lifetime;
        let mut browser = scene.log_in();
        let mut late = browser.clone();
        for _ in 0..300 {
            scene.pass(1);
            let upstream = load(&mut scene, &mut browser);
            let left = expires_at(upstream.token()) - scene.host.now.seconds();
            assert!(left > 0, "lifetime {lifetime}: an expired token went upstream");
            let upstream = scene.send(&late.fetch("GET", "/api")).upstream();
            assert!(expires_at(upstream.token()) - scene.host.now.seconds() > 0);
            late = browser.clone();
        }
        let refreshes = i64::try_from(scene.token_calls() - 1).unwrap();
        let fewest = 300 / lifetime;
        assert!((fewest..=2 * fewest + 1).contains(&refreshes), "{lifetime}: {refreshes}");
    }
}

fn expires_at(token: &str) -> i64 {
    claims(token)["exp"].as_i64().unwrap()
}

#[test]
fn an_answer_without_an_id_token_or_a_new_refresh_token_is_right() {
    for answer in
        [json!({"id_token": null}), json!({"refresh_token": null}), json!({"expires_in": null})]
    {
        let (mut scene, mut browser) = left(-10);
        if answer.get("refresh_token").is_some() {
            scene.provider.rotates = false;
        }
        scene.provider.answer = answer;
        for _ in 0..4 {
            load(&mut scene, &mut browser);
            scene.jump(290);
        }
        assert_eq!(scene.token_calls(), 5);
        let path = "/oauth2/session?claims=email";
        let info = scene.send(&browser.fetch("GET", path)).answer().json();
        assert_eq!(info["email"], "alice@example.test");
    }
}

#[test]
fn an_answer_with_the_very_same_tokens_is_no_reason_to_ask_for_ever() {
    let mut scene = Scene::new();
    scene.provider.rotates = false;
    let same = {
        let now = scene.host.now;
        let access_token = scene.provider.mint_access_token(json!({}), now);
        json!({"access_token": access_token, "id_token": null})
    };
    let mut browser = scene.log_in();
    scene.provider.answer = same;
    scene.jump(275);
    for _ in 0..20 {
        load(&mut scene, &mut browser);
        scene.pass(1);
    }
    assert_eq!(scene.token_calls(), 3, "the login, and one for each token that it saw");
    scene.provider.answer = json!({});
    scene.pass(61);
    let upstream = load(&mut scene, &mut browser);
    assert!(expires_at(upstream.token()) > scene.host.now.seconds());
}

#[test]
fn the_asker_may_leave_and_the_others_are_served() {
    let (mut scene, mut browser) = left(-10);
    let asker = scene.arrive(&browser.page("/"));
    let other = scene.arrive(&browser.fetch("GET", "/api"));
    scene.leave(asker);
    scene.settle();
    assert_eq!(scene.outcome(other).unwrap().upstream().set_cookies.len(), 1);
    // All of them may: the answer is kept for who comes next.
    scene.jump(330);
    browser.take(scene.outcome(other).unwrap().set_cookies());
    let asker = scene.arrive(&browser.page("/"));
    scene.leave(asker);
    scene.settle();
    load(&mut scene, &mut browser);
    assert_eq!((scene.token_calls(), scene.provider.thefts), (3, 0));
}

#[test]
fn two_sessions_are_refreshed_apart_and_answers_do_not_cross() {
    let mut scene = Scene::new();
    let alice = scene.log_in();
    scene.provider.id_token = json!({"sub": "bob-1"});
    scene.provider.access_token = json!({"preferred_username": "bob"});
    let bob = scene.log_in();
    scene.jump(310);
    let streams = [scene.arrive(&alice.page("/")), scene.arrive(&bob.page("/"))];
    assert_eq!(scene.host.pending.len(), 2);
    // Bob's is answered first.
    let call = scene.host.pending.remove(1);
    let answer = scene.provider.answer(&call, scene.host.now).unwrap();
    scene.answer(call.id, &answer);
    assert!(scene.outcome(streams[0]).is_none());
    assert_eq!(scene.outcome(streams[1]).unwrap().upstream().all("x-user"), ["bob"]);
    scene.provider.id_token = json!({});
    scene.provider.access_token = json!({});
    scene.settle();
    assert_eq!(scene.outcome(streams[0]).unwrap().upstream().all("x-user"), ["alice"]);
}

/// The answer to a page and the one to a fetch, where the refreshed tokens are as scripted.
fn refused(script: impl Fn(&mut Scene)) -> [Answered; 2] {
    [false, true].map(|page| {
        let (mut scene, browser) = left(-10);
        script(&mut scene);
        let request = if page { browser.page("/") } else { browser.fetch("GET", "/api") };
        let answer = scene.send(&request).answer();
        // No loop, no second call: it is the same for a while.
        assert_eq!(scene.send(&request).answer().code(), answer.code());
        assert_eq!((scene.token_calls(), scene.provider.thefts), (2, 0));
        answer
    })
}

#[test]
fn refreshed_tokens_go_through_the_same_rules() {
    let now = NOW.seconds() + 310;
    let cases = [
        (json!({}), json!({"aud": "other-api"}), "access token", "other-api"),
        (json!({}), json!({"iss": "https://evil.example"}), "access token", "issuer"),
        (json!({}), json!({"nbf": now + 31}), "access token", "not valid"),
        (json!({}), json!({"typ": "ID"}), "access token", "an ID token"),
        (json!({"aud": "other"}), json!({}), "ID token", "audience"),
        (json!({"aud": [CLIENT, "evil"]}), json!({}), "ID token", "evil"),
        (json!({"sub": "mallory"}), json!({}), "ID token", "sub"),
        (json!({"auth_time": 1}), json!({}), "ID token", "auth_time"),
        (json!({"nonce": "another"}), json!({}), "ID token", "nonce"),
        (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), json!({}), "ID token", "at_hash"),
        (json!({"iat": now + 31}), json!({}), "ID token", "future"),
    ];
    for (id_token, access_token, token, words) in cases {
        let case = format!("{id_token} {access_token}");
        let [problem, page] = refused(|scene| {
            scene.provider.id_token = id_token.clone();
            scene.provider.access_token = access_token.clone();
        });
        assert_eq!((problem.status, page.status), (403, 403), "{case}");
        assert_eq!(problem.json()["token"], token, "{case}");
        assert!(problem.json()["detail"].as_str().unwrap().contains(words), "{case}: {problem:?}");
        assert!(page.body.contains("Sign in again"), "{case}");
    }
}

#[test]
fn neither_refreshed_token_stands_in_for_the_other() {
    let swapped = |scene: &mut Scene, access: bool| {
        let now = scene.host.now;
        let id_token = scene.provider.mint_id_token(json!({"nonce": null}), now);
        let access_token = scene.provider.mint_access_token(json!({}), now);
        scene.provider.answer = match access {
            true => json!({"access_token": id_token}),
            false => json!({"id_token": access_token}),
        };
    };
    for (access, token) in [(true, "access token"), (false, "ID token")] {
        let [problem, _] = refused(|scene| swapped(scene, access));
        assert_eq!(problem.json()["token"], token);
        assert!(problem.body.contains("this is an"), "{}", problem.body);
    }
    let [problem, _] = refused(|scene| scene.provider.answer = json!({"access_token": null}));
    assert!(problem.body.contains("did not send one"), "{}", problem.body);
}

#[test]
fn refreshed_tokens_that_do_not_fit_end_in_a_page_that_says_so() {
    let [problem, page] = refused(|scene| {
        scene.provider.access_token = json!({"pad": noise(20_000)});
    });
    assert_eq!((problem.status, problem.code().as_str()), (403, "session_too_large"));
    assert!(page.body.contains("access token 2"), "{}", page.body);
}

#[test]
fn without_a_refresh_token_the_session_lasts_as_long_as_its_token() {
    let mut scene = Scene::new();
    scene.provider.refreshes = false;
    let mut browser = scene.log_in();
    scene.jump(299);
    assert!(load(&mut scene, &mut browser).set_cookies.is_empty());
    scene.jump(31);
    assert!(to_provider(&scene.send(&browser.page("/")).answer()));
    assert_eq!(scene.send(&browser.fetch("GET", "/api")).answer().status, 401);
    assert_eq!(scene.token_calls(), 1);
}

#[test]
fn an_id_token_that_goes_upstream_is_renewed_too_or_a_login_begins() {
    for brings_one in [true, false] {
        let mut scene = Scene::with(json!({"upstream": {"authorization": "id_token"}}));
        scene.provider.refreshed_id_token = brings_one;
        let mut browser = scene.log_in();
        let first = load(&mut scene, &mut browser).token().to_owned();
        scene.jump(400);
        let page = browser.page("/");
        let outcome = scene.load(&mut browser, &page);
        if brings_one {
            let upstream = outcome.upstream();
            assert!(
                upstream.token() != first && expires_at(upstream.token()) > NOW.seconds() + 400
            );
        } else {
            // It has expired, and there is no other: never a refusal that nothing mends.
            assert!(to_provider(&outcome.answer()));
        }
        assert_eq!(scene.provider.thefts, 0);
    }
}

#[test]
fn the_times_of_a_session_hold_across_refreshes() {
    let mut scene = Scene::with(json!({"session": {"idle_timeout": "10m", "max_age": "1h"}}));
    let mut browser = scene.log_in();
    for _ in 0..14 {
        scene.jump(250);
        load(&mut scene, &mut browser);
    }
    scene.jump(100);
    assert!(to_provider(&scene.send(&browser.page("/")).answer()), "an hour after the login");
    let mut browser = scene.log_in();
    scene.jump(290);
    load(&mut scene, &mut browser);
    scene.jump(601);
    let calls = scene.token_calls();
    assert!(to_provider(&scene.send(&browser.page("/")).answer()), "ten minutes unused");
    assert_eq!(scene.token_calls(), calls);
}
