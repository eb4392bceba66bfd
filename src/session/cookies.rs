//! Names and attributes: which cookies are ours, and how they are written and removed.
//!
//! ```text
//! <name>                      a session's first piece
//! <name>.1 .. <name>.99       its further pieces (16 at most are ever written)
//! <name>.login.<10 chars>     a login in progress; base64url(SHA-256(state)), cut
//! ```
//! and a form's, where forms are kept: see [`super::form`].
//!
//! `<name>` has `__Host-` in front of it unless the operator works without TLS: such a
//! cookie can be set by this host alone, over TLS, for all paths (6265bis section 4.1.3).

use super::chunks::{self, Text};
use super::form::FormCookie;
use super::jar::Jar;
use super::live::Session;
use super::sealed;
use crate::config;
use crate::crypto::seal::Binding;
use crate::crypto::{Entropy, NoEntropy, Purpose, SealingKeys};
use crate::http::cookie::{self, SameSite, SetCookie};

/// Characters of a login cookie's suffix: 60 bits, enough to tell tabs apart. Whose it
/// is, is for the sealed state to say.
pub(super) const SUFFIX_LENGTH: usize = 10;

/// Why a session cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The host gave no random numbers.
    #[error("{}", NoEntropy)]
    NoEntropy,
    /// The tokens do not fit into the cookies. All sizes are bytes of cookies.
    #[error(
        "the session takes {needed} bytes of cookies, and {limit} fit into {max_count} \
         (`session.cookie.max_count`): ID token {id_token}, access token {access_token}, \
         refresh token {refresh_token}{}", of_rules(*kept)
    )]
    TooLarge {
        /// What the session takes.
        needed: usize,
        /// What fits.
        limit: usize,
        /// Into so many cookies: `session.cookie.max_count`.
        max_count: usize,
        /// What the ID token takes.
        id_token: usize,
        /// What the access token takes; 0 where there is none.
        access_token: usize,
        /// What the refresh token takes; 0 where there is none.
        refresh_token: usize,
        /// What a rule's own tokens take that can not be left out; 0 where there are none.
        kept: usize,
    },
}

fn of_rules(kept: usize) -> String {
    if kept == 0 { String::new() } else { format!(", the rule's own tokens {kept}") }
}

impl From<NoEntropy> for WriteError {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

/// How a name of ours is made.
enum Shape<'a> {
    Piece(usize),
    Login(&'a str),
    Form(usize),
}

/// Reads and writes the gate's cookies.
#[derive(Debug, Clone)]
pub struct Cookies {
    pub(super) name: String,
    /// What the names of all that is ours begin with.
    prefix: String,
    pub(super) form: Option<FormCookie>,
    pub(super) secure: bool,
    same_site: SameSite,
    max_count: usize,
}

impl Cookies {
    /// Cookies as configured. The keys are handed in where they are needed.
    #[must_use]
    pub fn new(session: &config::Session) -> Self {
        let cookie = &session.cookie;
        Self {
            name: cookie.name.clone(),
            prefix: cookie.name.clone(),
            form: None,
            secure: cookie.secure,
            same_site: cookie.same_site,
            max_count: cookie.max_count.clamp(1, chunks::MAX_PIECES),
        }
    }

    /// The same, and forms are kept, in cookies that are sent to `callback` alone.
    #[must_use]
    pub fn with_forms(mut self, callback: &str) -> Self {
        let (form, prefix) = FormCookie::new(&self.name, callback);
        (self.form, self.prefix) = (Some(form), prefix);
        self
    }

    /// Whether a cookie of this name is ours: a piece of a session, a login in progress, or
    /// a piece of a form. Exact shapes only; asked of every cookie of every request, so most are
    /// refused by their length or their first bytes.
    #[must_use]
    pub fn is_ours(&self, name: &[u8]) -> bool {
        self.shape(name).is_some()
    }

