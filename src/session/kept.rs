//! The tokens of rules that have their own, kept in the session beside the session's.
//!
//! They can be had again, so they never cost anybody the session: what does not fit into the
//! cookies is left out, the least used first.

use super::record::{Reader, Taken, Writer};
use crate::config::Ask;
use crate::crypto::{Opened, Secret};
use crate::token::AccessToken;
use crate::wire::Timestamp;

/// A rule's own access token, which was verified for it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What it was asked for: a rule that asks for the same may send it.
    pub ask: Ask,
    /// The token.
    pub token: AccessToken,
    /// When the session's own token was issued that stood beside it then; since a refresh the
    /// user may have other rights.
    pub subject: Option<Timestamp>,
    /// When it came from the provider, by this gate's clock.
    pub had: Timestamp,
    /// What renews it, where it has a refresh token of its own.
    pub refresh_token: Option<Secret>,
}

impl Kept {
    /// About how many bytes it holds on the heap.
    pub(super) fn heap_size(&self) -> usize {
        let refresh_token = self.refresh_token.as_ref().map_or(0, |token| token.expose().len());
        size_of::<Self>().saturating_add(self.token.heap_size()).saturating_add(refresh_token)
    }

    /// About how many bytes of a record it takes.
    pub(super) fn expected(&self) -> usize {
        let refresh_token = self.refresh_token.as_ref().map_or(0, |token| token.expose().len());
        self.token.raw().expose().len().saturating_add(refresh_token).saturating_add(64)
    }

    /// Writes it; what its tokens take comes back.
    pub(super) fn write(&self, record: &mut Writer) -> [Taken; 2] {
        record.fixed(self.ask.bytes());
        record.time(self.subject.unwrap_or(Timestamp::from_seconds(0)));
        record.time(self.had);
        let token = record.text(Some(self.token.raw().expose()));
        [token, record.text(self.refresh_token.as_ref().map(Secret::expose))]
    }

    /// Reads what [`Self::write`] wrote.
    fn read(record: &mut Reader<'_>, opened: &Opened) -> Option<Self> {
        let ask = Ask::of_bytes(record.fixed()?);
        let subject = Some(record.time()?).filter(|time| *time != Timestamp::from_seconds(0));
        let had = record.time()?;
        let token = AccessToken::restore(record.text()??, opened)?;
        Some(Self { ask, token, subject, had, refresh_token: record.text()? })
    }
}

/// Reads how many there are, and all of them; `opened` is the seal's proof that this gate wrote
/// them.
pub(super) fn read_all(record: &mut Reader<'_>, opened: &Opened) -> Option<Vec<Kept>> {
    let count = record.number()?;
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Kept::read(record, opened)?);
    }
    Some(all)
}
