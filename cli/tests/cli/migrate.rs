//! `oidc-gate migrate`: what Gatekeeper guarded stays guarded, and nothing is passed over in silence.

use serde_json::{Value, json};

use crate::{Run, root, run};

/// The options of gogatekeeper up to 4.x, by name.
const OPTIONS: &str = "
config listen listen-http listen-admin listen-admin-scheme discovery-url client-id client-secret
redirection-url post-logout-redirect-uri post-login-redirect-path revocation-url
skip-openid-provider-tls-verify openid-provider-proxy openid-provider-timeout
openid-provider-retry-count openid-provider-headers base-uri oauth-uri scopes upstream-url
upstream-ca resources headers preserve-host request-id-header response-headers
custom-http-methods enable-self-signed-tls self-signed-tls-hostnames self-signed-tls-expiration
enable-request-id enable-logout-redirect enable-default-deny enable-default-deny-strict
enable-encrypted-token force-encrypted-cookie enable-logging enable-json-logging
enable-forwarding enable-security-filter enable-refresh-tokens enable-session-cookies
enable-login-handler enable-token-header enable-authorization-header
enable-authorization-cookies enable-https-redirection enable-profiling enable-metrics
filter-browser-xss filter-content-nosniff filter-frame-deny content-security-policy
localhost-metrics enable-compression enable-pkce enable-idp-session-check
enable_idp_session_check enable-uma enable-opa opa-timeout opa-authz-uri pat-retry-count
pat-retry-interval access-token-duration cookie-domain cookie-path cookie-access-name
cookie-id-token-name cookie-refresh-name cookie-oauth-state-name cookie-request-uri-name
cookie-pkce-name cookie-uma-name secure-cookie http-only-cookie same-site-cookie
enable-id-token-cookie match-claims add-claims enable-uma-method-scope tls-cert tls-private-key
tls-ca-certificate tls-ca-key tls-client-certificate skip-upstream-tls-verify tls-min-version
tls-admin-cert tls-admin-private-key tls-admin-ca-certificate tls-admin-client-certificate
cors-origins cors-methods cors-headers cors-exposed-headers cors-credentials cors-max-age
hostnames store-url encryption-key enable-hmac no-proxy no-redirects skip-token-verification
skip-access-token-issuer-check skip-access-token-clientid-check
skip-authorization-header-identity upstream-keepalives upstream-timeout
upstream-keepalive-timeout upstream-tls-handshake-timeout upstream-response-header-timeout
upstream-expect-continue-timeout verbose enabled-proxy-protocol max-idle-connections
max-idle-connections-per-host server-read-timeout server-write-timeout server-idle-timeout
use-letsencrypt letsencrypt-cache-dir sign-in-page forbidden-page error-page tags
forwarding-grant-type forwarding-username forwarding-password forwarding-domains
disable-all-logging
";

const SMALLEST: &str = "\
discovery-url: https://keycloak.example/realms/acme/.well-known/openid-configuration
client-id: APP-frontend
client-secret: hunter2-secret
";

fn migrate(text: &str) -> Run {
    let ran = run(&["migrate", "--audience", "APP-backend", "-"], text);
    assert!(!format!("{ran:?}").contains("hunter2-secret"), "{ran:?}");
    ran
}

