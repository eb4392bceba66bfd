//! The program is run as its users run it: arguments, standard input, environment; exit code and
//! both outputs are judged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may stop where it cannot go on"
)]

mod check;
mod docs;
mod explain;
mod keygen;
mod migrate;
mod online;
mod online_tls;
#[path = "../../../tests/docs/pages.rs"]
mod pages;
mod schema;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run came to.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs the program with `stdin`, without colours and without the secrets of whoever tests.
fn run(arguments: &[&str], stdin: &str) -> Run {
    run_with(arguments, stdin, &[])
}

fn run_with(arguments: &[&str], stdin: &str, env: &[(&str, &str)]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_oidc-gate"))
        .args(arguments)
        .current_dir(root())
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        code: output.status.code().expect("an exit code"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The root of the tree, where every run is.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The smallest configuration, as YAML.
const SMALLEST: &str = "\
provider: {issuer: https://keycloak.example/realms/acme, cluster: keycloak}
client: {client_id: APP-frontend, client_secret: {env: CLIENT_SECRET}}
access_token: {audiences: [APP-backend]}
session: {keys: [{env: SESSION_KEY}]}
";

#[test]
fn exit_codes_are_those_that_people_expect() {
    for (arguments, stdin, code) in [
        (&["check", "-"][..], SMALLEST, 0),
        (&["check", "-"], "{}", 1),
        (&["check", "-"], "a: [", 2),
        (&["check", "there/is/none.yaml"], "", 2),
        (&["check"], "", 2),
        (&["frobnicate"], "", 2),
        (&["--help"], "", 0),
        (&["--version"], "", 0),
        (&["keygen"], "", 0),
        (&["keygen", "--count", "0"], "", 2),
    ] {
        let ran = run(arguments, stdin);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout.is_empty(), code == 2, "{arguments:?}: {ran:?}");
    }
}

#[test]
fn colours_are_for_terminals_alone() {
    let plain = run(&["check", "-"], "{}").stdout;
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let forced = run_with(&["check", "-"], "{}", &[("CLICOLOR_FORCE", "1")]).stdout;
    assert!(forced.contains('\u{1b}'), "{forced}");
    let both = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert_eq!(run_with(&["check", "-"], "{}", &both[1..]).stdout, plain);
}
