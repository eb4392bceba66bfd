//! `oidc-gate explain`: the gate's own judgement, all of it, and never the token.

use oidc_gate::config::AccessTokenRules;
use oidc_gate::crypto::Secret;
use oidc_gate::jose::PureRust;
use oidc_gate::token::AccessToken;
use oidc_gate::token::testing::{
    self, ISSUER, NOW, Signer, access_token, access_token_rules, with,
};
use serde_json::{Value, json};

use crate::{Run, run};

/// Files that a run reads, removed with it.
struct Files(std::path::PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oidc-gate-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const RULES: &str = "
rules:
- match: {path_prefix: /orders}
  access_token: {scope: [\"orders:write\"]}
- match: {path_prefix: /good}
  access_token: {audiences: [APP-backend], acquire: token_exchange, audience: APP-backend}
";

fn config() -> String {
    format!(
        "provider: {{issuer: '{ISSUER}', cluster: keycloak}}
client: {{client_id: APP-frontend, client_secret: {{env: CLIENT_SECRET}}}}
access_token: {{audiences: [APP-backend]}}
session: {{keys: [{{env: SESSION_KEY}}]}}
{RULES}"
    )
}

/// Explains a token by [`config`], at [`NOW`]; no output may have any part of it.
fn explain(name: &str, token: &Secret, keys: Option<&Signer>) -> Run {
    let files = Files::new(name);
    let config = files.write("gate.yaml", &config());
    let now = NOW.seconds().to_string();
    let mut arguments = vec!["explain", "--config", &config, "--now", &now];
    let jwks = keys.map(|keys| files.write("jwks.json", &keys.jwks()));
    if let Some(jwks) = &jwks {
        arguments.extend(["--jwks", jwks]);
    }
    let ran = run(&arguments, &format!("Bearer {}\n", token.expose()));
    let all = format!("{ran:?}");
    for part in token.expose().split('.').filter(|part| part.len() > 8) {
        assert!(!all.contains(part), "a part of the token is shown: {all}");
    }
    ran
}

/// The lines of the judgement under a heading, blanks made one.
fn under(ran: &Run, heading: &str) -> Vec<String> {
    let lines = ran.stdout.lines().skip_while(|line| !line.starts_with(heading));
    let lines = lines.take_while(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn signed(changes: Value) -> Secret {
    Signer::ed25519("k1").sign("JWT", &with(access_token(), changes))
}

#[test]
fn each_use_of_a_token_is_judged_check_by_check() {
    let ran = explain("each", &signed(json!({})), Some(&Signer::ed25519("k1")));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("This is an access token: its claim typ is \"Bearer\"\n"));
    assert!(ran.stdout.contains("  exp        2023-11-14T22:18:20Z, expires in 5 minutes\n"));
    let lines = under(&ran, "as access token (access_token)");
    assert_eq!(
        lines,
        [
            "as access token (access_token): accepted",
            "ok signature right, by \"EdDSA\"",
            "ok claims",
            "ok kind",
            "ok nbf, iat",
            "ok typ \"JWT\", expected one of \"jwt\", \"at+jwt\"",
            "ok iss \"https://keycloak.local/realms/acme\"",
            "ok aud \"APP-backend\", \"account\", expected \"APP-backend\"",
            "ok exp in 5 minutes",
            "ok scope nothing is asked for",
        ]
    );
    let lines = under(&ran, "as ID token");
    assert_eq!(lines[0], "as ID token, at login (id_token): refused");
    assert!(
        lines.contains(
            &"refused kind this is an access token (its claim typ is \"Bearer\"), expected an ID token"
                .to_owned()
        ),
        "{lines:?}"
    );
    assert!(
        lines.contains(
            &"- not reached: iss; aud; azp; exp; nbf, iat; nonce; acr; auth_time".to_owned()
        ),
        "{lines:?}"
    );
    let lines = under(&ran, "as access token, for rules[0] (path_prefix /orders): refused");
    let scope = lines.iter().find(|line| line.starts_with("refused scope")).unwrap();
    assert!(scope.contains("scope lacks \"orders:write\", found \"openid\""), "{scope}");
    // A token of one's own must name nobody else.
    let lines = under(&ran, "as access token, for rules[1] (path_prefix /good): refused");
    let other = lines.iter().find(|line| line.starts_with("refused other aud")).unwrap();
    assert!(other.contains("audience names \"account\" as well"), "{other}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let changes = json!({"aud": "account", "exp": 1_699_999_820, "iss": "https://other.example"});
    let ran = explain("wrong", &signed(changes), None);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("2023-11-14T22:10:20Z, expired 3 minutes ago"), "{}", ran.stdout);
    let lines = under(&ran, "as access token (access_token): refused");
    for expected in [
        "- signature not checked: there are no keys: --jwks FILE",
        "refused iss issuer is \"https://other.example\", expected \"https://keycloak.local/realms/acme\"",
        "refused aud audience is \"account\", expected one of \"APP-backend\"",
        "refused exp expired 180 s ago: exp is 1699999820, now is 1700000000",
        "ok scope nothing is asked for",
    ] {
        assert!(lines.contains(&expected.to_owned()), "{expected}: {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.contains("= At the provider, let the access token name")));
}

#[test]
fn kinds_are_told_apart_also_where_nothing_else_is_right() {
    let sign = |header: Value, payload: Value| {
        Signer::ed25519("k1").sign_text(&header.to_string(), &payload.to_string())
    };
    // Keycloak signs refresh tokens with a MAC, and offline ones have no `exp`.
    let mac = json!({"alg": "HS512", "typ": "JWT"});
    for (index, (header, payload, expected)) in [
        (
            mac.clone(),
            json!({"typ": "Refresh", "exp": 1}),
            "a refresh token: its claim typ is \"Refresh\"",
        ),
        (mac, json!({"typ": "Offline"}), "an offline refresh token: its claim typ is \"Offline\""),
        (json!({"alg": "RS256"}), json!({"events": {}}), "a logout token: it has the claim events"),
        (json!({"alg": "RS256"}), json!({"nonce": "n"}), "an ID token: it has the claim nonce"),
        (json!({"alg": "RS256"}), json!({"at_hash": "n"}), "an ID token: it has the claim at_hash"),
        (
            json!({"alg": "RS256", "typ": "application/at+JWT"}),
            json!({}),
            "an access token: its header typ is \"application/at+jwt\"",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let ran = explain(&format!("kinds-{index}"), &sign(header, payload), None);
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert_eq!(first, format!("This is {expected}"), "{ran:?}");
        assert_eq!(ran.code, 1);
    }
}

#[test]
fn a_refresh_token_is_accepted_as_nothing() {
    let changes = json!({"typ": "Refresh", "aud": ISSUER});
    let ran = explain("refresh", &signed(changes), Some(&Signer::ed25519("k1")));
    assert_eq!(ran.code, 1);
    assert!(!ran.stdout.contains("accepted"), "{}", ran.stdout);
}

#[test]
fn a_signature_by_another_key_is_refused_where_there_are_keys() {
    // The same name, another key.
    let token = Signer::es256("k1").sign("JWT", &access_token());
    let ran = explain("signature", &token, Some(&Signer::ed25519("k1")));
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines = under(&ran, "as access token (access_token): refused");
    assert!(lines[1].starts_with("refused signature"), "{lines:?}");
    let unchecked = explain("unchecked", &token, None);
    assert_eq!(unchecked.code, 0);
    assert!(unchecked.stdout.contains("accepted, if its signature is right"));
    assert!(!unchecked.stdout.contains(": accepted\n"));
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_without_keys_too() {
    let header = json!({"alg": "none", "typ": "JWT"}).to_string();
    let token = Signer::ed25519("k1").sign_text(&header, &access_token().to_string());
    let ran = explain("none", &token, None);
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines = under(&ran, "as access token (access_token): refused");
    assert!(lines[1].starts_with("refused signature the token says alg `none`"), "{lines:?}");
}

#[test]
fn the_verdict_is_the_gates() {
    let rules: AccessTokenRules = access_token_rules();
    let keys = Signer::ed25519("k1");
    for (index, changes) in [
        json!({}),
        json!({"aud": "APP-backend"}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"aud": 7}),
        json!({"iss": "https://keycloak.local/realms/acme/"}),
        json!({"iss": "not an address"}),
        json!({"exp": 1_699_999_971}),
        json!({"exp": 1_699_999_970}),
        json!({"exp": null}),
        json!({"nbf": 1_700_000_031}),
        json!({"iat": 1_700_000_031}),
        json!({"iat": "now"}),
        json!({"typ": "ID"}),
        json!({"typ": null, "nonce": "n"}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"scope": 1}),
        json!({"sub": ""}),
    ]
    .into_iter()
    .enumerate()
    {
        let token = signed(changes.clone());
        let gate = AccessToken::verify(&token, &rules, &keys.keys(), &PureRust, NOW);
        let ran = explain(&format!("verdict-{index}"), &token, Some(&keys));
        let lines = under(&ran, "as access token (access_token)");
        assert_eq!(lines[0].ends_with("accepted"), gate.is_ok(), "{changes}: {lines:#?}");
        if let Err(refusal) = gate {
            let sentence = refusal.to_string();
            let sentence = sentence.strip_prefix("access token: ").unwrap();
            assert!(lines.iter().any(|line| line.ends_with(sentence)), "{sentence}: {lines:#?}");
        }
    }
}

#[test]
fn an_id_token_is_judged_as_a_login_would() {
    let keys = Signer::ed25519("k1");
    let id_token = |changes| keys.sign("JWT", &with(testing::id_token(), changes));
    let ran = explain("id", &id_token(json!({})), Some(&keys));
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = under(&ran, "as ID token, at login (id_token): accepted");
    assert!(lines.contains(&"ok aud \"APP-frontend\", expected \"APP-frontend\"".to_owned()));
    assert!(lines.iter().any(|line| line.starts_with("- nonce not checked")), "{lines:?}");
    let changes = json!({"aud": ["APP-frontend", "other"], "exp": 1_699_999_000});
    let lines = under(&explain("id-wrong", &id_token(changes), Some(&keys)), "as ID token");
    for expected in ["refused aud", "refused exp"] {
        assert!(lines.iter().any(|line| line.starts_with(expected)), "{expected}: {lines:#?}");
    }
    let lines =
        under(&explain("id-nonce", &id_token(json!({"nonce": null})), Some(&keys)), "as ID");
    assert!(lines.iter().any(|line| line.starts_with("refused nonce claim nonce is missing")));
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let token = signed(json!({}));
    let token = token.expose();
    let bearer = format!("Bearer {token}");
    for arguments in [
        &["explain", token][..],
        &["explain", &bearer],
        &["explain", "Bearer", token],
        &["explain", "--token", token],
        &["check", token],
    ] {
        let ran = run(arguments, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        assert!(ran.stderr.contains("a token stands on the command line"), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&token[..20]), "{}", ran.stderr);
    }
    // Opaque ones look like a file that is not there.
    let ran = run(&["explain", "c2VjcmV0LXRva2Vu"], "");
    assert_eq!(ran.code, 2);
    assert!(!ran.stderr.contains("c2VjcmV0LXRva2Vu"), "{}", ran.stderr);
}

#[test]
fn what_is_no_signed_token_is_refused_and_not_repeated() {
    for (text, why) in [
        ("", "expected one token, found nothing"),
        ("secret-one secret-two", "expected one token, found several words"),
        ("secret-opaque", "an opaque token?"),
        ("secret.a.b.c.d", "the token is encrypted"),
        ("eyJzZWNyZXQi.secret.secret", "the token's header is not a JSON object"),
        ("e30.bm90LWpzb24tc2VjcmV0.AA", "`alg` as a string; found nothing"),
    ] {
        let ran = run(&["explain"], text);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{text}: {ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
        assert!(!ran.stderr.contains("secret"), "{ran:?}");
    }
}

#[test]
fn a_terminal_is_not_obeyed_by_what_a_token_says() {
    let ran =
        explain("terminal", &signed(json!({"azp": "a\u{1b}[2Jb\u{202e}", "iss": "\r\n"})), None);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains('\u{202e}'), "{}", ran.stdout);
    assert!(ran.stdout.contains("azp        \"a?[2Jb?\""), "{}", ran.stdout);
}

#[test]
fn what_only_the_provider_can_say_is_not_judged() {
    let files = Files::new("opaque");
    let text =
        config().replace("[APP-backend]}\nsession", "[APP-backend], format: opaque}\nsession");
    let text = text.split("rules:").next().unwrap();
    let config = files.write("gate.yaml", text);
    let ran = run(&["explain", "--config", &config], signed(json!({})).expose());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stdout.contains("as access token (access_token): not judged: the provider is asked")
    );
    assert!(!ran.stdout.contains("accepted"), "{}", ran.stdout);
}

#[test]
fn a_broken_configuration_is_told_first() {
    let files = Files::new("broken");
    let config = files.write("gate.yaml", "login: false\n");
    let ran = run(&["explain", "--config", &config], signed(json!({})).expose());
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("error: provider.issuer: missing"), "{ran:?}");
    let both = run(&["explain", "--config", "-"], "x");
    assert_eq!(both.code, 2);
}
