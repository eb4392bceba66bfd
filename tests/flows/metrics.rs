//! `gate/tally.rs`: what happens is counted, each thing once, and a request by what became of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use oidc_gate::gate::metrics::{
    Acquisition, Endpoint, KeyFetch, Login, Lookup, Metric, Outcome, Refresh, Source, Status,
    Token, series,
};
use oidc_gate::token::testing::NOW;
use serde_json::json;

use super::bearer::api;
use super::browser::{Browser, Request};
use super::host::Endpoint as Called;
use super::provider::Fault;
use super::scene::Scene;
use super::steps::left;

/// Fails unless each request of the scene that ended was counted by one outcome, the right one, and
/// those that still wait by none.
pub(crate) fn every_request_is_counted_once(scene: &Scene) {
    let counted = scene.host.counted.all.borrow();
    let outcomes = counted.iter().filter_map(|metric| match metric {
        Metric::Request(outcome) => Some(*outcome),
        _ => None,
    });
    let (refusals, others): (Vec<_>, Vec<_>) = outcomes.partition(|outcome| outcome.is_refusal());
    let sent_on = |outcome: &&Outcome| outcome.as_str().starts_with("forward_");
    assert_eq!(others.iter().filter(sent_on).count(), scene.upstreams.len());
    assert_eq!(refusals.len() + others.len(), scene.upstreams.len() + scene.answers.len());
    // What the answers themselves say.
    let mut told: Vec<String> = scene.answers.iter().map(super::scene::Answered::code).collect();
    told.retain(|code| !code.is_empty());
    let mut refusals: Vec<_> = refusals.iter().map(|outcome| outcome.as_str()).collect();
    told.sort_unstable();
    refusals.sort_unstable();
    assert_eq!(refusals, told);
}

/// All that a host was told to count, and how much of it a test has looked at.
#[derive(Default)]
pub(crate) struct Counted {
    all: RefCell<Vec<Metric>>,
    seen: Cell<usize>,
}

impl Counted {
    pub(crate) fn push(&self, metric: Metric) {
        self.all.borrow_mut().push(metric);
    }
}

/// What was counted since it was asked for last.
fn counted(scene: &Scene) -> BTreeMap<Metric, usize> {
    let mut counts = BTreeMap::new();
    let all = scene.host.counted.all.borrow();
    let seen = scene.host.counted.seen.replace(all.len());
    for metric in &all[seen..] {
        *counts.entry(*metric).or_default() += 1;
    }
    counts
}

fn once<const N: usize>(metrics: [Metric; N]) -> BTreeMap<Metric, usize> {
    metrics.map(|metric| (metric, 1)).into()
}

const TOKEN_CALL: Metric = Metric::ProviderCall(Endpoint::Token, Status::Success);

fn only_requests(counts: BTreeMap<Metric, usize>) -> BTreeMap<Metric, usize> {
    counts.into_iter().filter(|(metric, _)| matches!(metric, Metric::Request(_))).collect()
}

#[test]
fn a_start_a_login_and_what_follows_are_counted_one_by_one() {
    let mut scene = Scene::with(json!({}));
    assert_eq!(
        counted(&scene),
        once([
            Metric::ProviderCall(Endpoint::Discovery, Status::Success),
            Metric::ProviderCall(Endpoint::Keys, Status::Success),
            Metric::KeyFetch(KeyFetch::Done),
        ])
    );
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    let begun = once([Metric::Login(Login::Begun), Metric::Request(Outcome::LoginBegins)]);
    assert_eq!(counted(&scene), begun);
    scene.come_back(&mut browser, &query);
    let written: usize = browser.jar.values().map(|cookie| cookie.value.len()).sum();
    assert!(written > 500, "{browser:?}");
    assert_eq!(
        counted(&scene),
        once([
            Metric::Request(Outcome::LoggedIn),
            Metric::Login(Login::Done),
            TOKEN_CALL,
            Metric::SessionBytes(written as u64),
        ])
    );
    scene.get(&mut browser, "/api").upstream();
    let first = [Metric::Request(Outcome::ForwardSession), Metric::SessionCache(Lookup::Miss)];
    assert_eq!(counted(&scene), once(first));
    scene.get(&mut browser, "/oauth2/session");
    scene.get(&mut browser, "/public");
    scene.visit(&mut browser, "/oauth2/logout");
    let rest = counted(&scene);
    for outcome in [Outcome::SessionInfo, Outcome::ForwardPublic, Outcome::LoggedOut] {
        assert_eq!(rest[&Metric::Request(outcome)], 1, "{outcome:?}");
    }
    scene.get(&mut browser, "/api").answer();
    assert_eq!(counted(&scene), once([Metric::Request(Outcome::Unauthenticated)]));
}

