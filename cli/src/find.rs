//! The gate's configurations in a file, found by their shape.
//!
//! | in | where |
//! |---|---|
//! | Envoy, Istio's EnvoyFilter | `envoy.extensions.filters.http.wasm.v3.Wasm`, plain or in a TypedStruct: `config.configuration`, a StringValue with JSON |
//! | Istio's WasmPlugin | `spec.pluginConfig` |
//! | Envoy Gateway's EnvoyExtensionPolicy | `spec.wasm[].config` |
//! | a document that is none of these | the whole |

use oidc_gate::config::keys::KEYS;

use crate::yaml::{self, Broken, Dialect, Node, Place, Value};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const STRING: &str = "type.googleapis.com/google.protobuf.StringValue";
/// What a document of Envoy's or of Kubernetes' has at its root, and a configuration never.
const FOREIGN: [&str; 8] = [
    "@type",
    "admin",
    "apiVersion",
    "dynamic_resources",
    "http_filters",
    "kind",
    "node",
    "static_resources",
];

/// One configuration in a file.
pub(crate) struct Found {
    /// What holds it, for people: `filter oidc_gate`.
    pub(crate) what: String,
    /// Where it begins.
    pub(crate) at: Place,
    /// As the gate gets it; or why it would get none, and what to write instead.
    pub(crate) json: Result<String, (String, &'static str)>,
    /// The same with places, where it can be read at all.
    pub(crate) root: Option<Node>,
    /// How the places of `root` and the lines of `json` are those of the file.
    pub(crate) lines: Lines,
}

/// Where the lines of a configuration stand in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lines {
    /// They are the file's own.
    Same,
    /// In a block: its first line is this one.
    From(usize),
    /// In a string, whose lines are not the file's.
    Within(Place),
}

impl Lines {
    /// The place in the file.
    pub(crate) fn place(self, place: Place) -> Place {
        match self {
            Self::Same => place,
            Self::From(first) => {
                Place { line: first.saturating_add(place.line).saturating_sub(1), ..place }
            }
            Self::Within(place) => place,
        }
    }
}

/// What a file holds.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) configurations: Vec<Found>,
    /// WebAssembly that is not this gate: what it is, and where.
    pub(crate) others: Vec<(String, Place)>,
}

/// Finds the configurations in `text`. `json`: the file is JSON by its name, and read as the
/// gate itself would.
pub(crate) fn configurations(text: &str, json: bool) -> Result<Findings, Broken> {
    let strict = serde_json::from_str::<serde_json::Value>(text).is_ok();
    let documents = match yaml::documents(text) {
        Ok(documents) => documents,
        // Let the gate say what is wrong with its JSON.
        Err(_) if json => {
            let at = Place { line: 1, column: 1 };
            let whole = bare(None, at, Some(text));
            return Ok(Findings { configurations: vec![whole], others: Vec::new() });
        }
        Err(broken) => return Err(broken),
    };
    let mut findings = Findings::default();
    for document in documents {
        let (before, others) = (findings.configurations.len(), findings.others.len());
        walk(&document, &mut findings);
        let nothing = findings.configurations.len() == before && findings.others.len() == others;
        let foreign = FOREIGN.iter().any(|name| document.member(name).is_some());
        let empty = matches!(&document.value, Value::Plain(text) if text.is_empty());
        if nothing && !foreign && !empty {
            let at = document.at;
            let text = (strict || json).then_some(text);
            findings.configurations.push(bare(Some(document), at, text));
        }
    }
    Ok(findings)
}

/// A document that is a configuration: its text, where that is JSON already.
fn bare(root: Option<Node>, at: Place, text: Option<&str>) -> Found {
    let json = match (text, &root) {
        (Some(text), _) => text.to_owned(),
        (None, Some(root)) => root.json(Dialect::Core),
        (None, None) => String::new(),
    };
    Found { what: "configuration".to_owned(), at, json: Ok(json), root, lines: Lines::Same }
}

fn walk(document: &Node, to: &mut Findings) {
    let mut waiting = vec![document];
    while let Some(node) = waiting.pop() {
        if let Some(config) = wasm_config(node) {
            envoy_filter(config, to);
            continue;
        }
        match node.text_at(&["kind"]) {
            "WasmPlugin" => {
                wasm_plugin(node, to);
                continue;
            }
            "EnvoyExtensionPolicy" => {
                extension_policy(node, to);
                continue;
            }
            _ => {}
        }
        waiting.extend(node.items().iter().rev());
        waiting.extend(node.members().iter().rev().map(|member| &member.node));
    }
}

/// The `config` of Envoy's filter, where `node` is its typed configuration.
fn wasm_config(node: &Node) -> Option<&Node> {
    if node.text_at(&["@type"]) == WASM {
        return node.at(&["config"]);
    }
    // xds.type.v3.TypedStruct, udpa.type.v1.TypedStruct.
    (node.text_at(&["type_url"]) == WASM).then(|| node.at(&["value", "config"])).flatten()
}

