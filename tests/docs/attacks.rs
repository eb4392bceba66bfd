//! Every test that `docs/attacks.md` or a comment of a page names exists, and every line of the
//! former names one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{pages, read, root};

#[test]
fn every_attack_names_a_test_that_exists() {
    let (page, known) = (read("docs/attacks.md"), functions());
    let (mut wrong, mut named, mut rows) = (Vec::new(), 0, 0);
    for (number, line) in page.lines().enumerate() {
        let Some(row) = line.strip_prefix("| ").filter(|row| !row.starts_with("what ")) else {
            continue;
        };
        rows += 1;
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let tests: Vec<&str> =
            last.split('`').skip(1).step_by(2).filter(|name| is_test(name)).collect();
        if tests.is_empty() {
            wrong.push(format!("docs/attacks.md:{}: names no test", number + 1));
        }
        for test in tests {
            named += 1;
            if !known.contains(test) {
                wrong.push(format!("docs/attacks.md:{}: there is no test {test}", number + 1));
            }
        }
    }
    assert!(rows > 30 && named > 30, "only {rows} attacks and {named} tests were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `<!-- tests: one, another -->` says what a section of a page rests on.
#[test]
fn every_test_that_a_comment_of_a_page_names_exists() {
    let (known, mut wrong, mut named) = (functions(), Vec::new(), 0);
    for (path, page) in pages() {
        for comment in page.split("<!-- tests: ").skip(1) {
            let names = comment.split(" -->").next().unwrap_or_default().split(',').map(str::trim);
            for name in names {
                named += 1;
                if !known.contains(name) {
                    wrong.push(format!("{path}: there is no test {name}"));
                }
            }
        }
    }
    assert!(named > 30, "only {named} tests were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names of tests are sentences; those of types and keys are not.
fn is_test(name: &str) -> bool {
    let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.matches('_').count() >= 2 && name.chars().all(in_name)
}

/// The names of all test functions of the tree; in folders of tests, of what they call too.
pub(crate) fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests", "cli", "dev", "e2e", "strict-host"] {
        collect(&root().join(folder), &mut names);
    }
    assert!(names.len() > 300, "only {} tests found", names.len());
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let in_tests = path.components().any(|part| part.as_os_str() == "tests");
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                let signature = line.strip_prefix("async ").unwrap_or(line);
                match signature.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
                    Some(name) if marked || in_tests => drop(names.insert(name.to_owned())),
                    _ => {}
                }
                let attribute = line.starts_with("#[") || line.starts_with("//");
                marked = line == "#[test]" || marked && attribute;
            }
        }
    }
}
