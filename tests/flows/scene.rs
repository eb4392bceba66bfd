//! A worker with its host, its provider and the requests that are with it.
//!
//! The scene plays Envoy's part: it hands heads over, resumes who may go on, and carries out
//! what the gate decides. Where it ends, it looks for secrets in all that the gate wrote.

use std::collections::BTreeMap;
use std::time::Duration;

use oidc_gate::config::Config;
use oidc_gate::gate::{Authorization, CallId, Forward, Reply, Stamp, Step, StreamId, Worker};
use oidc_gate::http::Head;
use oidc_gate::http::cookie::Rest;
use oidc_gate::provider::Answer;
use oidc_gate::token::testing::{API, CLIENT, ISSUER};
use serde_json::{Value, json};

use super::browser::{Browser, Request};
use super::host::{Endpoint, TestHost};
use super::provider::{CLIENT_SECRET, Provider, Response};
use super::{metrics, secrets, told};

pub(crate) const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub(crate) const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// What reached the upstream.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    pub(crate) head: Vec<(String, String)>,
    pub(crate) set_cookies: Vec<String>,
    /// What the cookies hold, for a response that comes later.
    pub(crate) stamp: Option<Stamp>,
}

impl Upstream {
    /// The values of a header, in whatever case its name is written (RFC 9110 section 5.1).
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.head.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The token of the one `authorization`.
    pub(crate) fn token(&self) -> &str {
        let [value] = self.all("authorization")[..] else { panic!("{:?}", self.head) };
        value.strip_prefix("Bearer ").unwrap()
    }
}

