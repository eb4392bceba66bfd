//! The whole configuration: defaults, every mistake at once, what is not supported yet.

use std::time::Duration;

use serde_json::json;

use super::testing::{config, env, problems, read, warnings};
use super::*;
use crate::http::SameSite;
use crate::jose::Algorithm;

#[test]
fn the_smallest_configuration_has_the_documented_defaults() {
    let Loaded { config, warnings } = read(json!({})).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.provider.timeout, Duration::from_secs(5));
    assert_eq!(config.provider.authority, None);
    assert!(config.provider.discovery);
    assert_eq!(config.provider.metadata, MetadataOverrides::default());
    assert!(matches!(&config.client.authentication,
        ClientAuthentication::SecretBasic(secret) if secret.equals("hunter2")));
    assert_eq!(config.client.scope, ["openid"]);
    assert_eq!(config.client.authorization_parameters, []);
    assert_eq!(config.id_token.audiences, ["APP-frontend"]);
    assert_eq!(config.id_token.signing_algorithms, Algorithm::ALL);
    let access_token = config.access_token.unwrap();
    assert_eq!(access_token.audiences, ["APP-backend"]);
    assert_eq!(access_token.scope, [""; 0]);
    let AccessTokenFormat::Jwt { typ, signing_algorithms } = access_token.format else { panic!() };
    assert_eq!(typ, ["jwt", "at+jwt"]);
    assert_eq!(signing_algorithms, Algorithm::ALL);
    assert!(access_token.issuer.is_exactly("https://keycloak.local/realms/acme"));
    assert_eq!(config.clock_skew, Duration::from_secs(30));
    assert!(config.login && config.bearer);
    assert_eq!(config.origins, []);
    assert_eq!(
        config.endpoints.all(),
        ["/oauth2/login", "/oauth2/callback", "/oauth2/logout", "/oauth2/session"]
    );
    assert_eq!(config.post_logout_redirect_uri, None);
    let session = config.session.unwrap();
    assert_eq!(
        session.cookie,
        Cookie {
            name: "__Host-oidc_gate".to_owned(),
            same_site: SameSite::Lax,
            secure: true,
            max_count: 4
        }
    );
    assert_eq!(session.idle_timeout, Duration::from_secs(3600));
    assert_eq!(session.max_age, Duration::from_secs(12 * 3600));
    assert_eq!(session.refresh_margin, Duration::from_secs(30));
    assert_eq!(config.upstream.authorization, Authorization::AccessToken);
    assert_eq!(config.upstream.headers, []);
    assert_eq!(config.rules, []);
}

#[test]
fn every_mistake_is_reported_at_once_by_its_path() {
    let change = json!({
        "provider": {"issuer": "keycloak.local", "cluster": ""},
        "client": {"client_secret": "hunter2", "clientId": 5},
        "access_token": {"audiences": []},
        "clock_skew": "10m",
        "session": {"keys": [{"env": "NOT_SET"}], "max_age": 43200},
        "rules": [{"match": {"path_prefix": "api"}}, {"acess": "public"}],
        "endpoint": {}
    });
    assert_eq!(
        problems(change),
        r#"endpoint: unknown key; hint: did you mean `endpoints`?
clock_skew: must be 0s to 5m, found "10m"
provider.issuer: must begin with https:// or http://, found "keycloak.local"; hint: for example https://keycloak.example/realms/acme
provider.cluster: must not be empty
client.clientId: unknown key; hint: did you mean `client_id`?
client.client_secret: expected an object, found a string; hint: write {env: NAME}, or {inline: ".."}
access_token.audiences: must not be empty
session.keys[0].env: this environment variable is not set; hint: Envoy hands on only what vm_config.environment_variables names, Istio only what vmConfig.env names
session.max_age: expected a duration, found a number; hint: write the unit: 43200s, or 43200ms, 43200m, 43200h
rules[0].match.path_prefix: must start with "/", found "api"; hint: write "/api"
rules[1].acess: unknown key; hint: did you mean `access`?
rules[1].match: missing; hint: say what it is for: match: {path_prefix: /api}"#
    );
}

