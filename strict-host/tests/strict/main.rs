//! The real .wasm in a host that forgives nothing: whole flows, and whatever a host may do wrong.

#[path = "../../../tests/flows/browser.rs"]
#[allow(dead_code, reason = "the browser of tests/flows; not all of it is needed here")]
mod browser;
#[path = "../../../tests/docs/columns.rs"]
#[allow(dead_code, reason = "the columns of other hosts")]
mod columns;
#[path = "../../../tests/flows/introspection.rs"]
mod introspection;
#[path = "../../../tests/flows/provider.rs"]
#[allow(dead_code, reason = "the provider of tests/flows; not all of it is needed here")]
mod provider;
mod scene;
#[path = "../../../tests/flows/sent.rs"]
#[allow(dead_code, reason = "the calls of tests/flows; not all of it is needed here")]
mod sent;

mod access_log;
mod capabilities;
mod lesser;
mod login;
mod matrix;
mod memory;
mod metrics;
mod order;
mod reconfigure;
mod removal;
mod routes;
mod table;
mod trailers;
mod twice;
