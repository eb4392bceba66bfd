//! Every example is read as its reader would write it.
//!
//! A block marked `yaml gate` is a whole configuration, `yaml gate part` stands for keys that
//! are added to the smallest one. Other YAML says whose it is (`yaml envoy`, `yaml istio`, ..); what
//! of the gate stands in Envoy's is read, too (Envoy reads the whole: `e2e/tests/envoy/parts.rs`).

use oidc_gate::config::Config;
use serde_json::{Value, json};

use crate::{blocks, pages, read};

/// Whose YAML may stand in the documentation besides the gate's.
const OTHERS: [&str; 4] = ["istio", "gateway", "keycloak", "gatekeeper"];

/// The smallest configuration, with secrets that tests have.
pub(crate) fn smallest() -> Value {
    json!({
        "provider": {"issuer": "https://keycloak.example/realms/acme", "cluster": "keycloak"},
        "client": {"client_id": "APP-frontend", "client_secret": {"env": "CLIENT_SECRET"}},
        "access_token": {"audiences": ["APP-backend"]},
        "session": {"keys": [{"env": "SESSION_KEY"}]}
    })
}

/// `whole` with `change` merged in (RFC 7396: `null` takes out).
pub(crate) fn merged(mut whole: Value, change: Value) -> Value {
    let (Some(members), Value::Object(changes)) = (whole.as_object_mut(), &change) else {
        return change;
    };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(name);
        } else {
            let member = members.remove(name).unwrap_or_else(|| json!({}));
            members.insert(name.clone(), merged(member, value.clone()));
        }
    }
    whole
}

/// Reads a configuration; all problems as one text.
pub(crate) fn read_gate(value: &Value) -> Result<Config, String> {
    let env = |name: &str| match name {
        "CLIENT_SECRET" => Some("hunter2".to_owned()),
        "SESSION_KEY" => Some("ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=".to_owned()),
        "SESSION_KEY_OLD" => Some("LS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0=".to_owned()),
        _ => None,
    };
    let loaded = Config::read(value.to_string().as_bytes(), &env);
    loaded.map(|loaded| loaded.config).map_err(|problems| problems.to_string())
}

#[test]
fn every_example_of_a_configuration_is_read() {
    let mut read = 0;
    for (path, page) in pages() {
        for block in blocks(&page) {
            let place = format!("{path}:{}", block.line);
            let mut words = block.info.split(' ');
            if !matches!(words.next(), Some("yaml" | "json")) {
                continue;
            }
            let part = match (words.next(), words.next()) {
                (Some("gate"), None) => false,
                (Some("gate"), Some("part")) => true,
                (Some("envoy"), _) => {
                    let value: Value = serde_yaml_ng::from_str(&block.text)
                        .unwrap_or_else(|error| panic!("{place}: {error}"));
                    for text in within_envoys(&value) {
                        let value: Value = serde_json::from_str(text).unwrap();
                        read_gate(&value).unwrap_or_else(|problems| panic!("{place}:\n{problems}"));
                        read += 1;
                    }
                    continue;
                }
                (Some(whose), None) if OTHERS.contains(&whose) => continue,
                _ => panic!(
                    "{place}: say whose it is: `yaml gate`, `yaml gate part`, `yaml envoy ..`, {OTHERS:?}"
                ),
            };
            let value: Value = serde_yaml_ng::from_str(&block.text)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            let whole = if part { merged(smallest(), value) } else { value };
            read_gate(&whole).unwrap_or_else(|problems| panic!("{place}:\n{problems}"));
            read += 1;
        }
    }
    assert!(read > 10, "only {read} examples were read");
}

#[test]
fn envoy_yaml_holds_a_configuration_that_is_read() {
    let envoy: Value = serde_yaml_ng::from_str(&read("envoy.yaml")).unwrap();
    let texts = within_envoys(&envoy);
    assert_eq!(texts.len(), 1, "a StringValue in envoy.yaml");
    read_gate(&serde_json::from_str(texts[0]).unwrap()).unwrap();
}

#[test]
fn what_envoy_yaml_says_of_failing_is_what_the_documentation_says() {
    assert!(read("envoy.yaml").contains("failure_policy: FAIL_RELOAD"));
    assert!(read("docs/security.md").contains("FAIL_RELOAD"));
}

/// The gate's configurations within Envoy's: each StringValue.
fn within_envoys(value: &Value) -> Vec<&str> {
    let strings = "type.googleapis.com/google.protobuf.StringValue";
    match value {
        Value::Object(members) if members.get("@type").is_some_and(|kind| kind == strings) => {
            members["value"].as_str().into_iter().collect()
        }
        Value::Object(members) => members.values().flat_map(within_envoys).collect(),
        Value::Array(members) => members.iter().flat_map(within_envoys).collect(),
        _ => Vec::new(),
    }
}
