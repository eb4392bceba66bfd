//! The provider's keys, as an API fetches and keeps them: asked for again when a token names one that is not there.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long the provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than this is no key set.
const LIMIT: usize = 256 * 1024;

/// The keys that were last seen.
pub(super) struct Keys {
    uri: String,
    known: Mutex<Vec<Jwk>>,
}

impl Keys {
    /// Keys at an `http://` address; none are fetched yet.
    pub(super) const fn at(uri: String) -> Self {
        Self { uri, known: Mutex::new(Vec::new()) }
    }

    /// The key named `kid`, fetched if need be. `Ok(None)`: the provider has none of that name.
    ///
    /// Errors: the provider does not answer, or not with keys.
    pub(super) async fn named(&self, kid: &str) -> io::Result<Option<Jwk>> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        let body = tokio::time::timeout(PATIENCE, get(&self.uri)).await??;
        let set: Value = serde_json::from_slice(&body)?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or_else(|| io::Error::other("the provider's key set has no member `keys`"))?;
        // A key of a kind that this library does not know is no reason to do without the others.
        let usable = keys.iter().filter_map(|key| serde_json::from_value(key.clone()).ok());
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = usable.collect();
        Ok(self.known(kid))
    }

    fn known(&self, kid: &str) -> Option<Jwk> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|key| key.common.key_id.as_deref() == Some(kid)).cloned()
    }
}

async fn get(uri: &str) -> io::Result<Bytes> {
    let rest =
        uri.strip_prefix("http://").ok_or_else(|| io::Error::other("not an http:// address"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get(format!("/{path}"))
        .header("host", authority)
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    if answer.status() != 200 {
        return Err(io::Error::other(format!("{uri} answered {}", answer.status())));
    }
    let body = Limited::new(answer.into_body(), LIMIT).collect().await;
    connection.abort();
    body.map(http_body_util::Collected::to_bytes).map_err(io::Error::other)
}
