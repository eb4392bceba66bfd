//! Gatekeeper's resources become rules: the narrow ones first, and closed where there is a doubt.

use serde_json::{Value, json};

use super::Told;
use crate::yaml::{Dialect, Member, Node, Place};

/// What a resource may have.
pub(super) const KEYS: [&str; 11] = [
    "uri",
    "methods",
    "headers",
    "roles",
    "groups",
    "acr",
    "white-listed",
    "white-listed-anon",
    "no-redirect",
    "require-any-role",
    "deny",
];

/// A rule with what orders it: Gatekeeper takes the most specific resource, the gate the first.
struct Ordered {
    exact: bool,
    length: usize,
    methods: bool,
    rule: Value,
}

/// The rules of all resources.
pub(super) fn rules(resources: &[Node], no_redirects: bool, told: &mut Told) -> Vec<Value> {
    let ordered = resources.iter().filter_map(|resource| rule(resource, no_redirects, told));
    let mut ordered: Vec<Ordered> = ordered.collect();
    ordered.sort_by_key(|it| (!it.exact, std::cmp::Reverse(it.length), !it.methods));
    // The last one is what holds without it.
    let plain = json!({"match": {"path_prefix": "/"}});
    let rules = ordered.into_iter().map(|ordered| ordered.rule);
    rules.filter(|rule| *rule != plain).collect()
}

fn rule(resource: &Node, no_redirects: bool, told: &mut Told) -> Option<Ordered> {
    let at = resource.at;
    for Member { name, at, .. } in resource.members() {
        if !KEYS.contains(&name.as_str()) {
            let what = "no key of a resource of Gatekeeper's that is known here";
            told.error(&format!("resources.{name}"), *at, what, "correct it, or take it out");
        }
    }
    let flag = |name: &str| {
        resource.at(&[name]).is_some_and(|node| node.json(Dialect::Kubernetes) == "true")
    };
    let uri = resource.text_at(&["uri"]);
    let (exact, path) = path(uri, flag("white-listed"), at, told)?;
    let name = if exact { "path" } else { "path_prefix" };
    let mut matched = json!({name: path});
    let methods: Vec<String> =
        texts(resource, "methods").iter().map(|method| method.to_ascii_uppercase()).collect();
    let any = methods.is_empty() || methods.iter().any(|method| method == "ANY");
    if let (false, Some(matched)) = (any, matched.as_object_mut()) {
        matched.insert("methods".to_owned(), json!(methods));
    }
    let mut rule = json!({"match": matched});
    let mut put = |name: &str, value: Value| {
        if let Some(members) = rule.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    match claims(resource, uri, told) {
        _ if flag("white-listed") => put("access", json!("public")),
        _ if flag("deny") => put("access", json!("deny")),
        None => put("access", json!("deny")),
        Some(claims) => {
            if flag("white-listed-anon") {
                let what = format!("{uri}: a path is public or is not: it needs a user now");
                told.note("resources.white-listed-anon", at, what);
            }
            if no_redirects || flag("no-redirect") {
                put("unauthenticated", json!("deny"));
            }
            if !claims.is_empty() {
                put("claims", Value::Array(claims));
            }
        }
    }
    Some(Ordered { exact, length: path.len(), methods: !any, rule })
}

/// Whether it is one path alone, and the path.
fn path<'u>(uri: &'u str, public: bool, at: Place, told: &mut Told) -> Option<(bool, &'u str)> {
    let (exact, path) = match uri.strip_suffix('*') {
        None => (true, uri),
        Some("/") => return Some((false, "/")),
        Some(prefix) => match prefix.strip_suffix('/') {
            Some(path) => (false, path),
            None if public => {
                let what =
                    format!("{uri}: public are {prefix} and what is below it, in whole segments");
                told.note("resources.uri", at, what);
                (false, prefix)
            }
            None => {
                let what = format!("{uri}: a rule is for whole segments, and would guard less");
                let how = "write one resource for each path that is meant: /admin/*";
                told.error("resources.uri", at, what, how);
                return None;
            }
        },
    };
    if !path.starts_with('/') || path.contains(['*', '{', '?', '%']) || path.contains("//") {
        let what = format!("expected a path, or a path with /* at its end, found {uri:?}");
        told.error("resources.uri", at, what, "rules have no patterns");
        return None;
    }
    Some((exact, path))
}

/// The claims that a resource asks for; `None` where no rule can ask for the same.
fn claims(resource: &Node, uri: &str, told: &mut Told) -> Option<Vec<Value>> {
    for name in ["headers", "acr"] {
        if !texts(resource, name).is_empty() {
            let what =
                format!("{uri}: a rule cannot ask for it: the rule denies all, change it by hand");
            told.note(&format!("resources.{name}"), resource.at, what);
            return None;
        }
    }
    let any = resource
        .at(&["require-any-role"])
        .is_some_and(|node| node.json(Dialect::Kubernetes) == "true");
    // By claim: the roles of one client, or of the realm.
    let mut by_claim: Vec<(Value, Vec<&str>)> = Vec::new();
    for role in texts(resource, "roles") {
        let (claim, role) = match role.split_once(':') {
            Some((client, role)) => (json!(["resource_access", client, "roles"]), role),
            None => (json!("realm_access.roles"), role),
        };
        match by_claim.iter_mut().find(|(known, _)| any && *known == claim) {
            Some((_, roles)) => roles.push(role),
            None => by_claim.push((claim, vec![role])),
        }
    }
    if any && by_claim.len() > 1 {
        let what = format!("{uri}: one of roles of several clients is not one rule: it denies all");
        told.note("resources.require-any-role", resource.at, what);
        return None;
    }
    let groups = texts(resource, "groups");
    if !groups.is_empty() {
        by_claim.push((json!("groups"), groups));
    }
    let claim = |(claim, values)| json!({"claim": claim, "values": values});
    Some(by_claim.into_iter().map(claim).collect())
}

fn texts<'y>(resource: &'y Node, name: &str) -> Vec<&'y str> {
    let items = resource.at(&[name]).map(Node::items).unwrap_or_default();
    items.iter().filter_map(Node::text).collect()
}
