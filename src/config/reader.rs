//! Reads typed values out of JSON, and goes on after a mistake: all are reported at once.
//!
//! A reading function that finds a mistake notes it in the [`Report`] and hands back
//! `None` or a default; whoever asked goes on. Only an empty report lets a configuration
//! out, so that no default can stand in for a mistake.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration;
use super::keys::{self, Support};
use super::problem::{Problem, Problems};
use super::spelling;
use crate::wire::Json;

/// Problems reported at most; a configuration of nothing but mistakes must not flood a log.
const MOST_PROBLEMS: usize = 100;

/// What was found so far, and how to look at the environment.
pub(super) struct Report<'e> {
    problems: Vec<Problem>,
    untold: usize,
    pub(super) warnings: Vec<Problem>,
    pub(super) env: &'e dyn Fn(&str) -> Option<String>,
}

impl<'e> Report<'e> {
    pub(super) fn new(env: &'e dyn Fn(&str) -> Option<String>) -> Self {
        Self { problems: Vec::new(), untold: 0, warnings: Vec::new(), env }
    }

    /// Notes a mistake at `path`.
    pub(super) fn problem(&mut self, path: &str, what: impl Into<String>, hint: Option<String>) {
        if self.problems.len() >= MOST_PROBLEMS {
            self.untold = self.untold.saturating_add(1);
            return;
        }
        self.problems.push(Problem { path: path.to_owned(), what: what.into(), hint });
    }

    /// Notes what is right, but probably not meant.
    pub(super) fn warn(&mut self, path: &str, what: &str) {
        if self.warnings.len() < MOST_PROBLEMS {
            let (path, what) = (path.to_owned(), what.to_owned());
            self.warnings.push(Problem { path, what, hint: None });
        }
    }

    /// `value`, where there is one and nothing was noted; otherwise all that was.
    pub(super) fn outcome<T>(mut self, value: Option<T>) -> Result<(T, Vec<Problem>), Problems> {
        match value {
            Some(value) if self.problems.is_empty() => return Ok((value, self.warnings)),
            // Cannot happen: whoever hands back nothing has noted why. Even so it is refused.
            None if self.problems.is_empty() => {
                self.problem("", "cannot be read", None);
            }
            _ => {}
        }
        if self.untold > 0 {
            let what = format!("and {} more problems", self.untold);
            self.problems.push(Problem { path: String::new(), what, hint: None });
        }
        Err(Problems { problems: self.problems, warnings: self.warnings })
    }
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Node<'j> {
    pub(super) path: String,
    pub(super) value: &'j Json,
}

impl<'j> Node<'j> {
    /// Notes a mistake here.
    pub(super) fn problem(&self, what: impl Into<String>, hint: Option<&str>, to: &mut Report<'_>) {
        to.problem(&self.path, what, hint.map(str::to_owned));
    }

    fn wrong_type<T>(&self, expected: &str, hint: Option<&str>, to: &mut Report<'_>) -> Option<T> {
        let null = matches!(self.value, Json::Null).then_some("leave the key out for its default");
        let what = format!("expected {expected}, found {}", self.value.kind());
        self.problem(what, null.or(hint), to);
        None
    }

