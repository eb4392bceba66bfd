//! The provider sends the user back: state, issuer, code; then tokens; then a session.
//!
//! OIDC Core 3.1.2.5 to 3.1.3.7, RFC 9207. Nothing is kept of an attempt that fails.

use crate::config::Config;
use crate::crypto::entropy::random_bytes;
use crate::crypto::{NoEntropy, Secret};
use crate::http::form::Form;
use crate::http::{SameSite, SetCookie};
use crate::provider::{KeysWanted, TokenAnswer, TokenError, authorize, token_endpoint};
use crate::session::{Session, Transaction};
use crate::token::{AccessToken, IdToken, Kind, LoginExpectation, Refusal as TokenRefusal};

use super::host::{Host, Level};
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::Request;
use super::wait::{Waiter, Waiting};
use super::worker::{Flight, Worker};
use super::{Step, log};

/// A code that is on its way to become tokens.
#[derive(Debug)]
pub(super) enum Exchanging {
    /// The token endpoint was asked.
    Calling(Transaction),
    /// It has answered.
    Answered(Transaction, Result<TokenAnswer, TokenError>),
    /// It has, with a key that was not known; newer keys were asked for.
    AwaitingKeys(Transaction, TokenAnswer),
}

/// Parameters of the authorization response (RFC 6749 section 4.1.2), each at most once.
struct Parameters {
    code: Option<Secret>,
    error: Option<(String, Option<String>)>,
    issuer: Option<String>,
}

impl Worker {
    /// `GET /oauth2/callback`.
    pub(super) fn callback(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
    ) -> Result<Step, Refused> {
        if request.arrival.method != b"GET" {
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
        let (transaction, removal) = self.take_transaction(host, request, state);
        let Some(transaction) = transaction else {
            return Err(Refused::new(Refusal::NoAttempt, removal));
        };
        self.exchange(host, request, transaction, parameters)
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
        cookies.take_transaction(&settings.keys, state, &request.jar, origin, host.now())
    }

    /// Asks the token endpoint, once the response is known to be this provider's.
    fn exchange(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        transaction: Transaction,
        parameters: Parameters,
    ) -> Result<Step, Refusal> {
        let Some(metadata) = self.provider.metadata() else {
            return Err(Refusal::ProviderUnavailable);
        };
        // RFC 9207 section 2.4: before anything else of the response is believed, errors too.
        authorize::response_issuer(
            metadata,
            &self.config.provider.issuer,
            parameters.issuer.as_deref(),
        )
        .map_err(|mismatch| Refusal::ResponseIssuer(mismatch.to_string()))?;
        if let Some((error, description)) = parameters.error {
            return Err(Refusal::ProviderError { error, description });
        }
        let code = parameters.code.ok_or(Refusal::NoCode)?;
        let call = token_endpoint::code_call(
            &self.config.provider,
            &self.config.client,
            metadata,
            &code,
            &transaction.verifier,
            &transaction.redirect_uri,
        )
        .ok_or(Refusal::ProviderUnavailable)?;
        self.wait(host, request, Waiting::Exchange(Exchanging::Calling(transaction)))?;
        match host.dispatch(&call) {
            Ok(id) => {
                self.flights.insert(id, Flight::Exchange(request.stream));
                Ok(Step::Wait)
            }
            Err(_) => {
                self.waiters.take(request.stream);
                Err(Refusal::ProviderUnavailable)
            }
        }
    }

    /// The token endpoint has answered the exchange of `stream`.
    pub(super) fn exchange_answered(
        &mut self,
        stream: super::StreamId,
        answer: Result<TokenAnswer, TokenError>,
    ) -> bool {
        let Some(waiter) = self.waiters.take(stream) else { return false };
        let (waiting, expected) = match waiter.waiting {
            Waiting::Exchange(Exchanging::Calling(transaction)) => {
                (Waiting::Exchange(Exchanging::Answered(transaction, answer)), true)
            }
            other => (other, false),
        };
        self.waiters.put(stream, Waiter { waiting, ..waiter });
        expected
    }

    /// Goes on with a callback that has waited.
    pub(super) fn finish_exchange(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        exchanging: Exchanging,
    ) -> Result<Step, Refused> {
        let (transaction, answer, may_wait) = match exchanging {
            Exchanging::Calling(_) => return Err(Refusal::ProviderUnavailable.into()),
            Exchanging::Answered(transaction, answer) => (transaction, answer, true),
            Exchanging::AwaitingKeys(transaction, answer) => (transaction, Ok(answer), false),
        };
        // Used or not, the attempt is over: its cookie goes with every answer from here.
        let removal = self.take_transaction(host, request, transaction.state.expose()).1;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(Refused::new(Refusal::of_code(error), removal)),
        };
        match self.verify_login(host, &transaction, &answer) {
            Ok(tokens) => {
                let refresh_token = answer.refresh_token;
                self.logged_in(host, request, &transaction, tokens, refresh_token, removal)
            }
            Err(refusal) if refusal.unknown_kid() && may_wait => {
                match self.provider.want_keys(host.now()) {
                    KeysWanted::Fetching => {
                        self.fetch_due(host);
                        let waiting = Exchanging::AwaitingKeys(transaction, answer);
                        self.wait(host, request, Waiting::Exchange(waiting))?;
                        Ok(Step::Wait)
                    }
                    KeysWanted::Throttled => {
                        Err(Refused::new(Refusal::LoginToken(refusal), removal))
                    }
                }
            }
            Err(refusal) => Err(Refused::new(Refusal::LoginToken(refusal), removal)),
        }
    }

