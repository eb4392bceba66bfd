//! The tables of `docs/metrics.md`; what `deploy/` and the documentation ask Prometheus for is there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use oidc_gate::gate::metrics::{
    Acquisition, Endpoint, FAMILIES, Family, KeyFetch, Kind, Login, Lookup, Outcome, Refresh,
    Source, Status, Token,
};
use serde_json::Value;

use crate::reference::made_anew;
use crate::{blocks, pages, read, root};

const PAGE: &str = "docs/metrics.md";

/// Labels that Prometheus and its histograms bring.
const FOREIGN: [&str; 3] = ["le", "job", "instance"];

/// The values of a label, and what they mean.
type Values = (&'static str, &'static [&'static str], &'static [&'static str]);

const VALUES: [Values; 10] = [
    ("Outcome", Outcome::VALUES, Outcome::MEANINGS),
    ("Login", Login::VALUES, Login::MEANINGS),
    ("Refresh", Refresh::VALUES, Refresh::MEANINGS),
    ("Acquisition", Acquisition::VALUES, Acquisition::MEANINGS),
    ("Endpoint", Endpoint::VALUES, Endpoint::MEANINGS),
    ("Status", Status::VALUES, Status::MEANINGS),
    ("KeyFetch", KeyFetch::VALUES, KeyFetch::MEANINGS),
    ("Lookup", Lookup::VALUES, Lookup::MEANINGS),
    ("Token", Token::VALUES, Token::MEANINGS),
    ("Source", Source::VALUES, Source::MEANINGS),
];

#[test]
fn the_tables_of_metrics_are_made_from_the_code() {
    let found = read(PAGE);
    let made = made_anew(&made_anew(&found, "metrics", |_| families()), "label", values);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(root().join(PAGE), made).unwrap();
        return;
    }
    assert!(found == made, "{PAGE} is not what the code says: run `make docs`");
    for (name, ..) in VALUES {
        assert!(found.contains(&format!("<!-- label: {name} -->")), "{PAGE} does not say {name}");
    }
    for (label, values) in FAMILIES.iter().flat_map(|family| family.labels) {
        assert!(VALUES.iter().any(|(_, known, _)| known == values), "{label} is not explained");
    }
}

fn families() -> String {
    let mut rows = "| metric | labels | what it counts |\n|---|---|---|\n".to_owned();
    for Family { name, kind, labels, meaning } in FAMILIES {
        let labels: Vec<_> = labels.iter().map(|(label, _)| format!("`{label}`")).collect();
        let kind = if kind == Kind::Histogram { " (a histogram)" } else { "" };
        writeln!(rows, "| `{name}`{kind} | {} | {meaning} |", labels.join(", ")).unwrap();
    }
    rows
}

fn values(of: &str) -> String {
    let (_, values, meanings) =
        VALUES.iter().find(|(name, ..)| *name == of).unwrap_or_else(|| panic!("no label {of}"));
    let mut rows = "| value | meaning |\n|---|---|\n".to_owned();
    for (value, meaning) in values.iter().zip(*meanings) {
        writeln!(rows, "| `{value}` | {} |", meaning.trim()).unwrap();
    }
    rows
}

/// What an expression asks for that is not there.
fn mistakes(expression: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, _) in expression.match_indices("oidc_gate_") {
        let rest = &expression[at..];
        let name: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let Some(family) = FAMILIES.iter().find(|family| is_of(family, &name)) else {
            wrong.push(format!("there is no {name}"));
            continue;
        };
        if let Some(matchers) = rest[name.len()..].strip_prefix('{') {
            let matchers = matchers.split_once('}').expect("a brace that is closed").0;
            wrong.extend(matchers.split(',').filter_map(|matcher| mistake(family, matcher.trim())));
        }
    }
    let labels: BTreeSet<_> =
        FAMILIES.iter().flat_map(|family| family.labels.iter().map(|(label, _)| *label)).collect();
    for by in expression.split("by (").skip(1) {
        for label in by.split(')').next().unwrap_or_default().split(',').map(str::trim) {
            if !labels.contains(label) && !FOREIGN.contains(&label) {
                wrong.push(format!("there is no label {label}"));
            }
        }
    }
    wrong
}

fn is_of(family: &Family, name: &str) -> bool {
    match family.kind {
        Kind::Counter => family.name == name,
        Kind::Histogram => name
            .strip_prefix(family.name)
            .is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end)),
    }
}

