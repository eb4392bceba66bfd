//! What is counted of a request, a call, a token. Each where it is certain, and once.

use crate::http::SetCookie;
use crate::provider::Fetch;
use crate::token::{Kind, Refusal as TokenRefusal};

use super::Step;
use super::host::Host;
use super::metrics::{
    Acquisition, Endpoint, KeyFetch, Login, Metric, Outcome, Refresh, Source, Status, Token,
};
use super::refusal::{Refusal, Refused};
use super::turns::{Errand, Turn};
use super::worker::Flight;

/// A request was decided. One that waits is counted when it is decided anew.
pub(super) fn step(host: &dyn Host, step: &Step) {
    let outcome = match step {
        Step::Forward(forward) => forward.outcome(),
        Step::Reply(reply) => reply.outcome(),
        Step::Wait | Step::Read => return,
    };
    host.count(Metric::Request(outcome));
}

/// A callback was decided.
#[cold]
pub(super) fn callback(host: &dyn Host, decided: &Result<Step, Refused>) {
    let login = match decided {
        Ok(Step::Reply(reply)) if reply.outcome() == Outcome::LoggedIn => Login::Done,
        Ok(_) => return,
        // A trip for a rule's own token, which is no login.
        Err(refused) if refused.refusal.code() == Outcome::NotGiven => return,
        Err(refused) => Login::refused(refused.refusal.code()),
    };
    host.count(Metric::Login(login));
}

/// A request was refused: a client's own token is counted where it is for somebody else.
#[cold]
pub(super) fn refusal(host: &dyn Host, refusal: &Refusal) {
    if let Refusal::Bearer(refusal) = refusal {
        token_refused(host, Source::Bearer, refusal);
    }
}

/// A token was refused: counted where it is for somebody else.
#[cold]
pub(super) fn token_refused(host: &dyn Host, from: Source, refusal: &TokenRefusal) {
    let token = match refusal.token {
        Kind::IdToken => Token::IdToken,
        Kind::AccessToken => Token::AccessToken,
    };
    if refusal.wrong_audience() {
        host.count(Metric::WrongAudience(token, from));
    }
}

/// A session was written.
#[cold]
pub(super) fn session_written(host: &dyn Host, cookies: &[SetCookie]) {
    let bytes = cookies.iter().map(|cookie| cookie.value.len()).fold(0, usize::saturating_add);
    host.count(Metric::SessionBytes(u64::try_from(bytes).unwrap_or(u64::MAX)));
}

/// A call was answered; `None`: it was not sent, or nothing came.
#[cold]
pub(super) fn call(host: &dyn Host, endpoint: Endpoint, status: Option<u16>) {
    host.count(Metric::ProviderCall(endpoint, Status::of(status)));
}

/// An answer to a fetch was read.
#[cold]
pub(super) fn fetched(host: &dyn Host, fetch: Fetch, well: bool) {
    if fetch == Fetch::Keys {
        host.count(Metric::KeyFetch(if well { KeyFetch::Done } else { KeyFetch::Failed }));
    }
}

/// What the tokens of a turn are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The session's own go on.
    Refresh,
    /// A session begins. Its callbacks count it.
    Login,
    /// A rule's own, by a refresh token.
    Rule,
    /// A rule's own, by a trip.
    Trip,
}

/// Something became of a turn at the token endpoint. That a rule's own token is there, or that a
/// refresh token got none, is counted where it is found.
#[cold]
pub(super) fn turn(host: &dyn Host, purpose: Purpose, turn: &Turn) {
    let metric = match (purpose, turn) {
        (Purpose::Refresh, Turn::Renewed(_)) => Metric::Refresh(Refresh::Renewed),
        (Purpose::Refresh, Turn::Ended) => Metric::Refresh(Refresh::Ended),
        (Purpose::Refresh, Turn::Refused(_)) => Metric::Refresh(Refresh::Refused),
        (Purpose::Refresh, Turn::Failed | Turn::CallRefused(_)) => Metric::Refresh(Refresh::Failed),
        (Purpose::Rule | Purpose::Trip, Turn::Ended | Turn::CallRefused(_)) => {
            Metric::Acquisition(Acquisition::NotGiven)
        }
        (Purpose::Rule | Purpose::Trip, Turn::Refused(_)) => {
            Metric::Acquisition(Acquisition::Refused)
        }
        (Purpose::Trip, Turn::Failed) => Metric::Acquisition(Acquisition::Failed),
        _ => return,
    };
    host.count(metric);
}

/// The host did not send the call of a turn.
#[cold]
pub(super) fn not_sent(host: &dyn Host, purpose: Purpose) {
    call(host, Endpoint::Token, None);
    match purpose {
        Purpose::Refresh => host.count(Metric::Refresh(Refresh::Failed)),
        Purpose::Rule | Purpose::Trip => acquisition(host, Acquisition::Failed),
        Purpose::Login => {}
    }
}

/// Something became of asking for a token for a rule's own upstream.
#[cold]
pub(super) fn acquisition(host: &dyn Host, outcome: Acquisition) {
    host.count(Metric::Acquisition(outcome));
}

impl Acquisition {
    /// None came: the provider gives none, or did not answer as it should.
    pub(super) const fn of_error(given_up: bool) -> Self {
        if given_up { Self::NotGiven } else { Self::Failed }
    }
}

impl Errand {
    /// What its tokens are for.
    pub(super) const fn purpose(&self) -> Purpose {
        match self {
            Self::Refresh(_) => Purpose::Refresh,
            Self::Login(_) => Purpose::Login,
            Self::Narrow(..) | Self::Renew(..) => Purpose::Rule,
            Self::Trip(..) => Purpose::Trip,
        }
    }
}

impl Purpose {
    /// Where such tokens come from.
    pub(super) const fn source(self) -> Source {
        match self {
            Self::Refresh => Source::Session,
            Self::Login => Source::Login,
            Self::Rule | Self::Trip => Source::Acquired,
        }
    }
}

impl Flight {
    /// Whom it asks.
    pub(super) const fn endpoint(&self) -> Endpoint {
        match self {
            Self::Fetch(fetch) => Endpoint::of(*fetch),
            Self::Turn(..) | Self::Acquire(..) => Endpoint::Token,
            Self::Introspect(..) => Endpoint::Introspection,
        }
    }
}

impl Endpoint {
    /// Whom a fetch asks.
    pub(super) const fn of(fetch: Fetch) -> Self {
        match fetch {
            Fetch::Discovery => Self::Discovery,
            Fetch::Keys => Self::Keys,
        }
    }
}
