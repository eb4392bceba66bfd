//! What people do: open a page, log in, come back.

use oidc_gate::http::Form;
use oidc_gate::token::testing::{ISSUER, Signer, access_token};
use oidc_gate::wire::base64url;
use serde_json::{Value, json};

use super::browser::{Browser, Request};
use super::scene::{Answered, Outcome, Scene, Upstream};

pub(crate) const CALLBACK: &str = "/oauth2/callback";

impl Scene {
    /// A script of the page fetches `path`.
    pub(crate) fn get(&mut self, browser: &mut Browser, path: &str) -> Outcome {
        let request = browser.fetch("GET", path);
        self.load(browser, &request)
    }

    /// A person opens `path`.
    pub(crate) fn visit(&mut self, browser: &mut Browser, path: &str) -> Outcome {
        let request = browser.page(path);
        self.load(browser, &request)
    }

    /// A browser that has logged in.
    pub(crate) fn log_in(&mut self) -> Browser {
        let mut browser = Browser::default();
        let answer = self.log_in_with(&mut browser, "/start?x=1");
        assert_eq!((answer.status, answer.location()), (302, "https://app.example/start?x=1"));
        assert_eq!(browser.session().len(), 1, "{browser:?}");
        assert!(browser.logins().is_empty());
        browser
    }

    /// Opens `path`, logs in at the provider, and comes back.
    pub(crate) fn log_in_with(&mut self, browser: &mut Browser, path: &str) -> Answered {
        let query = self.begin(browser, path);
        self.come_back(browser, &query).answer()
    }

    /// Opens `path` and logs in at the provider: the query that it sends back.
    pub(crate) fn begin(&mut self, browser: &mut Browser, path: &str) -> String {
        let page = browser.page(path);
        let answer = self.load(browser, &page).answer();
        assert_eq!(answer.status, 302, "{answer:?}");
        self.provider.authorize(answer.location())
    }

    /// The browser comes back from the provider.
    pub(crate) fn come_back(&mut self, browser: &mut Browser, query: &str) -> Outcome {
        let page = browser.page(&format!("{CALLBACK}?{query}"));
        self.load(browser, &page)
    }
}

/// Whether the answer sends a browser to the provider's login.
pub(crate) fn to_provider(answer: &Answered) -> bool {
    answer.status == 302 && answer.location().starts_with(&format!("{ISSUER}/auth?"))
}

/// A parameter of the query of `url`.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let form = Form::parse(query.as_bytes()).unwrap();
    form.once(name).unwrap().map(str::to_owned)
}

/// A browser whose access token has `left` seconds of its 300.
pub(crate) fn left(left: i64) -> (Scene, Browser) {
    let mut scene = Scene::new();
    let browser = scene.log_in();
    scene.jump(300 - left);
    (scene, browser)
}

/// Loads a page, which must reach the upstream.
pub(crate) fn load(scene: &mut Scene, browser: &mut Browser) -> Upstream {
    let page = browser.page("/");
    scene.load(browser, &page).upstream()
}

/// A token of a key that nobody publishes.
pub(crate) fn strangers_token(scene: &mut Scene) -> String {
    let token = Signer::ed25519("k9").sign("JWT", &access_token()).expose().to_owned();
    scene.provider.secrets.push(token.clone());
    token
}

/// Every kind of request that needs a provider, each with credentials that are right.
pub(crate) fn needing(scene: &mut Scene) -> Vec<Request> {
    let mut browser = scene.log_in();
    let query = scene.begin(&mut browser, "/oauth2/login");
    let session = scene.log_in();
    let token = scene.provider.mint_access_token(json!({}), scene.host.now);
    vec![
        Browser::default().page("/"),
        Browser::default().fetch("GET", "/api"),
        Request::new("GET", "/api").bearer(&token),
        session.page("/"),
        session.fetch("POST", "/api"),
        browser.page("/oauth2/login"),
        browser.page(&format!("{CALLBACK}?{query}")),
    ]
}

/// What a token says.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload.as_bytes()).unwrap()).unwrap()
}
