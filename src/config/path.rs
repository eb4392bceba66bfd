//! Paths that the gate compares: plain, so that no two servers read them differently.

use super::reader::{Node, Report, shown};

/// Longer paths are not compared.
const LONGEST: usize = 1024;

/// Reads an absolute path of visible ASCII, without anything that a reader may decode,
/// resolve, merge or cut off (RFC 3986 sections 2.1, 3.3 and 5.2.4).
pub(super) fn plain<'j>(node: &Node<'j>, to: &mut Report<'_>) -> Option<&'j str> {
    let text = node.text(to)?;
    let Some((what, hint)) = fault(text) else { return Some(text) };
    node.problem(format!("{what}, found {}", shown(text)), hint.as_deref(), to);
    None
}

/// What keeps a path from being plain, and what to do.
pub(super) fn fault(text: &str) -> Option<(&'static str, Option<String>)> {
    if text.contains("://") {
        return Some(("must be a path alone, without scheme and host", None));
    }
    if !text.starts_with('/') {
        let hint = format!("write {}", shown(&format!("/{text}")));
        return Some(("must start with \"/\"", Some(hint)));
    }
    if let Some((path, _)) = text.split_once(['?', '#']) {
        let hint = format!("rules and endpoints look at the path alone: {}", shown(path));
        return Some(("must not have a query or fragment", Some(hint)));
    }
    if let Some((before, _)) = text.split_once('*') {
        let hint = match before.trim_end_matches('/') {
            "" => "`path_prefix: /` is for every path".to_owned(),
            before => format!("path_prefix {} is for it and all below", shown(before)),
        };
        return Some(("must not have a pattern (*)", Some(hint)));
    }
    let what = if text.len() > LONGEST {
        "must have at most 1024 bytes"
    } else if text.contains("//") {
        "must not have an empty segment (//)"
    } else if text.contains('%') {
        "must not have an escape (%)"
    } else if text.contains([';', '\\']) {
        "must not have \";\" or \"\\\", which servers read differently"
    } else if text.split('/').any(|segment| segment == "." || segment == "..") {
        "must not have a segment . or .."
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "must be visible ASCII"
    } else {
        return None;
    };
    Some((what, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_right() {
        for path in ["/", "/api", "/api/", "/a.b/..c/~x", "/oauth2/callback", "/a:b@c,d=e"] {
            assert_eq!(fault(path), None, "{path}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for path in [
            "api",
            "",
            "//",
            "/a//b",
            "/%2e",
            "/a/../b",
            "/a/.",
            "/..",
            "/a;b",
            "/a\\b",
            "/a b",
            "/a?b",
            "/a#b",
            "/\u{fc}",
            "/a\0",
            "/a\n",
            "/api/*",
            "https://app.example/api",
        ] {
            assert!(fault(path).is_some(), "{path:?}");
        }
        assert!(fault(&"/a".repeat(600)).is_some());
    }
}
