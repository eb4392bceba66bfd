//! `check --online`: the provider's own documents, and what the gate would make of them.
//!
//! The gate's own reader is driven as a worker drives it: what it refuses is refused here, in its
//! words. What it makes no use of, and what would only show at a login, is looked at besides.

mod document;
mod keys;
mod report;
mod web;

use std::io::Write;

use oidc_gate::config::Config;
use oidc_gate::provider::{Fault, Fetch, Learned, Provider};
use oidc_gate::wire::Timestamp;

use self::document::Document;
use self::report::{Report, State};
pub(crate) use self::web::Web;
use crate::check::place_of;
use crate::find::Found;
use crate::output::Format;
use crate::words::quoted;

/// What asking came to.
pub(crate) struct Verdict {
    /// Something is wrong.
    pub(crate) wrong: bool,
    /// There are warnings.
    pub(crate) warned: bool,
}

/// Asks the provider of one configuration, and writes down what was found.
pub(crate) fn ask(
    web: &Web,
    config: &Config,
    found: &Found,
    (file, format): (&str, Format),
    out: &mut dyn Write,
) -> Verdict {
    let mut report = Report::default();
    let heading = questions(web, config, &mut report);
    if format == Format::Text {
        report::heading(&heading, out);
    }
    for check in &report.checks {
        check.write(format, file, place_of(found, check.path), out);
    }
    Verdict { wrong: report.has(State::Wrong), warned: report.has(State::Warning) }
}

const DISCOVERY: (&str, &str) = ("discovery", "provider.issuer");
const KEYS: (&str, &str) = ("keys", "provider.metadata.jwks_uri");

/// Fetches what a worker fetches; gives back what was asked first.
fn questions(web: &Web, config: &Config, report: &mut Report) -> String {
    let mut provider = Provider::new(&config.provider, config.login);
    let first = if config.provider.discovery { Fetch::Discovery } else { Fetch::Keys };
    let heading = provider.url(first).map_or_else(String::new, |url| quoted(url.as_str()));
    let heading = format!("provider: {}", heading.trim_matches('"'));
    if config.provider.discovery {
        let Some(body) = fetch(web, config, &mut provider, Fetch::Discovery, report) else {
            report.say(KEYS, State::Note, "not reached: where they are is not known");
            return heading;
        };
        document::judge(&Document::read(&body), config, &provider, report);
    } else {
        let what = "not asked for: `provider.metadata` counts (provider.discovery: false)";
        report.say(DISCOVERY, State::Note, what);
    }
    fetch(web, config, &mut provider, Fetch::Keys, report);
    if let Some(keys) = provider.keys() {
        keys::judge(keys, config, report);
    }
    heading
}

/// One fetch, as the worker carries it out; the body, where the gate takes it.
fn fetch(
    web: &Web,
    config: &Config,
    provider: &mut Provider,
    fetch: Fetch,
    report: &mut Report,
) -> Option<Vec<u8>> {
    // All of it happens in one moment: nothing is asked for twice.
    let now = Timestamp::from_millis(0);
    let subject = match fetch {
        Fetch::Discovery => DISCOVERY,
        Fetch::Keys => KEYS,
    };
    provider.due(now, 0);
    let (Some(call), Some(url)) = (provider.call(fetch), provider.url(fetch)) else {
        report.say(subject, State::Wrong, "expected a URL to ask, found none");
        return None;
    };
    let got = match web.get(&call, &url, config.provider.authority.as_deref()) {
        Ok(got) => got,
        Err(unreached) => {
            let what = format!("GET {}: {}", url.as_str(), unreached.what);
            report.advise(subject, State::Wrong, what, unreached.hint);
            return None;
        }
    };
    match provider.answered(fetch, &got.answer(), now, 0) {
        Ok(Learned::Metadata) => {
            let what = format!("{} bytes of JSON", got.body.len());
            report.say(DISCOVERY, State::Right, what);
        }
        Ok(Learned::Keys { skipped }) => keys::skipped(&skipped, report),
        Err(error) => {
            let sentence = error.fault.to_string();
            let (what, hint) = sentence.split_once("; hint: ").unwrap_or((&sentence, ""));
            let what = format!("GET {}: {what}", url.as_str());
            report.advise(about(&error.fault, subject), State::Wrong, what, hint);
            return None;
        }
    }
    Some(got.body)
}

/// Which check a fault belongs to.
const fn about(
    fault: &Fault,
    subject: (&'static str, &'static str),
) -> (&'static str, &'static str) {
    match fault {
        Fault::Issuer { .. } => ("issuer", "provider.issuer"),
        Fault::Missing { .. } | Fault::Invalid { .. } | Fault::Plain { .. } => {
            ("metadata", "provider.metadata")
        }
        Fault::NoS256 { .. } => ("pkce", "provider.issuer"),
        _ => subject,
    }
}
