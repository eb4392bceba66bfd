//! The one constructor of what goes upstream.
//!
//! On every path, public ones too: `Authorization` from outside is replaced or removed,
//! our cookies are taken out, identity headers from outside are removed in every spelling
//! (RFC 9700 section 4.13). Only headers that are there are touched: a request on which
//! nothing changes is not written to, since each first write costs the host a look-up.

use std::rc::Rc;

use crate::http::cookie::Rest;
use crate::http::{HeaderName, HeaderValue, SetCookie};
use crate::wire::Timestamp;

use super::access_log::Who;
use super::identity::{Identity, PublicRule};
use super::metrics::Outcome;
use super::request::{Arrival, Request};
use super::turns::TurnId;

/// What becomes of the `Authorization` header.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// It stays: there is none and none is sent, or the very one that is to be sent.
    Unchanged,
    /// The client's is removed.
    Remove,
    /// This one is sent instead of whatever is there.
    Set(Rc<HeaderValue>),
}

/// Changes to a request on its way to the upstream.
#[derive(Debug)]
pub struct Forward {
    authorization: Authorization,
    cookie: Rest,
    remove: Vec<Vec<u8>>,
    set: Option<Rc<[(HeaderName, HeaderValue)]>>,
    with_response: Option<Box<WithResponse>>,
    outcome: Outcome,
    who: Option<Rc<Who>>,
}

/// What goes with the response of few requests; the others have no room for it.
#[derive(Debug)]
struct WithResponse {
    cookies: Vec<SetCookie>,
    stamp: Stamp,
}

/// Which session the cookies of a response hold, and when that was decided. A response may
/// be slow, and its cookies out of date by then: see [`super::Worker::still_holds`].
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub(super) session: [u8; 16],
    pub(super) turn: Option<TurnId>,
    pub(super) decided: Timestamp,
}

impl Forward {
    /// For a user or client who was verified.
    pub(super) fn authenticated(identity: &Identity, request: &Request<'_>) -> Self {
        let (arrival, sent) = (request.arrival, identity.sent());
        let stands = |value: &HeaderValue| {
            arrival.authorizations == 1 && arrival.authorization == Some(value.as_str().as_bytes())
        };
        let authorization = match &sent.authorization {
            // A client's own token, verified a moment ago and written as the gate writes it.
            Some(value) if stands(value) => Authorization::Unchanged,
            Some(value) => Authorization::Set(Rc::clone(value)),
            None => Self::no_authorization(arrival),
        };
        Self {
            authorization,
            cookie: request.jar.others(),
            remove: arrival.foreign(),
            set: Some(Rc::clone(&sent.headers)),
            with_response: None,
            outcome: identity.outcome(),
            who: sent.who.clone(),
        }
    }

    /// For anybody, where a rule says so.
    pub(super) fn public(_: PublicRule, request: &Request<'_>) -> Self {
        Self {
            authorization: Self::no_authorization(request.arrival),
            cookie: request.jar.others(),
            remove: request.arrival.foreign(),
            set: None,
            with_response: None,
            outcome: Outcome::ForwardPublic,
            who: None,
        }
    }

    fn no_authorization(arrival: &Arrival<'_>) -> Authorization {
        if arrival.authorizations == 0 { Authorization::Unchanged } else { Authorization::Remove }
    }

    /// The same, and these cookies with the response, if they still hold then.
    #[must_use]
    pub(super) fn with_cookies(mut self, cookies: Vec<SetCookie>, stamp: Stamp) -> Self {
        self.with_response = Some(Box::new(WithResponse { cookies, stamp }));
        self
    }

    /// What becomes of the request by it.
    pub(super) const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whom it is about, where the host's access log asks for that.
    pub(super) fn who(&self) -> Option<&Who> {
        self.who.as_deref()
    }

    /// What becomes of `Authorization`.
    #[must_use]
    pub const fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// What is left of `Cookie`.
    #[must_use]
    pub const fn cookie(&self) -> &Rest {
        &self.cookie
    }

    /// Names of headers, as they came, that are to be removed.
    #[must_use]
    pub fn remove(&self) -> &[Vec<u8>] {
        &self.remove
    }

    /// Headers to set, after the removals.
    #[must_use]
    pub fn set(&self) -> &[(HeaderName, HeaderValue)] {
        self.set.as_deref().unwrap_or_default()
    }

    /// What the cookies hold, where there are any.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.with_response.as_ref().map(|with| with.stamp)
    }

    /// Cookies to add to the upstream's response, if they still hold when it comes.
    #[must_use]
    pub fn cookies(&self) -> &[SetCookie] {
        self.with_response.as_ref().map_or(&[], |with| &with.cookies)
    }
}
