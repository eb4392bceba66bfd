//! A login in progress: from the redirect to the provider until the callback.
//!
//! Each attempt has a cookie of its own, so that tabs do not disturb each other. It
//! binds the attempt to the browser that began it: a callback whose `state` was made for
//! another browser finds no cookie (RFC 9700 section 4.7; RFC 6749 section 10.12).

use std::cmp::Reverse;
use std::time::Duration;

use zeroize::Zeroizing;

use super::chunks::COOKIE_LIMIT;
use super::cookies::{Cookies, SUFFIX_LENGTH};
use super::jar::Jar;
use super::record::{Record, Writer};
use super::sealed;
use crate::config::Ask;
use crate::crypto::digest::sha256;
use crate::crypto::seal::Binding;
use crate::crypto::{Entropy, NoEntropy, Opened, Purpose, SealingKeys, Secret};
use crate::http::LocalPath;
use crate::http::cookie::SetCookie;
use crate::wire::{Timestamp, base64url};

/// How long a person may take at the provider.
pub const LOGIN_LIFETIME: Duration = Duration::from_secs(600);

/// Logins in progress that one browser may have; a further one pushes the oldest out.
/// Each is a cookie on every request, and too many lock their owner out (431).
pub const MAX_LOGINS: usize = 5;

/// In a record: a form waits for this login.
const FORM: u8 = 1;
/// In a record: it is for a rule's token, beside a session.
const ASK: u8 = 2;

/// How far ahead of this worker's clock another worker's may be.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// One attempt to log in.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// What the callback must bring back (RFC 6749 section 4.1.1).
    pub state: Secret,
    /// What the ID token must hold (OIDC Core section 3.1.2.1).
    pub nonce: Secret,
    /// PKCE's secret half (RFC 7636 section 4.1).
    pub verifier: Secret,
    /// Where the person wanted to go.
    pub return_to: LocalPath,
    /// The callback as the provider was told; the token endpoint must be told the same
    /// (RFC 6749 section 4.1.3).
    pub redirect_uri: String,
    /// When it began.
    pub created: Timestamp,
    /// How many attempts came before it without an end, to notice a loop.
    pub attempts: u8,
    /// Whether a form waits in the browser for it to end: see [`KeptForm`](super::KeptForm).
    pub form: bool,
    /// What a rule asks for, where it is not to begin a session but to have this rule's token
    /// beside one.
    pub ask: Option<Ask>,
}

impl Transaction {
    pub(super) fn record(&self, return_to: &str) -> Zeroizing<Vec<u8>> {
        let secrets = [&self.state, &self.nonce, &self.verifier];
        let texts = [return_to, &self.redirect_uri];
        let lengths = secrets.iter().map(|secret| secret.expose()).chain(texts).map(str::len);
        let mut record = Writer::new(lengths.fold(0, usize::saturating_add));
        record.time(self.created);
        record.byte(self.attempts);
        for secret in secrets {
            record.bytes(secret.expose().as_bytes());
        }
        for text in texts {
            record.bytes(text.as_bytes());
        }
        // Last, and only where there is one: the rest reads as it always did.
        if self.form {
            record.byte(FORM);
        }
        if let Some(ask) = &self.ask {
            record.byte(ASK);
            record.fixed(ask.bytes());
        }
        record.finish().record
    }

    fn restore(opened: &Opened) -> Option<Self> {
        let record = Record::open(opened.bytes())?;
        let mut record = record.reader();
        let created = record.time()?;
        let attempts = record.byte()?;
        let mut secret = || Some(Secret::new(record.string()?.to_owned()));
        let (state, nonce, verifier) = (secret()?, secret()?, secret()?);
        let return_to = LocalPath::parse(record.bytes()?)?;
        let redirect_uri = record.string()?.to_owned();
        let (mut form, mut ask) = (false, None);
        while !record.is_empty() {
            match record.byte()? {
                FORM => form = true,
                ASK => ask = Some(Ask::of_bytes(record.fixed()?)),
                _ => return None,
            }
        }
        Some(Self { state, nonce, verifier, return_to, redirect_uri, created, attempts, form, ask })
    }

