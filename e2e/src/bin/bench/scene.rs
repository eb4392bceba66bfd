//! Who takes part: provider, upstream, Envoy with its three listeners; and what is sent to them.

use std::net::SocketAddr;

use oidc_gate_dev::{Algorithm, DevProvider, Faults, Minted, ProviderOptions};
use oidc_gate_e2e::browser::{Browser, Url};
use oidc_gate_e2e::envoy::{self, Builder, Envoy, Filter};
use oidc_gate_e2e::http::{self, Protocol, Request};
use oidc_gate_e2e::wait;
use serde_json::{Value, json};

use crate::client::Client;
use crate::upstream;

/// The listeners that are always there, in the order of the table's lines.
const LISTENERS: [&str; 4] = ["Envoy alone", "no-op filter", "the gate", "gate with x-user"];
/// Of these, the one without a filter,
pub(crate) const ALONE: usize = 0;
/// and the one with a filter that decides nothing.
pub(crate) const NOOP: usize = 1;

/// The no-op filter's listeners for the two kinds of session. It sets as long a token as the gate does there, so that what
/// this costs by itself is in both lines.
const NOOP_LARGE: &str = "no-op filter, large token";
const NOOP_SMALL: &str = "no-op filter, small token";

/// Longer than any run: nothing is refreshed in the midst of one.
const LIFESPAN: std::time::Duration = std::time::Duration::from_secs(3600);

/// A kind of request at a listener: indices of [`Scene::kinds`] and [`Scene::listeners`].
pub(crate) type Burst = (usize, usize);

struct Kind {
    name: String,
    /// One for each listener.
    clients: Vec<Client>,
}

/// All that runs, and all that is sent.
pub(crate) struct Scene {
    /// The Envoy whose worker is measured.
    pub(crate) envoy: Envoy,
    listeners: Vec<String>,
    kinds: Vec<Kind>,
    _provider: DevProvider,
}

/// One kind of request, and what the gate makes of it.
struct Sample {
    name: String,
    path: &'static str,
    cookie: String,
    authorization: Option<String>,
    /// The no-op filter's listener, and the length of what it sets.
    noop: (&'static str, usize),
    /// Lengths of `authorization` and `cookie` behind the gate.
    behind_gate: (usize, usize),
}

impl Scene {
    /// Starts everything, logs in, and connects. `others` are further builds of the gate, each with a listener too.
    pub(crate) fn set(others: &[String]) -> Self {
        let options = ProviderOptions {
            access_token_lifespan: LIFESPAN,
            id_token_lifespan: LIFESPAN,
            ..ProviderOptions::default()
        };
        let provider = DevProvider::start(options).expect("the development provider starts");
        let token = provider.mint(Minted::Access, Value::Null);
        let bearer = format!("Bearer {token}");
        // The gate sets what the no-op filter sets; what one more header costs has a line of its own.
        let config = config(&provider, &json!({}));
        let with_header = Filter {
            name: "with-header".into(),
            file: envoy::filter(),
            configuration: self::config(&provider, &json!({ "x-user": "preferred_username" }))
                .to_string(),
        };
        let [large, small] = lengths(&provider, &config);
        let mut envoy = with_gate(&provider, &config)
            .listener(LISTENERS[ALONE], None)
            .listener(LISTENERS[NOOP], Some(noop("noop", bearer.clone())))
            .listener(NOOP_LARGE, Some(noop("noop-large", "x".repeat(large))))
            .listener(NOOP_SMALL, Some(noop("noop-small", "x".repeat(small))))
            .listener(LISTENERS[3], Some(with_header));
        for (number, file) in others.iter().enumerate() {
            let (name, configuration) = (format!("other-{number}"), config.to_string());
            envoy = envoy.listener(file, Some(Filter { name, file: file.into(), configuration }));
        }
        let envoy = envoy.start();
        let listeners: Vec<_> =
            LISTENERS.map(str::to_owned).into_iter().chain(others.to_vec()).collect();
        for name in &listeners[2..] {
            wait_for_gate(address(&envoy, name));
        }
        let samples = samples(&provider, &envoy, &bearer);
        let kinds = samples.iter().map(|sample| sample.kind(&envoy, &listeners)).collect();
        Self { envoy, listeners, kinds, _provider: provider }
    }

