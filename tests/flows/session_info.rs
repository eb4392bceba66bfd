//! `gate/session_info.rs`: who is logged in and for how long, and never a token.

use serde_json::json;

use super::browser::Browser;
use super::scene::Scene;

const SESSION: &str = "/oauth2/session";

#[test]
fn it_says_who_and_for_how_long_and_what_was_asked_for() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    let answer = scene.send(&browser.fetch("GET", SESSION)).answer();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let end = scene.host.now.seconds() + 3_600;
    assert_eq!(answer.json(), json!({"sub": "alice-1", "expires_at": end}));
    assert!(answer.set_cookies.is_empty());
    let claims = "?claims=email,preferred_username,,nothing,sub,expires_at,iss.x";
    let answer = scene.send(&browser.fetch("GET", &format!("{SESSION}{claims}"))).answer();
    assert_eq!(
        answer.json(),
        json!({
            "sub": "alice-1", "expires_at": end,
            "email": "alice@example.test", "preferred_username": "alice",
        })
    );
}

#[test]
fn what_binds_tokens_together_is_nobodys_to_ask_for() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    let path = format!("{SESSION}?claims=nonce,at_hash,c_hash,s_hash,sid,jti");
    let answer = scene.send(&browser.fetch("GET", &path)).answer().json();
    assert!(answer.get("nonce").is_none() && answer.get("at_hash").is_none(), "{answer}");
}

#[test]
fn without_a_session_it_is_a_401_for_scripts_and_pages_alike() {
    let mut scene = Scene::new();
    for request in [Browser::default().fetch("GET", SESSION), Browser::default().page(SESSION)] {
        let answer = scene.send(&request).answer();
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let garbage = Browser::default().fetch("GET", SESSION).and("cookie", "__Host-oidc_gate=1.x");
    assert_eq!(scene.send(&garbage).answer().set_cookies.len(), 1);
    let token = scene.provider.mint_access_token(json!({}), scene.host.now);
    let bearer = Browser::default().fetch("GET", SESSION).bearer(&token);
    assert_eq!(scene.send(&bearer).answer().status, 401, "a bearer token is no session");
}

#[test]
fn methods_and_queries_are_read_strictly() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    assert_eq!(scene.send(&browser.fetch("HEAD", SESSION)).answer().status, 200);
    for method in ["POST", "OPTIONS", "get"] {
        let answer = scene.send(&browser.fetch(method, SESSION)).answer();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    }
    for query in ["claims=a&claims=b", "claims=%zz"] {
        let answer = scene.send(&browser.fetch("GET", &format!("{SESSION}?{query}"))).answer();
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_query"));
    }
    for (before, told) in [(31, true), (32, false)] {
        let many: String = (0..before).map(|number| format!("c{number},")).collect();
        let path = format!("{SESSION}?claims={many}email");
        let answer = scene.send(&browser.fetch("GET", &path)).answer().json();
        assert_eq!(answer.get("email").is_some(), told, "{before}");
    }
}

#[test]
fn a_session_that_a_refresh_would_renew_lasts_and_one_without_does_not() {
    let mut scene = Scene::new();
    let renewable = scene.log_in();
    scene.provider.refreshes = false;
    let fixed = scene.log_in();
    let expires = |scene: &mut Scene, browser: &Browser| {
        scene.send(&browser.fetch("GET", SESSION)).answer().json()["expires_at"].as_i64()
    };
    let now = scene.host.now.seconds();
    assert_eq!(expires(&mut scene, &renewable), Some(now + 3_600));
    assert_eq!(expires(&mut scene, &fixed), Some(now + 300), "as long as its token");
    scene.jump(1_000);
    assert_eq!(expires(&mut scene, &renewable), Some(now + 3_600));
    assert_eq!(scene.send(&fixed.fetch("GET", SESSION)).answer().status, 401);
    assert_eq!(scene.token_calls(), 2, "asking is no use of the session");
}

#[test]
fn a_session_that_todays_configuration_refuses_is_none() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    scene.reconfigure(json!({"access_token": {"audiences": ["other"]}}));
    assert_eq!(scene.send(&browser.fetch("GET", SESSION)).answer().status, 401);
}

#[test]
fn it_is_told_to_the_same_origin_only() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    let request = browser.fetch("GET", SESSION).with("sec-fetch-site", "cross-site");
    let answer = scene.send(&request.and("origin", "https://evil.example")).answer();
    let allows = |(name, _): &(String, String)| name.starts_with("access-control-");
    assert!(!answer.headers.iter().any(allows), "{answer:?}");
}
