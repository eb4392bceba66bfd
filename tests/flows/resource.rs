//! `gate/resource.rs`: metadata of protected resources (RFC 9728), and where challenges point.

use oidc_gate::token::testing::{ISSUER, NOW};
use serde_json::{Value, json};

use super::browser::{Browser, Request};
use super::scene::{Answered, Scene};

const ROOT: &str = "/.well-known/oauth-protected-resource";
const MCP: &str = "https://mcp.example/mcp";
const FILES: &str = "https://mcp.example/files/";

/// Bearer only, as an MCP server needs it; `/files` is a resource of its own.
fn changes() -> Value {
    json!({
        "login": false,
        "access_token": {"audiences": ["APP-backend", MCP], "scope": ["tools"]},
        "protected_resource": {"resource": MCP},
        "upstream": null,
        "rules": [
            {"match": {"path_prefix": "/files"}, "access_token": {"audiences": [FILES]},
             "protected_resource": {"resource": FILES, "scopes_supported": []}},
            {"match": {"path_prefix": "/mcp/admin"}, "access_token": {"scope": ["tools", "admin"]}},
            {"match": {"path_prefix": "/mcp/audit"}, "claims": {"realm_access.roles": ["auditor"]}},
            {"match": {"path_prefix": "/public"}, "access": "public"},
            {"match": {"path_prefix": "/.well-known"}, "access": "deny"},
        ],
    })
}

fn scene() -> Scene {
    Scene::with(changes())
}

fn challenge(answer: &Answered) -> &str {
    answer.header("www-authenticate").unwrap_or_else(|| panic!("{answer:?}"))
}

fn points_to(answer: &Answered, path: &str) -> bool {
    challenge(answer).contains(&format!("resource_metadata=\"https://mcp.example{ROOT}{path}\""))
}

