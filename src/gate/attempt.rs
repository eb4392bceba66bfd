//! One attempt to log in, and what of it the state says.
//!
//! ```text
//! state = random(43) "." created(seconds, decimal) "." attempts(digit) "." base64url(return_to)
//! ```
//! The state is compared as a whole with the sealed one. What it says in clear is for a
//! callback whose attempt is gone: where the user wanted to go, and whether it took too
//! long. Nobody has signed that, so it decides nothing but a path on this very origin.

use std::time::Duration;

use crate::crypto::entropy::random_text;
use crate::crypto::{NoEntropy, Secret};
use crate::http::LocalPath;
use crate::session::{LOGIN_LIFETIME, Transaction};
use crate::wire::{Timestamp, base64url};

use super::host::Host;

/// Longest way back that a state holds, in bytes: it travels through URLs twice.
const PATH_LIMIT: usize = 512;
/// How often an attempt that is gone begins again by itself.
const AGAIN_LIMIT: u8 = 2;
/// How long after its attempt a callback may begin it again.
const AGAIN_AGE: Duration = Duration::from_secs(24 * 3_600);

/// A new attempt; state, nonce and PKCE verifier are new.
///
/// # Errors
/// [`NoEntropy`]: then no login begins.
pub(super) fn begin(
    redirect_uri: String,
    return_to: LocalPath,
    attempts: u8,
    now: Timestamp,
    host: &mut dyn Host,
) -> Result<Transaction, NoEntropy> {
    let path = Some(return_to.as_str()).filter(|path| path.len() <= PATH_LIMIT).unwrap_or("/");
    let path = base64url::encode(path.as_bytes());
    let random = random_text(host)?;
    Ok(Transaction {
        state: Secret::new(format!("{random}.{}.{attempts}.{path}", now.seconds())),
        nonce: Secret::new(random_text(host)?),
        verifier: Secret::new(random_text(host)?),
        return_to,
        redirect_uri,
        created: now,
        attempts,
        form: false,
        ask: None,
    })
}

/// What a state says in clear.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) return_to: LocalPath,
    pub(super) attempts: u8,
    created: Timestamp,
}

impl State {
    /// Reads a state; `None` where it was not made here.
    pub(super) fn parse(state: &str) -> Option<Self> {
        let mut parts = state.split('.');
        let (_, created, attempts, path) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            return_to: LocalPath::parse(&base64url::decode(path.as_bytes())?)?,
            attempts: attempts.parse().ok()?,
            created: Timestamp::from_seconds(created.parse().ok()?),
        })
    }

    /// Whether the attempt took too long, or `made_room` for others, and not too often in a
    /// row.
    pub(super) fn may_begin_again(&self, now: Timestamp, made_room: bool) -> bool {
        let age = now.since(self.created);
        let gone = made_room || age >= LOGIN_LIFETIME;
        self.attempts < AGAIN_LIMIT && gone && age <= AGAIN_AGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn state(created: i64, attempts: u8, path: &str) -> String {
        format!("random.{created}.{attempts}.{}", base64url::encode(path.as_bytes()))
    }

    #[test]
    fn a_state_leads_to_a_path_of_this_origin_only() {
        let read = State::parse(&state(1, 0, "/orders?page=2")).unwrap();
        assert_eq!(read.return_to.as_str(), "/orders?page=2");
        for path in ["//evil.example", "https://evil.example", "/\\evil.example", "", "orders"] {
            assert_eq!(State::parse(&state(1, 0, path)), None, "{path}");
        }
        for other in ["", "random", "a.b.c.d", "a.1.0.Lw.e", "a.1.-1.Lw", "a.1.0.Lw=="] {
            assert_eq!(State::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_attempt_begins_again_only_when_it_is_gone_and_twice_in_a_row_at_most() {
        let begins = |age: i64, attempts, made_room| {
            let state = State::parse(&state(1_000_000 - age, attempts, "/")).unwrap();
            state.may_begin_again(NOW, made_room)
        };
        let may = |age, attempts| begins(age, attempts, false);
        assert!(may(600, 0) && may(600, 1) && may(86_400, 0));
        assert!(!may(599, 0) && !may(600, 2) && !may(86_401, 0) && !may(-600, 0));
        assert!(begins(0, 0, true) && begins(599, 1, true));
        assert!(!begins(0, 2, true) && !begins(86_401, 0, true));
    }
}
