//! What the host's own access log may say of a request: what was decided, by which rule, about whom.
//!
//! Off unless `log.access_log_fields` asks for it, since each field is a call to the host. Whom it
//! is about is told by pseudonyms: the same person and the same session have the same ones on
//! every instance with the same first key, and without that key nobody can try names against them.

use std::rc::Rc;

use crate::config::Config;
use crate::token::{AccessToken, IdToken};
use crate::wire::base64url;

use super::Step;
use super::host::{Host, Level, NoAccessLog};
use super::log::Line;
use super::metrics::Outcome;
use super::request::Arrival;
use super::worker::Worker;

/// A field, by its name in the host's access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// What was decided: an [`Outcome`], as metrics call it.
    Decision,
    /// The rule that decided: `rules[0]`, `none` where none matched, `gate` for the gate's own
    /// addresses. Not there where the path can be read in several ways.
    Rule,
    /// Who it was: a pseudonym of `sub`.
    Subject,
    /// Which session it was: a pseudonym of its id.
    Session,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 4] = [Self::Decision, Self::Rule, Self::Subject, Self::Session];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decision => "oidc_gate.decision",
            Self::Rule => "oidc_gate.rule",
            Self::Subject => "oidc_gate.subject",
            Self::Session => "oidc_gate.session",
        }
    }
}

/// Pseudonyms of whom a request is about, made once for all requests of a session or a token.
#[derive(Debug)]
pub(super) struct Who {
    subject: Option<String>,
    session: Option<String>,
}

impl Who {
    /// Of these tokens and this session, where the access log asks for them. Without a key, which
    /// only sessions have, there are none: a bare digest of a name is the name to whoever tries.
    pub(super) fn new(
        config: &Config,
        id_token: Option<&IdToken>,
        access_token: Option<&AccessToken>,
        session: Option<&[u8; 16]>,
    ) -> Option<Rc<Self>> {
        let keys = match &config.session {
            Some(session) if config.access_log_fields => &session.keys,
            _ => return None,
        };
        let pseudonym = |kind, text: &[u8]| base64url::encode(&keys.pseudonym(kind, text));
        let subject = id_token.map(IdToken::subject);
        let subject = subject.or_else(|| access_token.and_then(AccessToken::subject));
        // `sub` is unique within its issuer (OIDC Core 2).
        let issuer = config.provider.issuer.as_str();
        let subject =
            subject.map(|sub| pseudonym("subject", format!("{issuer}\0{sub}").as_bytes()));
        let session = session.map(|id| pseudonym("session", id));
        Some(Rc::new(Self { subject, session }))
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size(&self) -> usize {
        let texts = [&self.subject, &self.session].into_iter().flatten();
        texts.map(String::len).fold(size_of::<Self>(), usize::saturating_add)
    }
}

impl Worker {
    /// Tells the host's access log what was decided. Nothing depends on it: a host that takes no
    /// fields is asked once.
    #[cold]
    pub(super) fn tell_access_log(
        &mut self,
        host: &mut dyn Host,
        arrival: &Arrival<'_>,
        step: &Step,
    ) {
        let (outcome, who) = match step {
            Step::Forward(forward) => (forward.outcome(), forward.who()),
            Step::Reply(reply) => (reply.outcome(), None),
            Step::Wait | Step::Read => return,
        };
        let rule = self.rule_named(host, arrival, outcome);
        let subject = who.and_then(|who| who.subject.as_deref());
        let session = who.and_then(|who| who.session.as_deref());
        let values = [Some(outcome.as_str()), rule.as_deref(), subject, session];
        for (field, value) in Field::ALL.into_iter().zip(values) {
            if let Some(value) = value
                && host.access_log(field, value) == Err(NoAccessLog)
            {
                self.config.access_log_fields = false;
                let what = "log.access_log_fields: this host takes no fields for its access log";
                host.log(Level::Warn, &Line::Message(what));
                return;
            }
        }
    }

    /// The rule that decided, looked up again: a request carries nothing for its access log.
    fn rule_named(
        &self,
        host: &dyn Host,
        arrival: &Arrival<'_>,
        outcome: Outcome,
    ) -> Option<String> {
        let own = self.config.login
            && (self.config.endpoints.has(arrival.path())
                || self.trip_of(arrival.path()).is_some());
        if own || matches!(outcome, Outcome::ResourceMetadata | Outcome::Misdirected) {
            return Some("gate".to_owned());
        }
        let rule = self.decision(host, arrival).ok()?.rule;
        Some(rule.map_or_else(|| "none".to_owned(), |index| format!("rules[{index}]")))
    }
}
