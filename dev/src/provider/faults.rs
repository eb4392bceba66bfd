//! What a test can make the provider do wrong: whole answers per endpoint ([`Fault`]), and what is in its tokens.

use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::server::Reply;

/// What is asked of the provider. Code, refresh and exchange are three, although they share an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`
    Discovery,
    /// The key set.
    Jwks,
    /// The authorization endpoint. Posting the login form does not count.
    Authorize,
    /// The token endpoint, `grant_type=authorization_code`, and whatever is neither that nor one of the next two.
    Code,
    /// The token endpoint, `grant_type=refresh_token`.
    Refresh,
    /// The token endpoint, `grant_type=urn:ietf:params:oauth:grant-type:token-exchange`.
    Exchange,
    /// The end session endpoint.
    Logout,
    /// The userinfo endpoint.
    Userinfo,
    /// The introspection endpoint.
    Introspection,
}

/// One way to answer wrongly, or late. Combine: `Fault::status(503).times(2)`, `Fault::close().after_effect()`.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    pub(super) delay: Duration,
    pub(super) hold: bool,
    pub(super) answer: Option<Broken>,
    pub(super) after_effect: bool,
    times: Option<u32>,
    every: Option<u32>,
    calls: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Broken {
    Whole { status: u16, content_type: String, body: String },
    Huge(usize),
    Truncated,
    Close,
}

impl Fault {
    fn of(answer: Broken) -> Self {
        Self { answer: Some(answer), ..Self::default() }
    }

