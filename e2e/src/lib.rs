//! The harness of the end-to-end tests: a real Envoy, a browser of a few lines, and sockets that write any byte.
//!
//! Everything blocks and everything panics with a readable sentence: a test is a list of steps, read from top to
//! bottom. Nothing sleeps for a guessed time; [`wait::until`] waits for a condition. Ports are chosen by the kernel and
//! read back, so tests run in parallel, and whatever they start dies with them.
//!
//! ```text
//! envoy      starts Envoy, knows its port and its log, and at the end looks for signs of a dead filter
//! http       one request, one answer, one connection: HTTP/1.1 by hand, HTTP/2 by hyper
//! gate       provider, upstream and an Envoy with the filter between: the scene of most tests
//! browser    cookies, redirects, forms, what a person does; page loads and fetch() as browsers mark them
//! chromium   a real browser, headless: what it makes of the gate's answers no imitation can tell
//! peers      upstreams that talk while they listen: WebSocket, server-sent events, gRPC
//! load       browsers at work: several connections each, requests at once, old cookies late; and what became of it
//! keycloak   a real Keycloak, shared by the tests of a binary, and what its administrator does
//! mesh       Istio without a cluster: its control plane, told what is in deploy/istio, and a proxy that obeys it
//! jwt        a look into tokens, without any check
//! process    a child process that cannot outlive the tests
//! wait       conditions instead of sleeping
//! ```

pub mod browser;
pub mod chromium;
pub mod envoy;
pub mod gate;
pub mod http;
pub mod jwt;
pub mod keycloak;
pub mod load;
pub mod mesh;
pub mod peers;
pub mod process;
pub mod wait;
