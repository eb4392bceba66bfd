//! Trips and renewals where a provider is odd, answers are lost and workers are in each other's way.

use oidc_gate::gate::Worker;
use serde_json::{Value, json};

use super::browser::Browser;
use super::host::Endpoint;
use super::process::Process;
use super::provider::{Fault, noise};
use super::scene::{Scene, config};
use super::steps::{CALLBACK, load};
use super::trip::{elsewhere, rules, scene, trip};

/// Loads `/good` again and again, in seconds from now.
fn good_for(scene: &mut Scene, browser: &mut Browser, moments: &[i64]) {
    for seconds in moments {
        scene.jump(*seconds);
        scene.tick();
        let stream = scene.arrive(&browser.fetch("GET", "/good"));
        for _ in 0..50 {
            scene.deliver();
        }
        browser.take(&scene.outcome(stream).unwrap().upstream().set_cookies);
    }
}

/// Tokens are had anew for so long that outcomes are forgotten meanwhile.
pub(crate) fn early() -> Value {
    let mut rules = rules();
    rules["session"] = json!({"refresh_margin": "140s"});
    rules
}

#[test]
fn a_renewed_token_is_taken_whatever_its_times_are_and_no_refresh_token_is_spent_twice() {
    let now = |scene: &Scene| scene.host.now.seconds();
    // No `iat`; the same one each time; the very token till it ends.
    for which in 0..3 {
        let mut scene = Scene::with(early());
        scene.provider.lifetime = 9_000;
        let mut browser = scene.log_in();
        scene.provider.lifetime = 300;
        scene.provider.narrowed = match which {
            0 => json!({"iat": null}),
            1 => json!({"iat": now(&scene)}),
            _ => json!({"iat": now(&scene), "exp": now(&scene) + 900, "jti": "same"}),
        };
        trip(&mut scene, &mut browser, "/good");
        let calls = scene.token_calls();
        good_for(&mut scene, &mut browser, &[250, 30, 70, 70, 70, 70, 100, 30, 70, 70]);
        assert_eq!(scene.provider.thefts, 0, "{which}");
        assert!(scene.token_calls() - calls < 8, "{which}: {}", scene.token_calls() - calls);
        elsewhere(&mut scene);
        good_for(&mut scene, &mut browser, &[70]);
        assert_eq!(scene.provider.thefts, 0, "{which}");
    }
}

#[test]
fn a_refresh_token_whose_answer_was_refused_is_not_used_again() {
    let mut scene = Scene::with(early());
    let mut browser = scene.log_in();
    trip(&mut scene, &mut browser, "/good");
    scene.provider.narrowed = json!({"aud": "another"});
    good_for(&mut scene, &mut browser, &[170, 65]);
    assert_eq!(scene.provider.thefts, 0);
    scene.jump(115);
    for _ in 0..3 {
        assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
        scene.pass(65);
    }
    assert_eq!(scene.provider.thefts, 0);
    load(&mut scene, &mut browser);
    // The trip says why.
    let query = scene.begin(&mut browser, "/good");
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.header("location")), (403, None));
    assert!(answer.body.contains("another"), "{}", answer.body);
}

#[test]
fn a_renewal_that_a_reload_overtakes_keeps_the_refresh_token_where_they_do_not_rotate() {
    let (mut scene, mut browser) = scene();
    scene.provider.rotates = false;
    trip(&mut scene, &mut browser, "/good");
    scene.jump(280);
    load(&mut scene, &mut browser);
    load(&mut scene, &mut browser);
    let stream = scene.arrive(&browser.fetch("GET", "/good"));
    assert_eq!(scene.host.pending.len(), 1);
    let old = std::mem::replace(&mut scene.worker, Worker::new(config(&rules())));
    scene.worker.take_over(old);
    scene.warm_up();
    scene.tick();
    scene.settle();
    browser.take(scene.outcome(stream).unwrap().set_cookies());
    good_for(&mut scene, &mut browser, &[1, 290, 300]);
}

