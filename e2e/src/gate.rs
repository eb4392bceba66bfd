//! The scene of most tests: the development provider, an upstream that remembers, and an Envoy with the filter between.
//!
//! Browsers know the gate as [`HOME`], whatever its port is, so that a gate started anew with another configuration is
//! still the same site to them.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::LazyLock;
use std::thread;

use oidc_gate_dev::{DevProvider, DevUpstream, ProviderOptions, UpstreamOptions};
use serde_json::{Value, json};

use crate::browser::{Browser, Url};
use crate::envoy::{self, Envoy};
use crate::http::{self, Answer, Connection, PROTOCOLS, Protocol, Request};
use crate::wait;

/// The gate's address as browsers see it. Only addresses on this machine are redirected to by the provider.
pub const HOME: &str = "localhost:10000";

/// A second name of the same gate: cookies of one are not the other's.
pub const SECOND_HOME: &str = "127.0.0.1:10000";

/// 32 bytes in base64, for `SESSION_KEY`; and another for rotation.
pub const SESSION_KEYS: [&str; 2] = [
    "c2VhbHMgY29va2llcyBpbiB0ZXN0cyBvbmx5ISEhISE=",
    "dGhlIG90aGVyIGtleSBvZiB0aGUgdGVzdHMgISEhISE=",
];

/// How to start a [`Gate`].
pub struct Builder {
    options: ProviderOptions,
    metadata: Option<fn(&str) -> Value>,
    setup: Setup,
    services: Services,
}

/// Further upstreams, by the prefixes of their paths.
type Services = Vec<(String, DevUpstream)>;

#[derive(Clone, Debug)]
struct Setup {
    config: Value,
    concurrency: u32,
    raw_paths: bool,
    tls: bool,
    routes: Vec<(String, SocketAddr, Protocol)>,
    envoy: fn(envoy::Builder) -> envoy::Builder,
    reads_bodies: bool,
}

impl Builder {
    /// Changes what the provider is started with.
    #[must_use]
    pub fn provider(mut self, change: impl FnOnce(&mut ProviderOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Changes the filter's configuration. `provider.issuer` is filled in at the start.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.setup.config);
        self
    }

    /// How many workers.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.setup.concurrency = workers;
        self
    }

    /// Envoy normalises no paths.
    #[must_use]
    pub fn raw_paths(mut self) -> Self {
        self.setup.raw_paths = true;
        self
    }

    /// Paths with this prefix go to another upstream, which is spoken to in `protocol`.
    #[must_use]
    pub fn route(mut self, prefix: &str, address: SocketAddr, protocol: Protocol) -> Self {
        self.setup.routes.push((prefix.into(), address, protocol));
        self
    }

    /// Paths with this prefix go to an upstream of their own, on a route of that name: see [`Gate::service`].
    #[must_use]
    pub fn service(mut self, prefix: &str) -> Self {
        let service = start_upstream();
        let address = ([127, 0, 0, 1], service.port()).into();
        self.services.push((prefix.into(), service));
        self.route(prefix, address, Protocol::H1)
    }

    /// Changes what Envoy is started with.
    #[must_use]
    pub fn envoy(mut self, change: fn(envoy::Builder) -> envoy::Builder) -> Self {
        self.setup.envoy = change;
        self
    }

    /// `provider.metadata`, made from the issuer.
    #[must_use]
    pub fn metadata(mut self, members: fn(&str) -> Value) -> Self {
        self.metadata = Some(members);
        self
    }

    /// Browsers see https, as if TLS ended before Envoy: cookies are `Secure`.
    #[must_use]
    pub fn secure(self) -> Self {
        self.config(|config| config["session"]["cookie"]["secure"] = true.into())
    }

