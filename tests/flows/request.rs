//! `gate/request.rs` and `gate/forward.rs`: origins, rules, what is taken out on the way to the
//! upstream and what is put in, and who may send what from where.

use oidc_gate::token::testing::{CLIENT, ISSUER};
use serde_json::json;

use super::browser::{Browser, Request};
use super::scene::{OTHER_KEY, SESSION_KEY, Scene};
use super::steps::to_provider;

#[test]
fn the_sessions_access_token_replaces_whatever_stands_in_authorization() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    for forged in ["Basic YTpi", "bearer", "Negotiate x", ""] {
        let request = browser.page("/").and("authorization", forged);
        let token = scene.send(&request).upstream().token().to_owned();
        assert!(token.len() > 200, "{forged}");
    }
}

#[test]
fn identity_headers_from_outside_are_removed_in_every_spelling_on_every_path() {
    let mut scene = Scene::with(json!({"upstream": {"headers": {"x-forwarded-user": "sub"}}}));
    let browser = scene.log_in();
    let spellings =
        ["x-user", "X-User", "x_user", "X_USER", "x.user", "x-mail", "x_roles", "X-Forwarded_User"];
    let forge = |mut request: Request| {
        for name in spellings {
            request = request.and(name, "admin");
        }
        request.and("x-users", "kept").and("authorization", "Bearerx admin")
    };
    let public = scene.send(&forge(Request::new("GET", "/public/page"))).upstream();
    let private = scene.send(&forge(browser.page("/"))).upstream();
    for upstream in [&public, &private] {
        assert!(!upstream.head.iter().any(|(_, value)| value.contains("admin")), "{upstream:?}");
        assert_eq!(upstream.all("x-users"), ["kept"]);
    }
    assert!(public.all("authorization").is_empty() && public.all("x-user").is_empty());
    assert_eq!(private.all("x-user"), ["alice"]);
    assert_eq!(private.all("x-roles"), ["user"]);
    assert_eq!(private.all("x-mail"), ["alice@example.test"]);
    assert_eq!(private.all("x-forwarded-user"), ["alice-1"]);
}

#[test]
fn our_cookies_are_taken_out_and_the_others_stay_byte_for_byte() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    scene.begin(&mut browser, "/oauth2/login");
    let mut browser2 = scene.log_in();
    browser2.jar.extend(browser.jar);
    let ours = browser2.line();
    for path in ["/", "/public"] {
        let upstream = scene.send(&Request::new("GET", path).and("cookie", &ours)).upstream();
        assert!(upstream.all("cookie").is_empty(), "not even an empty one is left: {upstream:?}");
        let mixed = format!("a=\"1 2\"; {ours}; b=__Host-oidc_gate=x; __Host-oidc_gatex=1; c");
        let request = Request::new("GET", path).and("cookie", mixed).and("cookie", "d=\u{fc}");
        let upstream = scene.send(&request).upstream();
        let [line] = upstream.all("cookie")[..] else { panic!("{upstream:?}") };
        assert_eq!(line, "a=\"1 2\"; b=__Host-oidc_gate=x; __Host-oidc_gatex=1; c; d=\u{fc}");
    }
    let none = scene.send(&Request::new("GET", "/public").and("cookie", "a=1;b=2")).upstream();
    assert_eq!(none.all("cookie"), ["a=1;b=2"], "what needs no change gets none");
}

#[test]
fn what_goes_upstream_is_the_operators_choice() {
    let choice = |authorization: &str| json!({"upstream": {"authorization": authorization}});
    let mut scene = Scene::with(choice("id_token"));
    let browser = scene.log_in();
    let id_token = scene.send(&browser.page("/")).upstream().token().to_owned();
    let mut scene = Scene::with(choice("none"));
    let browser = scene.log_in();
    let request = browser.page("/").and("authorization", "Basic x");
    assert!(scene.send(&request).upstream().all("authorization").is_empty());
    let mut scene = Scene::new();
    let browser = scene.log_in();
    assert_ne!(scene.send(&browser.page("/")).upstream().token(), id_token);
}

