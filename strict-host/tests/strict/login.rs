//! A user's day: login, requests, a refresh, logout.

use oidc_gate_strict_host::Outcome;

use super::scene::{Scene, answered, forwarded};

#[test]
fn login_session_refresh_and_logout_keep_every_rule_of_the_abi() {
    let mut scene = Scene::new();
    let mut browser = scene.log_in();
    let upstream = forwarded(scene.load(&mut browser, "/page"));
    assert_eq!(upstream.all("x-user"), ["alice"]);
    let [first] = upstream.all("authorization")[..] else { panic!("{upstream:?}") };
    assert!(upstream.all("cookie").is_empty());

    // The access token ran out: a refresh, whose cookie comes with the response.
    scene.jump(310);
    let old = browser.line();
    let renewed = forwarded(scene.load(&mut browser, "/page"));
    assert_ne!(renewed.all("authorization"), [first]);
    assert_ne!(browser.line(), old);
    assert_eq!(scene.provider.thefts, 0);

    let answer = answered(scene.load(&mut browser, "/oauth2/logout"));
    assert!(matches!(answer.status, 200 | 302 | 303), "{answer:?}");
    assert!(
        matches!(scene.load(&mut browser, "/page"), Outcome::Answer(answer) if answer.status == 302)
    );
    assert!(scene.vm.host().calls.is_empty());
}
