//! What a client may tell the next hop (RFC 9110 section 7.6.1): nothing about our headers.

use serde_json::json;

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
