//! A form that waits in the browser until its sender has signed in.
//!
//! ```text
//! <form>   = "6.AbCd..."      pieces, as a session's; sealed for one login alone
//! <form>.1 .. <form>.7
//! ```
//!
//! `<form>` is the session's name with `.form` behind it and `__Secure-` before it instead of
//! `__Host-`: that prefix asks for `Path=/`, and then some 22 KB would travel with every
//! request of the page for ten minutes, till some server finds its head too large (431). So
//! these go to the callback alone. What `__Host-` keeps away, a sibling host that plants a
//! cookie, comes to nothing: a form opens only with the state of the login that it began.

use std::fmt;

use zeroize::Zeroizing;

use super::chunks::{self, MAX_PIECES, Pieces};
use super::cookies::Cookies;
use super::jar::Jar;
use super::record::{Record, Writer};
use super::sealed;
use crate::crypto::seal::Binding;
use crate::crypto::{Entropy, NoEntropy, Purpose, SealingKeys};
use crate::http::cookie::{SameSite, SetCookie};
use crate::http::{Fields, LocalPath};

/// Most pieces of a form: 16 KB of body and 2 KB of target take seven.
const MAX_FORM_PIECES: usize = 8;

/// A posted form.
pub struct KeptForm {
    target: LocalPath,
    body: Zeroizing<Vec<u8>>,
}

impl KeptForm {
    /// A form; `None` where a page could not send it again byte for byte.
    #[must_use]
    pub fn new(target: LocalPath, body: Zeroizing<Vec<u8>>) -> Option<Self> {
        Fields::of_body(&body)?;
        Some(Self { target, body })
    }

    /// Where it was sent to, with the query.
    #[must_use]
    pub const fn target(&self) -> &LocalPath {
        &self.target
    }

    /// What is in it.
    #[must_use]
    pub fn fields(&self) -> Option<Fields> {
        Fields::of_body(&self.body)
    }

    fn record(&self) -> Zeroizing<Vec<u8>> {
        let target = self.target.as_str().as_bytes();
        let mut record = Writer::new(target.len().saturating_add(self.body.len()));
        record.bytes(target);
        record.bytes(&self.body);
        record.finish().record
    }

    fn restore(record: &[u8]) -> Option<Self> {
        let record = Record::open(record)?;
        let mut record = record.reader();
        let target = LocalPath::parse(record.bytes()?)?;
        let body = Zeroizing::new(record.bytes()?.to_vec());
        record.end()?;
        Some(Self { target, body })
    }
}

/// Neither path nor body: both are the sender's own.
impl fmt::Debug for KeptForm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[a form of {} bytes]", self.body.len())
    }
}

/// Names of the cookies that keep a form.
#[derive(Debug, Clone)]
pub(super) struct FormCookie {
    pub(super) name: String,
    path: String,
}

impl FormCookie {
    /// Beside sessions called `session`, sent to `path` alone; and what the names of both
    /// begin with.
    pub(super) fn new(session: &str, path: &str) -> (Self, String) {
        let (prefix, name) = match session.strip_prefix("__Host-") {
            Some(name) => ("__", format!("__Secure-{name}.form")),
            None => (session, format!("{session}.form")),
        };
        (Self { name, path: path.to_owned() }, prefix.to_owned())
    }

    /// Which piece of a form a cookie of this name is.
    pub(super) fn piece(&self, name: &[u8]) -> Option<usize> {
        match name.strip_prefix(self.name.as_bytes())? {
            [] => Some(0),
            [b'.', rest @ ..] => chunks::decimal(rest),
            _ => None,
        }
    }
}

impl Cookies {
    /// Seals a form for the login with this `state`. The cookies take the place of another
    /// form's: a browser keeps one. `None` where forms are not kept, or it does not fit.
    ///
    /// # Errors
    /// [`NoEntropy`] where the host gives no random numbers.
    pub fn write_form(
        &self,
        keys: &SealingKeys,
        form: &KeptForm,
        state: &str,
        host: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Vec<SetCookie>>, NoEntropy> {
        let Some(cookie) = &self.form else { return Ok(None) };
        let bound = bound_name(cookie, state);
        let text = sealed::seal(keys, binding(&bound, host), &form.record(), entropy)?;
        let values = chunks::split(&cookie.name, &text, MAX_FORM_PIECES);
        let piece = |(index, value)| self.form_piece(cookie, index, value);
        Ok(values.map(|values| values.into_iter().enumerate().map(piece).collect()))
    }

    /// The form that began the login with this `state` in this browser, on this host, and the
    /// removal of its cookies. Another login's form is left for that one.
    #[must_use]
    pub fn take_form(
        &self,
        keys: &SealingKeys,
        state: &str,
        jar: &Jar<'_>,
        host: &str,
    ) -> Option<(KeptForm, Vec<SetCookie>)> {
        let cookie = self.form.as_ref()?;
        let mut pieces: Pieces<'_> = [None; MAX_PIECES];
        for (index, value) in &jar.form {
            *pieces.get_mut(*index)? = Some(*value);
        }
        let text = chunks::text(&pieces)?.join();
        let bound = bound_name(cookie, state);
        let opened = sealed::open(keys, binding(&bound, host), &text)?;
        let form = KeptForm::restore(opened.bytes())?;
        let removal = |(index, _): &(usize, _)| self.form_piece(cookie, *index, String::new());
        let removals = jar.form.iter().map(|piece| removal(piece).removal());
        Some((form, removals.collect()))
    }

    /// `SameSite=Lax`, as a login's: the provider's site sends the browser to the callback.
    fn form_piece(&self, cookie: &FormCookie, index: usize, value: String) -> SetCookie {
        SetCookie {
            name: chunks::name(&cookie.name, index),
            value,
            secure: self.secure,
            path: cookie.path.clone().into(),
            same_site: SameSite::Lax,
            max_age: Some(super::LOGIN_LIFETIME),
        }
    }
}

/// The state makes the seal one for this login alone: with another login's it is noise.
fn bound_name(cookie: &FormCookie, state: &str) -> String {
    format!("{} {state}", cookie.name)
}

const fn binding<'a>(name: &'a str, host: &'a str) -> Binding<'a> {
    Binding { purpose: Purpose::Form, name, host }
}
