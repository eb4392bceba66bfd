//! `gate/login.rs`: who is sent to the provider, with what, and where to afterwards.

use oidc_gate::token::testing::{CLIENT, ISSUER};
use serde_json::json;

use super::browser::{Browser, Request};
use super::host::{Endpoint, Randomness};
use super::provider::Fault;
use super::scene::Scene;
use super::steps::{parameter, to_provider};

#[test]
fn a_page_load_without_a_session_is_sent_to_the_provider() {
    let mut scene = Scene::with(json!({"client": {
        "scope": ["profile", "good-service"],
        "authorization_parameters": {"ui_locales": "fr", "resource": ["https://a.example", "urn:b"]},
    }}));
    let answer = scene.send(&Browser::default().page("/orders?page=2")).answer();
    assert!(to_provider(&answer));
    let location = answer.location();
    let is = |name, value: &str| assert_eq!(parameter(location, name).as_deref(), Some(value));
    is("response_type", "code");
    is("client_id", CLIENT);
    is("redirect_uri", "https://app.example/oauth2/callback");
    is("scope", "openid profile good-service");
    is("code_challenge_method", "S256");
    is("ui_locales", "fr");
    assert!(location.contains("&resource=https%3A%2F%2Fa.example&resource=urn%3Ab"), "{location}");
    let [cookie] = &answer.set_cookies[..] else { panic!("{answer:?}") };
    assert!(cookie.starts_with("__Host-oidc_gate.login."), "{cookie}");
    assert!(cookie.contains("; Max-Age=600;") && cookie.ends_with("; SameSite=Lax"), "{cookie}");
    assert_eq!(scene.token_calls(), 0);
}

#[test]
fn state_nonce_and_challenge_are_new_for_every_attempt() {
    let mut scene = Scene::new();
    let mut seen = Vec::new();
    for _ in 0..20 {
        let answer = scene.send(&Browser::default().page("/")).answer();
        for name in ["state", "nonce", "code_challenge"] {
            let value = parameter(answer.location(), name).unwrap();
            assert!(value.len() >= 43, "256 bits");
            assert!(!seen.contains(&value));
            seen.push(value);
        }
    }
}

#[test]
fn only_page_loads_are_redirected_and_the_rest_gets_a_401_that_scripts_can_read() {
    let mut scene = Scene::new();
    let browser = Browser::default();
    let plain = |method: &str, accept: &str| Request::new(method, "/").and("accept", accept);
    let loads = [
        browser.page("/"),
        browser.page("/").with(":method", "HEAD"),
        plain("GET", "text/html"),
        plain("GET", "application/json;q=0.9, TEXT/HTML ; q=0.1"),
    ];
    for request in &loads {
        assert!(to_provider(&scene.send(request).answer()));
    }
    let others = [
        browser.fetch("GET", "/"),
        browser.fetch("POST", "/"),
        browser.page("/").with(":method", "POST"),
        browser.page("/").with(":method", "get"),
        browser.page("/").with("sec-fetch-mode", "no-cors"),
        browser.page("/").with("sec-fetch-mode", "websocket"),
        browser.page("/").and("upgrade", "websocket"),
        plain("GET", "*/*"),
        plain("GET", "text/html;q=0"),
        plain("GET", "application/xhtml+xml"),
        plain("OPTIONS", "text/html"),
        Request::new("GET", "/"),
        // Sec-Fetch-Mode decides where it is sent.
        browser.fetch("GET", "/").with("accept", "text/html"),
    ];
    for request in &others {
        let answer = scene.send(request).answer();
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "no error code");
        assert!(answer.set_cookies.is_empty());
    }
    let problem = scene.send(&others[0]).answer();
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    let problem = problem.json();
    assert_eq!(problem["login"], "/oauth2/login");
    assert_eq!((&problem["status"], &problem["code"]), (&401.into(), &"unauthenticated".into()));
}

