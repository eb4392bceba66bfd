//! The real .wasm in a real Envoy, with the development provider: what is seen over HTTP, one file per topic.
//!
//! Each test starts its own provider, upstream and Envoy, and waits for conditions only. An Envoy whose filter died, or
//! that wrote a token or secret into its log, fails the test that used it: see [`oidc_gate_e2e::envoy`].

mod access_log;
mod acquire;
mod acquire_turns;
mod attacks;
mod bearer;
mod callback;
#[path = "../../../tests/docs/columns.rs"]
#[allow(dead_code, reason = "the columns of other hosts")]
mod columns;
mod commands;
mod config;
mod cookies;
mod deaths;
mod expiry;
mod fleet;
mod forms;
mod hostile;
mod hosts;
mod load;
mod login;
mod logout;
mod metrics;
mod opaque;
#[path = "../../../tests/docs/pages.rs"]
mod pages;
mod parts;
mod paths;
mod provider;
mod refresh;
mod refresh_answers;
mod reload;
mod resource;
mod routes;
mod seen;
mod session;
mod several;
mod streams;
mod workers;
