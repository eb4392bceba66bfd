//! `gate/verdict.rs`: what was judged good a moment ago passes, and nothing passes by it that would
//! not be judged good now.

use std::time::Duration;

use oidc_gate::token::testing::NOW;
use oidc_gate::wire::Timestamp;
use serde_json::{Value, json};

use super::bearer::{api, refused};
use super::browser::{Browser, Request};
use super::scene::Scene;

/// `exp` of tokens that were made at [`NOW`], and the clock skew.
const END: Duration = Duration::from_secs(300 + 30);

fn moment_before(end: Timestamp) -> Timestamp {
    end.minus(Duration::from_millis(1))
}

/// A browser whose session has no refresh token: it ends with its token.
fn unrenewable(changes: Value) -> (Scene, Browser) {
    let mut scene = Scene::with(changes);
    scene.provider.refreshes = false;
    let browser = scene.log_in();
    (scene, browser)
}

#[test]
fn a_token_that_was_judged_good_ends_to_the_millisecond() {
    let (mut scene, mut browser) = unrenewable(json!({}));
    let token = scene.provider.mint_access_token(json!({}), NOW);
    for now in [NOW, moment_before(NOW.plus(END))] {
        scene.host.now = now;
        for _ in 0..2 {
            scene.get(&mut browser, "/api").upstream();
            scene.send(&api(&token)).upstream();
        }
    }
    scene.host.now = NOW.plus(END);
    assert_eq!(scene.get(&mut browser, "/api").answer().status, 401);
    refused(&scene.send(&api(&token)).answer(), "invalid_token");
}

#[test]
fn an_id_token_that_goes_upstream_ends_to_the_millisecond_whatever_the_access_token_says() {
    for (authorization, status) in [("id_token", 401), ("access_token", 200)] {
        let mut scene = Scene::with(json!({"upstream": {"authorization": authorization}}));
        scene.provider.refreshes = false;
        scene.provider.access_token = json!({"exp": NOW.seconds() + 3_600});
        let mut browser = scene.log_in();
        for now in [NOW, moment_before(NOW.plus(END))] {
            scene.host.now = now;
            scene.get(&mut browser, "/api").upstream();
        }
        scene.host.now = NOW.plus(END);
        match status {
            200 => drop(scene.get(&mut browser, "/api").upstream()),
            status => assert_eq!(scene.get(&mut browser, "/api").answer().status, status),
        }
    }
}

#[test]
fn what_is_good_for_one_rule_is_judged_anew_for_every_other() {
    let rule = |path: &str, needs: Value| {
        let mut rule = json!({"match": {"path_prefix": path}, "unauthenticated": "deny"});
        for (name, value) in needs.as_object().unwrap() {
            rule[name] = value.clone();
        }
        rule
    };
    let rules = [
        rule("/free", json!({})),
        rule("/audience", json!({"access_token": {"audiences": ["billing"]}})),
        rule("/scope", json!({"access_token": {"scope": ["payments"]}})),
        rule("/claim", json!({"claims": {"realm_access.roles": ["auditor"]}})),
    ];
    let mut scene = Scene::with(json!({"rules": rules}));
    let mut browser = scene.log_in();
    let token = scene.provider.mint_access_token(json!({}), NOW);
    for path in ["/audience", "/scope", "/claim", "/audience"] {
        // Under a rule, and under none.
        for good in ["/free", "/elsewhere"] {
            for _ in 0..2 {
                scene.get(&mut browser, good).upstream();
                scene.send(&Request::new("GET", good).bearer(&token)).upstream();
            }
            for _ in 0..2 {
                let answer = scene.get(&mut browser, path).answer();
                assert!(matches!(answer.status, 401 | 403), "{good} {path}: {answer:?}");
                let answer = scene.send(&Request::new("GET", path).bearer(&token)).answer();
                assert!(matches!(answer.status, 401 | 403), "{good} {path}: {answer:?}");
            }
        }
    }
}

#[test]
fn a_session_that_was_quiet_is_refreshed_and_noted_to_the_millisecond() {
    let mut scene = Scene::with(json!({"session": {"refresh_margin": "20s"}}));
    let mut browser = scene.log_in();
    for (now, calls) in [(280_000 - 1, 1), (280_000, 2)] {
        scene.get(&mut browser, "/api").upstream();
        scene.host.now = NOW.plus(Duration::from_millis(now));
        scene.get(&mut browser, "/api").upstream();
        assert_eq!(scene.token_calls(), calls, "{now}");
    }
    let (mut scene, mut browser) = unrenewable(json!({"session": {"idle_timeout": "1000s"}}));
    for (now, noted) in [(100_000 - 1, false), (100_000, true), (200_000 - 1, false)] {
        scene.host.now = NOW.plus(Duration::from_millis(now));
        let upstream = scene.get(&mut browser, "/api").upstream();
        assert_eq!(!upstream.set_cookies.is_empty(), noted, "{now}");
    }
}

#[test]
fn a_session_that_was_judged_good_is_asked_of_all_that_is_no_matter_of_its_tokens() {
    let (mut scene, mut browser) = unrenewable(json!({"session": {"idle_timeout": "100s"}}));
    scene.get(&mut browser, "/api").upstream();
    scene.jump(100);
    assert_eq!(scene.get(&mut browser, "/api").answer().status, 401, "it is idle");

    let (mut scene, mut browser) = unrenewable(json!({}));
    scene.get(&mut browser, "/api").upstream();
    let forged = browser.fetch("POST", "/api").with("sec-fetch-site", "cross-site");
    assert_eq!(scene.send(&forged).answer().status, 403, "another site sent it");
    scene.send(&browser.page("/oauth2/logout")).answer();
    assert_eq!(scene.get(&mut browser, "/api").answer().status, 401, "it was logged out");
}
