//! Secrets: `{env: NAME}` or `{inline: ".."}`; nothing here quotes what it reads.
//!
//! Not even the name of the variable: who confuses the two forms writes the secret there.

use super::reader::{Node, Report};
use crate::crypto::secret::Key;
use crate::crypto::{SealingKeys, Secret};
use crate::wire::base64url;

const FORMS: &str = "write {env: NAME}, or {inline: \"..\"}";
const KEY_HOW: &str = "make one with `openssl rand -base64 32`";
const ENV_HOW: &str = "Envoy hands on only what vm_config.environment_variables names, Istio \
                       only what vmConfig.env names";
/// More keys than anybody rotates through.
const MOST_KEYS: usize = 8;
/// More bytes than any secret has.
const LONGEST: usize = 4096;

/// Reads one secret.
pub(super) fn secret(node: &Node<'_>, to: &mut Report<'_>) -> Option<Secret> {
    let (form, value) = match node.value.as_object() {
        Some([(form, value)]) if form == "env" || form == "inline" => (form, value),
        Some(_) => {
            node.problem("expected one key, `env` or `inline`", Some(FORMS), to);
            return None;
        }
        None => {
            let what = format!("expected an object, found {}", node.value.kind());
            node.problem(what, Some(FORMS), to);
            return None;
        }
    };
    let member = Node { path: format!("{}.{form}", node.path), value };
    let text = member.text(to)?;
    if form == "env" {
        return from_env(&member, text, to);
    }
    sound(&member, text, "", to).then(|| Secret::new(text.to_owned()))
}

fn from_env(node: &Node<'_>, name: &str, to: &mut Report<'_>) -> Option<Secret> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.bytes().all(is_name) || name.starts_with(|first: char| first.is_ascii_digit()) {
        let what = "must be the name of an environment variable: letters, digits and `_`";
        node.problem(what, Some("a secret itself is written {inline: \"..\"}"), to);
        return None;
    }
    let Some(value) = (to.env)(name).map(Secret::new) else {
        node.problem("this environment variable is not set", Some(ENV_HOW), to);
        return None;
    };
    if value.expose().is_empty() {
        node.problem("this environment variable is empty", Some(ENV_HOW), to);
        return None;
    }
    sound(node, value.expose(), "this environment variable ", to).then_some(value)
}

/// Whether nothing is wrong with the text of a secret: what most often is comes from `echo`.
fn sound(node: &Node<'_>, text: &str, subject: &str, to: &mut Report<'_>) -> bool {
    let (what, hint) = if text.len() > LONGEST {
        ("is longer than 4096 bytes", None)
    } else if text.ends_with(char::is_whitespace) {
        ("ends in white space", Some("a line end most often: use `printf %s` for `echo`"))
    } else if text.starts_with(char::is_whitespace) {
        ("begins with white space", None)
    } else if text.contains(char::is_control) {
        ("contains a control character", None)
    } else {
        return true;
    };
    node.problem(format!("{subject}{what}"), hint, to);
    false
}

/// Reads the keys that seal cookies, the first first.
pub(super) fn sealing_keys(node: &Node<'_>, to: &mut Report<'_>) -> Option<SealingKeys> {
    let nodes = node.list(MOST_KEYS, to)?;
    if nodes.is_empty() {
        node.problem("must not be empty", Some(KEY_HOW), to);
    }
    let mut keys: Vec<(String, Key)> = Vec::new();
    for node in &nodes {
        let Some(key) = secret(node, to).and_then(|text| key(node, &text, to)) else { continue };
        match keys.iter().find(|(_, known)| same(known, &key)) {
            Some((first, _)) => node.problem(
                format!("is the same key as {first}"),
                Some("take one of them out, or make another with `openssl rand -base64 32`"),
                to,
            ),
            None => keys.push((node.path.clone(), key)),
        }
    }
    let keys: Vec<Key> = keys.into_iter().map(|(_, key)| key).collect();
    let (first, others) = keys.split_first()?;
    Some(SealingKeys::new(first, others))
}

