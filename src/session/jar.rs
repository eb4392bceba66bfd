//! What a request brought: ours, in bounds, and the rest.

use super::chunks::{MAX_PIECES, Pieces};
use crate::http::cookie::{Others, Rest};

/// Login cookies that are looked at; five is what a browser should hold.
const MAX_LOGINS_READ: usize = 32;

/// Names beyond the bounds that are removed with one answer; the next one takes more.
const MAX_EXCESS: usize = 32;

/// The cookies of one request, those that are ours by the shape of their names.
/// Nothing in it has been opened.
#[derive(Clone, Default)]
pub struct Jar<'a> {
    pub(super) pieces: Pieces<'a>,
    /// Suffix and value of login cookies, in the request's order.
    pub(super) logins: Vec<(&'a str, &'a [u8])>,
    /// Pieces and login cookies beyond the bounds: only ever removed.
    pub(super) excess_pieces: Vec<usize>,
    pub(super) excess_logins: Vec<&'a str>,
    /// Pieces of a form, by their index; at the callback only, so no room is kept for them.
    pub(super) form: Vec<(usize, &'a [u8])>,
    pub(super) others: Others<'a>,
    duplicates: bool,
}

impl<'a> Jar<'a> {
    /// Whether any piece of a session was there, whatever it is worth.
    #[must_use]
    pub fn has_session(&self) -> bool {
        !self.excess_pieces.is_empty() || self.pieces.iter().any(Option::is_some)
    }

    /// Whether there are as many logins in progress as a browser may hold: then an older one
    /// may have made room for them.
    #[must_use]
    pub const fn is_full_of_logins(&self) -> bool {
        self.logins.len() >= super::MAX_LOGINS
    }

    /// Whether a name of ours was there more than once. The first one counts: it is
    /// what RFC 6265 section 5.4 sends first, the longer path or the older cookie. With
    /// `__Host-` names a browser never does that, so it is worth a line in the log.
    #[must_use]
    pub const fn has_duplicates(&self) -> bool {
        self.duplicates
    }

    /// What is left of the request's cookies without ours.
    #[must_use]
    pub fn others(&self) -> Rest {
        self.others.rest()
    }

    pub(super) fn add_piece(&mut self, index: usize, value: &'a [u8]) {
        match self.pieces.get_mut(index) {
            Some(Some(_)) => self.duplicates = true,
            Some(place) => *place = Some(value),
            None if self.excess_pieces.contains(&index) => self.duplicates = true,
            None if self.excess_pieces.len() < MAX_EXCESS => self.excess_pieces.push(index),
            None => {}
        }
    }

    pub(super) fn add_form_piece(&mut self, index: usize, value: &'a [u8]) {
        if self.form.iter().any(|(other, _)| *other == index) {
            self.duplicates = true;
        } else if index < MAX_PIECES {
            self.form.push((index, value));
        }
    }

    pub(super) fn add_login(&mut self, suffix: &'a str, value: &'a [u8]) {
        let known = self.logins.iter().any(|(other, _)| *other == suffix);
        if known || self.excess_logins.contains(&suffix) {
            self.duplicates = true;
        } else if self.logins.len() < MAX_LOGINS_READ {
            self.logins.push((suffix, value));
        } else if self.excess_logins.len() < MAX_EXCESS {
            self.excess_logins.push(suffix);
        }
    }
}

/// Cookie values are as good as passwords: only counts are printed.
impl std::fmt::Debug for Jar<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Jar")
            .field("pieces", &self.pieces.iter().flatten().count())
            .field("logins", &self.logins.len())
            .field("duplicates", &self.duplicates)
            .finish_non_exhaustive()
    }
}
