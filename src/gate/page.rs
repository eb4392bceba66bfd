//! The pages that a person sees: small, plain, readable by screen readers, without scripts or
//! anything from elsewhere.

use std::fmt::Write as _;

use crate::http::Fields;

use super::refusal::Refusal;

/// Nothing is loaded, nothing runs, nobody frames it.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same for a page with a form, without `form-action`: browsers hold it against the
/// redirects that come of the form too, and the application may well answer with one to
/// another site.
pub(super) const FORM_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:38rem;margin:12vh auto 2rem;padding:0 1.25rem;color:#1b1f24;background:#fff}\
h1{font-size:1.5rem;line-height:1.2}dt{font-weight:600}dd{margin:0 0 .6rem;overflow-wrap:anywhere}dl dd{white-space:pre-wrap}\
button{font:inherit;padding:.4rem 1rem}a{color:#0b57d0}small{color:#57606a}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#79b8ff}small{color:#9aa4af}}";

/// A refusal. `login` is where to sign in, where that may help.
pub(super) fn html(refusal: &Refusal, login: Option<&str>) -> String {
    // Writing to a String does not fail.
    let mut main = format!("<p>{}</p>", escaped(&sentence(&refusal.to_string())));
    if let Some(token) = refusal.token() {
        let rows = [
            ("Token", Some(token.token.to_string())),
            ("Expected", token.expected()),
            ("Found", token.found()),
        ];
        main.push_str("<dl>");
        for (name, value) in rows {
            if let Some(value) = value {
                let _ = write!(main, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
            }
        }
        main.push_str("</dl>");
    }
    if let Some(advice) = refusal.advice() {
        let _ = write!(main, "<p>{}</p>", escaped(&advice));
    }
    if let Some(login) = login {
        let _ = match refusal {
            // This tab still has the form: the browser sends it when the page is loaded again.
            Refusal::FormNotSent { login, .. } => write!(
                main,
                "<p><a href=\"{}\" target=\"_blank\" rel=\"noopener\">Sign in in another tab</a></p>",
                escaped(login)
            ),
            _ => write!(main, "<p><a href=\"{}\">Sign in again</a></p>", escaped(login)),
        };
    }
    let _ = write!(
        main,
        "<p><small>{} &middot; {}</small></p>",
        refusal.status(),
        refusal.code().as_str()
    );
    document(refusal.title(), None, &main)
}

/// A page that leads on at once, and has a link where it does not.
pub(super) fn hand_over(location: &str) -> String {
    let main = format!("<p><a href=\"{}\">Go on</a></p>", escaped(location));
    document("You are signed in", Some(location), &main)
}

/// The form is kept: a page that leads to the provider at once.
pub(super) fn form_is_kept(location: &str) -> String {
    let main = format!(
        "<p>Your session was over, so the form was not sent on. This browser keeps it for ten \
minutes: sign in, and you can send it again.</p><p><a href=\"{}\">Sign in</a></p>",
        escaped(location)
    );
    document("Sign in first", Some(location), &main)
}

/// The form is back, with a button that sends it to `target`. The sender sees what goes where.
pub(super) fn form(target: &str, fields: &Fields, back: &str) -> String {
    let (target, back) = (escaped(target), escaped(back));
    let mut main = format!(
        "<p>The form that you sent before has not been sent on yet. It goes to \
<strong>{target}</strong>.</p><form method=\"post\" action=\"{target}\" accept-charset=\"utf-8\" \
autocomplete=\"off\">"
    );
    let mut shown = String::new();
    for (name, value) in fields.iter() {
        let (name, value) = (escaped(name), escaped(value));
        let _ = write!(main, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
        let _ = write!(shown, "<dt>{name}</dt><dd>{value}</dd>");
    }
    let _ = write!(
        main,
        "<p><button>Send the form again</button></p></form><details><summary>What is in it\
</summary><dl>{shown}</dl></details><p><a href=\"{back}\">Do not send it</a></p>"
    );
    document("You are signed in", None, &main)
}

/// The form did not come back.
pub(super) fn form_is_gone(back: &str) -> String {
    let main = format!(
        "<p>The form that you sent before was not sent on, and is not there any more: another \
form took its place, or the browser did not keep it.</p><p><a href=\"{}\">Go on</a></p>",
        escaped(back)
    );
    document("You are signed in", None, &main)
}

/// `next`: where it leads at once.
fn document(title: &str, next: Option<&str>, main: &str) -> String {
    let title = escaped(title);
    let next = next
        .map(|next| format!("<meta http-equiv=\"refresh\" content=\"0;url={}\">", escaped(next)));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{}\
<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{main}\
</main></body></html>",
        next.unwrap_or_default()
    )
}

/// A sentence as people write it: a capital and a full stop. Refusals begin with a word of ours;
/// the capitals of all scripts would be a table of 14 KB.
fn sentence(text: &str) -> String {
    let mut sentence = text.to_owned();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !text.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

/// Text as HTML shows it (OWASP: the five characters that end text or attributes). Line ends
/// are written as numbers: readers of HTML make one LF of CR LF (WHATWG HTML section 13.2.3.5).
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\r' => html.push_str("&#13;"),
            '\n' => html.push_str("&#10;"),
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
        let login = "/\"><script>".to_owned();
        let refusal = Refusal::FormNotSent { why: crate::gate::forms::Unkept::Off, login };
        assert!(!html(&refusal, Some("/oauth2/login")).contains("<script"));
    }

    #[test]
    fn what_is_in_a_form_is_text_not_markup() {
        let body = crate::http::form::encode(&[
            ("\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>"),
            ("a\"autofocus onfocus=\"alert(1)", "</dd></dl></form><form action=//evil.example>"),
            ("&lt;b&gt;", "one\r\ntwo\t&#60;"),
        ]);
        let fields = Fields::of_body(body.as_bytes()).unwrap();
        let page = form("/a?b=1&c=\"><script>", &fields, "/\"><script>");
        for markup in ["<script", "<img", "</dd></dl></form>", "\"autofocus", "\"&lt;b&gt;\""] {
            assert!(!page.contains(markup), "{markup}: {page}");
        }
        assert_eq!(page.matches("<form").count(), 1);
        assert_eq!(page.matches("<input").count(), 3);
        let input = "name=\"&amp;lt;b&amp;gt;\" value=\"one&#13;&#10;two\t&amp;#60;\">";
        assert!(page.contains(input), "{page}");
    }
}