    /// The listeners' names.
    pub(crate) fn listeners(&self) -> &[String] {
        &self.listeners
    }

    /// The kinds' names.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| kind.name.as_str())
    }

    /// One burst of each kind at each listener.
    pub(crate) fn bursts(&self) -> impl Iterator<Item = Burst> + use<> {
        let (kinds, listeners) = (self.kinds.len(), self.listeners.len());
        (0..kinds).flat_map(move |kind| (0..listeners).map(move |listener| (kind, listener)))
    }

    /// Sends one burst, and says how many requests it had.
    pub(crate) fn send(&mut self, (kind, listener): Burst) -> usize {
        self.kinds[kind].clients[listener].burst()
    }
}

/// The no-op filter, which sets this value.
fn noop(name: &str, authorization: String) -> Filter {
    Filter {
        name: name.into(),
        file: envoy::root().join("target/wasm32-wasip1/release/noop_filter.wasm"),
        configuration: authorization,
    }
}

/// An Envoy with the gate.
fn with_gate(provider: &DevProvider, config: &Value) -> Builder {
    Envoy::new()
        .wasm_config(config.clone())
        .quiet()
        .env("CLIENT_SECRET", &provider.options().client_secret)
        .env("SESSION_KEY", "c2VhbHMgY29va2llcyBpbiB0ZXN0cyBvbmx5ISEhISE=")
        .cluster("provider", ([127, 0, 0, 1], provider.port()).into())
        .upstream(upstream::start())
}

fn wait_for_gate(address: SocketAddr) {
    wait::until("the gate to know the provider", || {
        let answer = http::send(address, Protocol::H1, &Request::get("/").fetch());
        (answer.status == 401).then_some(())
    });
}

/// How long an `authorization` the gate sets for each kind of session: known once somebody has logged in.
fn lengths(provider: &DevProvider, config: &Value) -> [usize; 2] {
    let envoy = with_gate(provider, config).start();
    wait_for_gate(envoy.address());
    SESSIONS.map(|tokens| {
        provider.faults(tokens);
        log_in(&envoy).1
    })
}

/// As in envoy.yaml, with a public path.
fn config(provider: &DevProvider, headers: &Value) -> Value {
    json!({
        "provider": { "issuer": provider.issuer(), "cluster": "provider" },
        "client": { "client_id": "APP-frontend", "client_secret": { "env": "CLIENT_SECRET" } },
        "access_token": { "audiences": ["APP-backend"] },
        "session": { "keys": [{ "env": "SESSION_KEY" }], "cookie": { "secure": false } },
        "upstream": { "headers": headers },
        "rules": [
            { "match": { "path_prefix": "/api" }, "unauthenticated": "deny" },
            { "match": { "path_prefix": "/public" }, "access": "public" },
        ],
    })
}

fn samples(provider: &DevProvider, envoy: &Envoy, bearer: &str) -> [Sample; 4] {
    let [(large, large_token), (small, small_token)] = SESSIONS.map(|tokens| {
        provider.faults(tokens);
        log_in(envoy)
    });
    let foreign: Vec<_> =
        (0..50).map(|number| format!("cookie-{number:02}=value{number:05}")).collect();
    let foreign = foreign.join("; ");
    [
        Sample {
            name: format!("session of {} bytes", large.len()),
            path: "/api/orders?page=2",
            behind_gate: (large_token, 0),
            cookie: large,
            authorization: None,
            noop: (NOOP_LARGE, large_token),
        },
        Sample {
            name: format!("session of {} bytes among 50 other cookies", small.len()),
            path: "/api/orders?page=2",
            behind_gate: (small_token, foreign.len()),
            cookie: format!("{foreign}; {small}"),
            authorization: None,
            noop: (NOOP_SMALL, small_token),
        },
        Sample {
            name: format!("`authorization` of {} bytes, seen before", bearer.len()),
            path: "/api/orders?page=2",
            behind_gate: (bearer.len(), 0),
            cookie: String::new(),
            authorization: Some(bearer.into()),
            noop: (LISTENERS[NOOP], bearer.len()),
        },
        Sample {
            name: "public path, 50 cookies of others".into(),
            path: "/public/app.js?v=2",
            behind_gate: (0, foreign.len()),
            cookie: foreign,
            authorization: None,
            noop: (LISTENERS[NOOP], bearer.len()),
        },
    ]
}

