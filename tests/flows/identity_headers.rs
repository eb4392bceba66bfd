//! `gate/sent.rs`: claims as headers for the upstream.

use serde_json::json;

use super::scene::Scene;

#[test]
fn a_claim_that_no_header_can_carry_leaves_the_header_out() {
    let mut scene = Scene::new();
    for (claim, expected) in [
        (json!("a\r\nx-admin: 1"), None),
        (json!("\u{fc}"), None),
        (json!(["a", "b,c"]), None),
        (json!([null]), None),
        (json!({"a": "x".repeat(9_000)}), None),
        (json!(["a", ["b"]]), Some(r#"["a",["b"]]"#)),
        (
            json!({"a": 1, "b": "\u{fc}\u{1f511}\r\n"}),
            Some(r#"{"a":1,"b":"\u00fc\ud83d\udd11\r\n"}"#),
        ),
        (json!(["a", "b"]), Some("a, b")),
        (json!(true), Some("true")),
        (json!(7), Some("7")),
    ] {
        scene.provider.access_token = json!({"realm_access": {"roles": claim}});
        let browser = scene.log_in();
        let upstream = scene.send(&browser.page("/").and("x-roles", "admin")).upstream();
        assert_eq!(upstream.all("x-roles").first().copied(), expected, "{claim}");
        assert!(upstream.all("x-admin").is_empty());
    }
}
