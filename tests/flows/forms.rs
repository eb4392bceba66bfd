//! `gate/forms.rs`: forms that are not kept, hosts that do not hand bodies over, and what nobody
//! may see of a form.

use std::time::Duration;

use oidc_gate::gate::{FORM_LIMIT, Level};
use serde_json::json;

use super::browser::{Browser, Request};
use super::forms_kept::{assert_not_kept, keeping, to_provider_by_page};
use super::host::Endpoint;
use super::provider::Fault;
use super::scene::Scene;
use super::steps::parameter;

const LATE: &str = "it did not come in time";

/// Time passes, with ticks as often as the host has them.
fn pass_millis(scene: &mut Scene, millis: u64) {
    for _ in 0..millis / 200 {
        scene.host.now = scene.host.now.plus(Duration::from_millis(200));
        scene.tick();
    }
}

#[test]
fn where_it_is_off_every_form_gets_a_page_that_says_that_nothing_was_sent_on_and_how_to_go_on() {
    let mut scene = Scene::new();
    let form = Browser::default().form("/orders");
    for request in
        [form.clone(), form.clone().with("content-type", "multipart/form-data; boundary=x")]
    {
        let answer = scene.send(&request).answer();
        assert_not_kept(&answer, "You are not signed in, so the form was not sent on.</p>");
        assert!(answer.body.contains("Sign in in another tab, then load this page again"));
    }
    // A rule that says 401 is obeyed where forms are kept, too.
    let mut scene = keeping();
    let answer = scene.send(&form.with(":path", "/api/x")).answer();
    assert_not_kept(&answer, "You are not signed in, so the form was not sent on.</p>");
    assert!(scene.upstreams.is_empty());
}

