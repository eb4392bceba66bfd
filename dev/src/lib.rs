//! The development provider, the upstream that shows what reached it, and the demo that `make run` starts.
//!
//! Nothing here is for production: the provider knows two users whose passwords are their names, and obeys
//! [`Faults`] that make it lie. It is what newcomers log in at, and what the tests break on purpose.
//!
//! - [`DevProvider`]: OpenID Connect as Keycloak speaks it, on a port and a thread of its own.
//! - [`DevUpstream`]: a server that remembers each request in order and answers with what it received.
//!
//! - [`DemoPage`]: the page of the demo.
//!
//! All stop when dropped, and are called from plain, blocking test code. The binary of this package puts them together
//! with Envoy: see `oidc-gate-dev --help`.

mod demo;
mod provider;
mod server;
mod upstream;
mod words;

pub use demo::DemoPage;
pub use jsonwebtoken::Algorithm;
pub use provider::{
    Calls, DevProvider, Endpoint, Fault, Faults, IssParameter, Minted, ProviderOptions,
    TokenRequest,
};
pub use upstream::{DevUpstream, Received, UpstreamOptions, Verification};
