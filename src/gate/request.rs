//! A request arrives: one walk over its head, then origin, our endpoints, rules, credentials.

use std::rc::Rc;

use crate::config::{Access, Endpoints, Needs, UpstreamHeader};
use crate::http::url::{Origin, Scheme};
use crate::http::{Head, split_target};
use crate::policy::navigation::{self, FetchMetadata, Kind};
use crate::policy::{Asked, Decision};
use crate::session::Jar;
use crate::wire::Timestamp;

use super::forward::Forward;
use super::host::{Host, Level, StreamId};
use super::identity::PublicRule;
use super::refusal::{Refusal, Refused};
use super::worker::Worker;
use super::{Step, log, tally};

/// What of a request's head decides anything, found in one walk.
#[derive(Debug, Default)]
pub(super) struct Arrival<'a> {
    /// The method, and what the browser says of how the request was made (Fetch Metadata).
    pub(super) metadata: FetchMetadata<'a>,
    /// Path and query, as they came.
    pub(super) target: &'a [u8],
    pub(super) authority: &'a [u8],
    pub(super) request_id: Option<&'a [u8]>,
    /// The first `Cookie` line, and what few requests have: further ones.
    cookie: Option<&'a [u8]>,
    more_cookies: Vec<&'a [u8]>,
    /// The first `Authorization`, and how many there are.
    pub(super) authorization: Option<&'a [u8]>,
    pub(super) authorizations: usize,
    foreign: Vec<&'a [u8]>,
    /// `Connection` names a header that the gate sets.
    nominated: bool,
}

/// Whether `Connection` would have the next hop drop what the gate sets (RFC 9110 section
/// 7.6.1); hosts pass it on with upgrades.
fn nominates(connection: &[u8], identity: &[UpstreamHeader]) -> bool {
    connection.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|name| {
        name.eq_ignore_ascii_case(b"authorization")
            || name.eq_ignore_ascii_case(b"cookie")
            || identity.iter().any(|header| header.folded.matches(name))
    })
}

impl<'a> Arrival<'a> {
    /// Reads a head. `identity` are the headers that only the gate may send.
    pub(super) fn read(head: &Head<'a>, identity: &[UpstreamHeader]) -> Self {
        let mut found = Self::default();
        for (name, value) in head.pairs() {
            found.field(name, value, identity);
            if identity.iter().any(|header| header.folded.matches(name)) {
                found.foreign.push(name);
            }
        }
        found
    }

    fn field(&mut self, name: &[u8], value: &'a [u8], identity: &[UpstreamHeader]) {
        let metadata = &mut self.metadata;
        match name {
            b":method" => metadata.method = value,
            b":path" => self.target = value,
            b":authority" => self.authority = value,
            b"cookie" if self.cookie.is_none() => self.cookie = Some(value),
            b"cookie" => self.more_cookies.push(value),
            b"authorization" => {
                self.authorizations = self.authorizations.saturating_add(1);
                self.authorization = self.authorization.or(Some(value));
            }
            b"x-request-id" => self.request_id = Some(value),
            b"accept" => metadata.accept = metadata.accept.or(Some(value)),
            b"sec-fetch-mode" => metadata.sec_fetch_mode = Some(value),
            b"sec-fetch-site" => metadata.sec_fetch_site = Some(value),
            b"origin" => metadata.origin = Some(value),
            b"upgrade" => metadata.upgrade = Some(value),
            b"connection" => self.nominated |= nominates(value, identity),
            // Over HTTP/2 a WebSocket comes as an extended CONNECT (RFC 8441 section 4).
            b":protocol" => metadata.upgrade = metadata.upgrade.or(Some(value)),
            // Most hosts write names in small letters, but not all (RFC 9110 section 5.1).
            _ if name.iter().any(u8::is_ascii_uppercase) => {
                self.field(&name.to_ascii_lowercase(), value, identity);
            }
            _ => {}
        }
    }

