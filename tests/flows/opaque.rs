//! `gate/introspect.rs`: what an opaque token says is asked, once for whoever waits, and counts for
//! no longer than it may.

use oidc_gate::gate::StreamId;
use serde_json::{Value, json};

use super::bearer::{api, refused};
use super::browser::Browser;
use super::host::Endpoint;
use super::scene::{Outcome, Scene};
use super::steps::{CALLBACK, to_provider};

/// A worker whose provider hands out opaque tokens.
pub(crate) fn scene(mut changes: Value) -> Scene {
    changes["access_token"]["format"] = "opaque".into();
    let mut scene = Scene::with(changes);
    scene.provider.opaque = true;
    scene
}

/// The same, and a browser that has logged in.
pub(crate) fn logged_in(changes: Value) -> (Scene, Browser) {
    let mut scene = scene(changes);
    let browser = scene.log_in();
    (scene, browser)
}

/// A client's own token.
pub(crate) fn token(scene: &mut Scene, claims: Value) -> String {
    scene.provider.mint_access_token(claims, scene.host.now)
}

pub(crate) fn asked(scene: &Scene) -> usize {
    scene.host.count(Endpoint::Introspection)
}

#[test]
fn a_session_sends_its_opaque_token_and_what_the_provider_says_of_it() {
    let (mut scene, mut browser) = logged_in(json!({}));
    assert_eq!(asked(&scene), 1, "at login");
    let upstream = scene.get(&mut browser, "/api").upstream();
    assert!(upstream.token().starts_with("opaque-"));
    assert_eq!(upstream.all("x-user"), ["alice"]);
    assert_eq!(upstream.all("x-roles"), ["user"]);
    assert_eq!(upstream.all("x-mail"), ["alice@example.test"]);
    assert_eq!(asked(&scene), 1);
}

#[test]
fn a_client_sends_its_own_opaque_token() {
    for login in [true, false] {
        let headers = json!({"headers": {"x-mail": null}});
        let mut scene = match login {
            true => scene(json!({})),
            false => scene(json!({"login": false, "upstream": headers, "rules": []})),
        };
        let raw = token(&mut scene, json!({}));
        for _ in 0..3 {
            let upstream = scene.send(&api(&raw)).upstream();
            assert_eq!(upstream.token(), raw);
            assert_eq!(upstream.all("x-user"), ["alice"]);
            assert!(upstream.all("x-mail").is_empty(), "there is no ID token");
        }
        assert_eq!(asked(&scene), 1);
        let basic = scene.host.latest(Endpoint::Introspection).headers.get("authorization");
        assert!(basic.is_some_and(|value| value.starts_with("Basic ")));
    }
}

#[test]
fn the_client_of_a_session_is_told_nothing_of_its_user_by_the_same_token_alone() {
    let (mut scene, mut browser) = logged_in(json!({}));
    let raw = scene.get(&mut browser, "/api").upstream().token().to_owned();
    let upstream = scene.send(&api(&raw)).upstream();
    assert!(upstream.all("x-mail").is_empty(), "there is no ID token");
    assert_eq!(asked(&scene), 1, "what is said of the token is known");
}

#[test]
fn an_answer_counts_for_the_time_that_is_configured_and_then_everybody_waits_for_the_next() {
    for (written, seconds) in [("30s", 30), ("5s", 5), ("10m", 600)] {
        let mut scene = scene(json!({"access_token": {"introspection_cache": written}}));
        scene.provider.lifetime = 3_600;
        let mut browser = scene.log_in();
        let raw = token(&mut scene, json!({}));
        scene.send(&api(&raw)).upstream();
        scene.jump(seconds - 1);
        scene.send(&api(&raw)).upstream();
        scene.get(&mut browser, "/api").upstream();
        assert_eq!(asked(&scene), 2);
        scene.jump(1);
        let streams = [scene.arrive(&api(&raw)), scene.arrive(&browser.fetch("GET", "/api"))];
        assert!(streams.iter().all(|stream| scene.outcome(*stream).is_none()), "{written}");
        scene.settle();
        for stream in streams {
            scene.outcome(stream).unwrap().upstream();
        }
        assert_eq!(asked(&scene), 4);
    }
}

