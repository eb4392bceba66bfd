//! The login form and the page for requests that cannot be answered by a redirect. Plain HTML, no script.

use super::serve::{LOGIN, REALM};
use crate::server::Reply;
use crate::words::escape;

const STYLE: &str = "\
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center }
main { width: min(22rem, calc(100vw - 3rem)); padding: 1.5rem 0 }
h1 { font-size: 1.4rem; margin: 0 0 .25rem }
p { margin: 0 0 1rem }
label { display: block; margin-top: .75rem; font-weight: 600 }
input, button { font: inherit; box-sizing: border-box; width: 100%; padding: .5rem .6rem; border-radius: .4rem }
input { border: 1px solid light-dark(#767676, #9a9a9a); background: Field; color: FieldText }
button { margin-top: 1.25rem; border: 0; background: #14588f; color: #fff; font-weight: 600; cursor: pointer }
input:focus-visible, button:focus-visible { outline: 3px solid light-dark(#14588f, #8ec5f4); outline-offset: 2px }
[role=alert] { color: light-dark(#a4161a, #ff9b9e); font-weight: 600 }
small { color: light-dark(#555, #aaa) }";

/// The login form for an authorization request with this query. `wrong`: the name with which it failed before.
pub(super) fn form(query: &str, wrong: Option<&str>) -> Reply {
    let action = escape(&format!("{REALM}{LOGIN}?{query}"));
    let name = escape(wrong.unwrap_or_default());
    // The cursor goes where something has to be typed.
    let (alert, on_name, on_password) = match wrong {
        Some(_) => (
            r#"<p role="alert" id="wrong">That name and password do not go together.</p>"#,
            r#" aria-invalid="true" aria-describedby="wrong""#,
            r#" aria-invalid="true" aria-describedby="wrong" autofocus"#,
        ),
        None => ("", " autofocus", ""),
    };
    let body = format!(
        r#"<h1>Sign in to acme</h1>
<p><small>Development provider. Users: alice and bob; the password is the name.</small></p>
{alert}
<form method="post" action="{action}">
<label for="username">User name</label>
<input id="username" name="username" value="{name}" autocomplete="username" autocapitalize="none" required{on_name}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{on_password}>
<button type="submit">Sign in</button>
</form>"#
    );
    // Keycloak too answers 200 to a wrong password.
    page(200, "Sign in to acme", &body)
}

/// A page that says what is wrong with a request.
pub(super) fn problem(what: &str) -> Reply {
    let what = escape(what);
    page(400, "We are sorry", &format!("<h1>This request cannot be answered</h1>\n<p>{what}</p>"))
}

/// A page of the provider.
pub(super) fn page(status: u16, title: &str, body: &str) -> Reply {
    Reply::page(
        status,
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"#
        ),
    )
}
