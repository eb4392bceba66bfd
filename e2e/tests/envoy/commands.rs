//! The commands of the documentation that ask a gate, an Envoy or the provider's token are run beside
//! them, and say what stands there.
//!
//! They run in a folder that has what a reader has: `envoy.yaml`, `token.txt`, and the programs.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use oidc_gate_dev::Minted;
use oidc_gate_e2e::envoy::{self, root};
use oidc_gate_e2e::gate::{Gate, SESSION_KEYS};
use serde_json::json;

use crate::pages::{blocks, is_said, pages};

/// The gate and the admin interface, as the pages call them.
const ADDRESSES: [&str; 2] = ["127.0.0.1:10000", "127.0.0.1:9901"];

/// A folder for whoever types, removed with this.
struct Folder(PathBuf);

impl Folder {
    fn new(gate: &Gate) -> Self {
        let folder = root().join(format!("target/e2e/commands-{}", std::process::id()));
        let programs = folder.join("bin");
        fs::create_dir_all(&programs).unwrap();
        symlink(envoy::binary(), programs.join("envoy")).unwrap();
        symlink(root().join("envoy.yaml"), folder.join("envoy.yaml")).unwrap();
        symlink(root().join("target"), folder.join("target")).unwrap();
        let token = gate.provider.mint(Minted::Access, json!({}));
        fs::write(folder.join("token.txt"), token).unwrap();
        Self(folder)
    }

    /// What a command says, with the addresses that the pages have; one that fails says so.
    fn says(&self, gate: &Gate, typed: &str, stdin: &str) -> String {
        let here = [gate.envoy.address(), gate.envoy.admin_address()].map(|it| it.to_string());
        let mut typed = typed.to_owned();
        for (page, here) in ADDRESSES.iter().zip(&here) {
            typed = typed.replace(page, here);
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &typed])
            .current_dir(&self.0)
            .env("PATH", format!("{}:{path}", self.0.join("bin").display()))
            .envs([("CLIENT_SECRET", "secret"), ("SESSION_KEY", SESSION_KEYS[0])])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let _ = child.stdin.take().expect("it is piped").write_all(stdin.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let mut said = text(&output.stdout) + &text(&output.stderr);
        for (page, here) in ADDRESSES.iter().zip(&here) {
            said = said.replace(here, page);
        }
        if output.status.success() { said } else { format!("{said}\n{}: {typed}", output.status) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_command_that_asks_a_gate_says_what_stands_there() {
    let gate = Gate::new().start();
    let folder = Folder::new(&gate);
    let (mut wrong, mut run) = (Vec::new(), 0);
    for page in pages(root()) {
        for block in blocks(&page.text) {
            let place = format!("{}:{}", page.path, block.line);
            if block.info == "sh gate" {
                run += 1;
                let said = folder.says(&gate, &block.text, "");
                if said.is_empty() || said.contains("exit status") {
                    wrong.push(format!("{place}: it says\n{said}"));
                }
            }
            let commands = if block.info == "console gate" { block.commands() } else { Vec::new() };
            for command in commands {
                run += 1;
                let said = folder.says(&gate, &command.typed, &command.stdin);
                if !is_said(&command.says, &said) {
                    wrong.push(format!("{place}: {}: it says\n{said}", command.typed));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run >= 5, "only {run} commands were run");
}
