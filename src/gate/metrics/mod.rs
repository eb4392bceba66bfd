//! What is counted, by which names and labels.
//!
//! A series is told to the host as `<name>.<label>.<value>..`. Envoy takes dots for underscores, so
//! that it can be read as it is; the `stats_tags` in `envoy.yaml` make labels of it. All series are
//! known when the filter is built, and a [`Metric`] has its place among them without a search.

mod labels;
#[cfg(test)]
mod tests;

pub use labels::{
    Acquisition, Endpoint, KeyFetch, Login, Lookup, Outcome, Refresh, Source, Status, Token,
};

/// Something that is counted, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A request was decided.
    Request(Outcome),
    /// A login began, or came to its end.
    Login(Login),
    /// The token endpoint was asked to renew a session.
    Refresh(Refresh),
    /// The token endpoint was asked for a token for a rule's own upstream.
    Acquisition(Acquisition),
    /// The provider was asked.
    ProviderCall(Endpoint, Status),
    /// Keys were asked for.
    KeyFetch(KeyFetch),
    /// A session's cookie was looked for among those that were opened.
    SessionCache(Lookup),
    /// A client's token was looked for among those that were verified.
    BearerCache(Lookup),
    /// A token was refused, since its `aud` is somebody else.
    WrongAudience(Token, Source),
    /// A session was written, in so many bytes of cookies.
    SessionBytes(u64),
}

/// How a metric is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// How often values were how large.
    Histogram,
}

/// A label, and all values that it can have.
pub type Label = (&'static str, &'static [&'static str]);

/// A metric by name, with all values of its labels.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// As Prometheus shows it.
    pub name: &'static str,
    /// How it is kept.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it counts.
    pub meaning: &'static str,
}

const fn counter(name: &'static str, labels: &'static [Label], meaning: &'static str) -> Family {
    Family { name, kind: Kind::Counter, labels, meaning }
}

/// All metrics, in the order of [`Metric`]. The histogram is last: a host that has none of that kind
/// still counts all the others.
pub const FAMILIES: [Family; 10] = [
    counter(
        "oidc_gate_requests_total",
        &[("outcome", Outcome::VALUES)],
        "Requests, by what became of them; one that waits is counted once, when it is decided.",
    ),
    counter(
        "oidc_gate_logins_total",
        &[("outcome", Login::VALUES)],
        "Logins that began, and callbacks, by how they ended.",
    ),
    counter(
        "oidc_gate_refreshes_total",
        &[("outcome", Refresh::VALUES)],
        "Refreshes of sessions: calls, not the requests that wait for them.",
    ),
    counter(
        "oidc_gate_acquisitions_total",
        &[("outcome", Acquisition::VALUES)],
        "Tokens that rules acquire for their own upstreams: calls, as above.",
    ),
    counter(
        "oidc_gate_provider_calls_total",
        &[("endpoint", Endpoint::VALUES), ("status", Status::VALUES)],
        "Calls to the provider, by whom they ask and the class of the answer's status.",
    ),
    counter(
        "oidc_gate_key_fetches_total",
        &[("outcome", KeyFetch::VALUES)],
        "Answers to fetches of the provider's keys.",
    ),
    counter(
        "oidc_gate_session_cache_total",
        &[("outcome", Lookup::VALUES)],
        "Cookies that were looked for among those that this worker has opened.",
    ),
    counter(
        "oidc_gate_bearer_cache_total",
        &[("outcome", Lookup::VALUES)],
        "Clients' tokens that were looked for among those that this worker has verified.",
    ),
    counter(
        "oidc_gate_wrong_audience_total",
        &[("token", Token::VALUES), ("from", Source::VALUES)],
        "Tokens that were refused, since their `aud` is somebody else.",
    ),
    Family {
        name: "oidc_gate_session_bytes",
        kind: Kind::Histogram,
        labels: &[],
        meaning: "Bytes of the cookies of each session that was written.",
    },
];

const LOGINS: usize = Outcome::VALUES.len();
const REFRESHES: usize = LOGINS + Login::VALUES.len();
const ACQUISITIONS: usize = REFRESHES + Refresh::VALUES.len();
const PROVIDER_CALLS: usize = ACQUISITIONS + Acquisition::VALUES.len();
const KEY_FETCHES: usize = PROVIDER_CALLS + Endpoint::VALUES.len() * Status::VALUES.len();
const SESSION_CACHE: usize = KEY_FETCHES + KeyFetch::VALUES.len();
const BEARER_CACHE: usize = SESSION_CACHE + Lookup::VALUES.len();
const WRONG_AUDIENCE: usize = BEARER_CACHE + Lookup::VALUES.len();
const SESSION_BYTES: usize = WRONG_AUDIENCE + Token::VALUES.len() * Source::VALUES.len();

/// How many series there are.
pub const SERIES: usize = SESSION_BYTES + 1;

impl Metric {
    /// Its place in [`series`].
    #[must_use]
    pub const fn place(self) -> usize {
        match self {
            Self::Request(outcome) => outcome as usize,
            Self::Login(outcome) => LOGINS.wrapping_add(outcome as usize),
            Self::Refresh(outcome) => REFRESHES.wrapping_add(outcome as usize),
            Self::Acquisition(outcome) => ACQUISITIONS.wrapping_add(outcome as usize),
            Self::ProviderCall(endpoint, status) => {
                let row = (endpoint as usize).wrapping_mul(Status::VALUES.len());
                PROVIDER_CALLS.wrapping_add(row).wrapping_add(status as usize)
            }
            Self::KeyFetch(outcome) => KEY_FETCHES.wrapping_add(outcome as usize),
            Self::SessionCache(lookup) => SESSION_CACHE.wrapping_add(lookup as usize),
            Self::BearerCache(lookup) => BEARER_CACHE.wrapping_add(lookup as usize),
            Self::WrongAudience(token, from) => {
                let row = (token as usize).wrapping_mul(Source::VALUES.len());
                WRONG_AUDIENCE.wrapping_add(row).wrapping_add(from as usize)
            }
            Self::SessionBytes(_) => SESSION_BYTES,
        }
    }
}

/// All series, as the host is told of them.
#[must_use]
pub fn series() -> Vec<(Kind, String)> {
    let mut all = Vec::with_capacity(SERIES);
    for family in FAMILIES {
        let mut names = vec![family.name.to_owned()];
        for (label, values) in family.labels {
            let with_values =
                |name: String| values.iter().map(move |value| [&name, *label, value].join("."));
            names = names.into_iter().flat_map(with_values).collect();
        }
        all.extend(names.into_iter().map(|name| (family.kind, name)));
    }
    all
}
