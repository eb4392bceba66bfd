//! `gate/callback.rs`, its second half: two tokens, each by its own rules, become a session.

use oidc_gate::token::testing::{API, CLIENT, ISSUER, NOW};
use serde_json::json;

use super::browser::Browser;
use super::callback::{code, is, login};
use super::provider::noise;
use super::scene::Scene;
use super::steps::{load, to_provider};

#[test]
fn the_id_token_is_verified_by_its_own_rules() {
    let now = NOW.seconds();
    for (claims, words) in [
        (json!({"iss": format!("{ISSUER}/")}), "issuer is"),
        (
            json!({"aud": API}),
            "audience is &quot;APP-backend&quot;, expected &quot;APP-frontend&quot;",
        ),
        (json!({"aud": [CLIENT, "evil"]}), "audience names &quot;evil&quot; as well"),
        (json!({"azp": "other"}), "authorized party"),
        (json!({"exp": now - 31}), "expired"),
        (json!({"iat": now + 31}), "in the future"),
        (json!({"nonce": null}), "nonce is missing"),
        (json!({"nonce": "another"}), "nonce is not the one"),
        (json!({"sub": null}), "sub is missing"),
        (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "at_hash"),
        (json!({"typ": "Refresh"}), "this is a refresh token"),
        (json!({"typ": "Logout"}), "this is a logout token"),
    ] {
        let what = claims.to_string();
        let answer = login(|scene| scene.provider.id_token = claims);
        assert_eq!(code(&answer), is(400, "login_token_refused"), "{what}");
        assert!(answer.body.contains("The ID token was refused"), "{what}: {}", answer.body);
        assert!(answer.body.contains(words), "{what}: {}", answer.body);
    }
}

#[test]
fn an_access_token_for_somebody_else_is_named_with_both_audiences_and_no_loop() {
    let mut scene = Scene::new();
    scene.provider.access_token = json!({"aud": ["account", "other-api"]});
    let mut browser = Browser::default();
    for _ in 0..3 {
        let answer = scene.log_in_with(&mut browser, "/");
        assert_eq!(code(&answer), is(403, "login_token_refused"));
        for words in ["The access token was refused", "APP-backend", "other-api", "audience mapper"]
        {
            assert!(answer.body.contains(words), "{words}: {}", answer.body);
        }
        assert!(!answer.body.contains("ID token"), "{}", answer.body);
        assert!(browser.jar.is_empty(), "no session, no attempt: {browser:?}");
        // The next page load begins a new login; it does not come by itself.
        assert!(to_provider(&scene.send(&browser.page("/")).answer()));
    }
    assert!(scene.host.logged(&["decision=login_token_refused", "access token", "other-api"]));
}

#[test]
fn the_access_token_is_verified_by_its_own_rules() {
    let now = NOW.seconds();
    for (claims, words) in [
        (json!({"iss": "https://evil.example"}), "issuer is"),
        (json!({"aud": CLIENT}), "audience is"),
        (json!({"aud": null}), "aud is missing"),
        (json!({"exp": now - 31}), "expired"),
        (json!({"nbf": now + 31}), "not valid for"),
        (json!({"typ": "ID"}), "this is an ID token"),
        (json!({"typ": null, "at_hash": "x"}), "this is an ID token"),
    ] {
        let what = claims.to_string();
        let answer = login(|scene| scene.provider.access_token = claims);
        assert_eq!(code(&answer), is(403, "login_token_refused"), "{what}");
        assert!(answer.body.contains("The access token was refused"), "{what}");
        assert!(answer.body.contains(words), "{what}: {}", answer.body);
    }
    let answer = login(|scene| scene.provider.access_typ = "JOSE");
    assert!(answer.body.contains("header typ is"), "{}", answer.body);
}

#[test]
fn neither_token_stands_in_for_the_other() {
    // Both audiences are right for the other token's list only.
    let answer = login(|scene| {
        let swapped = scene.provider.mint_id_token(json!({}), NOW);
        scene.provider.answer = json!({"access_token": swapped});
    });
    assert_eq!(code(&answer), is(403, "login_token_refused"));
    assert!(answer.body.contains("The access token was refused"), "{}", answer.body);
    let answer = login(|scene| {
        let swapped = scene.provider.mint_access_token(json!({}), NOW);
        scene.provider.answer = json!({"id_token": swapped});
    });
    assert_eq!(code(&answer), is(400, "login_token_refused"));
    assert!(answer.body.contains("The ID token was refused"), "{}", answer.body);
    for (missing, title) in [
        (json!({"id_token": null}), "The ID token was refused"),
        (json!({"access_token": null}), "The access token was refused"),
    ] {
        let answer = login(|scene| scene.provider.answer = missing);
        assert!(answer.body.contains(title), "{}", answer.body);
        assert!(answer.body.contains("did not send one"), "{}", answer.body);
    }
}