#[test]
fn an_empty_object_is_told_what_is_required() {
    let read = Config::read(b"{}", &env).unwrap_err().to_string();
    assert_eq!(
        read,
        "provider.issuer: missing; hint: write the provider's `issuer` as its discovery document has it
provider.cluster: missing; hint: name the host's cluster that reaches the provider
client.client_id: missing; hint: write it as registered at the provider
client.client_secret: missing; hint: write {env: NAME}; for a public client `token_endpoint_auth_method: none`
access_token.audiences: missing; hint: name the API that the token is for: [APP-backend]; needed by `bearer: true`
session.keys: missing; hint: write [{env: SESSION_KEY}]"
    );
}

#[test]
fn what_is_known_and_comes_later_is_refused() {
    let change = json!({
        "client": {
            "private_key": {"env": "KEY"},
            "token_endpoint_auth_method": "private_key_jwt",
            "pushed_authorization_requests": "auto",
            "dpop": "required",
            "userinfo": true
        },
        "endpoints": {"backchannel_logout": "/oauth2/backchannel-logout"},
        "upstream": {"headers": {"x-mail": "userinfo.email"}}
    });
    let problems = problems(change);
    let refused: Vec<_> = problems
        .lines()
        .map(|line| line.split_once(": not supported yet; hint: ").expect(line).0)
        .collect();
    assert_eq!(
        refused,
        [
            "client.private_key",
            "client.token_endpoint_auth_method",
            "client.pushed_authorization_requests",
            "client.dpop",
            "client.userinfo",
            "upstream.headers.x-mail",
            "endpoints.backchannel_logout"
        ]
    );
}

#[test]
fn what_comes_later_may_be_written_where_it_asks_for_nothing() {
    config(json!({
        "client": {"pushed_authorization_requests": "off", "dpop": "off", "userinfo": false},
        "access_token": {"format": "jwt"}
    }));
}