#[test]
fn what_a_trip_brings_does_not_inherit_the_refresh_token_of_the_one_before() {
    let (mut scene, mut browser) = scene();
    trip(&mut scene, &mut browser, "/good");
    scene.jump(2);
    scene.provider.refreshes = false;
    scene.log_in_with(&mut browser, &login_of("/good"));
    scene.provider.refreshes = true;
    let calls = scene.token_calls();
    scene.jump(280);
    scene.get(&mut browser, "/good").upstream();
    scene.settle();
    // The session's own, and no other.
    assert_eq!(scene.token_calls(), calls + 1);
}

fn login_of(path: &str) -> String {
    let mut scene = Scene::with(rules());
    let mut browser = scene.log_in();
    let answer = scene.get(&mut browser, path).answer();
    format!("{}?return_to={path}", answer.json()["login"].as_str().unwrap())
}

#[test]
fn who_logs_out_while_a_trips_code_is_under_way_is_answered_when_it_comes() {
    let (mut scene, mut browser) = scene();
    let query = scene.begin(&mut browser, "/good");
    let callback = scene.arrive(&browser.page(&format!("{CALLBACK}?{query}")));
    let out = scene.arrive(&browser.page("/oauth2/logout"));
    browser.take(scene.outcome(out).unwrap().set_cookies());
    scene.settle();
    let answer = scene.outcome(callback).expect("it is answered").answer();
    browser.take(&answer.set_cookies);
    assert!(browser.session().is_empty(), "{answer:?}");
}

#[test]
fn a_trip_that_ends_while_the_session_is_refreshed_does_not_bring_its_old_refresh_token_back() {
    // On this worker, and on another.
    for worker in 0..2 {
        for early in [true, false] {
            let mut process = Process::with(&[rules(), rules()]);
            let mut browser = process.at(0).log_in();
            let query = process.at(0).begin(&mut browser, "/good");
            process.jump(280);
            let callback = process.at(0).arrive(&browser.page(&format!("{CALLBACK}?{query}")));
            let page = process.at(worker).arrive(&browser.page("/"));
            if early {
                process.at(worker).settle();
                process.at(0).settle();
            } else {
                process.at(0).settle();
            }
            process.settle();
            let refreshed = process.workers[worker].outcome(page).unwrap();
            let back = process.workers[0].outcome(callback).unwrap();
            browser.take(refreshed.set_cookies());
            browser.take(back.set_cookies());
            process.pass(65);
            process.jump(230);
            let page = process.at(0).arrive(&browser.page("/"));
            process.settle();
            assert_eq!(process.thefts(), 0, "{worker} {early}");
            process.upstream(0, page);
        }
    }
}

#[test]
fn a_renewed_token_whose_cookie_was_lost_is_written_again() {
    let (mut scene, mut browser) = scene();
    trip(&mut scene, &mut browser, "/good");
    scene.jump(280);
    load(&mut scene, &mut browser);
    let lost = scene.arrive(&browser.fetch("GET", "/good"));
    scene.settle();
    assert!(!scene.outcome(lost).unwrap().set_cookies().is_empty());
    good_for(&mut scene, &mut browser, &[70, 1]);
    elsewhere(&mut scene);
    good_for(&mut scene, &mut browser, &[1]);
    assert_eq!(scene.provider.thefts, 0);
    let quiet = scene.get(&mut browser, "/good").upstream();
    assert!(quiet.set_cookies.is_empty(), "once");
}

#[test]
fn who_leaves_while_a_token_is_renewed_finds_it_minutes_later() {
    let (mut scene, mut browser) = scene();
    trip(&mut scene, &mut browser, "/good");
    scene.jump(280);
    load(&mut scene, &mut browser);
    let left = scene.arrive(&browser.fetch("GET", "/good"));
    scene.leave(left);
    scene.settle();
    scene.pass(70);
    good_for(&mut scene, &mut browser, &[1]);
    assert_eq!(scene.provider.thefts, 0);
}

