//! Opaque access tokens: what they say is asked of the provider (RFC 7662), once for whoever waits.
//!
//! It is asked before anything is decided by such a token: a client's own, and a session's at
//! login, after a refresh, and on every request once the last answer does not count any more. The
//! session's cookie keeps the token alone. What the provider says becomes an [`AccessToken`] like
//! any other, and is judged like one. An answer that is not there, or is nonsense, passes nobody.

use std::rc::Rc;

use crate::config::{AccessTokenFormat, Config};
use crate::crypto::Secret;
use crate::provider::{Answer, IntrospectionError, Said, introspection};
use crate::session::{Granted, Session};
use crate::token::{AccessToken, Kind, Refusal as TokenRefusal};
use crate::wire::Timestamp;

use super::host::{CallId, Host, Level, StreamId};
use super::identity::{Bearer, Live};
use super::introspections::{Introspections, Learned, Look, TokenId};
use super::log;
use super::metrics::Endpoint;
use super::refresh::{REFRESHES_BEHIND, Turned};
use super::refusal::Refusal;
use super::request::Request;
use super::sessions::Freshness;
use super::tally;
use super::wait::Waiting;
use super::worker::{Flight, Worker};

/// Most calls that are under way on a worker.
const CALLS_LIMIT: usize = 256;
/// Most of them that strangers may cause: whoever sends what was never seen to be a token.
const STRANGERS_LIMIT: usize = 64;

/// What the provider says of a token that is asked about.
pub(super) enum Asked {
    /// It is active, and this is what it says.
    Active(Rc<Bearer>),
    /// It is refused, whoever it may be for.
    Refused(TokenRefusal),
    /// The request waits for the answer.
    Wait,
}

/// A session of which the access token was asked about.
pub(super) enum Informed {
    /// It is known what it says.
    Known(Rc<Live>),
    /// The provider says that it is over.
    Inactive,
    /// The request waits for the answer.
    Wait,
}

/// The book of opaque tokens, where tokens are opaque.
pub(super) fn introspections(config: &Config) -> Option<Introspections> {
    match config.access_token.as_ref()?.format {
        AccessTokenFormat::Opaque { introspection_cache } => {
            Some(Introspections::new(introspection_cache))
        }
        AccessTokenFormat::Jwt { .. } => None,
    }
}

impl Worker {
    /// What the provider says of `raw`. `is_ours`: it comes out of a session, not from a stranger.
    ///
    /// # Errors
    /// The provider does not say, or too much is asked of it already.
    #[cold]
    pub(super) fn ask_about(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        raw: &Secret,
        is_ours: bool,
    ) -> Result<Asked, Refusal> {
        let (now, id) = (host.now(), TokenId::of(raw));
        let book = self.introspections.as_mut().ok_or(Refusal::ProviderUnavailable)?;
        match book.look(&id, request.waiting_since, now) {
            Look::Known(Learned::Active(bearer)) => return Ok(Asked::Active(Rc::clone(bearer))),
            Look::Known(Learned::Refused(refusal)) => return Ok(Asked::Refused(refusal.clone())),
            Look::Known(Learned::NotAllowed) => {
                let error = "its introspection endpoint refused it".to_owned();
                return Err(Refusal::ClientRefused { error });
            }
            Look::Known(Learned::Failed) => return Err(Refusal::ProviderUnavailable),
            Look::UnderWay => {}
            Look::Ask { was_active } => self.introspect(host, id, raw, is_ours || was_active)?,
        }
        self.wait(host, request, Waiting::Introspected(id))?;
        Ok(Asked::Wait)
    }

