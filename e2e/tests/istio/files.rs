//! What Istio says of each file before anything is applied.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use oidc_gate_e2e::mesh::{documents, file, istioctl};
use serde_json::Value;

/// The kinds that may stand in the files. `istioctl validate` says nothing of a kind that it does not know, so that a
/// misspelt one would be right; of the last two it knows parts only.
const KINDS: [&str; 9] = [
    "AuthorizationPolicy",
    "DestinationRule",
    "Gateway",
    "RequestAuthentication",
    "ServiceEntry",
    "VirtualService",
    "WasmPlugin",
    "Deployment",
    "Service",
];

/// The files that hold objects: all but the values of a chart.
fn files() -> BTreeSet<String> {
    let all = fs::read_dir(file("")).expect("deploy/istio is there");
    let names = all.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let files: BTreeSet<_> = names.filter(|name| name != "gateway-values.yaml").collect();
    assert!(files.len() >= 5, "{files:?}");
    files
}

/// What `istioctl validate` has to say besides that the file is valid. Warnings are no errors to it.
fn complaints(path: &Path) -> String {
    let path = path.to_str().expect("UTF-8");
    let output = istioctl(&["validate", "-f", path]);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let fine = format!("{path:?} is valid");
    let complaints: Vec<_> = said.lines().filter(|line| *line != fine).collect();
    assert!(
        !complaints.is_empty() || said.contains(&fine),
        "istioctl judges {path}: {:?} {said}",
        output.status
    );
    complaints.join("\n")
}

/// A file that differs from one of ours by one text.
fn with(name: &str, this: &str, by: &str) -> String {
    let text = fs::read_to_string(file(name)).expect("the file is there");
    assert!(text.contains(this), "{name} has no {this}");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let changed =
        folder.join(format!("{}-{name}", this.replace(|c: char| !c.is_alphanumeric(), "")));
    fs::write(&changed, text.replacen(this, by, 1)).expect("a file can be written");
    let complaints = complaints(&changed);
    fs::remove_file(&changed).expect("it was written");
    complaints
}

#[test]
fn istio_finds_nothing_wrong_with_any_file_and_warns_of_nothing() {
    for name in files() {
        assert_eq!(complaints(&file(&name)), "", "{name}");
    }
}

#[test]
fn every_object_is_of_a_kind_that_istio_judges() {
    for name in files() {
        for object in documents(&fs::read_to_string(file(&name)).expect("the file is there")) {
            let kind = object["kind"].as_str().unwrap_or_default();
            assert!(KINDS.contains(&kind), "{name}: {kind:?}");
        }
    }
}

#[test]
fn a_mistake_in_a_file_would_be_found() {
    for (name, right, wrong, words) in [
        ("gateway.yaml", "failStrategy", "failStrategyy", "failStrategyy"),
        ("gateway.yaml", "phase: AUTHN", "phase: AUTHENTICATION", "AUTHENTICATION"),
        ("gateway.yaml", "url: oci://", "url: ftp://", "ftp"),
        ("sidecar.yaml", "mode: SERVER", "mode: INBOUND", "INBOUND"),
        ("sidecar.yaml", "valueFrom: HOST", "valueFrom: SECRET", "SECRET"),
        ("provider.yaml", "resolution: DNS", "resolution: STATIC", "idp.example.com"),
        ("provider-in-mesh.yaml", "ISTIO_MUTUAL", "ISTIO_MUTAL", "ISTIO_MUTAL"),
        ("authorization.yaml", "action: DENY", "action: REFUSE", "REFUSE"),
    ] {
        let complaints = with(name, right, wrong);
        assert!(complaints.contains(words), "{name}, {wrong}: {complaints:?}");
    }
}

#[test]
fn the_gate_reads_the_configuration_in_each_file_in_the_same_way() {
    let configurations: Vec<Value> = ["gateway.yaml", "sidecar.yaml"]
        .iter()
        .flat_map(|name| documents(&fs::read_to_string(file(name)).expect("the file is there")))
        .filter(|object| object["kind"] == "WasmPlugin")
        .map(|object| object["spec"]["pluginConfig"].clone())
        .collect();
    assert_eq!(configurations.len(), 2);
    assert_eq!(configurations[0], configurations[1], "one example, in two places");
}