#[test]
fn everybody_may_read_the_metadata_of_each_resource_before_the_provider_is_known_too() {
    let mcp = json!({
        "resource": MCP, "authorization_servers": [ISSUER], "scopes_supported": ["tools"],
        "bearer_methods_supported": ["header"],
    });
    let files = json!({
        "resource": FILES, "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
    });
    let mut scene = Scene::cold(changes());
    for (path, expected) in
        [("", &mcp), ("/mcp", &mcp), ("/files/", &files), ("/files", &files), ("?x=/files", &mcp)]
    {
        for method in ["GET", "HEAD"] {
            let answer = scene.send(&Request::new(method, &format!("{ROOT}{path}"))).answer();
            assert_eq!((answer.status, &answer.json()), (200, expected), "{method} {path}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
    assert!(!scene.worker.ready(), "nothing was asked of the provider");
    let token = Request::new("GET", ROOT).bearer("x").bearer("y").and("cookie", "a=b");
    assert_eq!(scene.send(&token).answer().status, 200, "credentials are not looked at");
}

#[test]
fn a_script_of_any_origin_may_read_it_and_nothing_else() {
    let mut scene = scene();
    let preflight = |path: &str| {
        Request::new("OPTIONS", path)
            .and("origin", "https://inspector.example")
            .and("access-control-request-method", "GET")
            .and("access-control-request-headers", "mcp-protocol-version")
    };
    let answer = scene.send(&preflight(&format!("{ROOT}/mcp"))).answer();
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("*"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD"));
    for path in ["/mcp", "/files", "/other"] {
        let answer = scene.send(&preflight(path)).answer();
        let opens = |(name, _): &(String, String)| name.starts_with("access-control-");
        assert!(answer.status == 401 && !answer.headers.iter().any(opens), "{answer:?}");
    }
}

#[test]
fn other_methods_are_not_for_metadata_and_do_not_reach_the_upstream() {
    let mut scene = scene();
    for method in ["POST", "PUT", "DELETE", "TRACE", "get", "PROPFIND"] {
        let answer = scene.send(&Request::new(method, &format!("{ROOT}/mcp"))).answer();
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn only_its_own_spelling_is_an_address_of_the_gates() {
    let mut scene = scene();
    for path in [
        "/x",
        "/mcp/",
        "/mcp/x",
        "/MCP",
        "mcp",
        "/files/../mcp",
        "/./mcp",
        "//mcp",
        "/%6dcp",
        "%2fmcp",
        "/mcp;x",
        "/mcp%3fx",
        "/mcp#x",
        "\\mcp",
    ] {
        let answer = scene.send(&Request::new("GET", &format!("{ROOT}{path}"))).answer();
        assert!([403, 400].contains(&answer.status), "the rule decides: {path}: {answer:?}");
    }
    for path in [
        "/public/../.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resourc%65",
        "//.well-known/oauth-protected-resource",
        "/.well-known/../.well-known/oauth-protected-resource",
    ] {
        let answer = scene.send(&Request::new("GET", path)).answer();
        assert!([403, 400].contains(&answer.status), "{path}: {answer:?}");
    }
}

#[test]
fn where_nothing_is_configured_the_path_is_the_applications() {
    let mut scene = Scene::with(json!({"rules": [
        {"match": {"path_prefix": "/.well-known"}, "access": "public"}
    ]}));
    for method in ["GET", "POST", "OPTIONS"] {
        scene.send(&Request::new(method, ROOT)).upstream();
    }
    let answer = scene.send(&Browser::default().fetch("GET", "/api")).answer();
    assert_eq!(challenge(&answer), "Bearer");
}

#[test]
fn a_resource_of_a_rule_alone_leaves_the_rest_to_the_application() {
    let mut changes = changes();
    changes["protected_resource"] = Value::Null;
    changes["rules"][4] = json!({"match": {"path_prefix": "/.well-known"}, "access": "public"});
    let mut scene = Scene::with(changes);
    scene.send(&Request::new("GET", ROOT)).upstream();
    scene.send(&Request::new("GET", &format!("{ROOT}/mcp"))).upstream();
    let answer = scene.send(&Request::new("GET", &format!("{ROOT}/files/"))).answer();
    assert_eq!(answer.json()["resource"], FILES);
    assert_eq!(challenge(&scene.send(&Request::new("GET", "/mcp")).answer()), "Bearer");
    assert!(points_to(&scene.send(&Request::new("GET", "/files/x")).answer(), "/files/"));
}

#[test]
fn every_401_of_a_resource_points_to_its_metadata_on_the_resources_own_host() {
    let mut scene = scene();
    for (path, metadata) in [("/mcp", "/mcp"), ("/mcp/x", "/mcp"), ("/files", "/files/")] {
        for request in [
            Request::new("POST", path),
            Browser::default().page(path),
            Request::new("GET", path).with(":authority", "evil.example"),
        ] {
            let answer = scene.send(&request).answer();
            let expected = format!("https://mcp.example{ROOT}{metadata}");
            assert_eq!(answer.status, 401);
            assert_eq!(challenge(&answer), format!("Bearer resource_metadata=\"{expected}\""));
        }
    }
    // What is not below /mcp is no part of that resource (section 3.3 would have clients refuse).
    for path in ["/", "/mcpx", "/other"] {
        assert_eq!(challenge(&scene.send(&Request::new("GET", path)).answer()), "Bearer");
    }
}

#[test]
fn a_token_for_another_audience_is_refused_with_both_and_the_way_to_the_right_one() {
    let mut scene = scene();
    let mint = |scene: &mut Scene, audience: &str| {
        scene.provider.mint_access_token(json!({"aud": audience, "scope": "tools"}), NOW)
    };
    for (audience, path) in [(MCP, "/files"), (FILES, "/mcp"), ("https://mcp.example", "/mcp")] {
        let token = mint(&mut scene, audience);
        let answer = scene.send(&Request::new("POST", path).bearer(&token)).answer();
        assert_eq!(answer.status, 401, "{audience} at {path}");
        let told = challenge(&answer);
        let (own, metadata) = if path == "/mcp" { (MCP, "/mcp") } else { (FILES, "/files/") };
        assert!(points_to(&answer, metadata), "{told}");
        for words in ["error=\"invalid_token\"", &format!("audience is '{audience}'"), own] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("scope="), "{told}");
    }
    for (audience, path) in [(MCP, "/mcp"), (FILES, "/files")] {
        let token = mint(&mut scene, audience);
        let request = Request::new("POST", path).bearer(&token);
        assert_eq!(scene.send(&request).upstream().token(), token);
    }
}

#[test]
fn a_resource_that_stands_in_no_list_of_audiences_is_none() {
    let mut changes = changes();
    changes["access_token"]["audiences"] = json!(["APP-backend"]);
    let mut scene = Scene::with(changes);
    let claims = json!({"aud": MCP, "scope": "tools"});
    let token = scene.provider.mint_access_token(claims, NOW);
    let answer = scene.send(&Request::new("POST", "/mcp").bearer(&token)).answer();
    assert!(challenge(&answer).contains("expected one of 'APP-backend'"), "{answer:?}");
}

#[test]
fn scope_that_is_missing_is_named_with_all_that_is_needed() {
    let mut scene = scene();
    let claims = json!({"aud": MCP, "scope": "tools"});
    let token = scene.provider.mint_access_token(claims, NOW);
    let ask = |path: &str| Request::new("POST", path).bearer(&token);
    let answer = scene.send(&ask("/mcp/admin")).answer();
    assert_eq!(answer.status, 403);
    let told = challenge(&answer);
    assert!(points_to(&answer, "/mcp"), "{told}");
    for words in ["scope=\"tools admin\"", "error=\"insufficient_scope\"", "scope lacks 'admin'"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // No scope would help here.
    let answer = scene.send(&ask("/mcp/audit")).answer();
    let told = challenge(&answer);
    assert!(answer.status == 403 && points_to(&answer, "/mcp"), "{told}");
    assert!(told.contains("insufficient_scope") && !told.contains("scope=\""), "{told}");
}

/// Clients look for parameters without reading quotes.
#[test]
fn nothing_that_a_token_says_comes_before_the_gates_own_parameters() {
    let mut scene = scene();
    let evil = "resource_metadata=\"https://evil.example\", scope=evil";
    let token = scene.provider.mint_access_token(json!({"aud": evil, "scope": "tools"}), NOW);
    let answer = scene.send(&Request::new("POST", "/mcp").bearer(&token)).answer();
    let (before, _) = challenge(&answer).split_once("evil").expect("the audience is told");
    assert!(before.contains("resource_metadata=\"https://mcp.example/"), "{before}");
    assert_eq!(challenge(&answer).matches('"').count(), 6, "{answer:?}");
}

#[test]
fn two_hosts_with_one_path_have_a_document_each() {
    let mut scene = Scene::with(json!({
        "login": false,
        "upstream": null,
        "protected_resource": {"resource": "https://a.example"},
        "rules": [{
            "match": {"route_name": "b"},
            "protected_resource": {"resource": "https://b.example"}
        }],
    }));
    for (host, resource) in [
        ("a.example", "https://a.example"),
        ("B.example", "https://b.example"),
        ("gate.internal:8080", "https://a.example"),
    ] {
        let answer = scene.send(&Request::new("GET", ROOT).with(":authority", host)).answer();
        assert_eq!(answer.json()["resource"], resource, "{host}");
    }
}

#[test]
fn beside_a_login_the_challenge_of_a_kept_form_points_there_too() {
    let mut scene = Scene::with(json!({
        "preserve_post": true,
        "protected_resource": {"resource": "https://app.example"},
    }));
    let mut browser = Browser::default();
    let form = browser.form("/orders");
    let answer = scene.post(&mut browser, &form, b"a=1");
    assert!(!browser.forms().is_empty(), "it is kept");
    assert_eq!(answer.status, 401);
    let expected = format!("Bearer resource_metadata=\"https://app.example{ROOT}\"");
    assert_eq!(challenge(&answer), expected);
}
