//! Whole flows through [`oidc_gate::gate::Worker`], with a host that does what a test says:
//! every branch of every flow, every fault at every step. One file for each file of `src/gate`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may stop where it went wrong"
)]

mod access_log;
mod acquire;
mod acquire_faults;
mod bearer;
mod browser;
mod clock;
mod forms;
mod forms_kept;
mod hops;
mod host;
mod identity_headers;
mod introspection;
mod keys;
mod metrics;
mod narrow_faults;
mod opaque;
mod opaque_answers;
mod opaque_faults;
mod process;
mod provider;
mod reconfigure;
mod refresh;
mod refresh_faults;
mod reply;
mod request;
mod resource;
mod rights;
mod rules;
mod scene;
mod secrets;
mod sent;
mod session_info;
mod slow;
mod steps;
mod told;
mod trip;
mod trip_faults;
mod trip_workers;
mod verdict;
mod wait;
mod workers;

mod callback;
mod callback_tokens;
mod login;
mod logout;
mod narrow;
