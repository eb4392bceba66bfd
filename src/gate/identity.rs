//! Evidence: whoever holds one of these has been through the checks.
//!
//! [`Identity`] is made only by judging tokens against today's configuration and clock, or where
//! such a verdict still holds; [`PublicRule`] only from a rule that says so. A request goes
//! upstream with one of them or not at all.

use std::ops::Range;
use std::rc::Rc;

use crate::config::{Access, AccessTokenRules, Config, Needs};
use crate::policy::{self, Decision, MissingRight};
use crate::session::Session;
use crate::token::{AccessToken, Kind as TokenKind, Refusal};
use crate::wire::Timestamp;

use super::acquire::memory::Acquired;
use super::metrics::Outcome;
use super::sent::Sent;
use super::sessions::fresh_until;
use super::shared::COOLDOWN;
use super::turns::TurnId;
use super::verdict::LastVerdict;

/// A session that is open on this worker.
#[derive(Debug)]
pub(super) struct Live {
    /// The session.
    pub(super) session: Session,
    /// Whether the key that seals today sealed it; otherwise it is written anew.
    pub(super) with_first_key: bool,
    /// At which turn it would be refreshed.
    pub(super) turn: Option<TurnId>,
    /// When nothing is due but to pass its requests on: it is not over, its cookie can stay as it
    /// is, and its tokens are fresh.
    quiet: Range<Timestamp>,
    sent: Sent,
    judged: LastVerdict,
}

impl Live {
    /// Takes a session in.
    pub(super) fn new(session: Session, with_first_key: bool, config: &Config) -> Self {
        let raw = match config.upstream.authorization {
            crate::config::Authorization::AccessToken => {
                session.known_access_token().map(AccessToken::raw)
            }
            crate::config::Authorization::IdToken => Some(session.id_token.raw()),
            crate::config::Authorization::None => None,
        };
        let access_token = session.known_access_token();
        let sent = Sent::new(config, raw, Some(&session.id_token), access_token, Some(&session.id));
        let turn = TurnId::of(&session);
        let quiet = match (&config.session, fresh_until(&session, config)) {
            (Some(settings), Some(fresh_until)) if with_first_key => {
                let quiet = session.quiet(settings);
                quiet.start..quiet.end.min(fresh_until)
            }
            _ => Timestamp::LAST..Timestamp::LAST,
        };
        Self { session, with_first_key, turn, quiet, sent, judged: LastVerdict::default() }
    }

    /// Whether nothing is due at `now` but to pass its requests on; nearly always so. Otherwise
    /// what may be due has to be asked one by one.
    pub(super) fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet.contains(&now)
    }

    /// Judges both tokens, each by its own rules (RFC 9700 section 2.3: the audience is checked on
    /// every request), and by what the rule for this request needs. Gives the moment until which
    /// they stay good by the same rules.
    ///
    /// # Errors
    /// Which token was refused and why, or which right is missing.
    pub(super) fn judge(
        &self,
        config: &Config,
        needs: &Needs,
        now: Timestamp,
    ) -> Result<Timestamp, Unfit> {
        let session = &self.session;
        let mut until = Timestamp::LAST;
        session.id_token.judge(&config.id_token)?;
        // What goes upstream must not have expired there either.
        if config.upstream.authorization == crate::config::Authorization::IdToken {
            until = session.id_token.judge_unexpired(&config.id_token, now)?;
        }
        // A rule that wants a token of its own never gets the session's.
        if needs.acquire.is_some() {
            return Err(Refusal::missing(TokenKind::AccessToken).into());
        }
        let access_token = session.access_token.as_ref();
        if let Some(rules) = needs.access_token.as_ref().or(config.access_token.as_ref()) {
            match access_token {
                Some(token) => until = until.min(token.verified()?.judge(rules, now)?),
                None => return Err(Refusal::missing(TokenKind::AccessToken).into()),
            }
        }
        policy::satisfy(&needs.claims, Some(&session.id_token), session.known_access_token())?;
        Ok(until)
    }

    /// Whether its tokens came, or it was last noted in its cookie, a moment ago.
    pub(super) fn came_just_now(&self, now: Timestamp) -> bool {
        let seen = self.session.seen;
        now >= seen && now.since(seen) <= COOLDOWN
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size(&self) -> usize {
        self.session.heap_size().saturating_add(self.sent.size()).saturating_add(size_of::<Self>())
    }
}

/// A client's own access token that was verified on this worker.
#[derive(Debug)]
pub(super) struct Bearer {
    token: AccessToken,
    sent: Sent,
    judged: LastVerdict,
}

impl Bearer {
    /// Takes a verified token in.
    pub(super) fn new(token: AccessToken, config: &Config) -> Self {
        let authorization = match config.upstream.authorization {
            crate::config::Authorization::AccessToken => Some(token.raw()),
            // There is no ID token in a client's bearer, and an access token is none.
            crate::config::Authorization::IdToken | crate::config::Authorization::None => None,
        };
        let sent = Sent::new(config, authorization, None, Some(&token), None);
        Self { token, sent, judged: LastVerdict::default() }
    }

