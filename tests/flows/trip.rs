//! `gate/acquire/trip.rs`: a rule's own token by another trip through the single sign-on.

use oidc_gate::gate::Worker;
use serde_json::{Value, json};

use super::acquire::audience;
use super::browser::Browser;
use super::host::Endpoint;
use super::provider::Fault;
use super::scene::{Answered, Scene, config};
use super::steps::{CALLBACK, load, to_provider};

pub(crate) fn rules() -> Value {
    let rule = |path: &str, service: &str| {
        json!({
            "match": {"path_prefix": path},
            "access_token": {
                "audiences": [service], "acquire": "authorization_code", "scope": [service],
            },
        })
    };
    json!({"rules": [rule("/good", "good-service"), rule("/evil", "evil-service")]})
}

pub(crate) fn scene() -> (Scene, Browser) {
    let mut scene = Scene::with(rules());
    let browser = scene.log_in();
    (scene, browser)
}

/// The browser opens `path`, is sent to the provider and comes back to that page.
pub(crate) fn trip(scene: &mut Scene, browser: &mut Browser, path: &str) -> Answered {
    let answer = scene.log_in_with(browser, path);
    assert_eq!((answer.status, answer.location()), (302, &*format!("https://app.example{path}")));
    answer
}

pub(crate) fn elsewhere(scene: &mut Scene) {
    scene.worker = Worker::new(config(&rules()));
    scene.warm_up();
}

#[test]
fn a_page_is_sent_there_and_comes_back_and_each_upstream_sees_its_own_token() {
    let (mut scene, mut browser) = scene();
    let wide = scene.get(&mut browser, "/api").upstream().token().to_owned();
    trip(&mut scene, &mut browser, "/good/page?x=1");
    assert_eq!(scene.provider.authorizations.last().unwrap(), "openid good-service");
    let good = scene.visit(&mut browser, "/good/page?x=1").upstream();
    assert_eq!(audience(good.token()), json!("good-service"));
    trip(&mut scene, &mut browser, "/evil");
    let evil = scene.get(&mut browser, "/evil").upstream();
    assert_eq!(audience(evil.token()), json!("evil-service"));
    // Side by side, in the cookie too, and the session is as it was.
    elsewhere(&mut scene);
    for (path, token) in [("/good", good.token()), ("/evil", evil.token()), ("/api", &*wide)] {
        let upstream = scene.get(&mut browser, path).upstream();
        assert_eq!(upstream.token(), token);
        let seen = |name: &str| {
            upstream
                .head
                .iter()
                .any(|(other, value)| other != "authorization" && value.contains(name))
        };
        assert!(!seen(&wide) && !seen(good.token()) && !seen(evil.token()));
    }
    assert_eq!(scene.provider.authorizations.len(), 3);
    assert!(browser.logins().is_empty());
}

#[test]
fn fetch_is_told_where_to_go_and_comes_back_with_the_token() {
    let (mut scene, mut browser) = scene();
    for method in ["GET", "POST"] {
        let request = browser.fetch(method, "/good/data");
        let answer = scene.load(&mut browser, &request).answer();
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_needed"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(answer.set_cookies.is_empty(), "no attempt begins");
    }
    let answer = scene.get(&mut browser, "/good/data").answer();
    let login = answer.json()["login"].as_str().unwrap().to_owned();
    assert!(login.starts_with("/oauth2/login/") && login.len() == 25, "{login}");
    let begun = scene.begin(&mut browser, &format!("{login}?return_to=/app"));
    let back = scene.come_back(&mut browser, &begun).answer();
    assert_eq!(back.location(), "https://app.example/app");
    let upstream = scene.get(&mut browser, "/good/data").upstream();
    assert_eq!(audience(upstream.token()), json!("good-service"));
    // The way back never leads out, nor to where the trip begins.
    for path in ["https://evil.example", "//evil.example", &login, "/oauth2/logout"] {
        let begun = scene.begin(&mut browser, &format!("{login}?return_to={path}"));
        let back = scene.come_back(&mut browser, &begun).answer();
        assert_eq!(back.location(), "https://app.example/", "{path}");
    }
    // Other names are the application's.
    assert!(!scene.get(&mut browser, "/oauth2/login/AAAAAAAAAAA").upstream().token().is_empty());
}