    /// Envoy speaks https itself. Only a real browser can talk to it then.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.setup.tls = true;
        self.secure()
    }

    /// Envoy lets the filter read a body first, and forms are kept.
    #[must_use]
    pub fn keeps_forms(mut self) -> Self {
        self.setup.reads_bodies = true;
        self.config(|config| config["preserve_post"] = true.into())
    }

    /// Starts all three, and waits until every worker knows the provider.
    pub fn start(self) -> Gate {
        let gate = self.start_unready(|_| ());
        // A page load waits for the provider anyway.
        if !gate.setup.tls {
            gate.wait_until_ready();
        }
        gate
    }

    /// Starts all three without waiting for the workers; `before` is done to the provider before Envoy starts.
    pub fn start_unready(self, before: impl FnOnce(&DevProvider)) -> Gate {
        self.bring_up(before).unwrap_or_else(|log| panic!("Envoy did not start:\n{log}"))
    }

    /// Starts all three, where the filter is expected to refuse its configuration.
    ///
    /// # Errors
    /// Envoy's log, where it did not start.
    pub fn try_start(self) -> Result<Gate, String> {
        self.bring_up(|_| ())
    }

    fn bring_up(mut self, before: impl FnOnce(&DevProvider)) -> Result<Gate, String> {
        let provider = DevProvider::start(self.options).expect("the development provider starts");
        before(&provider);
        let upstream = start_upstream();
        let section = &mut self.setup.config["provider"];
        section["issuer"] = provider.issuer().into();
        if let Some(members) = self.metadata {
            section["metadata"] = members(&provider.issuer());
        }
        let envoy = self.setup.start(&provider, &upstream)?;
        Ok(Gate { envoy, provider, upstream, setup: self.setup, services: self.services })
    }
}

fn start_upstream() -> DevUpstream {
    DevUpstream::start(UpstreamOptions::default()).expect("the upstream starts")
}

impl Setup {
    fn start(&self, provider: &DevProvider, upstream: &DevUpstream) -> Result<Envoy, String> {
        let envoy = Envoy::new()
            .wasm_config(self.config.clone())
            .concurrency(self.concurrency)
            .env("CLIENT_SECRET", &provider.options().client_secret)
            .env("SESSION_KEY", SESSION_KEYS[0])
            .env("OTHER_SESSION_KEY", SESSION_KEYS[1])
            .cluster("provider", ([127, 0, 0, 1], provider.port()).into());
        let envoy = self.routes.iter().fold(envoy, |envoy, (prefix, address, protocol)| {
            envoy.cluster_speaking(*protocol, prefix, *address).route(prefix, prefix)
        });
        let envoy = envoy.upstream(([127, 0, 0, 1], upstream.port()).into());
        let envoy = (self.envoy)(envoy);
        let envoy = if self.raw_paths { envoy.raw_paths() } else { envoy };
        let envoy = if self.reads_bodies { envoy.reads_bodies() } else { envoy };
        if self.tls { envoy.tls() } else { envoy }.try_start()
    }

    /// Whether browsers see https.
    fn secure(&self) -> bool {
        self.config["session"]["cookie"]["secure"] != false
    }
}

/// A [`Gate`] that many tests use at once, since starting Envoy costs seconds: for tests that change nothing but what is
/// in their own browsers. They ask the upstream only for paths of their own.
pub struct Shared(&'static Gate);

impl Deref for Shared {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.0.envoy.assert_healthy();
        }
    }
}

/// The three of them, running.
pub struct Gate {
    /// Envoy with the filter.
    pub envoy: Envoy,
    /// Who logs users in.
    pub provider: DevProvider,
    /// What is protected.
    pub upstream: DevUpstream,
    setup: Setup,
    services: Services,
}