#[test]
fn rules_decide_on_the_path_that_is_routed_never_on_the_query() {
    let mut scene = Scene::new();
    let browser = Browser::default();
    scene.send(&browser.page("/public/x?y")).upstream();
    scene.send(&browser.fetch("POST", "/public")).upstream();
    for path in ["/x?/public", "/publicity", "/x?a=/public/", "/PUBLIC"] {
        assert_eq!(scene.send(&browser.fetch("GET", path)).answer().status, 401, "{path}");
    }
    for path in [
        "/public/../x",
        "/public/%2e%2e/x",
        "/public%2f..%2fx",
        "/public/..;/x",
        "/public\\..\\x",
        "/x/..//public",
        "/public/%2e%2e%2fapi",
        "/public%00/../api",
        "/public/x#/../../api",
    ] {
        let answer = scene.send(&browser.fetch("GET", path)).answer();
        assert_eq!((answer.status, answer.code().as_str()), (400, "ambiguous_path"), "{path}");
    }
    let closed = scene.send(&browser.page("/closed")).answer();
    assert_eq!((closed.status, closed.code().as_str()), (403, "denied"));
    let browser = scene.log_in();
    assert_eq!(scene.send(&browser.page("/closed")).answer().status, 403);
}

#[test]
fn a_method_that_is_not_in_upper_case_gets_no_rules_permission() {
    let mut scene = Scene::with(json!({"rules": [
        {"match": {"path": "/health", "methods": ["GET"]}, "access": "public"},
    ]}));
    scene.send(&Request::new("GET", "/health")).upstream();
    for method in ["get", "Get", "POST"] {
        assert_eq!(scene.send(&Request::new(method, "/health")).answer().status, 401, "{method}");
    }
}

#[test]
fn another_host_than_the_origins_is_answered_421() {
    let mut scene =
        Scene::with(json!({"origins": ["https://app.example", "https://b.example:8443"]}));
    let browser = Browser::default();
    for authority in
        ["evil.example", "app.example.evil", "app.example:8443", "b.example", "", "a b"]
    {
        for path in ["/", "/public", "/oauth2/login", "/oauth2/callback", "/oauth2/session"] {
            let answer = scene.send(&browser.page(path).with(":authority", authority)).answer();
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (421, "misdirected"),
                "{authority}"
            );
        }
    }
    for authority in ["app.example", "APP.example", "app.example:443", "b.example:8443"] {
        let answer = scene.send(&browser.page("/").with(":authority", authority)).answer();
        assert!(to_provider(&answer), "{authority}");
        let port = if authority.contains("8443") { "b.example%3A8443" } else { "app.example" };
        assert!(answer.location().contains(&format!("redirect_uri=https%3A%2F%2F{port}%2Foauth2")));
    }
}

#[test]
fn a_session_counts_only_at_the_host_it_was_made_for() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    // Twice: also once the session is in this worker's memory.
    for _ in 0..2 {
        scene.send(&browser.page("/")).upstream();
        for authority in ["other.example", "app.example:8443", "sub.app.example"] {
            let request = browser.fetch("GET", "/").with(":authority", authority);
            let answer = scene.send(&request).answer();
            assert_eq!(answer.status, 401, "{authority}");
            assert!(answer.set_cookies.iter().any(|cookie| cookie.contains("Max-Age=0")));
        }
    }
}

#[test]
fn a_cookie_of_another_purpose_is_no_session() {
    let mut scene = Scene::new();
    let mut browser = Browser::default();
    scene.begin(&mut browser, "/");
    let login = browser.jar.values().next().unwrap().clone();
    for value in [login.value.clone(), format!("1.{}", login.value)] {
        let line = format!("__Host-oidc_gate={value}");
        let answer = scene.send(&browser.fetch("GET", "/").with("cookie", line)).answer();
        assert_eq!(answer.status, 401);
    }
}

