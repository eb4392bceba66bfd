//! What Keycloak answers a client that asks for less or for more than it has: a refresh with a scope, a second
//! authorization in one single sign-on session, a scope that is not given. Asked by hand, since the gate relies on it.

use oidc_gate_dev::{DevUpstream, UpstreamOptions};
use oidc_gate_e2e::browser::{Browser, Page};
use oidc_gate_e2e::http::Answer;
use oidc_gate_e2e::{jwt, keycloak};
use serde_json::{Value, json};

/// The pair of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A client with a secret, and somebody's browser.
struct Client {
    name: &'static str,
    callback: DevUpstream,
    browser: Browser,
}

impl Client {
    fn of(name: &'static str) -> Self {
        let callback = DevUpstream::start(UpstreamOptions::default()).expect("a free port");
        Self { name, callback, browser: Browser::new() }
    }

    fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.callback.port())
    }

    fn authorization(&self, scope: &str) -> String {
        format!(
            "{}/protocol/openid-connect/auth?response_type=code&client_id={}&redirect_uri={}&state=s\
             &code_challenge={CHALLENGE}&code_challenge_method=S256&scope={}",
            keycloak::shared().issuer(),
            self.name,
            self.redirect_uri(),
            scope.replace(' ', "+"),
        )
    }

    /// The tokens that alice's login brings.
    fn log_in(&mut self, scope: &str) -> Value {
        let url = self.authorization(scope);
        let page = self.browser.login(&url, "alice");
        self.redeem(&page)
    }

    /// Where one more authorization request of the same browser's leads.
    fn ask(&mut self, scope: &str) -> Page {
        let url = self.authorization(scope);
        self.browser.open(&url)
    }

    fn redeem(&self, page: &Page) -> Value {
        assert!(self.is_back(page), "{page:?}");
        let code = page.url.parameter("code").unwrap_or_else(|| panic!("no code: {page:?}"));
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={}&code_verifier={VERIFIER}",
            self.redirect_uri()
        );
        given(&keycloak::shared().token(self.name, &form))
    }

    fn is_back(&self, page: &Page) -> bool {
        page.url.whole().starts_with(&self.redirect_uri())
    }

    fn refresh(&self, tokens: &Value, scope: Option<&str>) -> Answer {
        let token = tokens["refresh_token"].as_str().expect("a refresh token");
        let scope = scope.map(|scope| format!("&scope={}", scope.replace(' ', "+")));
        let form =
            format!("grant_type=refresh_token&refresh_token={token}{}", scope.unwrap_or_default());
        keycloak::shared().token(self.name, &form)
    }
}

