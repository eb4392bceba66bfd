//! A login begins: one attempt, one sealed cookie, one redirect to the provider.
//!
//! Authorization code grant with PKCE S256 (RFC 7636), state and nonce, all three new for
//! each attempt and bound to the browser by the cookie (RFC 9700 section 4.7).

use crate::config::Unauthenticated;
use crate::crypto::Secret;
use crate::http::form::Form;
use crate::http::{LocalPath, SetCookie};
use crate::policy::navigation::{self, Kind};
use crate::provider::authorize::{self, AuthorizationRequest};
use crate::session::Transaction;

use super::acquire::asked;
use super::host::{Host, Level};
use super::metrics::{Login, Metric, Outcome};
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::Request;
use super::worker::Worker;
use super::{Step, attempt, log};

/// What a login is for.
#[derive(Clone, Copy)]
pub(super) enum For {
    /// A session.
    Session,
    /// A session, and a form that waits for it.
    Form,
    /// A rule's own token, beside a session; the rule as it is counted in the configuration.
    Rule(usize),
}

/// A login that has begun: where to send the browser, and with which cookies.
pub(super) struct Begun {
    pub(super) location: String,
    pub(super) cookies: Vec<SetCookie>,
    pub(super) state: Secret,
}

impl Worker {
    /// A request without credentials: to the provider where a person waits, else 401.
    #[cold]
    pub(super) fn unauthenticated(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        how: Unauthenticated,
    ) -> Result<Step, Refused> {
        if redirects(request, how) && self.config.login {
            let return_to =
                LocalPath::parse(request.arrival.target).unwrap_or_else(LocalPath::root);
            return self.start_login(host, request, return_to, 0);
        }
        if self.config.login && request.arrival.is_form() {
            return self.form(host, request, how);
        }
        Err(Refused::new(Refusal::Unauthenticated, self.remove_session(request)))
    }

    /// `GET /oauth2/login?return_to=/x`: a login that the page asks for; or, where `rule` asks for
    /// a token of its own, `/oauth2/login/NAME`.
    #[cold]
    pub(super) fn login_endpoint(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        rule: Option<usize>,
    ) -> Result<Step, Refused> {
        if !matches!(request.arrival.method(), b"GET" | b"HEAD") {
            return Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" }.into());
        }
        if request.arrival.embedded_elsewhere() {
            return Err(Refusal::CrossSite.into());
        }
        if !self.provider.ready() {
            return Ok(self.wait_for_provider(host, request)?);
        }
        let query = Form::parse(request.arrival.query())?;
        let asked = query.once("return_to")?.and_then(|path| LocalPath::parse(path.as_bytes()));
        let return_to =
            asked.filter(|path| !self.is_endpoint(path)).unwrap_or_else(LocalPath::root);
        match rule {
            Some(rule) => self.start_trip(host, request, return_to, rule, Vec::new()),
            None => self.start_login(host, request, return_to, 0),
        }
    }

    /// The way back must not lead to an endpoint of ours: a login that ends in a logout.
    pub(super) fn is_endpoint(&self, path: &LocalPath) -> bool {
        let path = path.as_str().split('?').next().unwrap_or_default();
        let endpoints = &self.config.endpoints;
        let ours = [&endpoints.login, &endpoints.callback, &endpoints.logout];
        ours.into_iter().any(|at| at == path) || self.trip_of(path.as_bytes()).is_some()
    }

    /// `attempts`: how many came before it in a row and took too long.
    pub(super) fn start_login(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        return_to: LocalPath,
        attempts: u8,
    ) -> Result<Step, Refused> {
        let begun = self.begin_login(host, request, return_to, attempts, For::Session)?;
        log::decision(host, Level::Info, request.arrival, "login_begins", "no session");
        Ok(Step::Reply(
            Reply::redirect(Outcome::LoginBegins, &begun.location)?.with_cookies(begun.cookies),
        ))
    }

    /// `what`: what it is for.
    pub(super) fn begin_login(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        return_to: LocalPath,
        attempts: u8,
        what: For,
    ) -> Result<Begun, Refused> {
        let (Some(cookies), Some(settings), Some(metadata)) =
            (&self.cookies, &self.config.session, self.provider.metadata())
        else {
            return Err(Refusal::ProviderUnavailable.into());
        };
        let redirect_uri = request.origin.at(&self.config.endpoints.callback);
        let now = host.now();
        let attempt = attempt::begin(redirect_uri, return_to, attempts, now, host)?;
        let (form, acquire) = match what {
            For::Session => (false, None),
            For::Form => (true, None),
            For::Rule(rule) => (false, asked(&self.config, rule).map(|(_, acquire)| acquire)),
        };
        let attempt = Transaction { form, ask: acquire.map(|acquire| acquire.ask), ..attempt };
        let asked = AuthorizationRequest {
            redirect_uri: &attempt.redirect_uri,
            state: attempt.state.expose(),
            nonce: attempt.nonce.expose(),
            code_challenge: &authorize::code_challenge(&attempt.verifier),
            acquire,
        };
        let location = authorize::authorization_url(metadata, &self.config.client, &asked)
            .ok_or(Refusal::ProviderUnavailable)?;
        let origin = request.origin.host();
        let mut set =
            cookies.write_transaction(&settings.keys, &attempt, origin, request.jar, now, host)?;
        // A session that lives stays till the login is done: it is replaced then, and a link
        // from elsewhere must not end it.
        if self.live(host, request).is_none() {
            set.extend(self.remove_session(request));
        }
        if !matches!(what, For::Rule(_)) {
            host.count(Metric::Login(Login::Begun));
        }
        Ok(Begun { location, cookies: set, state: attempt.state })
    }
}

/// Whether a request that needs a login is sent there.
pub(super) fn redirects(request: &Request<'_>, how: Unauthenticated) -> bool {
    match how {
        Unauthenticated::Auto => navigation::kind(&request.arrival.metadata) == Kind::PageLoad,
        // A POST is never redirected: the browser would lose its body, or send it on. A form is
        // kept, or its sender is told.
        Unauthenticated::Redirect => matches!(request.arrival.method(), b"GET" | b"HEAD"),
        Unauthenticated::Deny => false,
    }
}
