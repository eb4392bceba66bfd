//! Where metadata is found, what it says, and every mistake.

use serde_json::{Value, json};

use crate::config::testing::{config, problems, read, warnings};
use crate::config::{Config, ProtectedResource};

/// A gate before an API that takes tokens for its own URL.
fn with(resource: Value) -> Value {
    json!({
        "access_token": {"audiences": ["https://mcp.example/mcp"], "scope": ["tools"]},
        "protected_resource": resource,
    })
}

fn resource(url: &str) -> ProtectedResource {
    of(config(with(json!({"resource": url}))))
}

fn of(config: Config) -> ProtectedResource {
    config.protected_resource.expect("it is configured")
}

fn refused(resource: Value) -> String {
    problems(with(resource))
}

#[test]
fn section_3_1_the_well_known_string_stands_between_host_and_path() {
    for (url, path, place) in [
        ("https://mcp.example", "", "https://mcp.example"),
        ("https://mcp.example/", "", "https://mcp.example"),
        ("https://mcp.example/mcp", "/mcp", "https://mcp.example"),
        ("https://mcp.example/mcp/", "/mcp/", "https://mcp.example"),
        ("https://mcp.example/a/b.c", "/a/b.c", "https://mcp.example"),
        ("https://mcp.example:8443/mcp", "/mcp", "https://mcp.example:8443"),
        ("https://mcp.example:443/mcp", "/mcp", "https://mcp.example"),
        ("https://MCP.example/MCP", "/MCP", "https://mcp.example"),
        ("https://[2001:db8::1]:8443", "", "https://[2001:db8::1]:8443"),
    ] {
        let read = resource(url);
        let expected = format!("/.well-known/oauth-protected-resource{path}");
        assert_eq!(read.metadata_path(), expected, "{url}");
        assert_eq!(read.metadata_url(), format!("{place}{expected}"), "{url}");
        assert_eq!(read.resource.as_str(), url, "clients compare it byte for byte (section 3.3)");
    }
}

#[test]
fn a_resource_is_for_what_is_at_its_path_or_below_in_whole_segments() {
    let read = resource("https://mcp.example/mcp");
    for path in ["/mcp", "/mcp/", "/mcp/x"] {
        assert!(read.covers(path.as_bytes()), "{path}");
    }
    for path in ["", "/", "/mc", "/mcpx", "/x/mcp", "/MCP"] {
        assert!(!read.covers(path.as_bytes()), "{path}");
    }
    let whole = resource("https://mcp.example/");
    assert!(["/", "/x", "/mcp/x"].iter().all(|path| whole.covers(path.as_bytes())));
}

#[test]
fn what_is_not_said_comes_from_the_provider_and_from_what_tokens_must_have() {
    let read = resource("https://mcp.example/mcp");
    let issuers: Vec<_> = read.authorization_servers.iter().map(|issuer| issuer.as_str()).collect();
    assert_eq!(issuers, ["https://keycloak.local/realms/acme"]);
    assert_eq!(read.scopes_supported, ["tools"]);
    let read = of(config(with(json!({
        "resource": "https://mcp.example/mcp",
        "authorization_servers": ["https://proxy.example", "https://keycloak.local/realms/acme"],
        "scopes_supported": []
    }))));
    let issuers: Vec<_> = read.authorization_servers.iter().map(|issuer| issuer.as_str()).collect();
    assert_eq!(issuers, ["https://proxy.example", "https://keycloak.local/realms/acme"]);
    assert!(read.scopes_supported.is_empty());
    assert!(config(json!({})).protected_resource.is_none());
}

#[test]
fn a_rule_has_its_own_with_its_own_scope() {
    let rule = |members: Value| {
        let mut rule = json!({
            "match": {"path_prefix": "/files"},
            "protected_resource": {"resource": "https://mcp.example/files"}
        });
        rule.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({"access_token": {"scope": ["tools"]}, "rules": [rule]})
    };
    let audiences = json!({"audiences": ["https://mcp.example/files"], "scope": ["files"]});
    let change = rule(json!({"access_token": audiences}));
    assert_eq!(warnings(change.clone()), "");
    let config = config(change);
    assert!(config.protected_resource.is_none());
    let read = config.rules[0].protected_resource.as_ref().unwrap();
    assert_eq!(read.resource.as_str(), "https://mcp.example/files");
    assert_eq!(read.scopes_supported, ["files"]);
    assert_eq!(
        warnings(rule(json!({}))),
        "rules[0].protected_resource.resource: is none of rules[0].access_token.audiences, \
         \"APP-backend\": clients ask for a token with this `resource` (RFC 8707), which many \
         providers write into `aud`, and it would be refused; add it to the list, or have the \
         provider write one of these for it"
    );
    for access in ["public", "deny"] {
        assert_eq!(
            problems(rule(json!({"access": access}))),
            format!(
                "rules[0].protected_resource: contradicts `access: {access}`: no token is looked \
                 at; hint: leave one of them out"
            )
        );
    }
}

