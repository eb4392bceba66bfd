//! What is not one request and one answer goes through the gate, too: WebSocket, server-sent events, gRPC. And
//! preflights, which carry no credentials.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use oidc_gate_dev::{Endpoint, Fault, Minted};
use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{Answer, PROTOCOLS, Part, Protocol, Request, Stream, Tunnel};
use oidc_gate_e2e::peers::{self, ACCEPT, HELLO, HELLO_BACK, KEY};
use oidc_gate_e2e::wait::LIMIT;
use serde_json::json;

use crate::columns::{self, Row};
use crate::expiry::{exact, expired};
use crate::seen::{assert_own, assert_unauthenticated, logged_in, new_cookies, received};

/// The session's cookies, as they are sent.
fn cookie(gate: &Gate, browser: &Browser) -> String {
    browser.jar.line(&gate.at("/")).expect("there is a session")
}

/// A WebSocket handshake of a page of the gate's own. Over HTTP/2 browsers leave the key out: see tests/browser/streams.rs.
fn handshake(path: &str, protocol: Protocol) -> Request {
    let request = Request::get(path)
        .host(HOME)
        .header("origin", format!("http://{HOME}"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", KEY);
    match protocol {
        Protocol::H1 => request.header("connection", "Upgrade").header("upgrade", "websocket"),
        Protocol::H2 => request,
    }
}

/// An HTTP/1.1 connection on which the answer's head is read and then any byte.
struct Wire(BufReader<TcpStream>);

impl Wire {
    fn send(gate: &Gate, request: &Request) -> (Self, Answer) {
        let mut stream = TcpStream::connect(gate.envoy.address()).expect("Envoy listens");
        stream.set_read_timeout(Some(LIMIT)).expect("there can be a limit");
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {HOME}\r\n", request.method, request.target);
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value)));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).expect("it can be sent");
        let mut wire = Self(BufReader::new(stream));
        let status = wire.line().split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut answer =
            Answer { status: status.expect("a status"), headers: Vec::new(), body: Vec::new() };
        loop {
            let line = wire.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            answer.headers.push((name.to_ascii_lowercase(), value.into()));
        }
        (wire, answer)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line comes");
        line.trim_end().into()
    }

    fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("the bytes come");
        bytes
    }
}

#[test]
fn a_websocket_goes_through_both_ways_and_takes_the_new_session_along() {
    let peer = peers::websocket();
    let gate = exact().route("/socket", peer.address, Protocol::H1).start();

    let browser = expired(&gate, "alice", Protocol::H1);
    let request = handshake("/socket", Protocol::H1).header("cookie", cookie(&gate, &browser));
    let (mut wire, answer) = Wire::send(&gate, &request);
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(new_cookies(&answer), ["oidc_gate"], "it waited for a refresh: {answer:?}");
    for _ in 0..3 {
        wire.0.get_mut().write_all(&HELLO).expect("the socket is open");
        assert_eq!(wire.read(HELLO_BACK.len()), HELLO_BACK);
    }
    peer.assert_reached_by("alice");

    let browser = expired(&gate, "alice", Protocol::H2);
    let request = handshake("/socket", Protocol::H2).header("cookie", cookie(&gate, &browser));
    let (mut tunnel, answer) = Tunnel::open(gate.envoy.address(), &request)
        .expect("an answer")
        .unwrap_or_else(|refused| panic!("{refused:?}"));
    assert_eq!(new_cookies(&answer), ["oidc_gate"], "it waited for a refresh: {answer:?}");
    for _ in 0..3 {
        tunnel.send(&HELLO).expect("the socket is open");
        assert_eq!(tunnel.read(HELLO_BACK.len()).expect("an answer"), HELLO_BACK);
    }
    peer.assert_reached_by("alice");
    assert_eq!(gate.provider.calls().refresh, 2);
    columns::holds(columns::ENVOY, Row::WebSocket, "yes");
}

