//! Which claims are a right, and what is said of those that are not.

use serde_json::{Value, json};

use super::*;
use crate::token::testing::{self, Signer, opened, with};

/// An access token with these claims besides its own.
fn token(claims: Value) -> AccessToken {
    let raw = Signer::ed25519("k1").sign("JWT", &with(testing::access_token(), claims));
    AccessToken::restore(raw, &opened()).unwrap()
}

fn required(token: ClaimSource, names: &[&str], values: Value) -> RequiredClaim {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let Json::Array(values) = Json::parse(values.to_string().as_bytes(), 1_000).unwrap() else {
        panic!("a list of values");
    };
    RequiredClaim { claim: ClaimPath { token, names }, values }
}

fn has(claims: Value, names: &[&str], values: Value) -> bool {
    let required = required(ClaimSource::AccessToken, names, values);
    satisfy(&[required], None, Some(&token(claims))).is_ok()
}

#[test]
fn a_claim_is_one_of_the_values_or_an_array_that_contains_one() {
    let roles = json!({"realm_access": {"roles": ["user", "auditor"]}});
    let path = ["realm_access", "roles"];
    assert!(has(roles.clone(), &path, json!(["admin", "auditor"])));
    assert!(!has(roles.clone(), &path, json!(["admin", "audit", "Auditor", "user,auditor"])));
    assert!(!has(roles, &["realm_access"], json!(["user"])), "an object is no value");
    assert!(has(json!({"tier": "gold"}), &["tier"], json!(["gold"])));
    assert!(!has(json!({"tier": "gold silver"}), &["tier"], json!(["gold"])), "a string is whole");
    assert!(!has(json!({"tier": []}), &["tier"], json!(["gold"])));
    assert!(!has(json!({"tier": [["gold"]]}), &["tier"], json!(["gold"])), "one level only");
    assert!(!has(json!({}), &["tier"], json!(["gold"])));
}

#[test]
fn names_with_dots_and_addresses_are_names() {
    let claims = json!({
        "https://app.example/roles": ["a"],
        "resource_access": {"APP-backend": {"roles": ["writer"]}, "a.b": {"roles": ["x"]}},
    });
    assert!(has(claims.clone(), &["https://app.example/roles"], json!(["a"])));
    assert!(has(claims.clone(), &["resource_access", "APP-backend", "roles"], json!(["writer"])));
    assert!(has(claims.clone(), &["resource_access", "a.b", "roles"], json!(["x"])));
    assert!(!has(claims, &["resource_access", "a", "b", "roles"], json!(["x"])));
}

#[test]
fn strings_numbers_and_booleans_are_never_taken_for_each_other() {
    let claims = json!({"level": 3, "half": 1.5, "verified": true, "text": "3", "none": null});
    assert!(has(claims.clone(), &["level"], json!([2, 3])));
    assert!(has(claims.clone(), &["level"], json!([3.0])), "one number, written otherwise");
    assert!(has(claims.clone(), &["half"], json!([1.5])));
    assert!(has(claims.clone(), &["verified"], json!([true])));
    for (name, values) in [
        ("level", json!(["3", 4, true])),
        ("verified", json!([false, "true", 1])),
        ("text", json!([3, 3.0, true])),
        ("none", json!(["null", false, 0, ""])),
    ] {
        assert!(!has(claims.clone(), &[name], values), "{name}");
    }
}

#[test]
fn all_that_is_required_must_be_there_and_of_the_token_that_was_named() {
    let admin = || required(ClaimSource::AccessToken, &["role"], json!(["admin"]));
    let gold = || required(ClaimSource::AccessToken, &["tier"], json!(["gold"]));
    let both = token(json!({"role": "admin", "tier": "gold"}));
    assert_eq!(satisfy(&[admin(), gold()], None, Some(&both)), Ok(()));
    let admin_only = token(json!({"role": "admin"}));
    assert!(satisfy(&[admin(), gold()], None, Some(&admin_only)).is_err());
    assert!(satisfy(&[gold(), admin()], None, Some(&admin_only)).is_err());
    assert!(satisfy(&[admin()], None, None).is_err(), "no token has no claim");
    let of_id_token = required(ClaimSource::IdToken, &["role"], json!(["admin"]));
    assert!(
        satisfy(&[of_id_token], None, Some(&both)).is_err(),
        "the other token's claim is not it"
    );
}

#[test]
fn what_is_missing_is_named_without_what_is_there() {
    let missing = |claims: Value| {
        let admin = required(ClaimSource::AccessToken, &["a.b", "roles"], json!(["admin", 7]));
        satisfy(&[admin], None, Some(&token(claims))).unwrap_err().to_string()
    };
    let begin = "access token: claim \"a.b.roles\" must be one of \"admin\", 7, found: ";
    assert_eq!(missing(json!({})), format!("{begin}not there"));
    assert_eq!(missing(json!({"a.b": {"roles": "hers"}})), format!("{begin}a string, not that"));
    assert_eq!(
        missing(json!({"a.b": {"roles": ["hers", "his"]}})),
        format!("{begin}an array of 2 others")
    );
}

#[test]
fn numbers_that_are_only_nearly_the_same_are_not() {
    let claims = json!({
        "tenant": 18_446_744_073_709_551_614_u64,
        "other": 9_007_199_254_740_992.0,
        "whole": 9_007_199_254_740_993_i64,
    });
    assert!(!has(claims.clone(), &["tenant"], json!([18_446_744_073_709_551_615_u64])));
    assert!(!has(claims.clone(), &["other"], json!([9_007_199_254_740_993_i64])));
    assert!(!has(claims.clone(), &["whole"], json!([9_007_199_254_740_992_i64])));
    assert!(has(claims, &["whole"], json!([9_007_199_254_740_993_i64])));
}
