//! Exchanges over HTTP/2 whose parts are sent and read one by one: streams with trailers, and WebSockets (RFC 8441).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::h2::{RUNTIME, lines, written};
use super::{Answer, Request};
use crate::wait::LIMIT;

/// A connection of HTTP/2 on which requests are begun and go on beside each other.
pub struct Streams {
    address: SocketAddr,
    sender: http2::SendRequest<Parts>,
}

/// A request that goes on until it is ended, and its answer, part by part.
pub struct Stream {
    parts: Option<mpsc::UnboundedSender<Frame<Bytes>>>,
    answer: Coming,
}

enum Coming {
    Head(JoinHandle<hyper::Result<hyper::Response<Incoming>>>),
    Body(Incoming),
    Nothing,
}

/// A piece of an answer after its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Some of the body.
    Data(Vec<u8>),
    /// The trailers.
    Trailers(Vec<(String, String)>),
    /// There is nothing more.
    End,
}

/// The body of a request, as it is given to [`Stream::send`].
struct Parts(mpsc::UnboundedReceiver<Frame<Bytes>>);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}

impl Streams {
    /// Connects to `address`.
    ///
    /// # Errors
    /// What connecting may end with.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { address, sender: connect(address)? })
    }

    /// Sends the head of `request`.
    ///
    /// # Errors
    /// Where it is no request that can be written.
    pub fn begin(&self, request: &Request) -> io::Result<Stream> {
        let (parts, body) = mpsc::unbounded_channel();
        let head = written(request, self.address, Parts(body))?;
        let mut sender = self.sender.clone();
        let answer = RUNTIME.spawn(async move { sender.send_request(head).await });
        Ok(Stream { parts: Some(parts), answer: Coming::Head(answer) })
    }
}

impl Stream {
    /// Sends the head of `request` on a connection of its own.
    ///
    /// # Errors
    /// What connecting may end with.
    pub fn open(address: SocketAddr, request: &Request) -> io::Result<Self> {
        Streams::open(address)?.begin(request)
    }

    /// Sends some of the body.
    pub fn send(&self, bytes: &[u8]) {
        self.frame(Frame::data(Bytes::copy_from_slice(bytes)));
    }

    /// Ends the request; with trailers, where there are any.
    pub fn end(&mut self, trailers: &[(&'static str, &'static str)]) {
        if !trailers.is_empty() {
            let mut map = HeaderMap::new();
            for (name, value) in trailers {
                map.append(*name, hyper::header::HeaderValue::from_static(value));
            }
            self.frame(Frame::trailers(map));
        }
        self.parts = None;
    }

    fn frame(&self, frame: Frame<Bytes>) {
        // Where the other side is gone already, its answer says so.
        let _ = self.parts.as_ref().expect("the request has not ended").send(frame);
    }

    /// Waits for the head of the answer; its body stays empty.
    ///
    /// # Errors
    /// Where there is none, or nothing came for a minute.
    pub fn head(&mut self) -> io::Result<Answer> {
        let Coming::Head(answer) = std::mem::replace(&mut self.answer, Coming::Nothing) else {
            panic!("the head of an answer comes once");
        };
        let answer = patiently(async { answer.await.map_err(io::Error::other) })?;
        let answer = answer.map_err(io::Error::other)?;
        let (status, headers) = (answer.status().as_u16(), lines(answer.headers()));
        self.answer = Coming::Body(answer.into_body());
        Ok(Answer { status, headers, body: Vec::new() })
    }

    /// Waits for the next piece of the answer.
    ///
    /// # Errors
    /// Where it breaks off, or nothing came for a minute.
    pub fn part(&mut self) -> io::Result<Part> {
        let Coming::Body(body) = &mut self.answer else {
            panic!("the head of the answer is first")
        };
        loop {
            let frame =
                patiently(async { body.frame().await.transpose().map_err(io::Error::other) });
            match frame?.map(Frame::into_data) {
                None => return Ok(Part::End),
                // The end of a stream may be a frame of its own.
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => return Ok(Part::Data(data.to_vec())),
                Some(Err(frame)) => {
                    let trailers = frame.into_trailers().expect("data or trailers");
                    return Ok(Part::Trailers(lines(&trailers)));
                }
            }
        }
    }
}

/// A WebSocket over HTTP/2: bytes both ways after the answer's head.
pub struct Tunnel(TokioIo<Upgraded>);

impl Tunnel {
    /// Asks for a WebSocket by an extended CONNECT (RFC 8441 section 4). `request` gives target and headers.
    ///
    /// # Errors
    /// What connecting may end with. The inner error is the answer of whoever refuses.
    pub fn open(
        address: SocketAddr,
        request: &Request,
    ) -> io::Result<Result<(Self, Answer), Answer>> {
        let mut sender = connect(address)?;
        // Whether the other side allows it is in its settings (section 3), which have come when it has answered anything.
        let first = Request { headers: Vec::new(), ..request.clone() };
        let first = written(&first, address, Parts(mpsc::unbounded_channel().1))?;
        patiently(async { sender.send_request(first).await.map_err(io::Error::other) })?;

        let (_, body) = mpsc::unbounded_channel();
        let request = Request { method: "CONNECT".into(), ..request.clone() };
        let mut head = written(&request, address, Parts(body))?;
        head.extensions_mut().insert(hyper::ext::Protocol::from_static("websocket"));
        patiently(async move {
            let answer = sender.send_request(head).await.map_err(io::Error::other)?;
            let (status, headers) = (answer.status().as_u16(), lines(answer.headers()));
            if status == 200 {
                let upgraded = hyper::upgrade::on(answer).await.map_err(io::Error::other)?;
                let answer = Answer { status, headers, body: Vec::new() };
                return Ok(Ok((Self(TokioIo::new(upgraded)), answer)));
            }
            let body = answer.into_body().collect().await.map_err(io::Error::other)?;
            Ok(Err(Answer { status, headers, body: body.to_bytes().to_vec() }))
        })
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// Where the other side is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        patiently(self.0.write_all(bytes))
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    /// Where they do not come.
    pub fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        patiently(self.0.read_exact(&mut bytes))?;
        Ok(bytes)
    }
}

fn connect(address: SocketAddr) -> io::Result<http2::SendRequest<Parts>> {
    patiently(async move {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        sender.ready().await.map_err(io::Error::other)?;
        Ok(sender)
    })
}

fn patiently<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    RUNTIME.block_on(async {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "nothing came over HTTP/2");
        timeout(LIMIT, what).await.map_err(late)?
    })
}
