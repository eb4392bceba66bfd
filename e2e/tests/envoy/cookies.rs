//! The session's cookies: how they are set, what is left of a request's cookies, and what of them is believed.

use oidc_gate_e2e::gate::{Gate, HOME, SECOND_HOME};
use oidc_gate_e2e::http::{PROTOCOLS, Request};

use crate::seen::{
    assert_own, assert_unauthenticated, cookies, lines, logged_in, new_cookies, received,
    removed_cookies, the_one,
};

#[test]
fn the_cookie_is_as_safe_as_cookies_can_be() {
    let gate = Gate::new()
        .config(|config| config["session"]["cookie"]["same_site"] = "strict".into())
        .start();
    let mut browser = gate.browser();
    let answer = browser.visit(&gate.url("/x"));
    for line in answer.all("set-cookie") {
        assert!(line.starts_with("oidc_gate.login."), "{line}");
        assert!(line.contains("; HttpOnly") && line.contains("; Path=/"), "{line}");
        assert!(!line.contains("Domain"), "{line}");
    }
    let browser = logged_in(&gate);
    for cookie in cookies(&browser, "localhost") {
        assert!(cookie.http_only && cookie.path == "/" && !cookie.secure, "{cookie:?}");
        assert_eq!(cookie.same_site.as_deref(), Some("Strict"), "{cookie:?}");
        assert!(cookie.name == "oidc_gate" || cookie.name.starts_with("oidc_gate."), "{cookie:?}");
    }
}

#[test]
fn behind_tls_cookies_are_host_cookies() {
    let gate = Gate::new().secure().start();
    let mut browser = gate.browser();
    let page = browser.login(&gate.url("/home"), "alice");
    assert_eq!(page.answer.status, 200, "{}", page.answer.text());
    assert!(page.url.https, "{page:?}");
    assert!(browser.jar.refused.is_empty(), "{:?}", browser.jar.refused);
    for cookie in cookies(&browser, "localhost") {
        assert!(
            cookie.name.starts_with("__Host-oidc_gate") && cookie.secure && cookie.http_only,
            "{cookie:?}"
        );
    }
    assert_eq!(lines(&the_one(&gate, "/home"), "cookie"), Vec::<&str>::new());
}

#[test]
fn our_cookies_stay_here_and_all_others_pass_byte_for_byte() {
    let gate = Gate::shared();
    let browser = logged_in(&gate);
    let ours = browser.jar.line(&gate.at("/")).expect("there is a session");
    let others = "theme=dark; q=\"a=b\"; x; empty=; =odd; t=oidc_gate=1; oidc_gate_x=1; oidc_gat=2";
    for protocol in PROTOCOLS {
        for (path, cookie, expected) in [
            ("/only-ours", ours.clone(), None),
            ("/before", format!("{others}; {ours}"), Some(others)),
            ("/after", format!("{ours}; {others}"), Some(others)),
            ("/public/without", others.into(), Some(others)),
            ("/public/with", format!("{others}; {ours}"), Some(others)),
            ("/public/only-ours", ours.clone(), None),
        ] {
            let answer = gate.send_over(protocol, Request::get(path).header("cookie", cookie));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            let last = received(&gate, path).pop().expect("it reached the upstream");
            assert_eq!(
                lines(&last, "cookie"),
                expected.into_iter().collect::<Vec<_>>(),
                "{protocol:?} {path}"
            );
        }
    }
}

#[test]
fn cookies_in_several_lines_are_one_jar() {
    let gate = Gate::shared();
    let browser = logged_in(&gate);
    let ours = browser.jar.line(&gate.at("/")).expect("there is a session");
    for protocol in PROTOCOLS {
        let request = Request::get("/lines")
            .header("cookie", "a=1")
            .header("cookie", &ours)
            .header("cookie", "b=2");
        assert_eq!(gate.send_over(protocol, request).status, 200, "{protocol:?}");
        let last = received(&gate, "/lines").pop().expect("it reached the upstream");
        assert_eq!(lines(&last, "cookie").join("; "), "a=1; b=2", "{protocol:?}");
    }
}

/// Garbage is no session, and does not stay: page loads begin anew, fetch() gets 401, both remove it.
#[test]
fn garbage_in_our_cookies_is_absent_and_removed() {
    let gate = Gate::shared();
    let long = "A".repeat(3_000);
    for value in [
        "garbage",
        "",
        "1",
        "1.",
        "1.AAAA",
        "2.AAAA",
        "0.AAAA",
        "99999999999999999999.AAAA",
        "-1.A",
        "1.====",
        "1.%00",
        "\u{fc}",
        &long,
    ] {
        let request = || {
            Request::get("/garbage-in-our-cookies-is-absent")
                .header("cookie", format!("theme=dark; oidc_gate={value}"))
        };
        let answer = gate.send(request().fetch());
        assert_unauthenticated(&answer);
        assert_eq!(removed_cookies(&answer), ["oidc_gate"], "{value:?}");
        let answer = gate.send(request().page_load());
        assert_own(&answer, 302);
        assert_eq!(removed_cookies(&answer), ["oidc_gate"], "{value:?}");
        assert_eq!(new_cookies(&answer).len(), 1, "{value:?}");
    }
    assert!(received(&gate, "/garbage-in-our-cookies-is-absent").is_empty());
}

