//! What a run adds to `envoy.yaml`: services that get tokens of their own, by token exchange. They are not in the file,
//! because it is there to be copied: hardly anybody has two services that want to steal from each other.

use serde_json::{Value, json};

/// A service behind the gate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// It gets all below this path.
    pub(crate) path: &'static str,
    /// Whom its tokens are for. Its cluster and the provider's scope have the same name.
    pub(crate) audience: &'static str,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Service {
    /// Adds cluster and route to Envoy's `static_resources`.
    ///
    /// Errors: a sentence on what there is no place for.
    pub(crate) fn add_way(&self, resources: &mut Value) -> Result<(), String> {
        let name = self.audience;
        let clusters = resources["clusters"].as_array_mut().ok_or("it has no clusters")?;
        if clusters.iter().any(|cluster| cluster["name"] == name) {
            return Err(format!("the demo adds a cluster named `{name}`, and it has one already"));
        }
        let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": self.port}});
        clusters.push(json!({
            "name": name,
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            },
        }));
        let routes = routes(&mut resources["listeners"]).ok_or("it has no list of routes")?;
        // Before all others: the last one usually takes whatever comes.
        let way =
            json!({"match": {"path_separated_prefix": self.path}, "route": {"cluster": name}});
        routes.insert(0, way);
        Ok(())
    }

    /// Adds the rule to the configuration of a gate.
    pub(crate) fn add_rule(&self, config: &mut Value) {
        let rule = json!({
            "match": {"path_prefix": self.path},
            "unauthenticated": "deny",
            "access_token": {
                "audiences": [self.audience],
                "acquire": "token_exchange",
                "audience": self.audience,
                "scope": [self.audience],
            },
        });
        match config["rules"].as_array_mut() {
            Some(rules) => rules.insert(0, rule),
            None => config["rules"] = json!([rule]),
        }
    }
}

/// The first list of routes below `tree`.
fn routes(tree: &mut Value) -> Option<&mut Vec<Value>> {
    match tree {
        Value::Object(members) => members.iter_mut().find_map(|(name, value)| {
            if name == "routes" { value.as_array_mut() } else { routes(value) }
        }),
        Value::Array(items) => items.iter_mut().find_map(routes),
        _ => None,
    }
}
