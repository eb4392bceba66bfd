//! A worker's copy of the filter dies while it has a refresh under way: it holds nobody else up for longer than its lease,
//! and the worker goes on with a fresh copy.
//!
//! No input kills the filter. Here a request with trailers does: see [`Builder::mortal`](oidc_gate_e2e::envoy::Builder).

use std::thread;

use oidc_gate_dev::{Endpoint, Fault};
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{Answer, Connection, Protocol, Request, Streams};
use oidc_gate_e2e::wait;

use crate::expiry::{exact, expired};
use crate::seen::new_cookies;

const WAITING: usize = 3;

fn mortal() -> Gate {
    exact()
        .concurrency(2)
        .provider(|options| options.rotate_refresh_tokens = true)
        .config(|config| config["provider"]["timeout"] = "4s".into())
        .envoy(|envoy| envoy.mortal().stream_idle_timeout("10s"))
        .start()
}

/// On which worker a connection ends up is the kernel's choice; the counters tell.
fn on_worker<C>(gate: &Gate, connect: impl FnOnce() -> C) -> (usize, C) {
    let before = gate.envoy.connections_by_worker();
    let connection = connect();
    let worker = wait::until("the connection to be counted", || {
        let now = gate.envoy.connections_by_worker();
        before.iter().zip(&now).position(|(before, now)| now > before)
    });
    (worker, connection)
}

/// What is seen of a death in the midst of a refresh.
struct Seen {
    /// What the others were told that waited, on another worker.
    others: Vec<Answer>,
    /// The connection to the worker whose copy died.
    connection: Streams,
    /// How often the provider was asked.
    refreshes: usize,
}

/// One request asks for a refresh, others wait for it on another worker, and the copy that has it under way dies.
/// `lost` is what becomes of the call.
fn die(gate: &Gate, cookie: &str, lost: Fault) -> Seen {
    let address = gate.envoy.address();
    let (dying, connection) = on_worker(gate, || Streams::open(address).expect("Envoy listens"));
    let mut others = Vec::new();
    while others.len() < WAITING {
        let (worker, other) = on_worker(gate, || gate.connect(Protocol::H1));
        if worker != dying {
            others.push(other);
        }
    }
    let request = |path: &str| Request::get(path).host(HOME).header("cookie", cookie).fetch();
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, lost));
    let mut holder = connection.begin(&request("/holder")).expect("a request");
    holder.end(&[]);
    wait::until("the refresh to be asked for", || {
        (gate.provider.calls().refresh == 1).then_some(())
    });
    let before = gate.envoy.stat("http.gate.downstream_rq_total");
    let others = thread::scope(|scope| {
        let waiting: Vec<_> = others
            .iter_mut()
            .map(|other: &mut Connection| scope.spawn(|| other.send(&request("/other"))))
            .collect();
        wait::until("the others to wait", || {
            let now = gate.envoy.stat("http.gate.downstream_rq_total");
            (now >= before + WAITING as u64).then_some(())
        });
        assert_eq!(gate.provider.calls().refresh, 1, "they wait for the one that was asked for");
        let deadly = Request::new("POST", "/public/last-words").host(HOME);
        let mut deadly = connection.begin(&deadly).expect("a request");
        deadly.end(&[("x-last", "words")]);
        wait::until("the copy to die", || {
            (!gate.envoy.log().lines_with("proxy_on_request_trailers").is_empty()).then_some(())
        });
        waiting.into_iter().map(|one| one.join().expect("it is answered")).collect()
    });
    // Nothing in the filter can answer what waited in the copy: Envoy does, when nothing has moved for long enough.
    let holder = holder.head().expect("it does not wait for ever");
    assert_eq!(holder.status, 503, "{holder:?}");
    Seen { others, connection, refreshes: gate.provider.calls().refresh }
}

#[test]
fn a_copy_that_dies_with_a_refresh_under_way_holds_the_others_up_no_longer_than_its_lease() {
    let gate = mortal();
    let browser = expired(&gate, "alice", Protocol::H1);
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    // The call never reaches the provider's books.
    let seen = die(&gate, &cookie, Fault::hold().times(1));
    for answer in &seen.others {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(new_cookies(answer), ["oidc_gate"], "{answer:?}");
    }
    assert_eq!(seen.refreshes, 2, "one of them took over");

    // The worker has a fresh copy, which knows what became of it.
    let request = Request::get("/afterwards").host(HOME).header("cookie", cookie).fetch();
    wait::until("the worker to go on", || {
        let mut stream = seen.connection.begin(&request).expect("a request");
        stream.end(&[]);
        (stream.head().expect("an answer").status == 200).then_some(())
    });
    assert_eq!(gate.provider.calls().refresh, 2);
}

/// The token was spent, and what came of it died with the copy: that is a new login, and nothing worse.
#[test]
fn a_refresh_whose_tokens_died_with_the_copy_ends_in_a_new_login_and_not_in_an_error() {
    let gate = mortal();
    let mut browser = expired(&gate, "alice", Protocol::H1);
    let cookie = browser.jar.line(&gate.at("/")).expect("there is a session");
    let seen = die(&gate, &cookie, Fault::hold().after_effect().times(1));
    for answer in &seen.others {
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(seen.refreshes, 2);
    wait::until("every worker to go on", || {
        let page = browser.open(&gate.url("/new"));
        (page.answer.status == 200 && page.url.path() == "/new").then_some(())
    });
}