    /// Both tokens, each by its own rules; the ID token first, since its nonce binds the
    /// answer to this browser (RFC 9700 section 4.5.3: discard all until that is checked).
    fn verify_login(
        &self,
        host: &mut dyn Host,
        transaction: &Transaction,
        answer: &TokenAnswer,
    ) -> Result<(IdToken, Option<AccessToken>), TokenRefusal> {
        let keys = self.provider.keys().ok_or(TokenRefusal::no_keys(Kind::IdToken))?;
        let now = host.now();
        let raw = answer.id_token.as_ref().ok_or(TokenRefusal::missing(Kind::IdToken))?;
        let expected = LoginExpectation {
            nonce: &transaction.nonce,
            access_token: answer.access_token.as_ref(),
        };
        let id_token =
            IdToken::verify(raw, &self.config.id_token, &expected, keys, host.signatures(), now)?;
        let access_token = match &self.config.access_token {
            Some(rules) => {
                let raw =
                    answer.access_token.as_ref().ok_or(TokenRefusal::missing(Kind::AccessToken))?;
                Some(AccessToken::verify(raw, rules, keys, host.signatures(), now)?)
            }
            None => None,
        };
        Ok((id_token, access_token))
    }

    /// The session begins: new in every byte, whatever the browser had before.
    fn logged_in(
        &self,
        host: &mut dyn Host,
        request: &Request<'_>,
        transaction: &Transaction,
        (id_token, access_token): (IdToken, Option<AccessToken>),
        refresh_token: Option<Secret>,
        removal: Vec<SetCookie>,
    ) -> Result<Step, Refused> {
        let now = host.now();
        let Ok(id) = random_bytes(host) else {
            return Err(Refused::new(Refusal::NoEntropy(NoEntropy), removal));
        };
        let session =
            Session { id, id_token, access_token, refresh_token, created: now, seen: now };
        let mut cookies = removal.clone();
        match self.write_session(host, request, &session) {
            Ok(written) => cookies.extend(written),
            Err(refusal) => return Err(Refused::new(refusal, removal)),
        }
        log::decision(host, Level::Info, request, "logged_in", "both tokens were verified");
        let location = request.origin.at(transaction.return_to.as_str());
        let strict = cookies_are_strict(&self.config);
        let reply = if strict { Reply::hand_over(&location) } else { Reply::redirect(&location)? };
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