fn given(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The claims of the access token among these.
fn access(tokens: &Value) -> Value {
    jwt::claims(tokens["access_token"].as_str().expect("an access token"))
}

/// Its audiences, sorted.
fn audiences(tokens: &Value) -> Vec<String> {
    crate::audiences(&json!({"claims": access(tokens)}))
}

#[test]
fn a_refresh_that_names_a_scope_brings_its_audience_alone_and_the_next_one_all_again() {
    let mut app = Client::of("my-app");
    let all = ["APP-backend", "evil-service", "good-service"];
    let mut tokens = app.log_in("openid backend-audience good-service evil-service");
    assert_eq!(audiences(&tokens), all);
    for scope in ["good-service", "openid good-service"] {
        tokens = given(&app.refresh(&tokens, Some(scope)));
        assert_eq!(access(&tokens)["aud"], "good-service", "{scope}");
        assert!(tokens["id_token"].is_string(), "{scope}");
    }
    tokens = given(&app.refresh(&tokens, None));
    assert_eq!(audiences(&tokens), all);
}

#[test]
fn what_was_not_granted_at_login_is_left_out_of_a_refresh_without_a_word() {
    let mut app = Client::of("my-app");
    let tokens = app.log_in("openid backend-audience");
    let tokens = given(&app.refresh(&tokens, Some("openid good-service")));
    assert_eq!(access(&tokens).get("aud"), None);

    // A scope that is not there at all is another matter, and the refresh token is not used up by it.
    let answer = app.refresh(&tokens, Some("nonsense"));
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_scope")));
    assert_eq!(audiences(&given(&app.refresh(&tokens, None))), ["APP-backend"]);
}

#[test]
fn what_a_client_has_by_default_can_not_be_left_out_of_a_refresh() {
    let mut app = Client::of("APP-frontend");
    let tokens = app.log_in("openid good-service");
    let tokens = given(&app.refresh(&tokens, Some("good-service")));
    assert_eq!(audiences(&tokens), ["account", "APP-backend", "good-service"]);
}

#[test]
fn a_second_authorization_asks_for_no_password_and_has_refresh_tokens_of_its_own() {
    let mut app = Client::of("my-app");
    let mut first = app.log_in("openid backend-audience");
    let page = app.ask("openid good-service");
    assert_eq!(page.trail.len(), 1, "straight back: {page:?}");
    let mut second = app.redeem(&page);
    for same in ["sid", "sub", "auth_time"] {
        assert_eq!(access(&second)[same], access(&first)[same], "{same}");
    }
    // In turn: neither uses up the other's.
    for _ in 0..3 {
        first = given(&app.refresh(&first, None));
        assert_eq!(access(&first)["aud"], "APP-backend");
        second = given(&app.refresh(&second, None));
        assert_eq!(access(&second)["aud"], "good-service");
    }
}

#[test]
fn a_refresh_token_that_is_used_twice_ends_all_that_the_client_has_in_that_session() {
    let mut app = Client::of("my-app");
    let first = app.log_in("openid backend-audience");
    let page = app.ask("openid good-service");
    let second = app.redeem(&page);
    let newest = given(&app.refresh(&first, None));
    for refused in [&first, &newest, &second] {
        let answer = app.refresh(refused, None);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")));
    }
    // The user is still known there.
    let page = app.ask("openid backend-audience");
    assert_eq!(access(&app.redeem(&page))["sid"], access(&first)["sid"]);
}

#[test]
fn a_scope_that_the_user_refuses_is_access_denied_and_the_session_goes_on() {
    let mut app = Client::of("my-app-asks");
    let tokens = app.log_in("openid backend-audience");
    let page = app.ask("openid good-service");
    assert!(!app.is_back(&page), "it asks: {page:?}");
    let page = app.browser.submit(&page, &[("cancel", "No")]);
    assert!(app.is_back(&page), "{page:?}");
    let told = |name| page.url.parameter(name);
    assert_eq!(
        (told("error").as_deref(), told("state").as_deref()),
        (Some("access_denied"), Some("s"))
    );
    assert_eq!((told("iss"), told("code")), (Some(keycloak::shared().issuer()), None));
    // Nor does a token exchange get round it.
    let token = tokens["access_token"].as_str().expect("an access token");
    let more = "&audience=good-service&scope=openid+good-service";
    let answer = keycloak::shared().exchange("my-app-asks", token, more);
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_scope")));
    assert_eq!(audiences(&given(&app.refresh(&tokens, None))), ["APP-backend"]);

    let page = app.ask("openid good-service");
    let page = app.browser.submit(&page, &[("accept", "Yes")]);
    assert_eq!(access(&app.redeem(&page))["aud"], "good-service");
}

#[test]
fn a_scope_that_the_client_has_not_is_invalid_scope() {
    // One that is nowhere, and one that only other clients have.
    let mut app = Client::of("APP-frontend");
    for scope in ["openid nonsense", "openid url-audience"] {
        let page = app.ask(scope);
        assert!(app.is_back(&page), "before any login: {page:?}");
        assert_eq!(page.url.parameter("error").as_deref(), Some("invalid_scope"));
    }
}

#[test]
fn a_scope_whose_role_the_user_lacks_is_left_out_without_a_word() {
    let mut app = Client::of("my-app");
    let tokens = app.log_in("openid backend-audience orders-service");
    assert_eq!(audiences(&tokens), ["APP-backend"]);
    let granted = tokens["scope"].as_str().expect("what was granted");
    assert!(!granted.contains("orders-service"), "{granted}");
}

#[test]
fn an_exchange_without_openid_takes_the_id_token_out_of_the_sessions_refreshes() {
    let mut app = Client::of("my-app");
    let tokens = app.log_in("openid backend-audience");
    let exchange = |tokens: &Value, scope: &str| {
        let token = tokens["access_token"].as_str().expect("an access token");
        let more = format!("&audience=good-service&scope={scope}");
        let exchanged = given(&keycloak::shared().exchange("my-app", token, &more));
        assert_eq!(access(&exchanged)["aud"], "good-service");
    };
    exchange(&tokens, "openid+good-service");
    let tokens = given(&app.refresh(&tokens, None));
    assert!(tokens["id_token"].is_string(), "as long as it is asked for");
    exchange(&tokens, "good-service");
    let tokens = given(&app.refresh(&tokens, None));
    assert_eq!(tokens.get("id_token"), None);
}
