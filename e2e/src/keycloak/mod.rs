//! A real Keycloak, one for all tests of a binary, with the realm of `e2e/keycloak/acme-realm.json`.
//!
//! Users alice, bob and carol, whose passwords are their names. `APP-frontend` logs people in, and so does
//! `APP-frontend-public`, which has no secret. `backend-audience`, one of their default client scopes, makes their access
//! tokens for `APP-backend`; `good-service` and `evil-service`, two optional ones, add these audiences. Refresh tokens can
//! be used once. `APP-frontend` may exchange the access tokens of its users.
//!
//! Tokens of `my-app` are for nobody but who was asked for: all audiences are optional scopes there, so a refresh or an
//! exchange can leave each of them out. Besides those above there are `orders-service`, which only carol has a role of,
//! and `url-audience`, an address. Users of `my-app-asks`, which is the same, are asked before it gets `good-service`.

mod admin;
mod launch;

use std::net::SocketAddr;
use std::process::Child;
use std::sync::LazyLock;

use serde_json::Value;

use crate::http::{self, Answer, Protocol, Request};

pub use admin::Admin;

/// The secret of every client that has one, in `acme-realm.json`.
pub const SECRET: &str = "only-for-development";

/// A running Keycloak.
#[derive(Debug)]
pub struct Keycloak {
    // Killed by the kernel when this process ends: see `process`.
    _child: Child,
    address: SocketAddr,
}

/// The Keycloak of this test binary, started by the first test that asks for it. It takes a minute.
pub fn shared() -> &'static Keycloak {
    static SHARED: LazyLock<Keycloak> = LazyLock::new(launch::start);
    &SHARED
}

impl Keycloak {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `iss` of the realm acme.
    pub fn issuer(&self) -> String {
        format!("http://{}/realms/acme", self.address)
    }

    /// What an administrator may do.
    pub fn admin(&self) -> Admin {
        Admin::of(self)
    }

    /// What Keycloak tells `client` about `token` (RFC 7662). Only a client that the token is meant for is told that it
    /// is active.
    pub fn introspect(&self, client: &str, token: &str) -> Value {
        let form = format!("client_id={client}&client_secret={SECRET}&token={token}");
        let request = Request::post("/realms/acme/protocol/openid-connect/token/introspect", form)
            .header("content-type", "application/x-www-form-urlencoded");
        http::send(self.address, Protocol::H1, &request).json()
    }

    /// What Keycloak answers `client` that wants the access token `token` exchanged (RFC 8693), with `more` parameters:
    /// `&audience=...`.
    pub fn exchange(&self, client: &str, token: &str, more: &str) -> Answer {
        let access_token = "urn:ietf:params:oauth:token-type:access_token";
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
             &subject_token_type={access_token}&requested_token_type={access_token}{more}"
        );
        self.token(client, &form)
    }

    /// What the token endpoint answers `client`, which has a secret.
    pub fn token(&self, client: &str, form: &str) -> Answer {
        let form = format!("client_id={client}&client_secret={SECRET}&{form}");
        let request = Request::post("/realms/acme/protocol/openid-connect/token", form)
            .header("content-type", "application/x-www-form-urlencoded");
        http::send(self.address, Protocol::H1, &request)
    }
}
