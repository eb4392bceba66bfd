//! Eight browsers on four workers for half a minute, with tokens that live for ten seconds and providers that are slow
//! or fail: nobody is logged out. The run with a real Keycloak is in `tests/keycloak`.

use std::collections::BTreeMap;
use std::time::Duration;

use oidc_gate_dev::{Endpoint, Fault};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{PROTOCOLS, Request};
use oidc_gate_e2e::jwt;
use oidc_gate_e2e::load::{self, Person, Plan, Tally, Upstream};
use oidc_gate_e2e::wait;

const BROWSERS: usize = 8;

const PLAN: Plan = Plan {
    duration: Duration::from_secs(30),
    pause: Duration::from_millis(500),
    late: Duration::from_secs(20),
};

/// A gate whose sessions are refreshed every few seconds: at half the life of a token with a margin of 30 s, at its end
/// with none.
fn gate(margin: &str) -> Gate {
    Gate::new()
        .concurrency(4)
        .provider(|options| options.access_token_lifespan = Duration::from_secs(10))
        .config(|config| {
            config["clock_skew"] = "0s".into();
            config["session"]["refresh_margin"] = margin.into();
        })
        .envoy(|envoy| envoy.stamps())
        .start()
}

/// Logs everybody in, lets the provider misbehave, and plays.
fn play(name: &str, gate: &Gate, fault: Fault) -> (Tally, Upstream) {
    let people = (0..BROWSERS)
        .map(|number| {
            let mut browser = gate.browser_speaking(PROTOCOLS[number % 2]);
            let page = browser.login(&gate.url("/load"), ["alice", "bob"][number % 2]);
            Person::logged_in(browser, &page)
        })
        .collect();
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, fault));
    let tally = load::run(gate.envoy.address(), people, &PLAN);
    gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
    tally.print(name);
    let upstream = Upstream::of(&gate.upstream.requests());
    upstream.print(name, &asked(gate));
    (tally, upstream)
}

/// How often the provider was asked to refresh each session.
fn asked(gate: &Gate) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in gate.provider.token_requests() {
        if let Some(token) = request.field("refresh_token") {
            let sid = jwt::claims(token)["sid"].as_str().expect("sessions have names").to_owned();
            *counts.entry(sid).or_default() += 1;
        }
    }
    counts
}

/// What must hold however bad the provider is.
fn assert_nobody_lost(gate: &Gate, tally: &Tally, upstream: &Upstream) {
    assert_eq!(tally.broken, [""; 0], "every request is answered");
    assert_eq!(tally.lost(), 0, "{:?}", tally.failures);
    assert!(tally.late > 100, "this test shows nothing without late cookies: {}", tally.late);
    assert_eq!((upstream.expired, upstream.without), (0, 0));
    assert_eq!(upstream.tokens.len(), BROWSERS, "a session each, the same from first to last");
    for person in &tally.people {
        let cookie = person.cookie_line().expect("the browser still has a session");
        let request = Request::get("/afterwards").fetch().host(HOME).header("cookie", cookie);
        // The last refresh of the run may have failed just now: then the next one is a second away.
        let answer = wait::until("an answer that is no 503", || {
            Some(gate.send(request.clone())).filter(|answer| answer.status != 503)
        });
        assert_eq!(answer.status, 200, "{} is logged in: {answer:?}", person.sid());
    }
}

#[test]
fn a_provider_that_takes_two_seconds_to_refresh_loses_nobody_and_is_asked_once_per_expiry() {
    for_each_margin("refreshes take 2 s", |gate, name| {
        let (tally, upstream) = play(name, gate, Fault::delay(Duration::from_secs(2)));
        assert_eq!(asked(gate), upstream.replaced(), "one refresh for each token that ended");
        assert!(upstream.replaced().values().all(|count| *count >= 2), "{upstream:?}");
        assert_eq!(tally.statuses.keys().collect::<Vec<_>>(), [&200], "{:?}", tally.failures);
        assert_nobody_lost(gate, &tally, &upstream);
    });
}

#[test]
fn a_provider_that_fails_at_every_third_refresh_loses_nobody_and_no_request_whose_token_is_valid() {
    for_each_margin("every third refresh fails", |gate, name| {
        let (tally, upstream) = play(name, gate, Fault::status(503).every(3));
        let failed =
            asked(gate).values().sum::<usize>() - upstream.replaced().values().sum::<usize>();
        assert!(
            failed >= BROWSERS / 2,
            "some refreshes have to fail, or this shows nothing: {failed}"
        );
        for failure in &tally.failures {
            assert_eq!(failure.status, 503, "{failure:?}");
            assert!(!failure.was_valid, "the token was still valid: {failure:?}");
        }
        assert_nobody_lost(gate, &tally, &upstream);
    });
}

/// With the margin that the gate has by itself, and with none: then every request waits for the refresh.
fn for_each_margin(name: &str, test: impl Fn(&Gate, &str) + Sync) {
    std::thread::scope(|scope| {
        for margin in ["30s", "0s"] {
            let test = &test;
            scope.spawn(move || test(&gate(margin), &format!("{name}, refresh_margin {margin}")));
        }
    });
}
