//! Login: from a page to the provider and back, and what the API receives afterwards.

use oidc_gate_e2e::browser::{Form, Url};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{PROTOCOLS, Request};
use oidc_gate_e2e::jwt;
use serde_json::json;

use crate::seen::{
    assert_own, assert_page, assert_unauthenticated, bearer_claims, lines, new_cookies, object,
    received, the_one,
};

#[test]
fn a_person_comes_back_to_the_page_and_the_api_gets_the_access_token() {
    let gate = Gate::new().concurrency(2).start();
    for protocol in PROTOCOLS {
        let mut browser = gate.browser_speaking(protocol);
        let page = browser.login(&gate.url("/orders?open=yes&n=1"), "alice");
        assert_eq!(page.url, gate.at("/orders?open=yes&n=1"), "back where the person wanted to go");
        assert_eq!(page.answer.status, 200);

        assert_eq!(browser.fetch(&gate.url("/api/orders")).status, 200);
    }
    assert_eq!(received(&gate, "/orders").len(), 2);
    for request in received(&gate, "/api/orders").iter().chain(&received(&gate, "/orders")) {
        let claims = bearer_claims(request);
        assert!(jwt::is_for(&claims, "APP-backend"), "{claims}");
        assert!(!jwt::is_for(&claims, "APP-frontend"), "the ID token stays in the gate: {claims}");
        assert_eq!(claims["typ"], "Bearer");
        assert_eq!(lines(request, "x-user"), ["alice"]);
        assert_eq!(lines(request, "x-auth-name"), ["Alice Liddell"]);
        assert_eq!(lines(request, "cookie"), Vec::<&str>::new());
    }
    assert_eq!(gate.provider.calls().code, 2);
}

#[test]
fn the_authorization_request_is_as_the_standards_want_it() {
    let gate = Gate::new()
        .config(|config| {
            config["client"]["scope"] = json!(["good-service", "openid"]);
            config["client"]["authorization_parameters"] = json!({ "ui_locales": "de fr" });
        })
        .start();
    let first = gate.browser().visit(&gate.url("/a"));
    assert_own(&first, 302);
    let asked = Url::parse(first.location());
    let parameter = |name: &str| {
        asked.parameter(name).unwrap_or_else(|| panic!("{name} is missing: {asked:?}"))
    };
    assert!(first.location().starts_with(&format!("{}/", gate.provider.issuer())));
    assert_eq!(parameter("response_type"), "code");
    assert_eq!(parameter("client_id"), "APP-frontend");
    assert_eq!(parameter("redirect_uri"), format!("http://{HOME}/oauth2/callback"));
    assert_eq!(parameter("code_challenge_method"), "S256");
    assert_eq!(parameter("code_challenge").len(), 43);
    assert_eq!(parameter("ui_locales"), "de fr");
    let scope = parameter("scope");
    assert_eq!(
        {
            let mut all: Vec<_> = scope.split(' ').collect();
            all.sort_unstable();
            all
        },
        ["good-service", "openid"]
    );
    // RFC 6749 section 10.10, at least 128 bits: 22 characters of base64url.
    assert!(parameter("state").len() >= 22 && parameter("nonce").len() >= 22, "{asked:?}");

    let second = Url::parse(gate.browser().visit(&gate.url("/a")).location());
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(second.parameter(name), asked.parameter(name), "{name} is new each time");
    }
}

#[test]
fn a_scope_that_is_asked_for_adds_its_audience() {
    for (scope, expected) in [(json!(["good-service"]), true), (json!([]), false)] {
        let gate = Gate::new().config(|config| config["client"]["scope"] = scope).start();
        gate.browser().login(&gate.url("/"), "alice");
        assert_eq!(jwt::is_for(&bearer_claims(&the_one(&gate, "/")), "good-service"), expected);
    }
}

#[test]
fn the_client_shows_who_it_is_in_each_way_that_is_configured() {
    for method in ["client_secret_basic", "client_secret_post", "none"] {
        let public = method == "none";
        let gate = Gate::new()
            // RFC 6749 section 2.3.1: encoded before base64, or this secret would be cut at its colon.
            .provider(|options| {
                options.public_client = public;
                options.client_secret = "a:b c%2Fd+ü".into();
            })
            .config(|config| {
                config["client"]["token_endpoint_auth_method"] = method.into();
                if public {
                    config["client"].as_object_mut().unwrap().remove("client_secret");
                }
            })
            .start();
        let page = gate.browser().login(&gate.url("/"), "bob");
        assert_eq!(page.answer.status, 200, "{method}: {}", page.answer.text());
        let asked = gate.provider.token_requests().remove(0);
        assert_eq!(
            asked.authorization.is_some(),
            method == "client_secret_basic",
            "{method}: {asked:?}"
        );
        assert_eq!(
            asked.field("client_secret").is_some(),
            method == "client_secret_post",
            "{method}: {asked:?}"
        );
        assert!(
            method == "client_secret_basic" || asked.field("client_id") == Some("APP-frontend"),
            "{asked:?}"
        );
        assert!(
            asked
                .field("code_verifier")
                .is_some_and(|verifier| (43..=128).contains(&verifier.len())),
            "{asked:?}"
        );
        assert_eq!(asked.content_type.as_deref(), Some("application/x-www-form-urlencoded"));
    }
}

