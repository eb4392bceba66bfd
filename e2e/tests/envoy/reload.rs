//! Envoy's configuration is changed while a refresh is under way: all who wait, before and behind the change, are served
//! by the one call, and nobody is logged out.

use std::thread::{self, JoinHandle};

use oidc_gate_dev::{Endpoint, Fault};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{self, Answer, PROTOCOLS, Protocol, Request};
use oidc_gate_e2e::wait;
use serde_json::json;

use crate::expiry::{exact, expired};
use crate::seen::copies;

const REQUESTS: usize = 12;

/// Besides them the main thread has a copy of the filter.
const WORKERS: usize = 4;

/// What is done to the configuration.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    /// A path is made public; the VM stays.
    Open,
    /// It is as it was before.
    Back,
    /// A path is made public, and all copies of the filter are made anew.
    AnotherVm,
}

/// So many requests at once, each on a connection of its own.
fn begin(gate: &Gate, path: &str, cookie: &str) -> JoinHandle<Vec<Answer>> {
    let (address, before) = (gate.envoy.address(), arrived(gate));
    let request = Request::get(path).host(HOME).header("cookie", cookie).fetch();
    let under_way =
        thread::spawn(move || http::send_together(address, Protocol::H1, &vec![request; REQUESTS]));
    wait::until("all of them to be there", || {
        (arrived(gate) >= before + REQUESTS as u64).then_some(())
    });
    under_way
}

fn arrived(gate: &Gate) -> u64 {
    gate.envoy.stat("http.gate.downstream_rq_total")
}

/// Changes the configuration, and waits until every worker goes by it.
fn make(gate: &mut Gate, change: Change) {
    let before = copies(gate);
    gate.reload(change == Change::AnotherVm, |config| {
        let open = json!({ "match": { "path_prefix": "/opened" }, "access": "public" });
        let rules = config["rules"].as_array_mut().expect("rules are a list");
        rules.retain(|rule| *rule != open);
        if change != Change::Back {
            rules.push(open);
        }
    });
    let expected = if change == Change::Back { 401 } else { 200 };
    let mut left = 16;
    wait::until("every worker to have the new configuration", || {
        let answer = gate.send_over(PROTOCOLS[left % 2], Request::get("/opened").fetch());
        left = if answer.status == expected { left - 1 } else { 16 };
        (left == 0).then_some(())
    });
    // Envoy may try a configuration in a VM of its own first.
    let new = copies(gate) - before;
    assert_eq!(new > WORKERS, change == Change::AnotherVm, "whether the VMs are new ones: {new}");
}

/// Requests wait before the first change and behind each; then the provider answers.
fn all_are_served_across(changes: &[Change]) {
    let mut gate = exact()
        .concurrency(WORKERS as u32)
        .provider(|options| options.rotate_refresh_tokens = true)
        .config(|config| config["provider"]["timeout"] = "30s".into())
        .envoy(|envoy| envoy.reloadable())
        .start();
    let browser = expired(&gate, "alice", Protocol::H1);
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::hold()));

    let mut waiting = vec![begin(&gate, "/before", &cookie)];
    wait::until("the refresh to be asked for", || {
        (gate.provider.calls().refresh == 1).then_some(())
    });
    for change in changes {
        make(&mut gate, *change);
        waiting.push(begin(&gate, "/behind", &cookie));
    }
    assert!(waiting.iter().all(|one| !one.is_finished()), "all of them wait");
    gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
    for one in waiting {
        for answer in one.join().expect("all are answered") {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    assert_eq!(gate.provider.calls().refresh, 1, "one call for all of them");
    for answer in begin(&gate, "/late", &cookie).join().expect("all are answered") {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(gate.provider.calls().refresh, 1, "and what it brought is remembered");
}

#[test]
fn all_who_wait_for_a_refresh_are_served_across_a_change_of_the_configuration_and_back() {
    all_are_served_across(&[Change::Open, Change::Back]);
}

#[test]
fn all_who_wait_for_a_refresh_are_served_across_a_change_of_the_vm() {
    all_are_served_across(&[Change::AnotherVm]);
}
