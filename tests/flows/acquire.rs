//! `gate/acquire.rs`: to each upstream its own token, by exchange for the session's.

use oidc_gate::gate::Worker;
use serde_json::{Value, json};

use super::bearer::refused;
use super::browser::{Browser, Request};
use super::scene::{Scene, config};
use super::steps::claims;

/// Two paths of good-service, and one that may be given wider tokens.
pub(crate) fn rules() -> Value {
    let good = |more: Value| {
        let mut access_token = json!({
            "audiences": ["good-service"],
            "acquire": "token_exchange",
            "audience": "good-service",
            "scope": ["good-service"],
        });
        access_token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        access_token
    };
    json!({"rules": [
        {"match": {"path_prefix": "/good"}, "access_token": good(json!({}))},
        {"match": {"path_prefix": "/also-good"}, "access_token": good(json!({}))},
        {"match": {"path_prefix": "/wide"}, "access_token": good(json!({"extra_audiences": "allow"}))},
    ]})
}

/// A user whose own token is good everywhere, which is what no service may get.
pub(crate) fn scene() -> (Scene, Browser) {
    let mut scene = Scene::with(rules());
    scene.provider.access_token = json!({"aud": ["APP-backend", "good-service", "evil-service"]});
    let browser = scene.log_in();
    (scene, browser)
}

pub(crate) fn audience(token: &str) -> Value {
    claims(token)["aud"].clone()
}

#[test]
fn the_upstream_of_a_rule_sees_the_rules_token_and_never_the_sessions() {
    let (mut scene, mut browser) = scene();
    let wide = scene.get(&mut browser, "/api").upstream().token().to_owned();
    let upstream = scene.get(&mut browser, "/good/x").upstream();
    assert_eq!(audience(upstream.token()), json!("good-service"));
    for (name, value) in &upstream.head {
        assert!(!value.contains(&wide), "{name}");
    }
    let [asked] = &scene.provider.exchanges[..] else { panic!("one exchange") };
    assert_eq!(
        (asked["subject_token"].as_str(), asked["audience"].as_str()),
        (&*wide, "good-service")
    );
    assert_eq!(asked["scope"], "good-service");
    // The session goes on as it was.
    assert_eq!(scene.get(&mut browser, "/api").upstream().token(), wide);
}

#[test]
fn a_token_is_had_once_for_all_rules_that_ask_for_the_same() {
    let (mut scene, mut browser) = scene();
    let first = scene.get(&mut browser, "/good").upstream().token().to_owned();
    for path in ["/good/2", "/also-good"] {
        assert_eq!(scene.get(&mut browser, path).upstream().token(), first);
    }
    assert_eq!(scene.provider.exchanges.len(), 1);
    scene.get(&mut browser, "/wide").upstream();
    assert_eq!(scene.provider.exchanges.len(), 2, "it is judged by other rules");
    let mut other = scene.log_in();
    assert_ne!(scene.get(&mut other, "/good").upstream().token(), first, "another's session");
}

#[test]
fn however_many_requests_want_it_one_exchange_is_made() {
    let (mut scene, browser) = scene();
    let streams: Vec<_> =
        (0..20).map(|n| scene.arrive(&browser.fetch("GET", &format!("/good/{n}")))).collect();
    assert!(streams.iter().all(|stream| scene.outcome(*stream).is_none()), "nothing goes ahead");
    scene.leave(streams[0]);
    scene.settle();
    for stream in &streams[1..] {
        let upstream = scene.outcome(*stream).unwrap().upstream();
        assert_eq!(audience(upstream.token()), json!("good-service"));
    }
    assert_eq!(scene.provider.exchanges.len(), 1);
}

#[test]
fn a_token_is_had_again_before_it_ends_and_nobody_waits() {
    let (mut scene, mut browser) = scene();
    scene.provider.lifetime = 900;
    let mut fresh = scene.log_in();
    scene.provider.lifetime = 300;
    let first = scene.get(&mut fresh, "/good").upstream().token().to_owned();
    scene.pass(280);
    let stream = scene.arrive(&fresh.fetch("GET", "/good"));
    assert_eq!(scene.outcome(stream).unwrap().upstream().token(), first, "still good");
    scene.settle();
    assert_ne!(scene.get(&mut fresh, "/good").upstream().token(), first);
    assert_eq!(scene.provider.exchanges.len(), 2);
    // One that has ended is not sent any more.
    scene.pass(310);
    let stream = scene.arrive(&fresh.fetch("GET", "/good"));
    assert!(scene.outcome(stream).is_none());
    scene.settle();
    scene.outcome(stream).unwrap().upstream();
    let _ = scene.get(&mut browser, "/good");
}

