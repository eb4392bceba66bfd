//! Random bytes wherever a client may put bytes: no copy of the filter may die of them, and none may let one through.
//!
//! Same seed, same requests: a failure can be repeated. That nothing died is seen twice: every worker still answers with
//! the copy that it began with, and the harness looks for panics in the log.

use std::net::SocketAddr;
use std::thread;

use oidc_gate_dev::Minted;
use oidc_gate_e2e::gate::{Gate, HOME};
use oidc_gate_e2e::http::{self, PROTOCOLS, Request};
use serde_json::json;

use crate::seen::{copies, received};

const REQUESTS: u64 = 10_000;
const THREADS: u64 = 4;

/// xorshift64*, Marsaglia and Vigna: small and repeatable, good enough to be hostile with.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// What Envoy lets through in a header's value, so that it reaches the filter; once in sixteen times any byte at all.
    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let (length, wild) = (self.below(most), self.below(16) == 0);
        let byte = |random: &mut Self| (random.next() >> 40) as u8;
        (0..length)
            .map(|_| byte(self))
            .filter(|byte| wild || (*byte >= b' ' && *byte != 0x7f) || *byte == b'\t')
            .collect()
    }

    /// Bytes for a path or query: half of the time pieces that mean something to somebody.
    fn path(&mut self) -> Vec<u8> {
        const PIECES: [&str; 24] = [
            "/", "//", "\\", "..", "/../", "%2e%2e", "%2f", "%5c", "%00", ";x=y", "?", "#", "%",
            "%zz", "api", "public", "oauth2", "callback", "code=", "state=", "&", "=", "%fc",
            "%c0%ae",
        ];
        let mut path = b"/".to_vec();
        for _ in 0..self.below(12) {
            if self.below(2) == 0 {
                path.extend_from_slice(self.one(&PIECES).as_bytes());
            } else {
                let wild = self.below(16) == 0;
                path.extend(
                    self.bytes(12).into_iter().filter(|byte| wild || byte.is_ascii_graphic()),
                );
            }
        }
        path
    }

    /// A right value with some bytes changed, cut or doubled.
    fn damaged(&mut self, value: &str) -> Vec<u8> {
        let mut bytes = value.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), *self.one(b".=;,\" %\xff%\\")),
                2 if !bytes.is_empty() => drop(bytes.remove(at.min(bytes.len() - 1))),
                3 => bytes.extend_from_within(at.min(bytes.len())..),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = byte.wrapping_add(1).max(b'!');
                    }
                }
            }
        }
        bytes.truncate(20_000);
        bytes
    }
}

/// What is right, for damaging.
struct Right {
    session: String,
    attempt: String,
    token: String,
}

fn request(random: &mut Random, right: &Right) -> Vec<u8> {
    let path = match random.below(6) {
        0 => [b"/oauth2/callback?code=c&state=".as_slice(), &random.bytes(60)].concat(),
        1 => [b"/oauth2/login?return_to=".as_slice(), &random.path()].concat(),
        2 => b"/x".to_vec(),
        3 => b"/oauth2/session".to_vec(),
        _ => random.path(),
    };
    let mut line = random
        .one(&["GET", "GET", "GET", "POST", "HEAD", "get", "PROPFIND", "G@T"])
        .as_bytes()
        .to_vec();
    line.extend_from_slice(b" ");
    line.extend(path.into_iter().filter(|byte| *byte != b' '));
    line.extend_from_slice(b" HTTP/1.1\r\nconnection: close\r\nhost: ");
    match random.below(20) {
        0 => line.extend(random.bytes(30)),
        _ => line.extend_from_slice(HOME.as_bytes()),
    }
    for _ in 0..random.below(5) {
        line.extend_from_slice(b"\r\n");
        let value = match random.below(8) {
            0 => [b"cookie: oidc_gate=".as_slice(), &random.bytes(400)].concat(),
            1 => [b"cookie: ".as_slice(), &random.damaged(&right.session)].concat(),
            2 => [b"cookie: ".as_slice(), &random.damaged(&right.attempt)].concat(),
            3 => [b"cookie: ".as_slice(), &random.bytes(400)].concat(),
            4 => [b"authorization: Bearer ".as_slice(), &random.damaged(&right.token)].concat(),
            5 => [b"authorization: ".as_slice(), &random.bytes(200)].concat(),
            6 => {
                let name = random.one(&[
                    "accept",
                    "origin",
                    "x-user",
                    "x_user",
                    "upgrade",
                    "sec-fetch-site",
                    "sec-fetch-mode",
                    "x-request-id",
                ]);
                [name.as_bytes(), b": ", &random.bytes(80)].concat()
            }
            _ => b"accept: text/html".to_vec(),
        };
        line.extend(value);
    }
    line.extend_from_slice(b"\r\n\r\n");
    line
}

/// Sends hostile requests until its share of them has reached the filter; the others Envoy refused itself.
fn hostile_client(address: SocketAddr, seed: u64, right: &Right) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut reached = 0;
    for number in 0.. {
        let bytes = request(&mut random, right);
        let told = || format!("seed {seed}, request {number}: {}", String::from_utf8_lossy(&bytes));
        let answer =
            http::raw(address, &bytes).unwrap_or_else(|problem| panic!("{problem}: {}", told()));
        let Some(answer) = answer else { continue };
        assert!(answer.status < 500, "{answer:?}\n{}", told());
        reached +=
            u64::from(answer.status == 200 || answer.header("cache-control") == Some("no-store"));
        if reached == REQUESTS / THREADS {
            break;
        }
        assert!(
            number < REQUESTS,
            "only {reached} of {number} requests reach the filter: this tests Envoy"
        );
    }
}

#[test]
fn ten_thousand_hostile_requests_leave_every_worker_alive() {
    let gate = Gate::new().concurrency(2).raw_paths().start();
    let mut browser = gate.browser();
    browser.visit(&gate.url("/x"));
    let attempt = browser.jar.line(&gate.at("/")).expect("a login was begun");
    browser.login(&gate.url("/home"), "alice");
    let session = browser.jar.line(&gate.at("/")).expect("there is a session");
    let right = Right { session, attempt, token: gate.provider.mint(Minted::Access, json!({})) };

    let address = gate.envoy.address();
    let before = copies(&gate);
    thread::scope(|scope| {
        for seed in 1..=THREADS {
            let right = &right;
            scope.spawn(move || hostile_client(address, seed, right));
        }
    });

    // Each worker answers, and with the copy of the filter that it began with.
    for protocol in PROTOCOLS {
        for _ in 0..8 {
            let page = Request::get("/alive").header("cookie", &right.session).page_load();
            assert_eq!(gate.send_over(protocol, page).status, 200);
            assert_eq!(gate.send_over(protocol, Request::get("/alive").fetch()).status, 401);
        }
    }
    assert_eq!(received(&gate, "/alive").len(), 16);
    assert_eq!(copies(&gate), before, "no copy was started anew");
}
