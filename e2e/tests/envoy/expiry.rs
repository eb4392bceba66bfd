//! Sessions whose access token has just expired, on a gate whose clock is exact.

use std::time::{Duration, SystemTime};

use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::gate::{Builder, Gate};
use oidc_gate_e2e::http::Protocol;
use oidc_gate_e2e::wait;

use crate::seen::{bearer_claims, received};

/// Access tokens of the login live this long; those of a refresh as long as the provider's default says.
pub(crate) const SHORT: Duration = Duration::from_secs(2);

/// A gate whose clock and margin are exact: a token is good to its last second and not longer.
pub(crate) fn exact() -> Builder {
    Gate::new().config(|config| {
        config["clock_skew"] = "0s".into();
        config["session"]["refresh_margin"] = "0s".into();
    })
}

/// A gate that would refresh at every request, if it were not for half of a token's life; and what its tokens live.
pub(crate) fn eager() -> Builder {
    Gate::new().provider(|options| options.access_token_lifespan = Duration::from_secs(16)).config(
        |config| {
            config["session"]["refresh_margin"] = "10m".into();
            config["provider"]["timeout"] = "1s".into();
        },
    )
}

/// A browser whose user is logged in, and whose access token has just expired. Later tokens live long.
pub(crate) fn expired(gate: &Gate, user: &str, protocol: Protocol) -> Browser {
    let browser = short_lived(gate, user, protocol);
    wait_for_expiry(gate, user);
    browser
}

/// A browser whose user is logged in, and whose access token expires soon.
pub(crate) fn short_lived(gate: &Gate, user: &str, protocol: Protocol) -> Browser {
    gate.provider.faults(|faults| faults.access_token_lifespan = Some(SHORT));
    let mut browser = gate.browser_speaking(protocol);
    let back = browser.login(&gate.url(&format!("/{user}")), user);
    assert_eq!(back.answer.status, 200, "{:?}", back.answer);
    gate.provider.faults(|faults| faults.access_token_lifespan = None);
    browser
}

/// Waits until the access token of this user's last login has expired.
pub(crate) fn wait_for_expiry(gate: &Gate, user: &str) {
    let (_, end) = life(gate, user);
    wait::until("the access token to expire", || (seconds() >= end).then_some(()));
}

/// Waits until the access token of this user's last login has lived more than half its life: however wide the margin is,
/// only then it is refreshed.
pub(crate) fn wait_for_half_life(gate: &Gate, user: &str) {
    let (begin, end) = life(gate, user);
    let half = begin + (end - begin).div_ceil(2);
    wait::until("half of the access token's life", || (seconds() >= half).then_some(()));
}

fn life(gate: &Gate, user: &str) -> (u64, u64) {
    let seen = received(gate, &format!("/{user}")).pop().expect("the login came back");
    let claims = bearer_claims(&seen);
    let claim = |name: &str| claims[name].as_u64().expect("tokens say when");
    (claim("iat"), claim("exp"))
}

/// Now, as tokens write it.
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
