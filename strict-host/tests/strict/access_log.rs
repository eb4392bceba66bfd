//! Fields for the host's access log, in hosts that take them and in one that does not.

use oidc_gate_strict_host::{Fault, Misdeed};
use serde_json::json;

use super::browser::Request;
use super::scene::{ENVOY, ROOT, Scene, answered, configuration, forwarded};

const SET: &str = "proxy_set_property";

fn with_fields(on: bool) -> Scene {
    let mut scene = Scene::cold(ENVOY);
    let log = json!({"log": {"access_log_fields": on}});
    assert!(scene.vm.configure(ROOT, &configuration(&log)));
    scene.warm_up();
    scene
}

#[test]
fn fields_are_those_of_the_request_that_they_are_about() {
    let mut scene = with_fields(true);
    let mut browser = scene.log_in();
    scene.vm.host().properties.clear();
    forwarded(scene.load(&mut browser, "/api"));
    forwarded(scene.send(&Request::new("GET", "/public")));
    let properties = std::mem::take(&mut scene.vm.host().properties);
    let told: Vec<(u32, &str, &str)> = properties
        .iter()
        .map(|((stream, name), value)| (*stream, name.as_str(), value.as_str()))
        .filter(|(_, name, _)| ["oidc_gate.decision", "oidc_gate.rule"].contains(name))
        .collect();
    let [(first, ..), _, (second, ..), _] = told[..] else { panic!("{told:?}") };
    let expected = [
        (first, "oidc_gate.decision", "forward_session"),
        (first, "oidc_gate.rule", "rules[1]"),
        (second, "oidc_gate.decision", "forward_public"),
        (second, "oidc_gate.rule", "rules[0]"),
    ];
    assert_eq!(told, expected);
    assert_eq!(properties.len(), 6, "user and session of one of them: {properties:?}");
}

#[test]
fn the_host_is_not_called_for_fields_that_nobody_asked_for() {
    let mut scene = with_fields(false);
    let mut browser = scene.log_in();
    scene.vm.host().set_faults(Vec::new());
    forwarded(scene.load(&mut browser, "/api"));
    assert_eq!(scene.vm.host().counted().get(SET), None);
}

#[test]
fn a_host_that_takes_no_fields_is_asked_once_and_the_log_says_so() {
    let mut scene = with_fields(true);
    let fault = Fault { function: SET, at: 0, misdeed: Misdeed::Status(12) };
    scene.vm.host().set_faults(vec![fault]);
    for _ in 0..3 {
        forwarded(scene.send(&Request::new("GET", "/public")));
        assert_eq!(answered(scene.send(&Request::new("GET", "/api"))).status, 401);
    }
    assert_eq!(scene.vm.host().counted().get(SET), Some(&1));
    let lines = scene.vm.host().log.clone();
    let told = lines.iter().filter(|(_, line)| line.contains("log.access_log_fields"));
    assert_eq!(told.count(), 1);
}