#[test]
fn garbage_in_cookies_is_an_absent_session_and_the_next_request_is_served() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    let good = browser.jar.values().next().unwrap().value.clone();
    let mut values: Vec<String> =
        ["", "1", "1.", "0.x", "1.AA", "9.x", "99.x", "1.====", "4294967296.x"]
            .map(str::to_owned)
            .into();
    values.extend((0..good.len()).step_by(97).map(|end| good[..end].to_owned()));
    for value in values {
        let line =
            format!("__Host-oidc_gate={value}; __Host-oidc_gate.1=%00; __Host-oidc_gate.7=x");
        let request = Browser::default().fetch("GET", "/").and("cookie", line);
        let answer = scene.send(&request).answer();
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(answer.set_cookies.len(), 3, "{answer:?}");
    }
    scene.send(&browser.page("/")).upstream();
}

/// `Sec-Fetch-Site` and `Origin` of a request, and whether it may change something.
const SITES: &[(Option<&str>, Option<&str>, bool)] = &[
    (Some("same-origin"), Some("https://app.example"), true),
    (Some("same-origin"), None, true),
    (Some("none"), None, true),
    (Some("cross-site"), Some("https://evil.example"), false),
    (Some("cross-site"), Some("https://app.example"), false),
    (Some("cross-site"), None, false),
    (Some("same-site"), Some("https://sub.app.example"), false),
    (Some("same-site"), Some("https://app.example"), true),
    (Some("same-site"), None, false),
    (Some("something-new"), None, false),
    (None, Some("https://app.example"), true),
    (None, Some("https://app.example:443"), true),
    (None, Some("http://app.example"), false),
    (None, Some("https://app.example.evil"), false),
    (None, Some("https://evil.example"), false),
    (None, Some("null"), false),
    (None, None, true),
];

fn from(request: Request, site: Option<&str>, origin: Option<&str>) -> Request {
    let mut request = request.without("sec-fetch-site");
    for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
        if let Some(value) = value {
            request = request.and(name, value);
        }
    }
    request
}

#[test]
fn other_sites_cannot_make_a_session_change_anything() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    for (site, origin, may) in SITES {
        let case = format!("{site:?} {origin:?}");
        for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND"] {
            let request = from(browser.fetch(method, "/api/x"), *site, *origin);
            match scene.send(&request) {
                outcome if *may => drop(outcome.upstream()),
                outcome => {
                    let answer = outcome.answer();
                    assert_eq!(
                        (answer.status, answer.code().as_str()),
                        (403, "cross_site"),
                        "{case}"
                    );
                }
            }
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            scene.send(&from(browser.fetch(method, "/api/x"), *site, *origin)).upstream();
        }
        // Cross-site WebSocket hijacking: CORS guards no handshake (RFC 6455 section 10.2).
        for (name, value) in [("upgrade", "websocket"), (":protocol", "websocket")] {
            let request = from(browser.fetch("GET", "/socket").and(name, value), *site, *origin);
            let passed = matches!(scene.send(&request), super::scene::Outcome::Forward(_));
            assert_eq!(passed, *may, "{name} {case}");
        }
    }
}

#[test]
fn both_tokens_are_judged_by_todays_configuration_on_every_request() {
    for (change, token) in [
        (json!({"access_token": {"audiences": ["other-api"]}}), "access token"),
        (json!({"access_token": {"scope": ["orders:write"]}}), "access token"),
        (json!({"access_token": {"typ": ["at+jwt"]}}), "access token"),
        (json!({"client": {"client_id": "other"}}), "ID token"),
        (
            json!({"client": {"client_id": "other"}, "upstream": {"authorization": "id_token"}}),
            "ID token",
        ),
        (
            json!({"client": {"client_id": "other"}, "upstream": {"authorization": "none"}}),
            "ID token",
        ),
        (
            json!({"access_token": {"audiences": ["other-api"]}, "upstream": {"authorization": "none"}}),
            "access token",
        ),
    ] {
        let mut scene = Scene::new();
        let browser = scene.log_in();
        scene.reconfigure(change.clone());
        for request in [browser.page("/"), browser.fetch("GET", "/api")] {
            let answer = scene.send(&request).answer();
            assert_eq!(answer.status, 403, "{change}");
            assert!(answer.set_cookies.is_empty() && answer.header("location").is_none());
        }
        let problem = scene.send(&browser.fetch("GET", "/api")).answer().json();
        assert_eq!(
            (&problem["code"], &problem["token"]),
            (&"session_token_refused".into(), &token.into())
        );
        // What is public stays so, without the session.
        let public = scene.send(&browser.page("/public")).upstream();
        assert!(public.all("authorization").is_empty());
    }
}

