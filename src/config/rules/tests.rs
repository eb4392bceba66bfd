//! What rules are for, who may pass, and what of it is refused or warned of.

use serde_json::{Value, json};

use super::*;
use crate::config::testing::{config, problems, warnings};

fn refused(rule: Value) -> String {
    problems(json!({"rules": [rule]}))
}

#[test]
fn rules_are_read_with_their_defaults() {
    let rules = config(json!({"rules": [
        {"match": {"path": "/healthz", "methods": ["GET", "HEAD"]}, "access": "public"},
        {"match": {"path_prefix": "/api"}, "unauthenticated": "deny"},
        {"match": {"methods": ["DELETE"]}, "access": "deny"},
        {"match": {"path_prefix": "/"}, "unauthenticated": "redirect"},
        {"match": {"route_name": "good"}}
    ]}))
    .rules;
    let methods = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let plain = |path| Rule {
        path,
        methods: None,
        route_name: None,
        access: Access::Authenticated,
        unauthenticated: Unauthenticated::Auto,
        needs: Needs::default(),
        protected_resource: None,
    };
    assert_eq!(
        rules,
        [
            Rule {
                methods: Some(methods(&["GET", "HEAD"])),
                access: Access::Public,
                ..plain(PathMatch::Exact("/healthz".to_owned()))
            },
            Rule {
                unauthenticated: Unauthenticated::Deny,
                ..plain(PathMatch::Prefix("/api".to_owned()))
            },
            Rule {
                methods: Some(methods(&["DELETE"])),
                access: Access::Deny,
                ..plain(PathMatch::Any)
            },
            Rule {
                unauthenticated: Unauthenticated::Redirect,
                ..plain(PathMatch::Prefix("/".to_owned()))
            },
            Rule { route_name: Some("good".to_owned()), ..plain(PathMatch::Any) }
        ]
    );
}

#[test]
fn a_rule_says_what_it_is_for() {
    assert_eq!(
        refused(json!({"access": "public"})),
        "rules[0].match: missing; hint: say what it is for: match: {path_prefix: /api}"
    );
    assert_eq!(
        refused(json!({"match": {}, "access": "public"})),
        "rules[0].match: needs `path`, `path_prefix`, `methods` or `route_name`; \
         hint: for every request: {path_prefix: /}"
    );
    assert_eq!(
        refused(json!({"match": {"path": "/a", "path_prefix": "/a"}})),
        "rules[0].match.path_prefix: contradicts `path`; hint: leave one of them out"
    );
    assert_eq!(
        refused(json!({"match": {"prefix": "/a"}})),
        "rules[0].match.prefix: unknown key; hint: did you mean `path_prefix`?"
    );
}

#[test]
fn paths_that_cannot_match_or_match_too_much_are_refused() {
    assert_eq!(
        refused(json!({"match": {"path_prefix": "/api/"}})),
        "rules[0].match.path_prefix: must not end in \"/\", found \"/api/\"; \
         hint: \"/api\" is for it and all below, whole segments"
    );
    assert_eq!(
        refused(json!({"match": {"path": "/api/*"}})),
        "rules[0].match.path: must not have a pattern (*), found \"/api/*\"; \
         hint: path_prefix \"/api\" is for it and all below"
    );
    assert_eq!(
        refused(json!({"match": {"path": "/admin?/favicon.ico"}})),
        "rules[0].match.path: must not have a query or fragment, found \
         \"/admin?/favicon.ico\"; hint: rules and endpoints look at the path alone: \"/admin\""
    );
    assert_eq!(
        refused(json!({"match": {"path_prefix": "/a/../b"}})),
        "rules[0].match.path_prefix: must not have a segment . or .., found \"/a/../b\""
    );
}

#[test]
fn methods_are_in_upper_case() {
    assert_eq!(
        refused(json!({"match": {"methods": ["get", "PO ST", "GET"]}})),
        "rules[0].match.methods[0]: must be in upper case, found \"get\"; hint: write GET
rules[0].match.methods[1]: must be a method's name, found \"PO ST\""
    );
    assert_eq!(
        refused(json!({"match": {"methods": []}})),
        "rules[0].match.methods: must not be empty"
    );
}