#[test]
fn legal_answers_of_the_token_endpoint_are_taken() {
    let gate = Gate::new().start();
    for number in 0..4 {
        gate.provider.faults(|faults| {
            faults.clear_all();
            match number {
                0 => faults.no_expires_in = true,
                1 => faults.token_type = Some("bearer".into()),
                2 => faults.no_refresh_token = true,
                _ => faults.access_header = object(json!({ "typ": "application/at+jwt" })),
            }
        });
        let page = gate.browser().login(&gate.url("/"), "alice");
        assert_eq!(page.answer.status, 200, "case {number}: {}", page.answer.text());
    }
}

#[test]
fn large_tokens_are_kept_in_several_cookies() {
    let gate = Gate::new().start();
    gate.provider.faults(|faults| faults.access_padding = 6_000);
    let mut browser = gate.browser();
    let page = browser.login(&gate.url("/orders"), "alice");
    assert_eq!(page.answer.status, 200, "{}", page.answer.text());
    assert!(browser.jar.refused.is_empty(), "{:?}", browser.jar.refused);
    assert!(browser.jar.of("localhost").count() >= 2, "{:?}", browser.jar);
    assert_eq!(
        bearer_claims(&the_one(&gate, "/orders"))["padding"].as_str().map(str::len),
        Some(6_000)
    );
}

#[test]
fn tokens_too_large_for_any_browser_are_said_to_be_so() {
    let gate = Gate::new().start();
    gate.provider.faults(|faults| faults.access_padding = 30_000);
    let mut browser = gate.browser();
    let page = browser.login(&gate.url("/orders"), "alice");
    assert_page(&page.answer, 403, &["access token"]);
    assert!(received(&gate, "/orders").is_empty());
}

#[test]
fn fetch_gets_401_that_says_where_to_log_in_and_begins_no_login() {
    let gate = Gate::shared();
    for protocol in PROTOCOLS {
        for request in [
            Request::get("/fetch-gets-401-that-says-where"),
            Request::post("/fetch-gets-401-that-says-where", "{}"),
            Request::new("HEAD", "/fetch-gets-401-that-says-where"),
        ] {
            let head = request.method == "HEAD";
            let answer = gate.send_over(protocol, request.fetch());
            if head {
                assert_own(&answer, 401);
            } else {
                assert_unauthenticated(&answer);
            }
        }
    }
    assert!(received(&gate, "/fetch-gets-401-that-says-where").is_empty());
}

#[test]
fn only_page_loads_are_redirected() {
    let gate = Gate::shared();
    let html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (request, status) in [
        (Request::get("/x").page_load(), 302),
        (Request::new("HEAD", "/x").page_load(), 302),
        // Browsers without fetch metadata say what they want.
        (Request::get("/x").header("accept", html), 302),
        (Request::get("/x").header("accept", "*/*"), 401),
        (Request::get("/x").header("accept", "application/json"), 401),
        (Request::get("/x"), 401),
        // A picture, a script or a frame's fetch is no page load, whatever it accepts.
        (Request::get("/x").header("accept", html).header("sec-fetch-mode", "no-cors"), 401),
        (Request::get("/x").header("accept", html).header("sec-fetch-mode", "cors"), 401),
        (Request::post("/x", "a=1").page_load(), 401),
        (Request::new("PUT", "/x").page_load(), 401),
        (Request::new("DELETE", "/x").header("accept", html), 401),
        (Request::new("OPTIONS", "/x").page_load(), 401),
    ] {
        let answer = gate.send(request.clone());
        assert_own(&answer, status);
        assert_eq!(new_cookies(&answer).len(), usize::from(status == 302), "{request:?}");
    }
}

