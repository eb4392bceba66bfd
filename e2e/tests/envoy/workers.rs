//! Four workers, one session: one refresh and one code exchange in the whole process, and a logout that holds on all.

use std::thread;
use std::time::{Duration, SystemTime};

use oidc_gate_dev::{Endpoint, Fault};
use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{self, Protocol, Request};
use oidc_gate_e2e::wait;

use crate::columns::{self, Row};
use crate::seen::{bearer_claims, received};

/// So many connections that all four workers have some: Envoy's kernel spreads them.
const REQUESTS: usize = 32;

fn four_workers() -> Gate {
    Gate::new()
        .concurrency(4)
        .provider(|options| options.rotate_refresh_tokens = true)
        .config(|config| {
            config["clock_skew"] = "0s".into();
            config["session"]["refresh_margin"] = "0s".into();
        })
        .start()
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A browser whose access token has just expired; tokens of a refresh live long.
fn expired(gate: &Gate, user: &str) -> Browser {
    gate.provider.faults(|faults| faults.access_token_lifespan = Some(Duration::from_secs(2)));
    let mut browser = gate.browser_speaking(Protocol::H1);
    let path = format!("/{user}");
    assert_eq!(browser.login(&gate.url(&path), user).answer.status, 200);
    gate.provider.faults(|faults| faults.access_token_lifespan = None);
    let seen = received(gate, &path).pop().expect("the login came back");
    let end = bearer_claims(&seen)["exp"].as_u64().expect("tokens expire");
    wait::until("the access token to expire", || (seconds() >= end).then_some(()));
    browser
}

fn requests(path: &str, cookie: &str) -> Vec<Request> {
    let request = Request::get(path).host(HOME).header("cookie", cookie).fetch();
    vec![request; REQUESTS]
}

#[test]
fn requests_on_all_workers_cost_one_refresh_and_the_old_cookie_still_passes_on_each() {
    let gate = four_workers();
    for (round, user) in ["alice", "bob"].into_iter().enumerate() {
        let browser = expired(&gate, user);
        let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
        gate.provider.faults(|faults| {
            faults.set(Endpoint::Refresh, Fault::delay(Duration::from_millis(500)));
        });
        let address = gate.envoy.address();
        let answers = http::send_together(address, Protocol::H1, &requests("/at-once", &cookie));
        assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200; REQUESTS]);
        assert_eq!(gate.provider.calls().refresh, round + 1, "one refresh, on four workers");
        // The old cookie, on whichever worker, for a while after.
        let late = http::send_together(address, Protocol::H1, &requests("/late", &cookie));
        assert_eq!(late.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200; REQUESTS]);
        assert!(
            late.iter().all(|answer| answer.all("set-cookie").count() > 0),
            "with the new session"
        );
        assert_eq!(gate.provider.calls().refresh, round + 1);
    }
    let served = gate.envoy.workers_that_served();
    assert!(served >= 2, "only {served} worker(s) served: this test shows nothing then");
    columns::holds(columns::ENVOY, Row::Turns, "process");
}

#[test]
fn a_logout_on_one_worker_wins_over_a_refresh_that_another_has_under_way() {
    let gate = four_workers();
    let browser = expired(&gate, "alice");
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::hold()));
    let address = gate.envoy.address();
    let waiting = requests("/too-late", &cookie);
    let answers = thread::scope(|scope| {
        let under_way = scope.spawn(|| http::send_together(address, Protocol::H1, &waiting));
        wait::until("the refresh to be asked for", || {
            (gate.provider.calls().refresh == 1).then_some(())
        });
        let logout = Request::get("/oauth2/logout").header("cookie", &cookie).page_load();
        assert_eq!(gate.send(logout).status, 302);
        gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
        under_way.join().expect("all are answered")
    });
    for answer in answers {
        assert_eq!(answer.status, 401, "{}", answer.text());
        let kept = answer.all("set-cookie").filter(|line| !line.contains("Max-Age=0")).count();
        assert_eq!(kept, 0, "the session does not come back");
    }
    assert_eq!(received(&gate, "/too-late").len(), 0);
    for answer in http::send_together(address, Protocol::H1, &requests("/after", &cookie)) {
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
}
