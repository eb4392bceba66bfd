//! The callback: what comes back from the provider, and what of it is believed.

use std::time::Duration;

use oidc_gate_dev::{Faults, IssParameter};
use oidc_gate_e2e::browser::Url;
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::Request;
use serde_json::{Value, json};

use crate::seen::{assert_own, assert_page, object, received};

#[test]
fn an_access_token_for_somebody_else_is_named_with_both_audiences() {
    let gate = Gate::new().start();
    gate.provider.faults(|faults| faults.access_audience = Some("somebody-else".into()));
    let mut browser = gate.browser();
    // The trail ends by itself: the harness panics on a loop.
    let page = browser.login(&gate.url("/orders"), "alice");
    assert_page(&page.answer, 403, &["access token", "somebody-else", "APP-backend"]);
    assert!(
        !page.answer.text().contains("ID token"),
        "not the ID token's fault: {}",
        page.answer.text()
    );
    assert_eq!(gate.provider.calls().authorize, 1);
    assert_eq!(
        browser.jar.of("localhost").count(),
        0,
        "neither a session nor an attempt is left: {:?}",
        browser.jar
    );

    // Again, now that the provider knows the person: the same page, after one round.
    let page = browser.open(&gate.url("/orders"));
    assert_page(&page.answer, 403, &["somebody-else"]);
    assert_eq!(gate.provider.calls().authorize, 2);
    assert!(received(&gate, "/orders").is_empty());
}

#[test]
fn an_id_token_for_somebody_else_is_named_with_both_audiences() {
    let gate = Gate::new().start();
    for (audience, azp) in [
        (json!("other-client"), Value::Null),
        (json!(["APP-frontend", "untrusted"]), json!("APP-frontend")),
        (json!([]), Value::Null),
        (json!("APP-frontend-2"), Value::Null),
        (json!("app-frontend"), Value::Null),
        (json!("APP-frontend"), json!("other-client")),
    ] {
        gate.provider.faults(|faults| {
            faults.id_audience = Some(audience.clone());
            faults.id_claims.insert("azp".into(), azp.clone());
        });
        let page = gate.browser().login(&gate.url("/orders"), "alice");
        assert_page(&page.answer, 400, &["ID token"]);
        // An empty list names nobody, so there is nobody to compare.
        let compared = audience == json!([]) || page.answer.text().contains("APP-frontend");
        assert!(compared, "{audience} {azp}: {}", page.answer.text());
        assert!(
            !page.answer.text().contains("access token"),
            "not the access token's fault: {}",
            page.answer.text()
        );
        assert!(received(&gate, "/orders").is_empty(), "{audience} {azp}");
    }
}

#[test]
fn more_trusted_audiences_of_the_id_token_can_be_named() {
    let gate = Gate::new()
        .config(|config| config["id_token"] = json!({ "audiences": ["APP-frontend", "partner"] }))
        .start();
    gate.provider.faults(|faults| faults.id_audience = Some(json!(["partner", "APP-frontend"])));
    assert_eq!(gate.browser().login(&gate.url("/"), "alice").answer.status, 200);
}

/// OIDC Core 3.1.3.7 and 3.1.3.8, RFC 9068: each broken token, and which of the two the page names.
#[test]
fn a_broken_token_at_login_is_refused_and_named() {
    type Breaks = fn(&mut Faults);
    let cases: [(&str, u16, Breaks); 11] = [
        ("ID token", 400, |f| f.wrong_nonce = true),
        ("ID token", 400, |f| f.bad_at_hash = true),
        ("ID token", 400, |f| f.bad_id_signature = true),
        ("ID token", 400, |f| f.id_claims = object(json!({ "nonce": null }))),
        ("ID token", 400, |f| {
            f.id_claims = object(json!({ "iss": "http://127.0.0.1/realms/other" }));
        }),
        ("ID token", 400, |f| f.id_claims = object(json!({ "exp": 1 }))),
        ("ID token", 400, |f| f.id_claims = object(json!({ "sub": null }))),
        ("access token", 403, |f| f.bad_access_signature = true),
        ("access token", 403, |f| {
            f.access_claims = object(json!({ "iss": "http://127.0.0.1/realms/other" }));
        }),
        ("access token", 403, |f| f.access_claims = object(json!({ "exp": null }))),
        ("access token", 403, |f| f.access_claims = object(json!({ "typ": "ID" }))),
    ];
    let gate = Gate::new().start();
    for (number, (token, status, breaks)) in cases.into_iter().enumerate() {
        gate.provider.faults(|faults| {
            faults.clear_all();
            breaks(faults);
        });
        let mut browser = gate.browser();
        let page = browser.login(&gate.url("/orders"), "alice");
        assert_page(&page.answer, status, &[token]);
        assert_eq!(
            browser.jar.of("localhost").count(),
            0,
            "case {number} leaves no cookie: {:?}",
            browser.jar
        );
    }
    assert!(received(&gate, "/orders").is_empty());
}

