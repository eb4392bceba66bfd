//! Every host call fails at every one of its uses, with every status that means something of its
//! own: nobody is acted on twice, nothing passes undecided, nothing traps, and nobody is left
//! without an answer but where the host did not take one.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use oidc_gate_strict_host::{Fault, Head, Misdeed, Outcome, Traits};
use serde_json::json;

use super::browser::{Browser, Request};
use super::scene::{ENVOY, ROOT, Scene, configuration, head, owned};

/// A day of one worker: whatever comes of each step, the next one follows.
pub(crate) struct Day {
    pub(crate) scene: Scene,
    browser: Browser,
    pub(crate) streams: Vec<(u32, &'static str)>,
}

impl Day {
    pub(crate) fn run(traits: Traits, faults: Vec<Fault>) -> Self {
        let scene = Scene::unconfigured(traits);
        let mut day = Self { scene, browser: Browser::default(), streams: Vec::new() };
        day.scene.vm.host().set_faults(faults);
        day.morning();
        day.evening();
        day
    }

    /// The plugin is configured, and once more, knows its provider, and somebody logs in.
    fn morning(&mut self) {
        let everything = json!({"log": {"access_log_fields": true}});
        for _ in 0..2 {
            self.scene.vm.configure(ROOT, &configuration(&everything));
        }
        let waits = self.arrive("/page");
        self.scene.pass(1);
        self.scene.settle();
        self.end(waits);
        self.load("/public");
        if let Some(Outcome::Answer(answer)) = self.load("/page")
            && let Some(location) = answer.headers.all("location").first()
        {
            let query = self.scene.provider.authorize(location);
            self.load(Box::leak(format!("/oauth2/callback?{query}").into_boxed_str()));
        }
    }

    /// The token runs out, two requests want a new one, and the user leaves.
    fn evening(&mut self) {
        self.load("/page");
        self.scene.jump(310);
        let both = [self.arrive("/page"), self.arrive("/api")];
        self.scene.settle();
        both.into_iter().for_each(|stream| self.end(stream));
        self.load("/oauth2/logout");
        self.load("/api");
        // Whoever still waits has waited long enough after this.
        for _ in 0..2 {
            self.scene.pass(15);
            self.scene.settle();
        }
    }

    fn arrive(&mut self, path: &'static str) -> u32 {
        let request = match path {
            "/api" => self.browser.fetch("GET", path),
            _ => self.browser.page(path),
        };
        let mut request = request.and("x-user", "evil");
        if path == "/public" {
            request = request.and("authorization", "Bearer evil");
        }
        let stream = self.scene.arrive(&request);
        self.streams.push((stream, path));
        stream
    }

    /// A page is loaded as far as it comes.
    fn load(&mut self, path: &'static str) -> Option<Outcome> {
        let stream = self.arrive(path);
        self.scene.settle();
        let trailers = Head::new([(b"x-user".to_vec(), b"evil".to_vec())]);
        let outcome = self.scene.vm.host().outcome(stream).cloned();
        if matches!(outcome, Some(Outcome::Forward(_))) {
            let (action, sent) = self.scene.vm.trailers(stream, trailers);
            let evil = sent.all("x-user").contains(&"evil");
            assert!(!evil || action == oidc_gate_strict_host::Action::Pause);
        }
        self.end(stream);
        outcome
    }

    fn end(&mut self, stream: u32) {
        let cookies = match self.scene.vm.host().outcome(stream).cloned() {
            Some(Outcome::Answer(answer)) => owned(&answer.headers.all("set-cookie")),
            Some(Outcome::Forward(_)) => {
                let response = self.scene.vm.response(stream, head(&Request::new("GET", "/")));
                owned(&response.all("set-cookie"))
            }
            None => Vec::new(),
        };
        self.browser.take(&cookies);
    }