#[test]
fn contradictions_are_refused() {
    assert_eq!(
        refused(json!({"match": {"path": "/"}, "access": "public", "unauthenticated": "auto"})),
        "rules[0].unauthenticated: contradicts `access: public`: nobody is asked; \
         hint: leave one of them out"
    );
    assert_eq!(
        refused(json!({"match": {"path": "/"}, "access": "deny", "unauthenticated": "deny"})),
        "rules[0].unauthenticated: contradicts `access: deny`: nobody passes; \
         hint: leave one of them out"
    );
    assert_eq!(
        refused(json!({"match": {"path": "/"}, "access": "Public"})),
        "rules[0].access: expected one of public, authenticated, deny, found \"Public\"; \
         hint: did you mean `public`?"
    );
}

#[test]
fn a_rule_that_never_decides_is_warned_of() {
    let warned = |first: Value, second: Value| {
        warnings(json!({"rules": [{"match": first}, {"match": second}]}))
    };
    let never = "rules[1]: never matches: rules[0] matches all of it before";
    for (first, second) in [
        (json!({"path_prefix": "/"}), json!({"methods": ["GET"]})),
        (json!({"path_prefix": "/api"}), json!({"path": "/api"})),
        (json!({"path_prefix": "/api"}), json!({"path_prefix": "/api/x"})),
        (
            json!({"path": "/a", "methods": ["GET", "PUT"]}),
            json!({"path": "/a", "methods": ["PUT"]}),
        ),
        (json!({"methods": ["GET"]}), json!({"path_prefix": "/", "methods": ["GET"]})),
    ] {
        assert_eq!(warned(first.clone(), second.clone()), never, "{first} {second}");
    }
    for (first, second) in [
        (json!({"path_prefix": "/api"}), json!({"path": "/apiary"})),
        (json!({"path": "/api"}), json!({"path_prefix": "/api"})),
        (json!({"path": "/a", "methods": ["GET"]}), json!({"path": "/a"})),
        (json!({"path_prefix": "/a"}), json!({"methods": ["GET"]})),
    ] {
        assert_eq!(warned(first.clone(), second.clone()), "", "{first} {second}");
    }
}

#[test]
fn a_rule_over_the_gates_own_endpoints_is_warned_of() {
    let warned = |rule: Value| warnings(json!({"rules": [{"match": rule}]}));
    assert_eq!(
        warned(json!({"path_prefix": "/oauth2"})),
        "rules[0].match: /oauth2/login is the gate's own endpoint, which no rule changes"
    );
    assert_eq!(
        warned(json!({"path": "/oauth2/callback"})),
        "rules[0].match: /oauth2/callback is the gate's own endpoint, which no rule changes"
    );
    assert_eq!(warned(json!({"path_prefix": "/"})), "");
    assert_eq!(warned(json!({"path": "/oauth2/callbackstuff"})), "");
}

#[test]
fn a_rule_that_asks_more_of_get_than_of_head_is_warned_of() {
    let rule = |methods: Value, more: Value| {
        let mut rule = json!({"match": {"path_prefix": "/admin", "methods": methods}});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let warned = |rules: Value| warnings(json!({"rules": rules}));
    let rights = json!({"claims": {"roles": ["admin"]}});
    let warning = "rules[0].match.methods: GET is among them and HEAD is not: servers answer it as \
        they would GET, and another rule decides about it, or none";
    for more in [&rights, &json!({"access": "deny"})] {
        assert_eq!(warned(json!([rule(json!(["GET", "POST"]), more.clone())])), warning);
        assert_eq!(warned(json!([rule(json!(["GET", "HEAD"]), more.clone())])), "");
        assert_eq!(warned(json!([rule(json!(["POST"]), more.clone())])), "");
        let head = rule(json!(["HEAD"]), json!({}));
        assert_eq!(warned(json!([rule(json!(["GET"]), more.clone()), head])), "");
    }
    assert_eq!(warned(json!([rule(json!(["GET"]), json!({"access": "public"}))])), "");
}
