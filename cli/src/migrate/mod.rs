//! `oidc-gate migrate`: a configuration of Keycloak Gatekeeper, Louketo or gogatekeeper becomes one
//! of the gate, closed where the two differ.
//!
//! What becomes of each option stands in docs/gatekeeper.md, which is read here: an option that is
//! not carried over is told with the page's own words, and one that the page does not know is an
//! error. Nothing is written where something that guarded would be lost.

mod convert;
mod envoy;
mod resources;
mod table;
mod write;

use std::io::Write;

use clap::{Args, ValueEnum};
use oidc_gate::config::Config;

use crate::output::{self, Finding, Format, Severity};
use crate::yaml::{self, Place};
use crate::{Outcome, input};

/// Turn a configuration of Gatekeeper into one of oidc-gate
///
/// For Keycloak Gatekeeper, Louketo Proxy and gogatekeeper up to 4.x. The result goes to stdout; what
/// has no equal, and what to do instead, to stderr.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Gatekeeper's file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Name of the API that access tokens are for (`aud`); several by several options. Without it,
    /// `aud` of match-claims
    #[arg(long, value_name = "NAME")]
    audience: Vec<String>,
    /// What is written
    #[arg(long, value_enum, default_value_t = Target::Gate)]
    to: Target,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The gate's configuration as YAML
    Gate,
    /// A whole Envoy file with it
    Envoy,
}

/// What is told about Gatekeeper's options.
#[derive(Default)]
struct Told {
    findings: Vec<Finding>,
    file: String,
}

impl Told {
    fn note(&mut self, option: &str, at: Place, what: impl Into<String>) {
        self.tell(Severity::Note, option, at, what.into(), None);
    }

    fn error(&mut self, option: &str, at: Place, what: impl Into<String>, hint: &str) {
        self.tell(
            Severity::Error,
            option,
            at,
            what.into(),
            Some(hint.to_owned()).filter(|hint| !hint.is_empty()),
        );
    }

    fn tell(
        &mut self,
        severity: Severity,
        option: &str,
        at: Place,
        what: String,
        hint: Option<String>,
    ) {
        let (path, file, line) = (option.to_owned(), self.file.clone(), at.line);
        self.findings.push(Finding { severity, path, what, hint, file, line });
    }

    fn broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Migrates one file.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let name = input::name(&arguments.file);
    let read = input::read(&arguments.file).and_then(|text| {
        let documents = yaml::documents(&text).map_err(|broken| {
            format!("{name}:{}: neither YAML nor JSON: {}", broken.at.line, broken.what)
        })?;
        documents.into_iter().next().ok_or_else(|| format!("{name}: is empty"))
    });
    let document = match read {
        Ok(document) => document,
        Err(what) => {
            output::error(&what);
            return Outcome::Unreadable;
        }
    };
    let mut told = Told { file: name.to_owned(), ..Told::default() };
    let config = convert::config(&document, &arguments.audience, &mut told);
    let json = serde_json::Value::Object(config.clone()).to_string();
    if !told.broken() {
        // The gate has the last word.
        let secrets = |_: &str| Some("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned());
        match Config::read(json.as_bytes(), &secrets) {
            Ok(loaded) => {
                for warning in loaded.warnings {
                    told.note("", document.at, format!("the gate warns: {warning}"));
                }
            }
            Err(problems) => {
                for problem in problems.iter() {
                    told.error("", document.at, format!("the gate refuses: {problem}"), "");
                }
            }
        }
    }
    told.findings.sort_by_key(|finding| finding.line);
    let mut stderr = anstream::stderr().lock();
    told.findings.iter().for_each(|finding| finding.write(Format::Text, &mut stderr));
    if told.broken() {
        return Outcome::Refused;
    }
    let text = match arguments.to {
        Target::Gate => write::yaml(&config),
        Target::Envoy => envoy::file(&config, &document),
    };
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Outcome::Right
}