/// The way that nearly all requests take: one counter for the outcome, one for the cache.
#[test]
fn a_request_with_a_known_session_counts_twice_and_no_more() {
    let mut scene = Scene::with(json!({}));
    let mut browser = scene.log_in();
    scene.get(&mut browser, "/api").upstream();
    counted(&scene);
    for _ in 0..3 {
        scene.get(&mut browser, "/api").upstream();
        let known = [Metric::Request(Outcome::ForwardSession), Metric::SessionCache(Lookup::Hit)];
        assert_eq!(counted(&scene), once(known));
    }
}

#[test]
fn a_request_that_waits_is_counted_when_it_is_decided_anew() {
    let (mut scene, browser) = left(-10);
    counted(&scene);
    let streams: Vec<_> = (0..5).map(|_| scene.arrive(&browser.fetch("GET", "/api"))).collect();
    assert!(only_requests(counted(&scene)).is_empty(), "all five wait");
    scene.leave(streams[4]);
    scene.settle();
    let after = counted(&scene);
    assert_eq!(after[&Metric::Request(Outcome::ForwardSession)], 4, "one has left");
    assert_eq!((after[&Metric::Refresh(Refresh::Renewed)], after[&TOKEN_CALL]), (1, 1));
    assert_eq!(only_requests(after).len(), 1);
}