#[test]
fn without_a_time_every_request_asks() {
    let (mut scene, mut browser) =
        logged_in(json!({"access_token": {"introspection_cache": "0s"}}));
    let raw = token(&mut scene, json!({}));
    assert_eq!(asked(&scene), 1);
    for round in 1..4 {
        scene.get(&mut browser, "/api").upstream();
        scene.send(&api(&raw)).upstream();
        assert_eq!(asked(&scene), 1 + 2 * round);
    }
    scene.provider.opaque_tokens.clear();
    refused(&scene.send(&api(&raw)).answer(), "invalid_token");
}

#[test]
fn an_answer_never_counts_past_the_end_of_the_token() {
    let mut scene = scene(json!({}));
    scene.provider.lifetime = 10;
    let raw = token(&mut scene, json!({}));
    scene.send(&api(&raw)).upstream();
    scene.jump(9);
    scene.send(&api(&raw)).upstream();
    assert_eq!(asked(&scene), 1);
    scene.jump(1);
    let answer = scene.send(&api(&raw)).answer();
    refused(&answer, "invalid_token");
    assert!(answer.body.contains("it is not active"), "{}", answer.body);
    assert_eq!(asked(&scene), 2);
}

#[test]
fn a_token_of_which_the_provider_does_not_say_when_it_ends_is_asked_about_again_and_again() {
    let mut scene = scene(json!({"session": {"idle_timeout": "3h"}}));
    scene.provider.access_token = json!({"exp": null});
    let mut browser = scene.log_in();
    for round in 2..5 {
        scene.jump(3_000);
        scene.get(&mut browser, "/api").upstream();
        scene.get(&mut browser, "/api").upstream();
        assert_eq!((asked(&scene), scene.token_calls()), (round, 1), "nothing runs out");
    }
    scene.provider.refreshes = false;
    let mut other = scene.log_in();
    let session = scene.get(&mut other, "/oauth2/session").answer().json();
    let idle = scene.host.now.seconds() + 3 * 3_600;
    assert_eq!(session["expires_at"], idle, "the session ends, the token does not");
}

#[test]
fn however_many_requests_want_to_know_one_call_is_made() {
    let (mut scene, browser) = logged_in(json!({}));
    let raw = token(&mut scene, json!({}));
    scene.jump(40);
    let mut streams: Vec<StreamId> = Vec::new();
    for number in 0..20 {
        let path = format!("/api/{number}");
        streams.push(scene.arrive(&browser.fetch("GET", &path)));
        streams.push(scene.arrive(&api(&raw)));
    }
    assert_eq!(scene.host.pending.len(), 2, "one for each token");
    assert!(streams.iter().all(|stream| scene.outcome(*stream).is_none()), "nothing goes ahead");
    scene.leave(streams[0]);
    scene.leave(streams[1]);
    scene.settle();
    for stream in &streams[2..] {
        scene.outcome(*stream).unwrap().upstream();
    }
    assert_eq!(asked(&scene), 3);
}

#[test]
fn tokens_that_begin_and_end_alike_are_two_tokens() {
    let mut scene = scene(json!({}));
    let long = "x".repeat(400);
    let [alice, bob] = ["alice", "bobby"].map(|name| {
        let raw = format!("{long}{name}{long}");
        let claims = json!({
            "aud": "APP-backend", "preferred_username": name, "exp": scene.host.now.seconds() + 300
        });
        scene.provider.opaque_tokens.insert(raw.clone(), claims);
        raw
    });
    for (raw, name) in [(&alice, "alice"), (&bob, "bobby"), (&alice, "alice"), (&bob, "bobby")] {
        assert_eq!(scene.send(&api(raw)).upstream().all("x-user"), [name]);
    }
    let both = [scene.arrive(&api(&alice)), scene.arrive(&api(&bob))];
    scene.settle();
    let names = both.map(|stream| scene.outcome(stream).unwrap().upstream().all("x-user").concat());
    assert_eq!(names, ["alice", "bobby"]);
}