/// Cross-site WebSocket hijacking: CORS does not guard WebSockets, so the gate does.
#[test]
fn a_websocket_of_another_site_or_of_nobody_does_not_open_over_either_protocol() {
    let peer = peers::websocket();
    let gate = Gate::new().route("/socket", peer.address, Protocol::H1).start();
    let cookie = cookie(&gate, &logged_in(&gate));
    for protocol in PROTOCOLS {
        let ask = |request: Request| match protocol {
            Protocol::H1 => gate.send(request),
            Protocol::H2 => {
                match Tunnel::open(gate.envoy.address(), &request).expect("an answer") {
                    Err(refused) => refused,
                    Ok(_) => panic!("the socket is open: {request:?}"),
                }
            }
        };
        let mut foreign = handshake("/socket", protocol).header("cookie", &cookie);
        foreign.headers[0].1 = b"https://evil.example".to_vec();
        assert_own(&ask(foreign), 403);
        let marked = handshake("/socket", protocol).header("cookie", &cookie);
        assert_own(&ask(marked.header("sec-fetch-site", "cross-site")), 403);
        assert_unauthenticated(&ask(handshake("/socket", protocol)));
    }
    assert!(peer.heads().is_empty(), "{:?}", peer.heads());
}

#[test]
fn events_arrive_one_by_one_and_the_new_session_comes_before_them() {
    let (peer, events) = peers::events();
    let gate = exact().route("/events", peer.address, Protocol::H1).start();
    let browser = expired(&gate, "alice", Protocol::H1);
    let request = Request::get("/events")
        .host(HOME)
        .fetch()
        .header("accept", "text/event-stream")
        .header("cookie", cookie(&gate, &browser));
    // The next one is sent only when the one before it has arrived: whoever collects them waits for ever.
    let (mut wire, answer) = Wire::send(&gate, &request);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(new_cookies(&answer), ["oidc_gate"], "before the first event: {answer:?}");
    for event in ["one", "two", "three"] {
        events.send(event).expect("the upstream is there");
        let lines = [(); 4].map(|()| wire.line());
        assert_eq!(lines[1], format!("data: {event}"), "{lines:?}");
    }
    peer.assert_reached_by("alice");
    drop(events);

    let (peer, events) = peers::events();
    let gate = exact().route("/events", peer.address, Protocol::H1).start();
    let browser = expired(&gate, "alice", Protocol::H2);
    let request =
        Request::get("/events").host(HOME).fetch().header("cookie", cookie(&gate, &browser));
    let mut stream = Stream::open(gate.envoy.address(), &request).expect("Envoy listens");
    stream.end(&[]);
    let answer = stream.head().expect("an answer");
    assert_eq!((answer.status, new_cookies(&answer)), (200, vec!["oidc_gate"]), "{answer:?}");
    for event in ["one", "two", "three"] {
        events.send(event).expect("the upstream is there");
        let arrived = stream.part().expect("the stream goes on");
        assert_eq!(arrived, Part::Data(format!("data: {event}\n\n").into()));
    }
    drop(events);
    assert_eq!(stream.part().expect("it ends"), Part::End);
    peer.assert_reached_by("alice");
    columns::holds(columns::ENVOY, Row::Events, "yes");
}

