//! The command line.

use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
oidc-gate-dev run        provider, demo page, its services, and Envoy with the gate before them
  --envoy PATH           the Envoy to start; else $ENVOY, else .tools/envoy/envoy, else the one in $PATH
  --config PATH          the Envoy configuration (envoy.yaml); the ports of its clusters keycloak, page, api and
                         reports and its issuer are replaced by those of this run, and /good and /evil are added
  --port N               where the gate listens; else $GATE_PORT, else what the configuration says
  --provider-port N, --page-port N, --api-port N, --reports-port N
                         else free ones
oidc-gate-dev provider   the provider alone, for an Envoy that you start yourself
  --port N               8180 where nothing is said

CLIENT_SECRET and SESSION_KEY are taken from the environment where they are set, else made up.";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Run(Run),
    Provider { port: u16 },
}

/// How to run the demo. Port 0: a free one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) envoy: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) gate_port: Option<u16>,
    pub(crate) provider_port: u16,
    pub(crate) page_port: u16,
    pub(crate) api_port: u16,
    pub(crate) reports_port: u16,
}

/// Reads the words after the program's name.
///
/// Errors: a sentence about the word that is wrong.
pub(crate) fn parse(words: &[String]) -> Result<Command, String> {
    let mut words = words.iter().map(String::as_str);
    match words.next() {
        None | Some("help" | "--help" | "-h") => Ok(Command::Help),
        Some("run") => run(words),
        Some("provider") => provider(words),
        Some(other) => Err(format!("Unknown command {other:?}.")),
    }
}

fn run<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Command, String> {
    let mut run = Run::default();
    while let Some(option) = words.next() {
        if matches!(option, "--help" | "-h") {
            return Ok(Command::Help);
        }
        let mut value = || words.next().ok_or_else(|| format!("{option} needs a value after it."));
        match option {
            "--envoy" => run.envoy = Some(value()?.into()),
            "--config" => run.config = Some(value()?.into()),
            "--port" => run.gate_port = Some(port(value()?)?),
            "--provider-port" => run.provider_port = port(value()?)?,
            "--page-port" => run.page_port = port(value()?)?,
            "--api-port" => run.api_port = port(value()?)?,
            "--reports-port" => run.reports_port = port(value()?)?,
            other => return Err(format!("Unknown option {other:?}.")),
        }
    }
    if run.gate_port.is_none()
        && let Ok(given) = std::env::var("GATE_PORT")
    {
        run.gate_port = Some(port(&given)?);
    }
    Ok(Command::Run(run))
}

fn provider<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Command, String> {
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Ok(Command::Provider { port: 8180 }),
        (Some("--help" | "-h"), ..) => Ok(Command::Help),
        (Some("--port"), Some(value), None) => Ok(Command::Provider { port: port(value)? }),
        _ => Err("`provider` takes --port N, and nothing else.".into()),
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("Expected a port (0 to 65535), found {text:?}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let run = Run {
            envoy: Some("/opt/envoy".into()),
            gate_port: Some(10001),
            api_port: 9,
            ..Run::default()
        };
        assert_eq!(
            parsed("run --envoy /opt/envoy --port 10001 --api-port 9"),
            Ok(Command::Run(run))
        );
        assert_eq!(parsed("provider --port 1"), Ok(Command::Provider { port: 1 }));
        assert_eq!(parsed(""), Ok(Command::Help));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, named) in [
            ("serve", "\"serve\""),
            ("run --prot 1", "\"--prot\""),
            ("run --port", "--port needs"),
            ("run --port 70000", "\"70000\""),
        ] {
            let problem = parsed(line).expect_err("a mistake");
            assert!(problem.contains(named), "{problem}");
        }
    }
}
