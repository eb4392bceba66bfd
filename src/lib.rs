//! A login gate for Envoy, Istio and other proxy-wasm hosts.
//!
//! A browser is logged in with OpenID Connect; the API behind the gate receives
//! `Authorization: Bearer <access token>`. The ID token and the access token are
//! verified each by its own rule, with its own list of audiences, at login, at
//! refresh and on every request.
//!
//! The way of a request, and the layers; a module uses only what stands below it:
//!
//! ```text
//!  host ──> proxy ──> gate ──> session, policy ──> token, provider ──> config ──> jose, http ──> crypto ──> wire
//!           │         │ decides: one Step a request
//!           │         └ no I/O, no clock, no randomness of its own: all three are handed in
//!           └ the only place that knows proxy-wasm
//! ```

pub mod wire;

pub mod crypto;

pub mod http;
pub mod jose;

pub mod config;

pub mod provider;
pub mod token;

pub mod policy;
pub mod session;

pub mod gate;

#[cfg(target_arch = "wasm32")]
mod proxy;
