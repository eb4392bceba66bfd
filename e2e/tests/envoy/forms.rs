//! Forms that are posted when the session is over: kept where Envoy hands bodies over, and told of where it does not.

use oidc_gate_dev::Received;
use oidc_gate_e2e::browser::{Browser, Form, Page, Url};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{self, Answer, PROTOCOLS, Request};
use sha2::{Digest as _, Sha256};

use crate::columns::{self, Row};
use crate::expiry::{exact, expired};
use crate::seen::{assert_page, lines, new_cookies, the_one};

/// The longest body that is kept.
const LIMIT: usize = 16 * 1024;

/// As browsers write it: duplicates, blanks, line ends, markup, letters of everywhere.
const BODY: &str =
    "b=1&a=x+y%26%3D&a=&b=1&%C3%BC=%E2%82%AC&text=one%0D%0Atwo&%3Cb%3E=%22%27%3C%26amp%3B&go=Send";

fn origin() -> String {
    format!("http://{HOME}")
}

fn post(gate: &Gate, browser: &mut Browser, path: &str, body: &[u8]) -> Answer {
    let url = Url::parse(&gate.url(path));
    browser.send(&url, Request::post(path, body).form(&origin()))
}

/// Where a page leads at once.
fn led_to(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text
        .split_once("http-equiv=\"refresh\" content=\"0;url=")
        .unwrap_or_else(|| panic!("{text}"));
    rest.split('"').next().unwrap_or_default().replace("&amp;", "&")
}

/// The page that comes after the sender of a kept form has signed in.
fn sign_in(browser: &mut Browser, page: &Answer) -> Page {
    let form = browser.open(&led_to(page));
    browser.submit(&form, &[("username", "alice"), ("password", "alice")])
}

fn assert_whole(received: &Received, body: &[u8]) {
    let digest: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (received.body_length, &received.body_sha256),
        (body.len(), &digest),
        "byte for byte"
    );
    assert_eq!(received.method, "POST");
}

#[test]
fn a_form_comes_back_after_login_and_reaches_the_upstream_byte_for_byte() {
    let gate = Gate::new().keeps_forms().concurrency(2).start();
    let long = format!("text={}", "x".repeat(LIMIT - 5));
    for protocol in PROTOCOLS {
        for (path, body) in [("/orders?n=1", BODY), ("/long", &long), ("/empty", "")] {
            gate.upstream.clear();
            let mut browser = gate.browser_speaking(protocol);
            let page = post(&gate, &mut browser, path, body.as_bytes());
            assert_page(&page, 401, &["the form was not sent on"]);
            let kept: Vec<_> = browser
                .jar
                .of("localhost")
                .filter(|cookie| cookie.name.contains(".form"))
                .collect();
            assert!(
                !kept.is_empty() && browser.jar.refused.is_empty(),
                "{:?}",
                browser.jar.refused
            );
            assert!(
                kept.iter().all(|cookie| cookie.path == "/oauth2/callback" && cookie.http_only)
            );
            assert_eq!(gate.upstream.requests().len(), 0);

            let page = sign_in(&mut browser, &page);
            assert_page(&page.answer, 200, &["Send the form again"]);
            assert_eq!(Form::of(&page.answer.text()).unwrap().action, path);
            assert!(browser.jar.of("localhost").all(|cookie| !cookie.name.contains(".form")));
            assert_eq!(gate.upstream.requests().len(), 0, "its sender decides");

            // What a browser makes of the page.
            let body_again = Form::of(&page.answer.text()).unwrap().filled(&[]);
            let answer = post(&gate, &mut browser, path, body_again.as_bytes());
            assert_eq!(answer.status, 200);
            let received = the_one(&gate, path.split('?').next().unwrap());
            assert_whole(&received, body.as_bytes());
            assert_eq!(received.path, path);
            assert_eq!(lines(&received, "x-user"), ["alice"]);
            assert_eq!(lines(&received, "cookie"), Vec::<&str>::new());
        }
    }
    columns::holds(columns::ENVOY, Row::Form, "yes");
}

#[test]
fn a_kept_forms_cookies_are_secure_where_browsers_see_https() {
    let gate = Gate::new().keeps_forms().secure().start();
    let mut browser = gate.browser();
    let url = Url::parse(&gate.url("/orders"));
    let request = Request::post("/orders", BODY).form(&format!("https://{HOME}"));
    let page = browser.send(&url, request);
    assert!(browser.jar.refused.is_empty(), "{:?}", browser.jar.refused);
    let kept: Vec<_> =
        new_cookies(&page).into_iter().filter(|name| name.contains(".form")).collect();
    assert_eq!(kept, ["__Secure-oidc_gate.form"]);
    let page = sign_in(&mut browser, &page);
    assert_page(&page.answer, 200, &["Send the form again"]);
}

