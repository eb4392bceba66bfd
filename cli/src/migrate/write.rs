//! A configuration as people write it: a section a line, or a line for each of its members.

use serde_json::{Map, Value};

/// The order of sections in the documentation.
const ORDER: [&str; 8] =
    ["provider", "client", "access_token", "bearer", "origins", "session", "logout", "upstream"];

/// The configuration as YAML.
pub(super) fn yaml(config: &Map<String, Value>) -> String {
    let mut text = String::new();
    let known = ORDER.iter().filter_map(|name| config.get_key_value(*name));
    let others = config.iter().filter(|(name, _)| !ORDER.contains(&name.as_str()));
    for (name, value) in known.chain(others) {
        match value {
            Value::Object(members) => {
                text.push_str(&format!("{name}:\n"));
                for (name, value) in members {
                    text.push_str(&format!("  {name}: {}\n", flow(value)));
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                text.push_str(&format!("{name}:\n"));
                for item in items {
                    text.push_str(&format!("  - {}\n", flow(item)));
                }
            }
            other => text.push_str(&format!("{name}: {}\n", flow(other))),
        }
    }
    text
}

/// A value on one line. As deep as what this program makes.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name}: {}", flow(value));
            // What a rule is for comes first.
            let (first, rest): (Vec<_>, Vec<_>) =
                members.iter().partition(|(name, _)| name.as_str() == "match");
            let members: Vec<_> = first.into_iter().chain(rest).map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether every reader of YAML takes the text without quotes for itself.
fn is_plain(text: &str) -> bool {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-./:".contains(c);
    starts
        && text.chars().all(allowed)
        && !text.ends_with(':')
        && !words.contains(&text.to_ascii_lowercase().as_str())
}