/// The configuration that [`SMALLEST`] with more options becomes.
fn migrated(more: &str) -> Value {
    let ran = migrate(&format!("{SMALLEST}{more}"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let checked = run(&["check", "-"], &ran.stdout);
    assert_eq!(checked.code, 0, "{checked:?}");
    serde_yaml_ng::from_str(&ran.stdout).unwrap()
}

/// The first block of a kind in docs/gatekeeper.md.
fn block(info: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/gatekeeper.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```{info}\n")).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

#[test]
fn the_example_of_the_page_becomes_what_stands_there() {
    let ran = migrate(&block("yaml gatekeeper"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let made: Value = serde_yaml_ng::from_str(&ran.stdout).unwrap();
    let page: Value = serde_yaml_ng::from_str(&block("yaml gate")).unwrap();
    assert_eq!(made, page, "{made:#}");
    assert!(ran.stderr.contains("note: enable-refresh-tokens: always on"), "{}", ran.stderr);
}

#[test]
fn the_envoy_file_is_one_that_check_takes() {
    let text =
        format!("{SMALLEST}listen: 127.0.0.1:3000\nupstream-url: https://app.example:8443\n");
    let arguments = ["migrate", "--audience", "APP-backend", "--to", "envoy", "-"];
    let ran = run(&arguments, &text);
    assert_eq!(ran.code, 0, "{ran:?}");
    let checked = run(&["check", "-"], &ran.stdout);
    assert_eq!(checked.code, 0, "{checked:?}");
    let envoy: Value = serde_yaml_ng::from_str(&ran.stdout).unwrap();
    let clusters = envoy["static_resources"]["clusters"].as_array().unwrap();
    for (cluster, host, port) in [(0, "app.example", 8443), (1, "keycloak.example", 443)] {
        let endpoint = &clusters[cluster]["load_assignment"]["endpoints"][0]["lb_endpoints"][0];
        let address = &endpoint["endpoint"]["address"]["socket_address"];
        assert_eq!(*address, json!({"address": host, "port_value": port}));
        assert!(clusters[cluster]["transport_socket"].is_object());
    }
    let listener = &envoy["static_resources"]["listeners"][0]["address"]["socket_address"];
    assert_eq!(*listener, json!({"address": "127.0.0.1", "port_value": 3000}));
}

#[test]
fn every_option_is_known_and_none_is_passed_over() {
    let carried = ["discovery-url", "client-id", "client-secret"];
    let mut told = 0;
    for option in OPTIONS.split_whitespace().filter(|option| !carried.contains(option)) {
        let ran = migrate(&format!("{SMALLEST}{option}: something\n"));
        assert!(!ran.stderr.contains("no option of Gatekeeper's"), "{option}: {ran:?}");
        told += usize::from(ran.stderr.contains(option));
    }
    assert!(told > 110, "only {told} options were told of");
}

#[test]
fn unknown_options_are_errors_and_nothing_is_written() {
    for text in ["frobnicate: 1\n", "roles: [a]\n", "resources: [{uri: /a, role: [x]}]\n"] {
        let ran = migrate(&format!("{SMALLEST}{text}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        assert!(ran.stderr.contains("known here\n  --> <stdin>:4\n"), "{ran:?}");
    }
    assert_eq!(migrate("").code, 2);
    assert_eq!(migrate("a: [").code, 2);
}

#[test]
fn what_guarded_and_cannot_be_carried_over_stops_the_move() {
    for (text, what) in [
        ("enable-opa: true\n", "guards requests, and has no equal"),
        ("enable-uma: true\n", "guards requests, and has no equal"),
        ("match-claims: {hd: example.com}\n", "match-claims.hd: guards every request"),
        ("resources: [{uri: /admin*, roles: [admin]}]\n", "would guard less"),
        ("resources: [{uri: /a/*/b, roles: [admin]}]\n", "rules have no patterns"),
        ("resources: [{uri: '/a/{id}', roles: [admin]}]\n", "rules have no patterns"),
        ("same-site-cookie: Sometimes\n", "the gate refuses: session.cookie.same_site"),
    ] {
        let ran = migrate(&format!("{SMALLEST}{text}"));
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{text}: {ran:?}");
        assert!(ran.stderr.contains(what), "{text}: {ran:?}");
    }
    // Switched off it guards nothing.
    migrated("enable-opa: false\nenable-uma: false\n");
}

#[test]
fn the_audience_is_said_or_asked_for() {
    let audiences = |more: &str, arguments: &[&str]| {
        let ran = run(arguments, &format!("{SMALLEST}{more}"));
        let value: Value = serde_yaml_ng::from_str(&ran.stdout).unwrap_or_default();
        (ran.code, value["access_token"]["audiences"].clone(), ran.stderr)
    };
    let plain = &["migrate", "-"][..];
    assert_eq!(audiences("match-claims: {aud: api}\n", plain).1, json!(["api"]));
    let own = audiences("skip-access-token-clientid-check: false\n", plain);
    assert_eq!(own.1, json!(["APP-frontend"]));
    assert!(own.2.contains("the gate warns: access_token.audiences"), "{}", own.2);
    for more in ["", "match-claims: {aud: 'api.*'}\n"] {
        let (code, value, stderr) = audiences(more, plain);
        assert_eq!((code, value), (1, Value::Null));
        assert!(stderr.contains("--audience APP-backend"), "{stderr}");
    }
}

#[test]
fn resources_become_rules_the_narrow_ones_first() {
    let rules = |resources: &str| migrated(&format!("resources: {resources}\n"))["rules"].clone();
    for (resources, expected) in [
        ("[{uri: '/*'}]", Value::Null),
        (
            "[{uri: '/*', roles: [user]}, {uri: '/public/*', white-listed: true}, {uri: /public/x}]",
            json!([
                {"match": {"path": "/public/x"}},
                {"match": {"path_prefix": "/public"}, "access": "public"},
                {"match": {"path_prefix": "/"},
                 "claims": [{"claim": "realm_access.roles", "values": ["user"]}]},
            ]),
        ),
        (
            "[{uri: '/a/*', methods: [get, POST], roles: [a, 'api:b'], groups: [g, h]}]",
            json!([{
                "match": {"path_prefix": "/a", "methods": ["GET", "POST"]},
                "claims": [
                    {"claim": "realm_access.roles", "values": ["a"]},
                    {"claim": ["resource_access", "api", "roles"], "values": ["b"]},
                    {"claim": "groups", "values": ["g", "h"]},
                ],
            }]),
        ),
        (
            "[{uri: /a, roles: [a, b], require-any-role: true, no-redirect: true}]",
            json!([{
                "match": {"path": "/a"}, "unauthenticated": "deny",
                "claims": [{"claim": "realm_access.roles", "values": ["a", "b"]}],
            }]),
        ),
        ("[{uri: /a, deny: true}]", json!([{"match": {"path": "/a"}, "access": "deny"}])),
        // Closed, where a rule cannot ask for the same.
        ("[{uri: /a, headers: ['x:y']}]", json!([{"match": {"path": "/a"}, "access": "deny"}])),
        ("[{uri: /a, acr: [gold]}]", json!([{"match": {"path": "/a"}, "access": "deny"}])),
        (
            "[{uri: /a, roles: [a, 'api:b'], require-any-role: true}]",
            json!([{"match": {"path": "/a"}, "access": "deny"}]),
        ),
        ("[{uri: /a, white-listed-anon: true}]", json!([{"match": {"path": "/a"}}])),
    ] {
        assert_eq!(rules(resources), expected, "{resources}");
    }
}

#[test]
fn switches_for_every_path_become_a_last_rule() {
    let last = |more: &str| migrated(more)["rules"].as_array().unwrap().last().unwrap().clone();
    let all = json!({"path_prefix": "/"});
    assert_eq!(last("enable-default-deny-strict: true\n"), json!({"match": all, "access": "deny"}));
    assert_eq!(last("no-redirects: true\n"), json!({"match": all, "unauthenticated": "deny"}));
    let both = "no-redirects: true\nresources: [{uri: '/*', roles: [a]}]\n";
    let claims = json!([{"claim": "realm_access.roles", "values": ["a"]}]);
    assert_eq!(last(both), json!({"match": all, "unauthenticated": "deny", "claims": claims}));
    assert_eq!(
        migrated("enable-default-deny-strict: true\nresources: [{uri: '/*'}]\n")["rules"],
        json!(null)
    );
}

#[test]
fn settings_are_carried_over() {
    let made = migrated(
        "client-auth-method: secret-body
skip-authorization-header-identity: true
enable-authorization-header: false
secure-cookie: false
same-site-cookie: Strict
post-logout-redirect-uri: https://app.example/bye
add-claims: [given_name, a.b]
",
    );
    for (path, value) in [
        ("/client/token_endpoint_auth_method", json!("client_secret_post")),
        ("/client/client_secret", json!({"env": "CLIENT_SECRET"})),
        ("/bearer", json!(false)),
        ("/upstream/authorization", json!("none")),
        ("/session/cookie", json!({"secure": false, "same_site": "strict"})),
        ("/logout/post_logout_redirect_uri", json!("https://app.example/bye")),
        ("/upstream/headers/x-auth-given-name", json!("given_name")),
        ("/upstream/headers/x-auth-a-b", json!("a\\.b")),
        ("/provider/issuer", json!("https://keycloak.example/realms/acme")),
    ] {
        assert_eq!(made.pointer(path), Some(&value), "{path}");
    }
}
