//! `oidc-gate explain`: a token, and what the gate would say of it.
//!
//! The token comes from a file or standard input, and no output ever has it: what is shown is
//! what it says, and how it is judged.

mod judge;
mod kind;
mod time;
mod token;

use std::cell::Cell;
use std::io::{IsTerminal, Write};

use clap::Args;
use oidc_gate::config::{Config, PathMatch, Rule};
use oidc_gate::jose::KeySet;
use oidc_gate::wire::{Json, Timestamp};

use self::judge::{Judgement, Keys, State};
use self::token::Token;
use crate::check::{self, Secrets};
use crate::output::{BOLD, Format, GREEN, RED, YELLOW};
use crate::{Outcome, input, output, words};

/// Explain a token: what it is and says, and how the gate would judge it
///
/// The token is read from a file or from standard input, never from the command line, and is never
/// shown. Exit code 0: it is accepted by one of the judgements (without --config: it is a signed
/// token); 1: by none.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the token is; `-` is standard input
    #[arg(value_name = "TOKEN-FILE", default_value = "-")]
    token: String,
    /// The configuration to judge by, in any file that `check` reads
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// The provider's keys, as its `jwks_uri` has them; without them no signature is checked
    #[arg(long, value_name = "FILE")]
    jwks: Option<String>,
    /// The time to judge by, as 2023-11-14T22:13:20Z or seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    now: Option<Timestamp>,
}

/// Explains one token.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    explain(arguments).unwrap_or_else(|(outcome, what)| {
        output::error(&what);
        outcome
    })
}

type Failed = (Outcome, String);

fn explain(arguments: &Arguments) -> Result<Outcome, Failed> {
    let unreadable = |what| (Outcome::Unreadable, what);
    let sources = [Some(&arguments.token), arguments.config.as_ref(), arguments.jwks.as_ref()];
    if sources.iter().flatten().filter(|path| **path == "-").count() > 1 {
        return Err(unreadable("only one of the files can be standard input".to_owned()));
    }
    let configs = match &arguments.config {
        Some(path) => configs(path)?,
        None => Vec::new(),
    };
    let keys = match &arguments.jwks {
        Some(path) => {
            let text = input::read(path).map_err(unreadable)?;
            let keys = KeySet::parse(text.as_bytes());
            Some(keys.map_err(|error| unreadable(format!("{}: {error}", input::name(path))))?)
        }
        None => None,
    };
    if arguments.token == "-" && std::io::stdin().is_terminal() {
        output::note("paste the token, then Ctrl-D");
    }
    // Whoever gives the token itself for its file must not read it in a message.
    let text = input::read(&arguments.token).map_err(|what| {
        let why = what.rsplit(": ").next().unwrap_or_default();
        unreadable(format!("the token's file cannot be read: {why}"))
    })?;
    let token = Token::read(&text).map_err(|why| (Outcome::Refused, why))?;
    let now = arguments.now.unwrap_or_else(time::now);

    let mut out = anstream::stdout().lock();
    about(&token, now, &mut out);
    if keys.is_none() {
        let _ = writeln!(out, "{YELLOW}signature: not checked{YELLOW:#}: --jwks FILE checks it");
    }
    if configs.is_empty() {
        let _ = writeln!(out, "not judged: --config FILE says by which configuration");
        return Ok(Outcome::Right);
    }
    let keys = Keys { real: keys };
    let mut outcome = Outcome::Refused;
    for config in &configs {
        for (heading, judgement) in judgements(&token, config, &keys, now) {
            let Some(judgement) = judgement else {
                let why = "the provider is asked what it means (access_token.format: opaque)";
                let _ = writeln!(out, "\n{BOLD}{heading}{BOLD:#}: not judged: {why}");
                continue;
            };
            write_judgement(&heading, &judgement, &mut out);
            if judgement.accepted() {
                outcome = Outcome::Right;
            }
        }
    }
    Ok(outcome)
}

/// The configurations of a file, which must be right.
fn configs(path: &str) -> Result<Vec<Config>, Failed> {
    let found = check::configurations(path).map_err(|what| (Outcome::Unreadable, what))?;
    let secrets = Secrets { real: false, not_read: Cell::new(0) };
    let mut configs = Vec::new();
    for found in &found {
        match check::load(found, &secrets) {
            Ok((config, _)) => configs.push(config),
            Err(_) => {
                let mut to = anstream::stderr().lock();
                let findings = check::examine(found, input::name(path), &secrets);
                findings.iter().for_each(|finding| finding.write(Format::Text, &mut to));
                let what = "a token can only be judged by a configuration that is right";
                return Err((Outcome::Refused, what.to_owned()));
            }
        }
    }
    Ok(configs)
}

