//! `oidc-gate check`: every mistake of a configuration, with its line.
//!
//! What is a mistake the gate's own parser says; this finds the configurations, and the lines.
//! With `--online` the provider is asked, too.

use std::cell::Cell;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use oidc_gate::config::{Config, Problem};
use oidc_gate::crypto::digest::sha256;

use crate::find::{self, Found};
use crate::online::{self, Web};
use crate::output::{self, Finding, Format, GREEN, Severity};
use crate::yaml::Place;
use crate::{Outcome, input, locate};

/// Check configurations: every mistake at once, each with its line
///
/// A FILE is a configuration as YAML or JSON, or holds one or several: an Envoy file, an Istio
/// WasmPlugin or EnvoyFilter, an Envoy Gateway EnvoyExtensionPolicy; several YAML documents, too.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files to check; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Read secrets from this environment, as the gate would; without it, secrets that are written
    /// {env: NAME} need not be set here
    #[arg(long)]
    env: bool,
    /// Ask the provider, too: fetch its discovery document and its keys, and compare them with the
    /// configuration; no secret is sent
    #[arg(long)]
    online: bool,
    /// Certificates (PEM) to trust with --online, instead of the system's
    #[arg(long, value_name = "FILE", requires = "online")]
    ca: Option<String>,
    /// Warnings are refused, too
    #[arg(long)]
    deny_warnings: bool,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Checks all files.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let web = arguments.online.then(|| Web::new(arguments.ca.clone()));
    // A file that cannot be read is a mistake in the command, whatever is asked with it.
    if let Some(Err(what)) = web.as_ref().filter(|_| arguments.ca.is_some()).map(Web::roots) {
        output::error(&what);
        return Outcome::Unreadable;
    }
    let mut outcome = Outcome::Right;
    for path in &arguments.files {
        outcome = outcome.max(file(path, arguments, web.as_ref()));
    }
    outcome
}

fn file(path: &str, arguments: &Arguments, web: Option<&Web>) -> Outcome {
    let name = input::name(path);
    let found = match configurations(path) {
        Ok(found) => found,
        Err(what) => {
            output::error(&what);
            return Outcome::Unreadable;
        }
    };
    let mut out = anstream::stdout().lock();
    let mut outcome = Outcome::Right;
    for found in &found {
        let secrets = Secrets { real: arguments.env, not_read: Cell::new(0) };
        let findings = examine(found, name, &secrets);
        let is_bad = |it: &Finding| it.severity == Severity::Error || arguments.deny_warnings;
        findings.iter().for_each(|finding| finding.write(arguments.format, &mut out));
        if findings.iter().any(is_bad) {
            outcome = Outcome::Refused;
        } else if arguments.format == Format::Text {
            let (line, what) = (found.at.line, &found.what);
            let unread = match secrets.not_read.get() {
                0 => String::new(),
                count => format!(" ({count} secrets of the environment not read: see --env)"),
            };
            let _ = writeln!(out, "{GREEN}ok{GREEN:#}: {name}:{line}: {what}{unread}");
        }
        if let Some(web) = web {
            outcome = outcome.max(ask(web, found, name, arguments, &mut out));
        }
    }
    outcome
}

