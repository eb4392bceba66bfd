//! The provider's keys: whether there is one for what the configuration accepts.

use oidc_gate::config::{AccessTokenFormat, Config};
use oidc_gate::jose::{Algorithm, KeySet};

use super::report::{Report, State};
use crate::words::quoted;

const KEYS: (&str, &str) = ("keys", "provider.metadata.jwks_uri");

/// Says which keys the gate leaves out, and why: most have another use.
pub(super) fn skipped(reasons: &[String], report: &mut Report) {
    for reason in reasons {
        report.say(KEYS, State::Note, format!("not used: {reason}"));
    }
}

/// Says what the keys are good for.
pub(super) fn judge(keys: &KeySet, config: &Config, report: &mut Report) {
    let usable: Vec<String> =
        keys.iter().map(|key| key.kid().map_or_else(unnamed, quoted)).collect();
    report.say(KEYS, State::Right, format!("{} to verify with: {}", keys.len(), usable.join(", ")));
    if config.login {
        let subject = ("id_token", "id_token.signing_algorithms");
        suiting(keys, &config.id_token.signing_algorithms, subject, report);
    }
    let format = config.access_token.as_ref().map(|rules| &rules.format);
    if let Some(AccessTokenFormat::Jwt { signing_algorithms, .. }) = format {
        let subject = ("access_token", "access_token.signing_algorithms");
        suiting(keys, signing_algorithms, subject, report);
    }
}

fn unnamed() -> String {
    "one without kid".to_owned()
}

/// RFC 8725 section 3.1: the algorithm must be accepted here, and a key be there that is for it.
fn suiting(
    keys: &KeySet,
    accepted: &[Algorithm],
    subject: (&'static str, &'static str),
    report: &mut Report,
) {
    let suits = |algorithm: &&Algorithm| keys.iter().any(|key| key.suits(**algorithm));
    let names = |list: Vec<&Algorithm>| {
        list.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
    };
    let suiting: Vec<&Algorithm> = accepted.iter().filter(suits).collect();
    if suiting.is_empty() {
        let what =
            format!("expected a key for one of {}, found none", names(accepted.iter().collect()));
        let hint = "accept an algorithm that the provider has a key for, or give it such a key";
        report.advise(subject, State::Wrong, what, hint);
        return;
    }
    let what = format!("there are keys for {}", names(suiting));
    report.say(subject, State::Right, what);
}
