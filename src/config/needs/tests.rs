//! What rules may ask of tokens, and what of that is refused.

use serde_json::{Value, json};

use super::*;
use crate::config::testing::{config, problems, warnings};
use crate::config::{Ask, Way};

fn needs(rule: Value) -> Needs {
    config(json!({"rules": [with_match(rule)]})).rules.remove(0).needs
}

fn refused(rule: Value) -> String {
    problems(json!({"rules": [with_match(rule)]}))
}

fn with_match(mut rule: Value) -> Value {
    rule["match"] = json!({"path_prefix": "/api"});
    rule
}

#[test]
fn a_rules_audiences_and_scope_stand_instead_of_the_global_ones_each_by_itself() {
    let global = config(json!({"access_token": {"scope": ["openid"]}})).access_token.unwrap();
    let read = |access_token: Value| {
        config(json!({
            "access_token": {"scope": ["openid"]},
            "rules": [with_match(json!({"access_token": access_token}))],
        }))
        .rules
        .remove(0)
        .needs
        .access_token
        .unwrap()
    };
    let audiences = read(json!({"audiences": ["good-service", "urn:b"], "acquire": "session"}));
    assert_eq!(audiences.audiences, ["good-service", "urn:b"]);
    assert_eq!(audiences.scope, global.scope);
    let scope = read(json!({"scope": []}));
    assert_eq!((&scope.audiences, scope.scope.len()), (&global.audiences, 0));
    let as_before = AccessTokenRules { audiences: global.audiences.clone(), ..audiences };
    assert_eq!(as_before, global, "nothing else of it changes");
    assert_eq!(needs(json!({})), Needs::default());
}

#[test]
fn a_refresh_is_asked_for_what_it_can_get() {
    let token = |more: Value| {
        let mut token = json!({"audiences": ["a"], "acquire": "refresh_token"});
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"access_token": token})
    };
    assert_eq!(
        refused(token(json!({"audience": "a", "scope": ["a"]}))),
        "rules[0].access_token.audience: is of no use to `refresh_token`; hint: a refresh names \
         `scope` and `resource` (RFC 6749 section 6, RFC 8707)"
    );
    let warned = |client_scope: Value| {
        let rule = with_match(token(json!({"scope": ["a"]})));
        warnings(json!({"client": {"scope": client_scope}, "rules": [rule]}))
    };
    assert_eq!(
        warned(json!(["openid"])),
        "rules[0].access_token.scope: `a` is not in client.scope: a refresh only narrows what was \
         granted at login"
    );
    assert_eq!(warned(json!(["openid", "a"])), "");
}

#[test]
fn tokens_that_are_asked_for_otherwise_are_not_the_same() {
    let asks = |more: Value| {
        let mut token = json!({"audiences": ["a"], "acquire": "token_exchange", "scope": ["a"]});
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        needs(json!({"access_token": token})).acquire.unwrap().ask
    };
    let all = [
        asks(json!({})),
        asks(json!({"acquire": "refresh_token"})),
        asks(json!({"acquire": "authorization_code"})),
        asks(json!({"audience": "a"})),
        asks(json!({"resource": "a"})),
        asks(json!({"scope": ["a", "b"]})),
        asks(json!({"audiences": ["a", "b"]})),
        asks(json!({"extra_audiences": "allow"})),
    ];
    for (index, ask) in all.iter().enumerate() {
        assert!(!all[..index].contains(ask), "{index}");
    }
    assert_eq!(asks(json!({})), all[0]);
    assert_eq!(all[0].name().len(), 11);
}

#[test]
fn what_a_token_is_asked_for_is_read() {
    let acquire = |access_token: Value| {
        let acquire = needs(json!({"access_token": access_token})).acquire;
        acquire.map(|acquire| Acquire { ask: Ask::default(), ..acquire })
    };
    let one = json!({
        "audiences": ["good"], "acquire": "token_exchange", "audience": "good", "scope": ["g"]
    });
    let (way, ask) = (Way::TokenExchange, Ask::default());
    let expected = Acquire {
        way,
        audience: vec!["good".to_owned()],
        scope: vec!["g".to_owned()],
        resource: Vec::new(),
        extra_audiences: false,
        like: 0,
        ask,
    };
    assert_eq!(acquire(one), Some(expected.clone()));
    let lists = json!({
        "audiences": ["good"], "acquire": "token_exchange", "audience": ["good", "b"],
        "resource": "https://good.example", "extra_audiences": "allow"
    });
    let audience = vec!["good".to_owned(), "b".to_owned()];
    let resource = vec!["https://good.example".to_owned()];
    let (scope, extra_audiences) = (Vec::new(), true);
    let more = Acquire { way, audience, scope, resource, extra_audiences, like: 0, ask };
    assert_eq!(acquire(lists), Some(more));
    assert_eq!(acquire(json!({"audiences": ["good"]})), None);
}

