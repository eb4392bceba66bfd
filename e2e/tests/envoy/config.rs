//! Configuration: what is wrong is said at the start, all of it at once; a gate that does not know its rules never runs.

use oidc_gate_e2e::envoy::validate;
use oidc_gate_e2e::gate::{Gate, HOME, SESSION_KEYS};
use oidc_gate_e2e::http::{self, Protocol, Request};
use serde_json::{Value, json};

/// The log of an Envoy that refused to start.
fn refusal(change: impl FnOnce(&mut Value)) -> String {
    match Gate::new().config(change).try_start() {
        Err(log) => log,
        Ok(_) => panic!("Envoy started with a configuration that is wrong"),
    }
}

#[test]
fn every_mistake_is_named_by_its_path_in_one_go() {
    let log = refusal(|config| {
        config["client"].as_object_mut().unwrap().remove("client_id");
        config["access_token"]["audiences"] = json!([]);
        config["session"]["max_age"] = "soon".into();
        config["rules"] = json!([{ "match": { "path_prefix": "api" } }]);
        config["session"]["keys"] = json!([{ "env": "NOT_THERE" }]);
        config["sesion"] = json!({});
    });
    for path in [
        "client.client_id",
        "access_token.audiences",
        "session.max_age",
        "rules[0].match.path_prefix",
        "session.keys[0].env",
        "sesion",
    ] {
        assert!(log.contains(path), "{path} was expected in:\n{log}");
    }
}

#[test]
fn keys_of_later_versions_are_refused_and_not_ignored() {
    let log = refusal(|config| {
        config["client"]["dpop"] = "required".into();
        config["client"]["userinfo"] = true.into();
        config["endpoints"]["backchannel_logout"] = "/oauth2/backchannel-logout".into();
    });
    for path in ["client.dpop", "client.userinfo", "endpoints.backchannel_logout"] {
        assert!(
            log.contains(&format!("{path}: not supported yet")),
            "{path} was expected in:\n{log}"
        );
    }
}

#[test]
fn a_cookie_that_is_not_secure_is_warned_of() {
    let gate = Gate::new().start();
    assert!(!gate.envoy.log().lines_with("session.cookie.secure").is_empty());
}

/// `envoy.yaml` is what people copy: Envoy and the filter both take it as it stands.
#[test]
fn the_example_is_right() {
    let log =
        validate("envoy.yaml", &[("CLIENT_SECRET", "secret"), ("SESSION_KEY", SESSION_KEYS[0])]);
    assert!(log.contains("configuration 'envoy.yaml' OK"), "{log}");
    let log = validate("envoy.yaml", &[("CLIENT_SECRET", "secret")]);
    assert!(log.contains("session.keys[0].env"), "its secrets come from the environment: {log}");
}

#[test]
fn lines_of_the_log_are_json_where_that_is_asked_for() {
    let gate = Gate::new().config(|config| config["log"] = json!({ "format": "json" })).start();
    assert_eq!(gate.browser().fetch(&gate.url("/api/x?secret=1")).status, 401);
    let request = Request::get("/api/x").host(HOME).bearer("not.a.token");
    assert_eq!(http::send(gate.envoy.address(), Protocol::H1, &request).status, 401);
    let lines = gate.envoy.log().lines_with(r#"{"level":""#);
    let parsed: Vec<Value> = lines
        .iter()
        .map(|line| {
            let json = &line[line.find('{').expect("it begins there")..];
            serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {line}"))
        })
        .collect();
    let refused = parsed.iter().find(|line| line["decision"] == "invalid_token");
    let refused = refused.unwrap_or_else(|| panic!("the refusal is among {lines:#?}"));
    assert!(refused["request"].as_str().is_some_and(|id| id.len() > 8), "{refused}");
    assert!(refused["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{refused}");
    assert!(parsed.iter().any(|line| line["message"].is_string()), "{lines:#?}");
    assert!(gate.envoy.log().lines_with("request=").is_empty(), "and no line is text");
}
