//! HTTP/2 with prior knowledge (RFC 9113 section 3.3), by hyper.

use std::io;
use std::net::SocketAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{Answer, Request};
use crate::wait::LIMIT;

/// What Chromium takes of an answer's headers; hyper by itself takes 16 KiB.
const HEADERS_LIMIT: u32 = 256 * 1024;

pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be started")
});

pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        RUNTIME.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(HEADERS_LIMIT)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(Self { sender, address })
        })
    }

    pub(super) fn send(&self, request: &Request) -> io::Result<Answer> {
        RUNTIME.block_on(exchange(self.sender.clone(), self.address, request.clone()))
    }

    pub(super) fn send_together(&self, requests: &[Request]) -> Vec<io::Result<Answer>> {
        RUNTIME.block_on(async {
            let under_way: Vec<_> = requests
                .iter()
                .map(|request| {
                    tokio::spawn(exchange(self.sender.clone(), self.address, request.clone()))
                })
                .collect();
            let mut answers = Vec::new();
            for answer in under_way {
                answers.push(answer.await.map_err(io::Error::other).flatten());
            }
            answers
        })
    }
}

async fn exchange(
    mut sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    request: Request,
) -> io::Result<Answer> {
    let head = written(&request, address, Full::new(Bytes::from(request.body.clone())))?;
    timeout(LIMIT, async {
        let answer = sender.send_request(head).await.map_err(io::Error::other)?;
        let (status, headers) = (answer.status().as_u16(), lines(answer.headers()));
        let body =
            answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
        Ok(Answer { status, headers, body })
    })
    .await
    .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer over HTTP/2"))?
}

/// The request as hyper takes it, with this body.
pub(super) fn written<B>(
    request: &Request,
    address: SocketAddr,
    body: B,
) -> io::Result<hyper::Request<B>> {
    let host = request.host.clone().unwrap_or_else(|| address.to_string());
    let mut head = hyper::Request::builder()
        .method(request.method.as_bytes())
        .uri(format!("http://{host}{}", request.target))
        .body(body)
        .map_err(io::Error::other)?;
    for (name, value) in &request.headers {
        let name =
            hyper::header::HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        head.headers_mut()
            .append(name, hyper::header::HeaderValue::from_bytes(value).map_err(io::Error::other)?);
    }
    Ok(head)
}

/// Header lines, or trailers, as text.
pub(super) fn lines(headers: &hyper::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}
