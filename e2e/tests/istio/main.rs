//! The files of deploy/istio: Istio finds nothing wrong with them, and a login runs through what its control plane makes
//! of them. See `make istio`, which builds Istio's programs and names their folder in `ISTIO`.

mod files;
mod gateway;
mod page;
mod secrets;
mod sidecar;

use oidc_gate_dev::Received;
use oidc_gate_e2e::browser::{Form, Page};
use oidc_gate_e2e::jwt;
use oidc_gate_e2e::mesh::Mesh;
use serde_json::json;

/// The value of the one header line of this name; panics where there are none or several.
fn the_one<'a>(request: &'a Received, name: &str) -> &'a str {
    let mut lines = request.headers.iter().filter(|(found, _)| found == name);
    let (first, second) = (lines.next(), lines.next());
    assert!(second.is_none(), "one {name}: {request:#?}");
    &first.unwrap_or_else(|| panic!("a {name}: {request:#?}")).1
}

/// A person logs in and out again, and the API behind the gate gets the token that is meant for it.
fn logs_in_and_out(mesh: &Mesh) {
    let mut browser = mesh.browser();
    let refused = browser.fetch(&mesh.url("/api/orders"));
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));

    let page = browser.login(&mesh.url("/orders?open=yes"), "alice");
    assert_eq!((page.url.whole(), page.answer.status), (mesh.url("/orders?open=yes"), 200));
    let cookie = browser.jar.of("app.example.com").next().expect("a session");
    assert!(cookie.name.starts_with("__Host-") && cookie.secure && cookie.http_only, "{cookie:?}");
    assert_eq!(browser.fetch(&mesh.url("/api/orders")).status, 200);

    let received = mesh.received("/api/orders");
    assert_eq!(received.len(), 1, "the request without a session stays outside: {received:#?}");
    let claims = jwt::claims(the_one(&received[0], "authorization"));
    assert!(
        jwt::is_for(&claims, "APP-backend") && !jwt::is_for(&claims, "APP-frontend"),
        "{claims}"
    );
    assert_eq!(the_one(&received[0], "x-user"), "alice");
    assert!(received[0].headers.iter().all(|(name, _)| name != "cookie"), "{received:#?}");

    let leaving = browser.visit(&mesh.url("/oauth2/logout"));
    let hint = browser_url(leaving.location()).parameter("id_token_hint").expect("who leaves");
    assert_eq!(jwt::claims(&hint)["aud"], "APP-frontend", "the other token is the client's");
    assert!(asks_for_a_password(&browser.open(leaving.location())), "forgotten on both sides");
    assert_eq!(browser.fetch(&mesh.url("/api/orders")).status, 401);
}

fn browser_url(text: &str) -> oidc_gate_e2e::browser::Url {
    oidc_gate_e2e::browser::Url::parse(text)
}

fn asks_for_a_password(page: &Page) -> bool {
    Form::of(&page.answer.text()).is_some_and(|form| form.has("password"))
}

/// A provider that was not told about the API: the page says so, and nothing reaches the API.
fn a_token_for_somebody_else_is_refused(mesh: &Mesh) {
    mesh.provider.faults(|faults| faults.access_audience = Some(json!("account")));
    let mut browser = mesh.browser();
    let page = browser.login(&mesh.url("/wrong"), "bob");
    assert_eq!(page.answer.status, 403, "{page:?}");
    let text = page.answer.text().replace("&quot;", "\"");
    let words = "Access token: audience is \"account\", expected one of \"APP-backend\"";
    assert!(text.to_lowercase().contains(&words.to_lowercase()), "{text}");
    assert!(mesh.received("/wrong").is_empty());
    mesh.provider.faults(|faults| faults.access_audience = None);
}
