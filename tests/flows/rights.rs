//! Rights: claims that a rule asks for, of sessions and of clients.

use oidc_gate::token::testing::NOW;
use serde_json::{Value, json};

use super::browser::Request;
use super::scene::{Answered, Scene};

fn with_claims(claims: Value) -> Scene {
    Scene::with(json!({"rules": [
        {"match": {"path_prefix": "/admin", "methods": ["GET", "POST"]}, "claims": claims},
        {"match": {"path_prefix": "/public"}, "access": "public"},
    ]}))
}

fn assert_missing(answer: &Answered) {
    assert_eq!((answer.status, answer.code().as_str()), (403, "missing_right"), "{answer:?}");
    assert!(answer.body.contains("ou do not have a right that this address asks for"));
    // How the application keeps its rights is nobody else's business.
    for word in ["roles", "auditor", "realm_access", "token"] {
        assert!(!answer.body.contains(word), "{word}: {}", answer.body);
    }
    assert!(answer.header("location").is_none());
}

#[test]
fn a_session_with_the_right_passes_and_one_without_is_told_that_one_is_missing() {
    let mut scene = with_claims(json!({"realm_access.roles": ["admin", "auditor"]}));
    scene.provider.access_token = json!({"realm_access": {"roles": ["user", "auditor"]}});
    let mut browser = scene.log_in();
    assert!(!scene.get(&mut browser, "/admin/x").upstream().token().is_empty());

    scene.provider.access_token = json!({"realm_access": {"roles": ["user"]}});
    let mut browser = scene.log_in();
    let answer = scene.get(&mut browser, "/admin/x").answer();
    assert_missing(&answer);
    assert!(answer.set_cookies.is_empty(), "the session stays as it is");
    assert_missing(&scene.visit(&mut browser, "/admin").answer());
    assert!(scene.get(&mut browser, "/administration").upstream().stamp.is_none());
    assert!(scene.host.logged(&["missing_right", "realm_access.roles", "auditor", "array of 1"]));
    assert!(!scene.host.logged(&["missing_right", "\"user\""]), "who has which right stays out");
}

#[test]
fn a_clients_token_without_the_right_is_insufficient_and_not_invalid() {
    let mut scene = with_claims(json!({"realm_access.roles": ["auditor"], "level": [3]}));
    let mint = |scene: &mut Scene, roles: Value, level: Value| {
        scene
            .provider
            .mint_access_token(json!({"realm_access": {"roles": roles}, "level": level}), NOW)
    };
    let token = mint(&mut scene, json!(["auditor"]), json!(3));
    let request = Request::new("GET", "/admin").bearer(&token);
    assert_eq!(scene.send(&request).upstream().token(), token);
    for (roles, level) in [(json!(["auditor"]), json!("3")), (json!(["user"]), json!(3))] {
        let token = mint(&mut scene, roles, level);
        // The second time it is known on this worker.
        for _ in 0..2 {
            let answer = scene.send(&Request::new("GET", "/admin").bearer(&token)).answer();
            assert_missing(&answer);
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer error=\"insufficient_scope\", "), "{challenge}");
        }
        let request = Request::new("GET", "/api").bearer(&token);
        assert_eq!(scene.send(&request).upstream().token(), token);
    }
}

#[test]
fn a_claim_of_the_id_token_is_asked_of_the_id_token_alone() {
    let mut scene = with_claims(json!({"id_token.groups": ["staff"]}));
    scene.provider.id_token = json!({"groups": ["staff"]});
    let mut browser = scene.log_in();
    assert!(!scene.get(&mut browser, "/admin").upstream().token().is_empty());
    scene.provider.id_token = json!({});
    scene.provider.access_token = json!({"groups": ["staff"]});
    let mut browser = scene.log_in();
    assert_missing(&scene.get(&mut browser, "/admin").answer());
    let token = scene.provider.mint_access_token(json!({"groups": ["staff"]}), NOW);
    assert_missing(&scene.send(&Request::new("GET", "/admin").bearer(&token)).answer());
}

#[test]
fn a_method_in_small_letters_needs_the_same_rights() {
    let mut scene = with_claims(json!({"realm_access.roles": ["auditor"]}));
    scene.provider.access_token = json!({"realm_access": {"roles": ["user"]}});
    let browser = scene.log_in();
    for method in ["GET", "get", "Get", "POST", "post"] {
        let request = browser.fetch(method, "/admin");
        assert_missing(&scene.send(&request).answer());
    }
}

#[test]
fn rights_are_judged_by_the_tokens_of_now() {
    let mut scene = with_claims(json!({"realm_access.roles": ["auditor"]}));
    scene.provider.access_token = json!({"realm_access": {"roles": ["auditor"]}});
    let mut browser = scene.log_in();
    assert!(!scene.get(&mut browser, "/admin").upstream().token().is_empty());
    // Taken away at the provider: gone with the next token.
    scene.provider.access_token = json!({"realm_access": {"roles": []}});
    scene.host.now = scene.host.now.plus(std::time::Duration::from_secs(290));
    assert_missing(&scene.get(&mut browser, "/admin").answer());
    assert!(!scene.get(&mut browser, "/api").upstream().token().is_empty());
}

#[test]
fn a_session_that_was_refreshed_for_a_request_without_the_right_is_kept() {
    let mut scene = with_claims(json!({"realm_access.roles": ["auditor"]}));
    scene.provider.access_token = json!({"realm_access": {"roles": ["user"]}});
    let mut browser = scene.log_in();
    scene.jump(310);
    assert_missing(&scene.get(&mut browser, "/admin").answer());
    // Longer than what came of a refresh is remembered.
    scene.pass(70);
    assert!(!scene.get(&mut browser, "/api").upstream().token().is_empty());
    assert_eq!(scene.provider.thefts, 0);
}
