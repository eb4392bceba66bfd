//! Where in a file a path of the gate's own messages stands: `rules[2].match.path_prefix`.

use oidc_gate::config::member_path;

use crate::yaml::{Node, Place, Value};

/// The place of the key at `path`; of the innermost section around it, where it is missing;
/// `start` for the whole configuration.
pub(crate) fn key(root: &Node, start: Place, path: &str) -> Place {
    let (mut node, mut place, mut so_far) = (root, start, String::new());
    loop {
        let below: Option<(String, Place, &Node)> = match &node.value {
            Value::Mapping(members) => members
                .iter()
                .map(|member| (member_path(&so_far, &member.name), member.at, &member.node))
                .find(|(candidate, ..)| is_on_the_way(candidate, path)),
            Value::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (format!("{so_far}[{index}]"), item.at, item))
                .find(|(candidate, ..)| is_on_the_way(candidate, path)),
            Value::Plain(_) | Value::Text { .. } => None,
        };
        let Some((longer, at, inner)) = below else { return place };
        (so_far, place, node) = (longer, at, inner);
    }
}

/// Whether `path` is `candidate`, or leads through it.
fn is_on_the_way(candidate: &str, path: &str) -> bool {
    path.strip_prefix(candidate).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::documents;

    #[test]
    fn a_path_leads_to_its_key_or_to_what_should_hold_it() {
        let text = "\
provider:
  issuer: x
upstream:
  headers:
    x-user: sub
    \"x y\": sub
rules:
  - match: {path: /a}
  - match:
      path_prefix: /b
";
        let document = documents(text).unwrap().remove(0);
        for (path, line) in [
            ("", 1),
            ("provider.issuer", 2),
            ("provider.cluster", 1),
            ("session.keys", 1),
            ("upstream.headers.x-user", 5),
            ("upstream.headers[\"x y\"]", 6),
            ("rules[0].match.path", 8),
            ("rules[1].match.path_prefix", 10),
            ("rules[1].match.methods[3]", 9),
            ("rules[10]", 7),
        ] {
            assert_eq!(key(&document, document.at, path).line, line, "{path}");
        }
    }
}
