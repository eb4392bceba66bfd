//! `oidc-gate schema`: what the gate takes it takes, and what has the wrong form it refuses.

use oidc_gate::config::Config;
use oidc_gate::config::keys::{KEYS, Support};
use oidc_gate::wire::Json;
use serde_json::{Value, json};

use crate::{SMALLEST, root, run};

fn schema() -> Value {
    let ran = run(&["schema"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

/// Whether `value` is as `schema` says; of its keywords, those that are used here.
fn valid(schema: &Value, value: &Value) -> bool {
    let all = schema.as_object().unwrap();
    all.iter().all(|(keyword, means)| match keyword.as_str() {
        "type" => match means {
            Value::Array(types) => types.iter().any(|name| is_a(name, value)),
            one => is_a(one, value),
        },
        "enum" => means.as_array().unwrap().contains(value),
        "anyOf" => means.as_array().unwrap().iter().any(|schema| valid(schema, value)),
        "required" => {
            let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
            !value.is_object() || means.as_array().unwrap().iter().all(has)
        }
        "properties" => value
            .as_object()
            .into_iter()
            .flatten()
            .all(|(name, member)| means.get(name).is_none_or(|schema| valid(schema, member))),
        "additionalProperties" => value.as_object().into_iter().flatten().all(|(name, member)| {
            let known = schema["properties"].get(name).is_some();
            known || means.as_bool().unwrap_or_else(|| valid(means, member))
        }),
        "items" => value.as_array().into_iter().flatten().all(|item| valid(means, item)),
        "minItems" => value.as_array().is_none_or(|it| it.len() as u64 >= means.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|it| it.len() as u64 <= means.as_u64().unwrap()),
        "minLength" => value.as_str().is_none_or(|it| it.len() as u64 >= means.as_u64().unwrap()),
        "minimum" => value.as_i64().is_none_or(|it| it >= means.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|it| it <= means.as_i64().unwrap()),
        "pattern" => {
            assert_eq!(means, "^[0-9]+(ms|s|m|h)$");
            value.as_str().is_none_or(|text| {
                let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
                unit.len() < text.len() && ["ms", "s", "m", "h"].contains(&unit)
            })
        }
        "$schema" | "title" | "description" | "markdownDescription" | "default" => true,
        unknown => panic!("a keyword that this test does not know: {unknown}"),
    })
}

fn is_a(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        unknown => panic!("{unknown}"),
    }
}

#[test]
fn the_file_is_what_the_program_writes() {
    let file = std::fs::read_to_string(root().join("docs/oidc-gate.schema.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    assert!(file == schema(), "docs/oidc-gate.schema.json is not what the code says: `make docs`");
}

#[test]
fn every_example_of_the_documentation_is_valid() {
    let (schema, mut judged) = (schema(), 0);
    for page in ["README.md", "docs/configuration.md", "docs/services.md", "docs/gatekeeper.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for block in text.split("```yaml gate").skip(1) {
            let (info, block) = block.split_once('\n').unwrap();
            // `yaml gatekeeper` is another's.
            if !matches!(info, "" | " part") {
                continue;
            }
            let value = yaml(block.split("```").next().unwrap());
            let whole = if info == " part" { merged(yaml(SMALLEST), value) } else { value };
            assert!(valid(&schema, &whole), "{page}: {whole:#}");
            judged += 1;
        }
    }
    assert!(judged > 15, "only {judged} examples were found");
    let envoy = std::fs::read_to_string(root().join("envoy.yaml")).unwrap();
    let json = envoy.split("value: |").nth(1).unwrap().split("- name:").next().unwrap();
    assert!(valid(&schema, &serde_json::from_str(json).unwrap()));
}

/// `whole` with `change` merged in (RFC 7396: `null` takes out).
fn merged(mut whole: Value, change: Value) -> Value {
    let (Some(members), Value::Object(changes)) = (whole.as_object_mut(), &change) else {
        return change;
    };
    for (name, value) in changes {
        let member = members.remove(name).unwrap_or_else(|| json!({}));
        if !value.is_null() {
            members.insert(name.clone(), merged(member, value.clone()));
        }
    }
    whole
}

#[test]
fn what_has_the_wrong_form_is_not_valid() {
    let schema = schema();
    assert!(valid(&schema, &yaml(SMALLEST)));
    for change in [
        "provider: {issuer: https://a.example}",
        "provider: {issuer: https://a.example, cluster: keycloak, timeout: 5}",
        "provider: {issuer: https://a.example, cluster: keycloak, timeout: 1h30m}",
        "access_token: {}",
        "access_token: {audiences: []}",
        "access_token: {audiences: APP-backend}",
        "access_token: {audiences: [a], signing_algorithms: [HS256]}",
        "access_token: {audiences: [a], format: opaque-ish}",
        "client: {client_id: a, client_secret: hunter2}",
        "client: {client_id: a, client_secret: {env: A, inline: b}}",
        "session: {keys: []}",
        "session: {keys: [{env: A}], cookie: {max_count: 9}}",
        "session: {keys: [{env: A}], cookie: {secure: 'false'}}",
        "upstream: {headers: {x-user: 1}}",
        "upstream: {authorization: bearer}",
        "rules: {match: {path: /a}}",
        "rules: [{match: {prefix: /a}}]",
        "rules: [{access: everybody}]",
        "rules: [{claims: {roles: admin}}]",
        "rules: [{claims: [{claim: roles, value: [admin]}]}]",
        "frobnicate: true",
    ] {
        let mut value = yaml(SMALLEST);
        value.as_object_mut().unwrap().extend(yaml(change).as_object().unwrap().clone());
        assert!(!valid(&schema, &value), "{change}");
    }
    assert!(!valid(&schema, &json!({})) && !valid(&schema, &json!([])));
}

#[test]
fn types_are_those_that_the_gate_takes() {
    let schema = schema();
    let mut compared = 0;
    for key in KEYS.iter().filter(|key| key.support == Support::Yes) {
        let at = key.path.replace("[]", "[0]");
        for sample in [json!(true), json!(7), json!("x"), json!([]), json!({}), json!(["x"])] {
            let mut whole = whole(key.path);
            *place(&mut whole, key.path) = sample.clone();
            let refused = Config::read(whole.to_string().as_bytes(), &|_| None);
            let kind = Json::parse(sample.to_string().as_bytes(), 100).unwrap().kind();
            let of_type = |problem: &oidc_gate::config::Problem| {
                problem.path == at && problem.what.ends_with(&format!("found {kind}"))
            };
            let takes = !refused.is_err_and(|problems| problems.iter().any(of_type));
            let says = admits(leaf(&schema, key.path), &sample);
            assert_eq!(says, takes, "{}: {sample}", key.path);
            compared += 1;
        }
    }
    assert!(compared > 250, "only {compared} were compared");
}

/// Whether a value of this type may stand there at all.
fn admits(schema: &Value, sample: &Value) -> bool {
    match (&schema["type"], schema["anyOf"].as_array()) {
        (_, Some(forms)) => forms.iter().any(|form| admits(form, sample)),
        (Value::Array(types), _) => types.iter().any(|name| is_a(name, sample)),
        (name, _) => is_a(name, sample),
    }
}

/// What the schema says of a key.
fn leaf<'s>(schema: &'s Value, path: &str) -> &'s Value {
    path.split('.').fold(schema, |schema, name| {
        let inner = &schema["properties"][name.trim_end_matches("[]")];
        let list = |form: &'s Value| form.get("items");
        match name.ends_with("[]") {
            true => match inner["anyOf"].as_array() {
                Some(forms) => forms.iter().find_map(list).unwrap(),
                None => list(inner).unwrap(),
            },
            false => inner,
        }
    })
}

/// A configuration in which the key at `path` is looked at.
fn whole(path: &str) -> Value {
    let mut whole = yaml(SMALLEST);
    let mut rule = json!({
        "match": {"path": "/x"},
        "access_token": {"audiences": ["a"], "acquire": "token_exchange", "scope": ["s"]},
    });
    if path == "rules[].match.path_prefix" {
        rule["match"] = json!({});
    }
    if path.starts_with("rules[].claims[]") {
        rule["claims"] = json!([{"claim": "a", "values": ["b"]}]);
    }
    if path == "access_token.introspection_cache" {
        whole["access_token"]["format"] = json!("opaque");
    } else {
        whole["rules"] = json!([rule]);
    }
    whole
}

/// The place of `path`, the first member where it says `[]`.
fn place<'v>(value: &'v mut Value, path: &str) -> &'v mut Value {
    path.split('.').fold(value, |value, name| match name.strip_suffix("[]") {
        Some(list) => &mut value[list][0],
        None => &mut value[name],
    })
}
