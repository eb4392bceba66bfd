//! Rules by Envoy's own routes: several services behind one gate, each with an audience of its own. Envoy's routes are
//! named by their prefixes here: `/good` is one, `/` the rest.

use oidc_gate_dev::Minted;
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::Request;
use serde_json::{Value, json};

use crate::seen::{logged_in, received, the_one};

/// A gate in front of `good-service`, which has an upstream of its own, and of all else.
fn two_services() -> Gate {
    let gate = Gate::new().raw_paths().service("/good").config(|config| {
        config["rules"] = json!([
            { "match": { "route_name": "/good" }, "access_token": { "audiences": ["good-service"] } },
        ]);
    });
    gate.start()
}

fn with_audience(gate: &Gate, audience: Value) -> String {
    gate.provider.mint(Minted::Access, json!({ "aud": audience }))
}

#[test]
fn each_service_behind_one_gate_gets_only_tokens_that_are_for_it() {
    let gate = two_services();
    let good = gate.service("/good");
    let (narrow, api) =
        (with_audience(&gate, json!("good-service")), with_audience(&gate, json!("APP-backend")));
    let both = with_audience(&gate, json!(["APP-backend", "good-service"]));
    let send = |path: &str, token: &str| gate.send(Request::get(path).bearer(token));

    for token in [&narrow, &both] {
        assert_eq!(send("/good/x", token).status, 200);
    }
    for token in [&api, &both] {
        assert_eq!(send("/api/x", token).status, 200);
    }
    for (path, token, found, expected) in [
        ("/good/x", &api, "APP-backend", "good-service"),
        ("/api/x", &narrow, "good-service", "APP-backend"),
    ] {
        let answer = send(path, token);
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
        let challenge = answer.header("www-authenticate").expect("a challenge");
        let words = format!("audience is '{found}', expected one of '{expected}'");
        assert!(
            challenge.contains("error=\"invalid_token\"") && challenge.contains(&words),
            "{challenge}"
        );
    }
    assert_eq!(good.requests().len(), 2, "the thief's token never reached it");
    assert_eq!(received(&gate, "/api/x").len(), 2);
}

#[test]
fn a_session_without_the_services_audience_is_told_so_and_one_with_it_passes() {
    let gate = two_services();
    let good = gate.service("/good");
    let mut browser = logged_in(&gate);
    let page = browser.open(&gate.url("/good/page"));
    assert_eq!(page.answer.status, 403, "{:?}", page.answer);
    let text = page.answer.text();
    for words in ["access token", "good-service", "APP-backend"] {
        assert!(text.to_lowercase().contains(&words.to_lowercase()), "{words}: {text}");
    }
    assert!(good.requests().is_empty());

    gate.provider.faults(|faults| {
        faults.access_claims.insert("aud".into(), json!(["good-service", "APP-backend"]));
    });
    let mut browser = logged_in(&gate);
    assert_eq!(browser.open(&gate.url("/good/page")).answer.status, 200);
    let received = good.requests();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].path, "/good/page");
}

/// Who routes decides how a path reads, so that no path is refused for having two readings.
#[test]
fn a_path_with_two_readings_goes_where_envoy_sends_it() {
    let gate = two_services();
    let good = gate.service("/good");
    let narrow = with_audience(&gate, json!("good-service"));
    for path in ["/good/..%2fapi", "/good/a;b//c"] {
        assert_eq!(gate.send(Request::get(path).bearer(&narrow)).status, 200, "{path}");
    }
    for path in ["/api/..%2fgood", "//good/x", "/x/%2e%2e/good"] {
        assert_eq!(gate.send(Request::get(path).bearer(&narrow)).status, 401, "{path}");
    }
    assert_eq!(good.requests().len(), 2);
}

/// Nothing that the gate could see: Envoy chooses again after headers were changed, and tells the route it chose first.
/// docs/configuration.md says what follows from it.
#[test]
fn a_route_that_is_chosen_by_a_header_which_the_gate_removes_is_chosen_again() {
    let gate = Gate::new().envoy(|envoy| envoy.header_route("by-header", "x-user", "upstream"));
    let gate = gate.config(|config| {
        config["rules"] = json!([{ "match": { "route_name": "by-header" }, "access": "public" }]);
    });
    let gate = gate.start();
    assert_eq!(gate.send(Request::get("/elsewhere")).status, 401);
    assert_eq!(gate.send(Request::get("/elsewhere").header("x-user", "evil")).status, 200);
    let upstream = the_one(&gate, "/elsewhere");
    assert!(upstream.headers.iter().all(|(name, _)| name != "x-user"));
}

#[test]
fn a_session_has_the_rights_that_its_tokens_say() {
    let gate = Gate::new().config(|config| {
        config["rules"] = json!([
            { "match": { "path_prefix": "/admin" }, "claims": { "realm_access.roles": ["auditor"] } },
        ]);
    });
    let gate = gate.start();
    let mut browser = logged_in(&gate);
    let page = browser.open(&gate.url("/admin/x"));
    assert_eq!(page.answer.status, 403, "{:?}", page.answer);
    assert!(!page.answer.text().contains("auditor"));
    assert!(
        gate.envoy
            .log()
            .lines_with("decision=missing_right")
            .iter()
            .any(|line| line.contains("realm_access.roles"))
    );

    gate.provider.faults(|faults| {
        faults.access_claims.insert("realm_access".into(), json!({ "roles": ["user", "auditor"] }));
    });
    let mut browser = logged_in(&gate);
    assert_eq!(browser.open(&gate.url("/admin/x")).answer.status, 200);
    assert_eq!(received(&gate, "/admin/x").len(), 1);
}