#[test]
fn what_names_others_as_well_is_refused_unless_the_rule_allows_it() {
    let (mut scene, mut browser) = scene();
    scene.provider.exchanged = json!({"aud": ["good-service", "evil-service"]});
    let answer = scene.get(&mut browser, "/good").answer();
    assert_eq!((answer.status, answer.code().as_str()), (403, "session_token_refused"));
    for words in ["audience names", "evil-service", "extra_audiences"] {
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    let upstream = scene.get(&mut browser, "/wide").upstream();
    assert_eq!(audience(upstream.token()), json!(["good-service", "evil-service"]));
}

#[test]
fn a_token_for_somebody_else_is_refused_by_the_rules_own_audiences() {
    let (mut scene, mut browser) = scene();
    for changes in [
        json!({"aud": "APP-backend"}),
        json!({"aud": ["evil-service"]}),
        json!({"scope": "openid"}),
        json!({"iss": "https://evil.example"}),
        json!({"typ": "ID"}),
        json!({"sub": "mallory"}),
    ] {
        scene.provider.exchanged = changes.clone();
        let answer = scene.get(&mut browser, "/good").answer();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "session_token_refused"),
            "{changes}"
        );
        assert!(answer.header("location").is_none(), "a new login would change nothing");
        if changes.get("scope").is_some() {
            assert!(answer.body.contains("in its `scope`"), "{}", answer.body);
        }
        scene.pass(11);
    }
    assert_eq!(scene.provider.exchanges.len(), 6);
    scene.provider.exchanged = json!({});
    scene.get(&mut browser, "/good").upstream();
}

#[test]
fn a_clients_own_token_must_be_as_narrow_as_the_one_that_would_be_acquired() {
    let (mut scene, _) = scene();
    let now = scene.host.now;
    let mut mint = |audience: Value| {
        scene.provider.access_token = json!({});
        let claims = json!({"aud": audience, "scope": "good-service"});
        scene.provider.mint_access_token(claims, now)
    };
    let (narrow, wide) =
        (mint(json!("good-service")), mint(json!(["good-service", "evil-service"])));
    let send = |scene: &mut Scene, path: &str, token: &str| {
        scene.send(&Request::new("GET", path).bearer(token))
    };
    assert_eq!(send(&mut scene, "/good", &narrow).upstream().token(), narrow);
    for _ in 0..2 {
        refused(&send(&mut scene, "/good", &wide).answer(), "invalid_token");
    }
    assert_eq!(send(&mut scene, "/wide", &wide).upstream().token(), wide);
    refused(&send(&mut scene, "/good", &wide).answer(), "invalid_token");
    assert!(scene.provider.exchanges.is_empty(), "a client's token is not exchanged");
}

#[test]
fn rights_and_headers_come_from_the_token_that_goes_upstream() {
    let mut rules = rules();
    rules["rules"][0]["claims"] = json!({"realm_access.roles": ["reader"]});
    let mut scene = Scene::with(rules);
    scene.provider.access_token = json!({"realm_access": {"roles": ["admin"]}});
    scene.provider.exchanged = json!({"realm_access": {"roles": ["reader"]}});
    let mut browser = scene.log_in();
    let upstream = scene.get(&mut browser, "/good").upstream();
    assert_eq!(
        (upstream.all("x-roles"), upstream.all("x-mail")),
        (vec!["reader"], vec!["alice@example.test"])
    );
    scene.provider.exchanged = json!({"realm_access": {"roles": []}});
    let mut browser = scene.log_in();
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "missing_right");
}

#[test]
fn who_waits_for_a_token_when_the_configuration_changes_is_decided_anew() {
    let (mut scene, browser) = scene();
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    let mut other = rules();
    other["rules"][0]["access_token"] = json!({"audiences": ["another"]});
    let old = std::mem::replace(&mut scene.worker, Worker::new(config(&other)));
    scene.worker.take_over(old);
    scene.settle();
    assert!(scene.outcome(stream).is_none(), "the old answer is nobody's");
    scene.tick();
    scene.settle();
    let answer = scene.outcome(stream).unwrap().answer();
    assert!(answer.body.contains("another"), "{}", answer.body);
}

#[test]
fn after_a_refresh_of_the_session_what_goes_upstream_is_of_now() {
    let mut rules = rules();
    rules["rules"][0]["claims"] = json!({"realm_access.roles": ["reader"]});
    let mut scene = Scene::with(rules);
    scene.provider.access_token = json!({"realm_access": {"roles": ["reader"]}});
    let mut browser = scene.log_in();
    scene.provider.lifetime = 3_000;
    assert_eq!(scene.get(&mut browser, "/good").upstream().all("x-mail"), ["alice@example.test"]);
    scene.provider.lifetime = 300;
    scene.provider.id_token = json!({"email": "alice@new.test"});
    scene.provider.access_token = json!({"realm_access": {"roles": []}});
    scene.jump(310);
    let upstream = scene.get(&mut browser, "/good").upstream();
    assert_eq!(upstream.all("x-mail"), ["alice@new.test"]);
    // Nobody waited; and then the right is gone.
    assert_eq!(scene.provider.exchanges.len(), 2);
    for _ in 0..3 {
        assert_eq!(scene.get(&mut browser, "/good").answer().code(), "missing_right");
    }
    assert_eq!(scene.provider.exchanges.len(), 2);
}

/// Another worker, which knows nothing yet.
fn elsewhere(scene: &mut Scene, changes: &Value) {
    scene.worker = Worker::new(config(changes));
    scene.warm_up();
}

