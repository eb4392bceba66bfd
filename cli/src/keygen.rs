//! `oidc-gate keygen`: keys that seal sessions.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use crate::{Outcome, output};

/// Make a key for `session.keys`: 32 random bytes in base64
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many, one a line
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    count: u8,
}

/// Writes keys to stdout, and to stderr what to do with them.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut keys = Vec::new();
    for _ in 0..arguments.count {
        let mut bytes = [0; 32];
        #[allow(
            clippy::disallowed_methods,
            reason = "a program of its own has randomness of its own"
        )]
        if let Err(error) = getrandom::fill(&mut bytes) {
            output::error(&format!("the operating system gives no random numbers: {error}"));
            return Outcome::Unreadable;
        }
        keys.push(STANDARD.encode(bytes));
    }
    let mut out = std::io::stdout().lock();
    for key in keys {
        let _ = writeln!(out, "{key}");
    }
    output::note(
        "keep it where secrets are kept, as the environment variable SESSION_KEY of the host, say, \
         and write `session: {keys: [{env: SESSION_KEY}]}`. All instances need the same. To \
         change it, put the new key first and take the old one out after `session.max_age`.",
    );
    Outcome::Right
}