/// What the gate answered.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) set_cookies: Vec<String>,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The problem's `code`, or the page's.
    pub(crate) fn code(&self) -> String {
        match serde_json::from_str::<Value>(&self.body) {
            Ok(problem) => problem["code"].as_str().unwrap_or_default().to_owned(),
            Err(_) => {
                let (_, rest) = self.body.split_once("&middot; ").unwrap_or_default();
                rest.split('<').next().unwrap_or_default().to_owned()
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The end of a request.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Forward(Upstream),
    Reply(Answered),
}

impl Outcome {
    pub(crate) fn upstream(self) -> Upstream {
        match self {
            Self::Forward(upstream) => upstream,
            Self::Reply(answer) => panic!("not forwarded: {answer:?}"),
        }
    }

    pub(crate) fn answer(self) -> Answered {
        match self {
            Self::Reply(answer) => answer,
            Self::Forward(upstream) => panic!("forwarded: {upstream:?}"),
        }
    }

    pub(crate) fn set_cookies(&self) -> &[String] {
        match self {
            Self::Forward(upstream) => &upstream.set_cookies,
            Self::Reply(answer) => &answer.set_cookies,
        }
    }
}

struct Stream {
    head: Request,
    outcome: Option<Outcome>,
}

pub(crate) struct Scene {
    pub(crate) worker: Worker,
    pub(crate) host: TestHost,
    pub(crate) provider: Provider,
    /// Every answer that the gate gave, and all that reached the upstream.
    pub(crate) answers: Vec<Answered>,
    pub(crate) upstreams: Vec<Upstream>,
    /// Debug texts of every step.
    pub(crate) printed: Vec<String>,
    streams: BTreeMap<StreamId, Stream>,
    next: u32,
}

/// A configuration with `changes` (RFC 7396: `null` takes a member out).
pub(crate) fn config(changes: &Value) -> Config {
    let mut whole = json!({
        "provider": {"issuer": ISSUER, "cluster": "keycloak"},
        "client": {"client_id": CLIENT, "client_secret": {"inline": CLIENT_SECRET}},
        "access_token": {"audiences": [API]},
        "session": {"keys": [{"inline": SESSION_KEY}]},
        "upstream": {"headers": {
            "x-user": "preferred_username",
            "x-roles": "realm_access.roles",
            "x-mail": "id_token.email",
        }},
        "rules": [
            {"match": {"path_prefix": "/public"}, "access": "public"},
            {"match": {"path_prefix": "/api"}, "unauthenticated": "deny"},
            {"match": {"path_prefix": "/page"}, "unauthenticated": "redirect"},
            {"match": {"path": "/closed"}, "access": "deny"},
        ],
    });
    merge(&mut whole, changes);
    let read = Config::read(whole.to_string().as_bytes(), &|_| None);
    read.unwrap_or_else(|problems| panic!("{problems}")).config
}

fn merge(whole: &mut Value, changes: &Value) {
    let (Some(members), Value::Object(changes)) = (whole.as_object_mut(), changes) else {
        *whole = changes.clone();
        return;
    };
    for (name, value) in changes {
        match value {
            Value::Null => drop(members.remove(name)),
            value => merge(members.entry(name.clone()).or_insert_with(|| json!({})), value),
        }
    }
}

impl Scene {
    /// A worker that knows its provider.
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// The same, configured otherwise.
    pub(crate) fn with(changes: Value) -> Self {
        let mut scene = Self::cold(changes);
        scene.warm_up();
        scene
    }

    /// A worker that has not yet asked its provider anything.
    pub(crate) fn cold(changes: Value) -> Self {
        Self {
            worker: Worker::new(config(&changes)),
            host: TestHost::new(),
            provider: Provider::new(),
            answers: Vec::new(),
            upstreams: Vec::new(),
            printed: Vec::new(),
            streams: BTreeMap::new(),
            next: 0,
        }
    }

    /// Another configuration: another worker, the same host and browsers.
    pub(crate) fn reconfigure(&mut self, changes: Value) {
        self.printed.push(format!("{:?}", self.worker));
        self.worker = Worker::new(config(&changes));
        self.host.pending.clear();
        self.warm_up();
    }

    pub(crate) fn warm_up(&mut self) {
        self.tick();
        self.settle();
        assert!(self.worker.ready());
    }

    /// A request arrives; nothing is answered yet.
    pub(crate) fn arrive(&mut self, request: &Request) -> StreamId {
        self.next += 1;
        let stream = StreamId(self.next);
        let step = self.worker.arrive(&mut self.host, stream, &head(request));
        self.streams.insert(stream, Stream { head: request.clone(), outcome: None });
        self.carry_out(stream, step);
        stream
    }

    /// How the request ended; `None` while it waits.
    pub(crate) fn outcome(&self, stream: StreamId) -> Option<Outcome> {
        self.streams[&stream].outcome.clone()
    }

    /// The client goes away.
    pub(crate) fn leave(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
        self.worker.gone(stream);
    }

    /// A request arrives, and all calls are answered.
    pub(crate) fn send(&mut self, request: &Request) -> Outcome {
        let stream = self.arrive(request);
        self.settle();
        self.outcome(stream).unwrap_or_else(|| panic!("it waits for something else"))
    }

    /// The same, and the browser takes the cookies.
    pub(crate) fn load(&mut self, browser: &mut Browser, request: &Request) -> Outcome {
        let outcome = self.send(request);
        browser.take(outcome.set_cookies());
        outcome
    }

    /// The provider answers the oldest call; whether there was one.
    pub(crate) fn deliver(&mut self) -> bool {
        if self.host.pending.is_empty() {
            return false;
        }
        let sent = self.host.pending.remove(0);
        if let Some(answer) = self.provider.answer(&sent, self.host.now) {
            self.answer(sent.id, &answer);
        }
        true
    }

    /// The provider answers all calls, and those that come of it.
    pub(crate) fn settle(&mut self) {
        while self.deliver() {}
    }

    /// An answer comes to a call, be it one that nobody made.
    pub(crate) fn answer(&mut self, call: CallId, (status, body): &Response) {
        let answer = Answer { status: *status, content_type: None, body };
        let streams = self.worker.answered(&mut self.host, call, &answer);
        self.resume(streams);
    }

    pub(crate) fn tick(&mut self) {
        let streams = self.worker.tick(&mut self.host);
        self.resume(streams);
    }

    /// Time passes, in ticks of at most a second.
    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.host.now = self.host.now.plus(Duration::from_secs(1));
            self.tick();
        }
    }

    /// The clock is set, without a tick.
    pub(crate) fn jump(&mut self, seconds: i64) {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let now = self.host.now;
        self.host.now = if seconds < 0 { now.minus(distance) } else { now.plus(distance) };
    }

    /// How many calls to the token endpoint were sent.
    pub(crate) fn token_calls(&self) -> usize {
        self.host.count(Endpoint::Token)
    }

    pub(crate) fn resume(&mut self, streams: Vec<StreamId>) {
        for stream in streams {
            let waiting = self.streams.get(&stream).unwrap_or_else(|| panic!("{stream:?} is gone"));
            assert!(waiting.outcome.is_none(), "{stream:?} was answered already");
            let request = waiting.head.clone();
            let step = self.worker.resume(&mut self.host, stream, &head(&request));
            self.carry_out(stream, step);
        }
    }

    /// Another worker has news.
    pub(crate) fn woken(&mut self, message: &[u8]) {
        let streams = self.worker.woken(&mut self.host, message);
        self.resume(streams);
    }

    /// The host resumes a stream that does not wait.
    pub(crate) fn resume_by_mistake(&mut self, request: &Request) -> Answered {
        self.next += 1;
        match self.worker.resume(&mut self.host, StreamId(self.next), &head(request)) {
            Step::Reply(reply) => {
                self.answers.push(answer(&reply));
                answer(&reply)
            }
            step => panic!("{step:?}"),
        }
    }

    pub(crate) fn carry_out(&mut self, stream: StreamId, step: Step) {
        self.printed.push(format!("{step:?}"));
        let request = &self.streams[&stream].head;
        let outcome = match step {
            Step::Wait | Step::Read => return,
            Step::Forward(forward) => {
                let upstream = upstream(request, &forward);
                self.upstreams.push(upstream.clone());
                Outcome::Forward(upstream)
            }
            Step::Reply(reply) => {
                let answer = answer(&reply);
                self.answers.push(answer.clone());
                Outcome::Reply(answer)
            }
        };
        self.streams.get_mut(&stream).unwrap().outcome = Some(outcome);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.printed.push(format!("{:?}", self.worker));
            secrets::none_is_told(self);
            metrics::every_request_is_counted_once(self);
            told::what_is_told_is_documented(self);
        }
    }
}

