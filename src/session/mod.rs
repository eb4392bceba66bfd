//! Sessions and logins in progress, kept in the browser's own cookies.
//!
//! What is in a cookie is sealed: under which key, for which purpose, cookie name and
//! host, and in how many pieces. Cookies are hostile until they open, and one that does
//! not open is absent: another host's, another key's, half of one, or noise.
//! RFC 6265 and 6265bis (cookies), RFC 9700 section 4.7 (a login is bound to the browser
//! that began it), OWASP ASVS 5.0 V3.3.
//!
//! - [`Session`]: the tokens of a person who is logged in, and for how long.
//! - [`Kept`]: the tokens beside them that rules have acquired.
//! - [`Transaction`]: one attempt to log in, from the redirect to the callback.
//! - [`KeptForm`]: what a person had sent when the session was over.
//! - [`Cookies`] reads them from a request's [`Jar`] and writes the `Set-Cookie`s.
//! - [`Cache`]: what a cookie opened to a moment ago.

pub mod cache;
mod chunks;
mod cookies;
mod form;
mod granted;
mod handover;
mod jar;
mod kept;
mod live;
mod objects;
mod record;
mod sealed;
mod transaction;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use chunks::Text;
pub use cookies::{Cookies, WriteError};
pub use form::KeptForm;
pub use granted::Granted;
pub use jar::Jar;
pub use kept::Kept;
pub use live::{Ended, MOST_KEPT, Session};
pub use transaction::{LOGIN_LIFETIME, MAX_LOGINS, Transaction};
