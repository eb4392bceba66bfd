//! Several gates in one listener, each for a virtual host of its own, as docs/envoy.md shows it.

use oidc_gate_e2e::gate::{Gate, HOME, SECOND_HOME};
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::wait;
use serde_json::{Value, json};

/// A host name without a gate.
const BARE: &str = "bare.example";

/// Both gates are off, but where a virtual host names one.
fn a_gate_for_each(bootstrap: &mut Value) {
    let manager = bootstrap
        .pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config")
        .expect("the connection manager");
    let filters = manager["http_filters"].as_array_mut().expect("filters");
    filters[0]["disabled"] = true.into();
    let mut second = filters[0].clone();
    second["name"] = "second".into();
    let plugin = &mut second["typed_config"]["config"];
    plugin["name"] = "second".into();
    let text = plugin["configuration"]["value"].as_str().expect("the gate's configuration");
    let mut config: Value = serde_json::from_str(text).expect("it is JSON");
    config["rules"] = json!([{ "match": { "path_prefix": "/public" }, "access": "deny" }]);
    plugin["configuration"]["value"] = config.to_string().into();
    filters.insert(1, second);

    let routes = manager["route_config"]["virtual_hosts"][0]["routes"].clone();
    let hosts = [("first", HOME, Some("oidc_gate")), ("second", SECOND_HOME, Some("second"))];
    let hosts = hosts.into_iter().chain([("bare", BARE, None)]);
    manager["route_config"]["virtual_hosts"] = hosts
        .map(|(name, domain, gate)| {
            let mut host = json!({ "name": name, "domains": [domain], "routes": routes });
            if let Some(gate) = gate {
                let on = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
                host["typed_per_filter_config"][gate] = json!({ "@type": on, "config": {} });
            }
            host
        })
        .collect();
}

#[test]
fn each_virtual_host_has_the_gate_that_it_names_and_one_without_has_none() {
    let gate = Gate::new().envoy(|envoy| envoy.changed(a_gate_for_each)).start();
    let status = |host: &str, path: &str| gate.send(Request::get(path).host(host).fetch()).status;
    wait::until("the second to know the provider", || {
        (status(SECOND_HOME, "/api") == 401).then_some(())
    });
    assert_eq!([status(HOME, "/public"), status(HOME, "/api")], [200, 401]);
    assert_eq!([status(SECOND_HOME, "/public"), status(SECOND_HOME, "/api")], [403, 401]);
    assert_eq!([status(BARE, "/public"), status(BARE, "/api")], [200, 200], "nobody guards it");

    let mut browser = gate.browser();
    assert_eq!(browser.login(&gate.url("/home"), "alice").answer.status, 200);
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    let with_session = |host: &str| {
        gate.send(Request::get("/api").host(host).header("cookie", &cookie).fetch()).status
    };
    assert_eq!([with_session(HOME), with_session(SECOND_HOME)], [200, 401]);
}
