//! Behind a real Envoy Gateway and its Envoy: a login, and who is not let in.

use oidc_gate_dev::{DevUpstream, Minted, Received};
use oidc_gate_e2e::gate::HOME;
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::jwt;
use serde_json::json;

use crate::server::Server;

fn received(upstream: &DevUpstream, path: &str) -> Vec<Received> {
    upstream.requests().into_iter().filter(|request| request.path == path).collect()
}

#[test]
fn a_person_comes_back_to_the_page_and_the_api_gets_a_token_of_its_own() {
    let server = Server::shared();
    let mut browser = server.browser();
    let url = format!("http://{HOME}/orders?open=yes");
    let page = browser.login(&url, "alice");
    assert_eq!((page.url.whole(), page.answer.status), (url, 200), "{page:?}");
    let fetched = browser.fetch(&format!("http://{HOME}/api/orders"));
    assert_eq!(fetched.status, 200, "{fetched:?}");

    let (pages, calls) =
        (received(&server.page, "/orders?open=yes"), received(&server.api, "/api/orders"));
    for request in pages.iter().chain(&calls) {
        let claims = jwt::claims(request.bearer().expect("a token"));
        assert!(jwt::is_for(&claims, "APP-backend"), "{claims}");
        assert!(!jwt::is_for(&claims, "APP-frontend"), "the ID token stays in the gate: {claims}");
        assert_eq!(request.all("x-user").collect::<Vec<_>>(), ["alice"]);
        assert_eq!(request.header("cookie"), None);
    }
    assert_eq!((pages.len(), calls.len()), (1, 1));
    server.assert_healthy();
}

#[test]
fn a_client_gets_in_with_a_token_for_the_api_and_with_no_other() {
    let server = Server::shared();
    let ask = |path: &str, token: Option<&str>| {
        let request = Request::get(path).host(HOME).fetch().header("x-user", "mallory");
        server.send(match token {
            Some(token) => request.bearer(token),
            None => request,
        })
    };
    let token = |audience: &str| server.provider.mint(Minted::Access, json!({"aud": audience}));
    assert_eq!(ask("/api/none", None).status, 401);
    assert_eq!(ask("/api/other", Some(&token("APP-frontend"))).status, 401);
    assert_eq!(ask("/api/own", Some(&token("APP-backend"))).status, 200);
    assert_eq!(
        received(&server.api, "/api/none").len() + received(&server.api, "/api/other").len(),
        0
    );
    let passed = received(&server.api, "/api/own");
    assert_eq!(passed[0].all("x-user").collect::<Vec<_>>(), ["alice"], "{passed:?}");
    server.assert_healthy();
}

#[test]
fn nobody_comes_to_the_provider_by_the_route_that_makes_its_cluster() {
    let server = Server::shared();
    let discovery = "/realms/acme/.well-known/openid-configuration";
    let answer = server.send(Request::get(discovery).host("oidc-provider.invalid"));
    assert_eq!(answer.status, 421, "{answer:?}");
    assert!(!answer.text().contains("authorization_endpoint"), "{answer:?}");
}

#[test]
fn a_policy_for_a_single_route_replaces_the_gate_unless_it_is_merged() {
    let server = Server::shared();
    let ask = |path: &str| server.send(Request::get(path).host(HOME).fetch()).status;
    assert_eq!(ask("/merged"), 401);
    assert_eq!(ask("/replaced"), 200, "the warning in gate.yaml may be needless now");
}

#[test]
fn where_the_filter_is_not_the_one_that_was_meant_nothing_passes() {
    let server = Server::shared();
    // Both policies are for this route: who gets past the gate meets the one that could not be carried out.
    let token = server.provider.mint(Minted::Access, json!({"aud": "APP-backend"}));
    let ask = |request: Request| server.send(request.host(HOME).fetch()).status;
    assert_eq!(ask(Request::get("/broken")), 401);
    assert_eq!(ask(Request::get("/broken").bearer(&token)), 500);
    assert_eq!(received(&server.page, "/broken").len(), 0);
}