#[test]
fn a_body_that_comes_in_chunks_is_kept_too_and_one_that_is_too_long_is_not() {
    let gate = Gate::new().keeps_forms().start();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: {HOME}\r\naccept: text/html\r\norigin: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n",
        origin()
    );
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let send = |body: String| {
        http::raw(gate.envoy.address(), format!("{head}{body}0\r\n\r\n").as_bytes())
            .unwrap()
            .unwrap()
    };
    let page = send(chunk("a=1") + &chunk("&b=") + &chunk("2"));
    assert_page(&page, 401, &["the form was not sent on"]);
    led_to(&page);
    let page = send(chunk("a=") + &chunk(&"x".repeat(LIMIT)).repeat(3));
    assert_page(&page, 401, &["Nothing was sent on", "it is larger than 16 KB"]);
    for protocol in PROTOCOLS {
        let body = format!("a={}", "x".repeat(LIMIT - 1));
        let request = Request::post("/orders", body).form(&origin()).host(HOME);
        let page = http::send(gate.envoy.address(), protocol, &request);
        assert_page(&page, 401, &["Nothing was sent on", "it is larger than 16 KB"]);
    }
    assert_eq!(gate.upstream.requests().len(), 0);
}

#[test]
fn an_envoy_that_hands_no_body_over_costs_a_moment_and_the_log_says_what_to_set() {
    let gate = Gate::new().config(|config| config["preserve_post"] = true.into()).start();
    for protocol in PROTOCOLS {
        let mut browser = gate.browser_speaking(protocol);
        for _ in 0..2 {
            let page = post(&gate, &mut browser, "/orders", BODY.as_bytes());
            assert_page(&page, 401, &["Nothing was sent on", "it did not come in time"]);
            assert_eq!(new_cookies(&page), Vec::<&str>::new());
        }
        // What has no body needs no waiting.
        let page = post(&gate, &mut browser, "/orders", b"");
        assert_page(&page, 401, &["This browser keeps it for ten minutes"]);
    }
    assert_eq!(gate.envoy.log().lines_with("allow_on_headers_stop_iteration: true").len(), 1);
    assert_eq!(gate.upstream.requests().len(), 0);
}

#[test]
fn where_it_is_off_a_form_gets_a_page_at_once_and_may_be_sent_again_after_a_login_elsewhere() {
    let gate = Gate::new().start();
    let mut browser = gate.browser();
    let page = post(&gate, &mut browser, "/orders", BODY.as_bytes());
    assert_page(&page, 401, &["Nothing was sent on", "Sign in in another tab", "return_to=%2Fnew"]);
    assert_eq!(gate.upstream.requests().len(), 0);
    // The other tab, then the first one loaded again.
    browser.login(&gate.url("/oauth2/login?return_to=%2Fnew"), "alice");
    assert_eq!(post(&gate, &mut browser, "/orders", BODY.as_bytes()).status, 200);
    assert_whole(&the_one(&gate, "/orders"), BODY.as_bytes());
}

#[test]
fn where_bodies_are_handed_over_uploads_with_a_session_go_through_whole() {
    let gate = Gate::new().keeps_forms().concurrency(2).start();
    let body = vec![b'u'; 5_000_000];
    for protocol in PROTOCOLS {
        gate.upstream.clear();
        let mut browser = gate.browser_speaking(protocol);
        browser.login(&gate.url("/home"), "alice");
        assert_eq!(post(&gate, &mut browser, "/upload", &body).status, 200);
        assert_whole(&the_one(&gate, "/upload"), &body);
    }
}

#[test]
fn a_form_whose_session_is_over_is_kept_though_its_body_came_before_the_provider_said_so() {
    let gate = exact().keeps_forms().start();
    for protocol in PROTOCOLS {
        let mut browser = expired(&gate, "alice", protocol);
        gate.provider.end_sessions();
        gate.upstream.clear();
        let calls = gate.provider.calls().refresh;
        let page = post(&gate, &mut browser, "/orders", BODY.as_bytes());
        assert_eq!(gate.provider.calls().refresh, calls + 1, "it waited for the provider");
        assert_page(&page, 401, &["This browser keeps it for ten minutes"]);
        let page = sign_in(&mut browser, &page);
        let form = Form::of(&page.answer.text()).expect("the form is back");
        assert_eq!(form.filled(&[]), BODY);
        assert_eq!(gate.upstream.requests().len(), 0);
    }
}

#[test]
fn where_bodies_are_handed_over_one_that_waits_for_a_refresh_goes_on_whole() {
    let gate = exact().keeps_forms().start();
    let body = vec![b'u'; 200_000];
    for protocol in PROTOCOLS {
        gate.upstream.clear();
        let mut browser = expired(&gate, "alice", protocol);
        assert_eq!(post(&gate, &mut browser, "/upload", &body).status, 200);
        assert_whole(&the_one(&gate, "/upload"), &body);
    }
}
