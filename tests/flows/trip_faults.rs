//! Trips and renewals where a provider is odd, answers are lost and workers are in each other's way.

use oidc_gate::gate::Worker;
use serde_json::json;

use super::browser::Browser;
use super::host::Endpoint;
use super::process::Process;
use super::provider::Fault;
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

#[test]
fn a_renewed_token_is_taken_whatever_its_times_are_and_no_refresh_token_is_spent_twice() {
    let now = |scene: &Scene| scene.host.now.seconds();
    // No `iat`; the same one each time; the very token till it ends.
    for which in 0..3 {
        let (mut scene, _) = scene();
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
    let mut changes = rules();
    changes["session"] = json!({"refresh_margin": "140s"});
    let mut scene = Scene::with(changes);
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
fn a_renewal_that_the_provider_refuses_ends_no_session_in_the_log() {
    let (mut scene, mut browser) = scene();
    trip(&mut scene, &mut browser, "/good");
    scene.jump(340);
    load(&mut scene, &mut browser);
    let body = br#"{"error":"invalid_grant"}"#.to_vec();
    scene.provider.fail(Endpoint::Token, Fault::Body(400, body));
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
    assert!(!scene.host.logged(&["session_over"]));
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
