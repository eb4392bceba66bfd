//! What a token says, fit for a terminal: quoted, cut, and nothing that a terminal would obey.

use oidc_gate::wire::Json;

/// Characters of a value, at most.
const LIMIT: usize = 200;

/// `text` in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let safe = |c: char| match c {
        '"' => '\'',
        ' ' => ' ',
        _ if c.is_ascii_graphic() || c.is_alphanumeric() => c,
        _ => '?',
    };
    let cut: String = text.chars().take(LIMIT).map(safe).collect();
    let dots = if text.chars().nth(LIMIT).is_some() { "..." } else { "" };
    format!("\"{cut}{dots}\"")
}

/// Several, with commas.
pub(crate) fn list(texts: &[String]) -> String {
    texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
}

/// A claim's value; lists of texts as their members.
pub(crate) fn value(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(members) => {
            let members: Vec<String> = members.iter().take(20).map(self::member).collect();
            if members.is_empty() { "an empty list".to_owned() } else { members.join(", ") }
        }
        other => member(other),
    }
}

fn member(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Integer(number) => number.to_string(),
        Json::Bool(truth) => truth.to_string(),
        other => other.kind().to_owned(),
    }
}