/// Whoever changes one bit of a cookie, anywhere, has no session.
#[test]
fn a_changed_cookie_is_no_session() {
    let gate = Gate::shared();
    let browser = logged_in(&gate);
    let cookie = cookies(&browser, "localhost").remove(0);
    let send = |value: &[u8]| {
        let line = [b"oidc_gate=".as_slice(), value].concat();
        gate.send(Request::get("/changed").header("cookie", line).fetch()).status
    };
    assert_eq!(send(cookie.value.as_bytes()), 200);
    let length = cookie.value.len();
    for at in (0..40).chain((40..length).step_by(97)).chain(length - 30..length) {
        let mut changed = cookie.value.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(send(&changed), 401, "byte {at} of {length}");
    }
    for cut in [1, 2, 16, length / 2, length - 5] {
        assert_eq!(send(&cookie.value.as_bytes()[..length - cut]), 401, "cut by {cut}");
    }
    assert_eq!(send(format!("{}A", cookie.value).as_bytes()), 401);
    assert_eq!(received(&gate, "/changed").len(), 1);
}

#[test]
fn pieces_that_are_missing_or_swapped_are_no_session() {
    let gate = Gate::new().start();
    gate.provider.faults(|faults| faults.access_padding = 6_000);
    let browser = logged_in(&gate);
    let pieces = cookies(&browser, "localhost");
    assert!(pieces.len() >= 2, "{pieces:?}");
    let send = |pieces: &[(&str, &str)]| {
        let line: Vec<_> = pieces.iter().map(|(name, value)| format!("{name}={value}")).collect();
        gate.send(Request::get("/pieces").header("cookie", line.join("; ")).fetch())
    };
    let all: Vec<_> =
        pieces.iter().map(|cookie| (cookie.name.as_str(), cookie.value.as_str())).collect();
    assert_eq!(send(&all).status, 200);
    let reversed: Vec<_> = all.iter().rev().copied().collect();
    assert_eq!(send(&reversed).status, 200, "the order in the header says nothing");
    for missing in 0..all.len() {
        let mut rest = all.clone();
        rest.remove(missing);
        let answer = send(&rest);
        assert_eq!(answer.status, 401);
        assert_eq!(
            removed_cookies(&answer).len(),
            rest.len(),
            "what is left is removed: {answer:?}"
        );
    }
    let mut swapped = all.clone();
    (swapped[0].1, swapped[1].1) = (all[1].1, all[0].1);
    assert_eq!(send(&swapped).status, 401);
}

/// Pieces of an earlier, larger session stand beside a new one: they are ignored, and removed.
#[test]
fn stale_pieces_do_no_harm() {
    let gate = Gate::new().start();
    gate.provider.faults(|faults| faults.access_padding = 6_000);
    let mut browser = logged_in(&gate);
    let large = cookies(&browser, "localhost");
    gate.provider.faults(|faults| faults.access_padding = 0);
    browser.login(&gate.url("/oauth2/login?return_to=/small"), "alice");
    let small = cookies(&browser, "localhost");
    assert!(small.len() < large.len(), "a smaller session needs fewer: {small:?}");
    for cookie in &large[small.len()..] {
        browser.jar.plant("localhost", &cookie.name, &cookie.value);
    }
    assert_eq!(browser.fetch(&gate.url("/api")).status, 200);
}

#[test]
fn a_cookie_of_another_host_is_no_session() {
    let gate = Gate::shared();
    let mut browser = logged_in(&gate);
    for cookie in cookies(&browser, "localhost") {
        browser.jar.plant("127.0.0.1", &cookie.name, &cookie.value);
    }
    let answer = browser.fetch(&format!("http://{SECOND_HOME}/api"));
    assert_unauthenticated(&answer);
    assert_eq!(removed_cookies(&answer), ["oidc_gate"]);
    assert_eq!(browser.fetch(&format!("http://{HOME}/api")).status, 200);
}

#[test]
fn a_login_attempt_is_no_session_and_a_session_is_no_attempt() {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    browser.visit(&gate.url("/x"));
    let attempt = cookies(&browser, "localhost").remove(0);
    browser.jar.plant("localhost", "oidc_gate", &format!("1.{}", attempt.value));
    assert_eq!(browser.fetch(&gate.url("/x")).status, 401);
    browser.jar.plant("localhost", "oidc_gate", &attempt.value);
    assert_eq!(browser.fetch(&gate.url("/x")).status, 401);
}
