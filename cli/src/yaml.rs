//! YAML (and JSON, which is YAML) with the place of every key and value.
//!
//! A plain scalar keeps its text: what it means depends on who reads the file, see [`Dialect`].

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// Nodes of one file, at most, copies of what anchors name included.
const MOST_NODES: usize = 200_000;
/// Levels, at most: as deep as the gate reads JSON.
const DEEPEST: usize = 120;

/// A place in a file; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    fn of(mark: Marker) -> Self {
        Self { line: mark.line(), column: mark.col().saturating_add(1) }
    }
}

/// Why a text cannot be read.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) at: Place,
    pub(crate) what: String,
}

/// A value, and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) value: Value,
}

/// What stands there.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Without quotes: a number, a word, nothing.
    Plain(String),
    /// A string. `block` says that it is a literal block (`|`): its lines are the file's.
    Text {
        text: String,
        block: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<Member>),
}

/// A member of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) at: Place,
    pub(crate) node: Node,
}

/// Who reads the words without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// YAML 1.2: `true` and `false` are booleans.
    Core,
    /// As Kubernetes reads it (YAML 1.1): `yes`, `no`, `on` and `off` are booleans, too.
    Kubernetes,
}

/// The documents of a file, each with a value.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Broken {
            at: Place::of(*error.marker()),
            what: error.info().to_owned(),
        })?;
        loader.take(event, Place::of(span.start))?;
    }
    Ok(loader.documents)
}

#[derive(Default)]
struct Loader {
    documents: Vec<Node>,
    /// What is not closed yet, from the outside in.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// A sequence or mapping that is not closed yet.
struct Open {
    at: Place,
    anchor: usize,
    value: Value,
    /// In a mapping: the key whose value comes next.
    key: Option<(String, Place)>,
}

impl Loader {
    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), Broken> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let value = match style {
                    ScalarStyle::Plain if tag.is_none() => Value::Plain(text),
                    _ => Value::Text { text, block: style == ScalarStyle::Literal },
                };
                self.put(Node { at, value }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.open(at, anchor, Value::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(at, anchor, Value::Mapping(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { at, anchor, value, .. }) => self.put(Node { at, value }, anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.count(node.size(), at)?;
                    self.put(node, 0)
                }
                None => Err(Broken { at, what: "an alias within what it names".to_owned() }),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, at: Place, anchor: usize, value: Value) -> Result<(), Broken> {
        if self.open.len() >= DEEPEST {
            return Err(Broken { at, what: format!("more than {DEEPEST} levels") });
        }
        self.open.push(Open { at, anchor, value, key: None });
        Ok(())
    }

    fn count(&mut self, more: usize, at: Place) -> Result<(), Broken> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MOST_NODES {
            return Err(Broken { at, what: format!("more than {MOST_NODES} values") });
        }
        Ok(())
    }

    /// A whole value: into what is open, or a document of its own.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Broken> {
        self.count(1, node.at)?;
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match (&mut open.value, open.key.take()) {
            (Value::Mapping(members), Some((name, at))) => {
                if let Some(first) = members.iter().find(|member| member.name == name) {
                    let line = first.at.line;
                    let what = format!("{name:?} stands twice, first in line {line}");
                    return Err(Broken { at, what });
                }
                members.push(Member { name, at, node });
            }
            (Value::Mapping(_), None) => match node.value {
                Value::Plain(name) | Value::Text { text: name, .. } => {
                    open.key = Some((name, node.at));
                }
                Value::Sequence(_) | Value::Mapping(_) => {
                    let what = "a key must be a string".to_owned();
                    return Err(Broken { at: node.at, what });
                }
            },
            (Value::Sequence(members), _) => members.push(node),
            (Value::Plain(_) | Value::Text { .. }, _) => {}
        }
        Ok(())
    }
}

impl Node {
    /// The members of a mapping; none of anything else.
    pub(crate) fn members(&self) -> &[Member] {
        match &self.value {
            Value::Mapping(members) => members,
            _ => &[],
        }
    }

    /// The members of a sequence; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The member `name` of a mapping.
    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.name == name)
    }

    /// The value below a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| Some(&node.member(name)?.node))
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text below a path of names; empty where there is none.
    pub(crate) fn text_at(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Self::text).unwrap_or_default()
    }

    fn size(&self) -> usize {
        let (mut size, mut waiting) = (0_usize, vec![self]);
        while let Some(node) = waiting.pop() {
            size = size.saturating_add(1);
            waiting.extend(node.items());
            waiting.extend(node.members().iter().map(|member| &member.node));
        }
        size
    }

    /// The value as JSON, members in the order of the file. As deep as [`DEEPEST`] at most.
    pub(crate) fn json(&self, dialect: Dialect) -> String {
        let list = |parts: Vec<String>| parts.join(",");
        match &self.value {
            Value::Plain(text) => plain(text, dialect),
            Value::Text { text, .. } => quoted(text),
            Value::Sequence(items) => {
                format!("[{}]", list(items.iter().map(|item| item.json(dialect)).collect()))
            }
            Value::Mapping(members) => {
                let member =
                    |it: &Member| format!("{}:{}", quoted(&it.name), it.node.json(dialect));
                format!("{{{}}}", list(members.iter().map(member).collect()))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a word without quotes is (YAML 1.2 section 10.3.2), as JSON.
fn plain(text: &str, dialect: Dialect) -> String {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return "null".to_owned(),
        "true" | "True" | "TRUE" => return "true".to_owned(),
        "false" | "False" | "FALSE" => return "false".to_owned(),
        _ => {}
    }
    if dialect == Dialect::Kubernetes {
        match text {
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return "true".to_owned(),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" => return "false".to_owned(),
            _ => {}
        }
    }
    number(text).unwrap_or_else(|| quoted(text))
}

fn number(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = |prefix, radix| i64::from_str_radix(text.strip_prefix(prefix)?, radix).ok();
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(number.to_string());
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let digits = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(number) if digits => Some(number.to_string()),
        _ => serde_json::Number::from_f64(text.parse().ok()?).map(|number| number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_without_quotes_are_what_their_reader_takes_them_for() {
        for (text, core, kubernetes) in [
            ("off", "\"off\"", "false"),
            ("yes", "\"yes\"", "true"),
            ("true", "true", "true"),
            ("", "null", "null"),
            ("4", "4", "4"),
            ("007", "7", "7"),
            ("0x10", "16", "16"),
            ("1.5", "1.5", "1.5"),
            ("-1e3", "-1000.0", "-1000.0"),
            ("5s", "\"5s\"", "\"5s\""),
            (".inf", "\".inf\"", "\".inf\""),
            ("nan", "\"nan\"", "\"nan\""),
            ("1.2.3", "\"1.2.3\"", "\"1.2.3\""),
        ] {
            assert_eq!(plain(text, Dialect::Core), core, "{text}");
            assert_eq!(plain(text, Dialect::Kubernetes), kubernetes, "{text}");
        }
    }

    #[test]
    fn a_file_that_grows_by_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let alias = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
        }
        assert!(documents(&text).unwrap_err().what.contains("more than"));
        assert!(documents(&"[".repeat(5_000)).is_err());
        assert!(documents("a: 1\na: 2\n").unwrap_err().what.contains("stands twice"));
    }
}
