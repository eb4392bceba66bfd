//! Protected resource metadata (RFC 9728): from a 401 to the provider, to a token, and through the gate. A real client
//! does the same in `tests/mcp.rs`.

use oidc_gate_e2e::browser::{Browser, Url};
use oidc_gate_e2e::gate::{Builder, Gate, HOME};
use oidc_gate_e2e::http::{self, Answer, PROTOCOLS, Protocol, Request};
use serde_json::{Value, json};

use crate::seen::{assert_bearer_refused, received};

const RESOURCE: &str = "http://localhost:10000/mcp";
const FILES: &str = "http://localhost:10000/files";
const ROOT: &str = "/.well-known/oauth-protected-resource";

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A gate that logs nobody in, before two resources.
fn two_resources() -> Builder {
    Gate::new().config(|config| {
        config["login"] = false.into();
        config["upstream"] = json!({"headers": {"x-user": "preferred_username"}});
        config["access_token"] = json!({"audiences": [RESOURCE]});
        config["protected_resource"] =
            json!({"resource": RESOURCE, "scopes_supported": ["openid"]});
        config["rules"] = json!([
            {"match": {"path_prefix": "/public"}, "access": "public"},
            {"match": {"path_prefix": "/files"}, "access_token": {"audiences": [FILES]},
             "protected_resource": {"resource": FILES}},
        ]);
    })
}

/// What stands in quotes behind `name` in the challenge of an answer.
fn told(answer: &Answer, name: &str) -> String {
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let (_, rest) = challenge
        .split_once(&format!("{name}=\""))
        .unwrap_or_else(|| panic!("{name}: {challenge}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// The provider's answer to a client that knows its URLs only.
fn ask(url: &str, method: &str, kind: &str, body: String) -> Value {
    let url = Url::parse(url);
    let address = url.authority.parse().expect("the provider is known by its address");
    let mut request = Request::new(method, &url.target);
    if !body.is_empty() {
        request = request.header("content-type", kind);
        request.body = body.into_bytes();
    }
    http::send(address, Protocol::H1, &request).json()
}

/// Goes from a 401 to a token, by what the answers say and nothing else.
fn token_for(gate: &Gate, path: &str) -> String {
    let pointer = told(&gate.send(Request::new("POST", path)), "resource_metadata");
    let path = pointer.strip_prefix("http://localhost:10000").expect("on the resource's own host");
    let metadata = gate.send(Request::get(path)).json();
    let issuer = metadata["authorization_servers"][0].as_str().expect("an issuer");
    assert_eq!(issuer, gate.provider.issuer());
    let provider =
        ask(&format!("{issuer}/.well-known/openid-configuration"), "GET", "", String::new());
    let at = |name: &str| provider[name].as_str().expect("an endpoint").to_owned();
    let callback = format!("http://{HOME}/public/callback");
    let client = json!({"redirect_uris": [callback]}).to_string();
    let client = ask(&at("registration_endpoint"), "POST", "application/json", client);
    let (id, resource) = (
        client["client_id"].as_str().expect("an id"),
        metadata["resource"].as_str().expect("itself"),
    );
    let query = encoded(&[
        ("response_type", "code"),
        ("client_id", id),
        ("redirect_uri", &callback),
        ("scope", "openid"),
        ("resource", resource),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let mut browser: Browser = gate.browser();
    let page = browser.login(&format!("{}?{query}", at("authorization_endpoint")), "alice");
    let code = page.url.parameter("code").expect("a code");
    let form = encoded(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", id),
        ("redirect_uri", &callback),
        ("code_verifier", VERIFIER),
        ("resource", resource),
    ]);
    let answer = ask(&at("token_endpoint"), "POST", "application/x-www-form-urlencoded", form);
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The few characters of these values that a form encodes.
fn encoded(pairs: &[(&str, &str)]) -> String {
    let plain = |value: &str| value.replace('%', "%25").replace(':', "%3A").replace('/', "%2F");
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    pairs.join("&")
}

#[test]
fn from_a_401_to_a_token_and_in_and_no_token_opens_the_other_resource() {
    let gate = two_resources().start();
    for (path, own, other, others) in
        [("/mcp", RESOURCE, "/files/x", FILES), ("/files/x", FILES, "/mcp", RESOURCE)]
    {
        let token = token_for(&gate, path);
        for protocol in PROTOCOLS {
            assert_eq!(gate.send_over(protocol, Request::get(path).bearer(&token)).status, 200);
        }
        let refused = gate.send(Request::get(other).bearer(&token));
        assert_bearer_refused(&refused, 401, "invalid_token", &[own, others]);
        let metadata = format!(
            "http://localhost:10000{ROOT}{}",
            others.trim_start_matches("http://localhost:10000")
        );
        assert_eq!(told(&refused, "resource_metadata"), metadata);
    }
    assert_eq!(received(&gate, "/mcp").len() + received(&gate, "/files/x").len(), 4);
}

#[test]
fn metadata_is_answered_here_over_both_protocols_and_by_its_own_spelling_alone() {
    let gate = two_resources().raw_paths().start();
    for protocol in PROTOCOLS {
        for (path, resource) in [("", RESOURCE), ("/mcp", RESOURCE), ("/files", FILES)] {
            let answer = gate.send_over(protocol, Request::get(&format!("{ROOT}{path}")));
            assert_eq!((answer.status, &answer.json()["resource"]), (200, &json!(resource)));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
        let mut head = Request::get(&format!("{ROOT}/mcp"));
        head.method = "HEAD".into();
        let answer = gate.send_over(protocol, head);
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let preflight = Request::new("OPTIONS", &format!("{ROOT}/mcp"))
            .header("origin", "https://inspector.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "mcp-protocol-version");
        let answer = gate.send_over(protocol, preflight);
        assert_eq!(
            (answer.status, answer.header("access-control-allow-headers")),
            (204, Some("*"))
        );
        assert_eq!(
            gate.send_over(protocol, Request::new("POST", &format!("{ROOT}/mcp"))).status,
            405
        );
        for path in ["/../oauth-protected-resource/mcp", "/%6dcp", "//mcp", "/mcp/", ";x", "%2fmcp"]
        {
            let answer = gate.send_over(protocol, Request::get(&format!("{ROOT}{path}")).fetch());
            assert!([400, 401].contains(&answer.status), "{path}: {answer:?}");
        }
    }
    assert!(gate.upstream.requests().iter().all(|request| !request.path.contains("well-known")));
}

#[test]
fn metadata_is_there_before_the_provider_is_known() {
    let gate =
        two_resources().start_unready(|provider| provider.stop_listening().expect("it stops"));
    let answer = gate.send(Request::get(ROOT));
    assert_eq!(
        (answer.status, &answer.json()["authorization_servers"]),
        (200, &json!([gate.provider.issuer()]))
    );
}
