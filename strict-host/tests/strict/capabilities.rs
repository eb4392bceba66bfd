//! What a host lacks is said in one line when the plugin is configured, with what comes of it.

use oidc_gate_strict_host::{Fault, Misdeed, Traits};
use serde_json::json;

use super::scene::{ENVOY, ROOT, Scene, configuration};

const WARN: i32 = 3;

/// What the line says of the strict host when nothing fails: it checks no other signatures.
const USUAL: (&str, &str) =
    ("verify_signature for ES256 only", "other signatures are checked in the filter");

/// The lines that say what the host is.
fn lines(scene: &mut Scene) -> Vec<(i32, String)> {
    let says = |(_, line): &&(i32, String)| line.starts_with("oidc-gate: this host has");
    scene.vm.host().log.iter().filter(says).cloned().collect()
}

/// The one line, in a host in which these functions are not implemented.
fn line_without(functions: &[&'static str]) -> String {
    let mut scene = Scene::unconfigured(ENVOY);
    let fault = |function: &&'static str| Fault { function, at: 0, misdeed: Misdeed::Status(12) };
    scene.vm.host().set_faults(functions.iter().map(fault).collect());
    assert!(scene.vm.configure(ROOT, &configuration(&json!({}))));
    let [(WARN, line)] = &lines(&mut scene)[..] else { panic!("{:?}", scene.vm.host().log) };
    line.clone()
}

#[test]
fn a_host_that_lacks_everything_reads_so_in_one_line() {
    let mut scene = Scene::cold(Traits::LESSER);
    let expected = "oidc-gate: this host has no metrics, no verify_signature, no log level; so: \
                    nothing is counted; signatures are checked in the filter; headers are \
                    overwritten instead of removed, and a request that sends one of them twice is \
                    refused; each worker refreshes alone, since only Envoy is asked for shared \
                    data; debug lines are not written";
    assert_eq!(lines(&mut scene), [(WARN, expected.to_owned())]);
    let page = include_str!("../../../docs/hosts.md");
    assert!(page.contains(expected), "docs/hosts.md quotes another line");
}

#[test]
fn each_function_that_a_host_lacks_is_said_with_what_comes_of_it() {
    for (functions, what, so) in [
        (&["proxy_define_metric"][..], "no metrics", "nothing is counted"),
        (&["proxy_get_shared_data"], "no shared data", "each worker refreshes alone"),
        (&["proxy_set_shared_data"], "no shared data", "each worker refreshes alone"),
        (&["proxy_register_shared_queue"], "no shared data", "each worker refreshes alone"),
        (&["proxy_get_log_level"], "no log level", "debug lines are not written"),
        (&["proxy_get_current_time_nanoseconds"], "no clock", "every token has expired"),
        (&["random_get"], "no random numbers", "nobody can log in"),
        (&["proxy_call_foreign_function"], "no verify_signature", "checked in the filter"),
        (&["proxy_call_foreign_function"], "no verify_signature", "overwritten instead of removed"),
    ] {
        let line = line_without(functions);
        let (whats, sos) = line.split_once("; so: ").unwrap_or_else(|| panic!("{line}"));
        assert!(whats.contains(what) && sos.contains(so), "{functions:?}: {line}");
    }
    let usual = line_without(&[]);
    assert_eq!(usual, format!("oidc-gate: this host has {}; so: {}", USUAL.0, USUAL.1));
}

#[test]
fn every_configuration_says_it_once_and_one_that_is_refused_says_nothing() {
    let mut scene = Scene::cold(ENVOY);
    assert_eq!(lines(&mut scene).len(), 1);
    assert!(scene.vm.configure(ROOT, &configuration(&json!({}))));
    scene.vm.root(2);
    assert!(scene.vm.configure(2, &configuration(&json!({}))));
    assert_eq!(lines(&mut scene).len(), 3);
    assert!(!scene.vm.configure(ROOT, "{}"));
    scene.warm_up();
    scene.log_in();
    assert_eq!(lines(&mut scene).len(), 3);
}

#[test]
fn a_host_without_ticks_is_refused_and_reads_why() {
    let mut scene = Scene::unconfigured(ENVOY);
    let function = "proxy_set_tick_period_milliseconds";
    scene.vm.host().set_faults(vec![Fault { function, at: 0, misdeed: Misdeed::Status(12) }]);
    assert!(!scene.vm.configure(ROOT, &configuration(&json!({}))));
    let [(_, line)] = &lines(&mut scene)[..] else { panic!("one line") };
    assert!(line.contains("no ticks; so: the configuration is refused"), "{line}");
}