#[test]
fn rules_that_ask_for_the_same_token_share_it() {
    let asks = |path: &str, audiences: &str, audience: &str| {
        json!({
            "match": {"path": path},
            "access_token": {
                "audiences": [audiences], "acquire": "token_exchange", "audience": audience
            }
        })
    };
    let rules = config(json!({"rules": [
        {"match": {"path": "/0"}},
        asks("/1", "a", "a"),
        asks("/2", "b", "a"),
        asks("/3", "a", "a"),
        asks("/4", "a", "b"),
    ]}))
    .rules;
    let like = |rule: usize| rules[rule].needs.acquire.as_ref().map(|acquire| acquire.like);
    assert_eq!([0, 1, 2, 3, 4].map(like), [None, Some(1), Some(2), Some(1), Some(4)]);
}

#[test]
fn a_token_that_is_acquired_is_for_audiences_of_its_own() {
    let rule = json!({"access_token": {"scope": ["a"], "acquire": "token_exchange"}});
    assert_eq!(
        refused(rule),
        "rules[0].access_token.audiences: missing; hint: name the service that it is for: \
         [good-service]"
    );
}

#[test]
fn a_public_client_is_warned_that_it_may_get_no_token() {
    let rule = json!({"access_token": {
        "audiences": ["a"], "acquire": "token_exchange", "audience": "a"
    }});
    let public = json!({
        "client": {"client_secret": null, "token_endpoint_auth_method": "none"},
        "rules": [with_match(rule.clone())],
    });
    assert_eq!(
        warnings(public),
        "rules[0].access_token.acquire: most providers exchange no tokens for a client without a \
         secret"
    );
    assert_eq!(warnings(json!({"rules": [with_match(rule)]})), "");
}

#[test]
fn a_token_that_can_not_be_asked_for_is_refused() {
    let exchange = |more: Value| {
        let mut token = json!({"audiences": ["a"], "acquire": "token_exchange", "audience": "a"});
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with_match(json!({"access_token": token}))
    };
    assert_eq!(
        refused(json!({"access_token": {"audiences": ["a"], "acquire": "token_exchange"}})),
        "rules[0].access_token.acquire: asks for nothing: needs `audience`, `scope` or `resource`; \
         hint: what the provider takes: Keycloak wants `audience` and `scope`"
    );
    assert_eq!(
        problems(json!({"login": false, "rules": [exchange(json!({}))]})),
        "rules[0].access_token.acquire: needs `login`: there is no session without it"
    );
    assert_eq!(
        problems(json!({"upstream": {"authorization": "none"}, "rules": [exchange(json!({}))]})),
        "rules[0].access_token.acquire: is of no use: no access token goes upstream; hint: write \
         `upstream.authorization: access_token`"
    );
    assert_eq!(
        problems(json!({"rules": [exchange(json!({"audience": " a", "resource": [7]}))]})),
        "rules[0].access_token.audience: must be at most 1024 bytes without blanks round it, found \" a\"
rules[0].access_token.resource[0]: expected a string, found a number"
    );
    assert_eq!(
        refused(json!({"access_token": {"audiences": ["a"], "audience": "a"}})),
        "rules[0].access_token.audience: has no effect on the session's own token; hint: write \
         `acquire: token_exchange`, or leave it out"
    );
}

#[test]
fn audiences_and_claims_that_say_nothing_are_refused() {
    assert_eq!(
        refused(json!({"access_token": {}})),
        "rules[0].access_token: needs `audiences` or `scope`"
    );
    assert_eq!(
        refused(json!({"access_token": {"audiences": []}})),
        "rules[0].access_token.audiences: must not be empty"
    );
    assert_eq!(
        refused(json!({"claims": {"a..b": ["x"], "c": [null], "role": [], "tier": "gold"}})),
        "rules[0].claims[\"a..b\"]: must be a claim's name, found \"a..b\"; hint: for example \
         realm_access.roles; a dot within a name is written \\.
rules[0].claims.c[0]: expected a string, a number or a boolean, found null
rules[0].claims.role: must not be empty
rules[0].claims.tier: expected a list, found a string; hint: write it in brackets, as a list of one"
    );
}

