//! What a request needs before it may pass: the operator's rules, compiled once.
//!
//! [`Rules`] decides on method and path as the upstream may read them, never on the query, and on
//! the host's name for the route. [`satisfy`] asks whether a user has the rights that a rule wants.
//! [`navigation`] tells a page load from a `fetch()` (Fetch Metadata), and finds unsafe
//! requests that another site sent (RFC 9700 section 4.7; RFC 6455 section 10.2).

mod claims;
pub mod navigation;
mod path;
mod rules;

pub use claims::{MissingRight, satisfy};
pub use rules::{AmbiguousPath, Asked, Decision, Rules};