    /// The `Cookie` lines.
    pub(super) fn cookies(&self) -> impl Iterator<Item = &'a [u8]> {
        self.cookie.into_iter().chain(self.more_cookies.iter().copied())
    }

    /// The path, without the query (RFC 3986 section 3.3).
    pub(super) fn path(&self) -> &'a [u8] {
        split_target(self.target).0
    }

    /// The query, without its question mark.
    pub(super) fn query(&self) -> &'a [u8] {
        split_target(self.target).1
    }

    /// Identity headers that came from outside, to be removed.
    pub(super) fn foreign(&self) -> Vec<Vec<u8>> {
        if self.foreign.is_empty() {
            return Vec::new();
        }
        self.foreign.iter().map(|name| name.to_vec()).collect()
    }

    /// The method, as it came.
    pub(super) const fn method(&self) -> &'a [u8] {
        self.metadata.method
    }

    /// Whether another site has the browser ask without the user seeing it: by an image, a
    /// frame's script, a form that is no navigation. A sibling host is another site too.
    pub(super) fn embedded_elsewhere(&self) -> bool {
        let ours = |site: &[u8]| matches!(site, b"same-origin" | b"none");
        self.metadata.sec_fetch_site.is_some_and(|site| !ours(site))
            && self.metadata.sec_fetch_mode.is_some_and(|mode| mode != b"navigate")
    }

    /// Whether a person sent a form and looks at the answer.
    pub(super) fn is_form(&self) -> bool {
        self.method() == b"POST" && self.wants_page()
    }

    /// Whether a person looks at the answer, whatever the method: a form's POST too.
    pub(super) fn wants_page(&self) -> bool {
        navigation::kind(&FetchMetadata { method: b"GET", ..self.metadata }) == Kind::PageLoad
    }
}

/// A request on its way through the gate.
pub(super) struct Request<'a> {
    pub(super) stream: StreamId,
    /// For what is asked of few requests only.
    pub(super) head: &'a Head<'a>,
    pub(super) arrival: &'a Arrival<'a>,
    pub(super) origin: Rc<Origin>,
    pub(super) jar: &'a Jar<'a>,
    /// When it first waited; all its waiting together is limited.
    pub(super) waiting_since: Option<Timestamp>,
}

/// One of the gate's own endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Login,
    Callback,
    Logout,
    Session,
}

/// The host's name for the route. It costs a call, so it is asked only where any rule names one.
#[cold]
fn route(host: &dyn Host) -> Result<Vec<u8>, Refusal> {
    // Without it the rule that should decide would be skipped, and another one obeyed.
    host.route_name().ok_or(Refusal::NoRouteName)
}

fn endpoint(endpoints: &Endpoints, path: &[u8]) -> Option<Endpoint> {
    // Exact: `/callbackstuff` belongs to the application, and so does `?code=` elsewhere.
    [
        (&endpoints.callback, Endpoint::Callback),
        (&endpoints.session, Endpoint::Session),
        (&endpoints.login, Endpoint::Login),
        (&endpoints.logout, Endpoint::Logout),
    ]
    .into_iter()
    .find(|(at, _)| at.as_bytes() == path)
    .map(|(_, endpoint)| endpoint)
}