#[test]
fn another_providers_session_is_no_session() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    scene.provider.metadata = json!({"issuer": "https://other.example"});
    let change = json!({"provider": {"issuer": "https://other.example", "discovery": false, "metadata": {
        "authorization_endpoint": format!("{ISSUER}/auth"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/certs"),
    }}});
    scene.reconfigure(change);
    assert!(to_provider(&scene.send(&browser.page("/")).answer()));
    assert_eq!(scene.send(&browser.fetch("GET", "/")).answer().status, 401);
    assert!(scene.host.logged(&["decision=session_over", "issuer"]));
}

#[test]
fn keys_roll_without_logging_anyone_out() {
    let keys = |keys: &[&str]| {
        let keys: Vec<_> = keys.iter().map(|key| json!({"inline": key})).collect();
        json!({"session": {"keys": keys}})
    };
    let mut scene = Scene::with(keys(&[SESSION_KEY]));
    let mut browser = scene.log_in();
    scene.reconfigure(keys(&[OTHER_KEY, SESSION_KEY]));
    let page = browser.page("/");
    let upstream = scene.load(&mut browser, &page).upstream();
    assert_eq!(upstream.set_cookies.len(), 1, "sealed anew");
    scene.reconfigure(keys(&[OTHER_KEY]));
    let upstream = scene.send(&browser.page("/")).upstream();
    assert!(upstream.set_cookies.is_empty());
    scene.reconfigure(keys(&[SESSION_KEY]));
    assert_eq!(scene.send(&browser.fetch("GET", "/")).answer().status, 401);
}

#[test]
fn a_live_session_costs_no_signature_and_no_call_and_no_cookie() {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    let (checks, calls) = (scene.host.signatures.checks(), scene.host.sent.len());
    let draws = scene.host.draws;
    for _ in 0..10 {
        assert!(scene.send(&browser.page("/")).upstream().set_cookies.is_empty());
    }
    assert_eq!(scene.host.signatures.checks(), checks);
    assert_eq!((scene.host.sent.len(), scene.host.draws), (calls, draws));
}

#[test]
fn the_idle_time_slides_and_the_maximum_age_does_not() {
    let mut scene = Scene::with(json!({
        "session": {"idle_timeout": "10m", "max_age": "1h"},
    }));
    scene.provider.lifetime = 24 * 3_600;
    let mut idle = scene.log_in();
    let mut busy = idle.clone();
    let mut written = 0;
    for minute in 1..60 {
        scene.pass(60);
        let page = busy.page("/");
        let upstream = scene.load(&mut busy, &page).upstream();
        written += upstream.set_cookies.len();
        let page = idle.page("/");
        if minute == 10 {
            assert!(to_provider(&scene.load(&mut idle, &page).answer()));
        }
    }
    assert!((50..60).contains(&written), "at most once a tenth: {written}");
    scene.pass(60);
    assert!(to_provider(&scene.send(&busy.page("/")).answer()));
}

#[test]
fn a_client_id_alone_makes_no_session_of_another_clients_token() {
    // The ID token's audience is the client's; the API's list plays no part in it.
    let mut scene = Scene::with(json!({"access_token": {"audiences": ["APP-backend", CLIENT]}}));
    scene.provider.id_token = json!({"aud": "APP-backend"});
    let answer = scene.log_in_with(&mut Browser::default(), "/");
    assert_eq!((answer.status, answer.code().as_str()), (400, "login_token_refused"));
}
