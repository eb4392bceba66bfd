//! What the provider was asked: counts for each endpoint, and each token request.

use super::faults::Endpoint;

/// How often each endpoint was called, faults included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Discovery documents asked for.
    pub discovery: usize,
    /// Key sets asked for.
    pub jwks: usize,
    /// Authorization requests.
    pub authorize: usize,
    /// Token requests that are neither refreshes nor exchanges.
    pub code: usize,
    /// Refreshes.
    pub refresh: usize,
    /// Token exchanges (RFC 8693).
    pub exchange: usize,
    /// Logouts.
    pub logout: usize,
    /// Userinfo requests.
    pub userinfo: usize,
    /// Questions about a token (RFC 7662).
    pub introspection: usize,
}

impl Calls {
    pub(super) const fn count(&mut self, endpoint: Endpoint) {
        match endpoint {
            Endpoint::Discovery => self.discovery += 1,
            Endpoint::Jwks => self.jwks += 1,
            Endpoint::Authorize => self.authorize += 1,
            Endpoint::Code => self.code += 1,
            Endpoint::Refresh => self.refresh += 1,
            Endpoint::Exchange => self.exchange += 1,
            Endpoint::Logout => self.logout += 1,
            Endpoint::Userinfo => self.userinfo += 1,
            Endpoint::Introspection => self.introspection += 1,
        }
    }
}

/// One request to the token endpoint, as it arrived.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// The form's fields in their order, decoded.
    pub form: Vec<(String, String)>,
    /// The `Authorization` header, if there was one.
    pub authorization: Option<String>,
    /// The `Content-Type` header, if there was one.
    pub content_type: Option<String>,
}

impl TokenRequest {
    /// The first value of the form's field `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All values of the form's field `name`, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.form.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
