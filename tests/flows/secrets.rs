//! What nobody may see: tokens, codes, verifiers, keys and sealed cookies, looked for in every
//! log line, answer and debug text of every scenario.

use oidc_gate::gate::{Host as _, Level, Line};
use oidc_gate::token::testing::ISSUER;
use serde_json::json;

use super::scene::{OTHER_KEY, SESSION_KEY, Scene};
use super::steps::parameter;

/// Fails where the scene's gate has told a secret.
pub(crate) fn none_is_told(scene: &Scene) {
    let secrets = secrets(scene);
    let quiet = |what: &str, text: &str, but: &dyn Fn(&str) -> bool| {
        let told = secrets.iter().find(|secret| text.contains(secret.as_str()) && !but(secret));
        assert!(told.is_none(), "{what} tells {told:?}: {text}");
    };
    for (_, line) in &scene.host.log {
        quiet("a log line", line, &|_| false);
        assert!(!line.contains(['\r', '\n']), "{line:?}");
    }
    for printed in &scene.printed {
        quiet("a debug text", printed, &|_| false);
    }
    for answer in &scene.answers {
        // A page may lead to the provider as a header does.
        let (body, links) = without_links_to_provider(&answer.body);
        quiet("an answer", &body, &|_| false);
        for link in &links {
            quiet("a link", link, &|secret| tells_provider(link, secret));
        }
        for (name, value) in &answer.headers {
            // State and nonce are told to the provider, and whose session ends.
            let state = |secret: &str| tells_provider(value, secret);
            let hint = |secret: &str| {
                let hint = value.strip_prefix(&format!("{ISSUER}/logout?id_token_hint="));
                hint.is_some_and(|rest| rest.split('&').next().unwrap().contains(secret))
            };
            quiet("a header", value, &|secret| {
                name == "location" && (state(secret) || hint(secret))
            });
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert!(!matches!(answer.status, 307 | 308), "the body would be sent on: {answer:?}");
    }
    for upstream in &scene.upstreams {
        let values = upstream.all("cookie").join("; ");
        quiet("a forwarded cookie", &values, &|_| false);
        let mut names = values.split(';').filter_map(|pair| pair.trim().split('=').next());
        let ours = |name: &str| name == "__Host-oidc_gate" || name.starts_with("__Host-oidc_gate.");
        assert!(!names.any(ours), "{values}");
        let authorization = upstream.all("authorization");
        assert!(authorization.len() <= 1 && upstream.all("x-user").len() <= 1);
        assert!(!authorization.iter().any(|value| value.contains("refresh-")));
    }
}

/// Whether `secret` is the state or the nonce of an authorization request.
fn tells_provider(url: &str, secret: &str) -> bool {
    url.starts_with(&format!("{ISSUER}/auth?"))
        && ["state", "nonce"].iter().any(|name| parameter(url, name).as_deref() == Some(secret))
}

/// A page, and the addresses of the provider's login that are in its attributes.
fn without_links_to_provider(body: &str) -> (String, Vec<String>) {
    let begin = format!("{ISSUER}/auth?");
    let mut parts = body.split(&begin);
    let mut rest = parts.next().unwrap().to_owned();
    let links = parts.map(|part| {
        let (link, after) = part.split_once('"').unwrap();
        rest.push_str(after);
        format!("{begin}{}", link.replace("&amp;", "&"))
    });
    let links = links.collect();
    (rest, links)
}

/// All of them; of tokens also the parts, which are as good as a whole to whoever collects.
fn secrets(scene: &Scene) -> Vec<String> {
    let mut secrets = scene.provider.secrets.clone();
    for token in &scene.provider.secrets {
        let parts = token.split('.').skip(1).filter(|part| part.len() > 60);
        secrets.extend(parts.map(|part| part[20..60].to_owned()));
    }
    secrets.extend([SESSION_KEY, OTHER_KEY].map(str::to_owned));
    let answers = scene.answers.iter().flat_map(|answer| &answer.set_cookies);
    let forwards = scene.upstreams.iter().flat_map(|upstream| &upstream.set_cookies);
    for line in answers.chain(forwards) {
        let (_, rest) = line.split_once('=').unwrap();
        let value = rest.split(';').next().unwrap();
        if value.len() > 40 {
            secrets.push(value[..40].to_owned());
        }
    }
    secrets
}

#[test]
#[should_panic(expected = "a log line tells")]
fn the_check_itself_notices_a_secret_in_a_log_line() {
    let mut scene = Scene::new();
    let token = scene.provider.mint_access_token(json!({}), scene.host.now);
    scene.host.log(Level::Info, &Line::Message(&format!("the token is {token}")));
}

#[test]
#[should_panic(expected = "an answer tells")]
fn the_check_itself_notices_part_of_a_secret_in_an_answer() {
    let mut scene = Scene::new();
    let token = scene.provider.mint_id_token(json!({}), scene.host.now);
    let browser = super::browser::Browser::default();
    let _ = scene.send(&browser.fetch("GET", "/api"));
    let signature = token.split('.').next_back().unwrap();
    scene.answers[0].body.push_str(&signature[10..70]);
}
