//! `gate/logout.rs`: the cookies go first, then the provider's session; and logout wins.

use oidc_gate::token::testing::{CLIENT, ISSUER};
use serde_json::json;

use super::browser::{Browser, Request};
use super::host::Endpoint;
use super::provider::noise;
use super::scene::Scene;
use super::steps::{parameter, to_provider};

#[test]
fn the_cookies_go_and_the_provider_is_told_whose_session_ends() {
    let mut scene = Scene::with(json!({"upstream": {"authorization": "id_token"}}));
    let mut browser = scene.log_in();
    let id_token = scene.send(&browser.page("/")).upstream().token().to_owned();
    let page = browser.page("/oauth2/logout");
    let answer = scene.load(&mut browser, &page).answer();
    assert_eq!(answer.status, 302);
    let location = answer.location();
    assert!(location.starts_with(&format!("{ISSUER}/logout?")));
    assert_eq!(parameter(location, "id_token_hint").as_deref(), Some(id_token.as_str()));
    assert_eq!(parameter(location, "client_id").as_deref(), Some(CLIENT));
    let back = parameter(location, "post_logout_redirect_uri");
    assert_eq!(back.as_deref(), Some("https://app.example/"));
    assert!(browser.jar.is_empty());
    assert!(to_provider(&scene.send(&browser.page("/")).answer()));
}

#[test]
fn the_way_back_after_logout_is_the_operators() {
    for (configured, back) in [
        ("/bye?x=1", "https://app.example/bye?x=1"),
        ("https://www.example/bye", "https://www.example/bye"),
    ] {
        let mut scene = Scene::with(json!({"logout": {"post_logout_redirect_uri": configured}}));
        let browser = scene.log_in();
        let page = browser.page("/oauth2/logout?post_logout_redirect_uri=https://evil.example/");
        let answer = scene.send(&page).answer();
        let uri = parameter(answer.location(), "post_logout_redirect_uri");
        assert_eq!(uri.as_deref(), Some(back));
        // Without a session there is nothing to tell the provider.
        let answer = scene.send(&Browser::default().page("/oauth2/logout")).answer();
        assert_eq!((answer.status, answer.location()), (302, back));
    }
}

#[test]
fn logout_needs_no_provider() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    // A provider that never answered: another worker, or one that was restarted.
    let mut cold = Scene::cold(json!({}));
    let page = browser.page("/oauth2/logout");
    let answer = cold.load(&mut browser, &page).answer();
    assert_eq!((answer.status, answer.location()), (302, "https://app.example/"));
    assert!(browser.jar.is_empty());
}

#[test]
fn a_provider_without_an_end_session_endpoint_leaves_the_local_logout() {
    let mut scene = Scene::cold(json!({}));
    scene.provider.metadata = json!({"end_session_endpoint": null});
    scene.warm_up();
    let mut browser = scene.log_in();
    let page = browser.page("/oauth2/logout");
    assert_eq!(scene.load(&mut browser, &page).answer().location(), "https://app.example/");
    assert!(browser.jar.is_empty());
}

#[test]
fn every_piece_is_removed_good_or_not() {
    let mut scene = Scene::new();
    scene.provider.access_token = json!({"pad": noise(6_000)});
    let mut browser = Browser::default();
    scene.log_in_with(&mut browser, "/");
    browser
        .jar
        .insert("__Host-oidc_gate.9".to_owned(), browser.jar.values().next().unwrap().clone());
    assert!(browser.session().len() >= 3);
    let page = browser.page("/oauth2/logout");
    scene.load(&mut browser, &page).answer();
    assert!(browser.session().is_empty());
}

