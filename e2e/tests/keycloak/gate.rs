//! An Envoy with the gate between a browser, Keycloak and an API that verifies its tokens itself.

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
}

/// A running one.
pub(crate) struct Gate {
    pub(crate) envoy: Envoy,
    pub(crate) api: DevUpstream,
}

impl Gate {
    /// For this client of Keycloak's; those with `public` in their name have no secret.
    pub(crate) fn of(client: &str) -> Builder {
        let authentication = match client.contains("public") {
            true => ("token_endpoint_auth_method", json!("none")),
            false => ("client_secret", json!({"inline": SECRET})),
        };
        let mut config = json!({
            // It may just be busy with compiling itself.
            "provider": {"issuer": keycloak::shared().issuer(), "cluster": "keycloak", "timeout": "30s"},
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
        Builder { config, workers: 1, audience: "APP-backend".into() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.envoy.address()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.envoy.url(path)
    }
}

impl Builder {
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
        let keycloak = keycloak::shared();
        let verification = Verification {
            issuer: keycloak.issuer(),
            jwks_uri: format!("{}/protocol/openid-connect/certs", keycloak.issuer()),
            audience: self.audience,
        };
        let api = DevUpstream::start(UpstreamOptions {
            name: "api".into(),
            verification: Some(verification),
            ..UpstreamOptions::default()
        })
        .expect("the API starts");
        let envoy = Envoy::new()
            .stamps()
            .wasm_config(self.config)
            .concurrency(self.workers)
            .cluster("keycloak", keycloak.address())
            .upstream(SocketAddr::from(([127, 0, 0, 1], api.port())))
            .start();
        wait::until("the gate to know Keycloak's keys", || {
            (envoy.send(&Request::get("/").page_load()).status == 302).then_some(())
        });
        Gate { envoy, api }
    }
}
