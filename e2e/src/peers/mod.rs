//! Upstreams that talk while they listen: WebSocket, server-sent events, gRPC. As little of each as shows whether the gate
//! lets it through piece by piece.

mod websocket;

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderValue;
use hyper_util::rt::{TokioExecutor, TokioIo};

pub use self::websocket::{ACCEPT, HELLO, HELLO_BACK, KEY, websocket};
use crate::jwt;

/// An upstream, and the heads of the requests that reached it.
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<Head>>>,
}

/// Header lines, names in lower case; `:path` is the target.
pub type Head = Vec<(String, String)>;

impl Peer {
    /// The requests so far.
    pub fn heads(&self) -> Vec<Head> {
        self.heads.lock().expect("nobody panics with it in hand").clone()
    }

    /// Panics unless what reached it last is this user's, by an access token, with nothing of the gate's own.
    #[track_caller]
    pub fn assert_reached_by(&self, user: &str) {
        let heads = self.heads();
        let head = heads.last().expect("it reached the upstream");
        assert_eq!(one(head, "x-user"), Some(user));
        let claims = jwt::claims(one(head, "authorization").expect("a token"));
        assert_eq!(claims["preferred_username"], user);
        // What an ID token is for is the client.
        assert!(jwt::is_for(&claims, "APP-backend"), "{claims}");
        assert_eq!(one(head, "cookie"), None, "the gate's cookies are nobody else's business");
    }

    /// A server of HTTP/1.1 in which `talk` goes on after the head of each request.
    fn speaking_h1(talk: impl Fn(&Head, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let heads = Arc::<Mutex<Vec<Head>>>::default();
        let (seen, talk) = (Arc::clone(&heads), Arc::new(talk));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, talk) = (Arc::clone(&seen), Arc::clone(&talk));
                thread::spawn(move || {
                    let Some(head) = read_head(&stream) else { return };
                    seen.lock().expect("nobody panics with it in hand").push(head.clone());
                    talk(&head, stream);
                });
            }
        });
        Self { address, heads }
    }
}

/// The one value of a header that reached an upstream, if it did.
#[track_caller]
pub fn one<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    let mut all = head.iter().filter(|(found, _)| found == name);
    let first = all.next();
    assert!(all.next().is_none(), "{name} came twice: {head:?}");
    first.map(|(_, value)| value.as_str())
}

/// Sends an event for each message that comes from the sender, and ends when it is dropped.
pub fn events() -> (Peer, Sender<&'static str>) {
    let (sender, events) = channel();
    let events = Mutex::new(events);
    let peer = Peer::speaking_h1(move |_, mut stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let events: &Receiver<&str> = &events.lock().expect("one request at a time");
        for event in events {
            let data = format!("data: {event}\n\n");
            let _ = stream.write_all(format!("{:x}\r\n{data}\r\n", data.len()).as_bytes());
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    (peer, sender)
}

fn read_head(stream: &TcpStream) -> Option<Head> {
    let mut lines = BufReader::new(stream).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut head = vec![(":path".to_owned(), target)];
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { return Some(head) };
        head.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    None
}

/// A gRPC service (HTTP/2 with trailers): sends each message back at once, and at the end `grpc-status: 0` with the
/// trailers of the request beside it.
pub fn grpc() -> Peer {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a listener has an address");
    listener.set_nonblocking(true).expect("tokio wants it so");
    let heads = Arc::<Mutex<Vec<Head>>>::default();
    let seen = Arc::clone(&heads);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started");
    thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                let service =
                    hyper::service::service_fn(move |request| echo(request, seen.clone()));
                tokio::spawn(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
    });
    Peer { address, heads }
}

type Frames = tokio::sync::mpsc::UnboundedReceiver<Frame<hyper::body::Bytes>>;

/// What is received, as a body.
struct Echoed(Frames);

impl hyper::body::Body for Echoed {
    type Data = hyper::body::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}

async fn echo(
    request: hyper::Request<Incoming>,
    seen: Arc<Mutex<Vec<Head>>>,
) -> Result<hyper::Response<Echoed>, Infallible> {
    let mut head = vec![(":path".to_owned(), request.uri().path().to_owned())];
    head.extend(request.headers().iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    }));
    seen.lock().expect("nobody panics with it in hand").push(head);
    let (parts, frames) = tokio::sync::mpsc::unbounded_channel();
    let mut body = request.into_body();
    tokio::spawn(async move {
        let mut trailers = HeaderMap::new();
        while let Some(Ok(frame)) = body.frame().await {
            match frame.into_data() {
                Ok(data) => drop(parts.send(Frame::data(data))),
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            }
        }
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let _ = parts.send(Frame::trailers(trailers));
    });
    let answer = hyper::Response::builder().header("content-type", "application/grpc");
    Ok(answer.body(Echoed(frames)).expect("a right answer"))
}
