//! What the upstream saw of a run: which tokens of which sessions, and whether each was good when it came.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use oidc_gate_dev::Received;

use super::person::text;
use super::tally::say;
use crate::envoy::{CAME_IN, SENT_ON};
use crate::jwt;

/// Longer between its coming and its going than this, in seconds, and a request has waited for something. Shorter is a busy
/// machine, which may do something else between the gate's decision and the stamp.
const WAITED: f64 = 0.5;

/// What the upstream saw.
#[derive(Debug, Default)]
pub struct Upstream {
    /// Of each session, by its `sid`: the access tokens that came, by their `jti`.
    pub tokens: BTreeMap<String, BTreeSet<String>>,
    /// How many requests were sent on with a token that had expired.
    pub expired: usize,
    /// How many came with one that had expired on the way: on a busy machine, in front of a busy upstream.
    pub late: usize,
    /// How many requests came without a token.
    pub without: usize,
}

impl Upstream {
    /// Reads the record of an upstream.
    pub fn of(requests: &[Received]) -> Self {
        let mut all = Self::default();
        for request in requests {
            let Some(token) = request.bearer() else {
                all.without += 1;
                continue;
            };
            let claims = jwt::claims(token);
            let stamp = |name| -> f64 {
                let found = request.header(name).and_then(|text| text.parse().ok());
                found.expect("this run is played with Envoy's stamps")
            };
            let (came_in, sent_on) = (stamp(CAME_IN), stamp(SENT_ON));
            let came = request.at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
            let issued = claims["iat"].as_f64().expect("tokens are issued");
            assert!(issued <= sent_on, "the stamp is older than the token: {sent_on}, {claims}");
            // RFC 7519 section 4.1.4: from that second on.
            let end = claims["exp"].as_f64().expect("tokens expire");
            let decided = if sent_on - came_in < WAITED { came_in } else { sent_on };
            all.expired += usize::from(end <= decided);
            all.late += usize::from(decided < end && end <= came.as_secs_f64());
            all.tokens.entry(text(&claims, "sid")).or_default().insert(text(&claims, "jti"));
        }
        all
    }

    /// How often the token of each session came to be replaced by another.
    pub fn replaced(&self) -> BTreeMap<String, usize> {
        self.tokens.iter().map(|(sid, tokens)| (sid.clone(), tokens.len() - 1)).collect()
    }

    /// Prints how often each session's token was replaced, beside how often the provider refreshed it.
    pub fn print(&self, name: &str, refreshes: &BTreeMap<String, usize>) {
        let listed = |counts: &BTreeMap<String, usize>| {
            counts.values().map(usize::to_string).collect::<Vec<_>>().join(" ")
        };
        say(&format!(
            "{name}: tokens replaced per session: {}; refreshes per session at the provider: {}; requests sent on with \
             an expired token: {} (it expired on the way: {}), without one: {}",
            listed(&self.replaced()),
            listed(refreshes),
            self.expired,
            self.late,
            self.without,
        ));
    }
}