#[test]
fn a_session_whose_token_was_taken_back_is_refreshed_with_the_next_answer() {
    let (mut scene, mut browser) = logged_in(json!({}));
    let first = scene.get(&mut browser, "/api").upstream().token().to_owned();
    scene.provider.opaque_tokens.clear();
    scene.get(&mut browser, "/api").upstream();
    scene.jump(30);
    let old = browser.clone();
    let upstream = scene.get(&mut browser, "/api").upstream();
    assert_ne!(upstream.token(), first);
    assert_eq!(upstream.set_cookies.len(), 1);
    assert_eq!((asked(&scene), scene.token_calls()), (3, 2), "the new one is asked about, too");
    // The cookie is the new session's, and the old one leads there for a while.
    assert_eq!(scene.get(&mut browser, "/api").upstream().token(), upstream.token());
    assert_eq!(scene.send(&old.fetch("GET", "/api")).upstream().token(), upstream.token());
    assert_eq!((asked(&scene), scene.token_calls(), scene.provider.thefts), (3, 2, 0));
}

#[test]
fn a_session_whose_token_was_taken_back_is_over_where_nothing_renews_it() {
    for refreshes in [true, false] {
        let mut scene = scene(json!({}));
        scene.provider.refreshes = refreshes;
        let browser = scene.log_in();
        scene.provider.opaque_tokens.clear();
        scene.provider.end_logins();
        scene.jump(30);
        let answer = scene.send(&browser.fetch("GET", "/api")).answer();
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"));
        assert!(to_provider(&scene.send(&browser.page("/")).answer()));
        let answer = scene.send(&browser.fetch("GET", "/oauth2/session")).answer();
        assert_eq!(answer.status, 401);
    }
}

#[test]
fn a_refresh_that_brings_tokens_that_are_not_active_ends_the_session_without_a_storm() {
    let (mut scene, browser) = logged_in(json!({}));
    scene.provider.introspection = json!({"active": false});
    scene.jump(40);
    for _ in 0..10 {
        let answer = scene.send(&browser.fetch("GET", "/api")).answer();
        assert_eq!(answer.status, 401);
    }
    assert_eq!((asked(&scene), scene.token_calls(), scene.provider.thefts), (3, 2, 0));
}

#[test]
fn a_token_that_runs_out_is_refreshed_in_time_and_the_new_one_is_judged() {
    let (mut scene, mut browser) = logged_in(json!({}));
    scene.jump(280);
    let upstream = scene.get(&mut browser, "/api").upstream();
    assert_eq!((upstream.set_cookies.len(), scene.token_calls()), (1, 2));
    assert_eq!(asked(&scene), 3, "the old one first, then the new one");
    scene.jump(310);
    scene.provider.access_token = json!({"aud": "other"});
    let answer = scene.get(&mut browser, "/api").answer();
    assert_eq!((answer.status, answer.code().as_str()), (403, "session_token_refused"));
    assert!(answer.body.contains("audience is"), "{}", answer.body);
}

