//! `oidc-gate schema`: the configuration as a JSON Schema (2020-12), for editors.
//!
//! Names, meanings and defaults are those of the gate's own table of keys, types stand in
//! [`shape`]. What one key means for another only the gate itself knows: `oidc-gate check` asks it.

mod shape;

use std::io::Write;

use oidc_gate::config::keys::{KEYS, Key, Missing, Support};
use serde_json::{Map, Value, json};

use crate::yaml::{self, Dialect};
use crate::{Outcome, output};

/// Sections without which no configuration is right.
const REQUIRED: &[&str] = &["provider"];

/// Write the JSON Schema of the configuration, for editors
///
/// It knows names, types and words. Whether keys fit together `oidc-gate check` knows.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Writes the schema to stdout.
pub(crate) fn run() -> Outcome {
    match schema() {
        Ok(schema) => {
            let _ = writeln!(std::io::stdout().lock(), "{schema:#}");
            Outcome::Right
        }
        Err(path) => {
            output::error(&format!("{path}: a key without a type"));
            Outcome::Unreadable
        }
    }
}

/// The schema; or the key that has no type.
fn schema() -> Result<Value, &'static str> {
    let mut whole = section();
    for key in KEYS.iter().filter(|key| key.support == Support::Yes) {
        let mut leaf = shape::of(key.path).ok_or(key.path)?;
        if let Some(members) = leaf.as_object_mut() {
            members.insert("description".to_owned(), plain(key.meaning).into());
            members.insert("markdownDescription".to_owned(), key.meaning.into());
            if let Some(default) = default(key) {
                members.insert("default".to_owned(), default);
            }
        }
        put(&mut whole, key, leaf);
    }
    let whole_members = whole.as_object_mut().into_iter().flatten();
    let mut members: Map<String, Value> =
        whole_members.map(|(name, value)| (name.clone(), value.clone())).collect();
    members.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    members.insert("title".to_owned(), "The configuration of oidc-gate".into());
    members.insert("required".to_owned(), json!(REQUIRED));
    Ok(Value::Object(members))
}

/// An object of known keys.
fn section() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {}})
}

/// Puts a key where its path leads, with the sections on the way.
fn put(whole: &mut Value, key: &Key, leaf: Value) {
    let (sections, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
    let mut at = whole;
    for name in sections.split('.').filter(|name| !name.is_empty()) {
        let (name, list) = match name.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let new = || if list { json!({"type": "array", "items": section()}) } else { section() };
        let inner = entry(at, "properties").entry(name).or_insert_with(new);
        let inner = list_form(inner);
        at = if list { entry_value(inner, "items") } else { inner };
    }
    entry(at, "properties").insert(name.to_owned(), leaf);
    if matches!(key.missing, Missing::Refused("")) {
        let required = entry_value(at, "required");
        match required.as_array_mut() {
            Some(names) => names.push(name.into()),
            None => *required = json!([name]),
        }
    }
}

#[allow(clippy::expect_used, reason = "one was just put there")]
/// Where a key has several forms: the list with members of known keys, which is the last one.
fn list_form(value: &mut Value) -> &mut Value {
    if value.get("anyOf").is_none() {
        return value;
    }
    let forms = entry_value(value, "anyOf");
    if let Some(forms) = forms.as_array_mut()
        && !forms.iter().any(|form| form.get("items").is_some())
    {
        forms.push(json!({"type": "array", "items": section()}));
    }
    let last = forms.as_array().map_or(0, |forms| forms.len().saturating_sub(1));
    forms.get_mut(last).expect("a form")
}

fn entry<'v>(value: &'v mut Value, name: &str) -> &'v mut Map<String, Value> {
    let inner = entry_value(value, name);
    if !inner.is_object() {
        *inner = json!({});
    }
    object(inner)
}

fn entry_value<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    object(value).entry(name).or_insert(Value::Null)
}

#[allow(clippy::expect_used, reason = "whoever calls has just made it one")]
fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}

/// The default, where a value says it.
fn default(key: &Key) -> Option<Value> {
    let Missing::Is(text) = key.missing else { return None };
    let document = yaml::documents(text).ok()?.into_iter().next()?;
    serde_json::from_str(&document.json(Dialect::Core)).ok()
}

/// Markdown without its links.
fn plain(markdown: &str) -> String {
    let mut plain = String::new();
    let mut rest = markdown;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        match link.split_once("](") {
            Some((text, target)) if !text.contains([']', '[']) => {
                plain.push_str(text);
                rest = target.split_once(')').map_or("", |(_, rest)| rest);
            }
            _ => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain.push_str(rest);
    plain
}
