//! A real Chromium at the gate. The provider is on another site (`127.0.0.1`) than the gate (`localhost`), so what the
//! browser thinks of cookies, sites and `fetch()` is put to the test as in earnest.

use std::time::Duration;

use oidc_gate_e2e::chromium::{Chromium, Tab};
use oidc_gate_e2e::gate::{Builder, Gate, HOME};
use serde_json::Value;

/// https, as in earnest: cookies are `__Host-` and `Secure`.
fn gate() -> Builder {
    Gate::new().tls()
}

fn chromium(gate: &Gate) -> Chromium {
    Chromium::start(HOME, gate.envoy.address())
}

/// Fills in the provider's login form, and comes back.
fn log_in(tab: &Tab, user: &str, back: &str) {
    tab.type_into("[name=username]", user);
    tab.type_into("[name=password]", user);
    tab.click("[type=submit]");
    tab.arrives_at(back);
}

fn at_the_login_form(gate: &Gate, tab: &Tab) -> bool {
    tab.url().starts_with(&gate.provider.issuer())
        && tab.run("document.querySelector('[name=password]') !== null") == true
}

/// What a page's script learns of `fetch(path)`.
fn fetch(tab: &Tab, path: &str) -> Value {
    tab.run(&format!(
        "fetch({}).then(async answer => ({{
            status: answer.status,
            kind: answer.type,
            redirected: answer.redirected,
            type: answer.headers.get('content-type'),
            challenge: answer.headers.get('www-authenticate'),
            body: await answer.json(),
        }}))",
        Value::from(path)
    ))
}

/// The bearer token's place in the upstream's echo, and the user.
fn reached_with(body: &Value) -> (bool, Option<&str>) {
    let header = |name: &str| {
        let pairs = body["headers"].as_array().expect("the upstream echoes headers");
        pairs.iter().find(|pair| pair[0] == name).and_then(|pair| pair[1].as_str())
    };
    (header("authorization").is_some_and(|value| value.starts_with("Bearer ")), header("x-user"))
}

/// 401, as JSON, from this very origin: neither an opaque answer nor a redirect, and no exception.
fn assert_readable_401(answer: &Value) {
    assert_eq!(answer["status"], 401, "{answer}");
    assert_eq!(answer["kind"], "basic", "{answer}");
    assert_eq!(answer["redirected"], false, "{answer}");
    assert_eq!(answer["type"], "application/problem+json", "{answer}");
    assert_eq!(answer["body"]["status"], 401, "{answer}");
    assert!(
        answer["challenge"].as_str().is_some_and(|value| value.starts_with("Bearer")),
        "{answer}"
    );
}

fn gate_cookies(tab: &Tab) -> Vec<Value> {
    let ours =
        |cookie: &Value| cookie["name"].as_str().is_some_and(|name| name.contains("oidc_gate"));
    tab.cookies().into_iter().filter(ours).collect()
}

#[test]
fn a_login_and_what_the_page_fetches() {
    let gate = gate().start();
    let cookies = log_in_and_fetch(&gate);
    for cookie in cookies {
        assert!(cookie["name"].as_str().is_some_and(|name| name.starts_with("__Host-oidc_gate")));
        assert_eq!((&cookie["secure"], &cookie["path"]), (&true.into(), &"/".into()), "{cookie}");
    }
}

/// As `make run` has it.
#[test]
fn a_login_over_plain_http() {
    log_in_and_fetch(&Gate::new().start());
}

/// The cookies of the session.
fn log_in_and_fetch(gate: &Gate) -> Vec<Value> {
    let chromium = chromium(gate);
    let tab = chromium.tab();
    tab.open(&gate.url("/orders?page=2"));
    assert!(at_the_login_form(gate, &tab), "{}: {}", tab.url(), tab.text());
    log_in(&tab, "alice", &gate.url("/orders?page=2"));

    let answer = fetch(&tab, "/api/things");
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(reached_with(&answer["body"]), (true, Some("alice")));

    let cookies = gate_cookies(&tab);
    assert!(!cookies.is_empty(), "a session was kept");
    for cookie in &cookies {
        assert_eq!(cookie["httpOnly"], true, "{cookie}");
        assert_eq!(cookie["sameSite"], "Lax", "{cookie}");
    }
    assert_eq!(tab.run("document.cookie"), "", "scripts see nothing of it");
    cookies
}