/// What the tokens of the two kinds of session are like.
const SESSIONS: [fn(&mut Faults); 2] = [large_tokens, small_tokens];

/// Tokens with as much in them as one cookie takes, or nearly.
fn large_tokens(faults: &mut Faults) {
    *faults = Faults::default();
    (faults.access_padding, faults.id_padding) = (2_500, 750);
}

/// Tokens with nearly nothing in them, and signatures of 64 bytes.
fn small_tokens(faults: &mut Faults) {
    let unnecessary = [
        "acr",
        "allowed-origins",
        "auth_time",
        "email",
        "email_verified",
        "family_name",
        "given_name",
        "jti",
        "name",
        "realm_access",
        "resource_access",
        "scope",
        "sid",
    ];
    *faults = Faults::default();
    faults.no_refresh_token = true;
    faults.access_algorithm = Some(Algorithm::ES256);
    faults.id_algorithm = Some(Algorithm::ES256);
    for name in unnecessary {
        faults.access_claims.insert(name.into(), Value::Null);
        faults.id_claims.insert(name.into(), Value::Null);
    }
}

/// Logs alice in: the `Cookie` of her browser, and the length of what the upstream gets as `authorization`.
fn log_in(envoy: &Envoy) -> (String, usize) {
    let mut browser = Browser::speaking(Protocol::H1);
    let page = browser.login(&envoy.url("/"), "alice");
    let text = page.answer.text();
    let authorization = text
        .strip_prefix("authorization ")
        .and_then(|rest| rest.split(',').next()?.parse().ok())
        .unwrap_or_else(|| panic!("the login should have led to the upstream: {text}"));
    let cookie = browser.jar.line(&Url::parse(&envoy.url("/"))).expect("there is a session");
    (cookie, authorization)
}

/// Where a listener of this name is. The gate's is the one that the harness knows as its own.
fn address(envoy: &Envoy, name: &str) -> SocketAddr {
    if name == LISTENERS[2] { envoy.address() } else { envoy.listener(name) }
}

impl Sample {
    fn kind(&self, envoy: &Envoy, listeners: &[String]) -> Kind {
        let as_sent = (self.authorization.as_ref().map_or(0, String::len), self.cookie.len());
        let (noop, set_by_noop) = self.noop;
        let client = |(number, name): (usize, &String)| {
            let (name, (authorization, cookie)) = match number {
                ALONE => (name.as_str(), as_sent),
                NOOP => (noop, (set_by_noop, self.cookie.len())),
                _ => (name.as_str(), self.behind_gate),
            };
            let expected = upstream::answer(authorization, cookie);
            Client::connect(address(envoy, name), self.bytes(envoy), expected)
        };
        Kind {
            name: self.name.clone(),
            clients: listeners.iter().enumerate().map(client).collect(),
        }
    }

    /// As a browser sends it.
    fn bytes(&self, envoy: &Envoy) -> Vec<u8> {
        let mut head = format!("GET {} HTTP/1.1\r\nhost: {}\r\n", self.path, envoy.address());
        for line in [
            "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "accept: application/json, text/plain, */*",
            "accept-encoding: gzip, deflate, br, zstd",
            "accept-language: en-GB,en;q=0.9,de;q=0.8",
            "referer: http://app.example/orders",
            "sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"",
            "sec-ch-ua-mobile: ?0",
            "sec-ch-ua-platform: \"Linux\"",
            "sec-fetch-dest: empty",
            "sec-fetch-mode: cors",
            "sec-fetch-site: same-origin",
        ] {
            head += line;
            head += "\r\n";
        }
        if let Some(value) = &self.authorization {
            head += &format!("authorization: {value}\r\n");
        }
        if !self.cookie.is_empty() {
            head += &format!("cookie: {}\r\n", self.cookie);
        }
        (head + "\r\n").into_bytes()
    }
}
