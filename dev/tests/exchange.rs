//! Token exchange at the development provider (RFC 8693), as a plain client sees it: what it gives, and what it refuses.

mod client;

use std::time::{Duration, Instant};

use client::{Answer, Browser, VERIFIER, claims, redeem, refresh, text, token};
use oidc_gate_dev::{DevProvider, Endpoint, Fault, Minted, ProviderOptions};
use serde_json::{Value, json};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A provider, and the answer to a code of alice's.
fn logged_in() -> (DevProvider, Value) {
    let provider = DevProvider::start(ProviderOptions::default()).expect("a free port");
    let code = Browser::new(&provider).code(&[]);
    let tokens = redeem(&provider, &code, VERIFIER).json();
    (provider, tokens)
}

/// The fields of an exchange of `subject`.
fn fields(subject: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", GRANT_TYPE),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
    ]
}

/// Exchanges `subject`, with `more` fields.
fn exchange(provider: &DevProvider, subject: &str, more: &[(&str, &str)]) -> Answer {
    let mut all = fields(subject);
    all.extend_from_slice(more);
    token(provider, &all).expect("an answer")
}

fn assert_refused(answer: &Answer, error: &str) {
    let found = answer.json();
    assert_eq!((answer.status, &found["error"]), (400, &json!(error)), "{found}");
    assert!(found["error_description"].is_string() && found.get("access_token").is_none());
}

/// The claims of the exchanged token.
fn exchanged(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    claims(&text(&answer.json(), "access_token"))
}

#[test]
fn an_exchange_brings_the_same_user_and_session_to_one_audience() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    let asked = [("audience", "good-service"), ("scope", "good-service")];
    let answer = exchange(&provider, &wide, &asked);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["scope"], "good-service");
    assert_eq!((body.get("refresh_token"), body.get("id_token")), (None, None));

    let (narrow, wide) = (exchanged(&answer), claims(&wide));
    assert_eq!(narrow["aud"], "good-service");
    assert_eq!(narrow["scope"], "good-service");
    assert_eq!(narrow["azp"], "APP-frontend");
    assert_eq!(narrow["typ"], "Bearer");
    for same in ["iss", "sub", "sid", "preferred_username", "email", "realm_access", "auth_time"] {
        assert_eq!(narrow[same], wide[same], "{same}");
    }
    assert_ne!(narrow["jti"], wide["jti"]);
    let lifespan = narrow["exp"].as_u64().expect("exp") - narrow["iat"].as_u64().expect("iat");
    assert_eq!(lifespan, 300);

    let calls = provider.calls();
    assert_eq!((calls.code, calls.refresh, calls.exchange), (1, 0, 1));
    let request = provider.token_requests().pop().expect("a request");
    assert_eq!(request.all("audience").collect::<Vec<_>>(), ["good-service"]);
}

#[test]
fn several_audiences_are_an_array_and_none_are_those_of_the_scope() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    let two = [("audience", "good-service"), ("audience", "APP-backend")];
    assert_eq!(
        exchanged(&exchange(&provider, &wide, &two))["aud"],
        json!(["good-service", "APP-backend"])
    );
    let unsaid = exchanged(&exchange(&provider, &wide, &[]));
    assert_eq!(unsaid["aud"], json!(["APP-backend", "account"]));
    assert_eq!(unsaid["scope"], claims(&wide)["scope"]);
    let scope = exchanged(&exchange(&provider, &wide, &[("scope", "openid good-service")]));
    assert_eq!(scope["aud"], json!(["APP-backend", "account", "good-service"]));
}

#[test]
fn an_exchanged_token_can_be_exchanged_in_turn_and_no_refresh_token_is_spent() {
    let (provider, tokens) = logged_in();
    let answer =
        exchange(&provider, &text(&tokens, "access_token"), &[("audience", "good-service")]);
    let narrow = text(&answer.json(), "access_token");
    let again = exchange(&provider, &narrow, &[("audience", "evil-service")]);
    assert_eq!(exchanged(&again)["aud"], "evil-service");
    // The refresh token is not spent by any of this.
    assert_eq!(refresh(&provider, &text(&tokens, "refresh_token")).status, 200);
}

