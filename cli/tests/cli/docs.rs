//! Each command of a `console` block is run, on any page, and says what stands there.

use crate::pages::{is_said, pages};
use crate::{root, run};

#[test]
fn every_command_of_the_pages_says_what_stands_there() {
    let mut shown = Vec::new();
    for page in pages(&root()) {
        let blocks = crate::pages::blocks(&page.text).into_iter();
        for command in blocks.filter(|block| block.info == "console").flat_map(|it| it.commands()) {
            let place = format!("{}:{}", page.path, command.line);
            let mut words = command.typed.split(' ');
            assert_eq!(words.next(), Some("oidc-gate"), "{place}: {}", command.typed);
            let arguments: Vec<&str> = words.collect();
            let ran = run(&arguments, &command.stdin);
            let said = without_lines(&(ran.stdout + &ran.stderr));
            assert!(is_said(&without_lines(&command.says), &said), "{place}: it says\n{said}");
            shown.push((page.path.clone(), arguments[0].to_owned()));
        }
    }
    let page = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    for command in ["check", "explain", "keygen", "schema", "migrate"] {
        let is_shown = shown.contains(&("docs/cli.md".to_owned(), command.to_owned()));
        assert!(is_shown, "no example of {command}");
        assert!(page.contains(&format!("\n## `{command}`")), "no section for {command}");
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