pub(crate) fn head(request: &Request) -> Head<'_> {
    Head::new(request.0.iter().map(|(name, value)| (&name[..], &value[..])).collect())
}

/// What the host makes of the request, as Envoy does: names without regard to case.
fn upstream(request: &Request, forward: &Forward) -> Upstream {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut head: Vec<(String, String)> =
        request.0.iter().map(|(name, value)| (text(name), text(value))).collect();
    let remove = |head: &mut Vec<(String, String)>, name: &str| {
        head.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    };
    let set = |head: &mut Vec<(String, String)>, name: &str, value: String| {
        head.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        head.push((name.to_owned(), value));
    };
    for name in forward.remove() {
        remove(&mut head, &text(name));
    }
    match forward.authorization() {
        Authorization::Unchanged => {}
        Authorization::Remove => remove(&mut head, "authorization"),
        Authorization::Set(value) => set(&mut head, "authorization", value.as_str().to_owned()),
    }
    match forward.cookie() {
        Rest::Unchanged => {}
        Rest::Empty => remove(&mut head, "cookie"),
        Rest::Changed(line) => set(&mut head, "cookie", text(line)),
    }
    for (name, value) in forward.set() {
        set(&mut head, name.as_str(), value.as_str().to_owned());
    }
    let set_cookies =
        forward.cookies().iter().map(|c| c.header_value().unwrap().as_str().to_owned());
    Upstream { stamp: forward.stamp(), head, set_cookies: set_cookies.collect() }
}

fn answer(reply: &Reply) -> Answered {
    let response = reply.response();
    let header = |(name, value): &(oidc_gate::http::HeaderName, oidc_gate::http::HeaderValue)| {
        (name.as_str().to_owned(), value.as_str().to_owned())
    };
    let set_cookies = reply.cookies().iter().map(|c| c.header_value().unwrap().as_str().to_owned());
    Answered {
        status: response.status,
        headers: response.headers.iter().map(header).collect(),
        body: String::from_utf8(response.body.clone()).unwrap(),
        set_cookies: set_cookies.collect(),
    }
}
