//! What somebody meant who wrote a name that does not exist.

use super::keys::{KEYS, names_in};

/// What to write instead of `name`, which is not known in `section`: the nearest name
/// there, or the place where this very name belongs.
pub(super) fn hint(section: &str, name: &str) -> Option<String> {
    let names = names_in(section);
    let nearest = nearest(name, names.iter().map(|(known, _)| *known));
    if let Some(nearest) = nearest {
        return Some(format!("did you mean `{nearest}`?"));
    }
    let mut elsewhere = KEYS.iter().filter(|key| key.path.rsplit('.').next() == Some(name));
    match (elsewhere.next(), elsewhere.next()) {
        (Some(key), None) => Some(format!("write it as `{}`", key.path)),
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
}