#[test]
fn what_the_provider_says_decides_and_not_what_it_said_at_login() {
    let rules = json!([
        {"match": {"path_prefix": "/admin"}, "claims": {"realm_access.roles": ["admin"]}},
        {"match": {"path_prefix": "/write"}, "access_token": {"scope": ["orders:write"]}},
        {"match": {"path_prefix": "/good"}, "access_token": {"audiences": ["good-service"]}},
    ]);
    let (mut scene, mut browser) = logged_in(json!({"rules": rules}));
    let paths = ["/admin", "/write", "/good"];
    let status = |outcome: Outcome| match outcome {
        Outcome::Forward(_) => 200,
        Outcome::Reply(answer) => answer.status,
    };
    let raw = token(&mut scene, json!({}));
    for path in paths {
        assert_eq!(status(scene.get(&mut browser, path)), 403, "{path}");
        assert_ne!(
            status(scene.send(&super::browser::Request::new("GET", path).bearer(&raw))),
            200
        );
    }
    scene.provider.introspection = json!({
        "realm_access": {"roles": ["admin"]},
        "scope": "orders:write",
        "aud": ["good-service", "APP-backend"],
    });
    assert_eq!(status(scene.get(&mut browser, "/admin")), 403, "the last answer still counts");
    scene.jump(30);
    for path in paths {
        assert_eq!(status(scene.get(&mut browser, path)), 200, "{path}");
        let sent = super::browser::Request::new("GET", path).bearer(&raw);
        assert_eq!(status(scene.send(&sent)), 200, "{path}");
    }
    let upstream = scene.get(&mut browser, "/admin").upstream();
    assert_eq!(upstream.all("x-roles"), ["admin"]);
}

#[test]
fn a_login_whose_token_is_not_good_begins_no_session() {
    for (changes, words) in [
        (json!({"active": false}), "it is not active"),
        (json!({"aud": null}), "says nothing of `aud`"),
        (json!({"aud": "other"}), "audience is"),
        (json!({"typ": "Refresh"}), "a refresh token"),
        (json!({"cnf": {"jkt": "x"}}), "cnf"),
    ] {
        let mut scene = scene(json!({}));
        scene.provider.introspection = changes.clone();
        let mut browser = Browser::default();
        let answer = scene.log_in_with(&mut browser, "/x");
        assert_eq!((answer.status, answer.code().as_str()), (403, "login_token_refused"));
        assert!(answer.body.contains(words), "{changes}: {}", answer.body);
        assert!(browser.session().is_empty(), "{changes}");
    }
}

#[test]
fn a_callback_that_is_opened_twice_at_once_asks_once_and_ends_well() {
    let mut scene = scene(json!({}));
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/x");
    let page = browser.page(&format!("{CALLBACK}?{query}"));
    let streams = [scene.arrive(&page), scene.arrive(&page)];
    scene.settle();
    for stream in streams {
        assert_eq!(scene.outcome(stream).unwrap().answer().location(), "https://app.example/x");
    }
    assert_eq!((asked(&scene), scene.token_calls()), (1, 1));
}

#[test]
fn the_session_endpoint_knows_what_the_provider_says() {
    let (mut scene, mut browser) = logged_in(json!({}));
    scene.jump(60);
    let answer = scene.get(&mut browser, "/oauth2/session").answer();
    assert_eq!((answer.status, asked(&scene)), (200, 2));
    assert_eq!(answer.json()["sub"], "alice-1");
    scene.jump(60);
    scene.provider.opaque_tokens.clear();
    let answer = scene.get(&mut browser, "/oauth2/session").answer();
    assert_eq!(answer.status, 200, "a refresh will do");
    scene.provider.introspection = json!({"aud": null});
    let raw = token(&mut scene, json!({}));
    let answer = scene.send(&api(&raw)).answer();
    assert!(answer.body.contains("says nothing of `aud`"), "{}", answer.body);
}

#[test]
fn a_session_from_before_the_format_was_changed_is_asked_about_or_begins_again() {
    let mut scene = Scene::new();
    let jwt = scene.log_in();
    let opaque = json!({"access_token": {"format": "opaque"}});
    scene.reconfigure(opaque.clone());
    let answer = scene.send(&jwt.fetch("GET", "/api")).answer();
    assert_eq!(answer.status, 401, "the provider does not know it as such a token");
    assert_eq!(asked(&scene), 2, "nor what a refresh brings");
    scene.provider.opaque = true;
    let browser = scene.log_in();
    scene.reconfigure(json!({}));
    assert!(to_provider(&scene.send(&browser.page("/")).answer()));
    let answer = scene.send(&browser.fetch("GET", "/oauth2/session")).answer();
    assert_eq!(answer.status, 401);
    scene.reconfigure(opaque);
    scene.send(&browser.fetch("GET", "/api")).upstream();
}