#[test]
fn a_resource_is_an_https_url_with_a_plain_path() {
    for (url, what) in [
        ("mcp.example", "must begin with https:// or http://"),
        ("https://mcp.example/mcp#x", "must not hold a fragment (no #)"),
        ("https://mcp.example/mcp?x=1", "must not have a query: its metadata is found by the path"),
        ("https://mcp.example?x=1", "must not have a query: its metadata is found by the path"),
        ("https://mcp.example/a/../b", "must not have a segment . or .."),
        ("https://mcp.example//mcp", "must not have an empty segment (//)"),
        ("https://mcp.example/%6dcp", "must not have an escape (%)"),
        (
            "https://mcp.example/a;b",
            "must not have \";\" or \"\\\", which servers read differently",
        ),
        ("https://mcp.example/a\"b", "must be written as clients send it"),
        ("https://mcp.example/{id}", "must be written as clients send it"),
        ("http://mcp.example/mcp", "must be https"),
    ] {
        let found = refused(json!({"resource": url}));
        let expected = format!("protected_resource.resource: {what}");
        assert!(found.starts_with(&expected), "{url}: {found}");
    }
    assert_eq!(
        refused(json!({"scopes_supported": ["a b"], "authorization_servers": []})),
        "protected_resource.resource: missing; hint: write the API's URL as its clients have it: \
         https://mcp.example/mcp
protected_resource.authorization_servers: must not be empty
protected_resource.scopes_supported[0]: must be one name, found \"a b\"; hint: write each as a \
member of its own"
    );
    assert!(refused(json!({"resources": "x"})).contains("did you mean `resource`?"));
    let password = refused(json!({"resource": "https://alice:hunter2@mcp.example"}));
    assert!(!password.contains("hunter2"), "{password}");
}

#[test]
fn plain_http_is_for_development_on_this_machine() {
    let at = |url: &str, change: Value| {
        let mut whole = with(json!({"resource": url}));
        whole.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        read(whole).map(|_| ())
    };
    let plain = json!({"session": {"cookie": {"secure": false}}});
    for url in ["http://localhost:10000/mcp", "http://127.0.0.1:10000/mcp"] {
        assert_eq!(at(url, json!({"login": false})), Ok(()));
        assert_eq!(at(url, plain.clone()), Ok(()));
        let refused = at(url, json!({})).unwrap_err();
        assert!(refused.contains("must be https"), "{refused}");
    }
    for change in [plain, json!({"login": false})] {
        let refused = at("http://mcp.example/mcp", change).unwrap_err();
        assert_eq!(
            refused,
            "protected_resource.resource: must be https, found \"http://mcp.example/mcp\"; hint: \
             http is for localhost alone, with `login: false` or `session.cookie.secure: false`"
        );
    }
}

#[test]
fn a_resource_is_no_audience_by_itself() {
    let change = json!({"protected_resource": {"resource": "https://mcp.example/mcp"}});
    let config = config(change.clone());
    assert_eq!(config.access_token.unwrap().audiences, ["APP-backend"]);
    let told = warnings(change);
    assert!(told.starts_with("protected_resource.resource: is none of access_token.audiences"));
    // Byte for byte, as `aud` is compared.
    let slash = warnings(with(json!({"resource": "https://mcp.example/mcp/"})));
    assert!(slash.contains("is none of access_token.audiences"), "{slash}");
    assert_eq!(warnings(with(json!({"resource": "https://mcp.example/mcp"}))), "");
}

#[test]
fn what_would_send_clients_astray_is_told() {
    let elsewhere = json!({
        "resource": "https://mcp.example/mcp", "authorization_servers": ["https://proxy.example"]
    });
    assert_eq!(
        warnings(with(elsewhere)),
        "protected_resource.authorization_servers: does not name provider.issuer, \
         \"https://keycloak.local/realms/acme\": tokens with any other `iss` are refused"
    );
    let mut change = with(json!({"resource": "https://mcp.example/mcp"}));
    change["origins"] = json!(["https://mcp.example"]);
    assert_eq!(warnings(change.clone()), "");
    change["origins"] = json!(["https://mcp.example:8443", "https://app.example"]);
    assert_eq!(
        warnings(change),
        "protected_resource.resource: is at https://mcp.example, none of `origins`: its clients \
         are answered 421"
    );
    let mut change = with(json!({"resource": "https://mcp.example/mcp"}));
    change["bearer"] = false.into();
    assert_eq!(
        problems(change),
        "protected_resource: is of no use with `bearer: false`: who reads it comes with a token; \
         hint: leave one of them out"
    );
    let mut change = with(json!({"resource": "https://mcp.example/mcp"}));
    let rule = json!({
        "match": {"path_prefix": "/mcp"},
        "protected_resource": {"resource": "https://mcp.example/mcp"}
    });
    change["rules"] = json!([rule]);
    assert_eq!(warnings(change.clone()), "", "the same document in the same place");
    change["rules"][0]["protected_resource"]["scopes_supported"] = json!(["other"]);
    assert_eq!(
        problems(change),
        "rules[0].protected_resource.resource: has the metadata of protected_resource.resource, \
         https://mcp.example/.well-known/oauth-protected-resource/mcp, and other members; hint: \
         write the same in both, or leave one of them out"
    );
    let mut change = with(json!({"resource": "https://mcp.example"}));
    change["endpoints"] = json!({"session": "/.well-known/oauth-protected-resource"});
    assert!(problems(change).contains("one of `endpoints`"));
}