#[test]
fn rules_say_who_is_redirected() {
    let gate = Gate::new()
        .config(|config| {
            config["rules"] = json!([
                { "match": { "path_prefix": "/api" }, "unauthenticated": "deny" },
                { "match": { "path_prefix": "/app" }, "unauthenticated": "redirect" },
                { "match": { "path": "/healthz", "methods": ["GET"] }, "access": "public" },
                { "match": { "path_prefix": "/internal" }, "access": "deny" },
            ]);
        })
        .start();
    for (request, status) in [
        (Request::get("/api/x").page_load(), 401),
        (Request::get("/apiary").page_load(), 302),
        (Request::get("/app/x").fetch(), 302),
        (Request::post("/app/x", "a=1").page_load(), 401),
        (Request::get("/healthz").fetch(), 200),
        (Request::get("/healthz?x=1").fetch(), 200),
        (Request::post("/healthz", "x").fetch(), 401),
        (Request::get("/healthz/x").fetch(), 401),
        (Request::get("/internal").fetch(), 403),
        (Request::get("/internal/x").page_load(), 403),
    ] {
        let answer = gate.send(request.clone());
        assert_eq!(answer.status, status, "{request:?}: {}", answer.text());
    }
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    assert_eq!(
        browser.fetch(&gate.url("/internal")).status,
        403,
        "deny is for those who are logged in too"
    );
}

#[test]
fn two_tabs_that_log_in_at_once_come_back_each_to_its_own_page() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    let first = browser.open(&gate.url("/first"));
    let second = browser.open(&gate.url("/second"));
    let alice = [("username", "alice"), ("password", "alice")];
    // The tab that was opened last logs in first.
    assert_eq!(browser.submit(&second, &alice).url, gate.at("/second"));
    assert_eq!(browser.submit(&first, &alice).url, gate.at("/first"));
    assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
}

#[test]
fn attempts_that_are_never_finished_do_not_pile_up() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    let mut last = None;
    for _ in 0..12 {
        last = Some(browser.open(&gate.url("/x")));
        assert!(browser.jar.of("localhost").count() <= 5, "{:?}", browser.jar);
    }
    for cookie in browser.jar.of("localhost") {
        assert!(
            cookie.max_age.is_some_and(|seconds| seconds <= 600),
            "gone after ten minutes: {cookie:?}"
        );
        assert!(cookie.http_only, "{cookie:?}");
    }
    let page = browser.submit(&last.unwrap(), &[("username", "alice"), ("password", "alice")]);
    assert_eq!(page.answer.status, 200, "the newest attempt is kept: {}", page.answer.text());
}

#[test]
fn the_login_endpoint_leads_back_to_the_path_that_it_was_given() {
    let gate = Gate::shared();
    let page = gate.browser().login(&gate.url("/oauth2/login?return_to=/orders%3Fn%3D1"), "alice");
    assert_eq!(page.url, gate.at("/orders?n=1"));
    let page = gate.browser().login(&gate.url("/oauth2/login"), "alice");
    assert_eq!(page.url, gate.at("/"));
}

#[test]
fn who_is_logged_in_is_told_without_any_token() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    assert_unauthenticated(&browser.fetch(&gate.url("/oauth2/session")));
    browser.login(&gate.url("/"), "alice");
    let answer = browser.fetch(&gate.url("/oauth2/session"));
    assert_own(&answer, 200);
    let session = answer.json();
    assert!(session["sub"].is_string() && session["expires_at"].is_i64(), "{session}");
    assert!(browser.jar.of("localhost").all(|cookie| !answer.text().contains(&cookie.value)));
}

#[test]
fn a_host_that_is_not_served_is_told_so() {
    let gate =
        Gate::new().config(|config| config["origins"] = json!([format!("http://{HOME}")])).start();
    for host in [
        "evil.example",
        "127.0.0.1:10000",
        "localhost",
        "localhost:10001",
        "localhost:10000.evil.example",
    ] {
        for request in [
            Request::get("/x").page_load(),
            Request::get("/public/x"),
            Request::get("/oauth2/session"),
        ] {
            assert_own(&gate.send(request.host(host)), 421);
        }
    }
    assert_eq!(gate.browser().login(&gate.url("/"), "alice").answer.status, 200);
}

#[test]
fn a_wrong_password_is_the_providers_business() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    let form = browser.open(&gate.url("/x"));
    let again = browser.submit(&form, &[("username", "alice"), ("password", "wrong")]);
    assert!(Form::of(&again.answer.text()).is_some_and(|form| form.has("password")));
    let page = browser.submit(&again, &[("username", "alice"), ("password", "alice")]);
    assert_eq!(page.url, gate.at("/x"));
}

#[test]
fn without_login_browsers_are_never_redirected() {
    let gate = Gate::new()
        .config(|config| {
            config["login"] = false.into();
            config["upstream"] = json!({});
            config.as_object_mut().unwrap().remove("session");
            config.as_object_mut().unwrap().remove("client");
        })
        .start();
    assert_own(&gate.send(Request::get("/x").page_load()), 401);
    let token = gate.provider.mint(oidc_gate_dev::Minted::Access, json!({}));
    assert_eq!(gate.send(Request::get("/x").bearer(&token)).status, 200);
}
