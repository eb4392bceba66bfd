//! `egctl x translate`: what Envoy Gateway makes of the files, without a server. It refuses fields that do not exist and
//! values that the schemas forbid. It has no filter at hand, so it leaves the gate itself out: `login` has that.

use std::fs;
use std::process::{Output, Stdio};

use oidc_gate_e2e::envoy::fresh_dir;
use serde_json::{Value, json};

use crate::files::{Objects, config};
use crate::program;

fn egctl(objects: &Objects, to: &str) -> Output {
    let file = fresh_dir().join("objects.yaml");
    fs::write(&file, objects.yaml()).expect("the file can be written");
    let mut command = program("egctl");
    command
        .args(["x", "translate", "--from", "gateway-api", "-o", "json", "--to", to, "-f"])
        .arg(file);
    command.stdin(Stdio::null()).output().expect("egctl can be run")
}

fn translated(objects: &Objects, to: &str) -> Value {
    let output = egctl(objects, to);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{}", objects.yaml());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {errors}"))
}

/// What egctl says where it refuses.
fn refused(objects: &Objects) -> String {
    let output = egctl(objects, "xds");
    assert!(!output.status.success(), "accepted:\n{}", objects.yaml());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The first object in `value`, from the outside in, that `found` likes.
fn first<'v>(value: &'v Value, found: &dyn Fn(&Value) -> bool) -> Option<&'v Value> {
    if found(value) {
        return Some(value);
    }
    match value {
        Value::Object(members) => members.values().find_map(|member| first(member, found)),
        Value::Array(members) => members.iter().find_map(|member| first(member, found)),
        _ => None,
    }
}

#[test]
fn every_field_of_every_object_is_one_that_envoy_gateway_knows() {
    translated(&Objects::new().with_the_rest(), "xds");
    // That means something only if another field is refused, wherever it stands.
    for place in 0..Objects::new().count() {
        let mut objects = Objects::new();
        objects.at(place)["spec"]["fieldd"] = "a mistake".into();
        let kind = objects.at(place)["kind"].as_str().expect("a kind").to_owned();
        let said = refused(&objects);
        assert!(said.contains("fieldd"), "{kind}: {said}");
    }
}

#[test]
fn a_mistake_in_the_policy_is_refused() {
    let wasm = |change: fn(&mut Value)| {
        let mut objects = Objects::new();
        change(&mut objects.of("EnvoyExtensionPolicy", "oidc-gate")["spec"]["wasm"][0]);
        refused(&objects)
    };
    for (said, words) in [
        (wasm(|wasm| wasm["rootIDD"] = "oidc_gate".into()), "rootIDD"),
        (wasm(|wasm| wasm["env"]["hostKey"] = json!(["SESSION_KEY"])), "hostKey"),
        (wasm(|wasm| wasm["failOpen"] = "no".into()), "failOpen"),
        (wasm(|wasm| wasm["code"]["type"] = "ConfigMap".into()), "ConfigMap"),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn the_cluster_that_the_gate_calls_is_there_and_verifies_the_provider() {
    let mut objects = Objects::new().with_the_rest();
    let name = config(&mut objects)["provider"]["cluster"].clone();
    let xds = translated(&objects.without_the_gate(), "xds");
    let cluster =
        first(&xds, &|one| one["name"] == name && one["transportSocketMatches"].is_array());
    let cluster = cluster.unwrap_or_else(|| panic!("no cluster {name} in {xds:#}"));

    let endpoint = first(cluster, &|one| one["portValue"].is_number()).expect("an address");
    assert_eq!(
        (&endpoint["address"], &endpoint["portValue"]),
        (&json!("keycloak.example"), &json!(443))
    );
    let tls = first(cluster, &|one| one["sni"].is_string()).expect("TLS");
    assert_eq!(tls["sni"], "keycloak.example");
    let names = first(tls, &|one| one["sanType"].is_string()).expect("a name is compared");
    assert_eq!(names["matcher"], json!({"exact": "keycloak.example"}), "{tls:#}");
    let trusted = first(tls, &|one| one["sdsConfig"].is_object()).expect("CAs that are trusted");
    assert_eq!(trusted["name"], "system_ca_certificates", "{tls:#}");
}

#[test]
fn no_cluster_is_made_of_a_backend_that_no_route_refers_to() {
    let mut objects = Objects::new().with_the_rest();
    let route = objects.of("HTTPRoute", "oidc-provider");
    route["spec"]["rules"][0]["backendRefs"] = json!([{"name": "page", "port": 80}]);
    let xds = translated(&objects.without_the_gate(), "xds").to_string();
    assert!(xds.contains("httproute/app/oidc-provider/rule/0"), "{xds}");
    assert!(
        !xds.contains("keycloak.example"),
        "the route in keycloak.yaml may be needless now: {xds}"
    );
}

#[test]
fn paths_and_clients_are_read_as_the_gate_needs_it() {
    let xds = translated(&Objects::new().with_the_rest().without_the_gate(), "xds");
    let prefix =
        |one: &Value| one["statPrefix"].as_str().is_some_and(|prefix| prefix.starts_with("https"));
    let manager = first(&xds, &prefix).expect("a connection manager");
    for (name, expected) in [
        ("normalizePath", json!(true)),
        ("mergeSlashes", json!(true)),
        ("pathWithEscapedSlashesAction", json!("UNESCAPE_AND_REDIRECT")),
        ("useRemoteAddress", json!(true)),
    ] {
        assert_eq!(manager[name], expected, "{name}: {manager:#}");
    }
}

#[test]
fn all_is_accepted_but_for_the_filter_that_egctl_does_not_have() {
    let all = translated(&Objects::new().with_the_rest(), "gateway-api");
    let mut wrong = Vec::new();
    collect(&all, &mut |condition| {
        if condition["status"] == "False"
            && ["Accepted", "ResolvedRefs"].contains(&condition["type"].as_str().unwrap_or(""))
        {
            wrong.push(condition["message"].as_str().unwrap_or_default().to_owned());
        }
    });
    assert_eq!(wrong.len(), 1, "{wrong:#?}");
    assert!(wrong[0].contains("wasm cache is not initialized"), "{wrong:?}");
}

/// Hands every condition of every status to `take`.
fn collect(value: &Value, take: &mut dyn FnMut(&Value)) {
    match value {
        Value::Object(members) => {
            if members.contains_key("lastTransitionTime") {
                take(value);
            }
            members.values().for_each(|member| collect(member, take));
        }
        Value::Array(members) => members.iter().for_each(|member| collect(member, take)),
        _ => {}
    }
}
