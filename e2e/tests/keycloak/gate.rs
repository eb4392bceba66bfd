//! An Envoy with the gate between a browser, Keycloak and an API that verifies its tokens itself; so do other services
//! behind the same gate.

use std::net::SocketAddr;

use oidc_gate_dev::{DevUpstream, UpstreamOptions, Verification};
use oidc_gate_e2e::envoy::Envoy;
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::keycloak::{self, SECRET};
use oidc_gate_e2e::wait;
use serde_json::{Value, json};

/// What a [`Gate`] is started with.
pub(crate) struct Builder {
    config: Value,
    workers: u32,
    audience: String,
    api: Option<DevUpstream>,
    next: Option<SocketAddr>,
    opaque: bool,
    services: Vec<(String, DevUpstream)>,
}

/// A running one.
pub(crate) struct Gate {
    pub(crate) envoy: Envoy,
    /// What is behind it. Nothing reaches it where another gate stands there instead.
    pub(crate) api: DevUpstream,
    services: Vec<(String, DevUpstream)>,
}

impl Gate {
    /// For this client of Keycloak's; those with `public` in their name have no secret.
    pub(crate) fn of(client: &str) -> Builder {
        let authentication = match client.contains("public") {
            true => ("token_endpoint_auth_method", json!("none")),
            false => ("client_secret", json!({"inline": SECRET})),
        };
        let mut config = json!({
            "provider": provider(),
            "client": {"client_id": client},
            "session": {
                "keys": [{"inline": "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBieXRlcyE="}],
                "cookie": {"secure": false},
                "refresh_margin": "1s",
            },
            // Everything runs by the same clock.
            "clock_skew": "0s",
            "upstream": {"headers": {"x-user": "preferred_username", "x-id-audience": "id_token.aud"}},
        });
        config["client"][authentication.0] = authentication.1;
        Builder::new(config)
    }

    /// For clients that bring tokens for `audience`, and nobody else.
    pub(crate) fn of_bearers(audience: &str) -> Builder {
        let config = json!({"provider": provider(), "login": false, "clock_skew": "0s"});
        Builder::new(config).audience(audience)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.envoy.address()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.envoy.url(path)
    }

    /// The service at this prefix.
    pub(crate) fn service(&self, prefix: &str) -> &DevUpstream {
        let found = self.services.iter().find(|(known, _)| known == prefix);
        &found.unwrap_or_else(|| panic!("no service at {prefix}")).1
    }
}

fn provider() -> Value {
    // It may just be busy with compiling itself.
    json!({"issuer": keycloak::shared().issuer(), "cluster": "keycloak", "timeout": "30s"})
}

/// A service that takes only tokens for `audience`.
fn service(audience: &str) -> DevUpstream {
    start(audience, Some(audience), None)
}

/// A service that takes every token of Keycloak's, whoever it is for.
pub(crate) fn trusting(name: &str) -> DevUpstream {
    start(name, None, None)
}

fn start(name: &str, audience: Option<&str>, plays_to: Option<String>) -> DevUpstream {
    let issuer = keycloak::shared().issuer();
    let verification = Verification {
        jwks_uri: format!("{issuer}/protocol/openid-connect/certs"),
        issuer,
        audience: audience.map(str::to_owned),
    };
    let options = UpstreamOptions {
        name: name.into(),
        verification: Some(verification),
        plays_to,
        ..UpstreamOptions::default()
    };
    DevUpstream::start(options).expect("the service starts")
}

pub(crate) fn at(service: &DevUpstream) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], service.port()))
}

impl Builder {
    fn new(config: Value) -> Self {
        Self {
            config,
            workers: 1,
            audience: "APP-backend".into(),
            api: None,
            next: None,
            opaque: false,
            services: Vec::new(),
        }
    }

    /// With these scopes besides `openid`.
    pub(crate) fn scope(mut self, scope: &[&str]) -> Self {
        self.config["client"]["scope"] = scope.into();
        self
    }

    /// In front of a service that is not APP-backend.
    pub(crate) fn audience(mut self, audience: &str) -> Self {
        self.audience = audience.into();
        self
    }

    /// In front of this API, instead of one that verifies what it gets.
    pub(crate) fn api(mut self, api: DevUpstream) -> Self {
        self.api = Some(api);
        self
    }

    /// In front of another gate, instead of an API.
    pub(crate) fn before(mut self, next: &Gate) -> Self {
        self.next = Some(next.address());
        self
    }

    /// Keycloak is asked what tokens are, by `client`: as if they were opaque.
    pub(crate) fn introspects_as(mut self, client: &str) -> Self {
        self.config["client"] = json!({"client_id": client, "client_secret": {"inline": SECRET}});
        self.opaque = true;
        self
    }

    /// Paths with this prefix go to another service, which is `audience`, on a route of that name; `access_token` is
    /// what the rule for it says.
    pub(crate) fn service(self, prefix: &str, audience: &str, access_token: Value) -> Self {
        self.behind(prefix, service(audience), access_token)
    }

    /// `evil-service`: asked for `/theft` it plays the token that it got to `target`.
    pub(crate) fn thief(self, prefix: &str, access_token: Value, target: SocketAddr) -> Self {
        let plays_to = Some(format!("http://{target}/orders"));
        self.behind(prefix, start("evil-service", None, plays_to), access_token)
    }

    fn behind(mut self, prefix: &str, service: DevUpstream, access_token: Value) -> Self {
        let rule = json!({"match": {"route_name": prefix}, "access_token": access_token});
        match &mut self.config["rules"] {
            Value::Array(rules) => rules.push(rule),
            none => *none = json!([rule]),
        }
        self.services.push((prefix.into(), service));
        self
    }

    pub(crate) fn refresh_margin(mut self, margin: &str) -> Self {
        self.config["session"]["refresh_margin"] = margin.into();
        self
    }

    /// With so many workers, instead of one.
    pub(crate) fn concurrency(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// Starts it, and waits until it has met Keycloak.
    pub(crate) fn start(mut self) -> Gate {
        self.config["access_token"] = json!({"audiences": [self.audience]});
        if self.opaque {
            self.config["access_token"]["format"] = "opaque".into();
        }
        // What it says to somebody that it does not know.
        let unknown = if self.config["login"] == false { 401 } else { 302 };
        let keycloak = keycloak::shared();
        let api = self.api.unwrap_or_else(|| service(&self.audience));
        let envoy = Envoy::new()
            .stamps()
            .wasm_config(self.config)
            .concurrency(self.workers)
            .cluster("keycloak", keycloak.address());
        let envoy = self.services.iter().fold(envoy, |envoy, (prefix, service)| {
            envoy.cluster(prefix, at(service)).route(prefix, prefix)
        });
        let envoy = envoy.upstream(self.next.unwrap_or_else(|| at(&api))).start();
        wait::until("the gate to know Keycloak's keys", || {
            (envoy.send(&Request::get("/").page_load()).status == unknown).then_some(())
        });
        Gate { envoy, api, services: self.services }
    }
}
