//! A host that has nothing of what the gate can do without, all at once: everything degrades, and nothing opens.

use oidc_gate_strict_host::{Fault, Head, Misdeed, Outcome, Traits};
use serde_json::json;

use super::browser::{Browser, Request};
use super::matrix::Day;
use super::provider::Fault as Trouble;
use super::scene::{ENVOY, ROOT, Scene, answered, configuration, forwarded};
use super::sent::Endpoint;

const BOTH: [Traits; 2] = [ENVOY, Traits::LESSER];

#[test]
fn login_session_refresh_and_logout_run_where_everything_is_missing() {
    let mut scene = Scene::with(Traits::LESSER);
    let mut browser = scene.log_in();
    let upstream = forwarded(scene.load(&mut browser, "/page"));
    assert_eq!(upstream.all("x-user"), ["alice"]);
    let [first] = upstream.all("authorization")[..] else { panic!("{upstream:?}") };
    assert_eq!(upstream.all("cookie"), [""], "the session stays here");

    scene.jump(310);
    let old = browser.line();
    let renewed = forwarded(scene.load(&mut browser, "/page"));
    assert_ne!(renewed.all("authorization"), [first]);
    assert_ne!(browser.line(), old, "the new session came with the upstream's response");
    assert_eq!(scene.provider.thefts, 0);

    assert_eq!(answered(scene.load(&mut browser, "/oauth2/logout")).status, 302);
    assert_eq!(answered(scene.load(&mut browser, "/page")).status, 302);
    assert_eq!(answered(scene.send(&browser.fetch("GET", "/api"))).status, 401);
}

/// ngx_wasm_module traps on a call that is made any earlier.
#[test]
fn the_provider_is_asked_on_the_first_tick_and_not_before() {
    for traits in BOTH {
        let mut scene = Scene::cold(traits);
        assert!(scene.vm.host().calls.is_empty());
        scene.vm.tick(ROOT);
        let [call] = &scene.vm.host().calls[..] else { panic!("one call") };
        assert!(call.headers[":path"].ends_with("/.well-known/openid-configuration"));
    }
}

/// Such a host sends one `Set-Cookie` of an answer, and all that are added when it comes by.
#[test]
fn all_cookies_of_an_answer_arrive_where_an_answer_itself_can_have_one() {
    for traits in BOTH {
        let mut scene = Scene::with(traits);
        let mut browser = Browser::default();
        let begun = answered(scene.load(&mut browser, "/start"));
        let query = scene.provider.authorize(begun.headers.all("location")[0]);
        let stream = scene.arrive(&browser.page(&format!("/oauth2/callback?{query}")));
        scene.settle();
        let outcome = scene.vm.host().outcome(stream).cloned();
        let cookies = answered(outcome.expect("an answer")).headers;
        let cookies = cookies.all("set-cookie");
        let gone = cookies.iter().filter(|line| line.contains("Max-Age=0")).count();
        assert!(cookies.len() > gone && gone > 0, "a session, and the end of the attempt");
    }
}

#[test]
fn a_failed_call_is_recognised_in_both_shapes_wherever_it_happens() {
    for traits in BOTH {
        for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
            let mut scene = Scene::cold(traits);
            scene.provider.fail(endpoint, Trouble::NoAnswer);
            let stream = scene.arrive(&Browser::default().page("/page"));
            scene.vm.tick(ROOT);
            scene.settle();
            assert_eq!(scene.status(stream), None, "{endpoint:?}: it is asked for again");
            scene.pass(5);
            scene.settle();
            scene.pass(5);
            scene.settle();
            assert_eq!(scene.status(stream), Some(302), "{endpoint:?}");
        }
        let mut scene = Scene::with(traits);
        let mut browser = scene.log_in();
        scene.jump(310);
        scene.provider.fail(Endpoint::Token, Trouble::NoAnswer);
        assert_eq!(answered(scene.load(&mut browser, "/page")).status, 503);
        scene.pass(5);
        scene.settle();
        assert_eq!(forwarded(scene.load(&mut browser, "/page")).all("x-user"), ["alice"]);
        assert_eq!(scene.provider.thefts, 0);
    }
}

#[test]
fn rules_by_route_let_nothing_through_where_routes_have_no_names() {
    let mut scene = Scene::cold(Traits::LESSER);
    let rules = json!({"rules": [{"match": {"route_name": "open"}, "access": "public"}]});
    assert!(scene.vm.configure(ROOT, &configuration(&rules)));
    scene.warm_up();
    scene.vm.host().route = Some("open");
    assert_eq!(answered(scene.send(&Request::new("GET", "/"))).status, 503);
}

#[test]
fn trailers_are_cleaned_or_go_no_further() {
    let mut scene = Scene::with(Traits::LESSER);
    for (names, clean) in [(&["x-user"][..], true), (&["x-user", "x-user"], false)] {
        let stream = scene.arrive(&Request::new("GET", "/public"));
        let trailers = names.iter().map(|name| (name.as_bytes().to_vec(), b"evil".to_vec()));
        let (action, sent) = scene.vm.trailers(stream, Head::new(trailers));
        let evil = sent.all("x-user").contains(&"evil");
        assert_eq!(!evil, clean);
        assert_eq!(action == oidc_gate_strict_host::Action::Continue, clean);
    }
}

/// Beside all that is missing, each function that is there fails for good.
#[test]
fn whatever_else_fails_in_such_a_host_nobody_is_let_through_or_forgotten() {
    let mut day = Day::run(Traits::LESSER, Vec::new());
    let counted = day.scene.vm.host().counted();
    let forwards = day.streams.clone().into_iter().filter(|(stream, _)| {
        matches!(day.scene.vm.host().outcome(*stream), Some(Outcome::Forward(_)))
    });
    assert_eq!(forwards.count(), 4, "public, a session, and two after the refresh");
    day.hold(&[]);
    assert!(counted.len() > 8, "{counted:?}");
    for function in counted.into_keys() {
        let fault = Fault { function, at: 0, misdeed: Misdeed::Status(10) };
        Day::run(Traits::LESSER, vec![fault]).hold(&[fault]);
    }
}
