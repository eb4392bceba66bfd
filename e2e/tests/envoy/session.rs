//! Sessions: what is in the browser, what reaches the upstream, and what is believed of either.

use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::wait;
use serde_json::json;

use crate::seen::{
    assert_page, assert_unauthenticated, bearer_claims, cookies, lines, logged_in, received,
    removed_cookies, the_one,
};

/// RFC 9700 section 4.13: nobody but the gate says who the user is, in whatever spelling a server may read as the same.
#[test]
fn identity_headers_from_outside_are_removed_in_every_spelling_on_every_path() {
    let gate = Gate::shared();
    let browser = logged_in(&gate);
    let ours = browser.jar.line(&gate.at("/")).expect("there is a session");
    let spellings = [
        "x-user",
        "X-User",
        "x_user",
        "X_USER",
        "x-auth-name",
        "x_auth-name",
        "X-Auth_Name",
        "x.user",
        "x-auth.name",
    ];
    for (path, user, name) in
        [("/identity", Some("alice"), Some("Alice Liddell")), ("/public/identity", None, None)]
    {
        let forged = spellings
            .iter()
            .fold(Request::get(path).header("cookie", &ours), |request, spelling| {
                request.header(spelling, "mallory").header(spelling, "eve")
            });
        assert_eq!(gate.send(forged).status, 200);
        let request = the_one(&gate, path);
        let whole = format!("{:?}", request.headers);
        assert!(!whole.contains("mallory") && !whole.contains("eve\""), "{whole}");
        assert_eq!(lines(&request, "x-user"), user.into_iter().collect::<Vec<_>>());
        assert_eq!(lines(&request, "x-auth-name"), name.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_session_replaces_the_authorization_that_a_client_made_up() {
    let gate = Gate::new().config(|config| config["bearer"] = false.into()).start();
    let browser = logged_in(&gate);
    let ours = browser.jar.line(&gate.at("/")).expect("there is a session");
    for forged in ["Bearer forged", "Basic Zm9yZ2Vk", "forged", ""] {
        let request =
            Request::get("/replaced").header("cookie", &ours).header("authorization", forged);
        assert_eq!(gate.send(request).status, 200);
        let last = received(&gate, "/replaced").pop().expect("it reached the upstream");
        assert_eq!(bearer_claims(&last)["preferred_username"], "alice");
    }
    let request = Request::get("/public/removed").header("authorization", "Bearer forged");
    assert_eq!(gate.send(request).status, 200);
    assert_eq!(lines(&the_one(&gate, "/public/removed"), "authorization"), Vec::<&str>::new());
}

#[test]
fn a_new_login_is_a_new_session_of_the_one_who_logged_in() {
    let gate = Gate::shared();
    // Mallory's own session is put into the victim's browser; then the victim logs in.
    let mut mallory = gate.browser();
    mallory.login(&gate.url("/"), "bob");
    let mut victim = gate.browser();
    for cookie in cookies(&mallory, "localhost") {
        victim.jar.plant("localhost", &cookie.name, &cookie.value);
    }
    victim.login(&gate.url("/oauth2/login?return_to=/new-login/mine"), "alice");
    let before = cookies(&mallory, "localhost").remove(0).value;
    assert!(cookies(&victim, "localhost").iter().all(|cookie| cookie.value != before));
    assert_eq!(bearer_claims(&the_one(&gate, "/new-login/mine"))["preferred_username"], "alice");
    assert_eq!(mallory.fetch(&gate.url("/new-login/theirs")).status, 200);
    assert_eq!(bearer_claims(&the_one(&gate, "/new-login/theirs"))["preferred_username"], "bob");
}

#[test]
fn keys_can_be_changed_without_ending_sessions() {
    let mut gate = Gate::new().start();
    let mut browser = logged_in(&gate);
    let before = cookies(&browser, "localhost").remove(0).value;

    gate.restart(|config| {
        config["session"]["keys"] =
            json!([{ "env": "OTHER_SESSION_KEY" }, { "env": "SESSION_KEY" }]);
    });
    gate.introduce(&mut browser);
    assert_eq!(browser.fetch(&gate.url("/api")).status, 200, "the old key still opens");
    assert_ne!(
        cookies(&browser, "localhost").remove(0).value,
        before,
        "the first key seals it anew"
    );

    gate.restart(|config| config["session"]["keys"] = json!([{ "env": "OTHER_SESSION_KEY" }]));
    gate.introduce(&mut browser);
    assert_eq!(browser.fetch(&gate.url("/api")).status, 200, "the old key is not needed any more");

    gate.restart(|config| config["session"]["keys"] = json!([{ "env": "SESSION_KEY" }]));
    gate.introduce(&mut browser);
    let answer = browser.fetch(&gate.url("/api"));
    assert_unauthenticated(&answer);
    assert_eq!(removed_cookies(&answer), ["oidc_gate"]);
}

/// Both tokens are judged again at each request, by today's configuration.
#[test]
fn a_session_made_under_other_rules_is_judged_by_todays() {
    let mut gate = Gate::new().start();
    let mut browser = logged_in(&gate);
    gate.restart(|config| config["access_token"]["audiences"] = json!(["APP-backend-2"]));
    gate.introduce(&mut browser);
    assert_page(
        &browser.visit(&gate.url("/judged")),
        403,
        &["access token", "APP-backend-2", "APP-backend"],
    );
    let problem = browser.fetch(&gate.url("/judged")).problem();
    assert_eq!(problem["status"], 403);
    assert!(problem["detail"].as_str().unwrap().contains("access token"), "{problem}");

    gate.restart(|config| {
        config["access_token"]["audiences"] = json!(["APP-backend"]);
        config["client"]["client_id"] = "APP-frontend-2".into();
    });
    gate.introduce(&mut browser);
    assert_page(&browser.visit(&gate.url("/judged")), 403, &["ID token", "APP-frontend-2"]);
    assert!(received(&gate, "/judged").is_empty());
}

#[test]
fn a_session_ends_at_its_greatest_age_however_much_it_is_used() {
    let gate = Gate::new()
        .config(|config| {
            config["session"]["max_age"] = "3s".into();
            config["session"]["idle_timeout"] = "3s".into();
            config["session"]["refresh_margin"] = "0s".into();
        })
        .start();
    let mut browser = logged_in(&gate);
    let answer = wait::until("the session to end", || {
        let answer = browser.fetch(&gate.url("/api"));
        (answer.status != 200).then_some(answer)
    });
    assert_unauthenticated(&answer);
}

#[test]
fn every_worker_knows_the_session() {
    let gate = Gate::shared();
    let mut browser = logged_in(&gate);
    for _ in 0..20 {
        assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
    }
}

/// A CSRF defence besides SameSite: what another site makes the browser send is refused, if it may change anything.
#[test]
fn unsafe_requests_of_other_sites_are_refused() {
    let gate = Gate::shared();
    let browser = logged_in(&gate);
    let ours = browser.jar.line(&gate.at("/")).expect("there is a session");
    let own = format!("http://{HOME}");
    let post = || Request::post("/change", "a=1").header("cookie", &ours);
    for (request, status) in [
        (post().header("sec-fetch-site", "cross-site"), 403),
        (post().header("sec-fetch-site", "cross-site").header("origin", &own), 403),
        (post().header("origin", "https://evil.example"), 403),
        (post().header("origin", "null"), 403),
        (
            post().header("sec-fetch-site", "same-site").header("origin", "http://other.localhost"),
            403,
        ),
        (post().header("sec-fetch-site", "same-origin"), 200),
        (post().header("origin", &own), 200),
        (post(), 200),
        (
            Request::new("DELETE", "/change")
                .header("cookie", &ours)
                .header("sec-fetch-site", "cross-site"),
            403,
        ),
        (
            Request::get("/change").header("cookie", &ours).header("sec-fetch-site", "cross-site"),
            200,
        ),
        (
            Request::get("/change")
                .header("cookie", &ours)
                .header("origin", "https://evil.example")
                .header("connection", "upgrade")
                .header("upgrade", "websocket"),
            403,
        ),
    ] {
        let answer = gate.send(request.clone());
        assert_eq!(answer.status, status, "{request:?}: {}", answer.text());
    }
    assert_eq!(received(&gate, "/change").len(), 4);
}
