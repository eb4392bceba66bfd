//! What works where, run row by row for `docs/hosts.md`: in a host that has everything, and in one that has nothing of
//! what the gate can do without. And what the .wasm asks of a host at all.

use std::fmt::Write as _;
use std::rc::Rc;

use oidc_gate_strict_host::{Fault, Misdeed, Outcome, State, Traits, Vm, exports, imports};
use serde_json::json;

use super::browser::{Browser, Request};
use super::columns::{self, Row};
use super::matrix::Day;
use super::provider::Fault as Trouble;
use super::scene::{ENVOY, ROOT, Scene, answered, configuration, forwarded};
use super::sent::Endpoint;
use super::twice::fails;

#[test]
fn the_columns_of_the_strict_hosts_are_what_they_do() {
    columns::hold(columns::STRICT, &rows(ENVOY));
    columns::hold(columns::LESSER, &rows(Traits::LESSER));
}

/// A row, and who runs it.
type Cell = (Row, fn(Traits) -> String);

fn rows(traits: Traits) -> Vec<(Row, String)> {
    let cells: [Cell; 14] = [
        (Row::Discovery, discovery),
        (Row::Login, login),
        (Row::Cookies, cookies),
        (Row::Session, refusals),
        (Row::Refresh, refresh),
        (Row::Turns, turns),
        (Row::Failure, failure),
        (Row::Bearer, bearer),
        (Row::Logout, logout),
        (Row::Erasing, erasing),
        (Row::Twice, twice),
        (Row::Routes, routes),
        (Row::Signatures, signatures),
        (Row::Metrics, metrics),
    ];
    cells.into_iter().map(|(row, cell)| (row, cell(traits))).collect()
}

fn yes() -> String {
    "yes".to_owned()
}

fn discovery(traits: Traits) -> String {
    // It asks on a tick, and no request has come.
    Scene::with(traits);
    yes()
}

fn login(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let mut browser = scene.log_in();
    assert_eq!(forwarded(scene.load(&mut browser, "/page")).all("x-user"), ["alice"]);
    yes()
}

fn cookies(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let mut browser = Browser::default();
    let begun = answered(scene.load(&mut browser, "/start"));
    let query = scene.provider.authorize(begun.headers.all("location")[0]);
    let callback = browser.page(&format!("/oauth2/callback?{query}"));
    let cookies = answered(scene.send(&callback)).headers;
    assert!(cookies.all("set-cookie").len() > 1);
    yes()
}

fn refusals(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    for (request, status) in [
        (Request::new("GET", "/api"), 401),
        (Request::new("GET", "/api").bearer("nonsense"), 401),
        (Request::new("GET", "/public/..%2fapi"), 400),
        (Request::new("GET", "/oauth2/callback?state=x&code=y"), 400),
    ] {
        assert_eq!(answered(scene.send(&request)).status, status);
    }
    yes()
}

fn refresh(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let mut browser = scene.log_in();
    let old = browser.line();
    scene.jump(310);
    forwarded(scene.load(&mut browser, "/page"));
    assert_ne!(browser.line(), old);
    yes()
}

/// Two workers of a process get a request of the same session at once.
fn turns(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let browser = scene.log_in();
    let other = State::new(traits, &Rc::clone(&scene.process), scene.vm.host().now);
    let first = std::mem::replace(&mut scene.vm, Vm::new(other));
    assert!(scene.vm.configure(ROOT, &configuration(&json!({}))));
    scene.warm_up();
    let second = std::mem::replace(&mut scene.vm, first);
    let mut calls = 0;
    for vm in [None, Some(second)] {
        if let Some(vm) = vm {
            scene.vm = vm;
        }
        scene.jump(310);
        scene.arrive(&browser.page("/page"));
        calls += scene.vm.host().calls.len();
    }
    match calls {
        1 => "process".to_owned(),
        2 => "worker".to_owned(),
        _ => panic!("{calls} refreshes"),
    }
}

fn failure(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let mut browser = scene.log_in();
    scene.jump(310);
    scene.provider.fail(Endpoint::Token, Trouble::NoAnswer);
    let status = answered(scene.load(&mut browser, "/page")).status;
    scene.pass(5);
    scene.settle();
    forwarded(scene.load(&mut browser, "/page"));
    format!("{status}, then it is made again")
}

fn bearer(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let mut browser = scene.log_in();
    let upstream = forwarded(scene.load(&mut browser, "/page"));
    let token = upstream.all("authorization")[0].trim_start_matches("Bearer ");
    let upstream = forwarded(scene.send(&Request::new("GET", "/api").bearer(token)));
    assert_eq!(upstream.all("x-user"), ["alice"]);
    yes()
}

fn logout(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let mut browser = scene.log_in();
    answered(scene.load(&mut browser, "/oauth2/logout"));
    assert_eq!(answered(scene.send(&browser.fetch("GET", "/api"))).status, 401);
    yes()
}

