//! The commands of docs/istio.md: those that need no cluster are run, and of the others what they name is looked for.

use std::env;
use std::fs;
use std::process::Command;

use oidc_gate_e2e::envoy::root;
use oidc_gate_e2e::mesh::{file, gateway_chart, istioctl};

/// Each command in the page's shell blocks, on one line.
fn commands() -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/istio.md")).expect("the page is there");
    let blocks = page.split("\n```").skip(1).step_by(2);
    let shell = blocks.filter_map(|block| block.strip_prefix("sh istio\n"));
    let whole: Vec<_> = shell.map(|block| block.replace("\\\n", " ")).collect();
    let lines = whole.iter().flat_map(|block| block.lines());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// What follows each of these options.
fn after<'a>(words: &[&'a str], option: &str) -> Vec<&'a str> {
    let pairs = words.windows(2).filter(|pair| pair[0] == option);
    pairs.map(|pair| pair[1]).collect()
}

/// Runs a program in the root of the tree, where the page's reader is, to a good end.
fn run(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    let output = command.args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|problem| panic!("{program}: {problem}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

/// Asserts that a file of the page is one of ours, by the name that it has from the root of the tree.
fn is_ours(path: &str) -> &str {
    let name = path.strip_prefix("deploy/istio/").unwrap_or_else(|| panic!("{path} is elsewhere"));
    assert!(file(name).is_file(), "there is no {path}");
    name
}

/// Asserts that what a command makes in the cluster is what the files ask for.
fn is_asked_for(name: &str) {
    let files = ["gateway.yaml", "gateway-values.yaml", "sidecar.yaml"];
    let mut texts = files.iter().map(|name| fs::read_to_string(file(name)).expect("it is there"));
    assert!(texts.any(|text| text.contains(name)), "no file has {name}");
}

fn try_out(command: &str) {
    let words: Vec<_> = command.split(' ').collect();
    match words.as_slice() {
        ["make", target] => {
            let makefile = fs::read_to_string(root().join("Makefile")).expect("it is there");
            let rule = format!("{target}:");
            assert!(makefile.lines().any(|line| line.starts_with(&rule)), "make {target}");
        }
        ["sha256sum", ..] => run(words[0], &words[1..]),
        ["oidc-gate", arguments @ ..] => {
            let program = env::var("OIDC_GATE").expect("OIDC_GATE names it: run `make istio`");
            run(&program, arguments);
        }
        ["istioctl", "validate", arguments @ ..] => {
            let paths = after(arguments, "-f").into_iter().map(|path| file(is_ours(path)));
            for path in paths {
                let path = path.to_str().expect("UTF-8").to_owned();
                assert!(istioctl(&["validate", "-f", &path]).status.success(), "{path}");
            }
        }
        ["kubectl", "apply", arguments @ ..] => {
            after(arguments, "-f").into_iter().for_each(|path| assert!(!is_ours(path).is_empty()));
        }
        ["helm", "install", "istio-ingress", "istio/gateway", arguments @ ..] => {
            let values = after(arguments, "--values");
            assert!(!gateway_chart(is_ours(values[0])).is_empty());
        }
        ["helm", "repo", "add", "istio", _] => {}
        ["kubectl", "create", "namespace", name] => is_asked_for(&format!("namespace: {name}")),
        ["kubectl", "-n", _, "create", "secret", "tls", name, ..] => {
            is_asked_for(&format!("credentialName: {name} "));
        }
        ["kubectl", "-n", _, "create", "secret", "generic", name, keys @ ..] => {
            let keys = keys.iter().filter_map(|word| word.strip_prefix("--from-literal="));
            for key in keys.filter_map(|word| word.split('=').next()) {
                is_asked_for(&format!("{{ name: {name}, key: {key} }}"));
            }
        }
        ["read", "-rs", "CLIENT_SECRET"] => {}
        _ => panic!("this test does not know how to try: {command}"),
    }
}

#[test]
fn every_command_of_the_page_can_be_given() {
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:#?}");
    for command in &commands {
        try_out(command);
    }
    for tool in ["oidc-gate check", "istioctl validate", "kubectl apply", "helm install"] {
        assert!(commands.iter().any(|command| command.starts_with(tool)), "no {tool}");
    }
}
