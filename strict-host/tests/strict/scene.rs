//! One worker in the strict host, with the scripted provider of tests/flows.

use std::cell::RefCell;
use std::rc::Rc;

use oidc_gate::gate::CallId;
use oidc_gate::token::testing::{API, CLIENT, ISSUER, NOW, Signer};
use oidc_gate::wire::Timestamp;
use oidc_gate_strict_host::{Call, Failure, Head, Outcome, Process, Response, State, Traits, Vm};
use serde_json::{Value, json};

use super::browser::{Browser, Request};
use super::provider::{CLIENT_SECRET, Provider};
use super::sent::Sent;

pub(crate) const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// The plugin.
pub(crate) const ROOT: u32 = 1;

pub(crate) const ENVOY: Traits = Traits::ENVOY;

pub(crate) struct Scene {
    pub(crate) vm: Vm,
    pub(crate) provider: Provider,
    pub(crate) process: Rc<RefCell<Process>>,
}

/// The configuration of most tests, with the members of `changes` instead.
pub(crate) fn configuration(changes: &Value) -> String {
    let mut whole = json!({
        "provider": {"issuer": ISSUER, "cluster": "keycloak"},
        "client": {"client_id": CLIENT, "client_secret": {"inline": CLIENT_SECRET}},
        "access_token": {"audiences": [API]},
        "session": {"keys": [{"inline": SESSION_KEY}]},
        "upstream": {"headers": {"x-user": "preferred_username"}},
        "rules": [
            {"match": {"path_prefix": "/public"}, "access": "public"},
            {"match": {"path_prefix": "/api"}, "unauthenticated": "deny"},
            {"match": {"path_prefix": "/page"}, "unauthenticated": "redirect"},
        ],
    });
    for (name, value) in changes.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole.to_string()
}

/// A provider whose signatures the host can check.
pub(crate) fn provider() -> Provider {
    let mut provider = Provider::new();
    provider.signer = Signer::es256("k1");
    provider.published = vec![provider.signer.jwk()];
    provider
}

impl Scene {
    /// A worker that knows its provider, in a host like Envoy.
    pub(crate) fn new() -> Self {
        Self::with(ENVOY)
    }

    /// The same in another host.
    pub(crate) fn with(traits: Traits) -> Self {
        let mut scene = Self::cold(traits);
        scene.warm_up();
        scene
    }

    /// A worker that has not asked its provider anything.
    pub(crate) fn cold(traits: Traits) -> Self {
        let mut scene = Self::unconfigured(traits);
        let taken = scene.vm.configure(ROOT, &configuration(&json!({})));
        assert!(taken, "{:?}", scene.vm.host().log);
        scene
    }

    /// A plugin that has no configuration yet.
    pub(crate) fn unconfigured(traits: Traits) -> Self {
        let process = Rc::new(RefCell::new(Process::default()));
        let now = u64::try_from(NOW.seconds()).unwrap() * 1_000_000_000;
        let vm = Vm::new(State::new(traits, &process, now));
        Self { vm, provider: provider(), process }
    }

    pub(crate) fn warm_up(&mut self) {
        self.vm.tick(ROOT);
        self.settle();
        assert!(self.vm.host().logged("the provider's keys are there"));
    }

    pub(crate) fn now(&mut self) -> Timestamp {
        Timestamp::from_seconds(i64::try_from(self.vm.host().now / 1_000_000_000).unwrap())
    }

    /// The clock is set, without a tick.
    pub(crate) fn jump(&mut self, seconds: u64) {
        self.vm.host().now += seconds * 1_000_000_000;
    }

    /// Time passes, in ticks of a second.
    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.jump(1);
            self.vm.tick(ROOT);
        }
    }

    /// A request's head is there; nothing is answered yet.
    pub(crate) fn arrive(&mut self, request: &Request) -> u32 {
        let stream = self.vm.number();
        self.vm.create(stream, ROOT);
        self.vm.head(stream, head(request));
        stream
    }

    /// A request arrives, and all calls are answered.
    pub(crate) fn send(&mut self, request: &Request) -> Outcome {
        let stream = self.arrive(request);
        self.settle();
        self.vm.host().outcome(stream).unwrap_or_else(|| panic!("it still waits")).clone()
    }

    /// The provider answers all calls, and queues are read, till nothing more happens.
    pub(crate) fn settle(&mut self) {
        while self.deliver() || self.wake() {}
    }

    /// The provider answers the oldest call; whether there was one.
    pub(crate) fn deliver(&mut self) -> bool {
        let Some(call) = self.vm.host().calls.first().cloned() else { return false };
        self.answer(&call);
        true
    }

    /// The provider answers this call, be it one that nobody waits for.
    pub(crate) fn answer(&mut self, call: &Call) {
        let now = self.now();
        let sent = Sent::new(CallId(call.number), call.headers.clone(), &call.body);
        match self.provider.answer(&sent, now) {
            Some((Some(status), body)) => {
                let status = (b":status".to_vec(), status.to_string().into_bytes());
                self.vm.answer(call, Head::new([status]), 1, &body);
            }
            Some((None, _)) => self.fail(call),
            None => self.vm.host().calls.retain(|pending| pending.number != call.number),
        }
    }

    /// The call fails, as failures are told in this host.
    pub(crate) fn fail(&mut self, call: &Call) {
        match self.vm.host().traits.failure {
            Failure::Empty => self.vm.answer(call, Head::default(), 0, b""),
            Failure::Synthetic => {
                let head = [(":status", "503"), ("content-type", "text/plain")]
                    .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
                self.vm.answer(call, Head::new(head), 2, b"upstream connect error");
            }
        }
    }

    fn wake(&mut self) -> bool {
        let ready = |(number, queue): (&u32, &std::collections::VecDeque<_>)| {
            (!queue.is_empty()).then_some(*number)
        };
        let found = self.process.borrow().queues.iter().find_map(ready);
        found.inspect(|queue| self.vm.queue_ready(ROOT, *queue)).is_some()
    }

    /// A browser that has logged in.
    pub(crate) fn log_in(&mut self) -> Browser {
        let mut browser = Browser::default();
        let answer = answered(self.load(&mut browser, "/start"));
        let query = self.provider.authorize(answer.headers.all("location")[0]);
        let answer = answered(self.load(&mut browser, &format!("/oauth2/callback?{query}")));
        assert_eq!(
            (answer.status, answer.headers.all("location")),
            (302, vec!["https://app.example/start"])
        );
        browser
    }

    /// The browser loads a page, and takes the cookies.
    pub(crate) fn load(&mut self, browser: &mut Browser, path: &str) -> Outcome {
        let stream = self.arrive(&browser.page(path));
        self.settle();
        let outcome = self.vm.host().outcome(stream).cloned();
        let outcome = outcome.unwrap_or_else(|| panic!("{path} still waits"));
        let head = match &outcome {
            Outcome::Answer(answer) => answer.headers.clone(),
            Outcome::Forward(_) => self.vm.response(stream, Head::default()),
        };
        browser.take(&owned(&head.all("set-cookie")));
        self.vm.delete(stream);
        outcome
    }
}

pub(crate) fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

pub(crate) fn head(request: &Request) -> Head {
    Head::new(request.0.clone())
}

pub(crate) fn answered(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Forward(head) => panic!("it went upstream: {head:?}"),
    }
}

pub(crate) fn forwarded(outcome: Outcome) -> Head {
    match outcome {
        Outcome::Forward(head) => head,
        Outcome::Answer(answer) => panic!("it was answered: {answer:?}"),
    }
}
