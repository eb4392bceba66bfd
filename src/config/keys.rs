//! Every key there is, once: what is known, and what this version does not support yet.

/// Whether a key may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It is read.
    Yes,
    /// It is known, and refused: it must not look as if it were obeyed.
    NotYet,
}

/// All keys by their path, `[]` for the members of a list. Maps whose names are the
/// operator's (`upstream.headers`, ..) end the path.
pub const KEYS: &[(&str, Support)] = &[
    ("provider.issuer", Support::Yes),
    ("provider.cluster", Support::Yes),
    ("provider.authority", Support::Yes),
    ("provider.timeout", Support::Yes),
    ("provider.discovery", Support::Yes),
    ("provider.metadata", Support::Yes),
    ("client.client_id", Support::Yes),
    ("client.client_secret", Support::Yes),
    ("client.private_key", Support::NotYet),
    ("client.token_endpoint_auth_method", Support::Yes),
    ("client.scope", Support::Yes),
    ("client.authorization_parameters", Support::Yes),
    ("client.pushed_authorization_requests", Support::Yes),
    ("client.dpop", Support::Yes),
    ("client.userinfo", Support::Yes),
    ("id_token.audiences", Support::Yes),
    ("id_token.signing_algorithms", Support::Yes),
    ("access_token.audiences", Support::Yes),
    ("access_token.signing_algorithms", Support::Yes),
    ("access_token.scope", Support::Yes),
    ("access_token.typ", Support::Yes),
    ("access_token.format", Support::Yes),
    ("access_token.introspection_cache", Support::NotYet),
    ("clock_skew", Support::Yes),
    ("login", Support::Yes),
    ("preserve_post", Support::Yes),
    ("bearer", Support::Yes),
    ("origins", Support::Yes),
    ("endpoints.login", Support::Yes),
    ("endpoints.callback", Support::Yes),
    ("endpoints.logout", Support::Yes),
    ("endpoints.session", Support::Yes),
    ("endpoints.backchannel_logout", Support::NotYet),
    ("logout.post_logout_redirect_uri", Support::Yes),
    ("session.keys", Support::Yes),
    ("session.cookie.name", Support::Yes),
    ("session.cookie.same_site", Support::Yes),
    ("session.cookie.secure", Support::Yes),
    ("session.cookie.max_count", Support::Yes),
    ("session.idle_timeout", Support::Yes),
    ("session.max_age", Support::Yes),
    ("session.refresh_margin", Support::Yes),
    ("upstream.authorization", Support::Yes),
    ("upstream.headers", Support::Yes),
    ("rules[].match.path", Support::Yes),
    ("rules[].match.path_prefix", Support::Yes),
    ("rules[].match.methods", Support::Yes),
    ("rules[].match.route_name", Support::NotYet),
    ("rules[].access", Support::Yes),
    ("rules[].unauthenticated", Support::Yes),
    ("rules[].access_token", Support::NotYet),
    ("rules[].claims", Support::NotYet),
];

/// The names that may stand in the section `section` (empty for the whole), each once.
pub(super) fn names_in(section: &str) -> Vec<(&'static str, Support)> {
    let mut names: Vec<(&'static str, Support)> = Vec::new();
    for (path, support) in KEYS {
        let below = match section {
            "" => Some(*path),
            _ => path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
        };
        let Some((name, deeper)) = below.map(|below| match below.split_once(['.', '[']) {
            Some((name, _)) => (name, true),
            None => (below, false),
        }) else {
            continue;
        };
        if names.iter().all(|(known, _)| *known != name) {
            names.push((name, if deeper { Support::Yes } else { *support }));
        }
    }
    names
}

/// What to write instead of `name`, which is not known in `section`: the nearest name
/// there, or the place where this very name belongs.
pub(super) fn hint(section: &str, name: &str) -> Option<String> {
    let names = names_in(section);
    let nearest = nearest(name, names.iter().map(|(known, _)| *known));
    if let Some(nearest) = nearest {
        return Some(format!("did you mean `{nearest}`?"));
    }
    let mut elsewhere = KEYS.iter().filter(|(path, _)| path.rsplit('.').next() == Some(name));
    match (elsewhere.next(), elsewhere.next()) {
        (Some((path, _)), None) => Some(format!("write it as `{path}`")),
        _ => None,
    }
}

/// The one of `names` that `name` is most likely a misspelling of.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Names of more bytes than any key have no nearest one.
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    /// Shorter names are part of too many others.
    const PART: usize = 4;
    let spelled = name.replace('-', "_").to_ascii_lowercase();
    let names: Vec<&str> = names.collect();
    let misspelled = names
        .iter()
        .map(|known| (distance(&spelled, &known.to_ascii_lowercase()), *known))
        .filter(|(distance, known)| distance.saturating_mul(3) <= known.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known);
    let mut with_part =
        names.iter().filter(|known| spelled.len() >= PART && known.contains(&spelled));
    match (misspelled, with_part.next(), with_part.next()) {
        (None, Some(whole), None) => Some(whole),
        _ => misspelled,
    }
}

/// Levenshtein's distance: how many characters must be changed, added or removed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut left = line.saturating_add(1);
        let mut diagonal = line;
        let mut next = vec![left];
        for (b, above) in other.chars().zip(row.iter().skip(1)) {
            let change = diagonal.saturating_add(usize::from(a != b));
            left = change.min(left.saturating_add(1)).min(above.saturating_add(1));
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn the_nearest_name_is_offered_and_nothing_far_fetched() {
        assert_eq!(hint("client", "clientId").as_deref(), Some("did you mean `client_id`?"));
        assert_eq!(hint("client", "scopes").as_deref(), Some("did you mean `scope`?"));
        assert_eq!(hint("", "issuer").as_deref(), Some("write it as `provider.issuer`"));
        assert_eq!(hint("rules[].match", "prefix").as_deref(), Some("did you mean `path_prefix`?"));
        assert_eq!(hint("", "frobnicate"), None);
        assert_eq!(hint("client", "audiences"), None);
        assert_eq!(hint("", &"x".repeat(1_000_000)), None);
    }

    #[test]
    fn sections_have_the_names_below_them() {
        let names: Vec<_> = names_in("rules[].match").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["path", "path_prefix", "methods", "route_name"]);
        let names: Vec<_> = names_in("").into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "provider",
                "client",
                "id_token",
                "access_token",
                "clock_skew",
                "login",
                "preserve_post",
                "bearer",
                "origins",
                "endpoints",
                "logout",
                "session",
                "upstream",
                "rules"
            ]
        );
    }
}
