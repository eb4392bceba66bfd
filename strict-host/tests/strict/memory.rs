//! The host's pointers and sizes are not believed.

use oidc_gate_strict_host::{Fault, Misdeed, Outcome};

use super::browser::Request;
use super::scene::{ENVOY, ROOT, Scene, configuration, forwarded};

const MISDEEDS: [Misdeed; 4] =
    [Misdeed::StrangePlace, Misdeed::TooMuch, Misdeed::OneTooMany, Misdeed::NoPlace];

#[test]
fn a_head_in_memory_that_was_not_handed_out_is_not_read() {
    for misdeed in MISDEEDS {
        let mut scene = Scene::new();
        let fault = Fault { function: "proxy_get_header_map_pairs", at: 1, misdeed };
        scene.vm.host().set_faults(vec![fault]);
        let stream = scene.arrive(&Request::new("GET", "/public"));
        assert_eq!(scene.status(stream), Some(503), "{misdeed:?}");
        // What was handed out before is neither lost nor given twice.
        for _ in 0..50 {
            forwarded(scene.send(&Request::new("GET", "/public")));
        }
    }
}

#[test]
fn a_configuration_in_memory_that_was_not_handed_out_is_refused() {
    for misdeed in MISDEEDS {
        let mut scene = Scene::new();
        let fault = Fault { function: "proxy_get_buffer_bytes", at: 1, misdeed };
        scene.vm.host().set_faults(vec![fault]);
        let configuration = configuration(&serde_json::json!({}));
        assert!(!scene.vm.configure(ROOT, &configuration), "{misdeed:?}");
    }
}

#[test]
fn no_answer_and_no_shared_value_is_read_from_memory_that_was_not_handed_out() {
    let functions = [
        "proxy_get_header_map_pairs",
        "proxy_get_buffer_bytes",
        "proxy_get_shared_data",
        "proxy_dequeue_shared_queue",
        "proxy_call_foreign_function",
    ];
    for function in functions {
        for misdeed in MISDEEDS {
            let mut scene = Scene::with(ENVOY);
            let browser = scene.log_in();
            scene.jump(310);
            scene.vm.host().set_faults(vec![Fault { function, at: 0, misdeed }]);
            let stream = scene.arrive(&browser.page("/"));
            scene.settle();
            scene.pass(20);
            assert!(
                !matches!(scene.vm.host().outcome(stream), Some(Outcome::Forward(_)))
                    || scene.provider.thefts == 0
            );
        }
    }
}
