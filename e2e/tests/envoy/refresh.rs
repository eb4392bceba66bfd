//! Refresh: once for everybody who waits, by the same rules as login, and nobody is logged out by bad luck.

use std::thread;

use oidc_gate_dev::{Endpoint, Fault};
use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{self, Answer, PROTOCOLS, Protocol, Request};
use oidc_gate_e2e::{jwt, wait};
use sha2::{Digest, Sha256};

use crate::expiry::{SHORT, eager, exact, expired, seconds, wait_for_half_life};
use crate::seen::{bearer_claims, lines, new_cookies, received, the_one};

/// `count` requests of this browser at once, which all arrive before the provider answers the refresh.
fn together(
    gate: &Gate,
    browser: &mut Browser,
    protocol: Protocol,
    requests: &[Request],
) -> Vec<Answer> {
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    let requests: Vec<_> = requests
        .iter()
        .map(|request| request.clone().host(HOME).header("cookie", &cookie))
        .collect();
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::hold()));
    let refreshes = gate.provider.calls().refresh;
    let before = gate.envoy.stat("http.gate.downstream_rq_total");
    let address = gate.envoy.address();
    let answers = thread::scope(|scope| {
        let under_way = scope.spawn(|| http::send_together(address, protocol, &requests));
        wait::until("the refresh to be asked for", || {
            (gate.provider.calls().refresh > refreshes).then_some(())
        });
        wait::until("all requests to be there", || {
            (gate.envoy.stat("http.gate.downstream_rq_total") >= before + requests.len() as u64)
                .then_some(())
        });
        gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
        under_way.join().expect("all are answered")
    });
    for line in answers.iter().flat_map(|answer| answer.all("set-cookie")) {
        browser.jar.keep(&gate.at("/"), line);
    }
    answers
}

/// With rotation, where a second use of a refresh token would end the session (RFC 9700 section 4.14.2): whatever worker
/// the requests meet, over either protocol.
#[test]
fn twenty_requests_at_expiry_cost_one_refresh_and_lose_nobody() {
    for workers in [1, 2, 4] {
        let gate = exact()
            .provider(|options| options.rotate_refresh_tokens = true)
            .concurrency(workers)
            .start();
        for (round, protocol) in PROTOCOLS.into_iter().enumerate() {
            let mut browser = expired(&gate, "alice", protocol);
            let path = format!("/together-{round}");
            let requests = vec![Request::get(&path).fetch(); 20];
            let answers = together(&gate, &mut browser, protocol, &requests);
            assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200; 20]);
            assert_eq!(gate.provider.calls().refresh, round + 1, "{workers} {protocol:?}");
            assert_eq!(received(&gate, &path).len(), 20);
            for request in received(&gate, &path) {
                let end = bearer_claims(&request)["exp"].as_u64();
                assert!(end > Some(seconds() + 60), "the new token: {request:?}");
            }
            // The new session is in the browser, and it goes on.
            assert_eq!(browser.fetch(&gate.url("/after")).status, 200);
            assert_eq!(gate.provider.calls().refresh, round + 1);
        }
    }
}

/// A browser sends requests with the old cookie for a while after the refresh: they were under way.
#[test]
fn a_request_that_comes_late_with_the_old_cookie_still_passes() {
    let gate = exact().concurrency(2).start();
    let mut browser = expired(&gate, "alice", Protocol::H1);
    let old = browser.jar.line(&gate.at("/")).expect("there is a session");
    assert_eq!(browser.fetch(&gate.url("/first")).status, 200);
    for _ in 0..8 {
        let late = gate.send(Request::get("/late").header("cookie", &old).fetch());
        assert_eq!(late.status, 200, "{}", late.text());
    }
    assert_eq!(gate.provider.calls().refresh, 1);
}

#[test]
fn a_refresh_can_be_followed_by_the_next() {
    let gate = exact().start();
    let mut browser = expired(&gate, "alice", Protocol::H1);
    for round in 1..=3 {
        gate.provider.faults(|faults| faults.access_token_lifespan = Some(SHORT));
        let path = format!("/round-{round}");
        assert_eq!(browser.fetch(&gate.url(&path)).status, 200);
        assert_eq!(gate.provider.calls().refresh, round);
        let end = bearer_claims(&the_one(&gate, &path))["exp"].as_u64().expect("tokens expire");
        wait::until("the access token to expire", || (seconds() >= end).then_some(()));
    }
    let tokens = gate.provider.token_requests();
    let used: std::collections::BTreeSet<_> =
        tokens.iter().filter_map(|request| request.field("refresh_token")).collect();
    assert_eq!(used.len(), 3, "each refresh token is used once");
}

