//! A service behind the gate: remembers what reaches it, and answers with it.
//!
//! Without [`Verification`] it answers everything with what it received: for tests of what the gate lets through. With
//! it, it is the API of the demo: it verifies the bearer token itself, as any API behind the gate should.

mod api;
mod echo;
mod fetch;
mod keys;
mod thief;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};

use self::api::Api;
use crate::server::{Handler, Reply, Request, Server};
use crate::words::hex;

/// How to start a [`DevUpstream`].
#[derive(Clone, Debug, Default)]
pub struct UpstreamOptions {
    /// The port on 127.0.0.1; 0: a free one.
    pub port: u16,
    /// What it calls itself in its answers.
    pub name: String,
    /// `Some`: only requests with a right bearer token are answered.
    pub verification: Option<Verification>,
    /// `Some`: a thief. Asked for a path that ends in `/theft`, it plays the bearer token that it received to this
    /// `http://` address, and tells what came of it.
    pub plays_to: Option<String>,
}

/// What an API expects of a bearer token.
#[derive(Clone, Debug)]
pub struct Verification {
    /// `iss`, exactly.
    pub issuer: String,
    /// Where the keys are: an `http://` address.
    pub jwks_uri: String,
    /// What `aud` must name. `None`: the API takes every token of the issuer's, whoever it was made for; that is the
    /// mistake which a thief lives by.
    pub audience: Option<String>,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When it was whole.
    pub at: SystemTime,
    /// The method.
    pub method: String,
    /// The request target: path and query.
    pub path: String,
    /// Names in lower case, in the order of their first appearance; a repeated header stays repeated.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body.
    pub body_length: usize,
    /// SHA-256 of the body in hexadecimal.
    pub body_sha256: String,
}

impl Received {
    fn of(request: &Request) -> Self {
        Self {
            at: SystemTime::now(),
            method: request.method.clone(),
            path: request.target.clone(),
            headers: request.headers.clone(),
            body_length: request.body.len(),
            body_sha256: hex(Sha256::digest(&request.body)),
        }
    }

    /// The first value of the header `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of the header `name` (lower case).
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self.headers.iter().filter(move |(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The bearer token, if there is exactly one `Authorization` and it holds one.
    pub fn bearer(&self) -> Option<&str> {
        let mut all = self.all("authorization");
        let only = all.next().filter(|_| all.next().is_none())?;
        only.strip_prefix("Bearer ")
    }
}

/// A running service. It stops when dropped.
pub struct DevUpstream {
    service: Arc<Service>,
    server: Server,
}

struct Service {
    name: String,
    api: Option<Api>,
    plays_to: Option<String>,
    received: Mutex<Vec<Received>>,
}

impl DevUpstream {
    /// Starts a service on 127.0.0.1.
    ///
    /// Errors: the port is taken, or there is no thread to be had.
    pub fn start(options: UpstreamOptions) -> io::Result<Self> {
        let UpstreamOptions { port, name, verification, plays_to } = options;
        let api = verification.map(|rules| Api::new(name.clone(), rules));
        let service = Arc::new(Service { name, api, plays_to, received: Mutex::default() });
        let server = Server::start(port, |_| Arc::clone(&service))?;
        Ok(Self { service, server })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// All requests so far, in the order in which they were whole.
    pub fn requests(&self) -> Vec<Received> {
        self.service.received().clone()
    }

    /// Forgets all requests so far.
    pub fn clear(&self) {
        self.service.received().clear();
    }

    /// Waits until `count` requests have arrived.
    ///
    /// Errors: those that have arrived, when `patience` is over.
    pub fn wait_for(
        &self,
        count: usize,
        patience: Duration,
    ) -> Result<Vec<Received>, Vec<Received>> {
        let started = Instant::now();
        loop {
            let requests = self.requests();
            if requests.len() >= count {
                return Ok(requests);
            }
            if started.elapsed() > patience {
                return Err(requests);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// From now on connections are refused, and open ones are broken.
    ///
    /// Errors: the server's thread is gone.
    pub fn stop_listening(&self) -> io::Result<()> {
        self.server.pause()
    }

    /// Listens again, on the same port.
    ///
    /// Errors: somebody else has taken the port.
    pub fn resume(&self) -> io::Result<()> {
        self.server.resume()
    }
}

impl Service {
    fn received(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Service {
    async fn handle(self: Arc<Self>, request: Request) -> Reply {
        let received = Received::of(&request);
        self.received().push(received.clone());
        if let Some(target) = self.plays_to.as_ref().filter(|_| thief::is_asked(&request)) {
            return thief::play(target, &received).await;
        }
        match &self.api {
            Some(api) => api.answer(&received).await,
            None => echo::answer(&self.name, &request, &received),
        }
    }
}
