//! OIDC Core 3.1.3.7, 3.1.3.8 and 12.2: what each step refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::jose::PureRust;
use crate::token::testing::{
    self, CLIENT, ISSUER, NONCE, NOW, Signer, id_token, id_token_rules, with,
};

fn login(payload: Value) -> Result<IdToken, Refusal> {
    login_with(payload, None)
}

fn login_with(payload: Value, access_token: Option<&str>) -> Result<IdToken, Refusal> {
    let signer = Signer::ed25519("k1");
    let access_token = access_token.map(|text| Secret::new(text.to_owned()));
    let nonce = Secret::new(NONCE.to_owned());
    let expected = LoginExpectation { nonce: &nonce, access_token: access_token.as_ref() };
    let raw = signer.sign("JWT", &payload);
    IdToken::verify(&raw, &id_token_rules(), &expected, &signer.keys(), &PureRust, NOW)
}

fn check(changes: Value) -> Check {
    let refusal = login(with(id_token(), changes.clone()));
    let refusal = refusal.err().unwrap_or_else(|| panic!("{changes} was accepted"));
    assert_eq!(refusal.token, Kind::IdToken);
    refusal.check
}

fn refresh(previous: Value, changes: Value) -> Result<IdToken, Refusal> {
    let signer = Signer::es256("k1");
    let previous = login(previous).unwrap();
    let new = with(with(id_token(), json!({"nonce": null})), changes);
    let raw = signer.sign("JWT", &new);
    let rules = id_token_rules();
    IdToken::verify_refreshed(&raw, &rules, &previous, None, &signer.keys(), &PureRust, NOW)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn the_token_of_this_login_is_accepted() {
    let token = login(id_token()).unwrap();
    assert_eq!(token.subject(), "alice-1");
    assert_eq!(token.expires_at(), Timestamp::from_seconds(1_700_000_300));
    let name = token.claim(&texts(&["preferred_username"]));
    assert_eq!(name.and_then(Json::as_str), Some("alice"));
    assert!(token.claim(&texts(&["sub", "x"])).is_none());
    assert!(token.heap_size() > token.raw().expose().len());
    assert!(login(with(id_token(), json!({"aud": [CLIENT], "azp": null}))).is_ok());
}

#[test]
fn step_2_another_issuer_is_refused_by_a_single_byte() {
    for found in [
        "https://keycloak.local/realms/acme/",
        "https://keycloak.local/realms/Acme",
        "https://keycloak.local:443/realms/acme",
        "http://keycloak.local/realms/acme",
        " https://keycloak.local/realms/acme",
        "",
    ] {
        let expected = Check::Issuer { expected: ISSUER.to_owned(), found: found.to_owned() };
        assert_eq!(check(json!({"iss": found})), expected);
    }
    assert_eq!(check(json!({"iss": null})), Check::ClaimMissing("iss"));
}

#[test]
fn step_3_an_id_token_for_another_client_is_refused() {
    for found in ["APP-backend", "APP-fronten", "APP-frontend2", "app-frontend", "APP-frontend "] {
        let expected = texts(&[CLIENT]);
        let found = json!({"aud": found, "azp": null});
        assert!(matches!(check(found), Check::Audience { expected: e, .. } if e == expected));
    }
}

#[test]
fn step_3_an_untrusted_audience_besides_is_refused() {
    let found = check(json!({"aud": [CLIENT, "evil", "other"]}));
    let trusted = texts(&[CLIENT]);
    assert_eq!(found, Check::ExtraAudience { trusted, found: texts(&["evil", "other"]) });

    let mut rules = id_token_rules();
    rules.audiences.push("friend".to_owned());
    let token = login(id_token()).unwrap();
    assert!(token.judge(&rules).is_ok());
    let friends =
        Signer::ed25519("k1").sign("JWT", &with(id_token(), json!({"aud": [CLIENT, "friend"]})));
    let nonce = Secret::new(NONCE.to_owned());
    let expected = LoginExpectation { nonce: &nonce, access_token: None };
    let keys = Signer::ed25519("k1").keys();
    assert!(IdToken::verify(&friends, &rules, &expected, &keys, &PureRust, NOW).is_ok());
}

#[test]
fn a_trusted_audience_does_not_stand_in_for_the_client() {
    let mut rules = id_token_rules();
    rules.audiences.push("friend".to_owned());
    let signer = Signer::ed25519("k1");
    let raw = signer.sign("JWT", &with(id_token(), json!({"aud": "friend", "azp": null})));
    let nonce = Secret::new(NONCE.to_owned());
    let expected = LoginExpectation { nonce: &nonce, access_token: None };
    let refusal = IdToken::verify(&raw, &rules, &expected, &signer.keys(), &PureRust, NOW);
    assert!(matches!(refusal.unwrap_err().check, Check::Audience { .. }));
}

#[test]
fn step_5_a_token_that_another_client_asked_for_is_refused() {
    let found = check(json!({"azp": "other"}));
    let expected = CLIENT.to_owned();
    assert_eq!(found, Check::AuthorizedParty { expected, found: "other".to_owned() });
    assert!(matches!(check(json!({"azp": 7})), Check::ClaimInvalid { claim: "azp", .. }));
}

#[test]
fn step_7_only_the_configured_algorithms_count() {
    let signer = Signer::es256("k1");
    let raw = signer.sign("JWT", &id_token());
    let mut rules = id_token_rules();
    rules.signing_algorithms = vec![Algorithm::Rs256, Algorithm::EdDsa];
    let nonce = Secret::new(NONCE.to_owned());
    let expected = LoginExpectation { nonce: &nonce, access_token: None };
    let refusal = IdToken::verify(&raw, &rules, &expected, &signer.keys(), &PureRust, NOW);
    let check = refusal.unwrap_err().check;
    assert!(matches!(check, Check::Signature(JwsError::AlgorithmNotAllowed { .. })), "{check:?}");
}

#[test]
fn steps_9_and_10_expired_and_future_tokens_are_refused() {
    assert!(matches!(check(json!({"exp": 1_699_999_970})), Check::Expired { .. }));
    assert!(matches!(check(json!({"iat": 1_700_000_031})), Check::IssuedInFuture { .. }));
    assert!(matches!(check(json!({"nbf": 1_700_000_031})), Check::NotYetValid { .. }));
    assert_eq!(check(json!({"exp": null})), Check::ClaimMissing("exp"));
    assert_eq!(check(json!({"iat": null})), Check::ClaimMissing("iat"));
    assert_eq!(check(json!({"sub": null})), Check::ClaimMissing("sub"));
}

#[test]
fn step_11_a_missing_or_other_nonce_is_refused() {
    assert_eq!(check(json!({"nonce": null})), Check::ClaimMissing("nonce"));
    assert_eq!(check(json!({"nonce": ""})), Check::Nonce);
    assert_eq!(check(json!({"nonce": NONCE.to_lowercase()})), Check::Nonce);
    assert!(matches!(check(json!({"nonce": [NONCE]})), Check::ClaimInvalid { .. }));
}

fn asked(acr: &[&str], max_age: Option<u64>, changes: Value) -> Result<IdToken, Check> {
    let max_age = max_age.map(Duration::from_secs);
    let rules = IdTokenRules { acr: texts(acr), max_age, ..id_token_rules() };
    let signer = Signer::ed25519("k1");
    let nonce = Secret::new(NONCE.to_owned());
    let expected = LoginExpectation { nonce: &nonce, access_token: None };
    let raw = signer.sign("JWT", &with(id_token(), changes));
    let verified = IdToken::verify(&raw, &rules, &expected, &signer.keys(), &PureRust, NOW);
    verified.map_err(|refusal| refusal.check)
}

#[test]
fn step_12_a_login_of_another_context_than_was_asked_for_is_refused() {
    let acr = |acr: Value| asked(&["gold", "silver"], None, json!({"acr": acr}));
    assert!(acr(json!("silver")).is_ok());
    for found in ["1", "Gold", "gold silver", ""] {
        let expected = texts(&["gold", "silver"]);
        let check = Check::Authentication { expected, found: Some(found.to_owned()) };
        assert_eq!(acr(json!(found)).unwrap_err(), check);
    }
    assert!(matches!(acr(json!(null)).unwrap_err(), Check::Authentication { found: None, .. }));
    assert!(matches!(acr(json!(1)).unwrap_err(), Check::ClaimInvalid { claim: "acr", .. }));
    assert!(asked(&[], None, json!({"acr": null})).is_ok(), "nothing was asked for");
}

#[test]
fn step_13_a_login_that_is_older_than_was_asked_for_is_refused() {
    let age = |seconds: i64| asked(&[], Some(60), json!({"auth_time": 1_700_000_000 - seconds}));
    assert!(age(0).is_ok() && age(60).is_ok() && age(90).is_ok() && age(-5).is_ok());
    assert!(matches!(age(91).unwrap_err(), Check::AuthenticatedLongAgo { .. }));
    let missing = asked(&[], Some(60), json!({"auth_time": null}));
    assert_eq!(missing.unwrap_err(), Check::ClaimMissing("auth_time"));
    assert!(asked(&[], None, json!({"auth_time": 1})).is_ok(), "nothing was asked for");
}

#[test]
fn a_refresh_is_no_login_and_has_no_age_of_its_own() {
    let token = asked(&["gold"], Some(60), json!({"acr": "gold"})).unwrap();
    let signer = Signer::ed25519("k1");
    let rules = IdTokenRules {
        acr: texts(&["gold"]),
        max_age: Some(Duration::from_secs(60)),
        ..id_token_rules()
    };
    let later = Timestamp::from_seconds(1_700_000_280);
    let refreshed = |changes: Value| {
        let raw = signer.sign("JWT", &with(id_token(), changes));
        IdToken::verify_refreshed(&raw, &rules, &token, None, &signer.keys(), &PureRust, later)
    };
    assert!(refreshed(json!({"acr": null})).is_ok());
    let refusal = refreshed(json!({"auth_time": 1_700_000_270})).unwrap_err();
    assert!(matches!(refusal.check, Check::Changed { claim: "auth_time", .. }));
}

#[test]
fn at_hash_binds_the_access_token_that_came_with_it() {
    // EdDSA: SHA-512, left 32 bytes.
    let hash = left_half_hash(Algorithm::EdDsa, b"access");
    let payload = |hash: Value| with(id_token(), json!({"at_hash": hash}));
    assert!(login_with(payload(json!(hash)), Some("access")).is_ok());
    assert!(login_with(payload(json!(hash)), None).is_ok());
    assert!(login_with(id_token(), Some("access")).is_ok());
    let sha256 = left_half_hash(Algorithm::Es256, b"access");
    for wrong in [json!(""), json!(sha256), json!(format!("{hash}="))] {
        let refusal = login_with(payload(wrong), Some("access")).unwrap_err();
        assert_eq!(refusal.check, Check::AccessTokenHash);
    }
    let refusal = login_with(payload(json!(hash)), Some("another")).unwrap_err();
    assert_eq!(refusal.check, Check::AccessTokenHash);
    let refusal = login_with(payload(json!(7)), Some("access")).unwrap_err();
    assert!(matches!(refusal.check, Check::ClaimInvalid { claim: "at_hash", .. }));
}

#[test]
fn at_hash_is_that_of_the_standard() {
    // The example of OIDC Core A.3.
    let access_token = b"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(left_half_hash(Algorithm::Rs256, access_token), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(left_half_hash(Algorithm::Es384, access_token).len(), 32);
    assert_eq!(left_half_hash(Algorithm::Ps512, access_token).len(), 43);
}

#[test]
fn a_refreshed_token_speaks_of_the_same_login() {
    assert!(refresh(id_token(), json!({})).is_ok());
    assert!(refresh(id_token(), json!({"nonce": NONCE})).is_ok());
    assert!(refresh(id_token(), json!({"auth_time": null, "iat": 1_700_000_020})).is_ok());
    assert!(refresh(with(id_token(), json!({"auth_time": null})), json!({})).is_ok());

    let claim = |changes: Value| match refresh(id_token(), changes).unwrap_err().check {
        Check::Changed { claim, .. } => claim,
        other => panic!("{other:?}"),
    };
    assert_eq!(claim(json!({"sub": "mallory-1"})), "sub");
    assert_eq!(claim(json!({"auth_time": 1_700_000_001})), "auth_time");
    assert_eq!(claim(json!({"azp": null})), "azp");
    assert_eq!(refresh(id_token(), json!({"nonce": "x"})).unwrap_err().check, Check::Nonce);
    let refusal = refresh(with(id_token(), json!({"azp": null})), json!({})).unwrap_err();
    assert!(matches!(refusal.check, Check::Changed { claim: "azp", .. }));
    assert!(matches!(
        refresh(id_token(), json!({"exp": 1_699_999_000})).unwrap_err().check,
        Check::Expired { .. }
    ));
}

#[test]
fn a_refreshed_token_keeps_its_audience_in_any_order() {
    let mut rules = id_token_rules();
    rules.audiences.push("friend".to_owned());
    let signer = Signer::ed25519("k1");
    let keys = signer.keys();
    let nonce = Secret::new(NONCE.to_owned());
    let expected = LoginExpectation { nonce: &nonce, access_token: None };
    let with_aud = |aud: Value| signer.sign("JWT", &with(id_token(), json!({"aud": aud})));
    let both = with_aud(json!([CLIENT, "friend"]));
    let previous = IdToken::verify(&both, &rules, &expected, &keys, &PureRust, NOW).unwrap();
    let again = |aud: Value| {
        let raw = with_aud(aud);
        IdToken::verify_refreshed(&raw, &rules, &previous, None, &keys, &PureRust, NOW)
    };
    assert!(again(json!(["friend", CLIENT])).is_ok());
    let refusal = again(json!(CLIENT)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "ID token: refreshed with aud \"APP-frontend\", expected \"APP-frontend friend\" as before"
    );
}

#[test]
fn a_refreshed_token_is_bound_to_its_access_token_too() {
    let signer = Signer::ed25519("k1");
    let previous = login(id_token()).unwrap();
    let hash = left_half_hash(Algorithm::EdDsa, b"new");
    let raw = signer.sign("JWT", &with(id_token(), json!({"at_hash": hash})));
    let verify = |access_token: &str| {
        let access_token = Secret::new(access_token.to_owned());
        let (rules, keys) = (id_token_rules(), signer.keys());
        let access_token = Some(&access_token);
        IdToken::verify_refreshed(&raw, &rules, &previous, access_token, &keys, &PureRust, NOW)
    };
    assert!(verify("new").is_ok());
    assert_eq!(verify("old").unwrap_err().check, Check::AccessTokenHash);
}

#[test]
fn every_request_is_judged_by_todays_rules() {
    let token = login(id_token()).unwrap();
    let later = Timestamp::from_seconds(1_700_010_000);
    assert!(token.judge(&id_token_rules()).is_ok());
    assert!(matches!(
        token.judge_unexpired(&id_token_rules(), later).unwrap_err().check,
        Check::Expired { .. }
    ));
    let rules = IdTokenRules {
        client_id: "renamed".to_owned(),
        audiences: texts(&["renamed"]),
        ..id_token_rules()
    };
    assert!(matches!(token.judge(&rules).unwrap_err().check, Check::Audience { .. }));
}

#[test]
fn a_sealed_token_comes_back_and_anything_else_does_not() {
    let opened = testing::opened();
    let token = login(id_token()).unwrap();
    let restored = IdToken::restore(token.raw().clone(), &opened).unwrap();
    assert_eq!(restored.subject(), "alice-1");
    assert!(restored.judge(&id_token_rules()).is_ok());
    let signer = Signer::ed25519("k1");
    for other in [
        signer.sign("JWT", &testing::access_token()),
        signer.sign("JWT", &json!({})),
        signer.sign_text("{}", "{}"),
        Secret::new(String::new()),
        Secret::new("a.b.c".to_owned()),
    ] {
        assert!(IdToken::restore(other, &opened).is_none());
    }
    assert_eq!(format!("{token:?}"), "IdToken { expires_at: Timestamp(1700000300000), .. }");
}
