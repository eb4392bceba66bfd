//! Where a claim stands: in which token, under which names.

use super::reader::{Node, Report, shown};
use crate::wire::Json;

/// A claim of one of the two tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath {
    /// Which token it is of.
    pub token: ClaimSource,
    /// The names from the claims down to the value; never empty.
    pub names: Vec<String>,
}

/// Which token a claim is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimSource {
    /// `id_token.NAME`: the ID token.
    IdToken,
    /// Without prefix: the access token.
    AccessToken,
}

const ID_TOKEN: &str = "id_token";

/// Reads where a claim stands: names with `.` between them, where `\.` is a dot within a name;
/// or a list of names.
pub(super) fn read(node: &Node<'_>, login: bool, to: &mut Report<'_>) -> Option<ClaimPath> {
    match node.value {
        Json::Array(_) => read_list(node, login, to),
        _ => read_text(node, node.text(to)?, login, to),
    }
}

/// The same, of a claim that is written `text`; what is wrong with it is said of `node`.
pub(super) fn read_text(
    node: &Node<'_>,
    text: &str,
    login: bool,
    to: &mut Report<'_>,
) -> Option<ClaimPath> {
    let names = split(text).filter(|_| text.len() <= 512);
    if text.starts_with("access_token.") {
        to.warn(&node.path, "claims of the access token are written without prefix");
    }
    path(node, names, || shown(text), login, to)
}

fn read_list(node: &Node<'_>, login: bool, to: &mut Report<'_>) -> Option<ClaimPath> {
    let texts = node.list(MOST_NAMES, to)?.into_iter().map(|name| name.text(to).map(str::to_owned));
    let names = texts.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()?;
    path(node, Some(names), || "none".to_owned(), login, to)
}

/// Names below each other; the claims themselves are nested no deeper.
const MOST_NAMES: usize = 16;

fn path(
    node: &Node<'_>,
    names: Option<Vec<String>>,
    found: impl FnOnce() -> String,
    login: bool,
    to: &mut Report<'_>,
) -> Option<ClaimPath> {
    let mut names = names.unwrap_or_default();
    if names.len() > 1 && names.first().is_some_and(|first| first == "userinfo") {
        let hint = "take a claim of the ID token, id_token.NAME, or of the access token, NAME";
        node.problem("not supported yet", Some(hint), to);
        return None;
    }
    let of_id_token = names.len() > 1 && names.first().is_some_and(|first| first == ID_TOKEN);
    let token = if of_id_token {
        names.remove(0);
        ClaimSource::IdToken
    } else {
        ClaimSource::AccessToken
    };
    if names.is_empty() || names.len() > MOST_NAMES {
        let what = format!("must be a claim's name, found {}", found());
        let hint = "for example realm_access.roles; a dot within a name is written \\.";
        node.problem(what, Some(hint), to);
        return None;
    }
    if of_id_token && !login {
        node.problem("an ID token needs `login`: there is none without it", None, to);
        return None;
    }
    Some(ClaimPath { token, names })
}

fn split(path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => names.push(std::mem::take(&mut name)),
            '\\' => name.push(characters.next().filter(|next| matches!(next, '.' | '\\'))?),
            _ if character.is_control() => return None,
            _ => name.push(character),
        }
    }
    names.push(name);
    names.iter().all(|name| !name.is_empty()).then_some(names)
}