/// What the token is, and what it says that matters here.
fn about(token: &Token, now: Timestamp, out: &mut dyn Write) {
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}", kind::sentence(token));
    let line = |out: &mut dyn Write, name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<10} {value}");
    };
    let _ = writeln!(out, "header");
    line(out, "alg", &words::quoted(&token.alg));
    line(out, "typ", &token.typ.as_deref().map_or_else(|| "none".to_owned(), words::quoted));
    line(out, "kid", &token.kid.as_deref().map_or_else(|| "none".to_owned(), words::quoted));
    let _ = writeln!(out, "claims");
    for name in ["iss", "aud", "azp", "client_id", "sub", "typ", "scope", "scp", "acr"] {
        if let Some(value) = token.claim(name) {
            line(out, name, &words::value(value));
        }
    }
    for name in ["iat", "nbf", "auth_time", "exp"] {
        if let Some(value) = token.claim(name) {
            line(out, name, &moment(name, value, now));
        }
    }
}

/// A NumericDate (RFC 7519 section 2), in words.
fn moment(name: &str, value: &Json, now: Timestamp) -> String {
    match value {
        Json::Integer(seconds) => {
            let at = Timestamp::from_seconds(*seconds);
            let past = if name == "exp" { "expired " } else { "" };
            let future = if name == "exp" { "expires " } else { "" };
            let words = match time::distance(at, now) {
                (true, words) => format!("{past}{words} ago"),
                (false, words) => format!("{future}in {words}"),
            };
            format!("{}, {words}", time::spell(at))
        }
        other => words::value(other),
    }
}

/// All that the gate could use the token for.
fn judgements(
    token: &Token,
    config: &Config,
    keys: &Keys,
    now: Timestamp,
) -> Vec<(String, Option<Judgement>)> {
    let mut all = Vec::new();
    if config.login {
        let judgement = judge::id_token(token, &config.id_token, keys, now);
        all.push(("as ID token, at login (id_token)".to_owned(), Some(judgement)));
    }
    if let Some(rules) = &config.access_token {
        let judgement = judge::access_token(token, rules, false, keys, now);
        all.push(("as access token (access_token)".to_owned(), judgement));
    }
    for (index, rule) in config.rules.iter().enumerate() {
        let Some(rules) = &rule.needs.access_token else { continue };
        let narrow = rule.needs.acquire.as_ref().is_some_and(|acquire| !acquire.extra_audiences);
        let judgement = judge::access_token(token, rules, narrow, keys, now);
        let heading = format!("as access token, for rules[{index}] ({})", matched(rule));
        all.push((heading, judgement));
    }
    all
}

/// What a rule is for, in words.
fn matched(rule: &Rule) -> String {
    let path = match &rule.path {
        PathMatch::Any => None,
        PathMatch::Exact(path) => Some(format!("path {path}")),
        PathMatch::Prefix(path) => Some(format!("path_prefix {path}")),
    };
    let methods = rule.methods.as_ref().map(|methods| methods.join(", "));
    let route = rule.route_name.as_ref().map(|name| format!("route {}", words::quoted(name)));
    [path, methods, route].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn write_judgement(heading: &str, judgement: &Judgement, out: &mut dyn Write) {
    let (style, verdict) = match (judgement.accepted(), judgement.signature_checked()) {
        (true, true) => (GREEN, "accepted"),
        (true, false) => (GREEN, "accepted, if its signature is right"),
        (false, _) => (RED, "refused"),
    };
    let _ = writeln!(out, "\n{BOLD}{heading}{BOLD:#}: {style}{verdict}{style:#}");
    let mut not_reached = Vec::new();
    for (name, state) in &judgement.steps {
        let _ = match state {
            State::Passed(value) if value.is_empty() => {
                writeln!(out, "  {GREEN}ok{GREEN:#}       {name}")
            }
            State::Passed(value) => writeln!(out, "  {GREEN}ok{GREEN:#}       {name:<10} {value}"),
            State::NotChecked(why) => {
                writeln!(out, "  {YELLOW}-{YELLOW:#}        {name:<10} not checked: {why}")
            }
            State::NotReached => {
                not_reached.push(*name);
                Ok(())
            }
            State::Refused(refusal) => {
                let sentence = refusal.to_string();
                let sentence = sentence.split_once(": ").map_or("", |(_, sentence)| sentence);
                let advice = refusal.advice();
                writeln!(out, "  {RED}refused{RED:#}  {name:<10} {sentence}\n           = {advice}")
            }
        };
    }
    if !not_reached.is_empty() {
        let _ = writeln!(out, "  -        not reached: {}", not_reached.join("; "));
    }
}