    /// A string that is not empty.
    pub(super) fn text(&self, to: &mut Report<'_>) -> Option<&'j str> {
        match self.value.as_str() {
            Some("") => {
                self.problem("must not be empty", None, to);
                None
            }
            Some(text) => Some(text),
            None => self.wrong_type("a string", None, to),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, to: &mut Report<'_>) -> Option<bool> {
        let hint = match self.value.as_str() {
            Some("true") => Some("write true, without quotes"),
            Some("false") => Some("write false, without quotes"),
            _ => None,
        };
        self.value.as_bool().or_else(|| self.wrong_type("true or false", hint, to))
    }

    /// An integer within `range`.
    pub(super) fn integer(&self, range: &RangeInclusive<i64>, to: &mut Report<'_>) -> Option<i64> {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        match self.value {
            Json::Integer(number) if range.contains(number) => Some(*number),
            Json::Integer(number) => {
                self.problem(format!("expected {expected}, found {number}"), None, to);
                None
            }
            _ => self.wrong_type(&expected, None, to),
        }
    }

    /// A duration within `range`.
    pub(super) fn duration(
        &self,
        range: &RangeInclusive<Duration>,
        to: &mut Report<'_>,
    ) -> Option<Duration> {
        const EXPECTED: &str = "a duration";
        let text = match self.value {
            Json::String(text) => text,
            Json::Integer(number) => {
                return self.wrong_type(EXPECTED, Some(&duration::hint(&number.to_string())), to);
            }
            _ => return self.wrong_type(EXPECTED, Some(duration::HOW), to),
        };
        let Some(found) = duration::parse(text) else {
            let what = format!("expected {EXPECTED}, found {}", shown(text));
            self.problem(what, Some(&duration::hint(text)), to);
            return None;
        };
        if range.contains(&found) {
            return Some(found);
        }
        let [least, most] = [range.start(), range.end()].map(|end| duration::spell(*end));
        self.problem(format!("must be {least} to {most}, found {}", shown(text)), None, to);
        None
    }

    /// One of the words of `choices`.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)], to: &mut Report<'_>) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", words.join(", "));
        let text = match self.value {
            Json::String(text) => text,
            // YAML 1.1 reads the words on, off, yes and no as booleans.
            Json::Bool(_) => {
                return self.wrong_type(&expected, Some("write the word in quotes"), to);
            }
            _ => return self.wrong_type(&expected, None, to),
        };
        let found = choices.iter().find(|(word, _)| word == text);
        if found.is_none() {
            let nearest = spelling::nearest(text, words.iter().copied());
            let hint = nearest.map(|nearest| format!("did you mean `{nearest}`?"));
            self.problem(
                format!("expected {expected}, found {}", shown(text)),
                hint.as_deref(),
                to,
            );
        }
        found.map(|(_, value)| *value)
    }

    /// A list of at most `most` members; `empty` says whether it may have none.
    pub(super) fn list(&self, most: usize, to: &mut Report<'_>) -> Option<Vec<Self>> {
        let hint = matches!(self.value, Json::String(_))
            .then_some("write it in brackets, as a list of one");
        let Some(members) = self.value.as_array() else {
            return self.wrong_type("a list", hint, to);
        };
        if members.len() > most {
            let what = format!("at most {most} members, found {}", members.len());
            self.problem(what, None, to);
            return None;
        }
        let node = |(index, value)| Self { path: format!("{}[{index}]", self.path), value };
        Some(members.iter().enumerate().map(node).collect())
    }

    /// A list of strings of at most 64 members, none of them empty. What stands twice is
    /// handed out once.
    pub(super) fn texts(&self, to: &mut Report<'_>) -> Option<Vec<(Self, &'j str)>> {
        let mut texts: Vec<(Self, &'j str)> = Vec::new();
        for node in self.list(64, to)? {
            let Some(text) = node.text(to) else { continue };
            if texts.iter().any(|(_, known)| *known == text) {
                to.warn(&node.path, &format!("{} stands twice", shown(text)));
            } else {
                texts.push((node, text));
            }
        }
        Some(texts)
    }

    /// As [`Self::texts`], with one member at least.
    pub(super) fn some_texts(&self, to: &mut Report<'_>) -> Option<Vec<(Self, &'j str)>> {
        if self.value.as_array().is_some_and(<[Json]>::is_empty) {
            self.problem("must not be empty", None, to);
            return None;
        }
        self.texts(to)
    }

    /// An object whose names are the operator's, of at most `most` members.
    pub(super) fn map(&self, most: usize, to: &mut Report<'_>) -> Option<Vec<(&'j str, Self)>> {
        let Some(members) = self.value.as_object() else {
            return self.wrong_type("an object", None, to);
        };
        if members.len() > most {
            let what = format!("at most {most} members, found {}", members.len());
            self.problem(what, None, to);
            return None;
        }
        let node = |(name, value): &'j (String, Json)| {
            (name.as_str(), Self { path: joined(&self.path, name), value })
        };
        Some(members.iter().map(node).collect())
    }

