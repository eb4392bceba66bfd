//! The gate with a real Keycloak: one login, two audiences, for a client with a secret and for one without.
//!
//! The API behind the gate verifies what it gets itself, with another library, for the audience `APP-backend`; its
//! answer holds the access token's claims. The gate tells it the ID token's audience in `x-id-audience`.

#[path = "keycloak/by_hand.rs"]
mod by_hand;
#[path = "keycloak/exchange.rs"]
mod exchange;
#[path = "keycloak/gate.rs"]
mod gate;
#[path = "keycloak/load.rs"]
mod load;
#[path = "keycloak/opaque.rs"]
mod opaque;
#[path = "keycloak/origins.rs"]
mod origins;
#[path = "keycloak/stories.rs"]
mod stories;

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{iter, thread};

use oidc_gate_e2e::browser::{Browser, Form, Page, Url};
use oidc_gate_e2e::http::{self, Answer, Protocol, Request};
use oidc_gate_e2e::keycloak::{self, Admin};
use serde_json::{Value, json};

use gate::Gate;

/// Each test, once with the client that has a secret and once with the public one.
macro_rules! with_both_clients {
    ($($test:ident)*) => {
        mod confidential {
            $(#[test] fn $test() { super::$test("APP-frontend"); })*
        }
        mod public {
            $(#[test] fn $test() { super::$test("APP-frontend-public"); })*
        }
    };
}

with_both_clients! {
    one_login_serves_two_audiences
    a_rotating_refresh_under_20_requests_over_http_1_loses_nobody
    a_rotating_refresh_under_20_requests_over_http_2_loses_nobody
    a_rotating_refresh_on_two_workers_loses_nobody
    logout_ends_single_sign_on
    a_session_ended_at_the_provider_ends_here_with_the_next_refresh
    without_the_audience_mapper_a_page_names_the_access_token
    a_mapper_taken_away_shows_at_the_next_refresh
    an_optional_audience_is_there_only_when_asked_for
    an_optional_audience_may_be_the_only_one
}

fn one_login_serves_two_audiences(client: &str) {
    let gate = Gate::of(client).start();
    let mut alice = Browser::new();
    let page = alice.login(&gate.url("/orders?page=2"), "alice");

    assert_eq!(page.url.whole(), gate.url("/orders?page=2"), "back where the login began");
    let seen = answered(&page.answer);
    assert_eq!(audiences(&seen), ["account", "APP-backend"]);
    assert_eq!(seen["claims"]["preferred_username"], "alice");
    assert_eq!(header(&seen, "x-id-audience"), [client]);
    assert_eq!(header(&seen, "x-user"), ["alice"]);
    assert_eq!(header(&seen, "cookie"), [""; 0], "the gate's cookies are nobody else's business");

    // What reached the API is what Keycloak takes for a token of APP-backend's, and of nobody else's.
    let received = gate.api.requests();
    let token = received.last().and_then(|request| request.bearer()).expect("a bearer token");
    let told = keycloak::shared().introspect("APP-backend", token);
    assert_eq!((&told["active"], &told["username"]), (&json!(true), &json!("alice")));
    assert_eq!(keycloak::shared().introspect("good-service", token)["active"], false);

    let seen = answered(&alice.fetch(&gate.url("/api/things")));
    assert_eq!(audiences(&seen), ["account", "APP-backend"]);
    // Nobody else is let in by that.
    assert_eq!(Browser::new().fetch(&gate.url("/api/things")).status, 401);
}

fn a_rotating_refresh_under_20_requests_over_http_1_loses_nobody(client: &str) {
    a_rotating_refresh_under_parallel_requests_loses_nobody(client, "http-1", 1, Protocol::H1);
}

fn a_rotating_refresh_under_20_requests_over_http_2_loses_nobody(client: &str) {
    a_rotating_refresh_under_parallel_requests_loses_nobody(client, "http-2", 1, Protocol::H2);
}

fn a_rotating_refresh_on_two_workers_loses_nobody(client: &str) {
    a_rotating_refresh_under_parallel_requests_loses_nobody(client, "two-workers", 2, Protocol::H1);
}

fn a_rotating_refresh_under_parallel_requests_loses_nobody(
    client: &str,
    why: &str,
    workers: u32,
    protocol: Protocol,
) {
    let admin = keycloak::shared().admin();
    let client = short_lived(&admin, client, why);
    let gate = Gate::of(&client).refresh_margin("6s").concurrency(workers).start();
    let mut alice = Browser::new();
    let mut seen = answered(&alice.login(&gate.url("/"), "alice").answer);
    let (app, sid) = (Url::parse(&gate.url("/")), seen["claims"]["sid"].clone());

    // In turn: the token is still good for some seconds, so only one has to wait; it is not, so all have to.
    for (round, left) in [4, -1, 4].into_iter().enumerate() {
        sleep_until_left(&seen, left);
        let stale = alice.jar.line(&app).expect("a session");
        let request = Request::get("/api/things").fetch().header("cookie", &stale);
        let requests: Vec<_> = iter::repeat_n(request.clone(), 20).collect();
        let answers = http::send_together(gate.address(), protocol, &requests);
        for answer in &answers {
            let seen = answered(answer);
            assert_eq!(seen["claims"]["sid"], sid);
            assert_eq!(header(&seen, "x-user"), ["alice"]);
        }
        // Two that were still on their way with the old cookie.
        let late: Vec<_> = (0..2).map(|_| gate.envoy.send(&request)).collect();
        late.iter().for_each(|answer| drop(answered(answer)));

        // The last to arrive is the one whose cookies the browser is left with: be it any of them.
        for line in answers.iter().rev().flat_map(|answer| answer.all("set-cookie")) {
            alice.jar.keep(&app, line);
        }
        assert_ne!(alice.jar.line(&app), Some(stale), "the session is a new one");
        seen = answered(&alice.fetch(&gate.url("/api/things")));
        assert_eq!(admin.count("REFRESH_TOKEN", &client), round + 1, "one refresh for all of them");
        assert_eq!(admin.count("REFRESH_TOKEN_ERROR", &client), 0);
    }
}

fn logout_ends_single_sign_on(client: &str) {
    let gate = Gate::of(client).start();
    let admin = keycloak::shared().admin();
    let mut alice = Browser::new();
    let seen = answered(&alice.login(&gate.url("/"), "alice").answer);
    let sid = seen["claims"]["sid"].as_str().expect("a session at Keycloak").to_owned();
    assert!(admin.has_session("alice", &sid));

    let page = alice.open(&gate.url("/oauth2/logout"));
    assert!(!admin.has_session("alice", &sid), "{page:?}");
    // By way of Keycloak and back to `/`, which needs a login again, with the password.
    let ways: Vec<_> =
        page.trail.iter().map(|(from, _)| Url::parse(from).path().to_owned()).collect();
    let end_session = "/realms/acme/protocol/openid-connect/logout";
    assert!(
        ways.starts_with(&["/oauth2/logout".into(), end_session.into(), "/".into()]),
        "{ways:?}"
    );
    assert!(asks_for_password(&page), "{page:?}");
    assert_eq!(alice.fetch(&gate.url("/api/things")).status, 401);

    let page = alice.submit(&page, &[("username", "bob"), ("password", "bob")]);
    assert_eq!(header(&answered(&page.answer), "x-user"), ["bob"]);
}

fn a_session_ended_at_the_provider_ends_here_with_the_next_refresh(client: &str) {
    let admin = keycloak::shared().admin();
    let client = short_lived(&admin, client, "ended");
    let gate = Gate::of(&client).start();
    let mut alice = Browser::new();
    let seen = answered(&alice.login(&gate.url("/"), "alice").answer);
    admin.end_session(seen["claims"]["sid"].as_str().expect("a session at Keycloak"));
    sleep_until_left(&seen, 0);

    let answer = alice.fetch(&gate.url("/api/things"));
    assert_eq!(answer.problem()["status"], 401);
    let page = alice.open(&gate.url("/"));
    assert!(asks_for_password(&page), "{page:?}");
}

fn without_the_audience_mapper_a_page_names_the_access_token(client: &str) {
    let admin = keycloak::shared().admin();
    let name = format!("{client}-no-audience");
    admin.add_client(client, &name, |_| ());
    admin.remove_default_scope(&name, "backend-audience");
    let gate = Gate::of(&name).start();
    let mut alice = Browser::new();
    let page = alice.login(&gate.url("/orders"), "alice");
    assert_wrong_audience(&page.answer);
    assert!(gate.api.requests().is_empty(), "nothing passes");

    // What the page advises helps; Keycloak remembers who it is.
    admin.add_default_scope(&name, "backend-audience");
    let seen = answered(&alice.open(&gate.url("/orders")).answer);
    assert_eq!(audiences(&seen), ["account", "APP-backend"]);
}

fn a_mapper_taken_away_shows_at_the_next_refresh(client: &str) {
    let admin = keycloak::shared().admin();
    let client = short_lived(&admin, client, "taken-away");
    let gate = Gate::of(&client).start();
    let mut alice = Browser::new();
    let seen = answered(&alice.login(&gate.url("/"), "alice").answer);
    admin.remove_default_scope(&client, "backend-audience");
    sleep_until_left(&seen, 0);

    gate.api.clear();
    assert_wrong_audience(&alice.open(&gate.url("/orders")).answer);
    let problem = alice.fetch(&gate.url("/api/things")).problem();
    assert_eq!(problem["status"], 403, "{problem}");
    assert!(problem.to_string().contains("access token"), "{problem}");
    assert!(gate.api.requests().is_empty(), "nothing passes");

    admin.add_default_scope(&client, "backend-audience");
    let seen = answered(&alice.open(&gate.url("/oauth2/login?return_to=/orders")).answer);
    assert_eq!(audiences(&seen), ["account", "APP-backend"]);
}

fn an_optional_audience_is_there_only_when_asked_for(client: &str) {
    let asked = Gate::of(client).scope(&["good-service"]).start();
    let seen = answered(&Browser::new().login(&asked.url("/"), "alice").answer);
    assert_eq!(audiences(&seen), ["account", "APP-backend", "good-service"]);

    let silent = Gate::of(client).start();
    let seen = answered(&Browser::new().login(&silent.url("/"), "alice").answer);
    assert_eq!(audiences(&seen), ["account", "APP-backend"]);
}

fn an_optional_audience_may_be_the_only_one(client: &str) {
    let admin = keycloak::shared().admin();
    let name = format!("{client}-narrow");
    admin.add_client(client, &name, |_| ());
    for scope in ["backend-audience", "roles"] {
        admin.remove_default_scope(&name, scope);
    }
    let asked = Gate::of(&name).scope(&["good-service"]).audience("good-service").start();
    let seen = answered(&Browser::new().login(&asked.url("/"), "alice").answer);
    assert_eq!(audiences(&seen), ["good-service"]);

    let silent = Gate::of(&name).audience("good-service").start();
    let page = Browser::new().login(&silent.url("/"), "alice");
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert!(silent.api.requests().is_empty(), "nothing passes");
}

/// Access tokens of this client live for sixteen seconds.
fn short_lived(admin: &Admin, model: &str, why: &str) -> String {
    let name = format!("{model}-{why}");
    admin.add_client(model, &name, |client| {
        client["attributes"]["access.token.lifespan"] = "16".into();
    });
    name
}

/// Until the access token that the API saw has just `left` seconds left.
fn sleep_until_left(seen: &Value, left: i64) {
    let exp = seen["claims"]["exp"].as_i64().expect("tokens expire");
    let then = UNIX_EPOCH + Duration::from_secs(u64::try_from(exp - left).expect("after 1970"));
    thread::sleep(then.duration_since(SystemTime::now()).unwrap_or_default());
}

/// The API's answer: what reached it, and what it found in the token.
fn answered(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The audiences of the access token that reached the API, sorted: Keycloak's order is not always the same.
fn audiences(seen: &Value) -> Vec<String> {
    let aud = &seen["claims"]["aud"];
    let mut all: Vec<_> = match aud {
        Value::String(one) => vec![one.clone()],
        many => many
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one.as_str().expect("text").to_owned())
            .collect(),
    };
    all.sort_by_key(|name| name.to_ascii_lowercase());
    all
}

/// The values of this header as they reached the API.
fn header(seen: &Value, name: &str) -> Vec<String> {
    let pairs = seen["headers"].as_array().expect("headers are a list");
    let found = pairs.iter().filter(|pair| pair[0] == name);
    found.map(|pair| pair[1].as_str().expect("text").to_owned()).collect()
}

fn asks_for_password(page: &Page) -> bool {
    page.url.path().starts_with("/realms/acme/")
        && Form::of(&page.answer.text()).is_some_and(|form| form.has("password"))
}

/// The page for a user whose access token is for somebody else: which token, what was found, what was expected.
fn assert_wrong_audience(answer: &Answer) {
    let page = answer.text();
    assert_eq!(answer.status, 403, "{page}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    for words in ["access token", "APP-backend", "account"] {
        assert!(page.contains(words), "`{words}` is missing: {page}");
    }
    assert!(!page.contains("ID token"), "it was the other one: {page}");
}