/// Asks the provider, where the configuration is right.
fn ask(
    web: &Web,
    found: &Found,
    name: &str,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Outcome {
    let secrets = Secrets { real: arguments.env, not_read: Cell::new(0) };
    let Ok((config, _)) = load(found, &secrets) else {
        output::note(&format!("{name}:{}: its provider is not asked", found.at.line));
        return Outcome::Right;
    };
    let verdict = online::ask(web, &config, found, (name, arguments.format), out);
    match verdict.wrong || verdict.warned && arguments.deny_warnings {
        true => Outcome::Refused,
        false => Outcome::Right,
    }
}

/// The configurations in a file, at least one.
pub(crate) fn configurations(path: &str) -> Result<Vec<Found>, String> {
    let (text, name) = (input::read(path)?, input::name(path));
    let findings = find::configurations(&text, path.ends_with(".json")).map_err(|broken| {
        let Place { line, column } = broken.at;
        format!("{name}:{line}:{column}: neither YAML nor JSON: {}", broken.what)
    })?;
    for (what, at) in &findings.others {
        output::note(&format!("{name}:{}: {what}: not this gate's, by its keys", at.line));
    }
    if findings.configurations.is_empty() {
        return Err(format!(
            "{name}: no configuration of oidc-gate found: neither in an Envoy filter (wasm), a \
             WasmPlugin or an EnvoyExtensionPolicy, nor is it one itself"
        ));
    }
    Ok(findings.configurations)
}

/// Where secrets come from.
pub(crate) struct Secrets {
    /// This environment.
    pub(crate) real: bool,
    /// How many were not looked up.
    pub(crate) not_read: Cell<usize>,
}

impl Secrets {
    /// The variable's value; where it is not read, 32 bytes that are the same for the same name
    /// alone, since a key may not stand twice.
    fn of(&self, name: &str) -> Option<String> {
        if self.real {
            return std::env::var(name).ok();
        }
        self.not_read.set(self.not_read.get().saturating_add(1));
        Some(STANDARD.encode(sha256(name.as_bytes())))
    }
}

/// The gate's own judgement of a configuration.
pub(crate) fn load(found: &Found, secrets: &Secrets) -> Result<(Config, Vec<Problem>), Refused> {
    let json = found.json.as_ref().map_err(|(what, hint)| {
        let (what, hint) = (what.clone(), Some((*hint).to_owned()));
        Refused {
            problems: vec![Problem { path: String::new(), what, hint }],
            warnings: Vec::new(),
        }
    })?;
    let loaded = Config::read(json.as_bytes(), &|name| secrets.of(name));
    loaded.map(|loaded| (loaded.config, loaded.warnings)).map_err(|problems| Refused {
        problems: problems.iter().cloned().collect(),
        warnings: problems.warnings().to_vec(),
    })
}

/// A configuration that the gate would not take.
pub(crate) struct Refused {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// All that is to be said about a configuration, in the order of the file.
pub(crate) fn examine(found: &Found, file: &str, secrets: &Secrets) -> Vec<Finding> {
    let (problems, warnings) = match load(found, secrets) {
        Ok((_, warnings)) => (Vec::new(), warnings),
        Err(Refused { problems, warnings }) => (problems, warnings),
    };
    let finding = |severity, problem: Problem| Finding {
        severity,
        line: line(found, &problem),
        path: problem.path,
        what: problem.what,
        hint: problem.hint,
        file: file.to_owned(),
    };
    let errors = problems.into_iter().map(|problem| finding(Severity::Error, problem));
    let warnings = warnings.into_iter().map(|problem| finding(Severity::Warning, problem));
    let mut findings: Vec<Finding> = errors.chain(warnings).collect();
    findings.sort_by_key(|finding| finding.line);
    findings
}

fn line(found: &Found, problem: &Problem) -> usize {
    // What serde says about JSON that is none.
    let told = problem.what.rsplit_once(" at line ").and_then(|(_, rest)| {
        let (line, _) = rest.split_once(" column ")?;
        line.parse().ok().filter(|line| *line > 0)
    });
    if let (true, Some(line)) = (problem.path.is_empty(), told) {
        return found.lines.place(Place { line, column: 1 }).line;
    }
    place_of(found, &problem.path)
}

/// The line of a key, or of what should hold it.
pub(crate) fn place_of(found: &Found, path: &str) -> usize {
    match &found.root {
        Some(root) if !path.is_empty() => {
            let start = Place { line: root.at.line, column: 1 };
            found.lines.place(locate::key(root, start, path)).line
        }
        _ => found.at.line,
    }
}