#[test]
fn a_strict_cookie_survives_the_way_back_from_another_site() {
    let gate =
        gate().config(|config| config["session"]["cookie"]["same_site"] = "strict".into()).start();
    let chromium = chromium(&gate);
    let tab = chromium.tab();
    tab.open(&gate.url("/orders"));
    log_in(&tab, "alice", &gate.url("/orders"));
    assert_eq!(fetch(&tab, "/api/things")["status"], 200);
    assert!(gate_cookies(&tab).iter().all(|cookie| cookie["sameSite"] == "Strict"));
}

#[test]
fn two_tabs_log_in_at_once() {
    let gate = gate().start();
    let chromium = chromium(&gate);
    let (one, other) = (chromium.tab(), chromium.tab());
    one.open(&gate.url("/one"));
    other.open(&gate.url("/other?x=1"));
    assert!(at_the_login_form(&gate, &one) && at_the_login_form(&gate, &other));
    log_in(&one, "alice", &gate.url("/one"));
    log_in(&other, "alice", &gate.url("/other?x=1"));
    for tab in [&one, &other] {
        assert_eq!(fetch(tab, "/api/things")["status"], 200);
    }
    // Nothing is left of either attempt.
    assert!(
        gate_cookies(&one)
            .iter()
            .all(|cookie| !cookie["name"].as_str().is_some_and(|name| name.contains("login")))
    );
}

#[test]
fn a_session_ended_elsewhere_shows_as_a_401_that_scripts_can_read() {
    let gate = gate()
        .provider(|options| options.access_token_lifespan = Duration::from_secs(2))
        .config(|config| {
            config["clock_skew"] = "0s".into();
            config["session"]["refresh_margin"] = "0s".into();
        })
        .start();
    let chromium = chromium(&gate);
    let tab = chromium.tab();
    tab.open(&gate.url("/"));
    log_in(&tab, "alice", &gate.url("/"));
    assert_eq!(fetch(&tab, "/api/things")["status"], 200);

    gate.provider.end_sessions();
    tab.wait_for(
        "the access token to run out",
        "fetch('/api/things').then(answer => answer.status !== 200)",
    );
    assert_readable_401(&fetch(&tab, "/api/things"));
    // The page goes on to work, and the next page load asks for a login.
    tab.open(&gate.url("/"));
    assert!(at_the_login_form(&gate, &tab), "{}: {}", tab.url(), tab.text());
}

#[test]
fn a_logout_in_one_tab_is_one_in_all() {
    let gate = gate().start();
    let chromium = chromium(&gate);
    let (one, other) = (chromium.tab(), chromium.tab());
    one.open(&gate.url("/one"));
    log_in(&one, "alice", &gate.url("/one"));
    other.open(&gate.url("/other"));
    other.arrives_at(&gate.url("/other"));

    other.open(&gate.url("/oauth2/logout"));
    // By way of the provider to `/`, which asks for a login: the provider has forgotten alice too.
    assert!(at_the_login_form(&gate, &other), "{}: {}", other.url(), other.text());
    assert_eq!(gate.provider.calls().logout, 1);
    assert_readable_401(&fetch(&one, "/api/things"));

    log_in(&other, "bob", &gate.url("/"));
    let answer = fetch(&one, "/api/things");
    assert_eq!(reached_with(&answer["body"]), (true, Some("bob")), "{answer}");
}

#[test]
fn another_site_reads_nothing_and_does_nothing() {
    let gate = gate().start();
    let chromium = chromium(&gate);
    let tab = chromium.tab();
    tab.open(&gate.url("/"));
    log_in(&tab, "alice", &gate.url("/"));
    gate.upstream.clear();

    // The provider's origin stands for any other site.
    let stranger = chromium.tab();
    stranger.open(&format!("{}/.well-known/openid-configuration", gate.provider.issuer()));
    let api = Value::from(gate.url("/api/things"));
    for options in ["{credentials: 'include'}", "{credentials: 'include', method: 'POST'}"] {
        let outcome =
            stranger.run(&format!("fetch({api}, {options}).then(() => 'read', () => 'refused')"));
        assert_eq!(outcome, "refused");
    }
    stranger.run(&format!(
        "const form = document.createElement('form'); form.method = 'post'; form.action = {api};
         document.documentElement.append(form); form.submit()"
    ));
    stranger.arrives_at(&gate.url("/api/things"));
    let reached =
        gate.upstream.requests().into_iter().find(|request| request.path.starts_with("/api"));
    assert_eq!(reached, None);
}
