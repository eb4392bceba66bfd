//! Each command of docs/cli.md is run, and says what stands there.

use crate::{root, run};

/// A command of a `console` block: its arguments, what follows `<<END`, and what it says.
struct Example {
    arguments: String,
    stdin: String,
    says: String,
    line: usize,
}

fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let (mut in_block, mut in_stdin) = (false, false);
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            in_block = line == "```console";
        } else if !in_block {
        } else if let Some(command) = line.strip_prefix("$ oidc-gate ") {
            in_stdin = command.ends_with(" <<END");
            let arguments = command.trim_end_matches(" <<END").to_owned();
            let (stdin, says) = (String::new(), String::new());
            examples.push(Example { arguments, stdin, says, line: number + 1 });
        } else if let Some(example) = examples.last_mut() {
            match line {
                "END" if in_stdin => in_stdin = false,
                _ if in_stdin => example.stdin.push_str(&format!("{line}\n")),
                _ => example.says.push_str(&format!("{line}\n")),
            }
        }
    }
    examples
}

/// Whether `said` is `says`, where `..` stands for a line that differs each time, and `...` for all others.
fn is(says: &str, said: &str) -> bool {
    let (says, said) = (without_lines(says), without_lines(said));
    let (says, said): (Vec<_>, Vec<_>) = (says.lines().collect(), said.lines().collect());
    let same =
        |says: &[&str], said: &[&str]| says.iter().zip(said).all(|(a, b)| *a == ".." || a == b);
    match says.strip_suffix(&["..."]) {
        Some(says) => says.len() < said.len() && same(says, &said),
        None => says.len() == said.len() && same(&says, &said),
    }
}

/// A text without the lines of envoy.yaml, which is changed for other reasons: tests of `check` have
/// them.
fn without_lines(text: &str) -> String {
    let mut parts = text.split("envoy.yaml:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "envoy.yaml:" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[test]
fn every_command_of_the_page_says_what_stands_there() {
    let page = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let examples = examples(&page);
    for Example { arguments, stdin, says, line } in &examples {
        let words: Vec<&str> = arguments.split(' ').collect();
        let ran = run(&words, stdin);
        let said = ran.stdout + &ran.stderr;
        assert!(is(says, &said), "docs/cli.md:{line}: it says\n{said}");
    }
    for command in ["check", "explain", "keygen", "schema", "migrate"] {
        let shown = |example: &Example| example.arguments.split(' ').next() == Some(command);
        assert!(examples.iter().any(shown), "no example of {command}");
        assert!(page.contains(&format!("\n## `{command}`")), "no section for {command}");
    }
}