    fn introspect(
        &mut self,
        host: &mut dyn Host,
        id: TokenId,
        raw: &Secret,
        is_known: bool,
    ) -> Result<(), Refusal> {
        // Calls, not tokens, are counted: one that was given up still burdens the provider.
        let flights = self.flights.iter();
        let calls = flights.filter(|(_, flight)| matches!(flight, Flight::Introspect(..))).count();
        let limit = if is_known { CALLS_LIMIT } else { STRANGERS_LIMIT };
        if calls >= limit {
            return Err(Refusal::Busy);
        }
        let (provider, client) = (&self.config.provider, &self.config.client);
        let metadata = self.provider.metadata();
        let call = metadata.and_then(|metadata| {
            introspection::introspection_call(provider, client, metadata, raw)
        });
        let sent = call.and_then(|call| host.dispatch(&call).ok());
        let (now, book) = (host.now(), self.introspections.as_mut());
        match (sent, book) {
            (Some(call), Some(book)) => {
                self.flights.insert(call, Flight::Introspect(id, raw.clone()));
                book.asked(id, call, now);
                Ok(())
            }
            (None, Some(book)) => {
                tally::call(host, Endpoint::Introspection, None);
                book.learned(id, Learned::Failed, now);
                Err(Refusal::ProviderUnavailable)
            }
            (_, None) => Err(Refusal::ProviderUnavailable),
        }
    }

    /// The introspection endpoint has answered. Gives the streams that may go on.
    pub(super) fn introspected(
        &mut self,
        host: &mut dyn Host,
        id: TokenId,
        raw: Secret,
        call: CallId,
        answer: &Answer<'_>,
    ) -> Vec<StreamId> {
        let awaited = self.introspections.as_ref().is_some_and(|book| book.awaits(&id, call));
        // Given up and asked again since, or another configuration's.
        if !awaited {
            return Vec::new();
        }
        let now = host.now();
        let learned = match introspection::said(answer) {
            Ok(said) => self.learned(raw, said, now),
            Err(error) => {
                log::outcome(host, Level::Warn, "not_introspected", &error.to_string());
                match error {
                    IntrospectionError::Refused { .. } => Learned::NotAllowed,
                    IntrospectionError::Unavailable(_) | IntrospectionError::Nonsense(_) => {
                        Learned::Failed
                    }
                }
            }
        };
        if let Some(book) = &mut self.introspections {
            book.learned(id, learned, now);
        }
        self.waiters
            .those(|waiting| matches!(waiting, Waiting::Introspected(other) if *other == id))
    }

    fn learned(&self, raw: Secret, said: Said, now: Timestamp) -> Learned {
        let Some(rules) = &self.config.access_token else { return Learned::Failed };
        let token = match said {
            Said::Active(answer) => AccessToken::introspected(raw, answer, rules, now),
            Said::Inactive => Err(TokenRefusal::inactive()),
        };
        match token {
            Ok(token) => Learned::Active(Rc::new(Bearer::new(token, &self.config))),
            Err(refusal) => Learned::Refused(refusal),
        }
    }

    /// The session with what the provider says of its access token.
    ///
    /// # Errors
    /// As [`Self::ask_about`]; and what it says is refused, whoever the token is for.
    #[cold]
    pub(super) fn informed(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
    ) -> Result<Informed, Refusal> {
        let Some(granted) = &live.session.access_token else {
            return Err(Refusal::SessionToken(TokenRefusal::missing(Kind::AccessToken)));
        };
        match self.ask_about(host, request, granted.raw(), true)? {
            Asked::Wait => Ok(Informed::Wait),
            Asked::Refused(refusal) if refusal.is_inactive() => Ok(Informed::Inactive),
            Asked::Refused(refusal) => Err(Refusal::SessionToken(refusal)),
            Asked::Active(bearer) => {
                let token = bearer.token();
                let known = granted.known().and_then(AccessToken::introspected_at);
                if known.is_some() && known == token.introspected_at() {
                    return Ok(Informed::Known(Rc::clone(live)));
                }
                Ok(Informed::Known(self.with_token(live, Granted::Known(token.clone()))))
            }
        }
    }