/// What is wrong with `label="value"`, `!=`, `=~` or `!~`; patterns are values, or beginnings and `.+`.
fn mistake(family: &Family, matcher: &str) -> Option<String> {
    let (head, quoted) = matcher.split_once('"').expect("a quoted value");
    let value = quoted.strip_suffix('"').expect("its end");
    let label = head.trim_end_matches(['=', '!', '~']);
    if FOREIGN.contains(&label) {
        return None;
    }
    let Some((_, values)) = family.labels.iter().find(|(known, _)| *known == label) else {
        return Some(format!("{} has no label {label}", family.name));
    };
    let is_there = |pattern: &str| match pattern.strip_suffix(".+") {
        Some(beginning) => values.iter().any(|value| value.starts_with(beginning)),
        None => values.contains(&pattern),
    };
    let wanted: Vec<_> = if head.ends_with('~') { value.split('|').collect() } else { vec![value] };
    let missing = wanted.into_iter().find(|pattern| !is_there(pattern))?;
    Some(format!("{label} of {} is never {missing}", family.name))
}

#[test]
fn the_alerts_ask_for_what_is_there() {
    let alerts: Value = serde_yaml_ng::from_str(&read("deploy/alerts.yaml")).unwrap();
    let tests = read("deploy/alerts.test.yaml");
    for series in tests.split("series: '").skip(1).filter_map(|rest| rest.split('\'').next()) {
        assert_eq!(mistakes(series), Vec::<String>::new(), "{series}");
    }
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() >= 8, "only {} alerts", rules.len());
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        assert_eq!(mistakes(expression), Vec::<String>::new(), "{expression}");
        assert!(expression.contains("oidc_gate_"), "{expression}");
        assert!(rule["annotations"]["summary"].is_string(), "{rule}");
        let fires = format!("{{alertname=\"{}\"}}", rule["alert"].as_str().unwrap());
        assert!(tests.contains(&fires), "deploy/alerts.test.yaml has no series for {fires}");
        assert!(["warning", "critical"].iter().any(|known| rule["labels"]["severity"] == *known));
    }
    let replays = rules.iter().filter_map(|rule| rule["expr"].as_str());
    assert!(replays.into_iter().any(|rule| rule.contains("{from=\"bearer\"}")), "the theft");
}

#[test]
fn the_dashboard_asks_for_what_is_there_and_for_all_of_it() {
    let text = read("deploy/grafana-dashboard.json");
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let expression = target["expr"].as_str().unwrap();
        assert_eq!(mistakes(expression), Vec::<String>::new(), "{expression}");
    }
    let missing: Vec<_> = FAMILIES
        .iter()
        .map(|family| family.name)
        .filter(|name| !text.contains(name) && *name != "oidc_gate_key_fetches_total")
        .collect();
    assert!(missing.is_empty(), "the dashboard does not show {missing:?}");
}

#[test]
fn what_the_documentation_asks_prometheus_for_is_there() {
    let mut asked = 0;
    for (path, page) in pages() {
        for block in blocks(&page).into_iter().filter(|block| block.text.contains("oidc_gate_")) {
            assert_eq!(mistakes(&block.text), Vec::<String>::new(), "{path}:{}", block.line);
            asked += 1;
        }
    }
    assert!(asked >= 2, "only {asked} expressions");
}

#[test]
fn the_check_itself_notices_names_and_values_that_are_not_there() {
    for (expression, words) in [
        ("rate(oidc_gate_request_total[5m])", "no oidc_gate_request_total"),
        (r#"oidc_gate_requests_total{outcome="forwarded"}"#, "never forwarded"),
        (r#"oidc_gate_requests_total{outcome=~"forward_.+|x"}"#, "never x"),
        (r#"oidc_gate_requests_total{token="id_token"}"#, "no label token"),
        ("oidc_gate_session_bytes", "no oidc_gate_session_bytes"),
        ("sum by (user) (oidc_gate_requests_total)", "no label user"),
    ] {
        let found = mistakes(expression).join("; ");
        assert!(found.contains(words), "{expression}: {found}");
    }
}

/// The labels that envoy.yaml makes are those that there are.
#[test]
fn envoy_yaml_makes_a_label_of_each() {
    let envoy: Value = serde_yaml_ng::from_str(&read("envoy.yaml")).unwrap();
    let tags = envoy["stats_config"]["stats_tags"].as_array().unwrap();
    let made: BTreeSet<_> = tags.iter().filter_map(|tag| tag["tag_name"].as_str()).collect();
    let labels: BTreeSet<_> =
        FAMILIES.iter().flat_map(|family| family.labels.iter().map(|(label, _)| *label)).collect();
    assert_eq!(made, labels);
}