#[test]
fn a_refresh_is_counted_by_what_became_of_it() {
    let refused = Fault::Body(400, br#"{"error":"invalid_grant"}"#.to_vec());
    let client_error = Metric::ProviderCall(Endpoint::Token, Status::ClientError);
    let none = Metric::ProviderCall(Endpoint::Token, Status::None);
    for (fault, refresh, call) in [
        (refused, Refresh::Ended, client_error),
        (Fault::NoAnswer, Refresh::Failed, none),
        (Fault::Body(200, b"nonsense".to_vec()), Refresh::Failed, TOKEN_CALL),
    ] {
        let (mut scene, mut browser) = left(-10);
        scene.provider.fail(Called::Token, fault);
        counted(&scene);
        scene.visit(&mut browser, "/");
        let after = counted(&scene);
        assert_eq!((after[&Metric::Refresh(refresh)], after[&call]), (1, 1), "{after:?}");
        assert!(!after.contains_key(&Metric::Login(Login::Done)));
    }
    let (mut scene, mut browser) = left(-10);
    scene.host.not_taken.push(Called::Token);
    counted(&scene);
    scene.visit(&mut browser, "/");
    let after = counted(&scene);
    assert_eq!((after[&Metric::Refresh(Refresh::Failed)], after[&none]), (1, 1), "{after:?}");
}

/// The point of it all: a token that is replayed by whoever else received it.
#[test]
fn a_clients_token_for_somebody_else_is_counted_by_itself() {
    let mut scene = Scene::with(json!({}));
    counted(&scene);
    let replayed = scene.provider.mint_access_token(json!({"aud": "good-service"}), NOW);
    for _ in 0..2 {
        scene.send(&api(&replayed)).answer();
    }
    let after = counted(&scene);
    let replay = Metric::WrongAudience(Token::AccessToken, Source::Bearer);
    assert_eq!(after[&replay], 2);
    assert_eq!(after[&Metric::Request(Outcome::InvalidToken)], 2);
    for changes in [json!({"iss": "https://evil.example"}), json!({"exp": NOW.seconds() - 31})] {
        let token = scene.provider.mint_access_token(changes, NOW);
        scene.send(&api(&token)).answer();
    }
    let token = scene.provider.mint_access_token(json!({}), NOW);
    scene.send(&api(&token)).upstream();
    scene.send(&api(&token)).upstream();
    let after = counted(&scene);
    assert!(!after.keys().any(|metric| matches!(metric, Metric::WrongAudience(..))), "{after:?}");
    assert_eq!(after[&Metric::Request(Outcome::ForwardBearer)], 2);
    assert_eq!(after[&Metric::BearerCache(Lookup::Hit)], 1);
}

#[test]
fn a_wrong_audience_is_counted_by_token_and_by_where_it_came_from() {
    let wrong = |scene: &Scene| {
        let mut all = counted(scene);
        all.retain(|metric, _| matches!(metric, Metric::WrongAudience(..)));
        all
    };
    // At login: either token.
    let mut scene = Scene::with(json!({}));
    scene.provider.access_token = json!({"aud": "account"});
    let mut browser = Browser::default();
    let query = scene.begin(&mut browser, "/");
    counted(&scene);
    scene.come_back(&mut browser, &query);
    let after = counted(&scene);
    assert_eq!(after[&Metric::Login(Login::TokenRefused)], 1);
    assert_eq!(after[&Metric::WrongAudience(Token::AccessToken, Source::Login)], 1);
    (scene.provider.access_token, scene.provider.id_token) = (json!({}), json!({"aud": "x"}));
    scene.log_in_with(&mut browser, "/");
    assert_eq!(wrong(&scene), once([Metric::WrongAudience(Token::IdToken, Source::Login)]));
    // The session's: the configuration has changed since, and at a refresh.
    scene.provider.id_token = json!({});
    let mut browser = scene.log_in();
    scene.reconfigure(json!({"access_token": {"audiences": ["another"]}}));
    counted(&scene);
    for _ in 0..3 {
        scene.get(&mut browser, "/api").answer();
    }
    let session = Metric::WrongAudience(Token::AccessToken, Source::Session);
    assert_eq!(wrong(&scene), [(session, 3)].into(), "at each request");
    scene.reconfigure(json!({}));
    scene.provider.access_token = json!({"aud": "account"});
    scene.jump(310);
    counted(&scene);
    scene.get(&mut browser, "/api").answer();
    scene.get(&mut browser, "/api").answer();
    let after = counted(&scene);
    assert_eq!((after[&session], after[&Metric::Refresh(Refresh::Refused)]), (1, 1), "once");
}

#[test]
fn what_is_acquired_is_counted_by_what_became_of_it() {
    let acquired = |script: &dyn Fn(&mut Scene)| {
        let (mut scene, mut browser) = super::acquire::scene();
        script(&mut scene);
        counted(&scene);
        scene.get(&mut browser, "/good");
        scene.get(&mut browser, "/good");
        counted(&scene)
    };
    let after = acquired(&|_| {});
    assert_eq!(after[&Metric::Acquisition(Acquisition::Acquired)], 1);
    assert_eq!(after[&Metric::Request(Outcome::ForwardAcquired)], 2);
    let after = acquired(&|scene| scene.provider.exchanged = json!({"aud": "evil-service"}));
    assert_eq!(after[&Metric::Acquisition(Acquisition::Refused)], 1);
    assert_eq!(after[&Metric::WrongAudience(Token::AccessToken, Source::Acquired)], 1);
    assert_eq!(after[&Metric::Request(Outcome::SessionTokenRefused)], 2);
    assert!(!after.contains_key(&Metric::WrongAudience(Token::AccessToken, Source::Session)));
    let refused = br#"{"error":"invalid_target"}"#;
    let after = acquired(&|scene| {
        scene.provider.fail(Called::Token, Fault::Body(400, refused.to_vec()));
    });
    assert_eq!(after[&Metric::Acquisition(Acquisition::NotGiven)], 1);
    let after = acquired(&|scene| scene.host.not_taken.push(Called::Token));
    assert_eq!(after[&Metric::Acquisition(Acquisition::Failed)], 1, "and not at once again");
}

#[test]
fn a_narrower_refresh_is_counted_as_what_the_rule_acquires() {
    let narrowed = |script: &dyn Fn(&mut Scene)| {
        let (mut scene, mut browser) = super::narrow::scene();
        script(&mut scene);
        counted(&scene);
        scene.get(&mut browser, "/good");
        let mut after = counted(&scene);
        after.retain(|metric, _| matches!(metric, Metric::Acquisition(_) | Metric::Refresh(_)));
        after
    };
    let only = |outcome| once([Metric::Acquisition(outcome)]);
    assert_eq!(narrowed(&|_| {}), only(Acquisition::Acquired));
    let refused = br#"{"error":"invalid_scope"}"#;
    let not_given =
        |scene: &mut Scene| scene.provider.fail(Called::Token, Fault::Body(400, refused.to_vec()));
    assert_eq!(narrowed(&not_given), only(Acquisition::NotGiven));
    let over = br#"{"error":"invalid_grant"}"#;
    let ended =
        |scene: &mut Scene| scene.provider.fail(Called::Token, Fault::Body(400, over.to_vec()));
    assert_eq!(narrowed(&ended), only(Acquisition::NotGiven));
    let silent = |scene: &mut Scene| scene.provider.fail(Called::Token, Fault::NoAnswer);
    assert_eq!(narrowed(&silent), only(Acquisition::Failed));
    let not_sent = |scene: &mut Scene| scene.host.not_taken.push(Called::Token);
    assert_eq!(narrowed(&not_sent), only(Acquisition::Failed));
}

#[test]
fn a_trip_is_no_login_and_is_counted_by_what_it_brings() {
    let (mut scene, mut browser) = super::trip::scene();
    counted(&scene);
    scene.get(&mut browser, "/good").answer();
    assert_eq!(counted(&scene)[&Metric::Request(Outcome::TokenNeeded)], 1);
    let query = scene.begin(&mut browser, "/good");
    let mut after = counted(&scene);
    assert_eq!(after.remove(&Metric::Request(Outcome::TripBegins)), Some(1));
    assert!(!after.keys().any(|metric| matches!(metric, Metric::Login(_))), "{after:?}");
    scene.come_back(&mut browser, &query);
    let after = counted(&scene);
    assert_eq!(after[&Metric::Request(Outcome::TripDone)], 1);
    assert_eq!(after[&Metric::Acquisition(Acquisition::Acquired)], 1);
    assert!(!after.keys().any(|metric| matches!(metric, Metric::Login(_))), "{after:?}");
    // One that brings a token for somebody else.
    let query = scene.begin(&mut browser, "/evil");
    scene.provider.narrowed = json!({"aud": "APP-backend"});
    counted(&scene);
    scene.come_back(&mut browser, &query);
    let after = counted(&scene);
    assert_eq!(after[&Metric::Acquisition(Acquisition::Refused)], 1);
    assert_eq!(after[&Metric::WrongAudience(Token::AccessToken, Source::Acquired)], 1);
}

#[test]
fn a_provider_that_does_not_answer_can_be_seen() {
    let mut scene = Scene::cold(json!({}));
    scene.provider.fail(Called::Discovery, Fault::Status(503));
    scene.tick();
    scene.settle();
    let down = Metric::ProviderCall(Endpoint::Discovery, Status::ServerError);
    assert_eq!(counted(&scene), once([down]));
    scene.provider.fail(Called::Keys, Fault::Body(200, b"{}".to_vec()));
    scene.pass(60);
    scene.settle();
    let after = counted(&scene);
    assert_eq!(after[&Metric::KeyFetch(KeyFetch::Failed)], 1, "{after:?}");
    assert!(!scene.worker.ready());
    let waits = scene.arrive(&Request::new("GET", "/api"));
    scene.host.not_taken.extend([Called::Discovery, Called::Keys]);
    scene.pass(30);
    assert!(scene.outcome(waits).is_some());
    let after = counted(&scene);
    assert_eq!(after[&Metric::Request(Outcome::ProviderUnavailable)], 1);
    assert!(after[&Metric::ProviderCall(Endpoint::Keys, Status::None)] > 0);
}

#[test]
fn nothing_of_a_request_or_a_token_can_stand_in_a_series() {
    // What a series is called does not depend on anything that happens.
    assert_eq!(series(), series());
    let mut scene = Scene::with(json!({}));
    let evil = Request::new("GET", "/api").bearer("a.b.c").and("x-user", "evil");
    scene.send(&evil).answer();
    scene.send(&Request::new("GET", "/oauth2/callback?state=x&error=evil&code=1")).answer();
    for metric in scene.host.counted.all.borrow().iter() {
        let (_, name) = &series()[metric.place()];
        assert!(!name.contains("evil"), "{name}");
    }
    assert_eq!(counted(&scene)[&Metric::Login(Login::NoAttempt)], 1);
}
