//! Connections that stay open, and the same request over all of them, again and again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use oidc_gate_e2e::wait::LIMIT;

/// Connections to each listener; as many requests are under way at once.
const CONNECTIONS: usize = 8;
/// How often each connection is used in one burst.
const TURNS: usize = 3;

/// One kind of request, at one listener.
pub(crate) struct Client {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    /// What the answer ends with; it tells what reached the upstream.
    expected: String,
}

impl Client {
    /// Connects. The upstream's answer to `request` must end with `expected`.
    pub(crate) fn connect(address: SocketAddr, request: Vec<u8>, expected: String) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect(address).expect("the listener is there");
            stream.set_nodelay(true).expect("TCP has no delay");
            stream.set_read_timeout(Some(LIMIT)).expect("sockets have time-outs");
            stream
        };
        Self { connections: (0..CONNECTIONS).map(connect).collect(), request, expected }
    }

    /// Sends the request often, checks each answer, and says how often it was.
    pub(crate) fn burst(&mut self) -> usize {
        for _ in 0..TURNS {
            for connection in &mut self.connections {
                connection.write_all(&self.request).expect("the connection stays open");
            }
            for connection in &mut self.connections {
                let answer = read(connection, self.expected.as_bytes());
                assert!(
                    answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&self.expected),
                    "expected 200 and {:?}, found:\n{answer}",
                    self.expected
                );
            }
        }
        TURNS * CONNECTIONS
    }
}

/// Reads until the answer ends with `end`, or nothing more comes.
fn read(connection: &mut TcpStream, end: &[u8]) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(end) {
        match connection.read(&mut buffer) {
            Ok(length) if length > 0 => answer.extend_from_slice(&buffer[..length]),
            _ => break,
        }
        if answer.starts_with(b"HTTP/1.1 ") && !answer.starts_with(b"HTTP/1.1 200 ") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}