#[test]
fn a_trip_does_not_bring_a_session_back_that_was_logged_out_on_another_worker() {
    for refreshes in [true, false] {
        let mut process = Process::with(&[rules(), rules()]);
        process.at(0).provider.refreshes = refreshes;
        let mut browser = process.at(0).log_in();
        let query = process.at(0).begin(&mut browser, "/good");
        let callback = process.at(0).arrive(&browser.page(&format!("{CALLBACK}?{query}")));
        let out = process.at(1).arrive(&browser.page("/oauth2/logout"));
        browser.take(process.workers[1].outcome(out).unwrap().set_cookies());
        process.settle();
        browser.take(process.workers[0].outcome(callback).unwrap().set_cookies());
        assert!(browser.session().is_empty(), "{refreshes}");
    }
}

#[test]
fn only_a_page_load_begins_a_trip_and_nothing_else_passes_without_its_token() {
    let (mut scene, mut browser) = scene();
    let websocket = browser.page("/good").and("upgrade", "websocket");
    let head = browser.page("/good").with(":method", "HEAD");
    for (request, status) in [
        (browser.form("/good"), 401),
        (browser.fetch("DELETE", "/good"), 401),
        (websocket, 401),
        (head, 302),
        (browser.page("/good"), 302),
        (browser.page("/good").with("sec-fetch-site", "cross-site"), 302),
        (browser.form("/good").with("sec-fetch-site", "cross-site"), 403),
    ] {
        let answer = scene.send(&request).answer();
        assert_eq!(answer.status, status, "{request:?}");
        assert_eq!(answer.set_cookies.is_empty(), status != 302);
    }
    let login = login_of("/good");
    for (request, status) in [
        (browser.fetch("POST", &login), 405),
        (browser.fetch("GET", &login).with("sec-fetch-site", "cross-site"), 403),
        (browser.fetch("GET", &login).with("sec-fetch-site", "same-site"), 403),
        (browser.page(&login).with("sec-fetch-site", "cross-site"), 302),
    ] {
        assert_eq!(scene.send(&request).answer().status, status);
    }
    load(&mut scene, &mut browser);
}

