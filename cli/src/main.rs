//! The command line of oidc-gate: what the filter would say, before it is deployed.
//!
//! Nothing is judged here: the filter's own parser and its own rules of tokens are asked.
//! Results go to stdout, what went wrong with the command itself to stderr.

mod check;
mod explain;
mod find;
mod input;
mod keygen;
mod locate;
mod migrate;
mod online;
mod output;
mod schema;
mod words;
mod yaml;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Check configurations of oidc-gate and explain tokens, as the gate itself would judge them
#[derive(Debug, Parser)]
#[command(
    name = "oidc-gate",
    version,
    after_help = "Exit codes: 0 all is right; 1 a configuration or token is refused; 2 usage, or \
                  input that cannot be read."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Explain(explain::Arguments),
    Keygen(keygen::Arguments),
    Schema(schema::Arguments),
    Migrate(migrate::Arguments),
}

/// What a command comes to, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// All is right.
    Right,
    /// The configuration or the token is refused.
    Refused,
    /// It could not be read.
    Unreadable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Right => 0,
            Outcome::Refused => 1,
            Outcome::Unreadable => 2,
        })
    }
}

fn main() -> ExitCode {
    if std::env::args_os().skip(1).any(|argument| is_token(&argument.to_string_lossy())) {
        output::error(
            "a token stands on the command line, where other users and the shell's history see \
             it: write it to a file, or pipe it in",
        );
        return Outcome::Unreadable.into();
    }
    let outcome = match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Schema(schema::Arguments {}) => schema::run(),
    };
    outcome.into()
}

/// Whether an argument is a token (RFC 7515 section 7.1: its header begins with `{"`). No message
/// may repeat it.
fn is_token(argument: &str) -> bool {
    argument
        .split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c))
        .any(|word| word.starts_with("eyJ") && word.len() > 30 && word.matches('.').count() >= 2)
}
