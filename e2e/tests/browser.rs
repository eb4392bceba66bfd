//! A real Chromium at the gate. The provider is on another site (`127.0.0.1`) than the gate (`localhost`), so what the
//! browser thinks of cookies, sites and `fetch()` is put to the test as in earnest.

#[path = "browser/demo.rs"]
mod demo;
#[path = "browser/streams.rs"]
mod streams;

use std::time::Duration;

use oidc_gate_e2e::chromium::{Chromium, Tab};
use oidc_gate_e2e::gate::{Builder, Gate, HOME};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

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

/// More than the attempts that a browser holds at once: those that were given up begin again.
#[test]
fn ten_tabs_that_log_in_at_once_all_end_where_they_wanted() {
    let gate = gate().start();
    let chromium = chromium(&gate);
    let tabs: Vec<_> =
        (0..10).map(|number| (chromium.tab(), gate.url(&format!("/tab/{number}?of=10")))).collect();
    for (tab, address) in &tabs {
        tab.open(address);
        assert!(at_the_login_form(&gate, tab), "{}: {}", tab.url(), tab.text());
    }
    for (tab, address) in &tabs {
        log_in(tab, "alice", address);
    }
    for (tab, _) in &tabs {
        assert_eq!(fetch(tab, "/api/things")["status"], 200);
    }
}

#[test]
fn the_back_button_after_a_login_ends_on_the_page() {
    let gate = gate().start();
    let chromium = chromium(&gate);
    let tab = chromium.tab();
    let address = gate.url("/orders");
    tab.open(&address);
    log_in(&tab, "alice", &address);
    tab.run("window.before = true");
    tab.run("history.back()");
    // By way of the provider, which knows alice, and of the callback, whose login is over.
    let script = format!(
        "location.href === {} && !window.before && document.readyState === 'complete'",
        Value::from(address)
    );
    tab.wait_for("the page to be shown anew", &script);
    assert_eq!(fetch(&tab, "/api/things")["status"], 200);
}

/// The state says when the login began; this one says half an hour ago. The browser has no attempt for it, as it has
/// none once the cookie is ten minutes old.
#[test]
fn a_login_that_took_too_long_begins_again_by_itself() {
    let gate = gate().start();
    let chromium = chromium(&gate);
    let tab = chromium.tab();
    tab.open(&gate.url("/orders"));
    let login = tab.url();
    let (_, state) = login.split_once("&state=").expect("the provider is asked with a state");
    let created = state.split('.').nth(1).expect("the state says when");
    let earlier = created.parse::<u64>().expect("seconds") - 1_800;
    tab.open(&login.replacen(&format!(".{created}."), &format!(".{earlier}."), 1));
    log_in(&tab, "alice", &gate.url("/orders"));
    assert_eq!(fetch(&tab, "/api/things")["status"], 200);
    assert_eq!(gate.provider.calls().code, 1, "the code of the first was not used");
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

/// A page of the application with a form: hand-made, since the upstream serves none. Its own policy is strict.
fn open_a_form(tab: &Tab, fields: &str) {
    tab.run(&format!(
        "const policy = document.createElement('meta'); policy.httpEquiv = 'Content-Security-Policy';
         policy.content = \"form-action 'self'\"; document.head.append(policy);
         document.body.innerHTML = `<form method=post action='/orders?n=1'>{fields}<button name=go value=Send>Send</button></form>`"
    ));
}

/// The session's cookies are gone, as after `session.max_age`, or when somebody has cleared them.
fn forget_the_session(tab: &Tab) {
    tab.forget_cookies();
    assert_eq!(gate_cookies(tab), Vec::<Value>::new());
}

#[test]
fn a_form_that_was_sent_when_the_session_was_over_is_sent_again_by_a_button() {
    let gate = gate().keeps_forms().start();
    let chromium = chromium(&gate);
    let tab = chromium.tab();
    tab.open(&gate.url("/form"));
    log_in(&tab, "alice", &gate.url("/form"));
    open_a_form(
        &tab,
        "<input name=who><textarea name=text></textarea><input name=tag value=a><input name=tag value='&quot;<b>'>\
         <input name=long type=hidden>",
    );
    tab.type_into("[name=who]", "Zo\u{eb} & Co");
    tab.type_into("[name=text]", "one\ntwo");
    tab.run("document.querySelector('[name=long]').value = 'x'.repeat(15000)");
    forget_the_session(&tab);
    gate.upstream.clear();
    tab.click("button");
    tab.wait_for("the provider's form", "document.querySelector('[name=password]') !== null");
    tab.type_into("[name=username]", "alice");
    tab.type_into("[name=password]", "alice");
    tab.click("[type=submit]");
    tab.wait_for("the form", "document.body.innerText.includes('Send the form again')");
    assert_eq!(gate.upstream.requests(), [], "nothing is sent before its sender says so");
    let forms = |cookie: &Value| cookie["name"].as_str().is_some_and(|name| name.contains(".form"));
    assert!(!gate_cookies(&tab).iter().any(forms), "it is kept no longer");

    tab.click("button");
    tab.arrives_at(&gate.url("/orders?n=1"));
    let body = format!(
        "who=Zo%C3%AB+%26+Co&text=one%0D%0Atwo&tag=a&tag=%22%3Cb%3E&long={}&go=Send",
        "x".repeat(15_000)
    );
    let received = gate.upstream.requests();
    let order = received.iter().find(|request| request.path == "/orders?n=1").expect("it came");
    assert_eq!((order.method.as_str(), order.body_length), ("POST", body.len()));
    let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(order.body_sha256, digest);
    assert_eq!(order.header("origin"), Some(gate.url("").trim_end_matches('/')));
    assert!(order.header("referer").is_none_or(|referer| !referer.contains("code=")));
    assert_eq!(order.header("cookie"), None);
    assert_eq!(order.header("x-user"), Some("alice"));
}

#[test]
fn a_form_that_is_not_kept_is_sent_again_when_its_page_is_loaded_again_after_a_login_in_another_tab()
 {
    let gate = gate().start();
    let chromium = chromium(&gate);
    let tab = chromium.tab();
    tab.open(&gate.url("/form"));
    log_in(&tab, "alice", &gate.url("/form"));
    open_a_form(&tab, "<input name=who>");
    tab.type_into("[name=who]", "alice");
    forget_the_session(&tab);
    tab.click("button");
    tab.wait_for("the page", "document.body.innerText.includes('Nothing was sent on')");
    let link = tab.run("document.querySelector('a').href");
    let other = chromium.tab();
    other.open(link.as_str().expect("a link"));
    // The provider knows alice still, or asks.
    if at_the_login_form(&gate, &other) {
        log_in(&other, "alice", &gate.url("/form"));
    }
    other.arrives_at(&gate.url("/form"));
    gate.upstream.clear();
    tab.reload();
    tab.wait_for("the answer", "document.body.innerText.includes('\"POST\"')");
    let received = gate.upstream.requests();
    assert_eq!(received.iter().filter(|request| request.path == "/orders?n=1").count(), 1);
}