#[test]
fn the_providers_own_refusal_is_shown_as_such() {
    let gate = Gate::new().start();
    gate.provider.faults(|faults| faults.authorization_error = Some("access_denied".into()));
    let page = gate.browser().open(&gate.url("/orders"));
    assert_page(&page.answer, 400, &["access_denied"]);
    assert_eq!(gate.provider.calls().code, 0);
}

/// RFC 9207: not a character of the response is believed before its issuer is.
#[test]
fn a_response_of_another_issuer_is_refused_before_its_code_is_used() {
    let gate = Gate::new().start();
    for iss in [IssParameter::Missing, IssParameter::Other("http://127.0.0.1/realms/evil".into())] {
        gate.provider.faults(|faults| faults.iss_parameter = iss.clone());
        let page = gate.browser().login(&gate.url("/orders"), "alice");
        assert_page(&page.answer, 400, &[]);
    }
    assert_eq!(gate.provider.calls().code, 0);

    // The same in a response with an error: whose error it is, is not known.
    gate.provider.faults(|faults| faults.authorization_error = Some("access_denied".into()));
    let page = gate.browser().open(&gate.url("/orders"));
    assert_page(&page.answer, 400, &[]);
    assert!(!page.answer.text().contains("access_denied"), "{}", page.answer.text());
}

#[test]
fn an_issuer_parameter_that_was_never_promised_is_not_missed() {
    let gate = Gate::new().start_unready(|provider| {
        provider.faults(|faults| {
            faults
                .discovery
                .insert("authorization_response_iss_parameter_supported".into(), Value::Null);
            faults.iss_parameter = IssParameter::Missing;
        });
    });
    gate.wait_until_ready();
    assert_eq!(gate.browser().login(&gate.url("/"), "alice").answer.status, 200);
}

/// What comes back at the callback, after a login was begun: each is refused, and no code is ever sent on.
#[test]
fn a_callback_that_does_not_fit_is_refused() {
    let gate = Gate::shared();
    let iss = gate.provider.issuer();
    for (number, change) in [
        |state: &str| format!("code=c&state={state}&state={state}"),
        |state: &str| format!("code=c&code=d&state={state}"),
        |state: &str| format!("state={state}"),
        |_: &str| "code=c".into(),
        |_: &str| "code=c&state=".into(),
        |_: &str| "code=c&state=made-up".into(),
        |state: &str| format!("code=c&state={state}x"),
        |state: &str| format!("code=c&state={}", &state[1..]),
        |state: &str| format!("code=%zz&state={state}"),
        |state: &str| format!("code=%ff&state={state}"),
        |_: &str| String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = gate.browser();
        let state =
            Url::parse(browser.visit(&gate.url("/x")).location()).parameter("state").unwrap();
        let answer =
            browser.visit(&gate.url(&format!("/oauth2/callback?{}&iss={iss}", change(&state))));
        assert_page(&answer, 400, &[]);
        let codes = gate.provider.token_requests();
        assert!(codes.iter().all(|request| request.field("code") != Some("c")), "case {number}");
    }
}

#[test]
fn the_callback_takes_only_get() {
    let gate = Gate::shared();
    for method in ["POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PROPFIND"] {
        let answer = gate.send(Request::new(method, "/oauth2/callback?code=c&state=s").page_load());
        assert_own(&answer, 405);
        assert_eq!(answer.header("allow"), Some("GET"), "{method}");
    }
    assert!(received(&gate, "/oauth2/callback").is_empty());
}

/// The back button: the code is sent once, and who is signed in is led on to the page. Nobody else gets anything of it.
#[test]
fn a_callback_is_good_once() {
    let gate = Gate::new().start();
    let mut browser = gate.browser();
    let page = browser.login(&gate.url("/orders"), "alice");
    let mut callbacks = page.trail.iter().filter(|(url, _)| url.contains("/oauth2/callback"));
    let (callback, _) = callbacks.next_back().expect("it is on the way");
    let session = browser.jar.line(&gate.at("/"));

    let again = browser.visit(callback);
    assert_own(&again, 302);
    assert_eq!(again.location(), gate.url("/orders"));
    assert_eq!(browser.jar.line(&gate.at("/")), session, "it is still the same session");

    let mut other = gate.browser();
    assert_page(&other.visit(callback), 400, &[]);
    assert_eq!(other.jar.of("localhost").count(), 0);
    assert_eq!(gate.provider.calls().code, 1);
}

/// Time is the provider's to tell: a token is good for as long as it says, give or take the configured skew.
#[test]
fn a_clock_that_is_off_by_less_than_the_skew_does_no_harm() {
    for (offset, skew, status) in [(20, "30s", 200), (-20, "30s", 200), (20, "1s", 400)] {
        let gate = Gate::new()
            .provider(|options| options.access_token_lifespan = Duration::from_secs(60))
            .config(|config| config["clock_skew"] = skew.into())
            .start();
        gate.provider.faults(|faults| faults.clock_offset = offset);
        let page = gate.browser().login(&gate.url("/"), "alice");
        assert_eq!(page.answer.status, status, "{offset} {skew}: {}", page.answer.text());
    }
}
