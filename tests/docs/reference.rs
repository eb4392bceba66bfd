//! The tables of `docs/configuration.md`, and the defaults in them.

use std::fmt::Write as _;

use oidc_gate::config::keys::{KEYS, Key, Missing, Support};
use serde_json::Value;

use crate::examples::{merged, read_gate, smallest};
use crate::{read, root};

const PAGE: &str = "docs/configuration.md";

#[test]
fn the_reference_is_made_from_the_keys() {
    let found = read(PAGE);
    let made = made_anew(&found, "keys", table);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(root().join(PAGE), made).unwrap();
        return;
    }
    assert!(found == made, "{PAGE} is not what the code says: run `make docs`");
    assert!(found.matches("<!-- keys: ").count() > 5, "where are the marks?");
}

#[test]
fn every_key_stands_in_the_reference_once() {
    let page = read(PAGE);
    for Key { path, .. } in KEYS {
        let rows = page.lines().filter(|line| line.starts_with(&format!("| `{path}` |")));
        assert_eq!(rows.count(), 1, "{path}");
    }
}

#[test]
fn every_default_is_what_holds_where_the_key_is_missing() {
    let mut compared = 0;
    let with_a_rule = merged(smallest(), serde_json::json!({"rules": [{"match": {"path": "/x"}}]}));
    let plain = format!("{:?}", read_gate(&with_a_rule).unwrap());
    for Key { path, missing, .. } in KEYS {
        let Missing::Is(default) = missing else { continue };
        let value: Value = serde_yaml_ng::from_str(default).unwrap();
        let mut written = with_a_rule.clone();
        *at(&mut written, path) = value;
        let config = read_gate(&written).unwrap_or_else(|problems| panic!("{path}: {problems}"));
        assert_eq!(format!("{config:?}"), plain, "{path}: {default} is not its default");
        compared += 1;
    }
    assert!(compared > 20, "only {compared} defaults were compared");
}

#[test]
fn what_the_reference_calls_required_is_asked_for() {
    for Key { path, missing, .. } in KEYS {
        let Missing::Refused(_) = missing else { continue };
        let pruned = merged(smallest(), pruning(path));
        let problems = read_gate(&pruned).expect_err(path);
        assert!(problems.contains(&format!("{path}: missing")), "{path}: {problems}");
    }
}

/// The change that takes `path` out.
fn pruning(path: &str) -> Value {
    path.rsplit('.').fold(Value::Null, |value, name| serde_json::json!({name: value}))
}

/// The place of `path`, the first member where it says `[]`.
fn at<'v>(value: &'v mut Value, path: &str) -> &'v mut Value {
    path.split('.').fold(value, |value, name| match name.strip_suffix("[]") {
        Some(list) => value.get_mut(list).unwrap().get_mut(0).unwrap(),
        None => {
            if !value.is_object() {
                *value = Value::Object(serde_json::Map::new());
            }
            value.as_object_mut().unwrap().entry(name).or_insert(Value::Null)
        }
    })
}

/// The page, with what stands between marks of this name (`<!-- mark: what -->`) made anew.
pub(crate) fn made_anew(page: &str, mark: &str, table: impl Fn(&str) -> String) -> String {
    let (mut made, mut inside, mut tables) = (String::new(), false, 0);
    for line in page.lines() {
        let begins = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_prefix(mark));
        match (begins, line == "<!-- end -->" && inside) {
            (Some(what), _) => {
                assert!(!inside, "a mark within marks: {line}");
                inside = true;
                tables += 1;
                let what = what.strip_suffix(" -->").expect("a mark ends in -->");
                write!(made, "{line}\n{}", table(what.trim_start_matches(": "))).unwrap();
            }
            (None, true) => {
                inside = false;
                made.push_str("<!-- end -->\n");
            }
            (None, false) if inside => {}
            (None, false) => writeln!(made, "{line}").unwrap(),
        }
    }
    assert!(!inside, "a table without an end");
    assert!(tables > 0, "no tables: where are the marks?");
    made
}

fn table(what: &str) -> String {
    let not_yet = what == "not yet";
    let section = |key: &&Key| {
        let first = key.path.split(['.', '[']).next().unwrap_or_default();
        what.split(' ').any(|name| name == first)
    };
    let mut rows = if not_yet {
        "| key | what it will be for |\n|---|---|\n".to_owned()
    } else {
        "| key | default | meaning |\n|---|---|---|\n".to_owned()
    };
    let empty = rows.len();
    for key in KEYS.iter().filter(|key| not_yet == (key.support == Support::NotYet)) {
        let meaning = key.meaning.replace('|', "\\|");
        if not_yet {
            writeln!(rows, "| `{}` | {meaning} |", key.path).unwrap();
        } else if section(&key) {
            writeln!(rows, "| `{}` | {} | {meaning} |", key.path, default(key.missing)).unwrap();
        }
    }
    assert!(rows.len() > empty, "no key in {what}");
    rows
}

fn default(missing: Missing) -> String {
    match missing {
        Missing::Refused("") => "required".to_owned(),
        Missing::Refused(when) => format!("required {when}"),
        Missing::Is(value) => format!("`{value}`"),
        Missing::Means(words) => words.to_owned(),
    }
}
