//! Each check of the gate in its order, by the gate's own `verify`.
//!
//! `verify` ends at the first check that fails. To see what else is wrong, the rule that failed is
//! made to fit the token, and the token is judged again: whatever is then refused fails by itself.
//! Where no rule can be made to fit, later checks were not reached, and that is said.

use std::time::Duration;

use oidc_gate::config::{AccessTokenFormat, AccessTokenRules, IdTokenRules, Issuer};
use oidc_gate::crypto::Secret;
use oidc_gate::jose::{self, Algorithm, Jws, JwsError, KeySet, PureRust};
use oidc_gate::token::{AccessToken, Check, IdToken, Kind, LoginExpectation, Refusal};
use oidc_gate::wire::{Json, Timestamp};

use super::time;
use super::token::{ALGORITHM, KEYS, NONE, Token, Unsigned};
use crate::words;

/// More rounds than there are rules to make fit.
const ROUNDS: usize = 16;

/// The provider's keys, where they were given.
pub(super) struct Keys {
    pub(super) real: Option<KeySet>,
}

/// What became of one check.
pub(super) enum State {
    /// It is right: what was found, and what was expected.
    Passed(String),
    Refused(Box<Refusal>),
    /// It cannot be judged here.
    NotChecked(&'static str),
    /// A check before it ended the judgement.
    NotReached,
}

/// All checks of one kind of token.
pub(super) struct Judgement {
    pub(super) steps: Vec<(&'static str, State)>,
}

impl Judgement {
    pub(super) fn accepted(&self) -> bool {
        let stops = |state: &State| matches!(state, State::Refused(_) | State::NotReached);
        !self.steps.iter().any(|(_, state)| stops(state))
    }