#[test]
fn a_code_that_gets_no_token_is_told_and_the_page_can_be_opened_again() {
    for (fault, status) in [
        (Fault::Status(500), 503),
        (Fault::NoAnswer, 503),
        (Fault::Body(400, br#"{"error":"invalid_grant"}"#.to_vec()), 400),
        (Fault::Body(401, br#"{"error":"invalid_client"}"#.to_vec()), 503),
    ] {
        let (mut scene, mut browser) = scene();
        let query = scene.begin(&mut browser, "/good");
        scene.provider.fail(Endpoint::Token, fault);
        let answer = scene.come_back(&mut browser, &query).answer();
        assert_eq!((answer.status, answer.header("location")), (status, None));
        load(&mut scene, &mut browser);
        scene.pass(2);
        trip(&mut scene, &mut browser, "/good");
        scene.visit(&mut browser, "/good").upstream();
    }
}

#[test]
fn a_trip_that_took_too_long_begins_again_and_ends() {
    let (mut scene, mut browser) = scene();
    scene.provider.lifetime = 9_000;
    let mut browser_of_long = scene.log_in();
    std::mem::swap(&mut browser, &mut browser_of_long);
    let query = scene.begin(&mut browser, "/good");
    scene.jump(700);
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.location()), (302, "https://app.example/good"));
    trip(&mut scene, &mut browser, "/good");
    scene.visit(&mut browser, "/good").upstream();
}

#[test]
fn a_trip_that_the_login_before_began_brings_nothing_of_that_user_to_the_next() {
    let (mut scene, mut browser) = scene();
    let query = scene.begin(&mut browser, "/good");
    let old = browser.clone();
    // Somebody else signs in, in the same browser.
    let out = browser.page("/oauth2/logout");
    scene.load(&mut browser, &out).answer();
    scene.provider.id_token = json!({"sub": "bob"});
    scene.provider.access_token = json!({"sub": "bob"});
    scene.log_in_with(&mut browser, "/oauth2/login?return_to=/api");
    for (name, cookie) in old.jar {
        browser.jar.entry(name).or_insert(cookie);
    }
    scene.provider.id_token = json!({});
    scene.provider.access_token = json!({});
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!(answer.code(), "login_token_refused");
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
}

#[test]
fn two_sessions_share_no_token_of_a_trip_and_a_login_begins_without_any() {
    let (mut scene, mut browser) = scene();
    trip(&mut scene, &mut browser, "/good");
    scene.get(&mut browser, "/good").upstream();
    let mut other = scene.log_in();
    assert_eq!(scene.get(&mut other, "/good").answer().code(), "token_needed");
    scene.log_in_with(&mut browser, "/oauth2/login?return_to=/api");
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
}

#[test]
fn a_login_endpoint_that_ends_with_a_slash_has_its_trips_below_it_too() {
    let mut changes = rules();
    changes["endpoints"] = json!({"login": "/sign-in/"});
    let mut scene = Scene::with(changes);
    let mut browser = scene.log_in();
    let login = scene.get(&mut browser, "/good").answer().json()["login"].clone();
    let login = login.as_str().unwrap();
    assert!(!login.contains("//"), "{login}");
    let query = scene.begin(&mut browser, login);
    scene.come_back(&mut browser, &query).answer();
    scene.get(&mut browser, "/good").upstream();
}

#[test]
fn what_one_session_was_brought_is_not_put_into_the_next_of_the_same_browser() {
    let (mut scene, mut browser) = scene();
    let query = scene.begin(&mut browser, "/good");
    let page = browser.page(&format!("{CALLBACK}?{query}"));
    let left = scene.arrive(&page);
    scene.leave(left);
    scene.settle();
    // Its code was sent, and somebody else signs in before the callback is opened again.
    scene.provider.id_token = json!({"sub": "bob"});
    scene.provider.access_token = json!({"sub": "bob"});
    scene.log_in_with(&mut browser, "/oauth2/login?return_to=/api");
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.location()), (302, "https://app.example/good"));
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
    elsewhere(&mut scene);
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
}

#[test]
fn the_id_token_of_a_trip_is_judged_like_that_of_a_login() {
    let past = Scene::new().host.now.seconds() - 100;
    for changes in [
        json!({"nonce": "another"}),
        json!({"at_hash": "another"}),
        json!({"aud": "another"}),
        json!({"azp": "another"}),
        json!({"exp": past}),
        json!({"iss": "https://evil.example"}),
    ] {
        let (mut scene, mut browser) = scene();
        scene.provider.id_token = changes.clone();
        let query = scene.begin(&mut browser, "/good");
        let answer = scene.come_back(&mut browser, &query).answer();
        assert_eq!(answer.code(), "login_token_refused", "{changes}");
        assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
    }
}

#[test]
fn the_token_that_a_trip_brought_is_the_one_that_finds_room_in_the_cookie() {
    let mut changes = rules();
    changes["session"] = json!({"cookie": {"max_count": 1}});
    let mut scene = Scene::with(changes.clone());
    let mut browser = scene.log_in();
    let noise = noise(4_400);
    for (path, groups) in [("/good", &noise[..2_200]), ("/evil", &noise[2_200..])] {
        scene.provider.narrowed = json!({"groups": groups});
        trip(&mut scene, &mut browser, path);
        scene.get(&mut browser, path).upstream();
    }
    scene.worker = Worker::new(config(&changes));
    scene.warm_up();
    scene.get(&mut browser, "/evil").upstream();
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
}
