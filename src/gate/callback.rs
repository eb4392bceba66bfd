//! The provider sends the user back: state, issuer, code; then tokens; then a session.
//!
//! OIDC Core 3.1.2.5 to 3.1.3.7, RFC 9207. Nothing is kept of an attempt that fails. A
//! callback that is opened again finds what became of it: the code is sent once.

use std::rc::Rc;

use crate::config::Config;
use crate::crypto::entropy::random_bytes;
use crate::crypto::{NoEntropy, Secret};
use crate::http::form::Form;
use crate::http::{LocalPath, SameSite, SetCookie};
use crate::provider::{HttpCall, TokenAnswer, authorize, token_endpoint};
use crate::session::{KeptForm, Session, Transaction};
use crate::token::{IdToken, Kind, LoginExpectation, Refusal as TokenRefusal};

use super::attempt::State;
use super::host::{Host, Level};
use super::identity::Live;
use super::metrics::Outcome;
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::Request;
use super::turns::{Errand, Turn, TurnId};
use super::wait::Waiting;
use super::worker::Worker;
use super::{Step, log};

/// Parameters of the authorization response (RFC 6749 section 4.1.2), each at most once.
struct Parameters {
    code: Option<Secret>,
    error: Option<(String, Option<String>)>,
    issuer: Option<String>,
}

impl Worker {
    /// `GET /oauth2/callback`.
    #[cold]
    pub(super) fn callback(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
    ) -> Result<Step, Refused> {
        if request.arrival.method() != b"GET" {
            return Err(Refusal::MethodNotAllowed { allow: "GET" }.into());
        }
        if !self.provider.ready() {
            return Ok(self.wait_for_provider(host, request)?);
        }
        let query = Form::parse(request.arrival.query())?;
        let Some(state) = query.once("state")? else {
            return Err(Refusal::NoAttempt.into());
        };
        let parameters = Parameters::read(&query)?;
        let (transaction, mut removal) = self.take_transaction(host, request, state);
        let Some(transaction) = transaction else {
            return self.without_attempt(host, request, state, removal);
        };
        // A form that waits for a login that fails is of no more use.
        if let Some((_, pieces)) = self.take_form(request, &transaction) {
            removal.extend(pieces);
        }
        self.exchange(host, request, transaction, &parameters)
            .map_err(|refusal| Refused::new(refusal, removal))
    }

    fn take_transaction(
        &self,
        host: &dyn Host,
        request: &Request<'_>,
        state: &str,
    ) -> (Option<Transaction>, Vec<SetCookie>) {
        let (Some(cookies), Some(settings)) = (&self.cookies, &self.config.session) else {
            return (None, Vec::new());
        };
        let origin = request.origin.host();
        cookies.take_transaction(&settings.keys, state, request.jar, origin, host.now())
    }

    /// The form that waits for this login, and the removal of its cookies.
    fn take_form(
        &self,
        request: &Request<'_>,
        transaction: &Transaction,
    ) -> Option<(KeptForm, Vec<SetCookie>)> {
        let cookies = self.cookies.as_ref().filter(|_| transaction.form)?;
        let settings = self.config.session.as_ref()?;
        let (state, origin) = (transaction.state.expose(), request.origin.host());
        cookies.take_form(&settings.keys, state, request.jar, origin)
    }

    /// A callback of no attempt that this browser knows. Whoever is signed in came back
    /// with the back button: on to the page. An attempt that took too long begins again, and
    /// so does one that made room for those of other tabs, twice at most. Anything else is
    /// not this browser's (RFC 9700 section 4.7), and neither its code nor its path is used:
    /// only paths of ours come out of a state.
    fn without_attempt(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        state: &str,
        removal: Vec<SetCookie>,
    ) -> Result<Step, Refused> {
        let state = State::parse(state).filter(|state| !self.is_endpoint(&state.return_to));
        if self.live(host, request).is_some() {
            let path = state.map_or_else(LocalPath::root, |state| state.return_to);
            let location = request.origin.at(path.as_str());
            log::decision(
                host,
                Level::Info,
                request.arrival,
                "signed_in_already",
                "a used callback",
            );
            return Ok(Step::Reply(
                Reply::redirect(Outcome::SignedInAlready, &location)?.with_cookies(removal),
            ));
        }
        let made_room = request.jar.is_full_of_logins();
        match state.filter(|state| state.may_begin_again(host.now(), made_room)) {
            Some(state) => {
                let attempts = state.attempts.saturating_add(1);
                self.start_login(host, request, state.return_to, attempts)
            }
            None => Err(Refused::new(Refusal::NoAttempt, removal)),
        }
    }

    /// Asks the token endpoint, once the response is known to be this provider's, or finds
    /// what it has answered already.
    fn exchange(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        transaction: Transaction,
        parameters: &Parameters,
    ) -> Result<Step, Refusal> {
        let call = self.code_call(&transaction, parameters)?;
        let id = TurnId::of_login(transaction.state.expose());
        self.turns.sweep(host.now(), self.patience());
        if self.turns.get(&id).is_none() {
            let attempt = Rc::new(transaction.clone());
            let errand = match (transaction.ask, self.live(host, request)) {
                (None, _) => Errand::Login(attempt),
                (Some(_), Some(live)) => Errand::Trip(live, attempt),
                // There is nothing left to have it beside.
                (Some(_), None) => return self.back(request, &transaction, Vec::new()),
            };
            self.take_turn(host, id, errand, &call);
        }
        match self.turns.get(&id) {
            // Logged out since: the callback does not bring the session back.
            Some(Turn::Renewed(live)) if self.turns.ended(live) => Err(Refusal::NoAttempt),
            Some(Turn::Renewed(live)) => {
                let live = Rc::clone(live);
                let Some(live) = self.known_at_login(host, request, live)? else {
                    return Ok(Step::Wait);
                };
                self.logged_in(host, request, &transaction, &live)
            }
            Some(Turn::Refused(refusal)) => Err(Refusal::LoginToken(refusal.clone())),
            Some(Turn::CallRefused(error)) => Err(Refusal::of_code(error.clone())),
            Some(Turn::Ended) => Err(Refusal::NoAttempt),
            Some(Turn::Calling | Turn::AwaitingKeys(..) | Turn::Elsewhere) => {
                self.wait(host, request, Waiting::Turn(id))?;
                Ok(Step::Wait)
            }
            Some(Turn::Failed) | None => Err(Refusal::ProviderUnavailable),
        }
    }

