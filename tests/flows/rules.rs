//! Rules with audiences of their own: to each upstream a token that is for it.

use oidc_gate::token::testing::NOW;
use serde_json::{Value, json};

use super::bearer::refused;
use super::browser::Request;
use super::scene::Scene;

/// `/good` is for tokens of `good-service`, `/orders` for those with a scope; the route `good` is
/// the service itself, wherever it is reached.
fn services() -> Scene {
    Scene::with(json!({"rules": [
        {"match": {"path_prefix": "/good"}, "access_token": {"audiences": ["good-service"]}},
        {"match": {"path_prefix": "/orders"}, "access_token": {"scope": ["orders:read"]}},
        {"match": {"path_prefix": "/public"}, "access": "public"},
    ]}))
}

fn with_audience(audience: Value) -> Scene {
    let mut scene = services();
    scene.provider.access_token = json!({"aud": audience, "scope": "openid orders:read"});
    scene
}

#[test]
fn a_session_whose_token_is_for_another_service_is_told_which_and_never_sent_to_the_provider() {
    let mut scene = with_audience(json!(["APP-backend"]));
    let mut browser = scene.log_in();
    assert!(!scene.get(&mut browser, "/api").upstream().token().is_empty());
    for page in [true, false] {
        let answer = match page {
            true => scene.visit(&mut browser, "/good/x").answer(),
            false => scene.get(&mut browser, "/good/x").answer(),
        };
        assert_eq!((answer.status, answer.code().as_str()), (403, "session_token_refused"));
        for words in ["access token", "good-service", "APP-backend"] {
            assert!(answer.body.contains(words), "{words}: {}", answer.body);
        }
        assert!(answer.header("location").is_none());
        assert!(answer.set_cookies.is_empty(), "the session is good elsewhere");
    }
    assert!(scene.host.logged(&["session_token_refused", "good-service"]));
}

#[test]
fn the_audiences_of_a_rule_count_as_string_and_as_array_in_any_order() {
    for audience in
        [json!("good-service"), json!(["x", "good-service"]), json!(["good-service", "x"])]
    {
        let mut scene = services();
        let token = scene.provider.mint_access_token(json!({"aud": audience}), NOW);
        let request = Request::new("GET", "/good").bearer(&token);
        assert_eq!(scene.send(&request).upstream().token(), token);
        // What is for the service alone is not for the rest.
        refused(&scene.send(&Request::new("GET", "/api").bearer(&token)).answer(), "invalid_token");
    }
    let mut scene = with_audience(json!(["APP-backend", "good-service"]));
    let mut browser = scene.log_in();
    for path in ["/good", "/api", "/orders"] {
        assert!(!scene.get(&mut browser, path).upstream().token().is_empty(), "{path}");
    }
}

#[test]
fn a_token_that_was_good_under_one_rule_is_judged_anew_under_the_next() {
    let mut scene = services();
    let api = scene.provider.mint_access_token(json!({"scope": "openid"}), NOW);
    for _ in 0..2 {
        let request = Request::new("GET", "/api").bearer(&api);
        assert_eq!(scene.send(&request).upstream().token(), api);
        let replayed = scene.send(&Request::new("GET", "/good").bearer(&api)).answer();
        refused(&replayed, "invalid_token");
        let challenge = replayed.header("www-authenticate").unwrap();
        assert!(
            challenge.contains("'APP-backend'")
                && challenge.contains("expected one of 'good-service'")
        );
    }
    // RFC 6750 section 3.1: right but for its scope.
    refused(
        &scene.send(&Request::new("GET", "/orders").bearer(&api)).answer(),
        "insufficient_scope",
    );
}

#[test]
fn a_path_that_reads_as_another_services_is_refused_and_no_other_is() {
    let mut scene = with_audience(json!(["APP-backend", "good-service"]));
    let mut browser = scene.log_in();
    for path in ["/good/..%2fapi", "/api/..%2fgood/x", "/x/../good", "/good%2f..%2f..%2forders"] {
        assert_eq!(scene.get(&mut browser, path).answer().code(), "ambiguous_path", "{path}");
    }
    for path in ["/good/a%2fb", "/good//x", "/api/a;b/c", "/api/%2e%2e/x"] {
        assert!(!scene.get(&mut browser, path).upstream().token().is_empty(), "{path}");
    }
}

#[test]
fn the_hosts_own_route_decides_without_any_path() {
    let rules = json!({"rules": [
        {"match": {"route_name": "good"}, "access_token": {"audiences": ["good-service"]}},
        {"match": {"route_name": "site", "methods": ["GET"]}, "access": "public"},
        {"match": {"route_name": "closed"}, "access": "deny"},
    ]});
    let mut scene = Scene::with(rules);
    let good = scene.provider.mint_access_token(json!({"aud": "good-service"}), NOW);
    let api = scene.provider.mint_access_token(json!({}), NOW);
    let mut ask = |route, token: &str, method: &str| {
        scene.host.route = Some(route);
        scene.send(&Request::new(method, "/any/..%2fwhere").bearer(token))
    };
    assert_eq!(ask("good", &good, "GET").upstream().token(), good);
    refused(&ask("good", &api, "GET").answer(), "invalid_token");
    refused(&ask("", &good, "GET").answer(), "invalid_token");
    for route in ["", "GOOD", "good2", "goo"] {
        assert_eq!(ask(route, &api, "GET").upstream().token(), api, "{route:?}");
    }
    assert!(ask("site", &good, "GET").upstream().all("authorization").is_empty());
    refused(&ask("site", &good, "POST").answer(), "invalid_token");
    assert_eq!(ask("closed", &api, "GET").answer().code(), "denied");
}

#[test]
fn nothing_passes_where_rules_name_routes_and_the_host_does_not_tell() {
    let rules = json!({"rules": [
        {"match": {"route_name": "admin"}, "access": "deny"},
        {"match": {"path_prefix": "/"}, "access": "public"},
    ]});
    let mut scene = Scene::with(rules);
    let answer = scene.send(&Request::new("GET", "/")).answer();
    assert_eq!((answer.status, answer.code().as_str()), (503, "no_route_name"));
    assert!(answer.header("retry-after").is_some());
    assert!(scene.host.logged(&["no_route_name", "match.route_name"]));
    scene.host.route = Some("");
    scene.send(&Request::new("GET", "/")).upstream();
}

#[test]
fn the_host_is_asked_for_the_route_only_where_a_rule_names_one() {
    let mut scene = services();
    let mut browser = scene.log_in();
    scene.get(&mut browser, "/api");
    scene.get(&mut browser, "/public");
    assert_eq!(scene.host.routes_asked.get(), 0);
}
