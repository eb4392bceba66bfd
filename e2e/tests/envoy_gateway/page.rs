//! docs/envoy-gateway.md: its commands for `egctl` are run; those for a cluster name what is in the files.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use oidc_gate_e2e::envoy::root;

use crate::files::Objects;

fn page() -> String {
    fs::read_to_string(root().join("docs/envoy-gateway.md")).expect("the page is there")
}

/// The blocks of shell commands.
fn commands() -> Vec<String> {
    let page = page();
    let blocks = page.split("\n```sh").skip(1).filter_map(|rest| rest.split_once('\n'));
    blocks.map(|(_, rest)| rest.split("\n```").next().expect("an end").to_owned()).collect()
}

/// The one block with these words.
fn command(words: &str) -> String {
    let mut found = commands().into_iter().filter(|block| block.contains(words));
    let first = found.next().unwrap_or_else(|| panic!("no command with {words}"));
    assert!(found.next().is_none(), "several commands with {words}");
    first
}

#[test]
fn the_command_for_egctl_says_what_the_page_says() {
    let folder = PathBuf::from(env::var_os("ENVOY_GATEWAY").expect("see `make envoy-gateway`"));
    let path = env::join_paths(
        [folder].into_iter().chain(env::split_paths(&env::var_os("PATH").expect("a PATH"))),
    );
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &command("egctl x")])
        .env("PATH", path.expect("folders"))
        .current_dir(root())
        .output()
        .expect("bash runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    for message in ["wasm cache is not initialized", "Secret app/app-tls does not exist"] {
        // YAML and the page break their lines where they like.
        assert!(unbroken(&said).contains(message), "{message}: {said}");
        assert!(unbroken(&page()).contains(message), "{message}: not on the page");
    }
}

fn unbroken(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_secret_that_is_made_is_the_one_that_envoy_reads() {
    let made = command("create secret");
    let mut objects = Objects::new();
    let proxy = &objects.of("EnvoyProxy", "oidc-gate")["spec"]["provider"]["kubernetes"];
    let variables =
        proxy["envoyDeployment"]["container"]["env"].as_array().expect("a list").clone();
    let mut names = BTreeSet::new();
    for variable in variables {
        let from = &variable["valueFrom"]["secretKeyRef"];
        let (name, key) =
            (from["name"].as_str().expect("a name"), from["key"].as_str().expect("a key"));
        assert!(made.contains(&format!(" secret generic {name} ")), "{name}: {made}");
        assert!(made.contains(&format!("--from-literal={key}=")), "{key}: {made}");
        names.insert(variable["name"].as_str().expect("a name").to_owned());
    }
    let seen =
        &objects.of("EnvoyExtensionPolicy", "oidc-gate")["spec"]["wasm"][0]["env"]["hostKeys"];
    let seen = seen.as_array().expect("a list").iter();
    let seen: BTreeSet<_> = seen.map(|name| name.as_str().expect("a name").to_owned()).collect();
    assert_eq!(seen, names, "the filter sees what Envoy is given");
}

#[test]
fn every_file_is_on_the_page_and_deployed() {
    let (page, deployed) = (page(), command("kubectl apply"));
    for entry in fs::read_dir(root().join("deploy/envoy-gateway")).expect("the folder is there") {
        let name = entry.expect("a file").file_name().into_string().expect("text");
        assert!(page.contains(&format!("\n| `{name}` |")), "{name} is not in the table");
        let path = format!("-f deploy/envoy-gateway/{name}");
        // Helm takes the one, kubectl the others.
        assert!(
            if name == "config.yaml" { command("helm") } else { deployed.clone() }.contains(&path),
            "{path}"
        );
    }
}

#[test]
fn the_page_installs_what_was_tried() {
    let pins = fs::read_to_string(root().join("e2e/envoy-gateway/go.mod")).expect("it is there");
    let pinned =
        pins.lines().find_map(|line| line.trim().strip_prefix("github.com/envoyproxy/gateway v"));
    let version = pinned.expect("a version").split(' ').next().expect("a word").to_owned();
    assert!(command("helm").contains(&format!("--version v{version} ")), "v{version}");
}
