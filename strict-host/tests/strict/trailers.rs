//! Trailers: cleaned, or nothing goes on.

use oidc_gate_strict_host::{Action, Head, Outcome};

use super::browser::{Browser, Request};
use super::scene::{ENVOY, Scene, head};
use super::twice::fails;

fn trailers(names: &[&str]) -> Head {
    Head::new(names.iter().map(|name| (name.as_bytes().to_vec(), b"evil".to_vec())))
}

#[test]
fn identity_headers_are_taken_out_of_trailers_and_the_rest_goes_on() {
    let mut scene = Scene::new();
    let stream = scene.arrive(&Request::new("GET", "/public"));
    let (action, sent) =
        scene.vm.trailers(stream, trailers(&["x-user", "X_User", "Authorization", "grpc-status"]));
    assert_eq!((action, sent.all("grpc-status")), (Action::Continue, vec!["evil"]));
    for name in ["x-user", "x_user", "authorization"] {
        assert!(sent.all(name).is_empty(), "{name}");
    }
}

#[test]
fn no_trailers_take_a_request_along_that_waits() {
    for names in [&[][..], &["grpc-status"], &["x-user"]] {
        let mut scene = Scene::cold(ENVOY);
        let stream = scene.arrive(&Browser::default().page("/"));
        assert_eq!(scene.vm.trailers(stream, trailers(names)).0, Action::Pause);
        assert_eq!(scene.vm.body(stream), Action::Pause);
        scene.warm_up();
        assert_eq!(scene.status(stream), Some(302));
    }
}

#[test]
fn a_request_whose_trailers_cannot_be_cleaned_is_answered_once_whether_it_waits_or_not() {
    for function in ["proxy_get_header_map_pairs", "proxy_remove_header_map_value"] {
        for path in ["/public", "/"] {
            let mut scene = Scene::cold(ENVOY);
            let stream = scene.arrive(&Browser::default().page(path));
            scene.vm.host().set_faults(vec![fails(function, 1)]);
            let (action, _) = scene.vm.trailers(stream, trailers(&["x-user"]));
            assert_eq!((action, scene.status(stream)), (Action::Pause, Some(503)));
            assert_eq!(scene.vm.trailers(stream, trailers(&["x-user"])).0, Action::Pause);
            scene.warm_up();
            scene.pass(20);
        }
    }
}

#[test]
fn trailers_of_a_stream_that_never_began_go_nowhere() {
    let mut scene = Scene::new();
    let stream = scene.vm.unannounced(head(&Request::new("GET", "/public")));
    assert_eq!(scene.vm.trailers(stream, trailers(&[])).0, Action::Pause);
    assert!(!matches!(scene.vm.host().outcome(stream), Some(Outcome::Forward(_))));
}