    /// The token.
    pub(super) const fn token(&self) -> &AccessToken {
        &self.token
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size(&self) -> usize {
        self.token.heap_size().saturating_add(self.sent.size()).saturating_add(size_of::<Self>())
    }
}

/// Why tokens that were verified do not do for a request.
#[derive(Debug)]
pub(super) enum Unfit {
    /// One of them is refused.
    Token(Refusal),
    /// They are right, and the user lacks a right.
    Right(MissingRight),
    /// A token that the rule asks for can not be had.
    Otherwise(Box<super::refusal::Refusal>),
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self::Token(refusal)
    }
}

impl From<super::refusal::Refusal> for Unfit {
    fn from(refusal: super::refusal::Refusal) -> Self {
        Self::Otherwise(Box::new(refusal))
    }
}

impl From<MissingRight> for Unfit {
    fn from(missing: MissingRight) -> Self {
        Self::Right(missing)
    }
}

/// Who asks, judged at `now`.
#[derive(Debug, Clone)]
pub(super) struct Identity(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Session(Rc<Live>),
    Bearer(Rc<Bearer>),
    Acquired(Rc<Acquired>),
}

impl Identity {
    /// Judges a session for requests under `rule`, which needs `needs`: see [`Live::judge`].
    ///
    /// # Errors
    /// Which token was refused and why, or which right is missing.
    pub(super) fn of_session(
        live: &Rc<Live>,
        config: &Config,
        rule: Option<usize>,
        needs: &Needs,
        now: Timestamp,
    ) -> Result<Self, Unfit> {
        live.judged.keep(rule, now, live.judge(config, needs, now)?);
        Ok(Self(Kind::Session(Rc::clone(live))))
    }

    /// The same where the session was judged good under this rule, and still is: nearly always.
    pub(super) fn of_judged_session(
        live: &Rc<Live>,
        rule: Option<usize>,
        now: Timestamp,
    ) -> Option<Self> {
        live.judged.holds(rule, now).then(|| Self(Kind::Session(Rc::clone(live))))
    }

    /// Judges the token that a rule acquired for this session, by the rule: `acquired` was
    /// verified by it, and the session it came from was judged a moment ago.
    ///
    /// # Errors
    /// Why it was refused, or which right is missing.
    pub(super) fn of_acquired(
        live: &Rc<Live>,
        acquired: &Rc<Acquired>,
        needs: &Needs,
        now: Timestamp,
    ) -> Result<Self, Unfit> {
        let token = &acquired.kept.token;
        match &needs.access_token {
            Some(rules) => judge(token, rules, needs, now)?,
            None => return Err(Refusal::missing(TokenKind::AccessToken).into()),
        };
        policy::satisfy(&needs.claims, Some(&live.session.id_token), Some(token))?;
        Ok(Self(Kind::Acquired(Rc::clone(acquired))))
    }

    /// Judges a client's own access token by `rules`, and by the claims that `needs` asks for, for
    /// requests under `rule`. An ID token there is none, and so no claim of it.
    ///
    /// # Errors
    /// Why it was refused, or which right is missing.
    pub(super) fn of_bearer(
        bearer: &Rc<Bearer>,
        rules: &AccessTokenRules,
        rule: Option<usize>,
        needs: &Needs,
        now: Timestamp,
    ) -> Result<Self, Unfit> {
        let until = judge(&bearer.token, rules, needs, now)?;
        policy::satisfy(&needs.claims, None, Some(&bearer.token))?;
        bearer.judged.keep(rule, now, until);
        Ok(Self(Kind::Bearer(Rc::clone(bearer))))
    }

    /// The same where the token was judged good under this rule, and still is: nearly always.
    pub(super) fn of_judged_bearer(
        bearer: &Rc<Bearer>,
        rule: Option<usize>,
        now: Timestamp,
    ) -> Option<Self> {
        bearer.judged.holds(rule, now).then(|| Self(Kind::Bearer(Rc::clone(bearer))))
    }

    /// What becomes of its request, where it goes upstream.
    pub(super) const fn outcome(&self) -> Outcome {
        match &self.0 {
            Kind::Session(_) => Outcome::ForwardSession,
            Kind::Bearer(_) => Outcome::ForwardBearer,
            Kind::Acquired(_) => Outcome::ForwardAcquired,
        }
    }

    /// What goes upstream.
    pub(super) fn sent(&self) -> &Sent {
        match &self.0 {
            Kind::Session(live) => &live.sent,
            Kind::Bearer(bearer) => &bearer.sent,
            Kind::Acquired(acquired) => &acquired.sent,
        }
    }
}

/// A token for a rule that wants one of its own names nobody else, unless the rule lets it. Gives
/// the moment until which it stays good.
fn judge(
    token: &AccessToken,
    rules: &AccessTokenRules,
    needs: &Needs,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let until = token.judge(rules, now)?;
    if needs.acquire.as_ref().is_some_and(|acquire| !acquire.extra_audiences) {
        token.judge_narrow(rules)?;
    }
    Ok(until)
}

/// A rule says that this request needs no user.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicRule(());

impl PublicRule {
    /// The evidence, where `decision` is that of a public rule.
    pub(super) fn of(decision: &Decision) -> Option<Self> {
        (decision.access == Access::Public).then_some(Self(()))
    }
}