fn envoy_filter(config: &Node, to: &mut Findings) {
    let code = ["local", "remote"].map(|kind| match kind {
        "local" => config.text_at(&["vm_config", "code", kind, "filename"]),
        _ => config.text_at(&["vm_config", "code", kind, "http_uri", "uri"]),
    });
    let names = [config.text_at(&["name"]), config.text_at(&["root_id"])];
    let what = format!("filter {}", names.iter().find(|name| !name.is_empty()).unwrap_or(&""));
    let named = names.iter().chain(&code).any(|name| is_name(name));
    let Some(configuration) = config.member("configuration") else {
        if named {
            let how = "has no `configuration`".to_owned();
            to.configurations.push(wrong(what, config.at, how, STRING_HOW));
        }
        return;
    };
    let (at, node) = (configuration.at, &configuration.node);
    let kind = node.text_at(&["@type"]);
    let Some(text) = (kind == STRING).then(|| node.at(&["value"])).flatten() else {
        if named || kind.ends_with("Struct") && node.at(&["value"]).is_some_and(is_ours) {
            let found = if kind.is_empty() { "no `@type`" } else { kind };
            let how =
                format!("`configuration` must be a google.protobuf.StringValue, found {found}");
            to.configurations.push(wrong(what, at, how, STRING_HOW));
        } else {
            to.others.push((what, at));
        }
        return;
    };
    let found = in_string(what, text);
    let ours = match &found.root {
        Some(root) => is_ours(root),
        None => text.text().is_some_and(|text| text.contains("\"provider\"")),
    };
    if named || ours {
        to.configurations.push(found);
    } else {
        to.others.push((found.what, found.at));
    }
}

const STRING_HOW: &str = "use google.protobuf.StringValue with JSON in `value`";

fn wrong(what: String, at: Place, how: String, hint: &'static str) -> Found {
    Found { what, at, json: Err((how, hint)), root: None, lines: Lines::Same }
}

/// JSON in a string of YAML.
fn in_string(what: String, node: &Node) -> Found {
    let text = node.text().unwrap_or_default().to_owned();
    let lines = match &node.value {
        // A block begins at its first line that is not empty.
        Value::Text { block: true, .. } => {
            let empty = text.chars().take_while(|character| *character == '\n').count();
            Lines::From(node.at.line.saturating_sub(empty))
        }
        _ => Lines::Within(node.at),
    };
    // YAML has no tabs where JSON may: for the places alone they are blanks.
    let read = yaml::documents(&text.replace('\t', " ")).ok();
    let root = read.and_then(|documents| documents.into_iter().next());
    Found { what, at: node.at, json: Ok(text), root, lines }
}

/// Istio: `pluginConfig` is handed to the filter as JSON.
fn wasm_plugin(node: &Node, to: &mut Findings) {
    let what = format!("WasmPlugin {}", node.text_at(&["metadata", "name"]));
    let names = [&["metadata", "name"][..], &["spec", "pluginName"], &["spec", "url"]];
    let named = names.iter().any(|path| is_name(node.text_at(path)));
    let config = node.at(&["spec"]).and_then(|spec| spec.member("pluginConfig"));
    let hint = "write the configuration there, as YAML";
    in_kubernetes(what, named, node.at, config, "has no `spec.pluginConfig`", hint, to);
}

/// Envoy Gateway: each member's `config` is handed to the filter as JSON.
fn extension_policy(node: &Node, to: &mut Findings) {
    let of = node.text_at(&["metadata", "name"]);
    for wasm in node.at(&["spec", "wasm"]).map(Node::items).unwrap_or_default() {
        let name = wasm.text_at(&["name"]);
        let what = format!("EnvoyExtensionPolicy {of}, {name}");
        let code = [&["code", "http", "url"][..], &["code", "image", "url"], &["name"]];
        let named = code.iter().any(|path| is_name(wasm.text_at(path)));
        let hint = "write the configuration there, as YAML";
        in_kubernetes(what, named, wasm.at, wasm.member("config"), "has no `config`", hint, to);
    }
}

fn in_kubernetes(
    what: String,
    named: bool,
    at: Place,
    config: Option<&yaml::Member>,
    missing: &str,
    hint: &'static str,
    to: &mut Findings,
) {
    match config {
        None if named => to.configurations.push(wrong(what, at, missing.to_owned(), hint)),
        None => to.others.push((what, at)),
        Some(config) if named || is_ours(&config.node) => to.configurations.push(Found {
            what,
            at: config.at,
            json: Ok(config.node.json(Dialect::Kubernetes)),
            root: Some(config.node.clone()),
            lines: Lines::Same,
        }),
        Some(config) => to.others.push((what, config.at)),
    }
}

/// Whether a name, a file or an address is this filter's.
fn is_name(text: &str) -> bool {
    text.replace('_', "-").contains("oidc-gate")
}

/// Whether a configuration is this gate's, by its keys: `provider`, or at least two and at least
/// half of them. Other filters have `rules`, too.
fn is_ours(root: &Node) -> bool {
    let known = |name: &str| {
        KEYS.iter().any(|key| key.path.split(['.', '[']).next().is_some_and(|first| first == name))
    };
    let members = root.members();
    let count = members.iter().filter(|member| known(&member.name)).count();
    root.member("provider").is_some() || count >= 2 && count.saturating_mul(2) >= members.len()
}
