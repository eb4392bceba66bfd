//! The stories of Keycloak's guide on audiences, told with real services: `my-app` has a user's token, `evil-service` gets
//! it and plays it to `good-service`. First the theft succeeds, then what stops it.

use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::http::{Answer, Request};
use oidc_gate_e2e::{jwt, keycloak};
use serde_json::{Value, json};

use crate::exchange::{assert_challenge, exchanged_for, tokens};
use crate::gate::{self, Gate};
use crate::{answered, audiences, header};

const CLIENT: &str = "my-app";

/// The client's users at `evil-service`, which steals: what came of it, as it tells.
fn theft(gate: &Gate) -> Value {
    let told = answered(&Browser::new().login(&gate.url("/evil/theft"), "alice").answer);
    assert!(!told["status"].is_null(), "nothing was played: {told}");
    told
}

/// The rule of a service that gets the session's own token: whoever it is for.
fn of_the_session(audience: &str) -> Value {
    json!({"audiences": [audience]})
}

#[test]
fn where_nobody_asks_for_the_audience_evil_service_is_the_user_at_good_service() {
    let good = gate::trusting("good-service");
    let gate = Gate::of(CLIENT)
        .scope(&["backend-audience"])
        .thief("/evil", of_the_session("APP-backend"), gate::at(&good))
        .start();
    let told = theft(&gate);
    assert_eq!(told["status"], 200, "{told}");
    let claims = &told["answer"]["claims"];
    assert_eq!((&claims["preferred_username"], &claims["azp"]), (&json!("alice"), &json!(CLIENT)));
    assert_eq!(claims["aud"], "APP-backend", "it was never meant for good-service");
    assert_eq!(tokens(&good), tokens(gate.service("/evil")), "the very same token");
}

#[test]
fn a_gate_that_asks_for_the_audience_stops_the_theft_before_good_service_sees_it() {
    // The service itself is as careless as before.
    let good = Gate::of_bearers("good-service").api(gate::trusting("good-service")).start();
    let gate = Gate::of(CLIENT)
        .scope(&["backend-audience"])
        .thief("/evil", of_the_session("APP-backend"), good.address())
        .start();
    let told = theft(&gate);
    assert_eq!(told["status"], 401, "{told}");
    assert_challenge(told["challenge"].as_str(), "APP-backend", "good-service");
    assert!(good.api.requests().is_empty(), "nothing passes");
}

#[test]
fn where_one_token_names_both_services_asking_for_the_audience_stops_nobody() {
    let good = Gate::of_bearers("good-service").start();
    let gate = Gate::of(CLIENT)
        .scope(&["backend-audience", "good-service", "evil-service"])
        .thief("/evil", of_the_session("evil-service"), good.address())
        .start();
    let told = theft(&gate);
    assert_eq!(told["status"], 200, "{told}");
    let both = ["APP-backend", "evil-service", "good-service"];
    assert_eq!(audiences(&told["answer"]), both);
}

#[test]
fn with_a_token_of_its_own_evil_service_fails_at_good_service() {
    let good = Gate::of_bearers("good-service").start();
    let gate = Gate::of(CLIENT)
        .scope(&["backend-audience"])
        .thief("/evil", exchanged_for("evil-service"), good.address())
        .start();
    let told = theft(&gate);
    assert_eq!(told["status"], 401, "{told}");
    assert_challenge(told["challenge"].as_str(), "evil-service", "good-service");
    assert!(good.api.requests().is_empty(), "nothing passes");

    // Nor does Keycloak trade it for another: a service that logs nobody in may not ask.
    let stolen = tokens(gate.service("/evil")).remove(0);
    let more = "&audience=good-service&scope=good-service";
    let answer = keycloak::shared().exchange("evil-service", &stolen, more);
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_client")));
}

#[test]
fn each_service_gets_its_own_audience_alone_and_its_token_opens_no_other_door() {
    let front = Gate::of(CLIENT)
        .scope(&["backend-audience"])
        .service("/good", "good-service", exchanged_for("good-service"))
        .service("/evil", "evil-service", exchanged_for("evil-service"))
        .start();
    let doors = ["APP-backend", "good-service", "evil-service"];
    let gates = doors.map(|audience| Gate::of_bearers(audience).start());
    let mut alice = Browser::new();
    answered(&alice.login(&front.url("/"), "alice").answer);
    for path in ["/good/", "/evil/"] {
        answered(&alice.fetch(&front.url(path)));
    }

    let received =
        [&front.api, front.service("/good"), front.service("/evil")].map(|it| tokens(it).remove(0));
    for (token, own) in received.iter().zip(doors) {
        assert_eq!(jwt::claims(token)["aud"], own, "its own, and alone");
        let play = Request::get("/theft").bearer(token);
        for (gate, asked) in gates.iter().zip(doors) {
            let answer = gate.envoy.send(&play);
            assert_opens(&answer, own, asked);
        }
        // Back at the front, by the routes of the others.
        for (prefix, asked) in ["/theft", "/good/theft", "/evil/theft"].into_iter().zip(doors) {
            let answer = front.envoy.send(&Request::get(prefix).bearer(token));
            assert_opens(&answer, own, asked);
        }
    }
}

#[test]
fn narrower_refreshes_give_each_service_its_own_audience_alone() {
    let all = ["backend-audience", "good-service", "evil-service"];
    each_service_gets_its_own(&all, "refresh_token");
}