#[test]
fn programs_get_the_same_problem_whether_forms_are_kept_or_not() {
    for mut scene in [Scene::new(), keeping()] {
        let browser = Browser::default();
        let plain =
            Request::new("POST", "/").and("content-type", "application/x-www-form-urlencoded");
        for request in
            [browser.fetch("POST", "/"), browser.form("/").with("sec-fetch-mode", "cors"), plain]
        {
            let answer = scene.send(&request).answer();
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"));
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
        for method in ["PUT", "DELETE", "post"] {
            let answer = scene.send(&browser.form("/").with(":method", method)).answer();
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"));
        }
    }
}

#[test]
fn the_way_back_is_the_forms_own_page_and_never_leads_elsewhere() {
    let mut scene = Scene::new();
    let form = Browser::default().form("/orders").without("referer");
    for (referer, back) in [
        (Some("https://app.example/a?b=c"), "/a?b=c"),
        (Some("https://app.example/"), "/"),
        (Some("https://app.example"), "/"),
        (Some("https://app.example.evil.example/x"), "/"),
        (Some("https://evil.example/x"), "/"),
        (Some("http://app.example/x"), "/"),
        (Some("https://app.example//evil.example"), "/"),
        (Some("https://app.example/\\evil.example"), "/"),
        (Some("https://app.example/oauth2/logout"), "/"),
        (Some("https://app.example/\"><script>"), "/\"><script>"),
        (None, "/"),
    ] {
        let request = match referer {
            Some(referer) => form.clone().and("referer", referer),
            None => form.clone(),
        };
        let answer = scene.send(&request).answer();
        let (_, rest) = answer.body.split_once("<a href=\"").unwrap();
        let link = rest.split('"').next().unwrap();
        assert_eq!(parameter(link, "return_to").as_deref(), Some(back), "{referer:?}: {link}");
        assert!(!answer.body.contains("<script"));
    }
}

#[test]
fn a_host_that_hands_no_body_over_costs_two_seconds_and_one_line_in_the_log() {
    let mut scene = keeping();
    let request = Browser::default().form("/orders");
    for _ in 0..3 {
        let stream = scene.arrive(&request);
        pass_millis(&mut scene, 1_800);
        assert!(scene.outcome(stream).is_none());
        pass_millis(&mut scene, 200);
        assert_not_kept(&scene.outcome(stream).unwrap().answer(), LATE);
    }
    let told = |(level, line): &&(Level, String)| {
        *level == Level::Warn && line.contains("allow_on_headers_stop_iteration: true")
    };
    assert_eq!(scene.host.log.iter().filter(told).count(), 1, "{:?}", scene.host.log);
    assert!(scene.upstreams.is_empty());
}

#[test]
fn where_the_host_hands_bodies_over_a_slow_sender_has_ten_seconds_and_the_log_tells_nobody() {
    let mut scene = keeping();
    let request = Browser::default().form("/orders");
    let stream = scene.arrive(&request);
    scene.body(stream, &request, b"a", false);
    pass_millis(&mut scene, 9_800);
    assert!(scene.outcome(stream).is_none());
    pass_millis(&mut scene, 200);
    assert_not_kept(&scene.outcome(stream).unwrap().answer(), LATE);
    // What comes after the answer changes nothing.
    scene.body(stream, &request, b"a=1", true);
    assert!(!scene.host.logged(&["allow_on_headers_stop_iteration"]), "{:?}", scene.host.log);
    // The worker knows its host now.
    let stream = scene.arrive(&request);
    pass_millis(&mut scene, 5_000);
    scene.body(stream, &request, b"a=1", true);
    assert!(to_provider_by_page(&scene.outcome(stream).unwrap().answer()));
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_for_it() {
    let mut scene = keeping();
    let stream = scene.arrive(&Browser::default().form("/orders"));
    scene.jump(-3_600);
    pass_millis(&mut scene, 2_200);
    assert_not_kept(&scene.outcome(stream).unwrap().answer(), LATE);
}

#[test]
fn a_length_that_is_told_is_judged_before_any_body_comes() {
    let mut scene = keeping();
    let form = Browser::default().form("/orders");
    let length = (FORM_LIMIT + 1).to_string();
    let answer = scene.send(&form.clone().and("content-length", length)).answer();
    assert_not_kept(&answer, "it is larger than 16 KB");
    for odd in ["", "x", "-1", "99999999999999999999999"] {
        let stream = scene.arrive(&form.clone().and("content-length", odd));
        assert!(scene.outcome(stream).is_none(), "the body itself is judged: {odd}");
    }
}

#[test]
fn a_client_that_leaves_while_its_body_comes_leaves_nothing_behind() {
    let mut scene = keeping();
    let request = Browser::default().form("/orders");
    let stream = scene.arrive(&request);
    scene.leave(stream);
    assert!(!scene.worker.body_grows(stream, 3, true));
    pass_millis(&mut scene, 3_000);
}

#[test]
fn before_the_provider_is_known_a_form_waits_and_its_body_is_asked_for_afterwards() {
    let mut scene = Scene::cold(json!({"preserve_post": true}));
    scene.provider.fail(Endpoint::Discovery, Fault::NoAnswer);
    let request = Browser::default().form("/orders");
    let stream = scene.arrive(&request);
    assert!(!scene.worker.body_grows(stream, 3, true), "it is not asked for yet");
    scene.tick();
    scene.settle();
    scene.pass(3);
    scene.settle();
    assert!(scene.outcome(stream).is_none());
    scene.body(stream, &request, b"a=1", true);
    assert!(to_provider_by_page(&scene.outcome(stream).unwrap().answer()));
}

#[test]
fn a_body_that_nobody_asked_for_decides_nothing() {
    let mut scene = Scene::cold(json!({"preserve_post": true}));
    let page = Browser::default().page("/");
    let stream = scene.arrive(&page);
    let step = scene.worker.body(&mut scene.host, stream, &super::scene::head(&page), b"a=1");
    assert!(matches!(step, oidc_gate::gate::Step::Wait), "{step:?}");
    let nobody = oidc_gate::gate::StreamId(99);
    let step = scene.worker.body(&mut scene.host, nobody, &super::scene::head(&page), b"a=1");
    assert!(matches!(step, oidc_gate::gate::Step::Wait), "{step:?}");
    scene.warm_up();
    assert_eq!(scene.outcome(stream).unwrap().answer().status, 302);
}

#[test]
fn a_browser_is_never_left_with_more_cookies_than_servers_take() {
    let mut scene = keeping();
    let body = format!("a={}", "x".repeat(FORM_LIMIT - 2));
    for (others, kept) in [(20_000, true), (30_000, false)] {
        let cookie = format!("app={}", "c".repeat(others));
        let request = Browser::default().form("/orders").and("cookie", cookie);
        let mut browser = Browser::default();
        let answer = scene.post(&mut browser, &request, body.as_bytes());
        if kept {
            assert!(to_provider_by_page(&answer));
            let bytes: usize = browser.jar.values().map(|cookie| cookie.value.len()).sum();
            assert!(bytes + others < 50_000, "{bytes}");
        } else {
            assert_not_kept(&answer, "the browser has too many cookies of this site");
        }
    }
}

#[test]
fn nothing_of_a_form_is_told_to_the_log_or_to_the_upstream() {
    let mut scene = keeping();
    let mut browser = Browser::default();
    let query = scene.post_and_sign_in(&mut browser, "/orders", "password=hunter2-hunter2");
    let waiting = browser.form("/orders");
    let stream = scene.arrive(&waiting);
    scene.body(stream, &waiting, b"password=hunter2", false);
    scene.printed.push(format!("{:?}", scene.worker));
    scene.body(stream, &waiting, b"password=hunter2&%zz", true);
    let page = scene.come_back(&mut browser, &query).answer();
    assert!(page.body.contains("hunter2-hunter2"), "but its sender sees it");
    let logged = scene.host.log.iter().map(|(_, line)| line);
    assert!(logged.chain(&scene.printed).all(|text| !text.contains("hunter2")));
    // A cookie that does come along goes no further.
    let kept = "a=1; __Secure-oidc_gate.form=1.AAAA; __Secure-oidc_gate.form.1=BBBB";
    let upstream = scene.send(&Request::new("GET", "/public").and("cookie", kept)).upstream();
    assert_eq!(upstream.all("cookie"), ["a=1"]);
}