/// 32 bytes of base64 or base64url, padded or not (RFC 4648 sections 4 and 5).
fn key(node: &Node<'_>, text: &Secret, to: &mut Report<'_>) -> Option<Key> {
    let text = text.expose();
    let unpadded = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let url_safe: zeroize::Zeroizing<Vec<u8>> = unpadded
        .bytes()
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            _ => byte,
        })
        .collect::<Vec<u8>>()
        .into();
    let Some(bytes) = base64url::decode(&url_safe).map(zeroize::Zeroizing::new) else {
        node.problem("expected 32 bytes in base64, found something else", Some(KEY_HOW), to);
        return None;
    };
    match <[u8; 32]>::try_from(bytes.as_slice()) {
        Ok(bytes) => Some(Key::new(bytes)),
        Err(_) => {
            let what = format!("expected 32 bytes in base64, found {} bytes", bytes.len());
            node.problem(what, Some(KEY_HOW), to);
            None
        }
    }
}

fn same(one: &Key, other: &Key) -> bool {
    crate::crypto::secret::constant_time_eq(one.expose(), other.expose())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::config::testing::{KEY, config, problems};

    fn keys(keys: Value) -> String {
        problems(json!({"session": {"keys": keys}}))
    }

    #[test]
    fn keys_are_read_in_every_spelling_of_base64() {
        let bytes = "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8";
        let standard = bytes.replace('-', "+").replace('_', "/");
        for key in [bytes.to_owned(), format!("{bytes}="), format!("{standard}="), standard] {
            config(json!({"session": {"keys": [{"inline": key}, {"env": "SESSION_KEY"}]}}));
        }
    }

    #[test]
    fn a_key_of_another_length_or_alphabet_is_refused() {
        let how = "hint: make one with `openssl rand -base64 32`";
        assert_eq!(
            keys(json!([{"inline": "c2hvcnQ="}])),
            format!("session.keys[0]: expected 32 bytes in base64, found 5 bytes; {how}")
        );
        for not_base64 in
            ["correct horse", "MDEy%%", "====", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZ="]
        {
            assert_eq!(
                keys(json!([{"inline": not_base64}])),
                format!(
                    "session.keys[0]: expected 32 bytes in base64, found something else; {how}"
                )
            );
        }
        assert_eq!(keys(json!([])), format!("session.keys: must not be empty; {how}"));
        assert_eq!(
            keys(json!({"env": "SESSION_KEY"})),
            "session.keys: expected a list, found an object"
        );
    }

    #[test]
    fn the_same_key_twice_is_refused_however_it_is_written() {
        let same = KEY.trim_end_matches('=');
        assert_eq!(
            keys(json!([{"env": "SESSION_KEY"}, {"env": "SESSION_KEY_2"}, {"inline": same}])),
            "session.keys[2]: is the same key as session.keys[0]; hint: take one of them out, \
             or make another with `openssl rand -base64 32`"
        );
    }

    #[test]
    fn what_the_environment_lacks_is_named_by_its_path() {
        let handed_on = "Envoy hands on only what vm_config.environment_variables names, \
                         Istio only what vmConfig.env names";
        assert_eq!(
            keys(json!([{"env": "NOT_SET"}, {"env": "EMPTY"}, {"env": "LINE_END"}, {"env": "a=b"}])),
            format!(
                "session.keys[0].env: this environment variable is not set; hint: {handed_on}
session.keys[1].env: this environment variable is empty; hint: {handed_on}
session.keys[2].env: this environment variable ends in white space; hint: a line end most often: use `printf %s` for `echo`
session.keys[3].env: must be the name of an environment variable: letters, digits and `_`; hint: a secret itself is written {{inline: \"..\"}}"
            )
        );
    }

    #[test]
    fn a_secret_has_one_form() {
        for value in [json!({}), json!({"env": "A", "inline": "b"}), json!({"file": "/key"})] {
            assert_eq!(
                keys(json!([value])),
                "session.keys[0]: expected one key, `env` or `inline`; \
                 hint: write {env: NAME}, or {inline: \"..\"}"
            );
        }
        assert_eq!(keys(json!([{"inline": ""}])), "session.keys[0].inline: must not be empty");
        assert_eq!(
            keys(json!([{"inline": "a\u{7}b"}])),
            "session.keys[0].inline: contains a control character"
        );
    }
}
