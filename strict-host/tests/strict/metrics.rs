//! What the host is told to count; and hosts that count nothing, where nothing else changes.

use std::collections::BTreeMap;

use oidc_gate::gate::metrics::SERIES;
use oidc_gate_strict_host::{Fault, Misdeed, Outcome};
use serde_json::json;

use super::browser::Request;
use super::scene::{ENVOY, ROOT, Scene, configuration, forwarded};

const FUNCTIONS: [&str; 3] =
    ["proxy_define_metric", "proxy_increment_metric", "proxy_record_metric"];

/// Every status that the ABI has, "unimplemented" among them.
const STATUSES: std::ops::RangeInclusive<u32> = 1..=12;

/// What a host without metrics is told to be, in the line that says what it lacks.
const UNCOUNTED: &str = "nothing is counted";
const LINE: &str = "oidc-gate: this host has";

fn series(name: &str, outcome: &str) -> String {
    format!("oidc_gate_{name}_total.outcome.{outcome}")
}

/// A worker that knows its provider, in a host of which these functions always fail.
fn failing(functions: &[&'static str], status: u32) -> Scene {
    let mut scene = Scene::unconfigured(ENVOY);
    let misdeed = Misdeed::Status(status);
    let fault = |function: &&'static str| Fault { function, at: 0, misdeed };
    scene.vm.host().set_faults(functions.iter().map(fault).collect());
    assert!(scene.vm.configure(ROOT, &configuration(&json!({}))), "{:?}", scene.vm.host().log);
    scene.warm_up();
    scene
}

/// Somebody logs in, asks, refreshes, leaves; others are let through or refused. What each request
/// came to, and what was logged of it.
fn day(scene: &mut Scene) -> (Vec<String>, Vec<String>) {
    let mut outcomes = Vec::new();
    let mut keep = |outcome: &Outcome| {
        outcomes.push(match outcome {
            Outcome::Forward(head) => format!("{:?}", head.all("x-user")),
            Outcome::Answer(answer) => format!("{} {:?}", answer.status, answer.body),
        });
    };
    let mut browser = scene.log_in();
    for path in ["/page", "/page", "/public", "/oauth2/session"] {
        keep(&scene.load(&mut browser, path));
    }
    scene.jump(310);
    keep(&scene.load(&mut browser, "/page"));
    for request in [
        Request::new("GET", "/api"),
        Request::new("GET", "/api").bearer("nonsense"),
        Request::new("GET", "/oauth2/callback?state=x&code=y"),
        Request::new("GET", "/a/..%2fapi"),
    ] {
        keep(&scene.send(&request));
    }
    keep(&scene.load(&mut browser, "/oauth2/logout"));
    keep(&scene.load(&mut browser, "/api"));
    // The host is told what was counted.
    scene.vm.tick(ROOT);
    let lines = scene.vm.host().log.iter().map(|(_, line)| line.clone());
    (outcomes, lines.filter(|line| !line.starts_with(LINE)).collect())
}

#[test]
fn every_series_is_defined_at_the_start_and_once_in_a_vm() {
    let mut scene = Scene::cold(ENVOY);
    assert_eq!(scene.vm.host().defined_metrics(), SERIES);
    assert_eq!(scene.vm.host().metrics(), BTreeMap::new(), "and all stand at zero");
    // Another configuration, and another plugin in the same VM: the host refuses a second definition.
    assert!(scene.vm.configure(ROOT, &configuration(&json!({}))));
    scene.vm.root(2);
    assert!(scene.vm.configure(2, &configuration(&json!({}))));
    assert_eq!(scene.vm.host().defined_metrics(), SERIES);
    assert!(!scene.vm.host().logged(UNCOUNTED));
}

#[test]
fn a_day_is_counted() {
    let mut scene = Scene::new();
    day(&mut scene);
    let counts = scene.vm.host().metrics();
    for (name, outcome, count) in [
        ("requests", "login_begins", 1),
        ("requests", "logged_in", 1),
        ("requests", "forward_session", 3),
        ("requests", "forward_public", 1),
        ("requests", "session_info", 1),
        ("requests", "unauthenticated", 2),
        ("requests", "invalid_token", 1),
        ("requests", "no_attempt", 1),
        ("requests", "logged_out", 1),
        ("logins", "begun", 1),
        ("logins", "done", 1),
        ("logins", "no_attempt", 1),
        ("refreshes", "renewed", 1),
        ("bearer_cache", "miss", 1),
        ("key_fetches", "done", 1),
    ] {
        assert_eq!(
            counts.get(&series(name, outcome)),
            Some(&count),
            "{name} {outcome}: {counts:#?}"
        );
    }
    assert_eq!(counts["oidc_gate_provider_calls_total.endpoint.token_endpoint.status.2xx"], 2);
    assert!(counts["oidc_gate_session_bytes"] > 1_000);
    assert!(!counts.contains_key(&series("requests", "undecided")));
}

/// What a request with a known session may cost: nothing, till the next tick.
#[test]
fn a_request_tells_the_host_nothing_and_the_next_tick_tells_what_was_counted() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    forwarded(scene.load(&mut browser, "/page"));
    scene.vm.tick(ROOT);
    let before = scene.vm.host().metrics();
    scene.vm.host().set_faults(Vec::new());
    for _ in 0..3 {
        forwarded(scene.load(&mut browser, "/page"));
    }
    let told = scene.vm.host().counted();
    assert!(told.keys().all(|function| !function.ends_with("_metric")), "{told:?}");
    scene.vm.tick(ROOT);
    assert_eq!(scene.vm.host().counted().get("proxy_increment_metric"), Some(&2));
    let after = scene.vm.host().metrics();
    let grown: Vec<_> =
        after.iter().filter(|(name, count)| before.get(*name) != Some(count)).collect();
    let expected = [series("requests", "forward_session"), series("session_cache", "hit")];
    assert_eq!(grown.iter().map(|(name, _)| (*name).clone()).collect::<Vec<_>>(), expected);
    assert!(expected.iter().all(|name| after[name] - before.get(name).unwrap_or(&0) == 3));
    scene.vm.tick(ROOT);
    assert_eq!(scene.vm.host().metrics(), after, "and once");
}

