//! Why a request is not let through: one enum, one status each, words for people.

mod words;

use crate::crypto::NoEntropy;
use crate::http::SetCookie;
use crate::http::form::FormError;
use crate::http::header::InvalidHeader;
use crate::policy::MissingRight;
use crate::provider::TokenError;
use crate::token::{Kind, Refusal as TokenRefusal};

use super::forms::Unkept;
use super::host::Level;
use super::metrics::Outcome;

/// What the user is told; more would tell others how the application keeps rights.
const MISSING_RIGHT: &str = "you do not have a right that this address asks for";

/// Why a request is refused. `Display` is one sentence for the log and the answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::gate) enum Refusal {
    /// No credentials (RFC 6750 section 3: no error code then).
    #[error("you are not signed in")]
    Unauthenticated,
    /// A form without credentials, which is not kept.
    #[error("you are not signed in, so the form was not sent on{why}")]
    FormNotSent {
        /// Why it is not kept.
        why: Unkept,
        /// Where to sign in, and come back to the form's own page.
        login: String,
    },
    /// The host that was asked is none of `origins`.
    #[error("this host name is not served here")]
    Misdirected,
    /// The path reads differently for different servers, under different rules.
    #[error("the path can be read in several ways, and different rules apply to them")]
    AmbiguousPath,
    /// A rule says deny.
    #[error("nobody may open this address")]
    Denied,
    /// Another site made the browser send an unsafe request with the session.
    #[error("the request was sent by another site")]
    CrossSite,
    /// An endpoint of ours, asked with the wrong method.
    #[error("this address answers {allow} only")]
    MethodNotAllowed {
        /// For the `Allow` header.
        allow: &'static str,
    },
    /// RFC 9110 section 7.6.1: the next hop would drop what the gate sets.
    #[error("the Connection header names a header that this gate sets")]
    Nominated,
    /// A query that is malformed, or names a parameter twice.
    #[error("the query can not be read: {0}")]
    Query(#[from] FormError),
    /// The client's token was refused.
    #[error("{0}")]
    Bearer(TokenRefusal),
    /// RFC 6750 section 3.1: the request is malformed.
    #[error("the Authorization header can not be used: {0}")]
    BearerMalformed(&'static str),
    /// No rules for access tokens, so none can be right.
    #[error("access tokens are not accepted here")]
    NoBearer,
    /// A token of the session was refused after login.
    #[error("{0}")]
    SessionToken(TokenRefusal),
    /// A session's tokens are right, and a claim is not as the rule requires. Which one is for
    /// the log: the answer says only that a right is missing.
    #[error("{MISSING_RIGHT}")]
    MissingRight(MissingRight),
    /// The same of a client's own token.
    #[error("{MISSING_RIGHT}")]
    BearerRight(MissingRight),
    /// The provider gives no token for the rule's own upstream (RFC 8693 section 2.2.2; RFC 6749
    /// section 5.2).
    #[error("the provider gives no token for this service: {error}")]
    NotGiven {
        /// Its words.
        error: TokenError,
        /// Whether an exchange was to get it, and not a refresh.
        exchanged: bool,
    },
    /// The provider gave no token for the rule's own upstream at a sign-in for it (RFC 6749 section
    /// 4.1.2.1): the user declined, for one.
    #[error("the provider gives no token for this service: {}", oauth_words(error, description.as_deref()))]
    NotGranted {
        /// `error`
        error: String,
        /// `error_description`
        description: Option<String>,
    },
    /// The rule's own token is had at another sign-in, to which this request is not sent.
    #[error("this address needs a token of its own, which the provider gives at another sign-in")]
    TokenNeeded {
        /// Where that begins.
        login: String,
    },
    /// A refresh should get it, and the session has no refresh token.
    #[error("there is no token for this service: the provider gave the session no refresh token")]
    NoRefreshToken,
    /// Rules ask for the host's name of the route, and it does not tell.
    #[error("rules have match.route_name, and the host does not tell the route")]
    NoRouteName,
    /// A token was refused at login.
    #[error("{0}")]
    LoginToken(TokenRefusal),
    /// The callback belongs to no attempt of this browser.
    #[error(
        "this sign-in was not begun in this browser, was used already, or took longer than ten minutes"
    )]
    NoAttempt,
    /// RFC 9207: the response is not this provider's.
    #[error("{0}")]
    ResponseIssuer(String),
    /// The provider's own error (RFC 6749 section 4.1.2.1).
    #[error("the provider refused the sign-in: {}", oauth_words(error, description.as_deref()))]
    ProviderError {
        /// `error`
        error: String,
        /// `error_description`
        description: Option<String>,
    },
    /// Neither `code` nor `error`.
    #[error("the provider sent you back without a code")]
    NoCode,
    /// The token endpoint refused the code (RFC 6749 section 5.2).
    #[error("the provider did not take the code: {}", oauth_words(error, description.as_deref()))]
    CodeRefused {
        /// `error`
        error: String,
        /// `error_description`
        description: Option<String>,
    },
    /// The token endpoint refused the gate itself.
    #[error("the provider does not accept this gate as its client: {error}")]
    ClientRefused {
        /// `error`
        error: String,
    },
    /// The provider is not known yet, does not answer, or talks nonsense.
    #[error("the provider that signs users in can not be reached, or does not answer as it should")]
    ProviderUnavailable,
    /// Too many requests wait.
    #[error("too many requests wait for the provider")]
    Busy,
    /// The session's cookies would be more than a browser keeps.
    #[error("{0}")]
    TooLarge(String),
    /// The host gave no random numbers.
    #[error("{0}")]
    NoEntropy(#[from] NoEntropy),
    /// There is no configuration for sessions: a mistake of ours.
    #[error("sessions are not configured")]
    NoSessions,
    /// A header would not have been safe to send.
    #[error("an answer could not be written: {0}")]
    Header(#[from] InvalidHeader),
}

/// A refusal, and the cookies that go with its answer.
#[derive(Debug)]
pub(in crate::gate) struct Refused {
    /// Why.
    pub(in crate::gate) refusal: Refusal,
    /// Removals of what is of no more use.
    pub(in crate::gate) cookies: Vec<SetCookie>,
}

impl Refused {
    /// A refusal with cookies.
    pub(in crate::gate) const fn new(refusal: Refusal, cookies: Vec<SetCookie>) -> Self {
        Self { refusal, cookies }
    }
}

impl<E: Into<Refusal>> From<E> for Refused {
    fn from(refusal: E) -> Self {
        Self { refusal: refusal.into(), cookies: Vec::new() }
    }
}

impl Refusal {
    /// What an answer of the token endpoint to a code means.
    pub(in crate::gate) fn of_code(error: TokenError) -> Self {
        match error {
            TokenError::Refused { error, .. }
                if matches!(error.as_str(), "invalid_client" | "unauthorized_client") =>
            {
                Self::ClientRefused { error }
            }
            TokenError::Refused { error, description } => Self::CodeRefused { error, description },
            TokenError::Unavailable { .. } | TokenError::Nonsense(_) => Self::ProviderUnavailable,
        }
    }

    /// The status of the answer (the table in the configuration's reference).
    pub(in crate::gate) const fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated
            | Self::FormNotSent { .. }
            | Self::TokenNeeded { .. }
            | Self::NoBearer => 401,
            Self::Misdirected => 421,
            Self::Bearer(refusal) if refusal.insufficient_scope() => 403,
            Self::Bearer(_) => 401,
            Self::Denied
            | Self::CrossSite
            | Self::SessionToken(_)
            | Self::MissingRight(_)
            | Self::BearerRight(_)
            | Self::NotGiven { .. }
            | Self::NoRefreshToken
            | Self::NotGranted { .. }
            | Self::LoginToken(TokenRefusal { token: Kind::AccessToken, .. })
            | Self::TooLarge(_) => 403,
            Self::MethodNotAllowed { .. } => 405,
            Self::AmbiguousPath
            | Self::Nominated
            | Self::Query(_)
            | Self::BearerMalformed(_)
            | Self::LoginToken(_)
            | Self::NoAttempt
            | Self::ResponseIssuer(_)
            | Self::ProviderError { .. }
            | Self::NoCode
            | Self::CodeRefused { .. } => 400,
            Self::ClientRefused { .. }
            | Self::ProviderUnavailable
            | Self::Busy
            | Self::NoEntropy(_)
            | Self::NoRouteName => 503,
            Self::NoSessions | Self::Header(_) => 500,
        }
    }

    /// A name for logs, problems, metrics and scripts.
    pub(in crate::gate) const fn code(&self) -> Outcome {
        match self {
            Self::Unauthenticated => Outcome::Unauthenticated,
            Self::FormNotSent { .. } => Outcome::FormNotSent,
            Self::Misdirected => Outcome::Misdirected,
            Self::AmbiguousPath => Outcome::AmbiguousPath,
            Self::Denied => Outcome::Denied,
            Self::CrossSite => Outcome::CrossSite,
            Self::MethodNotAllowed { .. } => Outcome::MethodNotAllowed,
            Self::Nominated => Outcome::NominatedHeader,
            Self::Query(_) => Outcome::BadQuery,
            Self::Bearer(refusal) if refusal.insufficient_scope() => Outcome::InsufficientScope,
            Self::Bearer(_) => Outcome::InvalidToken,
            Self::BearerMalformed(_) => Outcome::InvalidRequest,
            Self::NoBearer => Outcome::BearerNotAccepted,
            Self::SessionToken(_) => Outcome::SessionTokenRefused,
            Self::MissingRight(_) | Self::BearerRight(_) => Outcome::MissingRight,
            Self::NoRouteName => Outcome::NoRouteName,
            Self::NotGiven { .. } | Self::NoRefreshToken | Self::NotGranted { .. } => {
                Outcome::NotGiven
            }
            Self::TokenNeeded { .. } => Outcome::TokenNeeded,
            Self::LoginToken(_) => Outcome::LoginTokenRefused,
            Self::NoAttempt => Outcome::NoAttempt,
            Self::ResponseIssuer(_) => Outcome::ResponseIssuer,
            Self::ProviderError { .. } => Outcome::ProviderError,
            Self::NoCode => Outcome::NoCode,
            Self::CodeRefused { .. } => Outcome::CodeRefused,
            Self::ClientRefused { .. } => Outcome::ClientRefused,
            Self::ProviderUnavailable => Outcome::ProviderUnavailable,
            Self::Busy => Outcome::Busy,
            Self::TooLarge(_) => Outcome::SessionTooLarge,
            Self::NoEntropy(_) => Outcome::NoEntropy,
            Self::NoSessions => Outcome::NoSessions,
            Self::Header(_) => Outcome::UnsafeHeader,
        }
    }

    /// What the log says: more than the answer, where that is not for everybody.
    pub(in crate::gate) fn for_log(&self) -> String {
        match self {
            Self::MissingRight(missing) | Self::BearerRight(missing) => missing.to_string(),
            _ => self.to_string(),
        }
    }

    /// How much it matters to whoever runs the gate.
    pub(in crate::gate) const fn level(&self) -> Level {
        match self {
            Self::Unauthenticated
            | Self::TokenNeeded { .. }
            | Self::FormNotSent { why: Unkept::Off, .. } => Level::Debug,
            Self::SessionToken(_)
            | Self::NotGiven { .. }
            | Self::NoRefreshToken
            | Self::LoginToken(_)
            | Self::ResponseIssuer(_)
            | Self::ProviderUnavailable
            | Self::Busy
            | Self::TooLarge(_) => Level::Warn,
            Self::ClientRefused { .. }
            | Self::NoEntropy(_)
            | Self::NoRouteName
            | Self::NoSessions
            | Self::Header(_) => Level::Error,
            _ => Level::Info,
        }
    }

    /// The token that was refused, where one was.
    pub(in crate::gate) const fn token(&self) -> Option<&TokenRefusal> {
        match self {
            Self::Bearer(refusal) | Self::SessionToken(refusal) | Self::LoginToken(refusal) => {
                Some(refusal)
            }
            _ => None,
        }
    }
}

/// The provider's words, cut and cleaned: they are somebody else's.
fn oauth_words(error: &str, description: Option<&str>) -> String {
    let clean = |text: &str| -> String {
        text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    match description {
        Some(description) => format!("{} ({})", clean(error), clean(description)),
        None => clean(error),
    }
}
