//! The demo's page: plain HTML and a few lines of script, with no login code in it. All it knows of the gate is where to
//! ask who is signed in, and where to sign in and out.

use std::io;
use std::sync::Arc;

use crate::server::{Handler, Reply, Request, Server};

const PAGE: &str = include_str!("page.html");

/// A running web server with the page. It stops when dropped.
pub struct DemoPage {
    server: Server,
}

struct Page;

impl DemoPage {
    /// Starts on 127.0.0.1 and `port` (0: a free one).
    ///
    /// Errors: the port is taken, or there is no thread to be had.
    pub fn start(port: u16) -> io::Result<Self> {
        Ok(Self { server: Server::start(port, |_| Arc::new(Page))? })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }
}

impl Handler for Page {
    async fn handle(self: Arc<Self>, request: Request) -> Reply {
        match (request.method.as_str(), request.path()) {
            ("GET" | "HEAD", "/" | "/index.html") => Reply::page(200, PAGE),
            _ => Reply::new(
                404,
                "text/plain; charset=utf-8",
                "There is nothing here. The page is at /\n",
            ),
        }
    }
}
