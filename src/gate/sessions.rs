//! A request with a session: opened, judged again, refreshed where it is time, forwarded.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{self, Ask, Config, Needs};
use crate::crypto::NoEntropy;
use crate::http::{LocalPath, SetCookie};
use crate::policy::{Decision, navigation};
use crate::session::{Granted, Session, WriteError};
use crate::token::{Check, Refusal as TokenRefusal};
use crate::wire::Timestamp;

use super::forward::{Forward, Stamp};
use super::host::{Host, Level};
use super::identity::{Identity, Live, Unfit};
use super::login::redirects;
use super::metrics::{Lookup, Metric, Source};
use super::refresh::Turned;
use super::refusal::{Refusal, Refused};
use super::request::Request;
use super::worker::Worker;
use super::{Step, log, tally};

/// How much life is left in the token that goes upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Freshness {
    /// Enough.
    Fresh,
    /// Less than `session.refresh_margin`, and less than half.
    Due,
    /// None.
    Over,
}

impl Worker {
    /// Decides by the session's cookie.
    pub(super) fn session(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        decision: &Decision,
    ) -> Result<Step, Refused> {
        let unauthenticated = decision.unauthenticated;
        let Some(live) = self.live(host, request) else {
            return self.unauthenticated(host, request, unauthenticated);
        };
        if navigation::cross_site_unsafe(&request.arrival.metadata, &request.origin) {
            return Err(Refusal::CrossSite.into());
        }
        let turned = match self.introspections {
            None => self.turn(host, request, &live)?,
            Some(_) => self.turn_of_opaque(host, request, &live)?,
        };
        let turned = match turned {
            Turned::Go(newest) if self.rules_take_turns => {
                self.rules_turn(host, request, &newest, decision)?
            }
            turned => turned,
        };
        match turned {
            Turned::Go(newest) => {
                let renewed = !Rc::ptr_eq(&newest, &live) && newest.turn != live.turn;
                self.pass(host, request, &newest, renewed, decision)
            }
            Turned::Ended => self.unauthenticated(host, request, unauthenticated),
            Turned::Wait => Ok(Step::Wait),
        }
    }

    /// The session of the request's cookie, if it opens and has not ended.
    pub(super) fn live(&mut self, host: &dyn Host, request: &Request<'_>) -> Option<Rc<Live>> {
        let cookies = self.cookies.as_ref()?;
        let text = cookies.session_text(request.jar)?;
        let origin = request.origin.host();
        let known = self.sessions.get(text, origin);
        host.count(Metric::SessionCache(Lookup::of(known.is_some())));
        let live = match known {
            Some(live) => live,
            None => self.open(&text.join(), origin)?,
        };
        let over = !live.is_quiet(host.now()) && self.is_over(&live, host.now());
        (!over && !self.turns.ended(&live)).then_some(live)
    }

    #[cold]
    fn is_over(&self, live: &Live, now: Timestamp) -> bool {
        let settings = self.config.session.as_ref();
        settings.is_none_or(|settings| live.session.ended(settings, now).is_some())
    }

    /// A session that was not seen on this worker a moment ago.
    #[cold]
    fn open(&mut self, text: &[u8], origin: &str) -> Option<Rc<Live>> {
        let (cookies, settings) = (self.cookies.as_ref()?, self.config.session.as_ref()?);
        let (session, with_first_key) = cookies.open_session(&settings.keys, text, origin)?;
        let live = Rc::new(Live::new(session, with_first_key, &self.config));
        self.sessions.put(text, origin, Rc::clone(&live), live.size());
        Some(live)
    }

    /// The freshness of the token that runs out first, of those that matter.
    pub(super) fn freshness(&self, session: &Session, now: Timestamp) -> Freshness {
        let margin = self.config.session.as_ref().map(|settings| settings.refresh_margin);
        let of = |from, end| freshness(from, end, margin.unwrap_or_default(), now);
        let access_token = match &session.access_token {
            Some(Granted::Known(token)) => of(token.issued_at(), token.expires_at()),
            Some(Granted::Opaque(raw)) => self.freshness_of_opaque(raw, now),
            None => Freshness::Fresh,
        };
        if self.config.upstream.authorization != config::Authorization::IdToken {
            return access_token;
        }
        access_token.max(of(session.id_token.issued_at(), session.id_token.expires_at()))
    }

