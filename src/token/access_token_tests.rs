//! RFC 9068 section 4, for this API: what each check refuses.

use serde_json::{Value, json};

use super::*;
use crate::jose::{Algorithm, JwsError, PureRust};
use crate::token::testing::{
    self, API, ISSUER, NOW, Signer, access_token, access_token_rules, with,
};

fn verify(typ: &str, payload: &Value, rules: &AccessTokenRules) -> Result<AccessToken, Refusal> {
    let signer = Signer::ed25519("k1");
    let raw = signer.sign(typ, payload);
    AccessToken::verify(&raw, rules, &signer.keys(), &PureRust, NOW)
}

fn check(changes: Value) -> Check {
    let refusal = verify("JWT", &with(access_token(), changes.clone()), &access_token_rules());
    let refusal = refusal.err().unwrap_or_else(|| panic!("{changes} was accepted"));
    assert_eq!(refusal.token, Kind::AccessToken);
    refusal.check
}

fn jwt(typ: &[&str], signing_algorithms: &[Algorithm]) -> AccessTokenRules {
    let signing_algorithms = signing_algorithms.to_vec();
    let format = AccessTokenFormat::Jwt { typ: texts(typ), signing_algorithms };
    AccessTokenRules { format, ..access_token_rules() }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn a_token_for_this_api_is_accepted() {
    let token = verify("JWT", &access_token(), &access_token_rules()).unwrap();
    assert_eq!(token.subject(), Some("alice-1"));
    assert_eq!(token.expires_at(), Timestamp::from_seconds(1_700_000_300));
    let roles = token.claim(&texts(&["realm_access", "roles"]));
    assert_eq!(roles.map(ToString::to_string).as_deref(), Some("[\"user\"]"));
    assert!(token.heap_size() > token.raw().expose().len());
    for aud in [json!(API), json!([API]), json!(["account", "x", API])] {
        let payload = with(access_token(), json!({"aud": aud}));
        assert!(verify("JWT", &payload, &access_token_rules()).is_ok());
    }
    let lean = with(access_token(), json!({"sub": null, "iat": null, "scope": null, "typ": null}));
    assert!(verify("JWT", &lean, &access_token_rules()).unwrap().subject().is_none());
}

#[test]
fn a_token_for_another_api_is_refused_for_its_audience() {
    for aud in [
        json!("account"),
        json!("APP-frontend"),
        json!(["account", "APP-backend2"]),
        json!("APP-backen"),
        json!("app-backend"),
        json!("APP-backend "),
        json!("APP-backend\u{0}"),
        json!("https://APP-backend"),
        json!("APP-backend account"),
        json!("*"),
    ] {
        let found = check(json!({"aud": aud}));
        let expected = texts(&[API]);
        assert!(matches!(&found, Check::Audience { expected: e, .. } if *e == expected), "{aud}");
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_is_refused_as_a_bearer_token() {
    for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!(null)] {
        let bound = !cnf.is_null();
        let found =
            verify("JWT", &with(access_token(), json!({"cnf": cnf})), &access_token_rules());
        assert_eq!(found.is_err(), bound);
    }
    assert!(matches!(
        check(json!({"cnf": {"jkt": "x"}})),
        Check::ClaimInvalid { claim: "cnf", .. }
    ));
}

#[test]
fn any_one_of_the_apis_names_is_enough() {
    let rules =
        AccessTokenRules { audiences: texts(&["other", "account"]), ..access_token_rules() };
    assert!(verify("JWT", &access_token(), &rules).is_ok());
    let rules = AccessTokenRules { audiences: Vec::new(), ..access_token_rules() };
    assert!(verify("JWT", &access_token(), &rules).is_err());
}

#[test]
fn another_issuer_is_refused_by_a_single_byte() {
    let found = format!("{ISSUER}/");
    let expected = Check::Issuer { expected: ISSUER.to_owned(), found: found.clone() };
    assert_eq!(check(json!({"iss": found})), expected);
}

#[test]
fn expired_and_future_tokens_are_refused() {
    assert!(matches!(check(json!({"exp": 1_699_999_970})), Check::Expired { .. }));
    assert!(matches!(check(json!({"iat": 1_700_000_031})), Check::IssuedInFuture { .. }));
    assert!(matches!(check(json!({"nbf": 1_700_000_031})), Check::NotYetValid { .. }));
    assert_eq!(check(json!({"exp": null})), Check::ClaimMissing("exp"));
}

#[test]
fn every_scope_that_is_needed_must_be_there() {
    let needing = |scope: &[&str]| AccessTokenRules { scope: texts(scope), ..access_token_rules() };
    assert!(verify("JWT", &access_token(), &needing(&["orders:read", "openid"])).is_ok());
    let refusal = verify("JWT", &access_token(), &needing(&["openid", "orders:write"]));
    let refusal = refusal.unwrap_err();
    assert!(refusal.insufficient_scope());
    assert_eq!(
        refusal.check,
        Check::Scope {
            missing: texts(&["orders:write"]),
            found: texts(&["openid", "profile", "orders:read"])
        }
    );
    assert!(verify("JWT", &access_token(), &needing(&["orders"])).is_err());
    let okta = with(access_token(), json!({"scope": null, "scp": ["orders:read"]}));
    assert!(verify("JWT", &okta, &needing(&["orders:read"])).is_ok());
    // Wrong in more than scope: then scope is not what is said.
    let both = with(access_token(), json!({"aud": "account"}));
    assert!(!verify("JWT", &both, &needing(&["orders:write"])).unwrap_err().insufficient_scope());
}

#[test]
fn the_header_type_is_one_that_is_accepted() {
    let rules = access_token_rules();
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        assert!(verify(typ, &access_token(), &rules).is_ok(), "{typ}");
    }
    for typ in ["", "logout+jwt", "at+jwt ", "dpop+jwt", "JOSE", "application/application/jwt"] {
        let refusal = verify(typ, &access_token(), &rules).unwrap_err();
        assert!(matches!(refusal.check, Check::Type { .. }), "{typ}");
    }
    let strict = jwt(&["at+jwt"], &Algorithm::ALL);
    assert!(verify("JWT", &access_token(), &strict).is_err());
    assert!(verify("at+jwt", &access_token(), &strict).is_ok());

    let signer = Signer::ed25519("k1");
    let silent = signer.sign_text("{\"alg\":\"EdDSA\"}", &access_token().to_string());
    let keys = signer.keys();
    assert!(AccessToken::verify(&silent, &rules, &keys, &PureRust, NOW).is_ok());
    let refusal = AccessToken::verify(&silent, &strict, &keys, &PureRust, NOW).unwrap_err();
    assert_eq!(refusal.check, Check::Type { expected: texts(&["at+jwt"]), found: None });
}

#[test]
fn only_the_configured_algorithms_count() {
    let rules = jwt(&["jwt"], &[Algorithm::Rs256]);
    let refusal = verify("JWT", &access_token(), &rules).unwrap_err();
    let check = refusal.check;
    assert!(matches!(check, Check::Signature(JwsError::AlgorithmNotAllowed { .. })), "{check:?}");
}

#[test]
fn every_request_is_judged_by_todays_rules() {
    let token = verify("JWT", &access_token(), &access_token_rules()).unwrap();
    let later = Timestamp::from_seconds(1_700_000_330);
    assert!(token.judge(&access_token_rules(), NOW).is_ok());
    assert!(matches!(
        token.judge(&access_token_rules(), later).unwrap_err().check,
        Check::Expired { .. }
    ));
    let rules = AccessTokenRules { audiences: texts(&["new-name"]), ..access_token_rules() };
    assert!(matches!(token.judge(&rules, NOW).unwrap_err().check, Check::Audience { .. }));
}

#[test]
fn a_sealed_token_comes_back_and_anything_else_does_not() {
    let opened = testing::opened();
    let token = verify("JWT", &access_token(), &access_token_rules()).unwrap();
    let restored = AccessToken::restore(token.raw().clone(), &opened).unwrap();
    assert!(restored.judge(&access_token_rules(), NOW).is_ok());
    let signer = Signer::ed25519("k1");
    for other in [
        signer.sign("JWT", &testing::id_token()),
        signer.sign("JWT", &json!({})),
        signer.sign_text("{}", "{}"),
        Secret::new(String::new()),
    ] {
        assert!(AccessToken::restore(other, &opened).is_none());
    }
    assert_eq!(format!("{token:?}"), "AccessToken { expires_at: Timestamp(1700000300000), .. }");
}