#[test]
fn a_rule_says_what_happens_without_credentials() {
    let mut scene = Scene::new();
    let browser = Browser::default();
    assert_eq!(scene.send(&browser.page("/api/x")).answer().status, 401);
    assert!(to_provider(&scene.send(&browser.fetch("GET", "/page/x")).answer()));
    // The browser would send a form's body to the provider, or lose it.
    assert_eq!(scene.send(&browser.fetch("POST", "/page/x")).answer().status, 401);
    assert_eq!(scene.send(&browser.page("/page").with(":method", "POST")).answer().status, 401);
}

#[test]
fn after_login_the_way_back_is_the_page_that_was_asked_for() {
    let mut scene = Scene::new();
    for path in
        ["/", "/orders/7?page=2&q=a%20b", "/%C3%BC", "/a//b", "/x?return=https://evil.example/"]
    {
        let answer = scene.log_in_with(&mut Browser::default(), path);
        assert_eq!(answer.location(), format!("https://app.example{path}"));
    }
}

#[test]
fn the_way_back_never_leads_to_another_origin() {
    // Without rules no path is ambiguous: all of these reach the login.
    let mut scene = Scene::with(json!({"rules": []}));
    for path in [
        "//evil.example/x",
        "/\\evil.example",
        "/%2fevil.example",
        "/%5Cevil.example",
        "/%2F%2Fevil.example",
        "/\t/evil.example",
        "https://evil.example/",
        "/x\\..\\..\\evil",
        "/#@evil.example",
        "*",
    ] {
        let answer = scene.log_in_with(&mut Browser::default(), path);
        assert_eq!(answer.location(), "https://app.example/", "{path}");
        let form = oidc_gate::http::form::component(path);
        let answer =
            scene.log_in_with(&mut Browser::default(), &format!("/oauth2/login?return_to={form}"));
        assert_eq!(answer.location(), "https://app.example/", "return_to={path}");
    }
    let long = format!("/{}", "x".repeat(3_000));
    assert_eq!(
        scene.log_in_with(&mut Browser::default(), &long).location(),
        "https://app.example/"
    );
}

#[test]
fn the_login_endpoint_comes_back_to_return_to() {
    let mut scene = Scene::new();
    for (query, back) in [
        ("?return_to=/orders%3Fpage%3D2", "/orders?page=2"),
        ("?return_to=", "/"),
        ("?return_to=orders", "/"),
        ("", "/"),
        ("?other=1", "/"),
        // Not into our own endpoints: a login would end in a logout, or in a loop.
        ("?return_to=/oauth2/logout", "/"),
        ("?return_to=/oauth2/logout%3Fx%3D1", "/"),
        ("?return_to=/oauth2/login%3Freturn_to%3D/x", "/"),
        ("?return_to=/oauth2/callback%3Fcode%3Dx", "/"),
        ("?return_to=/oauth2/loginx", "/oauth2/loginx"),
    ] {
        let answer = scene.log_in_with(&mut Browser::default(), &format!("/oauth2/login{query}"));
        assert_eq!(answer.location(), format!("https://app.example{back}"), "{query}");
    }
}

#[test]
fn the_login_endpoint_refuses_what_it_can_not_read() {
    let mut scene = Scene::new();
    let browser = Browser::default();
    for query in ["return_to=/a&return_to=/b", "return_to=%zz", "return_to=%ff"] {
        let answer = scene.send(&browser.page(&format!("/oauth2/login?{query}"))).answer();
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_query"), "{query}");
    }
    for method in ["POST", "PUT", "get", "OPTIONS"] {
        let answer = scene.send(&browser.page("/oauth2/login").with(":method", method)).answer();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn a_browser_holds_at_most_five_logins_and_all_of_them_end() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let mut queries = Vec::new();
    for tab in 0..8 {
        scene.pass(1);
        queries.push(scene.begin(&mut browser, &format!("/tab/{tab}")));
        assert!(browser.logins().len() <= 5);
    }
    assert_eq!(browser.logins().len(), 5);
    for (tab, query) in queries.iter().enumerate().rev() {
        let answer = scene.come_back(&mut browser, query).answer();
        // Those that were pushed out find the session that the others made.
        assert_eq!(answer.location(), format!("https://app.example/tab/{tab}"));
    }
    assert!(browser.logins().is_empty());
    assert_eq!(scene.token_calls(), 5);
}

#[test]
fn fetches_leave_no_login_cookies_behind() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    for _ in 0..50 {
        let fetch = browser.fetch("GET", "/data");
        scene.load(&mut browser, &fetch).answer();
    }
    assert!(browser.jar.is_empty());
}