#[test]
fn an_audience_that_is_not_known_is_an_invalid_target() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    let url = "https://api.example/v1";
    for (name, target) in [("audience", "nobody"), ("audience", ""), ("resource", url)] {
        let more = [("audience", "good-service"), (name, target)];
        assert_refused(&exchange(&provider, &wide, &more), "invalid_target");
    }
    for malformed in ["good-service", "https://api.example/#x"] {
        let answer = exchange(&provider, &wide, &[("resource", malformed)]);
        assert_refused(&answer, "invalid_request");
    }
    provider.faults(|faults| faults.extra_audiences = vec![url.into()]);
    assert_eq!(exchanged(&exchange(&provider, &wide, &[("resource", url)]))["aud"], url);
}

#[test]
fn a_scope_that_is_not_known_is_an_invalid_scope() {
    let (provider, tokens) = logged_in();
    let more = [("audience", "good-service"), ("scope", "good-service unheard-of")];
    assert_refused(&exchange(&provider, &text(&tokens, "access_token"), &more), "invalid_scope");
}

#[test]
fn only_an_access_token_of_ours_is_exchanged() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    let other = logged_in().1;
    let (message, _) = wide.rsplit_once('.').expect("a token");
    for subject in [
        text(&tokens, "id_token"),
        text(&tokens, "refresh_token"),
        text(&other, "access_token"),
        format!("{message}."),
        provider.mint(Minted::Access, json!({"sid": claims(&wide)["sid"], "exp": null})),
        // Its session was never there.
        provider.mint(Minted::Access, json!({})),
        "garbage".into(),
        String::new(),
    ] {
        let answer = exchange(&provider, &subject, &[("audience", "good-service")]);
        assert_refused(&answer, "invalid_request");
    }
}

#[test]
fn a_token_that_has_expired_is_not_exchanged() {
    let (provider, tokens) = logged_in();
    let known = claims(&text(&tokens, "access_token"));
    let (sid, issued) = (&known["sid"], known["iat"].as_u64().expect("iat"));
    let of_the_session =
        |exp: u64| provider.mint(Minted::Access, json!({ "sid": sid, "exp": exp }));
    assert_refused(&exchange(&provider, &of_the_session(issued), &[]), "invalid_request");
    assert_eq!(exchange(&provider, &of_the_session(issued + 300), &[]).status, 200);
    // By the provider's own clock, however wrong that is.
    provider.faults(|faults| faults.clock_offset = 3600);
    let answer = exchange(&provider, &of_the_session(issued + 300), &[]);
    assert_refused(&answer, "invalid_request");
}

#[test]
fn a_token_whose_login_has_ended_is_not_exchanged() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    assert_eq!(exchange(&provider, &wide, &[]).status, 200);
    // A refresh token that is used twice ends the client's part in the session.
    let used = text(&tokens, "refresh_token");
    assert_eq!(refresh(&provider, &used).status, 200);
    assert_eq!(refresh(&provider, &used).status, 400);
    assert_refused(&exchange(&provider, &wide, &[]), "invalid_request");

    let (provider, tokens) = logged_in();
    provider.end_sessions();
    let answer = exchange(&provider, &text(&tokens, "access_token"), &[]);
    assert_refused(&answer, "invalid_request");
}

#[test]
fn a_request_that_is_not_whole_or_says_a_thing_twice_is_refused() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    for missing in ["subject_token", "subject_token_type"] {
        let mut fields = fields(&wide);
        fields.retain(|(name, _)| *name != missing);
        assert_refused(&token(&provider, &fields).expect("an answer"), "invalid_request");
    }
    // RFC 8693 section 2.1: this one is optional.
    let mut short = fields(&wide);
    short.retain(|(name, _)| *name != "requested_token_type");
    assert_eq!(token(&provider, &short).expect("an answer").status, 200);

    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    for (name, value) in [("subject_token_type", id_token), ("requested_token_type", id_token)] {
        let mut fields = fields(&wide);
        fields.retain(|(found, _)| *found != name);
        fields.push((name, value));
        assert_refused(&token(&provider, &fields).expect("an answer"), "invalid_request");
    }
    for twice in [("subject_token", wide.as_str()), ("grant_type", GRANT_TYPE)] {
        assert_refused(&exchange(&provider, &wide, &[twice]), "invalid_request");
    }
    let scopes = [("scope", "good-service"), ("scope", "good-service")];
    assert_refused(&exchange(&provider, &wide, &scopes), "invalid_request");
    assert_refused(&exchange(&provider, &wide, &[("actor_token", "x")]), "invalid_request");
}

