//! What tests look at again and again: what reached the upstream, and what an answer says.

use oidc_gate_dev::Received;
use oidc_gate_e2e::browser::{Browser, Cookie};
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::Answer;
use oidc_gate_e2e::jwt;
use serde_json::{Map, Value};

/// The requests that reached the upstream for this path (without query).
pub(crate) fn received(gate: &Gate, path: &str) -> Vec<Received> {
    let all = gate.upstream.requests().into_iter();
    all.filter(|request| request.path.split('?').next() == Some(path)).collect()
}

/// The one request that reached the upstream for this path; panics where it is not one.
pub(crate) fn the_one(gate: &Gate, path: &str) -> Received {
    let mut all = received(gate, path);
    assert_eq!(all.len(), 1, "one request for {path} reaches the upstream: {all:#?}");
    all.remove(0)
}

/// All header lines of this name (in lower case).
pub(crate) fn lines<'a>(request: &'a Received, name: &str) -> Vec<&'a str> {
    request
        .headers
        .iter()
        .filter(|(found, _)| found == name)
        .map(|(_, value)| value.as_str())
        .collect()
}

/// Claims of the one bearer token that this request carried.
pub(crate) fn bearer_claims(request: &Received) -> Value {
    let authorization = lines(request, "authorization");
    assert_eq!(authorization.len(), 1, "one Authorization: {request:#?}");
    assert!(authorization[0].starts_with("Bearer "), "a bearer token: {request:#?}");
    jwt::claims(authorization[0])
}

/// Asserts an answer of the gate's own: this status, never stored, and nothing of a token in it.
#[track_caller]
pub(crate) fn assert_own(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}\n{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    assert!(!answer.text().contains("eyJ"), "no token is shown: {}", answer.text());
}

/// Asserts a page for people with this status that contains all of `words`.
#[track_caller]
pub(crate) fn assert_page(answer: &Answer, status: u16, words: &[&str]) {
    assert_own(answer, status);
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/html"), "a page was expected: {kind}: {}", answer.text());
    for word in words {
        assert!(answer.text().contains(word), "{word:?} was expected in: {}", answer.text());
    }
}

/// Asserts a 401 for programs: `Bearer` without an error code, a problem that says where to log in, no cookie set.
#[track_caller]
pub(crate) fn assert_unauthenticated(answer: &Answer) {
    assert_own(answer, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer"),
        "no error code without credentials (RFC 6750 3.1)"
    );
    let problem = answer.problem();
    assert!(
        problem["login"].as_str().is_some_and(|login| login.starts_with("/oauth2/login")),
        "{problem}"
    );
    assert_eq!(new_cookies(answer), Vec::<&str>::new(), "a 401 begins no login");
}

/// Asserts the answer to a bearer token that was refused, with all of `words` in its description.
#[track_caller]
pub(crate) fn assert_bearer_refused(answer: &Answer, status: u16, error: &str, words: &[&str]) {
    assert_own(answer, status);
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer "), "{answer:?}");
    assert!(challenge.contains(&format!("error=\"{error}\"")), "{error} was expected: {challenge}");
    let detail = answer.problem()["detail"].to_string();
    for word in words {
        assert!(challenge.contains(word), "{word:?} was expected in: {challenge}");
        assert!(detail.contains(word), "{word:?} was expected in: {detail}");
    }
}

/// Names of the cookies that this answer sets.
pub(crate) fn new_cookies(answer: &Answer) -> Vec<&str> {
    set_cookies(answer, |line| !line.contains("Max-Age=0"))
}

/// Names of the cookies that this answer removes.
pub(crate) fn removed_cookies(answer: &Answer) -> Vec<&str> {
    set_cookies(answer, |line| line.contains("Max-Age=0"))
}

fn set_cookies(answer: &Answer, which: impl Fn(&str) -> bool) -> Vec<&str> {
    let lines = answer.all("set-cookie").filter(|line| which(line));
    lines.map(|line| line.split('=').next().unwrap_or_default()).collect()
}

/// A browser in which alice is logged in.
pub(crate) fn logged_in(gate: &Gate) -> Browser {
    let mut browser = gate.browser();
    let page = browser.login(&gate.url("/home"), "alice");
    assert_eq!(page.answer.status, 200, "{:?}", page.answer);
    browser
}

/// The cookies that a browser has of this host.
pub(crate) fn cookies(browser: &Browser, host: &str) -> Vec<Cookie> {
    browser.jar.of(host).cloned().collect()
}

/// The members of a JSON object.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object was written")
}

/// How many copies of the filter this Envoy has started so far, by its log: one more where one has died.
pub(crate) fn copies(gate: &Gate) -> usize {
    gate.envoy.log().lines_with("Thread-Local Wasm created").len()
}
