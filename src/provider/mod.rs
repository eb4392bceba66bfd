//! The provider: what this worker knows of it, when to ask again, and how to talk to it.
//!
//! OpenID Connect Discovery 1.0, RFC 8414, OIDC Core 3.1.2.1 and 3.1.3, RFC 6749, RFC 7636,
//! RFC 9207, RP-Initiated Logout 1.0. Nothing here does I/O: a call is a value that the host
//! carries out, and its answer comes back as bytes that somebody else's machine wrote.
//!
//! ```text
//! known     what this worker knows: metadata and keys       schedule  when a fetch is due
//! discovery the provider's metadata, Discovery 4.3           keys      the life of the key set
//! call      a request to the provider, as a value            answer    what came back, bounded
//! authorize URLs a browser is sent to; the response's `iss`  client_auth  RFC 6749 2.3
//! token_endpoint  code and refresh out, tokens or error in   error     messages for operators
//! introspection   a token out, what the provider says of it in, RFC 7662
//! ```

pub mod authorize;
pub mod token_endpoint;

mod answer;
mod call;
mod client_auth;
mod discovery;
mod error;
pub mod introspection;
mod keys;
mod known;
mod schedule;

pub use answer::{Answer, LONGEST_BODY};
pub use call::HttpCall;
pub use client_auth::unsupported_method;
pub use discovery::Metadata;
pub use error::{Fault, ProviderError};
pub use introspection::{IntrospectionError, Said};
pub use keys::KeysWanted;
pub use known::{Fetch, Learned, Provider};
pub use token_endpoint::{TokenAnswer, TokenError};

#[cfg(test)]
mod fixture;
