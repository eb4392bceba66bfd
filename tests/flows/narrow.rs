//! `gate/acquire/narrow.rs`: a rule's own token by a narrower refresh, in its turn.

use serde_json::{Value, json};

use super::acquire::audience;
use super::browser::Browser;
use super::host::Endpoint;
use super::process::Process;
use super::provider::Fault;
use super::scene::Scene;
use super::steps::load;

/// Two services, each of which has its tokens by a narrower refresh.
pub(crate) fn rules() -> Value {
    let rule = |path: &str, service: &str| {
        json!({
            "match": {"path_prefix": path},
            "access_token": {
                "audiences": [service], "acquire": "refresh_token", "scope": [service],
            },
        })
    };
    json!({
        "client": {"scope": ["openid", "good-service", "evil-service"]},
        "rules": [rule("/good", "good-service"), rule("/evil", "evil-service")],
    })
}

/// A user whose own token is good everywhere.
pub(crate) fn scene() -> (Scene, Browser) {
    let mut scene = Scene::with(rules());
    scene.provider.access_token = json!({"aud": ["APP-backend", "good-service", "evil-service"]});
    let browser = scene.log_in();
    (scene, browser)
}

#[test]
fn each_upstream_sees_its_own_token_and_the_session_goes_on() {
    let (mut scene, mut browser) = scene();
    let wide = scene.get(&mut browser, "/api").upstream().token().to_owned();
    let good = scene.get(&mut browser, "/good").upstream();
    assert_eq!(audience(good.token()), json!(["good-service"]));
    assert_eq!(good.set_cookies.len(), 1, "its refresh token is new");
    assert_eq!(
        audience(scene.get(&mut browser, "/evil").upstream().token()),
        json!(["evil-service"])
    );
    for (name, value) in &scene.get(&mut browser, "/good").upstream().head {
        assert!(!value.contains(&wide), "{name}");
    }
    assert_eq!(scene.provider.narrowings, ["good-service", "evil-service"], "once each");
    assert_eq!(scene.get(&mut browser, "/api").upstream().token(), wide, "the session's own");
    // And its refresh, with the newest refresh token.
    scene.jump(280);
    scene.get(&mut browser, "/api").upstream();
    assert_ne!(scene.get(&mut browser, "/api").upstream().token(), wide);
    scene.get(&mut browser, "/good").upstream();
    assert_eq!((scene.provider.narrowings.len(), scene.provider.thefts), (3, 0));
}

#[test]
fn however_many_want_several_tokens_at_once_no_refresh_token_is_used_twice() {
    for (jump, rotates) in [(0, true), (0, false), (280, true), (310, true), (310, false)] {
        let (mut scene, mut browser) = scene();
        scene.provider.rotates = rotates;
        scene.jump(jump);
        let paths = ["/good", "/evil", "/api"];
        let streams: Vec<_> =
            (0..30).map(|n| (n % 3, scene.arrive(&browser.fetch("GET", paths[n % 3])))).collect();
        scene.leave(streams[0].1);
        for _ in 0..6 {
            scene.settle();
        }
        for (which, stream) in &streams[1..] {
            let upstream = scene.outcome(*stream).unwrap().upstream();
            let expected = match which {
                0 => json!(["good-service"]),
                1 => json!(["evil-service"]),
                _ => json!(["APP-backend", "good-service", "evil-service"]),
            };
            assert_eq!(audience(upstream.token()), expected);
        }
        // As they were decided, so they come back.
        for upstream in &scene.upstreams {
            browser.take(&upstream.set_cookies);
        }
        let calls = (scene.provider.narrowings.len(), scene.token_calls());
        let refreshes = usize::from(jump > 0);
        assert_eq!(calls, (2, 3 + refreshes), "{jump}: one each, and the login");
        assert_eq!(scene.provider.thefts, 0);
        // Nobody was logged out by it.
        scene.jump(310);
        load(&mut scene, &mut browser);
    }
}

#[test]
fn the_old_cookie_gets_the_new_session_for_a_minute_though_its_token_is_fresh() {
    let (mut scene, mut browser) = scene();
    let mut old = browser.clone();
    scene.get(&mut browser, "/good").upstream();
    let upstream = scene.get(&mut old, "/api").upstream();
    assert_eq!(upstream.set_cookies.len(), 1, "the refresh token in the old one is spent");
    assert_eq!(scene.provider.narrowings.len(), 1);
    scene.jump(310);
    load(&mut scene, &mut old);
    assert_eq!(scene.provider.thefts, 0);
}

#[test]
fn a_token_that_is_not_for_the_rule_is_refused_and_the_session_goes_on_with_what_came_with_it() {
    for changes in [
        json!({"aud": ["APP-backend"]}),
        json!({"aud": ["good-service", "evil-service"]}),
        json!({"scope": "openid"}),
        json!({"sub": "mallory"}),
        json!({"typ": "ID"}),
    ] {
        let (mut scene, mut browser) = scene();
        scene.provider.narrowed = changes.clone();
        for cookies in [1, 0, 0] {
            let answer = scene.get(&mut browser, "/good").answer();
            let refused = (answer.status, answer.code());
            assert_eq!(refused, (403, "session_token_refused".to_owned()), "{changes}");
            assert_eq!(answer.set_cookies.len(), cookies, "its refresh token was spent");
        }
        assert_eq!(scene.provider.narrowings.len(), 1, "not at every request");
        scene.get(&mut browser, "/api").upstream();
        scene.provider.narrowed = json!({});
        scene.pass(11);
        assert_eq!(
            audience(scene.get(&mut browser, "/good").upstream().token()),
            json!(["good-service"])
        );
        scene.jump(310);
        load(&mut scene, &mut browser);
        assert_eq!(scene.provider.thefts, 0);
    }
}

