//! The pages of the documentation: their fenced blocks, and the commands in those.
//!
//! Tests of three packages read them: this one's, the command line's (`console`), and those with a
//! real Envoy (`console gate`, `sh gate`, `yaml envoy`).

#![allow(dead_code, unreachable_pub, reason = "each package uses its part")]

use std::fs;
use std::path::Path;

/// A page of the project.
pub struct Page {
    /// Its path from the root.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// A fenced block.
pub struct Block {
    /// The words after its fence.
    pub info: String,
    /// What stands in it.
    pub text: String,
    /// The line that it begins on.
    pub line: usize,
}

/// A command of a `console` block.
pub struct Command {
    /// What is typed behind `$ `, without the `<<END` of what is typed in next.
    pub typed: String,
    /// What stands between that and `END`.
    pub stdin: String,
    /// What it says.
    pub says: String,
    /// The line that it begins on.
    pub line: usize,
}

/// All pages, in the order of their paths.
pub fn pages(root: &Path) -> Vec<Page> {
    let mut paths: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"]
            .map(str::to_owned)
            .to_vec();
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.sort();
    assert!(paths.len() >= 15, "only {paths:?}: does this test look in the right place?");
    let read = |path: String| Page { text: fs::read_to_string(root.join(&path)).unwrap(), path };
    paths.into_iter().map(read).collect()
}

/// The fenced blocks of a page; those in a list without the blanks before them.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (number, line) in page.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some((_, block))) => blocks.push(block),
            (Some(info), None) => {
                let (info, text) = (info.trim().to_owned(), String::new());
                open = Some((indent, Block { info, text, line: number + 1 }));
            }
            (None, Some((of_fence, mut block))) => {
                block.text.push_str(line.get(of_fence.min(indent)..).unwrap_or_default());
                block.text.push('\n');
                open = Some((of_fence, block));
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fenced block has no end");
    blocks
}

impl Block {
    /// The commands of a `console` block.
    pub fn commands(&self) -> Vec<Command> {
        let mut commands: Vec<Command> = Vec::new();
        let mut in_stdin = false;
        for (number, line) in self.text.lines().enumerate() {
            if let Some(typed) = line.strip_prefix("$ ").filter(|_| !in_stdin) {
                in_stdin = typed.ends_with(" <<END");
                let typed = typed.trim_end_matches(" <<END").to_owned();
                let (stdin, says) = (String::new(), String::new());
                commands.push(Command { typed, stdin, says, line: self.line + number + 1 });
                continue;
            }
            let command = commands.last_mut().expect("a console block begins with `$ `");
            match line {
                "END" if in_stdin => in_stdin = false,
                _ if in_stdin => command.stdin.push_str(&format!("{line}\n")),
                _ => command.says.push_str(&format!("{line}\n")),
            }
        }
        assert!(!in_stdin, "a `<<END` has no end");
        commands
    }
}

/// Whether `said` is what the page says, where `..` stands for a line that differs each time, and
/// `...` for all others.
pub fn is_said(says: &str, said: &str) -> bool {
    let (says, said): (Vec<_>, Vec<_>) = (says.lines().collect(), said.lines().collect());
    let same =
        |says: &[&str], said: &[&str]| says.iter().zip(said).all(|(a, b)| *a == ".." || a == b);
    match says.strip_suffix(&["..."]) {
        Some(says) => says.len() < said.len() && same(says, &said),
        None => says.len() == said.len() && same(&says, &said),
    }
}
