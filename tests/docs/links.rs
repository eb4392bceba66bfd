//! Links within the project lead to a file that exists, and to a heading that is there.

use crate::{pages, read, root};

#[test]
fn every_link_leads_somewhere() {
    let (mut wrong, mut followed) = (Vec::new(), 0);
    for (path, page) in pages() {
        for target in links(&page) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let file = resolved(&path, file);
            if !root().join(&file).exists() {
                wrong.push(format!("{path}: {target}: there is no {file}"));
            } else if !heading.is_empty() && !headings(&read(&file)).iter().any(|it| it == heading)
            {
                wrong.push(format!("{path}: {target}: {file} has no such heading"));
            }
        }
    }
    assert!(followed > 20, "only {followed} links were followed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_of_the_documentation_is_reached_from_the_readme() {
    let readme = read("README.md");
    for (path, _) in pages() {
        let reached = path == "README.md" || links(&readme).contains(&path);
        assert!(reached, "README.md does not lead to {path}");
    }
}

#[test]
fn prose_fits_on_a_screen() {
    let mut wrong = Vec::new();
    for (path, page) in pages() {
        let mut in_block = false;
        for (number, line) in page.lines().enumerate() {
            let fence = line.trim_start().starts_with("```");
            in_block ^= fence;
            let prose = !in_block && !fence && !line.starts_with('|');
            if prose && line.chars().count() > 100 {
                wrong.push(format!("{path}:{}: {} columns", number + 1, line.chars().count()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read("README.md").lines().count() < 150, "README.md is for a first look");
}

/// The targets of a page's links, those in its code left out.
fn links(page: &str) -> Vec<String> {
    let (mut links, mut in_block) = (Vec::new(), false);
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        // Every second piece stands within backticks; a link's text may be code, its target not.
        if !in_block {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            links.extend(targets.map(str::to_owned));
        }
    }
    links
}

/// The file that `target` means on the page `path`.
fn resolved(path: &str, target: &str) -> String {
    if target.is_empty() {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The names of a page's headings, as links write them.
fn headings(page: &str) -> Vec<String> {
    let (mut names, mut in_block) = (Vec::new(), false);
    for line in page.lines() {
        in_block ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if in_block || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let plain = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name: String = heading.trim().to_lowercase().chars().filter(plain).collect();
        names.push(name.replace(' ', "-"));
    }
    names
}