#[test]
fn what_was_asked_of_the_authentication_is_required_of_the_id_token() {
    let asked = json!({"client": {"authorization_parameters": {
        "acr_values": "gold silver", "max_age": "60",
    }}});
    let now = NOW.seconds();
    for (claims, words) in [
        (json!({"acr": "silver", "auth_time": now - 90}), ""),
        (json!({"acr": "1", "auth_time": now}), "(acr) is &quot;1&quot;, expected one of"),
        (json!({"acr": null, "auth_time": now}), "(acr) is nothing"),
        (json!({"acr": "gold", "auth_time": now - 91}), "authenticated 91 s ago"),
        (json!({"acr": "gold", "auth_time": null}), "auth_time is missing"),
    ] {
        let what = claims.to_string();
        let mut scene = Scene::with(asked.clone());
        scene.provider.id_token = claims;
        let mut browser = Browser::default();
        let answer = scene.log_in_with(&mut browser, "/");
        if words.is_empty() {
            assert_eq!(answer.status, 302, "{what}");
            // A refresh is no login: it keeps the time of this one, however long ago.
            scene.jump(400);
            scene.provider.id_token = json!({"acr": null, "auth_time": now - 90});
            load(&mut scene, &mut browser);
            scene.jump(400);
            scene.provider.id_token = json!({"auth_time": now + 400});
            assert_eq!(scene.send(&browser.page("/")).answer().code(), "session_token_refused");
            continue;
        }
        assert_eq!(code(&answer), is(400, "login_token_refused"), "{what}");
        assert!(answer.body.contains(words), "{what}: {}", answer.body);
        assert!(browser.jar.is_empty());
    }
}

#[test]
fn a_strict_session_begins_with_a_page_of_ours_that_leads_on() {
    let mut scene = Scene::with(json!({"session": {"cookie": {"same_site": "strict"}}}));
    let mut browser = Browser::default();
    let answer = scene.log_in_with(&mut browser, "/x?a=1&b=\"><script>");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("url=https://app.example/\"") || answer.body.contains("&amp;b="));
    assert!(!answer.body.contains("<script"), "{}", answer.body);
    let strict = |cookie: &&String| cookie.ends_with("SameSite=Strict");
    assert!(answer.set_cookies.iter().any(|cookie| strict(&cookie)), "{answer:?}");
    scene.send(&browser.page("/")).upstream();
}

#[test]
fn a_session_is_new_at_each_login_and_nothing_of_an_older_one_is_kept() {
    let mut scene = Scene::new();
    let mut mallory = scene.log_in();
    // Fixation: the victim's browser carries Mallory's session as it logs in.
    scene.provider.id_token = json!({"sub": "victim"});
    scene.provider.access_token = json!({"preferred_username": "victim"});
    let mut victim = mallory.clone();
    let query = scene.begin(&mut victim, "/oauth2/login");
    scene.come_back(&mut victim, &query).answer();
    let old = mallory.jar.values().next().unwrap().value.clone();
    assert_ne!(victim.jar.values().next().unwrap().value, old);
    let user = |scene: &mut Scene, browser: &mut Browser| {
        let page = browser.page("/");
        scene.load(browser, &page).upstream().all("x-user").join(",")
    };
    assert_eq!(user(&mut scene, &mut victim), "victim");
    assert_eq!(user(&mut scene, &mut mallory), "alice");
    // Nor does Mallory's refresh say anything about the victim.
    scene.jump(290);
    scene.provider.id_token = json!({});
    scene.provider.access_token = json!({});
    assert_eq!(user(&mut scene, &mut mallory), "alice");
}

#[test]
fn a_session_that_fits_in_fewer_cookies_removes_the_pieces_left_over() {
    let mut scene = Scene::new();
    scene.provider.access_token = json!({"pad": noise(6_000)});
    let mut browser = Browser::default();
    scene.log_in_with(&mut browser, "/");
    assert!(browser.session().len() >= 2, "{:?}", browser.session());
    assert!(scene.send(&browser.page("/")).upstream().token().len() > 6_000);
    scene.provider.access_token = json!({});
    let query = scene.begin(&mut browser, "/oauth2/login");
    scene.come_back(&mut browser, &query).answer();
    assert_eq!(browser.session().len(), 1);
    scene.send(&browser.page("/")).upstream();
}

#[test]
fn a_session_that_does_not_fit_ends_in_a_page_that_says_which_token_is_how_large() {
    let answer = login(|scene| {
        scene.provider.access_token = json!({"pad": noise(20_000)});
    });
    assert_eq!(code(&answer), is(403, "session_too_large"));
    assert!(answer.body.contains("session.cookie.max_count"), "{}", answer.body);
    assert!(answer.body.contains("access token 2"), "{}", answer.body);
    assert!(answer.set_cookies.iter().all(|cookie| cookie.contains("Max-Age=0")));
}