#[test]
fn a_client_that_does_not_show_who_it_is_exchanges_nothing() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields(&wide)).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let target = "/realms/acme/protocol/openid-connect/token";
    let answer = client::send(provider.port(), "POST", target, &headers, &body).expect("an answer");
    assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("unauthorized_client")));
    assert_eq!(provider.calls().exchange, 1, "counted all the same");
}

#[test]
fn faults_of_an_exchange_leave_refreshes_alone() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    let good = [("audience", "good-service")];
    provider.faults(|faults| faults.set(Endpoint::Exchange, Fault::status(503).times(1)));
    assert_eq!(exchange(&provider, &wide, &good).status, 503);
    assert_eq!(exchange(&provider, &wide, &good).status, 200);
    provider.faults(|faults| faults.set(Endpoint::Exchange, Fault::close()));
    let mut all = fields(&wide);
    all.extend_from_slice(&good);
    assert!(token(&provider, &all).is_none());
    assert_eq!(refresh(&provider, &text(&tokens, "refresh_token")).status, 200);
    let late = Duration::from_millis(20);
    provider.faults(|faults| faults.set(Endpoint::Exchange, Fault::delay(late)));
    let started = Instant::now();
    assert_eq!(exchange(&provider, &wide, &good).status, 200);
    assert!(started.elapsed() >= late);
    assert_eq!((provider.calls().exchange, provider.calls().refresh), (4, 1));
}

#[test]
fn an_exchanged_token_and_its_answer_say_what_they_are_told_to() {
    let (provider, tokens) = logged_in();
    let wide = text(&tokens, "access_token");
    provider.faults(|faults| {
        // Of access tokens, and none of an exchanged one's business.
        faults.access_claims.insert("aud".into(), "somebody".into());
        faults.access_audience = Some(json!(["APP-backend", "somebody"]));
        faults.exchange_claims.insert("sub".into(), "mallory".into());
        faults.exchange_claims.insert("sid".into(), Value::Null);
        faults.exchange_lifespan = Some(Duration::from_secs(7));
        faults.exchange_answer.insert("issued_token_type".into(), "urn:x".into());
        faults.exchange_answer.insert("scope".into(), Value::Null);
    });
    let answer = exchange(&provider, &wide, &[("audience", "good-service")]);
    let narrow = exchanged(&answer);
    assert_eq!(narrow["aud"], "good-service");
    assert_eq!((&narrow["sub"], narrow.get("sid")), (&json!("mallory"), None));
    let lifespan = narrow["exp"].as_u64().expect("exp") - narrow["iat"].as_u64().expect("iat");
    assert_eq!(lifespan, 7);
    let answer = answer.json();
    assert_eq!(answer["expires_in"], 7);
    assert_eq!((&answer["issued_token_type"], answer.get("scope")), (&json!("urn:x"), None));
    // More claims of the login's token would be seen in the exchanged one: it is for the same user.
    let rich = provider.mint(Minted::Access, json!({"sid": claims(&wide)["sid"], "team": "red"}));
    let answer = exchange(&provider, &rich, &[("audience", "good-service")]);
    assert_eq!(exchanged(&answer)["team"], "red");
}

#[test]
fn a_narrower_refresh_brings_a_narrower_token_and_the_refresh_token_keeps_its_scope() {
    let mut options = ProviderOptions { audiences: Vec::new(), ..ProviderOptions::default() };
    options.optional_scopes.push(("backend".into(), "APP-backend".into()));
    let provider = DevProvider::start(options).expect("a free port");
    let scope = "openid backend good-service";
    let code = Browser::new(&provider).code(&[("scope", scope)]);
    let mut tokens = redeem(&provider, &code, VERIFIER).json();
    let mut narrow = |scope: Option<&str>| {
        let refresh_token = text(&tokens, "refresh_token");
        let mut fields =
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
        fields.extend(scope.map(|scope| ("scope", scope)));
        let answer = token(&provider, &fields).expect("an answer");
        if answer.status == 200 {
            tokens = answer.json();
            Ok(claims(&text(&tokens, "access_token"))["aud"].clone())
        } else {
            Err(answer.json()["error"].clone())
        }
    };
    assert_eq!(narrow(Some("openid good-service")), Ok(json!("good-service")));
    assert_eq!(narrow(Some("good-service nonsense")), Err(json!("invalid_scope")), "nothing spent");
    assert_eq!(narrow(Some("evil-service")), Ok(Value::Null), "not granted at login");
    assert_eq!(narrow(None), Ok(json!(["good-service", "APP-backend"])));
    assert_eq!(provider.calls().refresh, 4);
}