    /// A section of known keys; `schema` is its path in [`keys::KEYS`]. What is unknown or
    /// not supported yet is noted.
    pub(super) fn section(self, schema: &str, to: &mut Report<'_>) -> Option<Section<'j>> {
        let Some(members) = self.value.as_object() else {
            return self.wrong_type("an object", None, to);
        };
        let names = keys::names_in(schema);
        for (name, _) in members {
            match names.iter().find(|(known, _)| known == name) {
                Some((_, Support::Yes)) => {}
                Some((_, Support::NotYet)) => not_yet(&joined(&self.path, name), to),
                None => {
                    let hint = spelling::hint(schema, name);
                    to.problem(&joined(&self.path, name), "unknown key", hint);
                }
            }
        }
        Some(Section { path: self.path, value: self.value, broken: false })
    }
}

/// An object of known keys; one without any, where the section is missing or broken.
pub(super) struct Section<'j> {
    path: String,
    value: &'j Json,
    broken: bool,
}

impl<'j> Section<'j> {
    /// The section `name` of this one.
    pub(super) fn section(&self, name: &str, schema: &str, to: &mut Report<'_>) -> Self {
        let node = self.get(name);
        let none = Section { path: self.path_of(name), value: &Json::Null, broken: node.is_some() };
        node.and_then(|node| node.section(schema, to)).unwrap_or(none)
    }

    /// Where the section stands.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is there, and has no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.value.as_object().is_some_and(<[_]>::is_empty)
    }

    /// The value of the key `name`.
    pub(super) fn get(&self, name: &str) -> Option<Node<'j>> {
        let value = self.value.get(name)?;
        Some(Node { path: self.path_of(name), value })
    }

    /// Where the key `name` stands, or would stand.
    pub(super) fn path_of(&self, name: &str) -> String {
        joined(&self.path, name)
    }

    /// The value of the key `name`; its absence is noted with `hint`.
    pub(super) fn required(&self, name: &str, hint: &str, to: &mut Report<'_>) -> Option<Node<'j>> {
        let node = self.get(name);
        if node.is_none() && !self.broken {
            to.problem(&self.path_of(name), "missing", Some(hint.to_owned()));
        }
        node
    }

    /// `true` or `false`; `None` where a mistake was noted.
    pub(super) fn flag(&self, name: &str, default: bool, to: &mut Report<'_>) -> Option<bool> {
        self.get(name).map_or(Some(default), |node| node.flag(to))
    }

    /// A duration within `range`; `None` where a mistake was noted.
    pub(super) fn duration(
        &self,
        name: &str,
        default: Duration,
        range: &RangeInclusive<Duration>,
        to: &mut Report<'_>,
    ) -> Option<Duration> {
        self.get(name).map_or(Some(default), |node| node.duration(range, to))
    }

    /// One of the words of `choices`; `None` where a mistake was noted.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &str,
        default: T,
        choices: &[(&str, T)],
        to: &mut Report<'_>,
    ) -> Option<T> {
        self.get(name).map_or(Some(default), |node| node.choice(choices, to))
    }

    /// A key of which this version supports one value only: any other known one is refused.
    pub(super) fn only(&self, name: &str, value: &str, later: &[&str], to: &mut Report<'_>) {
        let Some(node) = self.get(name) else { return };
        let choices: Vec<(&str, bool)> =
            std::iter::once((value, true)).chain(later.iter().map(|word| (*word, false))).collect();
        if node.choice(&choices, to) == Some(false) {
            let hint = format!("write {value}, or leave it out");
            node.problem("not supported yet", Some(&hint), to);
        }
    }

    /// As [`Self::only`] for a flag that may only be `false`.
    pub(super) fn only_false(&self, name: &str, to: &mut Report<'_>) {
        let Some(node) = self.get(name) else { return };
        if node.flag(to) == Some(true) {
            node.problem("not supported yet", Some("write false, or leave it out"), to);
        }
    }
}

fn not_yet(path: &str, to: &mut Report<'_>) {
    to.problem(path, "not supported yet", Some("leave it out".to_owned()));
}

/// `name` below `path`, as the paths of [`Problem`] have it.
#[must_use]
pub fn joined(path: &str, name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    match (plain && !name.is_empty() && name.len() <= 64, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{}]", shown(name)),
    }
}

/// What a URL-like text is, to be put behind what it must be. One with `@` is not quoted:
/// a password may stand before it.
pub(super) fn found_url(text: &str) -> String {
    if text.contains('@') { String::new() } else { format!(", found {}", shown(text)) }
}

/// `text` in quotes, cut at 100 characters, with nothing that a terminal or log would obey.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 100;
    let cut: String = text.chars().take(MOST).collect();
    let dots = if cut.len() < text.len() { ".." } else { "" };
    format!("{:?}{dots}", cut)
}