    /// This status, with a small JSON body.
    pub fn status(status: u16) -> Self {
        Self::body(status, "application/json", r#"{"error":"temporarily_unavailable"}"#)
    }

    /// This status, media type and body.
    pub fn body(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        let content_type = content_type.to_owned();
        Self::of(Broken::Whole { status, content_type, body: body.into() })
    }

    /// 200 with something that is not what was asked for.
    pub fn garbage() -> Self {
        Self::body(200, "text/html", "<!doctype html><title>Welcome to the guest network</title>")
    }

    /// 200 with a JSON body of that many bytes.
    pub fn huge(bytes: usize) -> Self {
        Self::of(Broken::Huge(bytes))
    }

    /// An answer whose body ends before its announced length.
    pub fn truncated() -> Self {
        Self::of(Broken::Truncated)
    }

    /// No answer: the connection is closed.
    pub fn close() -> Self {
        Self::of(Broken::Close)
    }

    /// The right answer, but later.
    pub fn delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// No answer until this fault is cleared or replaced; then the right one.
    pub fn hold() -> Self {
        Self { hold: true, ..Self::default() }
    }

    /// Only for the next `calls` calls.
    pub fn times(self, calls: u32) -> Self {
        Self { times: Some(calls), ..self }
    }

    /// Only for each `nth` call: with 3 the third, the sixth, and so on; the others are answered rightly.
    pub fn every(self, nth: u32) -> Self {
        Self { every: Some(nth), ..self }
    }

    /// The call takes effect first (a code or refresh token is spent); only then the answer goes wrong or late.
    pub fn after_effect(self) -> Self {
        Self { after_effect: true, ..self }
    }
}

impl Broken {
    pub(super) fn reply(&self) -> Reply {
        match self {
            Self::Whole { status, content_type, body } => {
                Reply::new(*status, content_type, body.clone())
            }
            Self::Huge(bytes) => {
                let filler = "x".repeat(bytes.saturating_sub(r#"{"filler":""}"#.len()));
                Reply::new(200, "application/json", format!(r#"{{"filler":"{filler}"}}"#))
            }
            Self::Truncated => {
                Reply::new(200, "application/json", r#"{"keys":[],"access_token":"x"}"#).truncated()
            }
            Self::Close => Reply::close(),
        }
    }
}

/// The `iss` parameter of authorization responses (RFC 9207).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IssParameter {
    /// The issuer, as advertised.
    #[default]
    Right,
    /// Left out.
    Missing,
    /// This one.
    Other(String),
}

/// All that is wrong at the moment. `Faults::default()`: nothing.
///
/// Claims and headers given here replace those of the token; `null` removes a member.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    endpoints: HashMap<Endpoint, Fault>,

    /// Members of the discovery document.
    pub discovery: Map<String, Value>,
    /// More keys in the key set, before all others.
    pub more_keys: Vec<Value>,
    /// The key set is empty.
    pub no_keys: bool,

    /// The provider refuses at the authorization endpoint with this `error`.
    pub authorization_error: Option<String>,
    /// `iss` in authorization responses, also in those with an error.
    pub iss_parameter: IssParameter,

    /// `aud` of access tokens, instead of [`ProviderOptions::audiences`](super::ProviderOptions). May be of any JSON type.
    pub access_audience: Option<Value>,
    /// More audiences beside those that the access token would have.
    pub extra_audiences: Vec<String>,
    /// `aud` of ID tokens, instead of the client.
    pub id_audience: Option<Value>,
    /// `iss` of access and ID tokens.
    pub issuer: Option<String>,
    /// Claims of access tokens.
    pub access_claims: Map<String, Value>,
    /// Claims of ID tokens.
    pub id_claims: Map<String, Value>,
    /// Header members of access tokens, e.g. `typ`.
    pub access_header: Map<String, Value>,
    /// Header members of ID tokens.
    pub id_header: Map<String, Value>,
    /// What access tokens are signed with; RS256 where nothing is said.
    pub access_algorithm: Option<Algorithm>,
    /// What ID tokens are signed with; RS256 where nothing is said.
    pub id_algorithm: Option<Algorithm>,
    /// Access tokens carry a signature that does not fit.
    pub bad_access_signature: bool,
    /// ID tokens carry a signature that does not fit.
    pub bad_id_signature: bool,
    /// `at_hash` is that of another token.
    pub bad_at_hash: bool,
    /// The ID token has another `nonce` than was sent.
    pub wrong_nonce: bool,
    /// How long access tokens are good for, instead of the option.
    pub access_token_lifespan: Option<Duration>,
    /// How long ID tokens are good for, instead of the option.
    pub id_token_lifespan: Option<Duration>,
    /// The provider's clock is wrong by that many seconds, in `iat`, `exp` and `auth_time`.
    pub clock_offset: i64,
    /// A claim of that many bytes, which do not compress, makes access tokens large.
    pub access_padding: usize,
    /// The same for ID tokens.
    pub id_padding: usize,

    /// Token answers without `expires_in`. Legal (RFC 6749 section 5.1).
    pub no_expires_in: bool,
    /// `token_type` of token answers; `Bearer` where nothing is said.
    pub token_type: Option<String>,
    /// No ID token in the answer to a code.
    pub no_id_token: bool,
    /// No refresh token in the answer to a code.
    pub no_refresh_token: bool,
    /// No ID token in the answer to a refresh. Legal (OIDC Core 12.2).
    pub no_id_token_at_refresh: bool,
    /// No refresh token in the answer to a refresh: the old one goes on. Makes sense without rotation.
    pub no_refresh_token_at_refresh: bool,

    /// Claims of exchanged tokens. What else is said of access tokens' claims and audiences does not touch them, beyond
    /// what stood in the token that was exchanged; header, algorithm and signature are those of access tokens.
    pub exchange_claims: Map<String, Value>,
    /// How long exchanged tokens are good for, instead of as long as access tokens.
    pub exchange_lifespan: Option<Duration>,
    /// Members of the answer to an exchange, e.g. `issued_token_type`.
    pub exchange_answer: Map<String, Value>,

    /// Members of what introspection says of a token that is active, e.g. `active` or `aud`.
    pub introspection: Map<String, Value>,
}

impl Faults {
    /// From now on `endpoint` answers so.
    pub fn set(&mut self, endpoint: Endpoint, fault: Fault) {
        self.endpoints.insert(endpoint, fault);
    }

    /// `endpoint` answers rightly again; calls that are held get their answer.
    pub fn clear(&mut self, endpoint: Endpoint) {
        self.endpoints.remove(&endpoint);
    }

    /// Everything is right again.
    pub fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// The fault for one more call.
    pub(super) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let fault = self.endpoints.get_mut(&endpoint)?;
        fault.calls += 1;
        if fault.every.is_some_and(|nth| !fault.calls.is_multiple_of(nth)) {
            return None;
        }
        match fault.times.as_mut() {
            None => {}
            Some(0) => return None,
            Some(left) => *left -= 1,
        }
        Some(fault.clone())
    }

    /// Whether calls to `endpoint` are still held.
    pub(super) fn holds(&self, endpoint: Endpoint) -> bool {
        self.endpoints.get(&endpoint).is_some_and(|fault| fault.hold)
    }
}
