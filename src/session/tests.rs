//! Sessions and logins as browsers carry them, and as attackers would like to.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test may panic, in its helpers too"
)]

mod browser;
mod forms;
mod hostile;
mod keycloak;
mod keys;
mod logins;
mod sessions;
mod times;
mod versions;
