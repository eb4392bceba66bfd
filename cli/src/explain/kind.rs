//! Which kind of token it is: as the gate tells them apart, also where it refuses all else of it.

use std::time::Duration;

use oidc_gate::config::{AccessTokenRules, IdTokenRules, Issuer};
use oidc_gate::crypto::Secret;
use oidc_gate::token::{AccessToken, Check, IdToken, LoginExpectation, Refusal};
use oidc_gate::wire::{Json, Timestamp};

use super::token::{ALGORITHM, KEYS, Token, Unsigned, copy};
use crate::words;

/// What a token says by which the gate tells its kind.
const TELLING: [&str; 5] = ["typ", "at_hash", "c_hash", "nonce", "events"];
const ISSUER: &str = "https://provider.example";
const NAME: &str = "name";

/// `This is an ID token: its claim typ is "ID".`
pub(super) fn sentence(token: &Token) -> String {
    match kind(token) {
        Some((found, because)) => format!("This is {found}: {because}"),
        None => {
            "This token does not say which kind it is: it may be an access token or an ID token"
                .to_owned()
        }
    }
}

fn kind(token: &Token) -> Option<(String, String)> {
    // All else is right in this one, so that its kind is what is judged.
    let issuer = Issuer::parse(ISSUER).ok()?;
    let mut payload = format!(r#"{{"iss":"{ISSUER}","aud":"{NAME}","sub":"x","iat":0,"exp":1"#);
    for name in TELLING {
        if let Some(value) = token.claim(name) {
            payload.push_str(&format!(",\"{name}\":{}", json(value)));
        }
    }
    payload.push('}');
    let probe = copy(token.typ.as_deref(), payload.as_bytes());
    let by_id = as_id_token(&probe, issuer.clone()).err().map(|refusal| refusal.check);
    let by_access = as_access_token(&probe, issuer).err().map(|refusal| refusal.check);
    match (by_id, by_access) {
        (Some(Check::OtherKind { found, because }), _)
        | (_, Some(Check::OtherKind { found, because })) => Some((found, because)),
        (Some(Check::Type { found: Some(typ), .. }), _) => {
            let typ = typ.to_ascii_lowercase();
            let because = format!("its header typ is {}", words::quoted(&typ));
            let access = typ.strip_prefix("application/").unwrap_or(&typ) == "at+jwt";
            let found = if access { "an access token" } else { "a token of another kind" };
            Some((found.to_owned(), because))
        }
        _ => None,
    }
}

fn json(value: &Json) -> String {
    value.to_string()
}

fn as_id_token(probe: &Secret, issuer: Issuer) -> Result<IdToken, Refusal> {
    let rules = IdTokenRules {
        issuer,
        client_id: NAME.to_owned(),
        audiences: vec![NAME.to_owned()],
        signing_algorithms: vec![ALGORITHM],
        acr: Vec::new(),
        max_age: None,
        clock_skew: Duration::ZERO,
    };
    let expected = LoginExpectation { nonce: &Secret::new(String::new()), access_token: None };
    IdToken::verify(probe, &rules, &expected, &KEYS, &Unsigned, Timestamp::from_seconds(0))
}

fn as_access_token(probe: &Secret, issuer: Issuer) -> Result<AccessToken, Refusal> {
    let rules = AccessTokenRules {
        issuer,
        audiences: vec![NAME.to_owned()],
        scope: Vec::new(),
        format: super::judge::jwt(Vec::new()),
        clock_skew: Duration::ZERO,
    };
    AccessToken::verify(probe, &rules, &KEYS, &Unsigned, Timestamp::from_seconds(0))
}
