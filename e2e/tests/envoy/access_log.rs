//! Envoy's own access log, as docs/metrics.md has it: what was decided, by which rule, about whom.

use std::fs;
use std::path::Path;

use oidc_gate_dev::Minted;
use oidc_gate_e2e::envoy;
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::wait;
use serde_json::{Value, json};

use crate::seen::logged_in;

/// The example of the documentation.
fn example() -> Value {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = fs::read_to_string(page).expect("docs/metrics.md");
    let (_, rest) = page.split_once("```yaml envoy manager\naccess_log:\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    serde_yaml_ng::from_str(example).expect("YAML")
}

fn start(fields: bool) -> Gate {
    let with_log: fn(envoy::Builder) -> envoy::Builder = |envoy| envoy.access_log(example());
    Gate::new()
        .config(|config| {
            config["log"] = json!({"access_log_fields": fields});
            config["rules"] = json!([
                {"match": {"path": "/closed"}, "access": "deny"},
                {"match": {"path_prefix": "/open"}, "access": "public"},
                {"match": {"path_prefix": "/api"}, "unauthenticated": "deny"},
            ]);
        })
        .envoy(with_log)
        .start()
}

/// The lines of all requests for `path`, once there are `count`.
fn lines(gate: &Gate, path: &str, count: usize) -> Vec<Value> {
    wait::until("the access log", || {
        let text = gate.envoy.access_log();
        let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> = whole.filter(|line| line["path"] == path).collect();
        (lines.len() >= count).then_some(lines)
    })
}

#[test]
fn a_line_says_what_was_decided_and_by_which_rule_and_names_nobody() {
    let gate = start(true);
    for (path, status, decision, rule) in [
        ("/closed", 403, "denied", json!("rules[0]")),
        ("/open/x", 200, "forward_public", json!("rules[1]")),
        ("/api/x", 401, "unauthenticated", json!("rules[2]")),
        ("/oauth2/session", 401, "unauthenticated", json!("gate")),
    ] {
        assert_eq!(gate.send(Request::get(path)).status, status, "{path}");
        let line = lines(&gate, path, 1).remove(0);
        assert_eq!((&line["decision"], &line["rule"]), (&json!(decision), &rule), "{line}");
        assert_eq!(line["status"], status, "{line}");
        assert_eq!((&line["subject"], &line["session"]), (&Value::Null, &Value::Null), "{line}");
    }

    let mut browser = logged_in(&gate);
    for _ in 0..2 {
        assert_eq!(browser.fetch(&gate.url("/api/mine")).status, 200);
    }
    let token = gate.provider.mint(Minted::Access, json!({}));
    assert_eq!(gate.send(Request::get("/api/client").bearer(&token)).status, 200);
    let mine = lines(&gate, "/api/mine", 2);
    let client = lines(&gate, "/api/client", 1).remove(0);
    assert_eq!(mine[0]["decision"], "forward_session", "{mine:?}");
    for who in ["subject", "session"] {
        assert_eq!(mine[0][who], mine[1][who], "{mine:?}");
        assert_eq!(mine[0][who].as_str().map(str::len), Some(22), "{mine:?}");
    }
    assert_eq!(client["decision"], "forward_bearer", "{client}");
    assert_eq!((&client["rule"], &client["session"]), (&json!("rules[2]"), &Value::Null));
    assert_eq!(client["subject"].as_str().map(str::len), Some(22), "{client}");

    // The callback is among the requests: its code is in no line, and nobody's name is.
    lines(&gate, "/oauth2/callback", 1);
    let text = gate.envoy.access_log();
    for secret in ["code=", "state=", "eyJ", "alice", "a11ce000", "__Host-", "oidc_gate=", &token] {
        assert!(!text.contains(secret), "{secret} is in the access log:\n{text}");
    }
}

#[test]
fn a_line_says_nothing_of_it_unless_that_is_asked_for() {
    let gate = start(false);
    assert_eq!(gate.send(Request::get("/closed")).status, 403);
    let line = lines(&gate, "/closed", 1).remove(0);
    for field in ["decision", "rule", "subject", "session"] {
        assert_eq!(line[field], Value::Null, "{line}");
    }
}