/// A browser holds five attempts; the others made room for them.
#[test]
fn ten_tabs_that_log_in_at_once_all_end_where_they_wanted() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let tabs: Vec<_> = (0..10).map(|tab| format!("/tab/{tab}")).collect();
    let queries: Vec<_> = tabs.iter().map(|path| scene.begin(&mut browser, path)).collect();
    assert_eq!(browser.logins().len(), 5);
    for (path, query) in tabs.iter().zip(&queries) {
        let mut answer = scene.come_back(&mut browser, query).answer();
        if to_provider(&answer) {
            let again = scene.provider.authorize(answer.location());
            answer = scene.come_back(&mut browser, &again).answer();
        }
        assert_eq!(answer.location(), format!("https://app.example{path}"));
    }
    // The first began again; the code of no other tab was used before there was a session.
    assert!(browser.session().len() == 1 && scene.token_calls() <= 6, "{}", scene.token_calls());
}

/// Only a full jar says that an attempt made room: a code that somebody else began is refused.
#[test]
fn a_callback_without_its_attempt_is_refused_while_there_was_room_for_it() {
    let mut scene = Scene::new();
    let query = scene.begin(&mut Browser::default(), "/x");
    let mut browser = Browser::default();
    for number in 0..5 {
        let answer = scene.come_back(&mut browser, &query).answer();
        assert_eq!((answer.status, answer.code().as_str()), (400, "no_attempt"), "{number}");
        scene.begin(&mut browser, "/y");
    }
    let answer = scene.come_back(&mut browser, &query).answer();
    assert!(to_provider(&answer), "{answer:?}");
    assert_eq!(scene.token_calls(), 0);
}

#[test]
fn an_attempt_that_took_too_long_begins_again_by_itself_twice_at_most() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/x?y");
    scene.jump(599);
    assert_eq!(
        scene.come_back(&mut browser, &query).answer().location(),
        "https://app.example/x?y"
    );
    let mut browser = Browser::default();
    let mut query = scene.begin(&mut browser, "/x?y");
    for _ in 0..2 {
        // Whatever the browser's clock says, the cookie is sent.
        scene.jump(600);
        let answer = scene.come_back(&mut browser, &query).answer();
        assert!(to_provider(&answer));
        query = scene.provider.authorize(answer.location());
    }
    let last = query.clone();
    scene.jump(600);
    let answer = scene.come_back(&mut browser, &query).answer();
    assert_eq!((answer.status, answer.code().as_str()), (400, "no_attempt"));
    assert_eq!(scene.token_calls(), 1);
    // The one that began again is as good as any, in time.
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/x?y");
    scene.jump(700);
    let answer = scene.come_back(&mut browser, &query).answer();
    let again = scene.provider.authorize(answer.location());
    assert_eq!(
        scene.come_back(&mut browser, &again).answer().location(),
        "https://app.example/x?y"
    );
    assert_ne!(again, last);
}

#[test]
fn what_a_state_says_leads_nowhere_but_to_a_path_of_this_origin() {
    let mut scene = Scene::new();
    let created = scene.host.now.seconds() - 700;
    let state = |path: &str| {
        let path = oidc_gate::wire::base64url::encode(path.as_bytes());
        format!("state=forged.{created}.0.{path}&code=x")
    };
    let signed_in = scene.log_in();
    for path in ["//evil.example", "https://evil.example/", "/\\evil.example", ""] {
        let answer = scene.come_back(&mut Browser::default(), &state(path)).answer();
        assert_eq!((answer.status, answer.code().as_str()), (400, "no_attempt"), "{path}");
        let answer = scene.come_back(&mut signed_in.clone(), &state(path)).answer();
        assert_eq!((answer.status, answer.location()), (302, "https://app.example/"), "{path}");
    }
    let calls = scene.token_calls();
    let answer = scene.come_back(&mut Browser::default(), &state("/ours")).answer();
    assert!(to_provider(&answer));
    assert_eq!(scene.token_calls(), calls, "its code is not used");
}

