//! The way of a secret: out of a Secret into the environment of the proxy that Istio injects.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use oidc_gate_e2e::mesh::{documents, file, gateway_chart, istioctl};
use serde_json::{Value, json};

/// What Istio installs, as `istioctl manifest generate` writes it: with the templates that pods are injected by.
static INSTALLED: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let output = istioctl(&["manifest", "generate"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    documents(&String::from_utf8_lossy(&output.stdout))
});

/// One text of a ConfigMap of Istio's, as a file.
fn from_config_map(label: &str, name: &str, key: &str) -> PathBuf {
    let found = INSTALLED
        .iter()
        .find(|object| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name);
    let text =
        found.unwrap_or_else(|| panic!("Istio has no ConfigMap {name}"))["data"][key].as_str();
    let path = scratch(&format!("{label}-{name}-{key}"));
    fs::write(&path, text.unwrap_or_else(|| panic!("{name} has no {key}"))).expect("it is written");
    path
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("istio-{name}-{}", std::process::id()))
}

/// The proxy's container in the pods of the one Deployment among `objects`, after Istio's injection.
fn injected(label: &str, objects: &[Value]) -> Value {
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
    let input = scratch(label);
    fs::write(&input, deployment.expect("a Deployment").to_string()).expect("it is written");
    let files = [
        from_config_map(label, "istio-sidecar-injector", "config"),
        from_config_map(label, "istio-sidecar-injector", "values"),
        from_config_map(label, "istio", "mesh"),
    ];
    let path = |at: &Path| at.to_str().expect("UTF-8").to_owned();
    let output = istioctl(&[
        "kube-inject",
        // Or it asks a cluster which one is meant.
        "--revision",
        "default",
        "-f",
        &path(&input),
        "--injectConfigFile",
        &path(&files[0]),
        "--valuesFile",
        &path(&files[1]),
        "--meshConfigFile",
        &path(&files[2]),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in files.iter().chain([&input]) {
        let _ = fs::remove_file(file);
    }
    let objects = documents(&String::from_utf8_lossy(&output.stdout));
    let spec = objects[0]["spec"]["template"]["spec"].clone();
    let all = ["containers", "initContainers"].map(|kind| spec[kind].as_array().cloned());
    let mut all = all.into_iter().flatten().flatten();
    all.find(|container| container["name"] == "istio-proxy").expect("a proxy is injected")
}

/// Asserts that the proxy is Istio's, and has both secrets in its environment by reference.
fn has_the_secrets(proxy: &Value) {
    let image = proxy["image"].as_str().unwrap_or_default();
    assert!(image.contains("proxyv2"), "Istio has filled in its proxy: {image:?}");
    let environment = proxy["env"].as_array().expect("an environment");
    for (name, key) in [("CLIENT_SECRET", "client-secret"), ("SESSION_KEY", "session-key")] {
        let found: Vec<_> = environment.iter().filter(|entry| entry["name"] == name).collect();
        let by_reference = json!({
            "name": name,
            "valueFrom": { "secretKeyRef": { "name": "oidc-gate", "key": key } },
        });
        assert_eq!(found, [&by_reference]);
    }
}

#[test]
fn the_proxy_of_a_gateway_has_the_secrets_in_its_environment() {
    let objects = gateway_chart("gateway-values.yaml");
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
    let pod = &deployment.expect("a Deployment")["spec"]["template"]["metadata"];
    assert_eq!(pod["labels"]["istio"], "ingress", "gateway.yaml selects these pods: {pod}");
    assert_eq!(pod["annotations"]["inject.istio.io/templates"], "gateway", "{pod}");
    has_the_secrets(&injected("gateway", &objects));
}

#[test]
fn the_sidecar_of_a_workload_has_the_secrets_in_its_environment() {
    let text = fs::read_to_string(file("sidecar.yaml")).expect("the file is there");
    has_the_secrets(&injected("sidecar", &documents(&text)));
}
