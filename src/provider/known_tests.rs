//! Who asks what and when, in virtual time; answers late, twice, wrong and never.

use serde_json::{Value, json};

use super::super::fixture::{self, ISSUER, ok};
use super::*;

const MIDDLE: u16 = u16::MAX / 2 + 1;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds.saturating_add(1_700_000_000))
}

/// The key of RFC 7515 appendix A.3.
fn key(kid: &str) -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn keys() -> String {
    json!({"keys": [key("one"), {"kty": "OKP", "crv": "X448", "x": "AA", "kid": "odd"}]})
        .to_string()
}

fn discovered() -> Provider {
    let mut provider = Provider::new(&fixture::provider(), true);
    assert_eq!(provider.due(at(0), MIDDLE), [Fetch::Discovery]);
    let document = fixture::document().to_string();
    let learned = provider.answered(Fetch::Discovery, &ok(document.as_bytes()), at(0), MIDDLE);
    assert_eq!(learned.unwrap(), Learned::Metadata);
    provider
}

fn ready() -> Provider {
    let mut provider = discovered();
    assert_eq!(provider.due(at(0), MIDDLE), [Fetch::Keys]);
    provider.answered(Fetch::Keys, &ok(keys().as_bytes()), at(0), MIDDLE).unwrap();
    assert!(provider.ready());
    provider
}

fn fail(provider: &mut Provider, fetch: Fetch, now: i64) -> String {
    let answer = Answer { status: Some(503), content_type: None, body: b"no healthy upstream" };
    provider.answered(fetch, &answer, at(now), MIDDLE).unwrap_err().to_string()
}

#[test]
fn discovery_slower_than_the_tick_is_not_asked_again() {
    let mut provider = Provider::new(&fixture::provider(), true);
    assert_eq!(provider.due(at(0), MIDDLE), [Fetch::Discovery]);
    for second in 0..5 {
        assert_eq!(provider.due(at(second), MIDDLE), [], "{second}");
    }
    assert!(!provider.ready());
    let document = fixture::document().to_string();
    provider.answered(Fetch::Discovery, &ok(document.as_bytes()), at(5), MIDDLE).unwrap();
    assert_eq!(provider.due(at(5), MIDDLE), [Fetch::Keys]);
    assert!(!provider.ready());
}

#[test]
fn an_answer_that_nobody_waits_for_is_not_read() {
    let mut provider = Provider::new(&fixture::provider(), true);
    let document = fixture::document().to_string();
    let early = provider.answered(Fetch::Discovery, &ok(document.as_bytes()), at(0), 0);
    assert!(matches!(early.unwrap_err().fault, Fault::NotAwaited));
    assert!(provider.metadata().is_none());
    let mut provider = ready();
    for body in [keys().as_bytes(), b"nonsense"] {
        let again = provider.answered(Fetch::Keys, &ok(body), at(1), 0);
        assert!(matches!(again.unwrap_err().fault, Fault::NotAwaited));
    }
    provider.not_sent(Fetch::Keys, at(1), 0);
    assert_eq!((provider.keys_generation(), provider.last_problem()), (1, None));
}

#[test]
fn a_fetch_whose_answer_never_comes_is_sent_again() {
    let mut provider = Provider::new(&fixture::provider(), true);
    assert_eq!(provider.due(at(0), MIDDLE), [Fetch::Discovery]);
    assert_eq!(provider.due(at(6), MIDDLE), []);
    assert!(provider.last_problem().unwrap().contains("found none within 6s"));
    assert_eq!(provider.due(at(7), MIDDLE), [Fetch::Discovery]);
}

#[test]
fn a_call_that_the_host_does_not_take_is_tried_again() {
    let mut provider = Provider::new(&fixture::provider(), true);
    let mut now = 0;
    for pause in [1, 2, 4, 5, 5] {
        assert_eq!(provider.due(at(now), MIDDLE), [Fetch::Discovery]);
        provider.not_sent(Fetch::Discovery, at(now), MIDDLE);
        let problem = provider.last_problem().unwrap();
        assert!(problem.contains("cluster `keycloak`") && problem.contains("did not take"));
        now += pause;
        assert_eq!(provider.due(at(now - 1), MIDDLE), []);
    }
}