#[test]
fn without_randomness_no_login_begins_and_nothing_passes() {
    let mut probe = Scene::new();
    let before = probe.host.draws;
    probe.send(&Browser::default().page("/")).answer();
    let draws = probe.host.draws - before;
    assert!(draws >= 4, "state, nonce, verifier, the seal: {draws}");
    for draw in 0..draws {
        let mut scene = Scene::new();
        scene.host.randomness = Randomness::FailsAt(scene.host.draws + draw);
        let answer = scene.send(&Browser::default().page("/")).answer();
        assert_eq!((answer.status, answer.code().as_str()), (503, "no_entropy"), "draw {draw}");
        assert!(answer.set_cookies.is_empty());
        assert!(answer.header("retry-after").is_some());
    }
}

#[test]
fn a_cookie_that_does_not_open_is_removed_as_the_login_begins() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    for cookie in browser.jar.values_mut() {
        cookie.value.replace_range(40..41, "!");
    }
    browser
        .jar
        .insert("__Host-oidc_gate.3".to_owned(), browser.jar.values().next().unwrap().clone());
    let page = browser.page("/");
    let answer = scene.load(&mut browser, &page).answer();
    assert!(to_provider(&answer));
    assert!(browser.session().is_empty(), "{:?}", browser.session());
    assert_eq!(browser.logins().len(), 1);
}

#[test]
fn a_401_removes_what_does_not_open_too() {
    let mut scene = Scene::new();
    let garbage =
        Browser::default().fetch("GET", "/").and("cookie", "a=b; __Host-oidc_gate=2.x; c=d");
    let answer = scene.send(&garbage).answer();
    assert_eq!(answer.status, 401);
    let [removal] = &answer.set_cookies[..] else { panic!("{answer:?}") };
    assert!(removal.starts_with("__Host-oidc_gate=; Path=/; Max-Age=0;"), "{removal}");
}

#[test]
fn the_authorization_endpoint_is_the_metadatas_and_keeps_its_query() {
    let mut scene = Scene::cold(json!({}));
    scene.provider.metadata = json!({"authorization_endpoint": format!("{ISSUER}/auth?tenant=7")});
    scene.warm_up();
    let answer = scene.send(&Browser::default().page("/")).answer();
    assert!(answer.location().starts_with(&format!("{ISSUER}/auth?tenant=7&response_type=code")));
}

#[test]
fn bearer_only_gates_send_nobody_to_the_provider() {
    let mut scene = Scene::with(json!({
        "login": false, "client": null, "session": null, "upstream": {"headers": null},
        "rules": [{"match": {"path_prefix": "/api"}}],
    }));
    for path in ["/", "/oauth2/login", "/oauth2/callback?code=x&state=y", "/oauth2/session"] {
        let answer = scene.send(&Browser::default().page(path)).answer();
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
        assert!(!answer.body.contains("href"), "there is no login to offer: {}", answer.body);
    }
}

#[test]
fn no_login_begins_before_the_provider_is_known() {
    let mut scene = Scene::cold(json!({}));
    scene.provider.fail(Endpoint::Discovery, Fault::NoAnswer);
    let page = scene.arrive(&Browser::default().page("/"));
    let endpoint = scene.arrive(&Browser::default().page("/oauth2/login?return_to=/y"));
    scene.tick();
    scene.settle();
    assert!(scene.outcome(page).is_none() && scene.outcome(endpoint).is_none());
    scene.pass(3);
    scene.settle();
    for stream in [page, endpoint] {
        assert!(to_provider(&scene.outcome(stream).unwrap().answer()));
    }
}
