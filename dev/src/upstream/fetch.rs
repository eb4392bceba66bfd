//! A request of a service's own: for the provider's keys, and for what a thief tries.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Response;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than this is nothing that anybody here asks for.
const LIMIT: usize = 256 * 1024;

/// GETs an `http://` address, with `headers`.
///
/// Errors: there is no whole answer in time.
pub(super) async fn get(uri: &str, headers: &[(&str, &str)]) -> io::Result<Response<Bytes>> {
    tokio::time::timeout(PATIENCE, exchange(uri, headers)).await?
}

async fn exchange(uri: &str, headers: &[(&str, &str)]) -> io::Result<Response<Bytes>> {
    let rest =
        uri.strip_prefix("http://").ok_or_else(|| io::Error::other("not an http:// address"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let mut request = hyper::Request::get(format!("/{path}")).header("host", authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LIMIT).collect().await;
    connection.abort();
    Ok(Response::from_parts(head, body.map_err(io::Error::other)?.to_bytes()))
}