#[test]
fn claims_are_a_map_or_a_list_of_the_same() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = |claim| RequiredClaim {
        claim,
        values: vec![Json::String("admin".to_owned()), Json::Integer(3), Json::Bool(true)],
    };
    let values = json!(["admin", 3, true]);
    let roles = ClaimPath { token: ClaimSource::AccessToken, names: names(&["realm", "roles"]) };
    assert_eq!(needs(json!({"claims": {"realm.roles": values}})).claims, [expected(roles.clone())]);
    let listed = json!([{"claim": ["realm", "roles"], "values": values}]);
    assert_eq!(needs(json!({"claims": listed})).claims, [expected(roles)]);
    let url = ClaimPath { token: ClaimSource::IdToken, names: names(&["https://a.example/r"]) };
    let listed = json!([{"claim": ["id_token", "https://a.example/r"], "values": values}]);
    assert_eq!(needs(json!({"claims": listed})).claims, [expected(url.clone())]);
    let escaped = json!({r"id_token.https://a\.example/r": values});
    assert_eq!(needs(json!({"claims": escaped})).claims, [expected(url)]);
    assert_eq!(
        refused(json!({"claims": [{"claim": "role"}, {"values": ["a"]}, {"clam": "role"}]})),
        "rules[0].claims[0].values: missing; hint: for example [admin, auditor]
rules[0].claims[1].claim: missing; hint: for example [realm_access, roles]
rules[0].claims[2].clam: unknown key; hint: did you mean `claim`?
rules[0].claims[2].claim: missing; hint: for example [realm_access, roles]
rules[0].claims[2].values: missing; hint: for example [admin, auditor]"
    );
}

#[test]
fn tokens_that_are_not_there_are_not_asked_about() {
    for access in ["public", "deny"] {
        let rule = json!({
            "access": access,
            "access_token": {"audiences": ["a"]},
            "claims": {"role": ["admin"]},
        });
        let what = format!("contradicts `access: {access}`: no token is looked at");
        let hint = "leave one of them out";
        assert_eq!(
            refused(rule),
            format!(
                "rules[0].access_token: {what}; hint: {hint}\nrules[0].claims: {what}; hint: {hint}"
            )
        );
    }
    let without = json!({
        "bearer": false,
        "access_token": null,
        "upstream": {"authorization": "id_token"},
        "rules": [with_match(json!({"claims": {"role": ["a"], "id_token.role": ["a"]}}))],
    });
    assert_eq!(
        problems(without),
        "rules[0].claims.role: is a claim of the access token, and none is used; hint: write \
         id_token.NAME for a claim of the ID token, or configure `access_token`"
    );
    let without = json!({
        "bearer": false,
        "access_token": null,
        "upstream": {"authorization": "id_token"},
        "rules": [with_match(json!({"access_token": {"scope": ["a"]}}))],
    });
    assert_eq!(
        problems(without),
        "rules[0].access_token: none is used; hint: configure `access_token`"
    );
    let bearer_only = json!({
        "login": false,
        "rules": [with_match(json!({"claims": {"id_token.role": ["a"]}}))],
    });
    assert_eq!(
        problems(bearer_only),
        "rules[0].claims[\"id_token.role\"]: an ID token needs `login`: there is none without it"
    );
    let both = json!({"rules": [with_match(json!({"claims": {"id_token.role": ["a"]}}))]});
    assert_eq!(
        warnings(both),
        "rules[0].claims[\"id_token.role\"]: is a claim of the ID token: a client's own bearer \
         token has none, and is always refused here"
    );
}

#[test]
fn a_trip_wants_a_cookie_that_comes_back_from_the_provider() {
    let with = |same_site: &str| {
        let trip = json!({
            "audiences": ["good-service"], "acquire": "authorization_code", "scope": ["a"],
        });
        json!({
            "session": {"cookie": {"same_site": same_site}},
            "rules": [with_match(json!({"access_token": trip}))],
        })
    };
    assert_eq!(warnings(with("lax")), "");
    assert_eq!(
        problems(with("strict")),
        "rules[0].access_token.acquire: `authorization_code` never comes back to the session with \
         `session.cookie.same_site: strict`; hint: write `session.cookie.same_site: lax`, or \
         acquire it in another way"
    );
}