#[test]
fn in_a_host_without_metrics_all_answers_are_the_same_and_the_log_says_so_once() {
    let with = day(&mut Scene::new());
    for status in STATUSES {
        let mut scene = failing(&FUNCTIONS, status);
        assert_eq!(day(&mut scene), with, "status {status}");
        let host = scene.vm.host();
        assert_eq!(host.log.iter().filter(|(_, line)| line.contains(UNCOUNTED)).count(), 1);
        let calls = host.counted();
        assert_eq!(calls["proxy_define_metric"], 1, "it is not asked again");
        assert!(!calls.contains_key("proxy_increment_metric"), "nor told anything");
    }
}

#[test]
fn a_host_that_takes_metrics_and_does_not_count_changes_nothing() {
    let with = day(&mut Scene::new());
    let mut scene = failing(&["proxy_increment_metric", "proxy_record_metric"], 12);
    assert_eq!(day(&mut scene), with);
    assert_eq!(scene.vm.host().metrics(), BTreeMap::new());
}

#[test]
fn a_host_that_takes_some_metrics_counts_those() {
    let mut scene = Scene::unconfigured(ENVOY);
    let misdeed = Misdeed::Status(12);
    let fault = Fault { function: "proxy_define_metric", at: SERIES, misdeed };
    scene.vm.host().set_faults(vec![fault]);
    assert!(scene.vm.configure(ROOT, &configuration(&json!({}))));
    scene.warm_up();
    day(&mut scene);
    let counts = scene.vm.host().metrics();
    assert_eq!(counts[&series("requests", "forward_session")], 3);
    assert!(!counts.contains_key("oidc_gate_session_bytes"), "the histogram is the last");
    assert!(scene.vm.host().logged("oidc_gate_session_bytes"));
}

#[test]
fn a_request_that_can_not_be_decided_is_counted_too() {
    let mut scene = Scene::new();
    let misdeed = Misdeed::Status(10);
    let fault = Fault { function: "proxy_get_header_map_pairs", at: 1, misdeed };
    scene.vm.host().set_faults(vec![fault]);
    let stream = scene.arrive(&Request::new("GET", "/public"));
    assert!(
        matches!(scene.vm.host().outcome(stream), Some(Outcome::Answer(answer)) if answer.status == 503)
    );
    scene.vm.tick(ROOT);
    assert_eq!(scene.vm.host().metrics()[&series("requests", "undecided")], 1);
}