/// A gRPC call: POST, its media type, and word that trailers are understood.
fn call(gate_path: &str) -> Request {
    Request::new("POST", gate_path)
        .host(HOME)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// A message as gRPC frames it: not compressed, its length, its bytes.
fn message(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("it is short").to_be_bytes();
    [&[0], &length[..], text.as_bytes()].concat()
}

#[test]
fn a_grpc_stream_goes_both_ways_with_its_trailers() {
    let peer = peers::grpc();
    let gate = exact().route("/chat.Chat/", peer.address, Protocol::H2).start();
    let browser = expired(&gate, "alice", Protocol::H2);
    let with_session = call("/chat.Chat/Talk").header("cookie", cookie(&gate, &browser));
    let token = gate.provider.mint(Minted::Access, json!({}));
    let with_token = call("/chat.Chat/Talk").bearer(&token);

    for (request, cookies) in [(with_session, vec!["oidc_gate"]), (with_token, vec![])] {
        let mut stream = Stream::open(gate.envoy.address(), &request).expect("Envoy listens");
        stream.send(&message("first"));
        let answer = stream.head().expect("an answer, though the request goes on");
        assert_eq!((answer.status, new_cookies(&answer)), (200, cookies), "{answer:?}");
        assert_eq!(stream.part().expect("an answer"), Part::Data(message("first")));
        for text in ["second", "third"] {
            stream.send(&message(text));
            assert_eq!(stream.part().expect("an answer"), Part::Data(message(text)));
        }
        // Nobody may slip an identity in behind the head.
        stream.end(&[("x-checksum", "abc"), ("x-user", "mallory")]);
        let Part::Trailers(mut trailers) = stream.part().expect("the end") else {
            panic!("trailers were expected")
        };
        trailers.sort();
        let pairs: Vec<_> = trailers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        assert_eq!(pairs, [("grpc-status", "0"), ("x-checksum", "abc")]);
        peer.assert_reached_by("alice");
    }
    assert_eq!(gate.provider.calls().refresh, 1);
    columns::holds(columns::ENVOY, Row::Grpc, "yes");
}

/// A client of gRPC reads `grpc-status`: 16 is UNAUTHENTICATED, 7 PERMISSION_DENIED, 14 UNAVAILABLE.
#[test]
fn a_grpc_call_that_is_refused_gets_the_status_that_its_client_reads() {
    let peer = peers::grpc();
    let gate = exact()
        .config(|config| {
            let denied = json!({ "match": { "path": "/chat.Chat/Denied" }, "access": "deny" });
            config["rules"] = json!([denied]);
        })
        .route("/chat.Chat/", peer.address, Protocol::H2)
        .start();
    let browser = expired(&gate, "alice", Protocol::H2);
    gate.provider.faults(|faults| faults.set(Endpoint::Refresh, Fault::status(503)));
    for (request, status, code) in [
        (call("/chat.Chat/Talk"), 401, "16"),
        (call("/chat.Chat/Talk").bearer("no.token.atall"), 401, "16"),
        (call("/chat.Chat/Denied"), 403, "7"),
        (call("/chat.Chat/Talk").header("cookie", cookie(&gate, &browser)), 503, "14"),
    ] {
        let mut stream = Stream::open(gate.envoy.address(), &request).expect("Envoy listens");
        stream.send(&message("first"));
        let answer = stream.head().expect("an answer");
        // Envoy writes the gate's answer as gRPC has it: 200, without a body.
        let kind = answer.header("content-type");
        assert_eq!((answer.status, kind), (200, Some("application/grpc")), "{answer:?}");
        assert_eq!(answer.header("grpc-status"), Some(code), "{answer:?}");
        let why = answer.header("grpc-message").expect("it says why");
        assert!(why.contains(&format!("\"status\":{status}")), "{why}");
        assert_eq!(answer.all("set-cookie").count(), 0, "{answer:?}");
        assert_eq!(stream.part().expect("nothing more"), Part::End);
    }
    assert!(peer.heads().is_empty(), "{:?}", peer.heads());
}

/// Fetch, section "CORS-preflight fetch": a preflight has no credentials, so only a public rule can let it pass.
#[test]
fn preflights_pass_where_a_rule_says_so() {
    let gate = Gate::new()
        .config(|config| {
            config["rules"] = json!([
                { "match": { "path_prefix": "/api", "methods": ["OPTIONS"] }, "access": "public" },
            ]);
        })
        .start();
    let preflight = |path: &str| {
        Request::new("OPTIONS", path)
            .header("origin", "https://app.example")
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-site", "cross-site")
    };
    assert_eq!(gate.send(preflight("/api/things")).status, 200);
    assert_eq!(received(&gate, "/api/things").len(), 1);
    assert_unauthenticated(&gate.send(preflight("/other")));
    // What it asked for needs credentials all the same.
    let put = Request::new("PUT", "/api/things").header("origin", "https://app.example");
    assert_unauthenticated(&gate.send(put));
    assert_eq!(received(&gate, "/api/things").len(), 1);
    assert!(received(&gate, "/other").is_empty());
}