#[test]
fn a_scope_that_the_provider_refuses_is_quoted_and_spends_nothing() {
    let (mut scene, mut browser) = scene();
    let body = json!({"error": "invalid_scope", "error_description": "Invalid scopes: x"});
    scene.provider.fail(Endpoint::Token, Fault::Body(400, body.to_string().into_bytes()));
    for _ in 0..3 {
        let answer = scene.get(&mut browser, "/good").answer();
        assert_eq!((answer.status, answer.code().as_str()), (403, "not_given"));
        assert!(answer.body.contains("Invalid scopes: x"), "{}", answer.body);
    }
    assert_eq!(scene.token_calls(), 2, "it said no once");
    scene.pass(2);
    assert!(!scene.get(&mut browser, "/evil").upstream().token().is_empty(), "all else goes on");
    scene.pass(11);
    scene.get(&mut browser, "/good").upstream();
    assert_eq!(scene.provider.thefts, 0);
}

#[test]
fn a_provider_that_does_not_answer_is_a_503_for_this_rule_alone() {
    for fault in [Fault::NoAnswer, Fault::Status(503), Fault::Body(200, b"{}".to_vec())] {
        let (mut scene, mut browser) = scene();
        scene.provider.fail(Endpoint::Token, fault);
        let answer = scene.get(&mut browser, "/good").answer();
        assert_eq!((answer.status, answer.code().as_str()), (503, "provider_unavailable"));
        scene.get(&mut browser, "/api").upstream();
        scene.pass(2);
        scene.get(&mut browser, "/good").upstream();
        assert_eq!(scene.provider.thefts, 0);
    }
}

#[test]
fn a_session_that_ended_at_the_provider_is_over_and_one_without_refresh_token_is_told() {
    let (mut scene, mut browser) = scene();
    scene.provider.end_logins();
    let answer = scene.get(&mut browser, "/good").answer();
    assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"));
    assert_eq!(scene.get(&mut browser, "/api").answer().status, 401);

    let mut scene = Scene::with(rules());
    scene.provider.refreshes = false;
    let mut browser = scene.log_in();
    let answer = scene.get(&mut browser, "/good").answer();
    assert_eq!((answer.status, answer.code().as_str()), (403, "not_given"));
    assert!(answer.body.contains("no refresh token"), "{}", answer.body);
    scene.get(&mut browser, "/api").upstream();
}

#[test]
fn a_logout_wins_over_the_turn_that_is_under_way() {
    let (mut scene, mut browser) = scene();
    let old = browser.clone();
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    let out = scene.arrive(&browser.page("/oauth2/logout"));
    browser.take(scene.outcome(out).unwrap().set_cookies());
    scene.settle();
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 401);
    assert_eq!(scene.send(&old.fetch("GET", "/good")).answer().status, 401);
    assert!(scene.upstreams.iter().all(|upstream| upstream.all(":path") != ["/good"]));
}

#[test]
fn a_token_by_a_key_that_is_not_known_yet_waits_and_its_refresh_token_is_not_lost() {
    let (mut scene, mut browser) = scene();
    scene.pass(11);
    scene.provider.rotate_keys("k2");
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    scene.deliver();
    assert!(scene.outcome(stream).is_none(), "keys are asked for");
    scene.settle();
    let upstream = scene.outcome(stream).unwrap().upstream();
    assert_eq!(audience(upstream.token()), json!(["good-service"]));
    browser.take(&upstream.set_cookies);
    scene.jump(310);
    load(&mut scene, &mut browser);
    assert_eq!(scene.provider.thefts, 0);
}

#[test]
fn workers_of_a_process_share_the_turn_and_what_came_of_it() {
    let mut process = Process::with(&[rules(), rules()]);
    process.at(0).provider.access_token = json!({"aud": ["APP-backend", "good-service"]});
    let browser = process.at(0).log_in();
    let first = process.at(0).arrive(&browser.fetch("GET", "/good"));
    let second = process.at(1).arrive(&browser.fetch("GET", "/good"));
    process.settle();
    let tokens = [process.upstream(0, first), process.upstream(1, second)];
    assert_eq!(tokens[0].token(), tokens[1].token());
    assert!(tokens.iter().all(|upstream| upstream.set_cookies.len() == 1));
    // The cookie from before, on both, for another rule; then the session's own refresh.
    let mut old = browser.clone();
    let third = process.at(1).arrive(&browser.fetch("GET", "/evil"));
    process.settle();
    old.take(&process.upstream(1, third).set_cookies);
    process.jump(310);
    let last = process.at(0).arrive(&old.fetch("GET", "/api"));
    process.settle();
    process.upstream(0, last);
    assert_eq!((process.thefts(), process.token_calls()), (0, 4));
}

#[test]
fn a_rule_that_is_gone_when_its_token_comes_costs_the_session_nothing() {
    let (mut scene, mut browser) = scene();
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    let mut other = rules();
    other["rules"][0]["access_token"]["audiences"] = json!(["another"]);
    let worker = oidc_gate::gate::Worker::new(super::scene::config(&other));
    let old = std::mem::replace(&mut scene.worker, worker);
    scene.worker.take_over(old);
    scene.warm_up();
    for _ in 0..4 {
        scene.tick();
        scene.settle();
    }
    let answer = scene.outcome(stream).unwrap().answer();
    assert!(answer.body.contains("another"), "{}", answer.body);
    browser.take(&answer.set_cookies);
    scene.jump(310);
    load(&mut scene, &mut browser);
    assert_eq!(scene.provider.thefts, 0);
}