    fn shape<'n>(&self, name: &'n [u8]) -> Option<Shape<'n>> {
        let of_login = match name.strip_prefix(self.name.as_bytes()) {
            Some([]) => Some(Shape::Piece(0)),
            Some([b'.', rest @ ..]) => {
                chunks::decimal(rest).map(Shape::Piece).or_else(|| suffix(rest).map(Shape::Login))
            }
            _ => None,
        };
        of_login.or_else(|| self.form.as_ref()?.piece(name).map(Shape::Form))
    }

    /// Sorts a request's `Cookie` lines in one walk: what is ours, and what is not. Only
    /// names are looked at: a value may hold whatever it likes.
    pub fn collect<'a>(&self, lines: impl Iterator<Item = &'a [u8]>) -> Jar<'a> {
        let mut jar = Jar::default();
        self.collect_into(&mut jar, lines);
        jar
    }

    /// The same into a jar that is empty, and stays where it is: it is large.
    pub fn collect_into<'a>(&self, jar: &mut Jar<'a>, lines: impl Iterator<Item = &'a [u8]>) {
        jar.others = cookie::sort_out(lines, self.prefix.as_bytes(), |name, value| {
            match self.shape(name) {
                Some(Shape::Piece(index)) => jar.add_piece(index, value),
                Some(Shape::Login(suffix)) => jar.add_login(suffix, value),
                Some(Shape::Form(index)) => jar.add_form_piece(index, value),
                None => return false,
            }
            true
        });
    }

    /// The sealed text of the session's pieces, where they are complete. Pieces beyond
    /// the count that the first one names are left over and do not matter.
    #[must_use]
    pub fn session_text<'a>(&self, jar: &'a Jar<'_>) -> Option<Text<'a>> {
        chunks::text(&jar.pieces)
    }

    /// Opens a session's sealed text: the session, and whether the first key opened it
    /// (else it should be written anew). `None` for anything that this gate did not seal
    /// for this host as a session.
    #[must_use]
    pub fn open_session(
        &self,
        keys: &SealingKeys,
        text: &[u8],
        host: &str,
    ) -> Option<(Session, bool)> {
        let opened = sealed::open(keys, self.session_binding(host), text)?;
        Some((Session::restore(&opened)?, opened.with_first_key()))
    }

    /// Seals a session: its cookies, and the removal of the jar's pieces that a shorter
    /// session leaves over. What was kept for rules is left out where it does not fit.
    ///
    /// # Errors
    /// [`WriteError`] where the host gives no random numbers, or the tokens do not fit.
    pub fn write_session(
        &self,
        keys: &SealingKeys,
        session: &Session,
        host: &str,
        jar: &Jar<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<SetCookie>, WriteError> {
        self.write_session_with(0, keys, session, host, jar, entropy)
    }

    /// The same, and the first `must_keep` of the tokens kept for rules are not left out.
    ///
    /// # Errors
    /// As [`Self::write_session`].
    pub fn write_session_with(
        &self,
        must_keep: usize,
        keys: &SealingKeys,
        session: &Session,
        host: &str,
        jar: &Jar<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<SetCookie>, WriteError> {
        let limit = chunks::room(&self.name, self.max_count);
        let mut kept = session.may_fit(limit.saturating_mul(2)).max(must_keep);
        let (record, sizes) = loop {
            let (record, sizes) = session.record(kept);
            if kept <= must_keep || sealed::sealed_length(record.len()) <= limit {
                break (record, sizes);
            }
            kept = kept.saturating_sub(1);
        };
        let text = sealed::seal(keys, self.session_binding(host), &record, entropy)?;
        let Some(values) = chunks::split(&self.name, &text, self.max_count) else {
            return Err(WriteError::TooLarge {
                needed: text.len(),
                limit,
                max_count: self.max_count,
                id_token: sealed::text_length(sizes.id_token),
                access_token: sealed::text_length(sizes.access_token),
                refresh_token: sealed::text_length(sizes.refresh_token),
                kept: sealed::text_length(sizes.kept),
            });
        };
        let count = values.len();
        let written = values.into_iter().enumerate().map(|(index, value)| self.piece(index, value));
        Ok(written.chain(self.removals_from(jar, count)).collect())
    }

    /// Removes whatever pieces of a session stood in the jar, good or not.
    #[must_use]
    pub fn remove_session(&self, jar: &Jar<'_>) -> Vec<SetCookie> {
        self.removals_from(jar, 0).collect()
    }

    fn removals_from(&self, jar: &Jar<'_>, first: usize) -> impl Iterator<Item = SetCookie> {
        let there = jar.pieces.iter().enumerate().filter(|(_, piece)| piece.is_some());
        there
            .map(|(index, _)| index)
            .chain(jar.excess_pieces.iter().copied())
            .filter(move |index| *index >= first)
            .map(|index| self.piece(index, String::new()).removal())
    }

    fn session_binding<'a>(&'a self, host: &'a str) -> Binding<'a> {
        Binding { purpose: Purpose::Session, name: &self.name, host }
    }

    /// Without `Max-Age`: how long a session lives stands inside it, where the browser's
    /// clock has no say.
    fn piece(&self, index: usize, value: String) -> SetCookie {
        SetCookie {
            name: chunks::name(&self.name, index),
            value,
            secure: self.secure,
            path: "/".into(),
            same_site: self.same_site,
            max_age: None,
        }
    }

    /// `SameSite=Lax`, whatever the session's is: the callback is a navigation that the
    /// provider's site begins, and a browser would keep a `Strict` cookie back there, so
    /// that no login could ever end. Lax is also enough: it is a GET of the whole page.
    pub(super) fn login(&self, suffix: &str, value: String) -> SetCookie {
        SetCookie {
            name: self.login_name(suffix),
            value,
            secure: self.secure,
            path: "/".into(),
            same_site: SameSite::Lax,
            max_age: Some(super::LOGIN_LIFETIME),
        }
    }

    pub(super) fn login_name(&self, suffix: &str) -> String {
        format!("{}.login.{suffix}", self.name)
    }
}

fn suffix(rest: &[u8]) -> Option<&str> {
    let suffix = rest.strip_prefix(b"login.")?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if suffix.len() != SUFFIX_LENGTH || !suffix.iter().all(plain) {
        return None;
    }
    std::str::from_utf8(suffix).ok()
}