#[test]
fn everything_is_asked_again_in_its_time() {
    let mut provider = ready();
    assert_eq!(provider.due(at(599), MIDDLE), []);
    assert_eq!(provider.due(at(600), MIDDLE), [Fetch::Keys]);
    provider.answered(Fetch::Keys, &ok(keys().as_bytes()), at(600), MIDDLE).unwrap();
    assert_eq!(provider.due(at(1_200), MIDDLE), [Fetch::Keys]);
    assert_eq!(provider.keys_generation(), 1, "the same keys again are no news");
    let other = json!({"keys": [key("two")]}).to_string();
    provider.answered(Fetch::Keys, &ok(other.as_bytes()), at(1_200), MIDDLE).unwrap();
    assert_eq!(provider.keys_generation(), 2);
    assert_eq!(provider.due(at(3_600), 0)[0], Fetch::Discovery);
}

#[test]
fn failures_and_nonsense_take_nothing_away() {
    let mut provider = ready();
    let message = {
        assert_eq!(provider.due(at(600), MIDDLE), [Fetch::Keys]);
        fail(&mut provider, Fetch::Keys, 600)
    };
    assert!(
        message.starts_with(
            "GET /realms/acme/certs (authority `op.example`, cluster `keycloak`): expected status 200, found 503; hint: "
        ),
        "{message}"
    );
    assert_eq!(provider.last_problem(), Some(message.as_str()));
    let only_odd = json!({"keys": [{"kty": "oct", "k": "AA"}, {"kty": "XY"}, 7]}).to_string();
    let huge = " ".repeat(300_000);
    let mut now = 601;
    for (body, pause) in [
        (r#"{"keys":[]}"#, 2),
        (r#"{"keys":{}}"#, 4),
        ("{}", 8),
        ("[]", 16),
        (r#"{"keys":["#, 32),
        (r#"{"keys":[],"keys":[]}"#, 60),
        ("<html>", 60),
        (only_odd.as_str(), 60),
        (huge.as_str(), 60),
    ] {
        assert_eq!(provider.due(at(now), MIDDLE), [Fetch::Keys], "{body}");
        let error = provider.answered(Fetch::Keys, &ok(body.as_bytes()), at(now), MIDDLE);
        assert!(error.unwrap_err().to_string().contains("; hint: "));
        assert!(provider.ready());
        assert_eq!((provider.keys().unwrap().len(), provider.keys_generation()), (1, 1));
        now += pause;
        assert_eq!(provider.due(at(now - 1), MIDDLE), [], "{body}");
    }
    assert_eq!(provider.due(at(now), MIDDLE), [Fetch::Keys]);
    provider.answered(Fetch::Keys, &ok(keys().as_bytes()), at(now), MIDDLE).unwrap();
    assert_eq!(provider.last_problem(), None);
}

#[test]
fn a_document_that_turns_wrong_leaves_the_metadata() {
    let mut provider = ready();
    assert!(provider.due(at(3_600), MIDDLE).contains(&Fetch::Discovery));
    let document = fixture::document().to_string().replace(ISSUER, "https://evil.example");
    let error = provider.answered(Fetch::Discovery, &ok(document.as_bytes()), at(3_600), 0);
    let message = error.unwrap_err().to_string();
    assert!(message.starts_with("GET /realms/acme/.well-known/openid-configuration (authority"));
    assert!(message.contains(ISSUER) && message.contains("https://evil.example"), "{message}");
    assert_eq!(provider.metadata().unwrap().jwks_uri.as_str(), format!("{ISSUER}/certs"));
    assert!(provider.ready());
}

#[test]
fn keys_that_are_skipped_are_noted() {
    let mut provider = discovered();
    provider.due(at(0), MIDDLE);
    let learned = provider.answered(Fetch::Keys, &ok(keys().as_bytes()), at(0), MIDDLE).unwrap();
    let Learned::Keys { skipped } = learned else { panic!() };
    assert_eq!(skipped.len(), 1);
    assert_eq!(provider.keys().unwrap().len(), 1);
}

#[test]
fn an_unknown_key_is_asked_for_once_in_ten_seconds() {
    let mut provider = ready();
    assert_eq!(provider.want_keys(at(20)), KeysWanted::Fetching);
    assert_eq!(provider.want_keys(at(20)), KeysWanted::Fetching);
    assert_eq!(provider.due(at(20), MIDDLE), [Fetch::Keys]);
    assert_eq!(provider.want_keys(at(21)), KeysWanted::Fetching);
    assert_eq!(provider.due(at(21), MIDDLE), []);
    provider.answered(Fetch::Keys, &ok(keys().as_bytes()), at(21), MIDDLE).unwrap();
    assert_eq!(provider.want_keys(at(21)), KeysWanted::Throttled);
    assert_eq!(provider.want_keys(at(29)), KeysWanted::Throttled);
    assert_eq!(provider.due(at(29), MIDDLE), []);
    assert_eq!(provider.want_keys(at(30)), KeysWanted::Fetching);
    assert_eq!(provider.due(at(30), MIDDLE), [Fetch::Keys]);
    fail(&mut provider, Fetch::Keys, 30);
    assert_eq!(provider.want_keys(at(30)), KeysWanted::Throttled, "failures count");
}

#[test]
fn new_keys_elsewhere_are_fetched_at_once() {
    let mut provider = ready();
    assert!(provider.due(at(3_600), MIDDLE).contains(&Fetch::Keys));
    provider.answered(Fetch::Keys, &ok(keys().as_bytes()), at(3_600), MIDDLE).unwrap();
    let document = fixture::document().to_string().replace("/certs", "/certs2");
    provider.answered(Fetch::Discovery, &ok(document.as_bytes()), at(3_601), MIDDLE).unwrap();
    assert_eq!(provider.due(at(3_601), MIDDLE), [Fetch::Keys]);
    assert_eq!(provider.call(Fetch::Keys).unwrap().headers[1].1, "/realms/acme/certs2");
}

#[test]
fn without_discovery_only_keys_are_asked_for() {
    let mut config = fixture::provider();
    config.discovery = false;
    config.metadata.jwks_uri = Some(fixture::url("https://op.example/certs?tenant=1"));
    let mut provider = Provider::new(&config, false);
    assert_eq!(provider.due(at(0), MIDDLE), [Fetch::Keys]);
    let call = provider.call(Fetch::Keys).unwrap();
    assert_eq!(call.headers[1].1, "/certs?tenant=1");
    assert!(fail(&mut provider, Fetch::Keys, 0).starts_with("GET /certs (authority"));
    let mut unfit = Provider::new(&config, true);
    assert_eq!(unfit.due(at(0), MIDDLE), []);
    assert!(unfit.last_problem().unwrap().contains("authorization_endpoint"));
    assert!(!unfit.ready() && unfit.call(Fetch::Keys).is_none());
}

#[test]
fn calls_name_the_provider_and_the_gate() {
    let mut config = fixture::provider();
    config.authority = Some("keycloak.internal".to_owned());
    let call = Provider::new(&config, true).call(Fetch::Discovery).unwrap();
    let expected = [
        (":method", "GET"),
        (":path", "/realms/acme/.well-known/openid-configuration"),
        (":authority", "keycloak.internal"),
        (":scheme", "https"),
        ("accept", "application/json"),
        ("user-agent", concat!("oidc-gate/", env!("CARGO_PKG_VERSION"))),
    ];
    let found: Vec<_> = call.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(found, expected);
    assert!(call.body.is_empty());
    assert_eq!(call.timeout, Duration::from_secs(5));
}
