//! Several Envoys behind one address while the keys that seal sessions are changed, in the order that docs/security.md
//! gives: whichever of them a request meets, nobody is logged out.

use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::envoy::Envoy;
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::Protocol;
use serde_json::{Value, json};

use crate::expiry::{SHORT, exact, wait_for_expiry};
use crate::seen::{assert_unauthenticated, bearer_claims, cookies, the_one};

const OLD: &str = "SESSION_KEY";
const NEW: &str = "OTHER_SESSION_KEY";

/// Seals with the first of these keys, and opens with any.
fn keys(names: &[&str]) -> impl Fn(&mut Value) {
    let keys: Value = names.iter().map(|name| json!({ "env": name })).collect();
    move |config| config["session"]["keys"] = keys.clone()
}

/// The browser's next requests meet this one.
fn goes_to(browser: &mut Browser, envoy: &Envoy) {
    browser.learn(HOME, envoy.address());
}

#[test]
fn two_gates_with_different_first_keys_serve_one_browser_in_turns() {
    let gate = exact()
        .provider(|options| options.rotate_refresh_tokens = true)
        .config(keys(&[NEW, OLD]))
        .start();
    let other = gate.sibling(keys(&[OLD, NEW]));
    let mut browser = gate.browser();

    // A login that begins at one and comes back to the other.
    gate.provider.faults(|faults| faults.access_token_lifespan = Some(SHORT));
    let form = browser.open(&gate.url("/alice"));
    goes_to(&mut browser, &other);
    let back = browser.submit(&form, &[("username", "alice"), ("password", "alice")]);
    assert_eq!((back.answer.status, back.url.path()), (200, "/alice"), "{back:?}");

    // A refresh at each, of what the other has sealed.
    for (round, envoy) in [&gate.envoy, &other].into_iter().enumerate() {
        let user = ["/alice", "/once-more"][round];
        wait_for_expiry(&gate, user.trim_start_matches('/'));
        if round == 1 {
            gate.provider.faults(|faults| faults.access_token_lifespan = None);
        }
        goes_to(&mut browser, envoy);
        let path = ["/once-more", "/and-again"][round];
        assert_eq!(browser.fetch(&gate.url(path)).status, 200);
        assert_eq!(gate.provider.calls().refresh, round + 1);
        assert_eq!(bearer_claims(&the_one(&gate, path))["preferred_username"], "alice");
    }

    let mut sealed = Vec::new();
    for envoy in [&gate.envoy, &other, &gate.envoy, &other] {
        goes_to(&mut browser, envoy);
        assert_eq!(browser.fetch(&gate.url("/in-turns")).status, 200);
        sealed.push(cookies(&browser, "localhost").remove(0).value);
    }
    sealed.dedup();
    assert_eq!(sealed.len(), 4, "each seals with its own first key what came with another");
    assert_eq!(gate.provider.calls().refresh, 2, "nothing was refreshed for that");

    // A logout at one of them ends it at both.
    goes_to(&mut browser, &gate.envoy);
    browser.open(&gate.url("/oauth2/logout"));
    for envoy in [&other, &gate.envoy] {
        goes_to(&mut browser, envoy);
        assert_unauthenticated(&browser.fetch(&gate.url("/after-logout")));
    }
    assert!(cookies(&browser, "localhost").iter().all(|cookie| cookie.name != "oidc_gate"));
}

#[test]
fn every_step_of_a_change_of_keys_lets_neighbours_open_what_the_others_sealed() {
    let steps = [&[OLD][..], &[OLD, NEW], &[NEW, OLD], &[NEW]];
    let gate = Gate::new().config(keys(steps[0])).start();
    let siblings = [1, 2, 3].map(|step| gate.sibling(keys(steps[step])));
    let fleet = [&gate.envoy, &siblings[0], &siblings[1], &siblings[2]];
    let status_at = |login: usize, then: usize| {
        let mut browser = gate.browser_speaking([Protocol::H1, Protocol::H2][login % 2]);
        goes_to(&mut browser, fleet[login]);
        assert_eq!(browser.login(&gate.url("/"), "alice").answer.status, 200);
        goes_to(&mut browser, fleet[then]);
        browser.fetch(&gate.url("/then")).status
    };
    for step in 0..3 {
        assert_eq!(
            status_at(step, step + 1),
            200,
            "{:?} and then {:?}",
            steps[step],
            steps[step + 1]
        );
        assert_eq!(
            status_at(step + 1, step),
            200,
            "{:?} and then {:?}",
            steps[step + 1],
            steps[step]
        );
    }
    // Why none of them may be left out.
    assert_eq!(status_at(2, 0), 401, "{:?} and then {:?}", steps[2], steps[0]);
    assert_eq!(status_at(1, 3), 401, "{:?} and then {:?}", steps[1], steps[3]);
}
