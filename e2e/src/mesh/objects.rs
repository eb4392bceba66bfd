//! The objects of `deploy/istio`, and all that a test changes in them: the addresses of what is on this machine, and
//! where the gateway has its certificate from.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::Place;
use crate::envoy::{filter, root};

/// What stands in the files for the provider.
const ISSUER: &str = "https://idp.example.com/realms/acme";

/// What is where.
pub(super) struct World {
    pub(super) place: Place,
    pub(super) issuer: String,
    /// Where the proxy listens.
    pub(super) port: u16,
    pub(super) upstream: u16,
    /// The provider outside of the mesh, and the one in it: both behind TLS.
    pub(super) provider: u16,
    pub(super) keycloak: u16,
}

/// Where a file of `deploy/istio` is.
pub fn file(name: &str) -> PathBuf {
    root().join("deploy/istio").join(name)
}

/// The documents of a YAML file.
pub fn documents(text: &str) -> Vec<Value> {
    let all = serde_yaml_ng::Deserializer::from_str(text);
    let all = all.map(|one| Value::deserialize(one).unwrap_or_else(|why| panic!("{why}: {text}")));
    all.filter(|one| !one.is_null()).collect()
}

impl World {
    /// Writes what the discovery server reads: the objects of `files`, changed, and the rest of the cluster.
    pub(super) fn write(&self, files: &[String], change: fn(&mut Value), folder: &Path) {
        let (mut istio, mut kubernetes) = (Vec::new(), self.cluster());
        for name in files {
            let text = fs::read_to_string(file(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
            for mut object in documents(&text) {
                change(&mut object);
                self.place_here(&mut object);
                let version = object["apiVersion"].as_str().expect("an object has its version");
                if version.contains(".istio.io/") { &mut istio } else { &mut kubernetes }
                    .push(object);
            }
        }
        if self.place == Place::Sidecar {
            istio.push(self.without_redirection());
        }
        for (name, objects) in [("istio.yaml", istio), ("kubernetes.yaml", kubernetes)] {
            let text: Vec<_> = objects.iter().map(Value::to_string).collect();
            fs::write(folder.join(name), text.join("\n---\n")).expect("objects can be written");
        }
    }

    /// All that is changed in an object.
    fn place_here(&self, object: &mut Value) {
        replace(object, ISSUER, &self.issuer);
        let kind = object["kind"].as_str().expect("an object has a kind").to_owned();
        let spec = &mut object["spec"];
        match kind.as_str() {
            "WasmPlugin" => spec["url"] = format!("file://{}", filter().display()).into(),
            "Gateway" => {
                let server = &mut spec["servers"][0];
                server["port"]["number"] = self.port.into();
                // Not out of a Secret: the control plane gives its content to proxies alone that have shown a token of
                // the cluster's, and there is none here.
                server["tls"].as_object_mut().expect("TLS ends here").remove("credentialName");
                server["tls"]["serverCertificate"] = "certificates/app.pem".into();
                server["tls"]["privateKey"] = "certificates/app.key".into();
            }
            "AuthorizationPolicy" => {
                spec["rules"][0]["to"][0]["operation"]["ports"] = json!([self.port.to_string()]);
            }
            "ServiceEntry" => {
                spec["resolution"] = "STATIC".into();
                spec["endpoints"] =
                    json!([{ "address": "127.0.0.1", "ports": { "tls": self.provider } }]);
            }
            _ => {}
        }
    }

    /// What would be in the cluster already: the application and Keycloak.
    fn cluster(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for (name, port, at) in [("shop", 80, self.upstream), ("keycloak", 8080, self.keycloak)] {
            // The sidecar's file has the application's Service itself.
            if name != "shop" || self.place == Place::Gateway {
                all.push(json!({
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": { "name": name, "namespace": name },
                    "spec": {
                        "clusterIP": if name == "shop" { "10.0.0.1" } else { "10.0.0.2" },
                        "selector": { "app": name },
                        "ports": [{ "name": "http", "port": port, "targetPort": 8080 }],
                    },
                }));
            }
            all.push(json!({
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": name,
                    "namespace": name,
                    "labels": { "kubernetes.io/service-name": name },
                },
                "addressType": "IPv4",
                "ports": [{ "name": "http", "port": at }],
                "endpoints": [{ "addresses": ["127.0.0.1"], "conditions": { "ready": true } }],
            }));
        }
        all
    }

    /// In a pod, iptables lead what comes for the application through its sidecar. Here clients come to a port of the
    /// sidecar's, which Istio calls capture mode NONE; and nothing listens for what goes out, since that would be on
    /// ports of this machine.
    fn without_redirection(&self) -> Value {
        json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Sidecar",
            "metadata": { "name": "shop", "namespace": "shop" },
            "spec": {
                "workloadSelector": { "labels": { "app": "shop" } },
                "ingress": [{
                    "bind": "127.0.0.1",
                    "port": { "number": self.port, "protocol": "HTTP", "name": "http" },
                    "captureMode": "NONE",
                    "defaultEndpoint": format!("127.0.0.1:{}", self.upstream),
                }],
                "egress": [{
                    "bind": format!("unix://@oidc-gate-{}", self.port),
                    "port": { "number": 0, "protocol": "HTTP", "name": "out" },
                    "captureMode": "NONE",
                    "hosts": ["./*"],
                }],
            },
        })
    }
}

/// Replaces `this` in every text.
fn replace(value: &mut Value, this: &str, by: &str) {
    match value {
        Value::String(text) => *text = text.replace(this, by),
        Value::Array(all) => all.iter_mut().for_each(|one| replace(one, this, by)),
        Value::Object(all) => all.values_mut().for_each(|one| replace(one, this, by)),
        _ => {}
    }
}
