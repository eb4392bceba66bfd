//! Hosts on which a header that was removed goes upstream all the same.

use oidc_gate_strict_host::{Head, Removal, Traits};

use super::browser::{Browser, Request};
use super::scene::{Scene, answered, forwarded};

/// nginx with ngx_wasm_module: what is removed is hidden from the filter, and sent.
const NGINX: Traits = Traits { removal: Removal::Hidden, verifies: false, ..Traits::ENVOY };

fn evil(path: &str) -> Request {
    Request::new("GET", path)
        .and("Authorization", "Bearer evil")
        .and("x-user", "evil")
        .and("X_User", "evil")
}

fn nothing_evil(upstream: &Head) {
    for name in ["authorization", "x-user", "x_user", "cookie"] {
        assert!(!upstream.all(name).iter().any(|value| value.contains("evil")), "{upstream:?}");
    }
}

#[test]
fn what_is_taken_from_a_request_does_not_go_upstream_where_removing_has_no_effect() {
    for removal in [Removal::Gone, Removal::Hidden, Removal::Nothing] {
        let mut scene = Scene::with(Traits { removal, ..NGINX });
        for _ in 0..2 {
            let upstream = forwarded(scene.send(&evil("/public")));
            nothing_evil(&upstream);
            assert!(upstream.all("authorization").iter().all(|value| value.is_empty()));
        }
    }
}

#[test]
fn identity_headers_stand_alone_where_removing_has_no_effect() {
    for removal in [Removal::Gone, Removal::Hidden, Removal::Nothing] {
        let mut scene = Scene::with(Traits { removal, ..NGINX });
        let browser = scene.log_in();
        let request = evil("/api").and("cookie", browser.line());
        let request = request.without("Authorization");
        let upstream = forwarded(scene.send(&request));
        nothing_evil(&upstream);
        assert_eq!(upstream.all("x-user"), ["alice"], "{removal:?}");
        assert_eq!(upstream.all("cookie"), [""]);
        assert_eq!(upstream.all("authorization").len(), 1);
    }
}

#[test]
fn a_header_that_is_sent_twice_is_refused_where_only_its_first_line_can_be_changed() {
    let mut scene = Scene::with(NGINX);
    for name in ["authorization", "x-user"] {
        let request = Request::new("GET", "/public").and(name, "one").and(name, "two");
        assert_eq!(answered(scene.send(&request)).status, 503, "{name}");
    }
    assert!(scene.vm.host().logged("several times"));
    let request = Browser::default().page("/public").and("accept", "one").and("accept", "two");
    assert_eq!(forwarded(scene.send(&request)).all("accept").len(), 3, "others are left alone");
}

#[test]
fn a_host_that_changes_no_headers_is_told_from_one_that_does() {
    let mut scene = Scene::with(Traits { sets: false, removal: Removal::Nothing, ..NGINX });
    assert_eq!(answered(scene.send(&evil("/public"))).status, 503);
    forwarded(scene.send(&Request::new("GET", "/public")));
    let browser = scene.log_in();
    assert_eq!(answered(scene.send(&browser.page("/"))).status, 503);
}

#[test]
fn a_host_that_is_known_removes_and_writes_nothing_empty() {
    let mut scene = Scene::new();
    let upstream = forwarded(scene.send(&evil("/public").and("x-user", "evil")));
    for name in ["authorization", "x-user", "x_user"] {
        assert!(upstream.all(name).is_empty(), "{name}");
    }
}