#[test]
fn a_body_of_five_megabytes_that_waits_on_a_refresh_arrives_whole() {
    let body: Vec<u8> =
        (0..5_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let expected =
        Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for concurrency in [1, 2] {
        let gate = exact().concurrency(concurrency).start();
        for (round, protocol) in PROTOCOLS.into_iter().enumerate() {
            let mut browser = expired(&gate, "alice", protocol);
            let request = Request::post("/upload", body.clone()).fetch();
            let answers = together(&gate, &mut browser, protocol, &[request]);
            assert_eq!(answers[0].status, 200, "{concurrency} {protocol:?}: {}", answers[0].text());
            let upload = received(&gate, "/upload").pop().expect("it arrived");
            assert_eq!(
                (upload.body_length, upload.body_sha256.as_str()),
                (body.len(), expected.as_str())
            );
            assert_eq!(gate.provider.calls().refresh, round + 1, "the upload waited");
        }
    }
}

#[test]
fn while_the_token_is_good_only_one_request_waits_for_the_refresh() {
    let gate = eager().config(|config| config["provider"]["timeout"] = "5s".into()).start();
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::hold()));
    let mut browser = gate.browser();
    assert_eq!(browser.login(&gate.url("/alice"), "alice").answer.status, 200);
    wait_for_half_life(&gate, "alice");
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    let address = gate.envoy.address();
    thread::scope(|scope| {
        let request = Request::get("/waits").host(HOME).header("cookie", &cookie);
        let one = scope.spawn(move || http::send(address, Protocol::H1, &request));
        let asked = || (gate.provider.calls().refresh == 1).then_some(());
        wait::until("the refresh to be asked for", asked);
        for _ in 0..5 {
            let answer = gate.send(Request::get("/goes-on").header("cookie", &cookie));
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        assert_eq!(gate.provider.calls().refresh, 1, "and none of them was told anything yet");
        gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
        assert_eq!(one.join().expect("it is answered").status, 200);
    });
}

#[test]
fn a_token_that_is_far_from_its_end_is_not_refreshed() {
    let gate = Gate::new().start();
    let mut browser = gate.browser();
    browser.login(&gate.url("/"), "alice");
    for _ in 0..10 {
        let answer = browser.fetch(&gate.url("/api"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.all("set-cookie").count(), 0, "and no cookie is written");
    }
    assert_eq!(gate.provider.calls().refresh, 0);
}

/// Filters of the same kind, 15 and 16: each gets the cookies of its own session, one line a cookie.
#[test]
fn two_users_who_refresh_at_once_get_each_their_own_session() {
    let gate = exact().start();
    gate.provider.faults(|faults| faults.access_padding = 6_000);
    let mut browsers = [expired(&gate, "alice", Protocol::H1), expired(&gate, "bob", Protocol::H1)];
    let cookies: Vec<_> = browsers
        .iter()
        .map(|browser| browser.jar.line(&gate.at("/")).expect("a session"))
        .collect();
    let requests: Vec<_> = (0..20)
        .map(|number| {
            Request::get(&format!("/mine-{}", number % 2))
                .host(HOME)
                .header("cookie", &cookies[number % 2])
        })
        .collect();
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::hold()));
    let address = gate.envoy.address();
    let answers = thread::scope(|scope| {
        let under_way = scope.spawn(|| http::send_together(address, Protocol::H1, &requests));
        wait::until("both refreshes to be asked for", || {
            (gate.provider.calls().refresh == 2).then_some(())
        });
        gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
        under_way.join().expect("all are answered")
    });
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let lines: Vec<_> = answer.all("set-cookie").collect();
        assert!(
            lines.iter().all(|line| line.matches("HttpOnly").count() == 1),
            "not joined: {lines:?}"
        );
        if new_cookies(answer).len() >= 2 {
            for line in lines {
                browsers[number % 2].jar.keep(&gate.at("/"), line);
            }
        }
    }
    for (browser, (path, user)) in browsers.iter_mut().zip([("/own-0", "alice"), ("/own-1", "bob")])
    {
        assert!(browser.jar.refused.is_empty(), "{:?}", browser.jar.refused);
        assert_eq!(browser.fetch(&gate.url(path)).status, 200);
        assert_eq!(bearer_claims(&the_one(&gate, path))["preferred_username"], user);
    }
    for (path, user) in [("/mine-0", "alice"), ("/mine-1", "bob")] {
        for request in received(&gate, path) {
            assert_eq!(lines(&request, "x-user"), [user]);
        }
    }
    assert_eq!(gate.provider.calls().refresh, 2);
}

/// A client that leaves while its request waits takes nothing with it: not the refresh, not the others' answers.
#[test]
fn a_client_that_leaves_takes_nobodys_refresh_with_it() {
    use std::io::Write;
    let gate = exact().start();
    let mut browser = expired(&gate, "alice", Protocol::H1);
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::hold()));
    let mut leaver = std::net::TcpStream::connect(gate.envoy.address()).unwrap();
    write!(leaver, "GET /leaves HTTP/1.1\r\nhost: {HOME}\r\ncookie: {cookie}\r\n\r\n").unwrap();
    wait::until("the refresh to be asked for", || {
        (gate.provider.calls().refresh == 1).then_some(())
    });
    drop(leaver);
    wait::until("Envoy to notice", || {
        (gate.envoy.stat("http.gate.downstream_cx_destroy_remote_active_rq") >= 1).then_some(())
    });
    gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
    let answer = browser.fetch(&gate.url("/stays"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gate.provider.calls().refresh, 1, "what the leaver began is used, not begun again");
    assert!(jwt::is_for(&bearer_claims(&the_one(&gate, "/stays")), "APP-backend"));
}
