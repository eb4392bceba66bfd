//! Rules and paths: what is public is decided by what the upstream will make of the path, and by nothing else.

use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{self, Request};
use serde_json::json;

use crate::seen::assert_unauthenticated;

/// 5. An allow-list that sees the query, or is not anchored, lets `/admin?/public` pass.
#[test]
fn what_is_public_is_decided_by_the_path_alone() {
    let gate = Gate::new().raw_paths().start();
    for path in [
        "/admin?/public/x",
        "/admin?x=/public/",
        "/admin#/public/",
        "/admin%3f/public/",
        "/publicity",
        "/public-admin",
        "/x/public/",
        "/PUBLIC/x",
        "//public/x",
    ] {
        for request in [Request::get(path).page_load(), Request::get(path).fetch()] {
            let answer = gate.send(request);
            assert!(matches!(answer.status, 302 | 400 | 401), "{path}: {answer:?}");
        }
    }
    assert!(gate.upstream.requests().is_empty(), "{:#?}", gate.upstream.requests());
}

/// A path that servers read differently, where the readings fall under different rules, is refused; where they do not,
/// it is not the gate's business.
#[test]
fn a_path_with_two_readings_is_refused_where_they_differ() {
    let gate = Gate::new().raw_paths().start();
    for path in [
        "/public/../admin",
        "/public/./../admin",
        "/public/%2e%2e/admin",
        "/public/.%2E/admin",
        "/public/..%2fadmin",
        "/public/..%5cadmin",
        "/public/..\\admin",
        "/public%2f..%2fadmin",
        "/public/..;/admin",
        "/public/..;x=y/admin",
        "/public\\..\\admin",
        "//public/../admin",
        "/admin/..%2fpublic",
        "/admin/..;/public",
        "/admin%2f..%2fpublic/x",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {HOME}\r\nsec-fetch-mode: cors\r\n\r\n");
        let answer =
            http::raw(gate.envoy.address(), head.as_bytes()).unwrap().expect("it is answered");
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{path} is refused by the gate: {answer:?}"
        );
    }
    assert!(gate.upstream.requests().is_empty(), "{:#?}", gate.upstream.requests());
    // All readings under one rule.
    assert_eq!(gate.send(Request::get("/public/a/../b")).status, 200);
    assert_eq!(gate.send(Request::get("/public/a%2fb")).status, 200);
    assert_unauthenticated(&gate.send(Request::get("/admin/a/../b").fetch()));
}

/// With the connection manager of `envoy.yaml` the rules see what is routed.
#[test]
fn normalised_paths_are_what_rules_see() {
    let gate = Gate::new().start();
    assert_unauthenticated(&gate.send(Request::get("/public/../admin").fetch()));
    assert_unauthenticated(&gate.send(Request::get("/public/%2e%2e/admin").fetch()));
    assert_eq!(gate.send(Request::get("/admin/../public/x").fetch()).status, 200);
    assert_eq!(gate.send(Request::get("//public/x").fetch()).status, 200);
    assert_eq!(gate.upstream.requests().len(), 2);
}

/// A method in lower case is another method: it must not fall through rules that name methods.
#[test]
fn methods_in_other_cases_pass_no_rule() {
    let gate = Gate::new()
        .config(|config| {
            config["rules"] = json!([
                { "match": { "path_prefix": "/shop", "methods": ["GET"] }, "access": "public" },
                { "match": { "path_prefix": "/shop" }, "access": "authenticated" },
            ]);
        })
        .start();
    assert_eq!(gate.send(Request::get("/shop")).status, 200);
    for method in ["get", "Get", "POST", "FOO"] {
        let answer = http::raw(
            gate.envoy.address(),
            format!("{method} /shop HTTP/1.1\r\nhost: {HOME}\r\n\r\n").as_bytes(),
        );
        let status = answer.unwrap().map_or(400, |answer| answer.status);
        assert!(matches!(status, 400 | 401), "{method}: {status}");
    }
    assert_eq!(gate.upstream.requests().len(), 1);
}