#[test]
fn what_was_acquired_is_in_the_cookie_and_another_worker_asks_nobody() {
    let (mut scene, mut browser) = scene();
    let first = scene.get(&mut browser, "/good").upstream();
    assert_eq!(first.set_cookies.len(), 1, "the session, and the token beside it");
    let again = scene.get(&mut browser, "/good").upstream();
    assert!(again.set_cookies.is_empty(), "once");
    elsewhere(&mut scene, &rules());
    assert_eq!(scene.get(&mut browser, "/also-good").upstream().token(), first.token());
    assert_eq!(scene.provider.exchanges.len(), 1);
    // Another rule's token comes beside it, and both survive a refresh.
    let wide = scene.get(&mut browser, "/wide").upstream();
    assert_eq!((wide.set_cookies.len(), scene.provider.exchanges.len()), (1, 2));
    elsewhere(&mut scene, &rules());
    for (path, token) in [("/good", first.token()), ("/wide", wide.token())] {
        assert_eq!(scene.get(&mut browser, path).upstream().token(), token);
    }
    assert_eq!(scene.provider.exchanges.len(), 2);
}

#[test]
fn a_token_in_the_cookie_is_judged_by_the_rule_of_today() {
    let (mut scene, mut browser) = scene();
    scene.get(&mut browser, "/wide").upstream();
    let mut narrower = rules();
    narrower["rules"][2]["access_token"]["audiences"] = json!(["another"]);
    elsewhere(&mut scene, &narrower);
    scene.get(&mut browser, "/wide").answer();
    assert_eq!(scene.provider.exchanges.len(), 2, "what it asked for before is no answer");
    // Its time is over while the session goes on: it is had again.
    elsewhere(&mut scene, &rules());
    scene.provider.lifetime = 3_000;
    scene.jump(330);
    scene.get(&mut browser, "/wide").upstream();
    assert_eq!(scene.provider.exchanges.len(), 3);
}

#[test]
fn what_does_not_fit_into_the_cookies_is_left_out_the_least_used_first() {
    let mut changes = rules();
    changes["session"] = json!({"cookie": {"max_count": 1}});
    let noise = |seed: u64| {
        let mut state = seed;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + (state >> 59) as u8 % 26)
        };
        (0..2_400).map(|_| letter()).collect::<String>()
    };
    let mut scene = Scene::with(changes.clone());
    let mut browser = scene.log_in();
    scene.provider.exchanged = json!({"noise": noise(1)});
    scene.get(&mut browser, "/good").upstream();
    scene.pass(1);
    scene.provider.exchanged = json!({"noise": noise(2)});
    let wide = scene.get(&mut browser, "/wide").upstream();
    assert_eq!(wide.set_cookies.len(), 1);
    elsewhere(&mut scene, &changes);
    assert_eq!(scene.get(&mut browser, "/wide").upstream().token(), wide.token());
    assert_eq!(scene.provider.exchanges.len(), 2);
    scene.get(&mut browser, "/good").upstream();
    assert_eq!(scene.provider.exchanges.len(), 3, "it had no room, and can be had again");
    // One that fits nowhere costs nobody anything.
    scene.provider.exchanged = json!({"noise": noise(3), "more": noise(4)});
    let mut browser = scene.log_in();
    assert!(!scene.get(&mut browser, "/good").upstream().token().is_empty());
    scene.get(&mut browser, "/api").upstream();
}

#[test]
fn what_no_rule_asks_for_any_more_leaves_the_cookie_and_so_does_what_has_ended() {
    let (mut scene, mut browser) = scene();
    scene.get(&mut browser, "/good").upstream();
    let mut fewer = rules();
    fewer["rules"] = json!([rules()["rules"][2]]);
    elsewhere(&mut scene, &fewer);
    scene.get(&mut browser, "/wide").upstream();
    elsewhere(&mut scene, &rules());
    scene.get(&mut browser, "/good").upstream();
    assert_eq!(scene.provider.exchanges.len(), 3);
    let size = |browser: &Browser| browser.line().len();
    let full = size(&browser);
    scene.jump(340);
    scene.get(&mut browser, "/api").upstream();
    assert!(size(&browser) < full * 3 / 4, "{} of {full}", size(&browser));
}

#[test]
fn a_token_that_comes_while_the_session_is_refreshed_waits_for_the_new_sessions_cookie() {
    let (mut scene, mut browser) = scene();
    scene.jump(280);
    let page = scene.arrive(&browser.page("/"));
    let fetch = scene.arrive(&browser.fetch("GET", "/good"));
    // The exchange is answered first.
    scene.host.pending.swap(0, 1);
    scene.deliver();
    assert!(scene.outcome(fetch).unwrap().upstream().set_cookies.is_empty());
    scene.settle();
    browser.take(scene.outcome(page).unwrap().set_cookies());
    let exchanges = scene.provider.exchanges.len();
    elsewhere(&mut scene, &rules());
    scene.get(&mut browser, "/good").upstream();
    assert!(scene.provider.exchanges.len() <= exchanges + 1);
}
