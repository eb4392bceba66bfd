//! A small HTTP/1.1 server on a thread of its own, for blocking test code: starts, pauses, resumes, stops when dropped.
//!
//! It can answer wrongly on purpose: end a body early, or close the connection without a word.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, mpsc as blocking};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A request whose body has been read whole.
pub(crate) struct Request {
    /// The method as sent.
    pub(crate) method: String,
    /// The request target as sent: path and query.
    pub(crate) target: String,
    /// Name and value, in the order of first appearance; non-UTF-8 bytes are replaced.
    pub(crate) headers: Vec<(String, String)>,
    /// The whole body.
    pub(crate) body: Bytes,
}

impl Request {
    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// The query without its question mark; empty where there is none.
    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first value of the header `name` (lower-case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The value of the cookie `name`.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.iter().filter(|(found, _)| found == "cookie");
        lines
            .flat_map(|(_, line)| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

/// What a handler wants said.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Payload,
}

#[derive(Debug)]
enum Payload {
    Whole(Bytes),
    /// More is announced than is sent; then the connection breaks.
    Truncated(Bytes),
    Stream(mpsc::Receiver<Bytes>),
    /// No answer: the connection is closed.
    Close,
}

impl Reply {
    /// A whole answer of the media type `content_type`.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, body: Payload::Whole(body.into()) }
    }

    /// A JSON answer.
    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    /// An HTML page that is not to be stored.
    pub(crate) fn page(status: u16, html: impl Into<Bytes>) -> Self {
        Self::new(status, "text/html; charset=utf-8", html).with("cache-control", "no-store")
    }

    /// A redirect (302) to `location`.
    pub(crate) fn redirect(location: &str) -> Self {
        let headers = vec![("location", location.to_owned()), ("cache-control", "no-store".into())];
        Self { status: 302, headers, body: Payload::Whole(Bytes::new()) }
    }

    /// An answer whose body arrives bit by bit, until the sender is dropped.
    pub(crate) fn stream(content_type: &str, parts: mpsc::Receiver<Bytes>) -> Self {
        let mut reply = Self::new(200, content_type, Bytes::new());
        reply.body = Payload::Stream(parts);
        reply
    }

    /// The connection is closed without an answer.
    pub(crate) const fn close() -> Self {
        Self { status: 500, headers: Vec::new(), body: Payload::Close }
    }

    /// The same answer, of which only a part arrives.
    pub(crate) fn truncated(mut self) -> Self {
        if let Payload::Whole(bytes) = self.body {
            let half = bytes.slice(..bytes.len() / 2);
            self.headers.push(("content-length", (bytes.len().max(1)).to_string()));
            self.body = Payload::Truncated(half);
        }
        self
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn into_http(self) -> io::Result<hyper::Response<Body>> {
        let mut builder = hyper::Response::builder().status(self.status);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        let body = match self.body {
            Payload::Close => return Err(io::Error::other("closed on purpose")),
            Payload::Whole(bytes) => Body::Whole(Some(bytes)),
            Payload::Truncated(bytes) => Body::Truncated(Some(bytes)),
            Payload::Stream(parts) => Body::Stream(parts),
        };
        builder.body(body).map_err(io::Error::other)
    }
}

enum Body {
    Whole(Option<Bytes>),
    Truncated(Option<Bytes>),
    Stream(mpsc::Receiver<Bytes>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Truncated(bytes) => Poll::Ready(Some(match bytes.take() {
                Some(bytes) => Ok(Frame::data(bytes)),
                None => Err(io::Error::other("cut off on purpose")),
            })),
            Self::Stream(parts) => {
                parts.poll_recv(context).map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Truncated(_) | Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Answers requests; called on the server's own thread.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The answer to `request`.
    fn handle(self: Arc<Self>, request: Request) -> impl Future<Output = Reply> + Send;
}

enum Command {
    /// Refuse connections, and break those that are open.
    Pause(blocking::Sender<io::Result<()>>),
    Resume(blocking::Sender<io::Result<()>>),
    Stop,
}

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts on 127.0.0.1 and `port` (0: a free one) what `handler` makes of the port.
    ///
    /// Errors: the port is taken, or no thread can be started.
    pub(crate) fn start<H: Handler>(
        port: u16,
        handler: impl FnOnce(u16) -> Arc<H>,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let handler = handler(address.port());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new().name("dev-server".into()).spawn(move || {
            runtime.block_on(async move {
                match TcpListener::from_std(listener) {
                    Ok(listener) => serve(listener, address, handler, inbox).await,
                    Err(error) => eprintln!("cannot listen on {address}: {error}"),
                }
            });
        })?;
        Ok(Self { address, commands, thread: Some(thread) })
    }

    /// The port that is listened on.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on connections are refused; open ones are broken.
    pub(crate) fn pause(&self) -> io::Result<()> {
        self.command(Command::Pause)
    }

    /// Listens again, on the same port.
    pub(crate) fn resume(&self) -> io::Result<()> {
        self.command(Command::Resume)
    }

    fn command(
        &self,
        command: impl FnOnce(blocking::Sender<io::Result<()>>) -> Command,
    ) -> io::Result<()> {
        let (done, answer) = blocking::channel();
        let _ = self.commands.send(command(done));
        answer.recv().map_err(io::Error::other)?
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    handler: Arc<impl Handler>,
    mut inbox: mpsc::UnboundedReceiver<Command>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(listener.as_ref()) => {
                // A client that is gone before it was accepted is no reason to stop.
                if let Ok(stream) = accepted {
                    connections.spawn(converse(stream, Arc::clone(&handler)));
                }
            }
            Some(_) = connections.join_next() => {}
            command = inbox.recv() => match command {
                Some(Command::Pause(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    let _ = done.send(Ok(()));
                }
                Some(Command::Resume(done)) => {
                    let _ = done.send(match &listener {
                        Some(_) => Ok(()),
                        None => TcpListener::bind(address).await.map(|bound| listener = Some(bound)),
                    });
                }
                Some(Command::Stop) | None => return,
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn converse(stream: TcpStream, handler: Arc<impl Handler>) {
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move {
            let reply = match read(request).await {
                Ok(request) => handler.handle(request).await,
                Err(_) => Reply::close(),
            };
            reply.into_http()
        }
    });
    // Errors here are clients that went away, or connections that were closed on purpose.
    let _ = hyper::server::conn::http1::Builder::new()
        .max_buf_size(1 << 20)
        .max_headers(1024)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, hyper::Error> {
    let (head, body) = request.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = body.collect().await?.to_bytes();
    Ok(Request { method: head.method.to_string(), target: head.uri.to_string(), headers, body })
}
