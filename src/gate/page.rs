//! The page that a person sees when a request is refused: small, plain, readable by
//! screen readers, without scripts or anything from elsewhere.

use std::fmt::Write as _;

use super::refusal::Refusal;

/// Nothing is loaded, nothing runs, nobody frames it.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:38rem;margin:12vh auto 2rem;padding:0 1.25rem;color:#1b1f24;background:#fff}\
h1{font-size:1.5rem;line-height:1.2}dt{font-weight:600}dd{margin:0 0 .6rem;overflow-wrap:anywhere}\
a{color:#0b57d0}small{color:#57606a}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#79b8ff}small{color:#9aa4af}}";

/// The page. `login` is where to sign in, where that may help.
pub(super) fn html(refusal: &Refusal, login: Option<&str>) -> String {
    let mut page = String::with_capacity(2_048);
    let title = escaped(refusal.title());
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{}</p>",
        escaped(&sentence(&refusal.to_string()))
    );
    if let Some(token) = refusal.token() {
        let rows = [
            ("Token", Some(token.token.to_string())),
            ("Expected", token.expected()),
            ("Found", token.found()),
        ];
        page.push_str("<dl>");
        for (name, value) in rows {
            if let Some(value) = value {
                let _ = write!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
            }
        }
        page.push_str("</dl>");
    }
    if let Some(advice) = refusal.advice() {
        let _ = write!(page, "<p>{}</p>", escaped(&advice));
    }
    if let Some(login) = login {
        let _ = write!(page, "<p><a href=\"{}\">Sign in again</a></p>", escaped(login));
    }
    let _ = write!(
        page,
        "<p><small>{} &middot; {}</small></p></main></body></html>",
        refusal.status(),
        refusal.code()
    );
    page
}

/// A page that leads on at once, and has a link where it does not.
pub(super) fn hand_over(location: &str) -> String {
    let location = escaped(location);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"refresh\" content=\"0;url={location}\">\
<title>You are signed in</title><style>{STYLE}</style></head><body><main>\
<h1>You are signed in</h1><p><a href=\"{location}\">Go on</a></p></main></body></html>"
    )
}

/// A sentence as people write it: a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), characters.as_str())
}

/// Text as HTML shows it (OWASP: the five characters that end text or attributes).
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_provider_are_text_not_markup() {
        let refusal = Refusal::ProviderError {
            error: "<script>alert(1)</script>".to_owned(),
            description: Some("\"'><img src=x>".to_owned()),
        };
        let page = html(&refusal, Some("/oauth2/login"));
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    }
}
