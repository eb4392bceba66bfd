//! `envoy.yaml`, the file that users copy, with the ports of this run.
//!
//! It is read as a tree, changed in the few places that a run decides, and written as JSON, which Envoy reads too. All
//! else stays as it stands in the file: what is tried out is what is copied. Services are added, see [`crate::added`].

use std::path::PathBuf;

use serde_json::Value;

use crate::added::Service;

/// What a run decides.
pub(crate) struct Run<'a> {
    /// Names of clusters, and the ports on 127.0.0.1 that they lead to.
    pub(crate) clusters: &'a [(&'a str, u16)],
    /// The issuer, as it stands in `iss`.
    pub(crate) issuer: &'a str,
    /// What stands behind the gate besides.
    pub(crate) added: &'a [Service],
    /// Where the gate listens, if not where the file says.
    pub(crate) gate_port: Option<u16>,
}

/// A configuration for Envoy.
#[derive(Debug)]
pub(crate) struct Config {
    tree: Value,
    /// Where the gate listens.
    pub(crate) gate_port: u16,
    /// The filter's file.
    pub(crate) wasm: PathBuf,
}

impl Config {
    /// Reads the YAML `text`, and looks for what a run needs to know of it.
    ///
    /// Errors: a sentence on what is not YAML, or missing.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let tree: Value =
            serde_yaml_ng::from_str(text).map_err(|error| format!("it is not YAML: {error}"))?;
        let mut config = Self { tree, gate_port: 0, wasm: PathBuf::new() };
        let mut ports = Vec::new();
        each(&mut config.tree["static_resources"]["listeners"], &mut |name, value| {
            if let ("port_value", Some(port)) = (name, value.as_u64()) {
                ports.push(port);
            }
        });
        let port = ports.first().and_then(|port| u16::try_from(*port).ok());
        config.gate_port = port.ok_or("it has no listener with a `port_value`")?;
        let mut files = Vec::new();
        each(&mut config.tree, &mut |name, value| {
            if let ("filename", Some(file)) =
                (name, value.as_str().filter(|file| file.ends_with(".wasm")))
            {
                files.push(PathBuf::from(file));
            }
        });
        config.wasm = files.pop().ok_or("it names no file that ends in .wasm")?;
        Ok(config)
    }

    /// The configuration of this run, in JSON.
    ///
    /// Errors: a sentence on what there is no place for.
    pub(crate) fn of_run(mut self, run: &Run<'_>) -> Result<String, String> {
        if let Some(port) = run.gate_port {
            let listeners = &mut self.tree["static_resources"]["listeners"];
            replace(listeners, "port_value", &port.into());
        }
        for (name, port) in run.clusters {
            let clusters = self.tree["static_resources"]["clusters"].as_array_mut();
            let mut clusters = clusters.into_iter().flatten();
            let cluster = clusters.find(|cluster| cluster["name"] == **name);
            let cluster = cluster.ok_or_else(|| format!("it has no cluster named `{name}`"))?;
            if replace(cluster, "port_value", &(*port).into()) == 0 {
                return Err(format!("its cluster `{name}` has no `port_value`"));
            }
        }
        for service in run.added {
            service.add_way(&mut self.tree["static_resources"])?;
        }
        let gates = each_gate(&mut self.tree, &mut |config| {
            config["provider"]["issuer"] = run.issuer.into();
            run.added.iter().for_each(|service| service.add_rule(config));
        });
        match gates {
            0 => Err("it has no gate: no text in it is JSON with `provider.issuer`".into()),
            _ => Ok(self.tree.to_string()),
        }
    }
}

/// Calls `change` with every configuration of a gate, which is JSON within the YAML. The answer: how many.
fn each_gate(tree: &mut Value, change: &mut impl FnMut(&mut Value)) -> usize {
    let mut found = 0;
    each(tree, &mut |_, value| {
        let Some(mut config) =
            value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok())
        else {
            return;
        };
        if config.pointer("/provider/issuer").is_some() {
            change(&mut config);
            *value = config.to_string().into();
            found += 1;
        }
    });
    found
}

/// Replaces each member `name` below `tree`. The answer: how many.
fn replace(tree: &mut Value, name: &str, with: &Value) -> usize {
    let mut found = 0;
    each(tree, &mut |member, value| {
        if member == name {
            *value = with.clone();
            found += 1;
        }
    });
    found
}

/// Calls `visit` with the name and value of each member below `tree`, however deep.
fn each(tree: &mut Value, visit: &mut impl FnMut(&str, &mut Value)) {
    match tree {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                visit(name, value);
                each(value, visit);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that users copy: this test fails when `make run` could not use it.
    const ENVOY_YAML: &str = include_str!("../../../../envoy.yaml");

    const ADDED: [Service; 2] = [
        Service { path: "/good", audience: "good-service", port: 6 },
        Service { path: "/evil", audience: "evil-service", port: 7 },
    ];

    fn run<'a>(clusters: &'a [(&'a str, u16)]) -> Run<'a> {
        Run {
            clusters,
            issuer: "http://127.0.0.1:5/realms/acme",
            added: &ADDED,
            gate_port: Some(9),
        }
    }

    #[test]
    fn the_repositorys_envoy_yaml_takes_the_ports_of_a_run() {
        let config = Config::read(ENVOY_YAML).expect("it is readable");
        assert_eq!(config.gate_port, 10000);
        assert_eq!(config.wasm, PathBuf::from("target/wasm32-wasip1/release/oidc_gate.wasm"));
        let clusters = [("keycloak", 1), ("page", 2), ("api", 3), ("reports", 4)];
        let text = config.of_run(&run(&clusters)).expect("there is a place for everything");
        let tree: Value = serde_json::from_str(&text).expect("it is JSON");
        for (name, port) in clusters {
            let all = tree["static_resources"]["clusters"].as_array().expect("clusters");
            let cluster = all.iter().find(|cluster| cluster["name"] == name).expect("the cluster");
            assert!(cluster.to_string().contains(&format!("\"port_value\":{port}}}")), "{cluster}");
        }
        let mut gates = Vec::new();
        each_gate(&mut tree.clone(), &mut |config| gates.push(config.clone()));
        let [gate] = gates.as_slice() else { panic!("one gate: {gates:?}") };
        assert_eq!(gate["provider"]["issuer"], "http://127.0.0.1:5/realms/acme");
        for (rule, service) in [(1, ADDED[0]), (0, ADDED[1])] {
            assert_eq!(gate["rules"][rule]["match"]["path_prefix"], service.path);
            assert_eq!(gate["rules"][rule]["access_token"]["audience"], service.audience);
        }
        assert!(!text.contains("10000") && !text.contains("8180"), "{text}");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(Config::read("a: [").expect_err("not YAML").contains("YAML"));
        assert!(Config::read("a: 1").expect_err("no listener").contains("listener"));
        let config = Config::read(ENVOY_YAML).expect("it is readable");
        let problem = config.of_run(&run(&[("orders", 1)])).expect_err("no such cluster");
        assert!(problem.contains("`orders`"), "{problem}");
        let twice = ENVOY_YAML.replace("name: reports", "name: good-service");
        let config = Config::read(&twice).expect("it is readable");
        let problem = config.of_run(&run(&[])).expect_err("a name for two clusters");
        assert!(problem.contains("`good-service`"), "{problem}");
    }
}