#[test]
fn further_trips_through_the_sign_on_give_each_service_its_own_audience_alone() {
    each_service_gets_its_own(&["backend-audience"], "authorization_code");
}

/// Where tokens are acquired this way, what one service gets is refused in front of the other.
fn each_service_gets_its_own(scope: &[&str], way: &str) {
    let services = [("/good", "good-service"), ("/evil", "evil-service")];
    let front =
        services.into_iter().fold(Gate::of(CLIENT).scope(scope), |front, (prefix, service)| {
            let rule = json!({"audiences": [service], "acquire": way, "scope": [service]});
            front.service(prefix, service, rule)
        });
    let (front, gates) =
        (front.start(), services.map(|(_, service)| Gate::of_bearers(service).start()));
    let mut alice = Browser::new();
    answered(&alice.login(&front.url("/"), "alice").answer);
    for (prefix, own) in services {
        let page = alice.open(&front.url(prefix));
        assert_eq!(answered(&page.answer)["claims"]["aud"], own, "its own, and alone");
        let play = Request::get("/theft").bearer(&tokens(front.service(prefix))[0]);
        for (gate, (_, asked)) in gates.iter().zip(services) {
            assert_opens(&gate.envoy.send(&play), own, asked);
        }
    }
    answered(&alice.fetch(&front.url("/")));
}

/// A token for `own` is good where `asked` is expected only if that is the same.
fn assert_opens(answer: &Answer, own: &str, asked: &str) {
    if own == asked {
        assert_eq!(answered(answer)["claims"]["aud"], own);
    } else {
        assert_eq!(answer.status, 401, "{own} at {asked}: {}", answer.text());
        assert_challenge(answer.header("www-authenticate"), own, asked);
    }
}

#[test]
fn a_token_for_both_services_is_given_where_the_rule_allows_it_and_else_refused_by_name() {
    let both = |more: Value| {
        let mut rule = json!({
            "audiences": ["good-service"],
            "acquire": "token_exchange",
            "scope": ["openid", "good-service", "evil-service"],
        });
        rule["extra_audiences"] = more;
        rule
    };
    let gate = Gate::of(CLIENT)
        .scope(&["backend-audience"])
        .service("/allowed", "good-service", both(json!("allow")))
        .service("/refused", "good-service", both(json!("refuse")))
        .start();
    let mut alice = Browser::new();
    let seen = answered(&alice.login(&gate.url("/allowed/"), "alice").answer);
    assert_eq!(audiences(&seen), ["evil-service", "good-service"]);
    // So good-service may act for the user at evil-service: that is what the rule says.
    let token = tokens(gate.service("/allowed")).remove(0);
    let evil = Gate::of_bearers("evil-service").start();
    answered(&evil.envoy.send(&Request::get("/").bearer(&token)));

    let problem = alice.fetch(&gate.url("/refused/")).problem();
    assert_eq!(problem["status"], 403, "{problem}");
    let words = problem.to_string();
    for expected in ["evil-service", "good-service", "extra_audiences: allow"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let page = alice.open(&gate.url("/refused/")).answer;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("evil-service"), "{}", page.text());
    assert!(gate.service("/refused").requests().is_empty(), "nothing passes");
}

#[test]
fn a_public_client_behind_one_gate_reaches_an_api_behind_another() {
    let inner = Gate::of_bearers("APP-backend").start();
    let outer = Gate::of("APP-frontend-public").before(&inner).start();
    let mut alice = Browser::new();
    let page = alice.login(&outer.url("/orders?page=2"), "alice");
    assert_eq!(page.url.whole(), outer.url("/orders?page=2"), "back where the login began");
    let seen = answered(&page.answer);
    assert_eq!(audiences(&seen), ["account", "APP-backend"]);
    let claims = &seen["claims"];
    assert_eq!(
        (&claims["preferred_username"], &claims["azp"]),
        (&json!("alice"), &json!("APP-frontend-public"))
    );
    assert_eq!(header(&seen, "cookie"), [""; 0], "the session stays with the first gate");
    answered(&alice.fetch(&outer.url("/api/things")));
    assert_eq!(inner.api.requests().len(), 2);

    // Nobody passes by the first gate: there is no session at the second, and no login.
    assert_eq!(alice.visit(&inner.url("/orders")).status, 401);
    assert_eq!(Browser::new().fetch(&outer.url("/api/things")).status, 401);
    assert_eq!(inner.api.requests().len(), 2);
}

#[test]
fn a_gate_that_the_tokens_of_the_one_before_are_not_for_refuses_them_without_a_loop() {
    let inner = Gate::of_bearers("good-service").start();
    let outer = Gate::of("APP-frontend-public").before(&inner).start();
    let page = Browser::new().login(&outer.url("/orders"), "alice");
    assert_eq!(page.url.whole(), outer.url("/orders"));
    assert_eq!(page.answer.status, 401, "{page:?}");
    let challenge = page.answer.header("www-authenticate").expect("a challenge");
    for words in ["invalid_token", "'APP-backend'", "expected one of 'good-service'"] {
        assert!(challenge.contains(words), "{words}: {challenge}");
    }
    assert!(inner.api.requests().is_empty(), "nothing passes");
}
