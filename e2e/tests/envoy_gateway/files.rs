//! The files, as objects: each by its kind and name, so that a test can change what it needs.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oidc_gate_e2e::envoy::root;
use serde_json::{Value, json};

/// What a cluster is given, in this order.
pub(crate) const FILES: [&str; 4] = ["gateway.yaml", "routes.yaml", "keycloak.yaml", "gate.yaml"];

/// The text of one of the files.
pub(crate) fn text(file: &str) -> String {
    let path = root().join("deploy/envoy-gateway").join(file);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The objects in a text of several YAML documents.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let read = |document| {
        serde_yaml_ng::from_str(document).unwrap_or_else(|why| panic!("not YAML: {why}\n{text}"))
    };
    text.split("\n---\n").map(read).collect()
}

/// All objects of the files, in order.
#[derive(Clone)]
pub(crate) struct Objects(Vec<Value>);

impl Objects {
    pub(crate) fn new() -> Self {
        Self(FILES.iter().flat_map(|file| documents(&text(file))).collect())
    }

    /// With what the files leave to whoever deploys: the services of the page and the API, and the certificate.
    pub(crate) fn with_the_rest(mut self) -> Self {
        for name in ["page", "api"] {
            self.0.push(json!({
                "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "app" },
                "spec": { "clusterIP": "10.96.0.1", "ports": [{ "port": 80, "protocol": "TCP", "targetPort": 8080 }] },
            }));
        }
        let tls = |file: &str| {
            let bytes = fs::read(root().join("e2e/src/envoy/tls").join(file)).expect("it is there");
            STANDARD.encode(bytes)
        };
        self.0.push(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "app-tls", "namespace": "app" },
            "type": "kubernetes.io/tls",
            "data": { "tls.crt": tls("localhost.crt.pem"), "tls.key": tls("localhost.key.pem") },
        }));
        self
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The one at this place.
    pub(crate) fn at(&mut self, place: usize) -> &mut Value {
        &mut self.0[place]
    }

    /// The one of this kind and name.
    pub(crate) fn of(&mut self, kind: &str, name: &str) -> &mut Value {
        let found =
            self.0.iter_mut().find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// Takes all of this kind out.
    pub(crate) fn remove(&mut self, kind: &str) {
        self.0.retain(|one| one["kind"] != kind);
    }

    /// Without the gate: egctl has no filter, and makes nothing but a 500 of a route whose policy it cannot carry out.
    pub(crate) fn without_the_gate(mut self) -> Self {
        self.remove("EnvoyExtensionPolicy");
        self
    }

    /// One more.
    pub(crate) fn push(&mut self, object: Value) {
        self.0.push(object);
    }

    /// As one file.
    pub(crate) fn yaml(&self) -> String {
        // JSON is YAML, and one object a line can be read.
        self.0.iter().map(|one| format!("---\n{one:#}\n")).collect()
    }
}

/// The gate's configuration in the policy.
pub(crate) fn config(objects: &mut Objects) -> &mut Value {
    &mut objects.of("EnvoyExtensionPolicy", "oidc-gate")["spec"]["wasm"][0]["config"]
}
