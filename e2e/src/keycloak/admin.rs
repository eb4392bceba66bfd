//! What an administrator does in Keycloak, by its admin REST API.

use std::net::SocketAddr;

use serde_json::Value;

use super::Keycloak;
use crate::http::{self, Answer, Protocol, Request};

/// The administrator's name, and password.
pub(super) const NAME: &str = "admin";

/// How many events are asked for at once.
const PAGE: usize = 100;

/// An administrator of Keycloak.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    pub(super) fn of(keycloak: &Keycloak) -> Self {
        Self { address: keycloak.address() }
    }

    /// Adds a client that is as `model`, but for its name and what `change` does to its representation.
    pub fn add_client(&self, model: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut client = self.client(model);
        client.as_object_mut().expect("a client is an object").remove("id");
        client["clientId"] = name.into();
        change(&mut client);
        self.send(Request::post("/admin/realms/acme/clients", client.to_string()));
    }

    /// Takes a client scope away from the default ones of `client`: its mappers stop to work for it.
    pub fn remove_default_scope(&self, client: &str, scope: &str) {
        self.send(Request::new("DELETE", &self.default_scope(client, scope)));
    }

    /// Makes a client scope one of the default ones of `client`.
    pub fn add_default_scope(&self, client: &str, scope: &str) {
        self.send(Request::new("PUT", &self.default_scope(client, scope)));
    }

    /// Whether the single sign-on session with this `sid` lives, which must be one of `user`'s.
    pub fn has_session(&self, user: &str, sid: &str) -> bool {
        let users = self.get(&format!("/admin/realms/acme/users?username={user}&exact=true"));
        let user = users[0]["id"].as_str().unwrap_or_else(|| panic!("no user {user}"));
        let sessions = self.get(&format!("/admin/realms/acme/users/{user}/sessions"));
        let sessions = sessions.as_array().expect("sessions are a list");
        sessions.iter().any(|session| session["id"] == sid)
    }

    /// Ends the single sign-on session with this `sid`.
    pub fn end_session(&self, sid: &str) {
        self.send(Request::new("DELETE", &format!("/admin/realms/acme/sessions/{sid}")));
    }

    /// How many events of this type (`REFRESH_TOKEN`, ...) were caused by `client`.
    pub fn count(&self, event: &str, client: &str) -> usize {
        self.events(event, client).len()
    }

    /// All events of this type that were caused by `client`, as Keycloak keeps them.
    pub fn events(&self, event: &str, client: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let page = self.get(&format!(
                "/admin/realms/acme/events?type={event}&client={client}&first={}&max={PAGE}",
                all.len()
            ));
            let page = page.as_array().expect("events are a list").clone();
            let more = page.len() == PAGE;
            all.extend(page);
            if !more {
                return all;
            }
        }
    }

    fn client(&self, name: &str) -> Value {
        let found = self.get(&format!("/admin/realms/acme/clients?clientId={name}"));
        assert!(found[0].is_object(), "no client {name}");
        found[0].clone()
    }

    fn default_scope(&self, client: &str, scope: &str) -> String {
        let client = self.client(client);
        let scopes = self.get("/admin/realms/acme/client-scopes");
        let scope = scopes
            .as_array()
            .and_then(|scopes| scopes.iter().find(|found| found["name"] == scope))
            .unwrap_or_else(|| panic!("no client scope {scope}"));
        let id = |of: &Value| of["id"].as_str().expect("everything has an id").to_owned();
        format!("/admin/realms/acme/clients/{}/default-client-scopes/{}", id(&client), id(scope))
    }

    fn get(&self, target: &str) -> Value {
        self.send(Request::get(target)).json()
    }

    fn send(&self, request: Request) -> Answer {
        let what = format!("{} {}", request.method, request.target);
        let request = request.header("content-type", "application/json").bearer(&self.token());
        let answer = http::send(self.address, Protocol::H1, &request);
        assert!(answer.status < 300, "{what}: {} {}", answer.status, answer.text());
        answer
    }

    /// Tokens of administrators live for a minute: each request gets its own.
    fn token(&self) -> String {
        let form =
            format!("grant_type=password&client_id=admin-cli&username={NAME}&password={NAME}");
        let request = Request::post("/realms/master/protocol/openid-connect/token", form)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = http::send(self.address, Protocol::H1, &request);
        answer.json()["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no token for the administrator: {}", answer.text()))
            .to_owned()
    }
}
