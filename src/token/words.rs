//! Foreign text in sentences for people: quoted, short, and without anything that a
//! terminal, a log or a page could take for more than letters.

/// Characters of foreign text that a sentence quotes, at most.
const LIMIT: usize = 200;

/// `text` in double quotes: cut at 200 characters; what is neither a letter, a digit nor
/// visible ASCII becomes `?`, and a double quote `'`.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut characters = text.chars();
    out.extend(characters.by_ref().take(LIMIT).map(plain));
    if characters.next().is_some() {
        out.push_str("...");
    }
    out.push('"');
    out
}

/// The members of `texts`, each quoted, with commas; those beyond 200 characters are counted.
pub(super) fn list(texts: &[String]) -> String {
    let mut out = String::new();
    for (index, text) in texts.iter().enumerate() {
        if out.len() > LIMIT {
            let more = texts.len().saturating_sub(index);
            out.push_str(&format!(" and {more} more"));
            break;
        }
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(&quoted(text));
    }
    if out.is_empty() {
        out.push_str("nothing");
    }
    out
}

/// `"a"` for one text, `one of "a", "b"` for several.
pub(super) fn one_of(texts: &[String]) -> String {
    let several = if texts.len() > 1 { "one of " } else { "" };
    format!("{several}{}", list(texts))
}

const fn is_plain(character: char) -> bool {
    character.is_ascii_graphic() || character == ' '
}

fn plain(character: char) -> char {
    match character {
        '"' => '\'',
        _ if is_plain(character) || character.is_alphanumeric() => character,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_cut_and_cannot_leave_its_quotes() {
        assert_eq!(quoted("a\"b\r\n\u{202e}\u{7f}ü c"), "\"a'b????ü c\"");
        let long = quoted(&"x".repeat(5_000));
        assert_eq!(long, format!("\"{}...\"", "x".repeat(200)));
    }

    #[test]
    fn lists_are_cut_too() {
        let texts = |count: usize| vec!["0123456789".to_owned(); count];
        assert_eq!(list(&[]), "nothing");
        assert_eq!(one_of(&texts(1)), "\"0123456789\"");
        assert_eq!(one_of(&texts(2)), "one of \"0123456789\", \"0123456789\"");
        assert!(list(&texts(64)).ends_with(" and 49 more"), "{}", list(&texts(64)));
    }
}