    /// The call that turns the response's code into tokens.
    fn code_call(
        &self,
        transaction: &Transaction,
        parameters: &Parameters,
    ) -> Result<HttpCall, Refusal> {
        let metadata = self.provider.metadata().ok_or(Refusal::ProviderUnavailable)?;
        // RFC 9207 section 2.4: before anything else of the response is believed, errors too.
        let issuer = parameters.issuer.as_deref();
        authorize::response_issuer(metadata, &self.config.provider.issuer, issuer)
            .map_err(|mismatch| Refusal::ResponseIssuer(mismatch.to_string()))?;
        if let Some((error, description)) = parameters.error.clone() {
            return Err(match transaction.ask {
                None => Refusal::ProviderError { error, description },
                Some(_) => Refusal::NotGranted { error, description },
            });
        }
        let code = parameters.code.as_ref().ok_or(Refusal::NoCode)?;
        let (provider, client) = (&self.config.provider, &self.config.client);
        let (verifier, redirect_uri) = (&transaction.verifier, &transaction.redirect_uri);
        token_endpoint::code_call(provider, client, metadata, code, verifier, redirect_uri)
            .ok_or(Refusal::ProviderUnavailable)
    }

    /// Both tokens, each by its own rules; the ID token first, since its nonce binds the
    /// answer to this browser (RFC 9700 section 4.5.3: discard all until that is checked).
    /// The session is new in every byte, whatever the browser had before.
    pub(super) fn verify_login(
        &self,
        host: &mut dyn Host,
        transaction: &Transaction,
        answer: &TokenAnswer,
    ) -> Result<Result<Session, NoEntropy>, TokenRefusal> {
        let keys = self.provider.keys().ok_or(TokenRefusal::no_keys(Kind::IdToken))?;
        let now = host.now();
        let raw = answer.id_token.as_ref().ok_or(TokenRefusal::missing(Kind::IdToken))?;
        let expected = LoginExpectation {
            nonce: &transaction.nonce,
            access_token: answer.access_token.as_ref(),
        };
        let id_token =
            IdToken::verify(raw, &self.config.id_token, &expected, keys, host.signatures(), now)?;
        let access_token = self.verify_issued(host, answer, keys)?;
        let refresh_token = answer.refresh_token.clone();
        let session = |id| Session {
            id,
            id_token,
            access_token,
            refresh_token,
            created: now,
            seen: now,
            narrowed: 0,
            kept: Vec::new(),
        };
        Ok(random_bytes(host).map(session))
    }

    /// The session begins, or has a rule's token beside it.
    fn logged_in(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        transaction: &Transaction,
        live: &Live,
    ) -> Result<Step, Refusal> {
        let mut cookies = self.take_transaction(host, request, transaction.state.expose()).1;
        if let Some(ask) = &transaction.ask {
            let Some(kept) = self.trip_done(host, request, live, ask)? else {
                return Ok(Step::Wait);
            };
            cookies.extend(kept);
            return self.back(request, transaction, cookies);
        }
        cookies.extend(self.write_session(host, request, &live.session)?);
        log::decision(host, Level::Info, request.arrival, "logged_in", "both tokens were verified");
        let back = &transaction.return_to;
        let reply = match self.take_form(request, transaction) {
            Some((form, removal)) => {
                cookies.extend(removal);
                let fields = form.fields();
                fields.map_or_else(|| Reply::form_is_gone(back), |f| Reply::form(&form, &f, back))
            }
            None if transaction.form => Reply::form_is_gone(back),
            None => return self.back(request, transaction, cookies),
        };
        Ok(Step::Reply(reply.with_cookies(cookies)))
    }

    /// Back to the page where it began.
    fn back(
        &self,
        request: &Request<'_>,
        transaction: &Transaction,
        cookies: Vec<SetCookie>,
    ) -> Result<Step, Refusal> {
        let location = request.origin.at(transaction.return_to.as_str());
        let outcome = if transaction.ask.is_some() { Outcome::TripDone } else { Outcome::LoggedIn };
        let reply = match cookies_are_strict(&self.config) {
            true => Reply::hand_over(outcome, &location),
            false => Reply::redirect(outcome, &location)?,
        };
        Ok(Step::Reply(reply.with_cookies(cookies)))
    }
}

/// A redirect that began at the provider is cross-site to its end: a browser would leave a
/// `SameSite=Strict` cookie out, and the user would be sent to log in again, for ever. A
/// page of ours that leads on begins a navigation of its own (RFC 6265bis section 5.2).
fn cookies_are_strict(config: &Config) -> bool {
    config.session.as_ref().is_some_and(|session| session.cookie.same_site == SameSite::Strict)
}

impl Parameters {
    fn read(query: &Form) -> Result<Self, Refusal> {
        let error = query.once("error")?.map(str::to_owned);
        let description = query.once("error_description")?.map(str::to_owned);
        Ok(Self {
            code: query.once("code")?.map(|code| Secret::new(code.to_owned())),
            error: error.map(|error| (error, description)),
            issuer: query.once("iss")?.map(str::to_owned),
        })
    }
}
