//! The target of a request as it stands in its head (RFC 9112 section 3.2.1): path and query.

use super::bytes;

/// The path (RFC 3986 section 3.3), and the query (section 3.4) without its question mark; empty
/// where there is none.
#[must_use]
pub fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    bytes::cut(target, b'?').unwrap_or((target, b""))
}

#[cfg(test)]
mod tests {
    use super::split_target;

    #[test]
    fn the_first_question_mark_ends_the_path() {
        for (target, path, query) in [
            ("/a/b?c=d", "/a/b", "c=d"),
            ("/a?b?c", "/a", "b?c"),
            ("/a?", "/a", ""),
            ("/a#b", "/a#b", ""),
            ("?a", "", "a"),
            ("*", "*", ""),
            ("", "", ""),
        ] {
            assert_eq!(split_target(target.as_bytes()), (path.as_bytes(), query.as_bytes()));
        }
    }
}