    pub(super) fn signature_checked(&self) -> bool {
        self.steps
            .iter()
            .any(|(name, state)| *name == "signature" && !matches!(state, State::NotChecked(_)))
    }
}

/// Judges a token as an access token; `narrow`: it must name no other audience. `None` where the
/// provider alone says what a token means.
pub(super) fn access_token(
    token: &Token,
    rules: &AccessTokenRules,
    narrow: bool,
    keys: &Keys,
    now: Timestamp,
) -> Option<Judgement> {
    let AccessTokenFormat::Jwt { typ, signing_algorithms } = &rules.format else { return None };
    let (copy, mut eased) = (token.copy(), rules.clone());
    eased.format = jwt(typ.clone());
    let (mut refusals, mut whole) = (Vec::new(), false);
    for _ in 0..ROUNDS {
        match AccessToken::verify(&copy, &eased, &KEYS, &Unsigned, now) {
            Ok(judged) => {
                whole = true;
                if narrow {
                    refusals.extend(judged.judge_narrow(rules).err());
                }
                break;
            }
            Err(refusal) => {
                let goes_on = ease_access_token(&mut eased, &refusal.check, now);
                refusals.push(refusal);
                if !goes_on {
                    break;
                }
            }
        }
    }
    let mut names = vec!["claims", "kind", "nbf, iat", "typ", "iss", "aud", "exp", "scope"];
    if narrow {
        names.push("other aud");
    }
    let passed = |name: &str| match name {
        "typ" => format!("{}{}", header_typ(token), expected(typ)),
        "iss" => claim(token, "iss"),
        "aud" => format!("{}{}", claim(token, "aud"), expected(&rules.audiences)),
        "exp" => until(token, now),
        "scope" if rules.scope.is_empty() => "nothing is asked for".to_owned(),
        "scope" => format!("{}, expected {}", scope(token), words::list(&rules.scope)),
        _ => String::new(),
    };
    let signature = signature(token, signing_algorithms, Kind::AccessToken, keys);
    Some(judgement(signature, &names, refusals, whole, &passed))
}

/// JWT as copies are signed.
pub(super) fn jwt(typ: Vec<String>) -> AccessTokenFormat {
    AccessTokenFormat::Jwt { typ, signing_algorithms: vec![ALGORITHM] }
}

/// Makes the rule fit that a token failed by; `false` where none can.
fn ease_access_token(rules: &mut AccessTokenRules, check: &Check, now: Timestamp) -> bool {
    match check {
        Check::Type { found, .. } => {
            rules.format = jwt(vec![found.clone().unwrap_or_else(|| "jwt".to_owned())]);
        }
        Check::Issuer { found, .. } => match Issuer::parse(found) {
            Ok(issuer) => rules.issuer = issuer,
            Err(_) => return false,
        },
        Check::Audience { found, .. } => rules.audiences.clone_from(found),
        Check::Scope { .. } => rules.scope.clear(),
        check => match skew(check, now) {
            Some(skew) => rules.clock_skew = skew,
            None => return false,
        },
    }
    true
}

/// The clock skew with which a token's times would be right.
fn skew(check: &Check, now: Timestamp) -> Option<Duration> {
    let least = match check {
        Check::Expired { at, .. } => now.since(*at),
        Check::NotYetValid { at, .. } | Check::IssuedInFuture { at, .. } => at.since(now),
        _ => return None,
    };
    Some(least.saturating_add(Duration::from_secs(1)))
}

/// Judges a token as the ID token of a login.
pub(super) fn id_token(
    token: &Token,
    rules: &IdTokenRules,
    keys: &Keys,
    now: Timestamp,
) -> Judgement {
    let (copy, mut eased) = (token.copy(), rules.clone());
    eased.signing_algorithms = vec![ALGORITHM];
    // The nonce that a login sent is known to its browser alone: whatever stands there is taken.
    let nonce = token.claim("nonce").and_then(Json::as_str).unwrap_or_default();
    let nonce = Secret::new(nonce.to_owned());
    let expectation = LoginExpectation { nonce: &nonce, access_token: None };
    let (mut refusals, mut whole) = (Vec::new(), false);
    for _ in 0..ROUNDS {
        match IdToken::verify(&copy, &eased, &expectation, &KEYS, &Unsigned, now) {
            Ok(_) => {
                whole = true;
                break;
            }
            Err(refusal) => {
                let goes_on = ease_id_token(&mut eased, &refusal.check, now);
                refusals.push(refusal);
                if !goes_on {
                    break;
                }
            }
        }
    }
    let passed = |name: &str| match name {
        "iss" => claim(token, "iss"),
        "aud" => format!("{}, expected {}", claim(token, "aud"), words::quoted(&rules.client_id)),
        "azp" => claim(token, "azp"),
        "exp" => until(token, now),
        "acr" if rules.acr.is_empty() => "nothing is asked for".to_owned(),
        "acr" => format!("{}{}", claim(token, "acr"), expected(&rules.acr)),
        "auth_time" if rules.max_age.is_none() => "nothing is asked for".to_owned(),
        _ => String::new(),
    };
    let names =
        ["claims", "kind", "iss", "aud", "azp", "exp", "nbf, iat", "nonce", "acr", "auth_time"];
    let signature = signature(token, &rules.signing_algorithms, Kind::IdToken, keys);
    let mut judgement = judgement(signature, &names, refusals, whole, &passed);
    for (name, state) in &mut judgement.steps {
        if *name == "nonce" && matches!(state, State::Passed(_)) {
            *state = State::NotChecked("only the login knows the one that it sent");
        }
    }
    judgement.steps.push(("at_hash", State::NotChecked("the access token beside it is not here")));
    judgement
}

/// As [`ease_access_token`].
fn ease_id_token(rules: &mut IdTokenRules, check: &Check, now: Timestamp) -> bool {
    match check {
        Check::Issuer { found, .. } => match Issuer::parse(found) {
            Ok(issuer) => rules.issuer = issuer,
            Err(_) => return false,
        },
        Check::ExtraAudience { found, .. } => rules.audiences.extend(found.iter().cloned()),
        Check::Authentication { .. } => rules.acr.clear(),
        // How long ago somebody logged in is judged with the same skew: it would be too wide.
        check => match skew(check, now).filter(|_| rules.max_age.is_none()) {
            Some(skew) => rules.clock_skew = skew,
            None => return false,
        },
    }
    true
}

/// The signature, by the provider's keys; without them, whether its algorithm is allowed.
fn signature(token: &Token, allowed: &[Algorithm], kind: Kind, keys: &Keys) -> State {
    let refused =
        |error| State::Refused(Box::new(Refusal { token: kind, check: Check::Signature(error) }));
    let jws = match Jws::split(token.raw.expose()) {
        Ok(jws) => jws,
        Err(error) => return refused(error),
    };
    let none = KeySet::parse(NONE).ok();
    let Some(set) = keys.real.as_ref().or(none.as_ref()) else { return State::NotReached };
    match jose::verify(&jws, allowed, set, &PureRust) {
        Ok(()) => State::Passed(format!("right, by {}", words::quoted(&token.alg))),
        Err(error @ JwsError::AlgorithmNotAllowed { .. }) => refused(error),
        Err(_) if keys.real.is_none() => State::NotChecked("there are no keys: --jwks FILE"),
        Err(error) => refused(error),
    }
}

/// The checks in their order: refused, passed, or behind one that ended it all.
fn judgement(
    signature: State,
    names: &[&'static str],
    refusals: Vec<Refusal>,
    whole: bool,
    passed: &dyn Fn(&str) -> String,
) -> Judgement {
    let last = refusals.last().map(check_name).filter(|_| !whole);
    let mut refusals: Vec<Option<Refusal>> = refusals.into_iter().map(Some).collect();
    let mut steps = vec![("signature", signature)];
    let mut ended = false;
    for name in names {
        let refusal = refusals
            .iter_mut()
            .find(|refusal| refusal.as_ref().is_some_and(|refusal| check_name(refusal) == *name));
        let state = match refusal.and_then(Option::take) {
            Some(refusal) => State::Refused(Box::new(refusal)),
            None if ended => State::NotReached,
            None => State::Passed(passed(name)),
        };
        steps.push((name, state));
        ended |= last == Some(*name);
    }
    Judgement { steps }
}

/// The step that a check belongs to.
fn check_name(refusal: &Refusal) -> &'static str {
    match &refusal.check {
        Check::ExtraAudience { .. } if refusal.token == Kind::AccessToken => "other aud",
        Check::ExtraAudience { .. } => "aud",
        Check::OtherKind { .. } => "kind",
        Check::Type { .. } => "typ",
        Check::Issuer { .. } => "iss",
        Check::Audience { .. } => "aud",
        Check::AuthorizedParty { .. } => "azp",
        Check::Expired { .. } => "exp",
        Check::NotYetValid { .. } | Check::IssuedInFuture { .. } => "nbf, iat",
        Check::Nonce | Check::ClaimMissing("nonce") => "nonce",
        Check::Authentication { .. } => "acr",
        Check::AuthenticatedLongAgo { .. } | Check::ClaimMissing("auth_time") => "auth_time",
        Check::Scope { .. } => "scope",
        _ => "claims",
    }
}

fn expected(names: &[String]) -> String {
    match names {
        [one] => format!(", expected {}", words::quoted(one)),
        _ => format!(", expected one of {}", words::list(names)),
    }
}

fn claim(token: &Token, name: &str) -> String {
    token.claim(name).map_or_else(|| "none".to_owned(), words::value)
}

fn scope(token: &Token) -> String {
    if token.claim("scope").is_some() { claim(token, "scope") } else { claim(token, "scp") }
}

fn header_typ(token: &Token) -> String {
    token.typ.as_deref().map_or_else(|| "none".to_owned(), words::quoted)
}

fn until(token: &Token, now: Timestamp) -> String {
    match token.claim("exp") {
        Some(Json::Integer(seconds)) => {
            match time::distance(Timestamp::from_seconds(*seconds), now) {
                (true, words) => format!("{words} ago, within clock_skew"),
                (false, words) => format!("in {words}"),
            }
        }
        _ => String::new(),
    }
}
