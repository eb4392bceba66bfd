//! What the tests of this layer share: the smallest configuration, and changes to it.

use serde_json::{Value, json};

use super::{Config, Loaded};

/// A session key: 32 bytes.
pub(super) const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The environment of all tests.
pub(super) fn env(name: &str) -> Option<String> {
    let value = match name {
        "CLIENT_SECRET" => "hunter2",
        "SESSION_KEY" => KEY,
        "SESSION_KEY_2" => "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA",
        "EMPTY" => "",
        "LINE_END" => "hunter2\n",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The smallest configuration with `change` merged in (RFC 7396: `null` takes out).
pub(super) fn read(change: Value) -> Result<Loaded, String> {
    let mut whole = json!({
        "provider": {"issuer": "https://keycloak.local/realms/acme", "cluster": "keycloak"},
        "client": {"client_id": "APP-frontend", "client_secret": {"env": "CLIENT_SECRET"}},
        "access_token": {"audiences": ["APP-backend"]},
        "session": {"keys": [{"env": "SESSION_KEY"}]}
    });
    merge(&mut whole, change);
    let read = Config::read(whole.to_string().as_bytes(), &env);
    read.map_err(|problems| problems.to_string())
}

/// The configuration, which must be right.
pub(super) fn config(change: Value) -> Config {
    read(change).unwrap().config
}

/// The warnings of a configuration that must be right, one a line.
pub(super) fn warnings(change: Value) -> String {
    let warnings = read(change).unwrap().warnings;
    warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The problems of a configuration that must be refused, one a line.
pub(super) fn problems(change: Value) -> String {
    read(change).unwrap_err()
}

fn merge(whole: &mut Value, change: Value) {
    let (Some(members), Value::Object(changes)) = (whole.as_object_mut(), &change) else {
        *whole = change;
        return;
    };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(name);
        } else {
            let member = members.entry(name.clone()).or_insert_with(|| json!({}));
            merge(member, value.clone());
        }
    }
}
