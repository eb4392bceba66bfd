//! What works in Envoy, run row by row for `docs/hosts.md`; what has a test elsewhere is
//! written by that one.

use oidc_gate_dev::{Endpoint, Fault, Minted};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{Protocol, Request};
use oidc_gate_e2e::wait;
use serde_json::json;

use crate::columns::{self, Row};
use crate::expiry::{exact, expired};
use crate::seen::{lines, logged_in, new_cookies, the_one};

#[test]
fn envoy_has_all_that_the_gate_can_use_and_says_so_in_one_line() {
    let gate = Gate::new().start();
    let said = gate.envoy.log().lines_with("oidc-gate: this host has");
    let words = "this host has all that the gate can use: metrics, verify_signature (RS256 RS384 \
                 RS512 ES256 ES384), removal of headers, shared data";
    assert!(!said.is_empty());
    let page = include_str!("../../../docs/hosts.md");
    assert!(page.contains(words), "docs/hosts.md quotes another line");
    assert!(said.iter().all(|line| line.contains(words) && line.contains("[info]")), "{said:?}");
    assert_eq!(said.len(), gate.envoy.log().lines_with("is configured").len(), "one each");
}

#[test]
fn the_column_of_envoy_is_what_it_does() {
    let cells: [(Row, fn() -> String); 11] = [
        (Row::Discovery, discovery),
        (Row::Login, login),
        (Row::Cookies, cookies),
        (Row::Session, refusals),
        (Row::Bearer, bearer),
        (Row::Logout, logout),
        (Row::Erasing, || erasing(1)),
        (Row::Twice, || erasing(2)),
        (Row::Routes, routes),
        (Row::Signatures, signatures),
        (Row::Metrics, metrics),
    ];
    let found: Vec<_> = cells.into_iter().map(|(row, cell)| (row, cell())).collect();
    columns::hold(columns::ENVOY, &found);
}

/// A session whose access token has just expired takes seconds to come by: one is enough for these.
#[test]
fn the_column_of_envoy_is_what_it_does_when_a_token_runs_out() {
    let gate = exact().start();
    let mut browser = expired(&gate, "alice", Protocol::H1);
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::close()));
    let status = browser.fetch(&gate.url("/failed")).status;
    columns::holds(columns::ENVOY, Row::Failure, &format!("{status}, then it is made again"));

    gate.provider.faults(|faults| faults.clear(Endpoint::Refresh));
    let sent = vec![b'x'; 300_000];
    let answer = wait::until("the refresh to be tried again", || {
        let request = Request::post("/upload", sent.clone()).fetch();
        Some(browser.send(&gate.at("/upload"), request)).filter(|answer| answer.status == 200)
    });
    assert_eq!(the_one(&gate, "/upload").body_length, sent.len());
    columns::holds(columns::ENVOY, Row::Body, "whole");
    assert_eq!(new_cookies(&answer), ["oidc_gate"]);
    columns::holds(columns::ENVOY, Row::Refresh, "yes");
}

fn yes() -> String {
    "yes".to_owned()
}

fn discovery() -> String {
    let gate = Gate::new().start_unready(|_| ());
    wait::until("a worker to know the provider, with nobody asking", || {
        let lines = gate.envoy.log().lines_with("the provider's keys are there");
        (!lines.is_empty()).then_some(())
    });
    yes()
}

fn login() -> String {
    let gate = Gate::shared();
    let page = gate.browser().login(&gate.url("/row-login"), "alice");
    assert_eq!(page.answer.status, 200);
    assert_eq!(lines(&the_one(&gate, "/row-login"), "x-user"), ["alice"]);
    yes()
}

/// The session comes and the attempt goes, each in a line of its own.
fn cookies() -> String {
    let gate = Gate::shared();
    let mut browser = gate.browser();
    let form = browser.open(&gate.url("/cookies-of-one-answer"));
    assert!(browser.jar.of("localhost").all(|cookie| cookie.name != "oidc_gate"));
    browser.submit(&form, &[("username", "alice"), ("password", "alice")]);
    let names: Vec<_> = browser.jar.of("localhost").map(|cookie| cookie.name.clone()).collect();
    assert_eq!(names, ["oidc_gate"]);
    yes()
}

fn refusals() -> String {
    let gate = Gate::shared_raw();
    for (request, status) in [
        (Request::get("/api").fetch(), 401),
        (Request::get("/api").bearer("nonsense"), 401),
        (Request::get("/public/..%2fapi"), 400),
        (Request::get("/oauth2/callback?state=x&code=y"), 400),
    ] {
        assert_eq!(gate.send(request.clone()).status, status, "{request:?}");
    }
    yes()
}

fn bearer() -> String {
    let gate = Gate::shared();
    let token = gate.provider.mint(Minted::Access, json!({}));
    assert_eq!(gate.send(Request::get("/row-bearer").bearer(&token)).status, 200);
    assert_eq!(lines(&the_one(&gate, "/row-bearer"), "x-user"), ["alice"]);
    yes()
}

fn logout() -> String {
    let gate = Gate::shared();
    let mut browser = logged_in(&gate);
    browser.visit(&gate.url("/oauth2/logout"));
    assert_eq!(browser.fetch(&gate.url("/after-logout")).status, 401);
    yes()
}

/// An identity header of the client's, in so many lines.
fn erasing(count: usize) -> String {
    let gate = Gate::shared();
    let path = format!("/public/row-erasing-{count}");
    let request = Request::get(&path).host(HOME);
    let request = (0..count).fold(request, |request, _| request.header("x-user", "evil"));
    match gate.send(request).status {
        200 if lines(&the_one(&gate, &path), "x-user").is_empty() => "removed".to_owned(),
        200 => "overwritten with nothing".to_owned(),
        status => format!("refused ({status})"),
    }
}

fn routes() -> String {
    let gate = Gate::new().service("/good").config(|config| {
        config["rules"] = json!([{ "match": { "route_name": "/good" }, "access": "public" }]);
    });
    let gate = gate.start();
    assert_eq!(gate.send(Request::get("/good/x")).status, 200);
    assert_eq!(gate.send(Request::get("/other")).status, 401);
    yes()
}

fn signatures() -> String {
    let gate = Gate::shared();
    logged_in(&gate);
    let asked = gate.envoy.log().lines_with("verify_signature (RS256 ");
    if asked.is_empty() { "in the filter".to_owned() } else { "by the host".to_owned() }
}

fn metrics() -> String {
    let gate = Gate::shared();
    assert_eq!(gate.send(Request::get("/public/row-metrics")).status, 200);
    let series = "oidc_gate_requests_total{outcome=\"forward_public\"} ";
    wait::until("the request to be counted", || {
        let page = gate.envoy.prometheus();
        let counted = page.lines().find_map(|line| line.strip_prefix(series));
        counted.filter(|count| *count != "0").map(drop)
    });
    yes()
}