#[test]
fn wrong_types_say_what_was_expected() {
    let change = json!({
        "provider": [], "login": "false", "client": {"dpop": false, "scope": "openid profile"},
        "session": {"cookie": {"max_count": 9, "secure": 1}, "idle_timeout": 1.5},
        "upstream": {"authorization": "acces_token"}
    });
    assert_eq!(
        problems(change),
        r#"login: expected true or false, found a string; hint: write false, without quotes
provider: expected an object, found an array
client.scope: expected a list, found a string; hint: write it in brackets, as a list of one
client.dpop: expected one of off, auto, required, found a boolean; hint: write the word in quotes
upstream.authorization: expected one of access_token, id_token, none, found "acces_token"; hint: did you mean `access_token`?
session.cookie.secure: expected true or false, found a number
session.cookie.max_count: expected an integer from 1 to 8, found 9
session.idle_timeout: expected a duration, found a number; hint: write a whole number and a unit: 500ms, 30s, 10m or 8h"#
    );
    assert_eq!(
        Config::read(br#"{"rules": null}"#, &env).unwrap_err().iter().last().unwrap().to_string(),
        "rules: expected a list, found null; hint: leave the key out for its default"
    );
}

#[test]
fn without_login_the_client_and_the_session_may_be_missing() {
    let config = config(json!({"login": false, "client": null, "session": null}));
    assert!(config.session.is_none());
    // No ID token can pass rules without an audience.
    assert_eq!(config.id_token.audiences, [""; 0]);
    assert_eq!(
        warnings(json!({"login": false})),
        "client: has no effect with `login: false`\nsession: has no effect with `login: false`"
    );
    let forms = json!({"login": false, "client": null, "session": null, "preserve_post": true});
    assert_eq!(warnings(forms.clone()), "preserve_post: has no effect with `login: false`");
    assert!(!super::testing::config(forms).preserve_post);
    assert!(super::testing::config(json!({"preserve_post": true})).preserve_post);
    assert_eq!(
        problems(json!({
            "login": false, "bearer": false,
            "upstream": {"authorization": "id_token", "headers": {"x-user": "id_token.sub"}},
            "rules": [{"match": {"path": "/"}, "unauthenticated": "redirect"}]
        })),
        "upstream.authorization: id_token needs `login`: there is none without it; hint: write access_token or none
upstream.headers.x-user: an ID token needs `login`: there is none without it
rules[0].unauthenticated: redirect contradicts `login: false`: nobody is sent to the provider; hint: leave one of them out
bearer: with `login: false` too, nobody can pass; hint: leave one of them out"
    );
}

#[test]
fn the_access_token_may_be_missing_only_where_none_is_used() {
    let without = |bearer: bool, authorization: &str, claim: &str| {
        let upstream = json!({"authorization": authorization, "headers": {"x-user": claim}});
        read(json!({"access_token": null, "bearer": bearer, "upstream": upstream}))
    };
    assert_eq!(without(false, "id_token", "id_token.sub").unwrap().config.access_token, None);
    assert_eq!(without(false, "none", "id_token.sub").unwrap().config.access_token, None);
    for (refused, by) in [
        (without(true, "id_token", "id_token.sub"), "`bearer: true`"),
        (without(false, "access_token", "id_token.sub"), "`upstream.authorization: access_token`"),
        (without(false, "none", "sub"), "`upstream.headers`"),
    ] {
        let expected = format!(
            "access_token.audiences: missing; hint: name the API that the token is for: \
             [APP-backend]; needed by {by}"
        );
        assert_eq!(refused.unwrap_err(), expected);
    }
}

#[test]
fn one_list_of_audiences_never_fills_the_other() {
    let config = config(json!({"id_token": {"audiences": ["APP-frontend", "other"]}}));
    assert_eq!(config.id_token.audiences, ["APP-frontend", "other"]);
    assert_eq!(config.access_token.unwrap().audiences, ["APP-backend"]);
    assert_eq!(
        warnings(json!({"access_token": {"audiences": ["APP-frontend"]}})),
        "access_token.audiences: names the client itself, as ID tokens do: \
         give the API an audience of its own"
    );
}

#[test]
fn a_flood_of_mistakes_is_cut() {
    let members: Vec<String> = (0..2000).map(|number| format!("\"k{number}\":0")).collect();
    let json = format!("{{{}}}", members.join(","));
    let problems = Config::read(json.as_bytes(), &env).unwrap_err();
    assert_eq!(problems.iter().count(), 101);
    assert_eq!(problems.iter().last().unwrap().to_string(), "and 1906 more problems");
}

#[test]
fn names_from_outside_cannot_break_a_line() {
    let problems = problems(json!({"client": {"a\nb\u{1b}[31m": 1, "c.d": 2}}));
    assert_eq!(problems, "client[\"a\\nb\\u{1b}[31m\"]: unknown key\nclient[\"c.d\"]: unknown key");
}

#[test]
fn no_secret_is_ever_quoted() {
    let secret = "S3cr3t-S3cr3t";
    for client in [
        json!({"client_secret": secret}),
        json!({"client_secret": [secret]}),
        json!({"client_secret": {"env": secret}}),
        json!({"client_secret": {"env": "S3cr3tS3cr3t"}}),
        json!({"client_secret": {"env": null, "inline": format!("{secret}\n")}}),
        json!({"client_secret": {"env": null, "inline": [secret]}}),
        json!({"client_secret": {"env": null, secret: true}}),
        json!({"client_secret": {"env": null, "inline": secret}, "token_endpoint_auth_method": "none"}),
        json!({"authorization_parameters": {"client_secret": secret}}),
    ] {
        let change = json!({"client": client, "session": {"keys": [secret, {"inline": secret}]}});
        let problems = problems(change);
        assert!(!problems.to_lowercase().contains("s3cr3t"), "{problems}");
    }
    let url = format!("https://user:{secret}@keycloak.local/");
    let change = json!({
        "provider": {"issuer": url, "authority": url, "metadata": {"token_endpoint": url}},
        "origins": [url], "logout": {"post_logout_redirect_uri": url}
    });
    let problems = problems(change);
    assert_eq!(problems.lines().count(), 5);
    assert!(!problems.contains(secret), "{problems}");
    let loaded = read(json!({})).unwrap();
    assert!(!format!("{loaded:?}").contains("hunter2"));
}

#[test]
fn warnings_stand_beside_mistakes_each_with_its_path() {
    let whole = json!({"login": false, "session": {}, "access_token": {"audiences": ["a", "a"]}});
    let refused = Config::read(whole.to_string().as_bytes(), &env).unwrap_err();
    let warnings: Vec<_> = refused.warnings().iter().map(|it| it.path.as_str()).collect();
    assert_eq!(warnings, ["access_token.audiences[1]", "session"]);
    assert!(refused.iter().any(|problem| problem.path == "provider.issuer"));
    assert!(!refused.to_string().contains("stands twice"), "problems alone are printed");
}
