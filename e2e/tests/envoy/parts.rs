//! What the documentation shows of Envoy's configuration is taken by Envoy, with the filter in it.
//!
//! A block says where in a file its YAML belongs: `yaml envoy file` is a whole one, `yaml envoy` its
//! members, `yaml envoy manager` members of the connection manager, and so on. Those of a page go into
//! its file, or into envoy.yaml, one after the other, and Envoy reads what has become of it each time.

use std::fs;
use std::path::{Path, PathBuf};

use oidc_gate_e2e::envoy::{filter, root, validate};
use oidc_gate_e2e::gate::SESSION_KEYS;
use serde_json::{Value, json};

use crate::pages::{Page, blocks, pages};

/// Files that the pages name, and what stands for them here.
fn with_files_of_this_machine(text: &str) -> String {
    let tls = root().join("e2e/src/envoy/tls");
    let there = |path: PathBuf| path.display().to_string();
    let certificate = there(tls.join("localhost.crt.pem"));
    text.replace("target/wasm32-wasip1/release/oidc_gate.wasm", &there(filter()))
        .replace("/etc/envoy/oidc_gate.wasm", &there(filter()))
        .replace("/etc/envoy/tls/tls.crt", &certificate)
        .replace("/etc/envoy/tls/tls.key", &there(tls.join("localhost.key.pem")))
        .replace("/etc/ssl/certs/ca-certificates.crt", &certificate)
}

/// `part` in `whole`: members one by one, anything else instead of what was there.
fn merge(whole: &mut Value, part: Value) {
    match (whole.as_object_mut(), part) {
        (Some(members), Value::Object(part)) => {
            for (name, value) in part {
                merge(members.entry(name).or_insert(Value::Null), value);
            }
        }
        (_, part) => *whole = part,
    }
}

/// The place that a block names, in a file of Envoy's.
fn place<'v>(file: &'v mut Value, name: Option<&str>, part: &Value) -> &'v mut Value {
    let pointer = match name {
        None => "",
        Some("cluster") => {
            let clusters = file.pointer_mut("/static_resources/clusters").expect("clusters");
            let clusters = clusters.as_array_mut().expect("a list");
            clusters.retain(|cluster| cluster["name"] != part["name"]);
            clusters.push(json!({}));
            return clusters.last_mut().expect("it was just added");
        }
        Some("manager") => MANAGER,
        Some("filter") => &format!("{MANAGER}/http_filters/0/typed_config"),
        Some("route") => &format!("{MANAGER}/route_config/virtual_hosts/0/routes/0"),
        Some(other) => panic!("where is `{other}` in a file of Envoy's?"),
    };
    file.pointer_mut(pointer).unwrap_or_else(|| panic!("the file has no {pointer}"))
}

/// The connection manager of the first listener.
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// What Envoy says of `file`.
fn what_envoy_says(file: &Value, path: &Path) -> String {
    fs::write(path, with_files_of_this_machine(&file.to_string())).expect("a file can be written");
    let environment = [("CLIENT_SECRET", "secret"), ("SESSION_KEY", SESSION_KEYS[0])];
    validate(&path.display().to_string(), &environment)
}

/// How many blocks of a page Envoy has read.
fn read(page: &Page, path: &Path) -> usize {
    let mut file: Value =
        serde_yaml_ng::from_str(&fs::read_to_string(root().join("envoy.yaml")).unwrap()).unwrap();
    let mut read = 0;
    for block in blocks(&page.text) {
        let Some(words) = block.info.strip_prefix("yaml envoy") else { continue };
        let at = format!("{}:{}", page.path, block.line);
        let part: Value =
            serde_yaml_ng::from_str(&block.text).unwrap_or_else(|error| panic!("{at}: {error}"));
        match words.split_whitespace().next() {
            Some("file") => file = part,
            name => merge(place(&mut file, name, &part), part.clone()),
        }
        let said = what_envoy_says(&file, path);
        assert!(said.contains("' OK"), "{at}: Envoy says\n{said}");
        read += 1;
    }
    read
}

#[test]
fn every_part_of_envoys_configuration_is_taken_by_envoy() {
    let folder = root().join("target/e2e");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("parts-{}.json", std::process::id()));
    let read: usize = pages(root()).iter().map(|page| read(page, &path)).sum();
    assert!(read > 10, "only {read} parts were read");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_part_that_envoy_does_not_know_is_not_taken() {
    let folder = root().join("target/e2e");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("wrong-{}.json", std::process::id()));
    for (info, text, words) in [
        ("yaml envoy manager", "normalise_path: true", "normalise_path"),
        ("yaml envoy filter", "config: { configuration: { value: '{}' } }", "client.client_id"),
    ] {
        let text = format!("```{info}\n{text}\n```\n");
        let page = Page { path: "a page".into(), text };
        let refused = std::panic::catch_unwind(|| read(&page, &path));
        let said = refused.expect_err("Envoy refuses it");
        let said = said.downcast_ref::<String>().expect("a message");
        assert!(said.contains(words), "{words} was expected in {said}");
    }
    fs::remove_file(&path).unwrap();
}
