//! Another configuration for the same plugin, while requests wait.

use serde_json::json;

use super::browser::{Browser, Request};
use super::scene::{ENVOY, ROOT, Scene, configuration, forwarded};
use super::twice::fails;

fn changed() -> String {
    configuration(&json!({"upstream": {"headers": {"x-login": "preferred_username"}}}))
}

#[test]
fn who_waits_while_the_plugin_is_configured_anew_is_decided_by_the_new_configuration() {
    let mut scene = Scene::cold(ENVOY);
    scene.vm.tick(ROOT);
    let stream = scene.arrive(&Browser::default().page("/"));
    assert!(scene.vm.configure(ROOT, &changed()));
    // The old worker's call is answered: nobody's any more.
    scene.deliver();
    assert_eq!(scene.status(stream), None);
    scene.warm_up();
    assert_eq!(scene.status(stream), Some(302));
}

#[test]
fn a_refresh_that_is_under_way_while_the_plugin_is_configured_anew_is_spent_once() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    scene.jump(310);
    let stream = scene.arrive(&browser.page("/"));
    assert!(scene.vm.configure(ROOT, &changed()));
    scene.vm.tick(ROOT);
    let again = scene.arrive(&browser.page("/"));
    scene.settle();
    for stream in [stream, again] {
        let outcome = scene.vm.host().outcome(stream).expect("it goes on").clone();
        assert_eq!(forwarded(outcome).all("x-login"), ["alice"]);
    }
    assert_eq!(scene.provider.thefts, 0);
}

#[test]
fn a_configuration_that_is_refused_leaves_all_as_it_was() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    assert!(!scene.vm.configure(ROOT, "{}"));
    scene.vm.host().set_faults(vec![fails("proxy_set_tick_period_milliseconds", 1)]);
    assert!(!scene.vm.configure(ROOT, &changed()));
    assert_eq!(forwarded(scene.load(&mut browser, "/")).all("x-user"), ["alice"]);
    scene.send(&Request::new("GET", "/public"));
}