#[test]
fn a_rule_that_denies_redirects_answers_pages_too() {
    let mut rules = rules();
    rules["rules"][0]["unauthenticated"] = "deny".into();
    let mut scene = Scene::with(rules);
    let mut browser = scene.log_in();
    let answer = scene.visit(&mut browser, "/good").answer();
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("/oauth2/login/"), "{}", answer.body);
}

#[test]
fn without_a_session_a_login_comes_first() {
    let mut scene = Scene::with(rules());
    let mut browser = Browser::default();
    let answer = scene.log_in_with(&mut browser, "/good");
    assert_eq!(answer.location(), "https://app.example/good");
    assert_eq!(scene.provider.authorizations, ["openid"]);
    trip(&mut scene, &mut browser, "/good");
    scene.visit(&mut browser, "/good").upstream();
    let mut other = Browser::default();
    let login = scene.get(&mut browser, "/evil").answer().json()["login"].clone();
    scene.begin(&mut other, login.as_str().unwrap());
    assert_eq!(scene.provider.authorizations.last().unwrap(), "openid");
}

#[test]
fn what_the_provider_denies_is_a_403_and_no_loop() {
    let (mut scene, mut browser) = scene();
    let query = scene.begin(&mut browser, "/good");
    let (state, _) = query.split_once("&session_state").unwrap();
    let denied =
        format!("{state}&iss={}&error=access_denied", "https://keycloak.local/realms/acme");
    let answer = scene.come_back(&mut browser, &denied).answer();
    assert_eq!((answer.status, answer.header("location")), (403, None));
    for words in ["access_denied", "No token for this service"] {
        assert!(answer.body.contains(words), "{}", answer.body);
    }
    assert!(browser.logins().is_empty());
    scene.get(&mut browser, "/api").upstream();
    assert_eq!(scene.token_calls(), 1, "the login's");
}

#[test]
fn what_comes_back_is_judged_by_the_rule_and_never_sent_on_otherwise() {
    for (changes, status) in [
        (json!({"aud": ["APP-backend", "good-service"]}), 403),
        (json!({"aud": "APP-backend"}), 403),
        (json!({"scope": "openid"}), 403),
        (json!({"sub": "mallory"}), 403),
        (json!({"typ": "ID"}), 403),
    ] {
        let (mut scene, mut browser) = scene();
        scene.provider.narrowed = changes.clone();
        let query = scene.begin(&mut browser, "/good");
        let answer = scene.come_back(&mut browser, &query).answer();
        assert_eq!((answer.status, answer.header("location")), (status, None), "{changes}");
        assert!(answer.body.contains("access token"), "{}", answer.body);
        assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
        scene.get(&mut browser, "/api").upstream();
    }
}

#[test]
fn another_user_who_signed_in_at_the_provider_gets_nothing_into_this_session() {
    let (mut scene, mut browser) = scene();
    scene.provider.id_token = json!({"sub": "bob"});
    scene.provider.narrowed = json!({"sub": "bob"});
    let query = scene.begin(&mut browser, "/good");
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.code().as_str()), (400, "login_token_refused"));
    assert!(answer.body.contains("another user"), "{}", answer.body);
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
    scene.get(&mut browser, "/api").upstream();
}

#[test]
fn a_trip_that_ends_after_its_session_brings_nothing_back() {
    // Logged out, and a new login, whose session is another.
    let (mut scene, mut browser) = scene();
    let query = scene.begin(&mut browser, "/good");
    let out = browser.page("/oauth2/logout");
    scene.load(&mut browser, &out).answer();
    let answer = scene.come_back(&mut browser, &query).answer();
    assert!(browser.session().is_empty() && !to_provider(&answer), "{answer:?}");

    let (mut scene, mut browser) = scene_with_trip_under_way();
    let query = browser.1;
    scene.log_in_with(&mut browser.0, "/oauth2/login?return_to=/api");
    let answer = scene.come_back(&mut browser.0, &query).answer();
    assert_eq!(answer.status, 302);
    load(&mut scene, &mut browser.0);
}

fn scene_with_trip_under_way() -> (Scene, (Browser, String)) {
    let (mut scene, mut browser) = scene();
    let query = scene.begin(&mut browser, "/good");
    (scene, (browser, query))
}