fn erasing(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let request = Request::new("GET", "/public").and("x-user", "evil");
    match forwarded(scene.send(&request)).all("x-user")[..] {
        [] => "removed".to_owned(),
        [""] => "overwritten with nothing".to_owned(),
        ref values => panic!("{values:?}"),
    }
}

fn twice(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    let request = Request::new("GET", "/public").and("x-user", "one").and("x-user", "two");
    match scene.send(&request) {
        Outcome::Forward(upstream) => {
            assert!(upstream.all("x-user").is_empty());
            "removed".to_owned()
        }
        Outcome::Answer(answer) => format!("refused ({})", answer.status),
    }
}

fn routes(traits: Traits) -> String {
    let mut scene = Scene::cold(traits);
    let rules = json!({"rules": [{"match": {"route_name": "open"}, "access": "public"}]});
    assert!(scene.vm.configure(ROOT, &configuration(&rules)));
    scene.warm_up();
    scene.vm.host().route = Some("open");
    match scene.send(&Request::new("GET", "/")) {
        Outcome::Forward(_) => yes(),
        Outcome::Answer(answer) => format!("refused ({})", answer.status),
    }
}

fn signatures(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    scene.vm.host().set_faults(Vec::new());
    scene.log_in();
    let asked = scene.vm.host().counted().contains_key("proxy_call_foreign_function");
    if asked { "by the host".to_owned() } else { "in the filter".to_owned() }
}

fn metrics(traits: Traits) -> String {
    let mut scene = Scene::with(traits);
    forwarded(scene.send(&Request::new("GET", "/public")));
    scene.vm.tick(ROOT);
    if scene.vm.host().metrics().is_empty() { "none".to_owned() } else { yes() }
}

/// What of a day works, if anything.
fn works(mut day: Day) -> Vec<&'static str> {
    let streams = day.streams.clone();
    let mut ended = |stream: u32, well: fn(&Outcome) -> bool| {
        day.scene.vm.host().outcome(stream).is_some_and(well)
    };
    let forward: fn(&Outcome) -> bool = |outcome| matches!(outcome, Outcome::Forward(_));
    let redirect: fn(&Outcome) -> bool =
        |outcome| matches!(outcome, Outcome::Answer(answer) if answer.status == 302);
    let public =
        streams.iter().find(|(_, path)| *path == "/public").is_some_and(|it| ended(it.0, forward));
    let login = streams
        .iter()
        .find(|(_, path)| path.starts_with("/oauth2/callback"))
        .is_some_and(|it| ended(it.0, redirect));
    let [.., session, page, api, logout, _] = &streams[..] else { panic!("{streams:?}") };
    let session = ended(session.0, forward);
    let refresh = ended(page.0, forward) && ended(api.0, forward);
    // Somebody's: who has no session is led away, too.
    let logout = login && ended(logout.0, redirect);
    [
        ("public paths", public),
        ("login", login),
        ("sessions", session),
        ("refresh", refresh),
        ("logout", logout),
    ]
    .into_iter()
    .filter_map(|(what, works)| works.then_some(what))
    .collect()
}

/// A day in a host in which this function is not implemented.
fn without(function: &'static str) -> String {
    let mut scene = Scene::unconfigured(ENVOY);
    let fault = Fault { function, at: 0, misdeed: Misdeed::Status(12) };
    scene.vm.host().set_faults(vec![fault]);
    if !scene.vm.configure(ROOT, &configuration(&json!({}))) {
        return "the configuration is refused".to_owned();
    }
    match &works(Day::run(ENVOY, vec![fault]))[..] {
        [] => "nothing passes".to_owned(),
        all if all.len() == 5 => "all goes on".to_owned(),
        some => format!("works: {}", some.join(", ")),
    }
}

#[test]
fn the_page_names_what_the_wasm_imports_and_what_is_left_without_each() {
    assert_eq!(works(Day::run(ENVOY, Vec::new())).len(), 5, "a day on which nothing fails");
    assert_eq!(works(Day::run(ENVOY, vec![fails("proxy_http_call", 0)])), ["public paths"]);
    let mut table = "| function | in a host without it |\n|---|---|\n".to_owned();
    for (module, name) in imports().into_iter().filter(|(module, _)| module == "env") {
        let name: &'static str = Box::leak(name.into_boxed_str());
        writeln!(table, "| `{name}` | {} |", without(name)).unwrap_or_else(|_| panic!("{module}"));
    }
    columns::stands("<!-- imports -->\n", &table);
}

#[test]
fn the_page_names_what_the_wasm_exports_and_what_it_needs_of_wasi() {
    let list = |names: Vec<String>| {
        let mut names: Vec<String> =
            names.into_iter().map(|name| format!("- `{name}`\n")).collect();
        names.sort();
        names.concat()
    };
    columns::stands("<!-- exports -->\n", &list(exports()));
    let wasi = imports().into_iter().filter(|(module, _)| module != "env");
    columns::stands("<!-- wasi -->\n", &list(wasi.map(|(_, name)| name).collect()));
}
