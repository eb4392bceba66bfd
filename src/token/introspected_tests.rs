//! RFC 7662 section 2.2: what the provider says of an opaque token becomes an access token, or not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::{AccessTokenFormat, AccessTokenRules};
use crate::crypto::Secret;
use crate::jose::PureRust;
use crate::token::testing::{
    ISSUER, NOW, Signer, access_token, access_token_rules, id_token, with,
};
use crate::token::{ANSWER_LASTS, AccessToken, Check, Refusal};
use crate::wire::{Json, Timestamp};

fn rules(seconds: u64) -> AccessTokenRules {
    let introspection_cache = Duration::from_secs(seconds);
    let format = AccessTokenFormat::Opaque { introspection_cache };
    AccessTokenRules { format, ..access_token_rules() }
}

fn said(answer: &Value) -> Result<AccessToken, Refusal> {
    let answer = Json::parse(answer.to_string().as_bytes(), 100_000).unwrap();
    AccessToken::introspected(Secret::new("opaque".to_owned()), answer, &rules(30), NOW)
}

fn check(changes: Value) -> Check {
    let refusal = said(&with(access_token(), changes.clone()));
    refusal.err().unwrap_or_else(|| panic!("{changes} was accepted")).check
}

#[test]
fn what_the_provider_says_is_judged_by_the_rules_of_every_access_token() {
    let token = said(&access_token()).unwrap();
    assert_eq!((token.raw().expose(), token.subject()), ("opaque", Some("alice-1")));
    assert_eq!(token.introspected_at(), Some(NOW));
    assert!(token.judge(&rules(30), NOW).is_ok());
    for (changes, which) in [
        (json!({"iss": format!("{ISSUER}/")}), "issuer is"),
        (json!({"aud": "other"}), "audience is"),
        (json!({"exp": 1_699_999_970}), "expired 30 s ago"),
        (json!({"scope": ""}), "scope lacks"),
    ] {
        let token = said(&with(access_token(), changes)).unwrap();
        let needing = AccessTokenRules { scope: vec!["orders:read".to_owned()], ..rules(30) };
        let message = token.judge(&needing, NOW).unwrap_err().to_string();
        assert!(message.contains(which), "{message}");
    }
}

#[test]
fn what_may_be_left_out_is_not_missed_and_the_audience_is() {
    let silent = with(access_token(), json!({"iss": null, "exp": null, "iat": null}));
    let token = said(&silent).unwrap();
    for now in [NOW, NOW.plus(Duration::from_secs(30))] {
        assert!(token.judge(&rules(30), now).is_ok());
    }
    assert_eq!(check(json!({"aud": null})), Check::AudienceUnsaid { issuer: ISSUER.to_owned() });
    assert!(matches!(check(json!({"aud": []})), Check::ClaimInvalid { claim: "aud", .. }));
    assert!(matches!(check(json!({"nbf": 1_700_000_031})), Check::NotYetValid { .. }));
}

#[test]
fn an_answer_about_a_token_of_another_kind_makes_no_access_token() {
    let refused = said(&with(id_token(), json!({"aud": "APP-backend"}))).unwrap_err();
    assert!(matches!(refused.check, Check::OtherKind { .. }), "{refused}");
    for changes in [
        json!({"typ": "Refresh"}),
        json!({"typ": "ID"}),
        json!({"token_use": "refresh_token"}),
        json!({"typ": null, "at_hash": "x"}),
        json!({"typ": null, "nonce": "x"}),
    ] {
        assert!(matches!(check(changes.clone()), Check::OtherKind { .. }), "{changes}");
    }
    for changes in [json!({"token_type": "DPoP"}), json!({"token_type": 1}), json!({"cnf": {}})] {
        assert!(matches!(check(changes.clone()), Check::ClaimInvalid { .. }), "{changes}");
    }
}

/// A provider that signs nothing must not be taken for one that does, nor an old answer for a new.
#[test]
fn evidence_counts_only_where_it_is_asked_for_and_as_long_as_it_lasts() {
    let unproven = Err(Refusal::unproven());
    let introspected = said(&access_token()).unwrap();
    assert_eq!(introspected.judge(&access_token_rules(), NOW), unproven);
    let signer = Signer::ed25519("k1");
    let raw = signer.sign("JWT", &access_token());
    let verify =
        |rules: &AccessTokenRules| AccessToken::verify(&raw, rules, &signer.keys(), &PureRust, NOW);
    let signed = verify(&access_token_rules()).unwrap();
    assert_eq!(signed.introspected_at(), None);
    assert_eq!(signed.judge(&rules(30), NOW), unproven);
    assert_eq!(verify(&rules(30)).unwrap_err(), Refusal::unproven());

    let at = |duration: Duration| NOW.plus(duration);
    let moment = Duration::from_millis(1);
    for (seconds, lasts) in [(30, Duration::from_secs(30)), (0, ANSWER_LASTS)] {
        assert!(introspected.judge(&rules(seconds), at(lasts)).is_ok());
        let until = introspected.judge(&rules(seconds), NOW).unwrap();
        assert_eq!(until, at(lasts), "till then it need not be judged anew");
        assert_eq!(introspected.judge(&rules(seconds), at(lasts + moment)), unproven);
    }
    let before = Timestamp::from_seconds(NOW.seconds() - 1);
    assert_eq!(introspected.judge(&rules(30), before), unproven, "a clock that was set back");
}
