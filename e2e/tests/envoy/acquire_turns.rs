//! To each upstream its own token, in real Envoy, by the two ways that take turns at the token endpoint: a narrower refresh,
//! and another trip through the single sign-on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use oidc_gate_dev::{Endpoint, Fault, Received};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{self, Protocol, Request};
use oidc_gate_e2e::jwt;
use serde_json::{Value, json};

use crate::seen::{assert_page, logged_in, received};

const SERVICES: [&str; 2] = ["good-service", "evil-service"];

/// Two services, whose tokens are had in this way, and a client all of whose audiences are asked for.
fn two_services(acquire: &str) -> Gate {
    let rules = SERVICES.map(|service| {
        json!({
            "match": { "route_name": format!("/{service}") },
            "access_token": { "audiences": [service], "acquire": acquire, "scope": [service] },
        })
    });
    let login: Vec<&str> = match acquire {
        "refresh_token" => ["openid", "backend"].into_iter().chain(SERVICES).collect(),
        _ => vec!["openid", "backend"],
    };
    let gate = Gate::new()
        .concurrency(2)
        .provider(|options| {
            options.audiences = Vec::new();
            options.optional_scopes.push(("backend".into(), "APP-backend".into()));
        })
        .config(move |config| {
            config["client"]["scope"] = json!(login);
            config["rules"] = json!(rules);
        });
    SERVICES.iter().fold(gate, |gate, service| gate.service(&format!("/{service}"))).start()
}

/// What each service received names it and nobody else, and is not the session's.
fn assert_own_tokens(gate: &Gate, session: &str) {
    for service in SERVICES {
        let seen = gate.service(&format!("/{service}")).requests();
        assert!(!seen.is_empty(), "{service} was asked");
        for request in &seen {
            assert_eq!(audience(request), json!(service));
            for (name, value) in &request.headers {
                assert!(!value.contains(session) && name != "cookie", "{name}");
            }
        }
    }
}

fn audience(request: &Received) -> Value {
    jwt::claims(request.bearer().expect("a token"))["aud"].clone()
}

#[test]
fn narrower_refreshes_take_their_turn_and_nobody_is_logged_out_by_them() {
    let gate = two_services("refresh_token");
    let mut browser = logged_in(&gate);
    gate.provider.faults(|faults| {
        faults.set(Endpoint::Refresh, Fault::delay(Duration::from_millis(200)));
    });
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    let paths = ["/good-service/x", "/evil-service/x", "/api/x"];
    let all: Vec<_> = (0..24)
        .map(|n| Request::get(paths[n % 3]).host(HOME).header("cookie", &cookie).fetch())
        .collect();
    for _ in 0..2 {
        // The second time with a cookie whose refresh token is spent.
        let answers = http::send_together(gate.envoy.address(), Protocol::H2, &all);
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    }
    let session = received(&gate, "/api/x")[0].clone();
    let mut names: Vec<String> = serde_json::from_value(audience(&session)).expect("several");
    names.sort();
    assert_eq!(names, ["APP-backend", "evil-service", "good-service"]);
    assert_own_tokens(&gate, session.bearer().expect("a token"));
    assert_eq!(gate.provider.calls().refresh, 2, "one each, on two workers");
    // The session goes on: with the refresh token that came last, and its old cookie.
    for path in paths {
        assert_eq!(browser.fetch(&gate.url(path)).status, 200);
    }
    gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
    let old = Request::get("/api/x").host(HOME).header("cookie", &cookie).fetch();
    let answer = http::send(gate.envoy.address(), Protocol::H1, &old);
    assert_eq!(answer.status, 200);
}

#[test]
fn a_session_with_narrowed_tokens_is_refreshed_as_before() {
    let gate = two_services("refresh_token");
    gate.provider.faults(|faults| faults.access_token_lifespan = Some(Duration::from_secs(4)));
    let mut browser = logged_in(&gate);
    let paths = ["/good-service/x", "/evil-service/x", "/api/x"];
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(12) {
        for path in paths {
            assert_eq!(browser.fetch(&gate.url(path)).status, 200, "{path}");
        }
        sleep(Duration::from_millis(200));
    }
    assert!(gate.provider.calls().refresh > 6, "{:?}", gate.provider.calls());
    assert_own_tokens(&gate, "no token is this text");
}

#[test]
fn another_trip_brings_a_page_its_token_and_tells_fetch_where_to_go() {
    let gate = two_services("authorization_code");
    let mut browser = logged_in(&gate);
    assert_eq!(browser.fetch(&gate.url("/api/x")).status, 200);
    // No password: the provider knows the user.
    assert_eq!(browser.open(&gate.url("/good-service/page")).answer.status, 200);
    let answer = browser.fetch(&gate.url("/evil-service/data"));
    assert_eq!(answer.status, 401);
    let problem: Value = serde_json::from_str(&answer.text()).expect("a problem");
    assert_eq!(problem["code"], "token_needed");
    let login = problem["login"].as_str().expect("where to go");
    let page = browser.open(&gate.url(&format!("{login}?return_to=/api/x")));
    assert_eq!(page.answer.status, 200);
    for path in ["/evil-service/data", "/good-service/x", "/api/x"] {
        assert_eq!(browser.fetch(&gate.url(path)).status, 200, "{path}");
    }
    assert_own_tokens(&gate, received(&gate, "/api/x")[0].bearer().expect("a token"));
}

#[test]
fn a_trip_that_is_denied_ends_on_a_page() {
    let gate = two_services("authorization_code");
    let mut browser = logged_in(&gate);
    let error = Some("access_denied".to_owned());
    gate.provider.faults(|faults| faults.authorization_error = error);
    let page = browser.open(&gate.url("/good-service/page"));
    assert_page(&page.answer, 403, &["No token for this service", "access_denied"]);
    assert!(gate.service("/good-service").requests().is_empty());
    assert_eq!(browser.fetch(&gate.url("/api/x")).status, 200, "all else goes on");
    // A token that comes without the audience is no reason for another trip either.
    gate.provider.faults(|faults| {
        faults.authorization_error = None;
        faults.access_audience = Some(json!("APP-backend"));
    });
    let page = browser.open(&gate.url("/good-service/page"));
    assert_page(&page.answer, 403, &["access token", "good-service", "APP-backend"]);
    assert!(gate.service("/good-service").requests().is_empty());
}