impl Worker {
    /// Decides about one request.
    ///
    /// # Errors
    /// Why it is refused; the caller answers.
    pub(super) fn decide(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
    ) -> Result<Step, Refused> {
        let arrival = request.arrival;
        if arrival.nominated {
            return Err(Refusal::Nominated.into());
        }
        if !self.published.is_empty()
            && let Some(answer) = self.resource_metadata(arrival)
        {
            return answer;
        }
        if self.config.login {
            match endpoint(&self.config.endpoints, arrival.path()) {
                Some(Endpoint::Callback) => {
                    let decided = self.callback(host, request);
                    tally::callback(host, &decided);
                    return decided;
                }
                Some(Endpoint::Login) => return self.login_endpoint(host, request, None),
                Some(Endpoint::Logout) => return self.logout(host, request),
                Some(Endpoint::Session) => return self.session_info(host, request),
                None => {}
            }
            if self.rules_take_turns
                && let Some(rule) = self.trip_of(arrival.path())
            {
                return self.login_endpoint(host, request, Some(rule));
            }
        }
        let decision = self.decision(host, arrival)?;
        match (decision.access, PublicRule::of(&decision)) {
            (Access::Public, Some(rule)) => Ok(self.public(host, request, rule)),
            (Access::Deny, _) => Err(Refusal::Denied.into()),
            (Access::Authenticated | Access::Public, _) => {
                self.authenticated(host, request, &decision)
            }
        }
    }

    fn public(&self, host: &mut dyn Host, request: &Request<'_>, rule: PublicRule) -> Step {
        log::decision(host, Level::Debug, request.arrival, "forward", "a rule says public");
        Step::Forward(Forward::public(rule, request))
    }

    fn authenticated(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        decision: &Decision,
    ) -> Result<Step, Refused> {
        // Nothing passes before the provider is known, not even what was verified earlier.
        if !self.provider.ready() {
            return Ok(self.wait_for_provider(host, request)?);
        }
        if let Some(token) = self.bearer_of(request)? {
            return self.bearer(host, request, token, decision);
        }
        self.session(host, request, decision)
    }

    /// What the rules say of a request.
    ///
    /// # Errors
    /// They do not agree what its path is, or the host does not tell its route.
    pub(super) fn decision(
        &self,
        host: &dyn Host,
        arrival: &Arrival<'_>,
    ) -> Result<Decision, Refusal> {
        let asked = Asked { method: arrival.method(), path: arrival.target, route: b"" };
        let decision = match self.rules.names_routes() {
            true => self.rules.decide(&Asked { route: &route(host)?, ..asked }),
            false => self.rules.decide(&asked),
        };
        decision.map_err(|_| Refusal::AmbiguousPath)
    }

    /// What the rule that decided asks of a user's tokens.
    pub(super) fn needs(&self, decision: &Decision) -> &Needs {
        const NONE: &Needs = &Needs { access_token: None, acquire: None, claims: Vec::new() };
        decision
            .rule
            .and_then(|index| self.config.rules.get(index))
            .map_or(NONE, |rule| &rule.needs)
    }

    /// The public origin that was asked, or 421 (RFC 9110 section 15.5.20).
    ///
    /// Its scheme is the configuration's to say: headers like `x-forwarded-proto` are not
    /// believed. Without `origins` it is `https` wherever cookies are `Secure`.
    ///
    /// Nearly all requests ask the same one, so the last is kept.
    pub(super) fn origin(&mut self, arrival: &Arrival<'_>) -> Result<Rc<Origin>, Refusal> {
        if let Some((authority, origin)) = &self.asked
            && **authority == *arrival.authority
        {
            return Ok(Rc::clone(origin));
        }
        let origin = Rc::new(self.read_origin(arrival)?);
        self.asked = Some((arrival.authority.into(), Rc::clone(&origin)));
        Ok(origin)
    }

    #[cold]
    fn read_origin(&self, arrival: &Arrival<'_>) -> Result<Origin, Refusal> {
        let secure = self.config.session.as_ref().is_none_or(|session| session.cookie.secure);
        let likely = if secure { Scheme::Https } else { Scheme::Http };
        let asked = |scheme| Origin::of_authority(scheme, arrival.authority);
        if self.config.origins.is_empty() {
            return asked(likely).ok_or(Refusal::Misdirected);
        }
        [Scheme::Https, Scheme::Http]
            .into_iter()
            .filter_map(asked)
            .find(|origin| self.config.origins.contains(origin))
            .ok_or(Refusal::Misdirected)
    }
}
