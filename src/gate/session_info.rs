//! `GET /oauth2/session`: who is logged in, and for how long. Never a token.

use std::rc::Rc;

use crate::config::Needs;
use crate::http::form::Form;
use crate::wire::{Json, Timestamp};

use super::Step;
use super::host::Host;
use super::identity::{Live, Unfit};
use super::introspect::Informed;
use super::metrics::Outcome;
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::Request;
use super::worker::Worker;

/// Claims that say nothing of the user: they bind the token to a login, a code, or others.
const BINDING: [&str; 4] = ["nonce", "at_hash", "c_hash", "s_hash"];
/// Most claims that one question may name.
const CLAIMS_LIMIT: usize = 32;

/// Whether a session is good, or would be after a refresh.
enum Lasting {
    Yes(Rc<Live>),
    No,
    /// The request waits for the provider, who knows.
    Wait,
}

impl Worker {
    /// `{"sub", "expires_at"}` and the ID token's claims that `?claims=name,email` names,
    /// or 401. `expires_at` is a NumericDate: when the session ends unless it is used.
    #[cold]
    pub(super) fn session_info(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
    ) -> Result<Step, Refused> {
        if !matches!(request.arrival.method(), b"GET" | b"HEAD") {
            return Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" }.into());
        }
        let query = Form::parse(request.arrival.query())?;
        let asked = query.once("claims")?.unwrap_or_default();
        let now = host.now();
        let live = match self.live(host, request) {
            Some(live) if self.introspections.is_some() => {
                match self.lasting_opaque(host, request, live)? {
                    Lasting::Wait => return Ok(Step::Wait),
                    Lasting::Yes(live) => Some(live),
                    Lasting::No => None,
                }
            }
            live => live.filter(|live| self.lasts(live, now)),
        };
        let Some(live) = live else {
            return Err(Refused::new(Refusal::Unauthenticated, self.remove_session(request)));
        };
        let end = self.ends(&live).seconds();
        let subject = live.session.id_token.subject().to_owned();
        let mut members = vec![
            ("sub".to_owned(), Json::String(subject)),
            ("expires_at".to_owned(), Json::Integer(end)),
        ];
        for name in asked.split(',').filter(|name| !name.is_empty()).take(CLAIMS_LIMIT) {
            let kept = BINDING.contains(&name) || members.iter().any(|(member, _)| member == name);
            if let (false, Some(claim)) = (kept, live.session.id_token.claim(&[name.to_owned()])) {
                members.push((name.to_owned(), claim.clone()));
            }
        }
        Ok(Step::Reply(Reply::json(Outcome::SessionInfo, &Json::Object(members))))
    }

    /// The same where the provider has to be asked about the access token.
    fn lasting_opaque(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: Rc<Live>,
    ) -> Result<Lasting, Refusal> {
        if !self.provider.ready() {
            self.wait_for_provider(host, request)?;
            return Ok(Lasting::Wait);
        }
        match self.informed(host, request, &live) {
            Ok(Informed::Wait) => Ok(Lasting::Wait),
            Ok(Informed::Known(known)) if self.lasts(&known, host.now()) => Ok(Lasting::Yes(known)),
            Ok(Informed::Inactive) if live.session.refresh_token.is_some() => {
                Ok(Lasting::Yes(live))
            }
            Ok(Informed::Known(_) | Informed::Inactive) | Err(Refusal::SessionToken(_)) => {
                Ok(Lasting::No)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether the session is good, or would be after a refresh.
    fn lasts(&self, live: &Rc<Live>, now: Timestamp) -> bool {
        match live.judge(&self.config, &Needs::default(), now) {
            Ok(_) => true,
            Err(Unfit::Token(refusal)) => refusal.expired() && live.session.refresh_token.is_some(),
            Err(Unfit::Right(_) | Unfit::Otherwise(_)) => false,
        }
    }

    fn ends(&self, live: &Live) -> Timestamp {
        let session = &live.session;
        let Some(settings) = &self.config.session else { return session.seen };
        let idle = session.seen.plus(settings.idle_timeout);
        let end = idle.min(session.created.plus(settings.max_age));
        // Without a refresh token the session is over when its token is.
        match (&session.refresh_token, session.known_access_token()) {
            (None, Some(token)) => end.min(token.expires_at()),
            _ => end,
        }
    }
}