    /// One that lies ahead was noted by a clock that was wrong, or this one is: then
    /// nobody knows how old it is.
    fn expired(&self, now: Timestamp) -> bool {
        now.since(self.created) >= LOGIN_LIFETIME || self.created.since(now) > CLOCKS_APART
    }
}

impl Cookies {
    /// Seals a login: its cookie, and the removal of those that make room for it. What
    /// does not open or has expired goes first, then the oldest.
    ///
    /// # Errors
    /// [`NoEntropy`] where the host gives no random numbers: no login begins.
    pub fn write_transaction(
        &self,
        keys: &SealingKeys,
        transaction: &Transaction,
        host: &str,
        jar: &Jar<'_>,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<SetCookie>, NoEntropy> {
        let suffix = suffix(transaction.state.expose());
        let name = self.login_name(&suffix);
        let mut record = transaction.record(transaction.return_to.as_str());
        // Browsers drop a cookie that is too long, and the login could not end: rather
        // lose the way back.
        if name.len().saturating_add(sealed::sealed_length(record.len())) > COOKIE_LIMIT {
            record = transaction.record(LocalPath::root().as_str());
        }
        let text = sealed::seal(keys, login_binding(&name, host), &record, entropy)?;

        let mut written = vec![self.login(&suffix, text)];
        let mut live = Vec::new();
        for (other, value) in jar.logins.iter().filter(|(other, _)| **other != *suffix) {
            match self.open_transaction(keys, other, value, host, now) {
                Some(login) => live.push((login.created, *other)),
                None => written.push(self.login_removal(other)),
            }
        }
        live.sort_by_key(|(created, _)| Reverse(*created));
        let oldest = live.iter().skip(MAX_LOGINS.saturating_sub(1)).map(|(_, other)| *other);
        written.extend(oldest.map(|other| self.login_removal(other)));
        written.extend(self.excess_logins(jar, &suffix));
        Ok(written)
    }

    /// The login that began with this `state` in this browser, on this host, not more
    /// than ten minutes ago; and the removal of its cookie, since a login is used once,
    /// whatever comes of it.
    #[must_use]
    pub fn take_transaction(
        &self,
        keys: &SealingKeys,
        state: &str,
        jar: &Jar<'_>,
        host: &str,
        now: Timestamp,
    ) -> (Option<Transaction>, Vec<SetCookie>) {
        let suffix = suffix(state);
        let mut removals: Vec<_> = self.excess_logins(jar, "").collect();
        let Some((_, value)) = jar.logins.iter().find(|(other, _)| **other == *suffix) else {
            return (None, removals);
        };
        removals.push(self.login_removal(&suffix));
        let login = self.open_transaction(keys, &suffix, value, host, now);
        (login.filter(|login| login.state.equals(state)), removals)
    }

    fn open_transaction(
        &self,
        keys: &SealingKeys,
        suffix: &str,
        value: &[u8],
        host: &str,
        now: Timestamp,
    ) -> Option<Transaction> {
        let name = self.login_name(suffix);
        let opened = sealed::open(keys, login_binding(&name, host), value)?;
        Transaction::restore(&opened).filter(|login| !login.expired(now))
    }

    fn login_removal(&self, suffix: &str) -> SetCookie {
        self.login(suffix, String::new()).removal()
    }

    fn excess_logins(&self, jar: &Jar<'_>, but: &str) -> impl Iterator<Item = SetCookie> {
        let excess = jar.excess_logins.iter().filter(move |suffix| **suffix != but);
        excess.map(|suffix| self.login_removal(suffix))
    }
}

pub(super) const fn login_binding<'a>(name: &'a str, host: &'a str) -> Binding<'a> {
    Binding { purpose: Purpose::Login, name, host }
}

/// The part of a login cookie's name that comes from `state`, which it does not tell.
pub(super) fn suffix(state: &str) -> String {
    let mut text = base64url::encode(&sha256(state.as_bytes()));
    text.truncate(SUFFIX_LENGTH);
    text
}