#[test]
fn the_token_is_renewed_by_its_own_refresh_token_before_it_ends_and_nobody_is_sent_anywhere() {
    for rotates in [true, false] {
        let (mut scene, mut browser) = scene();
        scene.provider.rotates = rotates;
        trip(&mut scene, &mut browser, "/good");
        let first = scene.get(&mut browser, "/good").upstream().token().to_owned();
        let mut token = first.clone();
        for round in 0..3 {
            scene.jump(310);
            // Half of them with the cookie from before.
            let old = browser.clone();
            let streams: Vec<_> =
                (0..10).map(|_| scene.arrive(&old.fetch("GET", "/good"))).collect();
            for _ in 0..4 {
                scene.settle();
            }
            let tokens: Vec<_> = streams
                .iter()
                .map(|stream| scene.outcome(*stream).unwrap().upstream().token().to_owned())
                .collect();
            assert!(tokens.iter().all(|other| *other == tokens[0] && *other != token), "{round}");
            token.clone_from(&tokens[0]);
            for upstream in &scene.upstreams {
                browser.take(&upstream.set_cookies);
            }
        }
        assert_eq!((scene.provider.thefts, scene.provider.authorizations.len()), (0, 2));
        elsewhere(&mut scene);
        assert_eq!(scene.get(&mut browser, "/good").upstream().token(), token);
    }
}

#[test]
fn where_nothing_renews_it_pages_are_sent_again_when_it_has_ended() {
    let (mut scene, mut browser) = scene();
    scene.provider.refreshes = false;
    trip(&mut scene, &mut browser, "/good");
    scene.provider.refreshes = true;
    scene.provider.lifetime = 3_000;
    let mut long = scene.log_in();
    scene.provider.lifetime = 300;
    scene.provider.refreshes = false;
    trip(&mut scene, &mut long, "/good");
    scene.jump(280);
    scene.get(&mut long, "/good").upstream();
    scene.jump(60);
    assert_eq!(scene.get(&mut long, "/good").answer().code(), "token_needed");
    trip(&mut scene, &mut long, "/good");
    scene.get(&mut long, "/good").upstream();
}

#[test]
fn a_refresh_token_of_its_own_that_is_worth_nothing_any_more_costs_a_trip_and_not_the_session() {
    let (mut scene, mut browser) = scene();
    trip(&mut scene, &mut browser, "/good");
    scene.jump(340);
    load(&mut scene, &mut browser);
    let body = br#"{"error":"invalid_grant"}"#.to_vec();
    scene.provider.fail(Endpoint::Token, Fault::Body(400, body));
    assert_eq!(scene.get(&mut browser, "/good").answer().code(), "token_needed");
    assert!(!scene.host.logged(&["session_over"]), "no session ends by it, in the log neither");
    load(&mut scene, &mut browser);
    trip(&mut scene, &mut browser, "/good");
    scene.get(&mut browser, "/good").upstream();
}

#[test]
fn a_token_that_has_ended_when_it_comes_leads_to_no_loop() {
    // The provider's clock is behind, by no more than is allowed.
    let (mut scene, mut browser) = scene();
    let now = scene.host.now.seconds();
    scene.provider.refreshes = false;
    scene.provider.narrowed = json!({"iat": now - 310, "exp": now - 10});
    trip(&mut scene, &mut browser, "/good");
    scene.visit(&mut browser, "/good").upstream();
    elsewhere(&mut scene);
    scene.visit(&mut browser, "/good").upstream();
}

#[test]
fn a_token_that_fits_into_no_cookie_is_said_to_be_so_and_leads_to_no_loop() {
    let mut changes = rules();
    changes["session"] = json!({"cookie": {"max_count": 1}});
    let mut scene = Scene::with(changes);
    let mut browser = scene.log_in();
    scene.provider.narrowed = json!({"groups": super::provider::noise(6_000)});
    let query = scene.begin(&mut browser, "/good");
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.code().as_str()), (403, "session_too_large"));
    assert!(answer.body.contains("own tokens"), "{}", answer.body);
    load(&mut scene, &mut browser);
}

#[test]
fn the_callback_of_a_trip_may_be_opened_twice_and_left() {
    let (mut scene, mut browser) = scene();
    let query = scene.begin(&mut browser, "/good");
    let page = browser.page(&format!("{CALLBACK}?{query}"));
    let first = scene.arrive(&page);
    scene.leave(first);
    scene.settle();
    let answer = scene.load(&mut browser, &page).answer();
    assert_eq!((answer.status, answer.location()), (302, "https://app.example/good"));
    assert_eq!(scene.token_calls(), 2, "the code is sent once");
    scene.visit(&mut browser, "/good").upstream();
    let again = scene.load(&mut browser, &page).answer();
    assert_eq!((again.status, again.location()), (302, "https://app.example/good"));
}