    /// `renewed`: it is not what the request's cookie holds, so its own cookie goes out with
    /// the response.
    fn pass(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        renewed: bool,
        decision: &Decision,
    ) -> Result<Step, Refused> {
        // Nearly every request: nothing is due, and its tokens are known to be good. For a rule
        // that has tokens of its own they never are.
        if !renewed
            && live.is_quiet(host.now())
            && let Some(identity) = Identity::of_judged_session(live, decision.rule, host.now())
        {
            return Ok(Step::Forward(Self::forward(host, request, &identity)));
        }
        self.judge_and_pass(host, request, live, renewed, decision)
    }

    #[cold]
    fn judge_and_pass(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        renewed: bool,
        decision: &Decision,
    ) -> Result<Step, Refused> {
        let now = host.now();
        let identity = match self.judge(host, request, live, decision) {
            Ok(Some(identity)) => identity,
            Ok(None) => return Ok(Step::Wait),
            Err(unfit) => return self.unfit(host, request, live, renewed, decision, unfit),
        };
        let cookies = if renewed {
            self.write_session(host, request, &live.session)?
        } else if self.unwritten(live, decision.rule) && !self.near_refresh(live, now) {
            // It can be had again, so that the request does not depend on it.
            self.write_session(host, request, &live.session).unwrap_or_default()
        } else {
            self.touched(host, request, live, now)
        };
        let forward = Self::forward(host, request, &identity);
        if cookies.is_empty() {
            return Ok(Step::Forward(forward));
        }
        let stamp = Stamp { session: live.session.id, turn: live.turn, decided: now };
        Ok(Step::Forward(forward.with_cookies(cookies, stamp)))
    }

    /// Judges the session for the rule that decided; `None`: the request waits for a token.
    #[cold]
    fn judge(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        decision: &Decision,
    ) -> Result<Option<Identity>, Unfit> {
        let needs = self.needs(decision);
        match decision.rule {
            Some(rule) if needs.acquire.is_some() => {
                self.with_acquired(host, request, live, decision, rule)
            }
            rule => Identity::of_session(live, &self.config, rule, needs, host.now()).map(Some),
        }
    }

    /// The session does not do for this request.
    #[cold]
    fn unfit(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Live,
        renewed: bool,
        decision: &Decision,
        unfit: Unfit,
    ) -> Result<Step, Refused> {
        let refusal = match unfit {
            // A new login mends it, and cannot loop: its tokens are judged before any redirect.
            Unfit::Token(refusal) if mended_by_login(&refusal) => {
                let reason = refusal.to_string();
                log::decision(host, Level::Info, request.arrival, "session_over", &reason);
                return self.unauthenticated(host, request, decision.unauthenticated);
            }
            Unfit::Token(refusal) => {
                tally::token_refused(host, Source::Session, &refusal);
                Refusal::SessionToken(refusal)
            }
            Unfit::Otherwise(refusal) => *refusal,
            Unfit::Right(missing) => Refusal::MissingRight(missing),
        };
        // The session is good elsewhere, and its old refresh token is spent.
        let cookies = match renewed {
            true => self.write_session(host, request, &live.session).unwrap_or_default(),
            false => Vec::new(),
        };
        match (refusal, decision.rule) {
            (Refusal::TokenNeeded { .. }, Some(rule))
                if redirects(request, decision.unauthenticated) =>
            {
                let back = LocalPath::parse(request.arrival.target);
                self.start_trip(host, request, back.unwrap_or_else(LocalPath::root), rule, cookies)
            }
            (refusal, _) => Err(Refused::new(refusal, cookies)),
        }
    }

    /// The session with the token that the rule acquires; `None`: the request waits for it. A
    /// session that is not good itself acquires nothing.
    #[cold]
    fn with_acquired(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Rc<Live>,
        decision: &Decision,
        rule: usize,
    ) -> Result<Option<Identity>, Unfit> {
        let now = host.now();
        live.judge(&self.config, &Needs::default(), now)?;
        let Some(acquired) = self.acquired(host, request, live, rule)? else { return Ok(None) };
        Identity::of_acquired(live, &acquired, self.needs(decision), now).map(Some)
    }

    fn forward(host: &mut dyn Host, request: &Request<'_>, identity: &Identity) -> Forward {
        log::decision(host, Level::Debug, request.arrival, "forward", "a session");
        Forward::authenticated(identity, request)
    }

