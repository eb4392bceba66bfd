//! `gate/access_log.rs`: what the host's own access log is told of a request.

use std::collections::BTreeMap;

use oidc_gate::gate::Field;
use oidc_gate::token::testing::NOW;
use serde_json::{Value, json};

use super::bearer::api;
use super::browser::Request;
use super::scene::{OTHER_KEY, Scene};

fn with(changes: Value) -> Scene {
    let mut whole = json!({"log": {"access_log_fields": true}});
    whole.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Scene::with(whole)
}

/// What was told since this was asked last; nothing is told twice of one request.
fn told(scene: &mut Scene) -> BTreeMap<Field, String> {
    let fields = std::mem::take(&mut scene.host.fields);
    let count = fields.len();
    let told: BTreeMap<_, _> = fields.into_iter().collect();
    assert_eq!(told.len(), count, "{told:?}");
    told
}

fn decision(scene: &mut Scene, request: &Request) -> (String, Option<String>) {
    scene.send(request);
    let mut told = told(scene);
    for who in [Field::Subject, Field::Session] {
        assert_eq!(told.remove(&who), None, "{request:?}");
    }
    (told.remove(&Field::Decision).unwrap(), told.remove(&Field::Rule))
}

#[test]
fn nothing_is_told_unless_it_is_asked_for() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    scene.get(&mut browser, "/api").upstream();
    scene.send(&Request::new("GET", "/closed"));
    assert_eq!(scene.host.fields, []);
}

#[test]
fn each_request_is_told_with_its_decision_and_its_rule() {
    let mut scene = with(json!({"origins": ["https://app.example"]}));
    for (path, expected, rule) in [
        ("/public/x", "forward_public", Some("rules[0]")),
        ("/api/x", "unauthenticated", Some("rules[1]")),
        ("/page", "login_begins", Some("rules[2]")),
        ("/closed", "denied", Some("rules[3]")),
        ("/else", "unauthenticated", Some("none")),
        ("/oauth2/login", "login_begins", Some("gate")),
        ("/oauth2/callback?state=x", "no_attempt", Some("gate")),
        ("/public/..%2fapi", "ambiguous_path", None),
    ] {
        let (decision, found) = decision(&mut scene, &Request::new("GET", path));
        assert_eq!((decision.as_str(), found.as_deref()), (expected, rule), "{path}");
    }
    let elsewhere = Request::new("GET", "/api").with(":authority", "evil.example");
    let told = decision(&mut scene, &elsewhere);
    assert_eq!(told, ("misdirected".to_owned(), Some("gate".to_owned())));
}

#[test]
fn a_person_has_one_pseudonym_and_a_session_its_own() {
    let mut scene = with(json!({}));
    let mut browser = scene.log_in();
    let begun: Vec<_> = std::mem::take(&mut scene.host.fields);
    let names = |(field, _): &(Field, String)| matches!(field, Field::Decision | Field::Rule);
    assert!(begun.len() >= 4 && begun.iter().all(names), "{begun:?}");

    scene.get(&mut browser, "/api/x").upstream();
    let first = told(&mut scene);
    assert_eq!(first[&Field::Decision], "forward_session");
    assert_eq!(first[&Field::Rule], "rules[1]");
    for who in [Field::Subject, Field::Session] {
        let is_digest = first[&who].len() == 22 && !first[&who].contains("alice");
        assert!(is_digest, "{who:?}: {}", first[&who]);
    }
    assert_ne!(first[&Field::Subject], first[&Field::Session]);
    scene.get(&mut browser, "/api/x").upstream();
    assert_eq!(told(&mut scene), first);

    let mut browser = scene.log_in();
    scene.host.fields.clear();
    scene.get(&mut browser, "/api/x").upstream();
    let second = told(&mut scene);
    assert_eq!(second[&Field::Subject], first[&Field::Subject]);
    assert_ne!(second[&Field::Session], first[&Field::Session]);

    // A client's own token of the same user.
    let token = scene.provider.mint_access_token(json!({}), NOW);
    scene.send(&api(&token)).upstream();
    let client = told(&mut scene);
    assert_eq!(client[&Field::Decision], "forward_bearer");
    assert_eq!(client[&Field::Subject], first[&Field::Subject]);
    assert_eq!(client.get(&Field::Session), None);
    let token = scene.provider.mint_access_token(json!({"sub": "somebody-else"}), NOW);
    scene.send(&api(&token)).upstream();
    assert_ne!(told(&mut scene)[&Field::Subject], first[&Field::Subject]);

    // Another key: nobody finds a name again by the pseudonym that it had elsewhere.
    let mut scene = with(json!({"session": {"keys": [{"inline": OTHER_KEY}]}}));
    let mut browser = scene.log_in();
    scene.host.fields.clear();
    scene.get(&mut browser, "/api/x").upstream();
    assert_ne!(told(&mut scene)[&Field::Subject], first[&Field::Subject]);
}

#[test]
fn without_a_key_there_are_no_pseudonyms() {
    let mut scene = with(json!({
        "login": false, "session": null, "client": null, "upstream": {"headers": null}, "rules": [],
    }));
    let token = scene.provider.mint_access_token(json!({}), NOW);
    let told = decision(&mut scene, &api(&token));
    assert_eq!(told, ("forward_bearer".to_owned(), Some("none".to_owned())));
}

#[test]
fn a_host_that_takes_no_fields_is_asked_once_and_all_answers_are_the_same() {
    let mut scene = with(json!({}));
    scene.host.takes_fields = false;
    let mut browser = scene.log_in();
    scene.get(&mut browser, "/api").upstream();
    assert_eq!(scene.send(&Request::new("GET", "/closed")).answer().status, 403);
    assert_eq!(scene.host.fields.len(), 1);
    let said = |(_, line): &&(_, String)| line.contains("log.access_log_fields");
    assert_eq!(scene.host.log.iter().filter(said).count(), 1);
}
