//! WebSockets and event streams, as a page's own scripts open them, and as those of other pages try to.

use oidc_gate_e2e::chromium::{Chromium, Tab};
use oidc_gate_e2e::envoy::{self, SOCKET_KEY};
use oidc_gate_e2e::gate::{Builder, Gate};
use oidc_gate_e2e::http::Protocol;
use oidc_gate_e2e::peers::{self, Peer, one};
use serde_json::{Value, json};

use crate::{at_the_login_form, chromium, gate, log_in};

/// An upstream of WebSockets at `/socket`, and at `/public/socket` for everybody.
fn with_sockets(builder: Builder) -> (Gate, Peer) {
    let peer = peers::websocket();
    let builder = builder.route("/socket", peer.address, Protocol::H1);
    (builder.route("/public/socket", peer.address, Protocol::H1).start(), peer)
}

/// A tab of alice's, on a page behind the gate.
fn alices_tab(gate: &Gate, chromium: &Chromium) -> Tab {
    let tab = chromium.tab();
    tab.open(&gate.url("/orders"));
    log_in(&tab, "alice", &gate.url("/orders"));
    tab
}

/// What becomes of a new WebSocket of this page: `open`, or `refused`. It stays there as `window.socket`.
fn open_socket(tab: &Tab, gate: &Gate, path: &str) -> Value {
    let url = gate.url(path).replacen("http", "ws", 1);
    tab.run(&format!(
        "new Promise(done => {{
            window.socket = new WebSocket({});
            socket.onopen = () => done('open');
            socket.onclose = () => done('refused');
        }})",
        Value::from(url)
    ))
}

/// What comes back for `text` over the page's WebSocket; null where it is closed.
fn say(tab: &Tab, text: &str) -> Value {
    tab.run(&format!(
        "new Promise(done => {{
            if (socket.readyState !== WebSocket.OPEN) done(null);
            socket.onmessage = message => done(message.data);
            socket.onclose = () => done(null);
            socket.send({});
        }})",
        Value::from(text)
    ))
}

/// Opens an event stream in the page, which keeps what comes in `window.events`.
fn listen(tab: &Tab, path: &str) {
    tab.run(&format!(
        "window.events = [];
         window.source = new EventSource({});
         source.onmessage = event => events.push(event.data);
         null",
        Value::from(path)
    ));
}

/// Whom the gate has turned away so far, in its own words.
fn refusals(gate: &Gate) -> Vec<String> {
    let lines = gate.envoy.log().lines_with(" decision=");
    let words = lines.iter().filter_map(|line| line.split(" decision=").nth(1)?.split(' ').next());
    words.filter(|word| ["unauthenticated", "cross_site"].contains(word)).map(Into::into).collect()
}

/// As docs/configuration.md advises for upstreams of HTTP/1.1: browsers talk to Envoy over HTTP/1.1, too.
fn sockets_over_http_1() -> Builder {
    gate().envoy(envoy::Builder::without_extended_connect)
}

/// The other way that it tells of.
fn sockets_over_http_2() -> Builder {
    gate().envoy(envoy::Builder::writes_socket_keys)
}

#[test]
fn a_page_talks_both_ways_over_a_websocket_that_reaches_the_upstream_as_its_user() {
    for (builder, key_of_envoys) in
        [(sockets_over_http_1(), false), (sockets_over_http_2(), true), (Gate::new(), false)]
    {
        let (gate, peer) = with_sockets(builder);
        let chromium = chromium(&gate);
        let tab = alices_tab(&gate, &chromium);
        assert_eq!(open_socket(&tab, &gate, "/socket"), "open");
        peer.assert_reached_by("alice");
        let key = one(&peer.heads()[0], "sec-websocket-key").map(str::to_owned);
        assert_eq!(key.as_deref() == Some(SOCKET_KEY), key_of_envoys, "it came as it should");
        for text in ["one", "two", "Zo\u{eb}"] {
            assert_eq!(say(&tab, text), text);
        }
        let end = tab.run(
            "new Promise(done => {
                socket.onclose = end => done([end.code, end.reason]);
                socket.close(4000, 'enough');
            })",
        );
        assert_eq!(end, json!([4000, "enough"]));
        assert_eq!(peer.heads().len(), 1);
    }
}