    /// The session's cookie again, where it must move: the idle timeout slides, or the
    /// key that sealed it is on its way out. Where that fails the old one still stands.
    #[cold]
    fn touched(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        live: &Live,
        now: Timestamp,
    ) -> Vec<SetCookie> {
        let Some(settings) = &self.config.session else { return Vec::new() };
        let moves = !live.with_first_key || live.session.should_touch(settings, now);
        if !moves || self.near_refresh(live, now) {
            return Vec::new();
        }
        let touched = Session { seen: now, ..live.session.clone() };
        self.write_session(host, request, &touched).unwrap_or_default()
    }

    /// No cookie is written then: the older session could reach the browser last.
    fn near_refresh(&self, live: &Live, now: Timestamp) -> bool {
        live.turn.is_some() && self.freshness(&live.session, now) != Freshness::Fresh
    }

    /// The cookies that keep `session`, and what rules have beside it, in the browser that asked.
    pub(super) fn write_session(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        session: &Session,
    ) -> Result<Vec<SetCookie>, Refusal> {
        self.write_session_with(host, request, session, None)
    }

    /// The same; what was had for `must_keep` has to fit.
    #[cold]
    pub(super) fn write_session_with(
        &mut self,
        host: &mut dyn Host,
        request: &Request<'_>,
        session: &Session,
        must_keep: Option<&Ask>,
    ) -> Result<Vec<SetCookie>, Refusal> {
        let kept = self.beside(session, must_keep, host.now());
        let session = Session { kept, ..session.clone() };
        let (Some(cookies), Some(settings)) = (&self.cookies, &self.config.session) else {
            return Err(Refusal::NoSessions);
        };
        let (keys, origin) = (&settings.keys, request.origin.host());
        let must_keep = usize::from(must_keep.is_some());
        let written =
            cookies.write_session_with(must_keep, keys, &session, origin, request.jar, host);
        self.acquisitions.written(&session.id);
        let written = written.map_err(|error| match error {
            WriteError::NoEntropy => Refusal::NoEntropy(NoEntropy),
            too_large @ WriteError::TooLarge { .. } => Refusal::TooLarge(too_large.to_string()),
        })?;
        tally::session_written(host, &written);
        Ok(written)
    }

    /// Removals for whatever of a session stands in the browser.
    pub(super) fn remove_session(&self, request: &Request<'_>) -> Vec<SetCookie> {
        self.cookies.as_ref().map(|cookies| cookies.remove_session(request.jar)).unwrap_or_default()
    }
}

/// Until when the tokens of a session that matter are fresh; `None` where it is not for time alone
/// to say, but for the provider.
pub(super) fn fresh_until(session: &Session, config: &Config) -> Option<Timestamp> {
    let margin = config.session.as_ref().map(|settings| settings.refresh_margin);
    let due = |from, end| due(from, end, margin.unwrap_or_default());
    let id_token = match config.upstream.authorization {
        config::Authorization::IdToken => {
            due(session.id_token.issued_at(), session.id_token.expires_at())
        }
        config::Authorization::AccessToken | config::Authorization::None => Timestamp::LAST,
    };
    let access_token = match &session.access_token {
        Some(Granted::Known(token)) => due(token.issued_at(), token.expires_at()),
        Some(Granted::Opaque(_)) => return None,
        None => Timestamp::LAST,
    };
    Some(id_token.min(access_token))
}

/// From when on a token that lives `from` .. `end` is to be refreshed. One that lives for less
/// than twice the margin is at half its life, not at every request.
fn due(from: Option<Timestamp>, end: Timestamp, margin: Duration) -> Timestamp {
    let half = from.map(|from| end.since(from)).and_then(|life| life.checked_div(2));
    end.minus(half.map_or(margin, |half| margin.min(half)))
}

/// The freshness of a token that lives `from` .. `end`.
pub(super) fn freshness(
    from: Option<Timestamp>,
    end: Timestamp,
    margin: Duration,
    now: Timestamp,
) -> Freshness {
    if now >= end {
        Freshness::Over
    } else if now >= due(from, end, margin) {
        Freshness::Due
    } else {
        Freshness::Fresh
    }
}

/// Another provider's session, one that ran out with nothing to renew it, or one from before
/// `access_token.format` was changed: what a user without a session gets. Any other refusal is shown: a new login would meet it again.
fn mended_by_login(refusal: &TokenRefusal) -> bool {
    matches!(refusal.check, Check::Issuer { .. } | Check::Expired { .. } | Check::Unproven)
}
