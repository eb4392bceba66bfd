//! A session: what is kept of a person who is logged in, and for how long.

use std::ops::Range;
use std::time::Duration;

use zeroize::Zeroizing;

use super::granted::Granted;
use super::kept::{self, Kept};
use super::record::{Record, Taken, Token, Writer};
use crate::config::{self, Ask};
use crate::crypto::{Opened, Secret};
use crate::token::{AccessToken, IdToken};
use crate::wire::Timestamp;

/// A person who is logged in.
#[derive(Debug, Clone)]
pub struct Session {
    /// Random, new at each login: what log lines and coalesced refreshes call it.
    pub id: [u8; 16],
    /// Who it is.
    pub id_token: IdToken,
    /// What the upstream receives.
    pub access_token: Option<Granted>,
    /// What gets new tokens (RFC 6749 section 6).
    pub refresh_token: Option<Secret>,
    /// When the person logged in.
    pub created: Timestamp,
    /// When a request was last noted; see [`should_touch`](Session::should_touch).
    pub seen: Timestamp,
    /// How often the refresh token was used for something else than the session's own tokens:
    /// where it does not rotate, nothing else tells the state before from the one after.
    pub narrowed: u64,
    /// The tokens of rules that have their own, the most used first.
    pub kept: Vec<Kept>,
}

/// What clocks are told apart by.
const MOMENT: Duration = Duration::from_millis(1);

/// How late a session may be noted to have been used.
fn touch_step(config: &config::Session) -> Duration {
    config.idle_timeout.checked_div(10).unwrap_or_default()
}

/// Most tokens that a session keeps for rules.
pub const MOST_KEPT: usize = 16;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// No request for `session.idle_timeout`.
    Idle,
    /// The login is `session.max_age` ago.
    MaxAge,
}

/// Bytes of a record that each token takes; 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) id_token: usize,
    pub(super) access_token: usize,
    pub(super) refresh_token: usize,
    /// All that were kept for rules.
    pub(super) kept: usize,
}

impl Session {
    /// Whether the session is over by today's configuration, and why.
    ///
    /// A clock that was set back makes a session live longer, by what it was set back.
    /// A login that lies further ahead than any session lasts was noted by a clock that
    /// was wrong: it would live for years, so it is over.
    #[must_use]
    pub fn ended(&self, config: &config::Session, now: Timestamp) -> Option<Ended> {
        let age = now.since(self.created);
        if age >= config.max_age || self.created.since(now) > config.max_age {
            Some(Ended::MaxAge)
        } else if now.since(self.seen) >= config.idle_timeout {
            Some(Ended::Idle)
        } else {
            None
        }
    }

    /// Whether `seen` should be set to `now` and the session be written again.
    ///
    /// The idle time slides with every request, but not with a `Set-Cookie` on every
    /// response: only once a tenth of it has passed. So a session may be found idle up to
    /// a tenth earlier than the last request says. A `seen` that lies ahead as far is
    /// set right too.
    #[must_use]
    pub fn should_touch(&self, config: &config::Session, now: Timestamp) -> bool {
        let step = touch_step(config);
        now.since(self.seen) >= step || self.seen.since(now) >= step
    }

    /// A time in which the session is not over and need not be touched. At any other time it is
    /// for [`Self::ended`] and [`Self::should_touch`] to say.
    #[must_use]
    pub fn quiet(&self, config: &config::Session) -> Range<Timestamp> {
        let step = touch_step(config).min(config.idle_timeout);
        let from = self.created.minus(config.max_age).max(self.seen.minus(step).plus(MOMENT));
        let until = self.created.plus(config.max_age).min(self.seen.plus(step));
        from..until
    }