    /// The session of a login, once its access token is known to be good: at once where it is a
    /// JWT, which was verified. `None`: the request waits.
    ///
    /// # Errors
    /// It is not good, or the provider does not say.
    pub(super) fn known_at_login(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: Rc<Live>,
    ) -> Result<Option<Rc<Live>>, Refusal> {
        if self.introspections.is_none() {
            return Ok(Some(live));
        }
        let known = match self.informed(host, request, &live) {
            Ok(Informed::Known(known)) => known,
            Ok(Informed::Inactive) => return Err(Refusal::LoginToken(TokenRefusal::inactive())),
            Ok(Informed::Wait) => return Ok(None),
            Err(Refusal::SessionToken(refusal)) => return Err(Refusal::LoginToken(refusal)),
            Err(refusal) => return Err(refusal),
        };
        if let (Some(rules), Some(granted)) =
            (&self.config.access_token, &known.session.access_token)
        {
            let judged = granted.verified().and_then(|token| token.judge(rules, host.now()));
            judged.map_err(Refusal::LoginToken)?;
        }
        Ok(Some(known))
    }

    /// As `turn` for JWTs: what the request does about its session's tokens. They are asked about
    /// first, and those that a refresh brings as well.
    ///
    /// # Errors
    /// As [`Self::informed`].
    #[cold]
    pub(super) fn turn_of_opaque(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
    ) -> Result<Turned, Refusal> {
        let mut newest = Rc::clone(live);
        for _ in 0..REFRESHES_BEHIND {
            let informed = self.informed(host, request, &newest)?;
            // Else a provider whose new tokens are no better would be asked for more and more.
            let has_to_do = newest.turn != live.turn && newest.came_just_now(host.now());
            let (asked, active) = match informed {
                Informed::Wait => return Ok(Turned::Wait),
                Informed::Known(known) if has_to_do => return Ok(Turned::Go(known)),
                Informed::Inactive if has_to_do => return Ok(Turned::Ended),
                Informed::Known(known) => {
                    if newest.turn == live.turn && !Rc::ptr_eq(&known, live) {
                        self.keep_open(request, &known);
                    }
                    (known, true)
                }
                Informed::Inactive => (self.without_knowledge(&newest), false),
            };
            match self.turn(host, request, &asked)? {
                Turned::Go(next) if next.turn != asked.turn => newest = next,
                // Nothing better is to be had.
                Turned::Go(_) if !active => return Ok(Turned::Ended),
                turned => return Ok(turned),
            }
        }
        Err(Refusal::ProviderUnavailable)
    }

    /// What is left of a token of which nothing is known, or that is over: see `freshness`.
    pub(super) fn freshness_of_opaque(&self, raw: &Secret, now: Timestamp) -> Freshness {
        let inactive = |book: &Introspections| book.says_inactive(&TokenId::of(raw), now);
        match self.introspections.as_ref().is_some_and(inactive) {
            true => Freshness::Over,
            false => Freshness::Fresh,
        }
    }

    /// So that the next request with this cookie finds what is known.
    fn keep_open(&mut self, request: &Request<'_>, live: &Rc<Live>) {
        let text = self.cookies.as_ref().and_then(|cookies| cookies.session_text(request.jar));
        if let Some(text) = text {
            let origin = request.origin.host();
            self.sessions.put(&text.join(), origin, Rc::clone(live), live.size());
        }
    }

    fn without_knowledge(&self, live: &Rc<Live>) -> Rc<Live> {
        match &live.session.access_token {
            Some(Granted::Known(token)) => {
                self.with_token(live, Granted::Opaque(token.raw().clone()))
            }
            Some(Granted::Opaque(_)) | None => Rc::clone(live),
        }
    }

    fn with_token(&self, live: &Live, token: Granted) -> Rc<Live> {
        let session = Session { access_token: Some(token), ..live.session.clone() };
        Rc::new(Live::new(session, live.with_first_key, &self.config))
    }
}
