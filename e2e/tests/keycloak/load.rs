//! Eight browsers on four workers for two minutes, with a Keycloak whose access tokens live for ten seconds and whose
//! refresh tokens can be used once: a second use would end the session, with whatever the first one brought.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::keycloak;
use oidc_gate_e2e::load::{self, Person, Plan, Upstream};
use serde_json::Value;

use crate::gate::Gate;

const BROWSERS: usize = 8;

const PLAN: Plan = Plan {
    duration: Duration::from_secs(120),
    pause: Duration::from_millis(400),
    late: Duration::from_secs(30),
};

const NAME: &str = "two minutes with Keycloak";

#[test]
fn two_minutes_of_eight_browsers_cost_one_refresh_per_token_and_lose_nobody() {
    let admin = keycloak::shared().admin();
    let client = "APP-frontend-load";
    admin.add_client("APP-frontend", client, |client| {
        client["attributes"]["access.token.lifespan"] = "10".into();
    });
    // The margin that the gate has by itself: a token of ten seconds is refreshed when half of them are over.
    let gate = Gate::of(client).refresh_margin("30s").concurrency(4).start();
    let people = (0..BROWSERS)
        .map(|number| {
            let mut browser = Browser::new();
            let page = browser.login(&gate.url("/load"), ["alice", "bob"][number % 2]);
            Person::logged_in(browser, &page)
        })
        .collect();

    let tally = load::run(gate.address(), people, &PLAN);
    tally.print(NAME);
    let upstream = Upstream::of(&gate.api.requests());
    let refreshes = admin.events("REFRESH_TOKEN", client);
    let counts = per_session(&refreshes);
    upstream.print(NAME, &counts);

    assert_eq!(tally.broken, [""; 0], "every request is answered");
    assert_eq!(tally.statuses.keys().collect::<Vec<_>>(), [&200], "{:?}", tally.failures);
    assert_eq!(tally.lost(), 0, "{:?}", tally.failures);
    assert!(tally.late > 1_000, "this test shows nothing without late cookies: {}", tally.late);
    assert!(tally.latest > Duration::from_secs(20), "{:?}", tally.latest);

    // Keycloak's own record: as many refreshes as there were tokens to replace, and none that it refused.
    assert_eq!(admin.count("REFRESH_TOKEN_ERROR", client), 0);
    assert_eq!(counts, upstream.replaced(), "one refresh for each token that ended");
    assert!(counts.values().all(|count| *count >= 10), "{counts:?}");
    let used: BTreeSet<_> =
        refreshes.iter().map(|event| event["details"]["refresh_token_id"].to_string()).collect();
    assert_eq!(used.len(), refreshes.len(), "no refresh token is used twice");
    assert_eq!((upstream.expired, upstream.without), (0, 0));
    assert_eq!(upstream.tokens.len(), BROWSERS, "a session each, the same from first to last");

    for person in &tally.people {
        let cookie = person.cookie_line().expect("the browser still has a session");
        let answer = gate.envoy.send(&Request::get("/load").fetch().header("cookie", cookie));
        assert_eq!(answer.status, 200, "{} is logged in: {answer:?}", person.sid());
        assert!(admin.has_session(person.user(), person.sid()), "at Keycloak, too");
    }
}

fn per_session(events: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        let sid = event["sessionId"].as_str().expect("a refresh is of a session");
        *counts.entry(sid.to_owned()).or_default() += 1;
    }
    counts
}
