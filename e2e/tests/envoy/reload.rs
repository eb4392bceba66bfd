//! Envoy's configuration is changed while a refresh is under way: all who wait, before and behind the change, are served
//! by the one call, and nobody is logged out.

use std::thread;

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

/// So many requests at once, each on a connection of its own.
fn requests(gate: &Gate, path: &str, cookie: &str) -> Vec<Answer> {
    let request = Request::get(path).host(HOME).header("cookie", cookie).fetch();
    http::send_together(gate.envoy.address(), Protocol::H1, &vec![request; REQUESTS])
}

fn arrived(gate: &Gate) -> u64 {
    gate.envoy.stat("http.gate.downstream_rq_total")
}

/// Half of the requests arrive before the change and half behind it, then the provider answers.
fn served_across_a_reload(another_vm: bool) {
    let mut gate = exact()
        .concurrency(WORKERS as u32)
        .provider(|options| options.rotate_refresh_tokens = true)
        .config(|config| config["provider"]["timeout"] = "30s".into())
        .envoy(|envoy| envoy.reloadable())
        .start();
    let browser = expired(&gate, "alice", Protocol::H1);
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::hold()));

    let (address, before) = (gate.envoy.address(), arrived(&gate));
    let first = {
        let request = Request::get("/before").host(HOME).header("cookie", &cookie).fetch();
        thread::spawn(move || http::send_together(address, Protocol::H1, &vec![request; REQUESTS]))
    };
    wait::until("the first half to wait", || {
        let all = arrived(&gate) >= before + REQUESTS as u64;
        (all && gate.provider.calls().refresh == 1).then_some(())
    });

    let before = copies(&gate);
    gate.reload(another_vm, |config| {
        let open = json!({ "match": { "path_prefix": "/opened" }, "access": "public" });
        config["rules"].as_array_mut().expect("rules are a list").push(open);
    });
    let mut left = 16;
    wait::until("every worker to have the new configuration", || {
        let answer = gate.send_over(PROTOCOLS[left % 2], Request::get("/opened").fetch());
        left = if answer.status == 200 { left - 1 } else { 16 };
        (left == 0).then_some(())
    });
    // Envoy tries every configuration in a VM of its own first.
    let new = copies(&gate) - before - 1;
    assert_eq!(new, if another_vm { WORKERS + 1 } else { 0 }, "whether the VMs are new ones");

    let before = arrived(&gate);
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| requests(&gate, "/behind", &cookie));
        wait::until("the second half to wait", || {
            (arrived(&gate) >= before + REQUESTS as u64).then_some(())
        });
        gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
        (first.join().expect("all are answered"), second.join().expect("all are answered"))
    });
    for answer in first.iter().chain(&second) {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(gate.provider.calls().refresh, 1, "one call for all of them");
    for answer in requests(&gate, "/late", &cookie) {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(gate.provider.calls().refresh, 1, "and what it brought is remembered");
}

#[test]
fn all_who_wait_for_a_refresh_are_served_across_a_change_of_the_configuration() {
    served_across_a_reload(false);
}

#[test]
fn all_who_wait_for_a_refresh_are_served_across_a_change_of_the_vm() {
    served_across_a_reload(true);
}
