//! Every command of the documentation is run by a test, or stands here with who runs it instead.
//!
//! | block | who runs it |
//! |---|---|
//! | `console` | `cli/tests/cli/docs.rs`: `oidc-gate`, which must say what stands there |
//! | `console gate`, `sh gate` | `e2e/tests/envoy/commands.rs`, beside a gate that runs |
//! | `sh registry` | `e2e/oci/page_test.go` (`make registry`), with a registry that runs |
//! | `sh egctl` | `e2e/tests/envoy_gateway/page.rs` |
//! | `sh kubernetes` | nobody: it takes a cluster. The same file compares its names with those of the files |
//! | `sh istio` | `e2e/tests/istio/page.rs`, in `make istio`; what needs a cluster is compared with the files |
//! | `sh` | nobody, each for a reason that stands here |

use std::collections::BTreeSet;

use crate::attacks::functions;
use crate::{pages, read};

/// Languages of blocks in which no command stands.
const NO_COMMANDS: [&str; 5] = ["yaml", "json", "toml", "mermaid", "text"];

/// Who runs a command that no test of the documentation runs.
enum RunBy {
    /// CI, by this target of make.
    Ci(&'static str),
    /// Another test, which starts what the command starts.
    Test(&'static str),
    /// Nobody.
    Nobody(&'static str),
}

/// What stands in plain `sh` blocks.
const ELSEWHERE: &[(&str, RunBy)] = &[
    (
        "git clone <this repository> oidc-gate && cd oidc-gate",
        RunBy::Nobody("whoever runs a test has done it"),
    ),
    (
        "make run",
        RunBy::Test("the_demo_shows_each_services_token_side_by_side_and_the_thiefs_failure"),
    ),
    ("make wasm", RunBy::Ci("wasm")),
    ("make cli", RunBy::Ci("cli")),
    (
        "cargo install --path cli",
        RunBy::Nobody("it leaves what `make cli` builds in the home of whoever runs it"),
    ),
];

/// The commands of a `sh` block, without what is said about them.
fn lines(text: &str) -> Vec<&str> {
    let command = |line| str::split(line, " # ").next().unwrap_or_default().trim();
    text.lines().map(command).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn every_command_is_run_by_a_test_or_it_is_said_who_runs_it() {
    let (mut wrong, mut listed) = (Vec::new(), BTreeSet::new());
    for (path, page) in pages() {
        for block in crate::blocks(&page) {
            let place = format!("{path}:{}", block.line);
            match &*block.info {
                // In the folder of the project, whose programs are no others.
                "console" => wrong.extend(
                    block
                        .commands()
                        .into_iter()
                        .filter(|command| !command.typed.starts_with("oidc-gate "))
                        .map(|command| {
                            format!("{place}: `{}`: is it `console gate`?", command.typed)
                        }),
                ),
                "console gate" => assert!(
                    block.commands().iter().all(|it| !it.typed.starts_with("oidc-gate ")),
                    "{place}: `oidc-gate` is run where the block is `console`"
                ),
                "sh gate" | "sh registry" | "sh egctl" | "sh kubernetes" | "sh istio" => {}
                "sh" => {
                    for command in lines(&block.text) {
                        match ELSEWHERE.iter().find(|(known, _)| *known == command) {
                            Some((known, _)) => drop(listed.insert(*known)),
                            None => wrong.push(format!("{place}: nobody runs `{command}`")),
                        }
                    }
                }
                other => {
                    let language = other.split(' ').next().unwrap_or_default();
                    if !NO_COMMANDS.contains(&language) {
                        wrong.push(format!("{place}: `{other}`: may commands stand in it?"));
                    }
                    if block.text.lines().any(|line| line.starts_with("$ ")) {
                        wrong.push(format!("{place}: a command in `{other}`"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (command, _) in ELSEWHERE {
        assert!(listed.contains(command), "no page has `{command}` any more");
    }
}

#[test]
fn whoever_is_said_to_run_a_command_does() {
    let (ci, tests) = (read(".ci/run"), functions());
    for (command, who) in ELSEWHERE {
        match who {
            RunBy::Ci(target) => {
                let step = format!(" make {target}");
                let runs =
                    ci.lines().any(|line| line.starts_with("step ") && line.ends_with(&step));
                assert!(runs, "{command}: .ci/run has no step for make {target}");
            }
            RunBy::Test(name) => assert!(tests.contains(*name), "{command}: no test {name}"),
            RunBy::Nobody(why) => assert!(why.len() > 20, "{command}: {why}"),
        }
    }
}

#[test]
fn every_target_of_make_that_is_named_is_there() {
    let makefile = read("Makefile");
    let is_there =
        |target: &str| makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
    let mut named = 0;
    for (path, page) in pages() {
        for rest in page.split("`make ").skip(1) {
            let target = rest.split(['`', ' ']).next().unwrap_or_default();
            assert!(is_there(target), "{path}: `make {target}` is no target of the Makefile");
            named += 1;
        }
    }
    assert!(named > 15, "only {named} targets are named");
}