impl Gate {
    /// A builder: the configuration that this project exists for, one worker, `/public` open to all, plain HTTP.
    #[expect(
        clippy::new_ret_no_self,
        reason = "reads as a sentence: Gate::new().concurrency(2).start()"
    )]
    pub fn new() -> Builder {
        let config = json!({
            "provider": { "issuer": null, "cluster": "provider" },
            "client": { "client_id": "APP-frontend", "client_secret": { "env": "CLIENT_SECRET" } },
            "access_token": { "audiences": ["APP-backend"] },
            "session": { "keys": [{ "env": "SESSION_KEY" }], "cookie": { "secure": false } },
            "upstream": { "headers": { "x-user": "preferred_username", "x-auth-name": "id_token.name" } },
            "rules": [{ "match": { "path_prefix": "/public" }, "access": "public" }],
        });
        let setup = Setup {
            config,
            concurrency: 1,
            raw_paths: false,
            tls: false,
            routes: Vec::new(),
            envoy: |envoy| envoy,
            reads_bodies: false,
        };
        Builder { options: ProviderOptions::default(), metadata: None, setup, services: Vec::new() }
    }

    /// The gate of [`Gate::new`] with two workers, which other tests use too.
    pub fn shared() -> Shared {
        static GATE: LazyLock<Gate> = LazyLock::new(|| Gate::new().concurrency(2).start());
        Shared(&GATE)
    }

    /// The same with an Envoy that normalises no paths.
    pub fn shared_raw() -> Shared {
        static GATE: LazyLock<Gate> =
            LazyLock::new(|| Gate::new().concurrency(2).raw_paths().start());
        Shared(&GATE)
    }

    /// Starts Envoy anew with another configuration of the filter; provider and upstream stay.
    pub fn restart(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.setup.config);
        let started = self.setup.start(&self.provider, &self.upstream);
        self.envoy = started.unwrap_or_else(|log| panic!("Envoy did not start:\n{log}"));
        self.wait_until_ready();
    }

    /// Gives the running Envoy another configuration of the filter, in the same VM or in another; connections that are
    /// open keep what they have. For one that was started as [`envoy::Builder::reloadable`].
    pub fn reload(&mut self, another_vm: bool, change: impl FnOnce(&mut Value)) {
        change(&mut self.setup.config);
        let config = self.setup.config.clone();
        self.envoy.reload(|envoy| {
            let envoy = envoy.wasm_config(config);
            if another_vm { envoy.another_vm() } else { envoy }
        });
    }

    /// Another Envoy in front of the same provider and upstream, with another configuration of the filter: one more of
    /// a fleet behind one address.
    pub fn sibling(&self, change: impl FnOnce(&mut Value)) -> Envoy {
        let mut setup = self.setup.clone();
        change(&mut setup.config);
        let started = setup.start(&self.provider, &self.upstream);
        let envoy = started.unwrap_or_else(|log| panic!("Envoy did not start:\n{log}"));
        wait_until_ready(envoy.address(), setup.concurrency);
        envoy
    }

    /// What is behind the prefix of a [`Builder::service`].
    pub fn service(&self, prefix: &str) -> &DevUpstream {
        let found = self.services.iter().find(|(known, _)| known == prefix);
        &found.unwrap_or_else(|| panic!("no service at {prefix}")).1
    }

    /// A browser that knows this gate by both its names.
    pub fn browser(&self) -> Browser {
        self.browser_speaking(Protocol::H1)
    }

    /// The same over `protocol`.
    pub fn browser_speaking(&self, protocol: Protocol) -> Browser {
        let mut browser = Browser::speaking(protocol);
        self.introduce(&mut browser);
        browser
    }

    /// Tells a browser where this gate is now.
    pub fn introduce(&self, browser: &mut Browser) {
        browser.learn(HOME, self.envoy.address());
        browser.learn(SECOND_HOME, self.envoy.address());
    }

    /// The URL of a path here.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{HOME}{path}", if self.setup.secure() { "https" } else { "http" })
    }

    /// The URL of a path here, split.
    pub fn at(&self, path: &str) -> Url {
        Url::parse(&self.url(path))
    }

    /// A connection of its own.
    pub fn connect(&self, protocol: Protocol) -> Connection {
        self.envoy.connect(protocol)
    }

    /// One request on a connection of its own, without cookies, for [`HOME`].
    pub fn send(&self, request: Request) -> Answer {
        self.send_over(Protocol::H1, request)
    }

    /// The same over `protocol`.
    pub fn send_over(&self, protocol: Protocol, mut request: Request) -> Answer {
        request.host.get_or_insert_with(|| HOME.into());
        http::send(self.envoy.address(), protocol, &request)
    }

    /// Waits until requests on new connections find workers that know the provider.
    pub fn wait_until_ready(&self) {
        wait_until_ready(self.envoy.address(), self.setup.concurrency);
    }
}

fn wait_until_ready(address: SocketAddr, workers: u32) {
    let mut left = workers * 4;
    wait::until("every worker to know the provider", || {
        let protocol = PROTOCOLS[(left % 2) as usize];
        let request = Request::get("/is-the-gate-ready").host(HOME).fetch();
        left = match http::send(address, protocol, &request).status {
            503 => workers * 4,
            _ => left - 1,
        };
        (left == 0).then_some(())
    });
}