    /// Bytes on the heap, for a cache bounded in bytes.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let access_token = self.access_token.as_ref().map_or(0, Granted::heap_size);
        let refresh_token = self.refresh_token.as_ref().map_or(0, |token| token.expose().len());
        let own = [self.id_token.heap_size(), access_token, refresh_token];
        let kept = self.kept.iter().map(Kept::heap_size);
        own.into_iter().chain(kept).fold(0, usize::saturating_add)
    }

    /// What is known of the access token.
    #[must_use]
    pub fn known_access_token(&self) -> Option<&AccessToken> {
        self.access_token.as_ref().and_then(Granted::known)
    }

    /// The token that was kept for whoever asks so.
    #[must_use]
    pub fn kept(&self, ask: &Ask) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.ask == *ask)
    }

    /// Keeps a token for a rule, instead of the one before it. Where they are too many, the one
    /// that was had longest ago is left out.
    pub fn keep(&mut self, kept: Kept) {
        self.kept.retain(|other| other.ask != kept.ask);
        self.kept.insert(0, kept);
        self.kept.truncate(MOST_KEPT);
    }

    /// How many of the tokens kept for rules may fit into `bytes` as they are: what is longer is
    /// not worth compressing.
    pub(super) fn may_fit(&self, bytes: usize) -> usize {
        let mut sum: usize = 0;
        let fits = |kept: &&Kept| {
            sum = sum.saturating_add(kept.expected());
            sum <= bytes
        };
        self.kept.iter().take_while(fits).count()
    }

    /// The record with the first `kept` of the tokens kept for rules, and what each token takes
    /// of it.
    pub(super) fn record(&self, kept: usize) -> (Zeroizing<Vec<u8>>, Sizes) {
        let id_token = self.id_token.raw().expose();
        let access_token = self.access_token.as_ref().map(|token| token.raw().expose());
        let refresh_token = self.refresh_token.as_ref().map(Secret::expose);
        let tokens = [Some(id_token), access_token, refresh_token];
        let lengths = tokens.iter().flatten().map(|text| text.len());
        let lengths = lengths.chain(self.kept.iter().take(kept).map(Kept::expected));
        let mut record = Writer::new(lengths.fold(0, usize::saturating_add));
        record.fixed(&self.id);
        record.time(self.created);
        record.time(self.seen);
        let opaque = self.access_token.as_ref().is_some_and(|token| !token.is_signed());
        let [id_token, access_token, refresh_token] = tokens;
        let taken = [
            record.text(id_token),
            if opaque { record.opaque(access_token) } else { record.text(access_token) },
            record.text(refresh_token),
        ];
        // Last, and only where there is any: the rest reads as it always did.
        let mut beside: Vec<Taken> = Vec::new();
        if self.narrowed > 0 || kept > 0 {
            let kept = self.kept.iter().take(kept);
            record.number(self.narrowed);
            record.number(u64::try_from(kept.len()).unwrap_or(u64::MAX));
            beside.extend(kept.flat_map(|kept| kept.write(&mut record)));
        }
        let written = record.finish();
        let [id_token, access_token, refresh_token] = taken.map(|taken| written.share(taken));
        let beside = beside.into_iter().map(|taken| written.share(taken));
        let kept = beside.fold(0, usize::saturating_add);
        (written.record, Sizes { id_token, access_token, refresh_token, kept })
    }

    /// The session of a record that the seal has opened; `None` for another layout.
    pub(super) fn restore(opened: &Opened) -> Option<Self> {
        let record = Record::open(opened.bytes())?;
        let mut record = record.reader();
        let id = record.fixed()?;
        let created = record.time()?;
        let seen = record.time()?;
        let id_token = IdToken::restore(record.text()??, opened)?;
        let access_token = match record.token()? {
            Token::Absent => None,
            Token::Signed(raw) => Some(Granted::Known(AccessToken::restore(raw, opened)?)),
            Token::Opaque(raw) => Some(Granted::Opaque(raw)),
        };
        let refresh_token = record.text()?;
        let (narrowed, kept) = match record.is_empty() {
            true => (0, Vec::new()),
            false => (record.number()?, kept::read_all(&mut record, opened)?),
        };
        record.end()?;
        Some(Self { id, id_token, access_token, refresh_token, created, seen, narrowed, kept })
    }
}
