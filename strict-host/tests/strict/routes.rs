//! Rules by the host's own route, in hosts that tell, that do not, and that lie.

use oidc_gate_strict_host::{Fault, Misdeed};
use serde_json::json;

use super::browser::Request;
use super::scene::{ENVOY, ROOT, Scene, answered, configuration, forwarded};

/// The route `open` is for everybody, `closed` for nobody, and any other too.
fn by_route() -> Scene {
    let mut scene = Scene::cold(ENVOY);
    let rules = json!({"rules": [
        {"match": {"route_name": "closed"}, "access": "deny"},
        {"match": {"route_name": "open"}, "access": "public"},
        {"match": {"path_prefix": "/"}, "access": "public"},
    ]});
    assert!(scene.vm.configure(ROOT, &configuration(&rules)));
    scene.warm_up();
    scene
}

#[test]
fn the_route_that_the_host_names_decides() {
    let mut scene = by_route();
    for (route, status) in [("open", None), ("", None), ("closed", Some(403)), ("open", None)] {
        scene.vm.host().route = Some(route);
        let outcome = scene.send(&Request::new("GET", "/"));
        match status {
            None => drop(forwarded(outcome)),
            Some(status) => assert_eq!(answered(outcome).status, status, "{route}"),
        }
    }
}

#[test]
fn a_host_that_does_not_tell_or_gives_what_is_not_ours_lets_nothing_through() {
    let mut scene = by_route();
    assert_eq!(answered(scene.send(&Request::new("GET", "/"))).status, 503);
    scene.vm.host().route = Some("open");
    for misdeed in [
        Misdeed::Status(1),
        Misdeed::Status(10),
        Misdeed::Status(12),
        Misdeed::StrangePlace,
        Misdeed::TooMuch,
        Misdeed::NoPlace,
    ] {
        let fault = Fault { function: "proxy_get_property", at: 1, misdeed };
        scene.vm.host().set_faults(vec![fault]);
        assert_eq!(answered(scene.send(&Request::new("GET", "/"))).status, 503, "{misdeed:?}");
        forwarded(scene.send(&Request::new("GET", "/")));
    }
}
