//! What a client may tell the next hop (RFC 9110 section 7.6.1): nothing about our headers.

use serde_json::json;

use super::browser::Request;
use super::scene::Scene;

#[test]
fn a_client_cannot_have_the_next_hop_drop_what_the_gate_sets() {
    let mut scene = Scene::with(json!({"upstream": {"headers": {"x-forwarded-user": "sub"}}}));
    let browser = scene.log_in();
    for names in ["authorization", "keep-alive, Authorization", "X-Forwarded_User", "a,cookie"] {
        let request = browser.page("/").with("connection", names);
        assert_eq!(scene.send(&request).answer().status, 400, "{names}");
    }
    for names in ["keep-alive", "Upgrade", "close, te"] {
        scene.send(&browser.page("/").with("connection", names)).upstream();
    }
}

#[test]
fn names_in_capitals_decide_as_small_ones_do() {
    let mut scene = Scene::new();
    let request = Request::new("GET", "/public").and("AUTHORIZATION", "Bearer of-a-stranger");
    let upstream = scene.send(&request).upstream();
    assert!(!upstream.head.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")));
    let token = scene.provider.mint_access_token(json!({}), scene.host.now);
    let request = Request::new("GET", "/api").and("Authorization", format!("Bearer {token}"));
    assert_eq!(scene.send(&request).upstream().token(), token);
    let request = Request::new("GET", "/public").and("CONNECTION", "close, X-User");
    assert_eq!(scene.send(&request).answer().status, 400);
    let browser = scene.log_in();
    let request = Request::new("GET", "/api").and("Cookie", browser.line());
    assert_eq!(scene.send(&request).upstream().all("x-user"), ["alice"]);
}