    /// What must hold whatever went wrong.
    pub(crate) fn hold(mut self, what: &[Fault]) {
        let tokens = std::mem::take(&mut self.scene.provider.secrets);
        let refused = ["proxy_send_local_response", "proxy_continue_stream", CONTEXT];
        let kept = what.iter().any(|fault| refused.contains(&fault.function));
        for (stream, path) in &self.streams {
            match self.scene.vm.host().outcome(*stream) {
                Some(Outcome::Forward(upstream)) => passed(upstream, path, &tokens),
                Some(Outcome::Answer(answer)) => assert!(answer.status >= 200),
                None => assert!(kept, "{path} is left without an answer: {what:?}"),
            }
        }
        assert_eq!(self.scene.provider.thefts, 0, "a token was spent twice: {what:?}");
    }
}

const CONTEXT: &str = "proxy_set_effective_context";

/// Nothing goes upstream but what is public, or a user with a token of the provider's.
fn passed(upstream: &Head, path: &str, tokens: &[String]) {
    let values = upstream.all("x-user");
    assert!(values.iter().all(|value| ["alice", ""].contains(value)), "{path}: {values:?}");
    match upstream.all("authorization")[..] {
        // Where the host is not known to be Envoy it is overwritten with nothing.
        [] | [""] => assert_eq!(path, "/public"),
        [value] => {
            let token = value.strip_prefix("Bearer ").unwrap();
            assert!(tokens.iter().any(|known| known == token), "{path}: {upstream:?}");
        }
        _ => panic!("{path}: {upstream:?}"),
    }
}

/// Statuses with a meaning of their own somewhere, and one that has none.
const STATUSES: [u32; 4] = [1, 7, 8, 10];

const MEMORY: [&str; 5] = [
    "proxy_get_buffer_bytes",
    "proxy_get_header_map_pairs",
    "proxy_get_shared_data",
    "proxy_dequeue_shared_queue",
    "proxy_call_foreign_function",
];

/// Functions whose failure is the same at every use: looked at less often.
const EVERYWHERE: [&str; 5] = [
    "proxy_log",
    "proxy_get_log_level",
    "proxy_get_current_time_nanoseconds",
    "proxy_define_metric",
    "proxy_increment_metric",
];

fn misdeeds(function: &str) -> Vec<Misdeed> {
    let mut misdeeds: Vec<Misdeed> = match function {
        "proxy_get_shared_data" | "proxy_set_shared_data" => STATUSES.map(Misdeed::Status).into(),
        "proxy_dequeue_shared_queue" => vec![Misdeed::Status(7), Misdeed::Status(10)],
        "proxy_send_local_response" | "proxy_continue_stream" | CONTEXT => {
            vec![Misdeed::Status(10), Misdeed::Untrue(10)]
        }
        _ => vec![Misdeed::Status(10)],
    };
    if MEMORY.contains(&function) {
        misdeeds.extend([Misdeed::StrangePlace, Misdeed::TooMuch, Misdeed::NoPlace]);
    }
    misdeeds
}

/// All single faults of a day, and each function failing for good.
fn faults(counted: &BTreeMap<&'static str, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (function, uses) in counted {
        let step = if EVERYWHERE.contains(function) { uses.div_ceil(8) } else { 1 };
        for misdeed in misdeeds(function) {
            for at in (0..=*uses).step_by(step) {
                faults.push(Fault { function, at, misdeed });
            }
        }
    }
    faults
}

#[test]
fn whatever_host_call_fails_whenever_it_fails_nobody_is_let_through_or_forgotten() {
    let mut day = Day::run(ENVOY, Vec::new());
    let counted = day.scene.vm.host().counted();
    let forwards = day.streams.clone().into_iter().filter(|(stream, _)| {
        matches!(day.scene.vm.host().outcome(*stream), Some(Outcome::Forward(_)))
    });
    assert_eq!(forwards.count(), 4, "public, a session, and two after the refresh");
    day.hold(&[]);
    let faults = faults(&counted);
    assert!(faults.len() > 100 && counted.len() > 15, "{counted:?}");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let held = catch_unwind(|| Day::run(ENVOY, vec![*fault]).hold(&[*fault]));
                    if held.is_err() {
                        wrong.lock().unwrap().push(*fault);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} faults: {wrong:#?}", wrong.len(), faults.len());
}
