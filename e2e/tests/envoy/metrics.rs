//! What Prometheus reads of a real Envoy: names, labels, values; with the labels of envoy.yaml, and without.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use oidc_gate_dev::Minted;
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::{Protocol, Request};
use oidc_gate_e2e::wait;
use serde_json::json;

use crate::expiry::{exact, expired};
use crate::seen::logged_in;

/// The gate's series: name and labels as they are written, and the value.
fn series(gate: &Gate) -> BTreeMap<String, f64> {
    let page = gate.envoy.prometheus();
    let lines = page.lines().filter(|line| line.starts_with("oidc_gate_"));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        })
        .collect()
}

/// The same once the host has been told of all that came before: it is told with each tick, five times a second.
fn settled(gate: &Gate) -> BTreeMap<String, f64> {
    let mut last = series(gate);
    wait::until("the counts to stand still", || {
        sleep(Duration::from_secs(1));
        let now = series(gate);
        let stands = now == last;
        last = now;
        stands.then(|| last.clone())
    })
}

/// The value of a series that must be there.
#[track_caller]
fn value(gate: &Gate, name: &str) -> f64 {
    let all = series(gate);
    *all.get(name).unwrap_or_else(|| panic!("no {name} in {:#?}", all.keys()))
}

fn requests(outcome: &str) -> String {
    format!("oidc_gate_requests_total{{outcome=\"{outcome}\"}}")
}

fn others(name: &str, labels: &str) -> String {
    format!("oidc_gate_{name}_total{{{labels}}}")
}

/// That each of these has grown by so much since `before`, once the host has been told: with the next tick.
#[track_caller]
fn assert_grown(gate: &Gate, before: &BTreeMap<String, f64>, expected: &[(String, u32)]) {
    let grown = || {
        let now = series(gate);
        expected.iter().all(|(name, count)| {
            let (Some(before), Some(now)) = (before.get(name), now.get(name)) else {
                panic!("no {name} in {:#?}", now.keys())
            };
            assert!(now - before <= f64::from(*count), "{name}: {now} after {before}");
            now - before == f64::from(*count)
        })
    };
    wait::until("the counts to be told", || grown().then_some(()));
}

#[test]
fn a_login_requests_and_refusals_are_read_by_their_labels() {
    let gate = exact().start();
    // All stand at zero before anything has happened, so that the first of a kind is a change that alerts see.
    let replayed = others("wrong_audience", r#"token="access_token",from="bearer""#);
    for name in [&requests("forward_session"), &replayed] {
        assert_eq!(value(&gate, name), 0.0);
    }

    let before = settled(&gate);
    let mut browser = logged_in(&gate);
    for _ in 0..3 {
        assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
    }
    assert_grown(
        &gate,
        &before,
        &[
            (requests("login_begins"), 1),
            (requests("logged_in"), 1),
            // The page that the login came back to, too.
            (requests("forward_session"), 4),
            (others("logins", r#"outcome="begun""#), 1),
            (others("logins", r#"outcome="done""#), 1),
            (others("session_cache", r#"outcome="miss""#), 1),
            (others("session_cache", r#"outcome="hit""#), 3),
            (others("provider_calls", r#"endpoint="token_endpoint",status="2xx""#), 1),
        ],
    );

    let before = settled(&gate);
    // A refusal, and a service that tries the token that it was given somewhere else.
    assert_eq!(gate.send(Request::get("/api").fetch()).status, 401);
    let token = gate.provider.mint(Minted::Access, json!({ "aud": "good-service" }));
    assert_eq!(gate.send(Request::get("/api").bearer(&token)).status, 401);
    let mine = gate.provider.mint(Minted::Access, json!({}));
    assert_eq!(gate.send(Request::get("/api").bearer(&mine)).status, 200);
    assert_grown(
        &gate,
        &before,
        &[
            (requests("unauthenticated"), 1),
            (requests("invalid_token"), 1),
            (requests("forward_bearer"), 1),
            (replayed, 1),
            (others("wrong_audience", r#"token="access_token",from="session""#), 0),
            (others("bearer_cache", r#"outcome="miss""#), 2),
        ],
    );

    // Histograms are put together every five seconds.
    let (count, sum) = ("oidc_gate_session_bytes_count{}", "oidc_gate_session_bytes_sum{}");
    wait::until("the session's size to be told", || {
        (series(&gate).get(count).copied() >= Some(1.0)).then_some(())
    });
    assert!(value(&gate, sum) > 500.0);
}

#[test]
fn a_refresh_is_counted_once_for_all_who_waited() {
    let gate = exact().concurrency(2).start();
    let before = settled(&gate);
    let mut browser = expired(&gate, "alice", Protocol::H1);
    for _ in 0..5 {
        assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
    }
    assert_grown(
        &gate,
        &before,
        &[
            (others("refreshes", r#"outcome="renewed""#), 1),
            (requests("forward_session"), 6),
            (others("provider_calls", r#"endpoint="token_endpoint",status="2xx""#), 2),
        ],
    );
}

#[test]
fn names_and_labels_are_those_that_are_documented_and_no_more() {
    let gate = Gate::new().concurrency(2).start();
    let all = series(&gate);
    let mut labels = BTreeSet::new();
    for name in all.keys() {
        let (family, rest) = name.split_once('{').expect("labels");
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(family.chars().all(plain), "{name}");
        let pairs = rest.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty());
        labels.extend(pairs.map(|pair| pair.split('=').next().unwrap_or_default().to_owned()));
    }
    let known = ["endpoint", "from", "outcome", "status", "token"].map(str::to_owned);
    assert_eq!(labels.iter().filter(|label| *label != "le").cloned().collect::<Vec<_>>(), known);
    let counters = all.keys().filter(|name| name.contains("_total{")).count();
    assert!((80..100).contains(&counters), "{counters} series, on two workers as on one");
}

/// For whoever has not copied `stats_config`.
#[test]
fn without_stats_tags_the_labels_stand_in_the_names() {
    let gate = Gate::new().envoy(|envoy| envoy.without_labels()).start();
    let before = settled(&gate);
    assert_eq!(gate.send(Request::get("/api").fetch()).status, 401);
    assert_grown(
        &gate,
        &before,
        &[("oidc_gate_requests_total_outcome_unauthenticated{}".into(), 1)],
    );
    assert_eq!(
        value(&gate, "oidc_gate_wrong_audience_total_token_access_token_from_bearer{}"),
        0.0
    );
}