#[test]
fn another_site_may_link_to_the_logout_but_not_hide_it() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    let site = |request: Request, mode: &str, site: &str| {
        request.with("sec-fetch-mode", mode).with("sec-fetch-site", site)
    };
    let get = browser.page("/oauth2/logout");
    let post = browser.page("/oauth2/logout").with(":method", "POST");
    for (request, status) in [
        (site(get.clone(), "no-cors", "cross-site"), 403),
        (site(get.clone(), "no-cors", "same-site"), 403),
        (site(get.clone(), "cors", "cross-site"), 403),
        (site(post.clone(), "navigate", "cross-site"), 403),
        (site(post.clone(), "navigate", "same-site"), 403),
        (post.clone().without("sec-fetch-site").and("origin", "https://evil.example"), 403),
        (site(get.clone(), "navigate", "cross-site"), 302),
        (site(get.clone(), "navigate", "same-origin"), 302),
        (site(post.clone(), "navigate", "same-origin"), 302),
        (post.clone().without("sec-fetch-site").and("origin", "https://app.example"), 302),
    ] {
        let answer = scene.send(&request).answer();
        assert_eq!(answer.status, status, "{request:?}");
        assert_eq!(answer.set_cookies.is_empty(), status == 403);
    }
    for method in ["PUT", "HEAD", "OPTIONS", "post"] {
        let answer = scene.send(&get.clone().with(":method", method)).answer();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, POST")));
    }
}

#[test]
fn logout_wins_over_a_refresh_in_flight() {
    for seconds in [280, 320] {
        let mut scene = Scene::new();
        let mut browser = scene.log_in();
        let old = browser.clone();
        scene.jump(seconds);
        let waiting =
            [scene.arrive(&browser.page("/")), scene.arrive(&browser.fetch("GET", "/api"))];
        assert_eq!(scene.host.pending.len(), 1);
        let logout = browser.page("/oauth2/logout");
        let stream = scene.arrive(&logout);
        browser.take(scene.outcome(stream).unwrap().set_cookies());
        assert!(browser.jar.is_empty());
        scene.settle();
        for stream in waiting {
            let outcome = scene.outcome(stream).unwrap();
            browser.take(outcome.set_cookies());
        }
        assert!(browser.session().is_empty(), "the session came back: {browser:?}");
        // Nor does the cookie from before bring it back, nor make another call.
        let calls = scene.token_calls();
        assert_eq!(scene.send(&old.fetch("GET", "/api")).answer().status, 401);
        assert!(to_provider(&scene.send(&old.page("/")).answer()));
        assert_eq!(scene.token_calls(), calls);
    }
}

#[test]
fn logout_ends_the_session_for_older_and_newer_cookies_of_it() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    let first = browser.clone();
    scene.jump(280);
    let page = browser.page("/");
    scene.load(&mut browser, &page).upstream();
    let second = browser.clone();
    scene.jump(280);
    scene.load(&mut browser, &second.page("/")).upstream();
    assert_eq!(scene.token_calls(), 3);
    // Logged out with the cookie in the middle: responses may come in any order.
    let page = second.page("/oauth2/logout");
    scene.send(&page).answer();
    for cookie in [&first, &second, &browser] {
        let answer = scene.send(&cookie.fetch("GET", "/api")).answer();
        assert_eq!(answer.status, 401);
        assert!(answer.set_cookies.iter().all(|cookie| cookie.contains("Max-Age=0")));
    }
    assert_eq!(scene.token_calls(), 3);
}

#[test]
fn a_callback_that_is_opened_again_does_not_bring_back_who_logged_out() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    // Another tab's request, sent before the answer took the attempt's cookie away.
    let mut other = browser.clone();
    scene.come_back(&mut browser, &query).answer();
    scene.send(&browser.page("/oauth2/logout")).answer();
    let answer = scene.come_back(&mut other, &query).answer();
    assert_eq!((answer.status, answer.code().as_str()), (400, "no_attempt"));
    assert!(other.jar.is_empty());
    assert_eq!(scene.token_calls(), 1);
}

#[test]
fn a_session_without_a_refresh_token_is_logged_out_too() {
    let mut scene = Scene::new();
    scene.provider.refreshes = false;
    let mut browser = scene.log_in();
    let old = browser.clone();
    let page = browser.page("/oauth2/logout");
    scene.load(&mut browser, &page).answer();
    assert!(browser.jar.is_empty());
    assert_eq!(scene.send(&old.fetch("GET", "/api")).answer().status, 401);
}

#[test]
fn a_logout_does_not_end_anybody_elses_session() {
    let mut scene = Scene::new();
    let (alice, bob) = (scene.log_in(), scene.log_in());
    scene.send(&alice.page("/oauth2/logout")).answer();
    scene.send(&bob.page("/")).upstream();
    assert_eq!(scene.host.count(Endpoint::Token), 2);
}