/// Nothing that the gate could help: over HTTP/2 a handshake has no key (RFC 8441 section 5.1), servers of HTTP/1.1 ask
/// for one, and Envoy writes none (envoyproxy/envoy#8547). Once it does, docs/configuration.md can say so.
#[test]
fn a_pages_websocket_over_http_2_reaches_the_upstream_as_its_user_but_without_a_key() {
    let (gate, peer) = with_sockets(gate());
    let chromium = chromium(&gate);
    let tab = alices_tab(&gate, &chromium);
    assert_eq!(open_socket(&tab, &gate, "/socket"), "refused");
    peer.assert_reached_by("alice");
    assert_eq!(one(&peer.heads()[0], "sec-websocket-key"), None);
    assert_eq!(refusals(&gate), Vec::<String>::new(), "it was the upstream");
}

#[test]
fn a_page_receives_events_one_by_one_as_its_user() {
    for builder in [gate(), Gate::new()] {
        let (peer, events) = peers::events();
        let gate = builder.route("/events", peer.address, Protocol::H1).start();
        let chromium = chromium(&gate);
        let tab = alices_tab(&gate, &chromium);
        listen(&tab, "/events");
        // The next one is sent only when the one before it has arrived: whoever collects them waits for ever.
        for (number, event) in ["one", "two", "three"].into_iter().enumerate() {
            events.send(event).expect("the upstream is there");
            let arrived =
                format!("events.length === {} && events.at(-1) === '{event}'", number + 1);
            tab.wait_for(&format!("the event {event}"), &arrived);
        }
        peer.assert_reached_by("alice");
        // It would ask again when the upstream ends.
        tab.run("source.close()");
        assert_eq!(peer.heads().len(), 1, "all came over the first");
    }
}

/// Cross-site WebSocket hijacking: CORS does not guard WebSockets, and Chromium sends no `Sec-Fetch-Site` with them.
#[test]
fn a_page_of_another_origin_opens_no_websocket_with_the_session_of_its_visitor() {
    let (gate, peer) = with_sockets(Gate::new());
    let chromium = chromium(&gate);
    let tab = alices_tab(&gate, &chromium);
    assert_eq!(open_socket(&tab, &gate, "/socket"), "open");

    // Ports do not make a site: on `localhost` the provider's pages are of the same, and the session's cookie is sent.
    // Another host is another site, and `SameSite` holds it back.
    for (host, refusal) in [("localhost", "cross_site"), ("127.0.0.1", "unauthenticated")] {
        let stranger = chromium.tab();
        let origin = format!("http://{host}:{}", gate.provider.port());
        stranger.open(&format!("{origin}/.well-known/openid-configuration"));
        let (reached, refused) = (peer.heads().len(), refusals(&gate).len());
        assert_eq!(open_socket(&stranger, &gate, "/socket"), "refused", "{origin}");
        assert_eq!(refusals(&gate)[refused..], [refusal], "{origin}");
        assert_eq!(peer.heads().len(), reached, "{origin}");

        // Nothing else was in its way; and what is open to everybody carries nobody's identity.
        assert_eq!(open_socket(&stranger, &gate, "/public/socket"), "open", "{origin}");
        let heads = peer.heads();
        let head = heads.last().expect("it reached the upstream");
        assert_eq!(one(head, "origin"), Some(&*origin));
        for name in ["authorization", "x-user", "cookie"] {
            assert_eq!(one(head, name), None, "{origin}");
        }
    }
    assert_eq!(say(&tab, "still here"), "still here");
    assert_eq!(open_socket(&tab, &gate, "/socket"), "open");
    peer.assert_reached_by("alice");
}

#[test]
fn after_a_logout_in_another_tab_a_page_opens_neither_a_websocket_nor_an_event_stream() {
    let (gate, peer) = with_sockets(sockets_over_http_1());
    let chromium = chromium(&gate);
    let tab = alices_tab(&gate, &chromium);
    assert_eq!(open_socket(&tab, &gate, "/socket"), "open");
    tab.run("window.earlier = socket");

    let other = chromium.tab();
    other.open(&gate.url("/oauth2/logout"));
    assert!(at_the_login_form(&gate, &other), "{}: {}", other.url(), other.text());

    assert_eq!(open_socket(&tab, &gate, "/socket"), "refused");
    assert_eq!(refusals(&gate).last().map(String::as_str), Some("unauthenticated"));
    assert_eq!(peer.heads().len(), 1, "the first, and no other");
    // A refused stream is over: the browser does not ask again and again.
    listen(&tab, "/events");
    tab.wait_for("the stream to fail", "source.readyState === EventSource.CLOSED");
    assert_eq!(tab.run("events"), json!([]));
    assert!(!gate.upstream.requests().iter().any(|request| request.path == "/events"));

    // What was open is the application's to close.
    tab.run("window.socket = earlier");
    assert_eq!(say(&tab, "still here"), "still here");
}
