//! What the documentation quotes of the gate's words is what the gate says.

use oidc_gate::gate::metrics::Outcome;
use oidc_gate::token::{Check, Kind, Refusal};

use crate::examples::{merged, read_gate, smallest};
use crate::{blocks, read};

/// The access token of somebody who logged in, without the audience that is needed.
fn wrong_audience() -> Refusal {
    Refusal {
        token: Kind::AccessToken,
        check: Check::Audience {
            expected: vec!["APP-backend".to_owned()],
            found: vec!["account".to_owned()],
        },
    }
}

/// Text without the places where lines were broken.
fn joined(text: &str) -> String {
    text.replace("\n> ", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_about_a_wrong_audience_is_quoted_word_for_word() {
    let refusal = wrong_audience();
    for path in ["README.md", "docs/keycloak.md"] {
        let page = joined(&read(path));
        for words in [refusal.to_string(), refusal.advice()] {
            assert!(page.to_lowercase().contains(&words.to_lowercase()), "{path}: {words}");
        }
    }
}

#[test]
fn every_code_of_a_refusal_is_explained() {
    let codes = Outcome::ALL.iter().filter(|outcome| outcome.is_refusal());
    let page = read("docs/operating.md");
    for code in codes.map(|code| code.as_str()) {
        let row = page.lines().any(|line| line.starts_with(&format!("| `{code}` |")));
        assert!(row, "docs/operating.md does not explain `{code}`");
    }
}

#[test]
fn the_mistakes_in_the_readme_are_told_word_for_word() {
    let written = serde_json::json!({
        "provider": {"cluster": null},
        "access_token": {"audience": "APP-backend"},
        "session": {"max_age": "7d"}
    });
    let problems = read_gate(&merged(smallest(), written)).unwrap_err();
    let readme = read("README.md");
    let quoted = blocks(&readme).into_iter().find(|block| block.info == "text");
    let quoted = quoted.expect("a block of problems in README.md").text;
    for line in quoted.lines() {
        assert!(problems.lines().any(|problem| problem == line), "{line}\n\nin\n{problems}");
    }
}
