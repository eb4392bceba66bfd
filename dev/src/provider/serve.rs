//! From a request to its endpoint, with [`Faults`] in between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::faults::{Endpoint, Fault, Faults};
use super::introspection::OpaqueTokens;
use super::keys::Keys;
use super::options::ProviderOptions;
use super::realm::Realm;
use super::record::{Calls, TokenRequest};
use super::tokens::Mint;
use super::{authorize, discovery, end_session, introspection, registration, token, userinfo};
use crate::server::{Handler, Reply, Request};
use crate::words;

/// All that the provider knows.
pub(super) struct State {
    pub(super) options: ProviderOptions,
    pub(super) issuer: String,
    /// Counts changes of the faults, so that held calls look again.
    pub(super) changes: watch::Sender<u64>,
    pub(super) calls: Mutex<Calls>,
    pub(super) requests: Mutex<Vec<TokenRequest>>,
    keys: Mutex<Keys>,
    realm: Mutex<Realm>,
    opaque_tokens: Mutex<OpaqueTokens>,
    faults: Mutex<Faults>,
}

/// Paths below the issuer, named as Keycloak names them.
pub(super) const REALM: &str = "/realms/acme";
pub(super) const AUTHORIZE: &str = "/protocol/openid-connect/auth";
pub(super) const TOKEN: &str = "/protocol/openid-connect/token";
pub(super) const JWKS: &str = "/protocol/openid-connect/certs";
pub(super) const LOGOUT: &str = "/protocol/openid-connect/logout";
pub(super) const INTROSPECT: &str = "/protocol/openid-connect/token/introspect";
pub(super) const USERINFO: &str = "/protocol/openid-connect/userinfo";
pub(super) const LOGIN: &str = "/login-actions/authenticate";
pub(super) const REGISTER: &str = "/clients-registrations/openid-connect";
const DISCOVERY: &str = "/.well-known/openid-configuration";
/// The same document for clients that know nothing of OpenID: the well-known string stands before the issuer's path
/// (RFC 8414 section 3).
const OAUTH_DISCOVERY: &str = "/.well-known/oauth-authorization-server";

impl State {
    pub(super) fn new(options: ProviderOptions, port: u16) -> Self {
        Self {
            options,
            issuer: format!("http://127.0.0.1:{port}{REALM}"),
            changes: watch::Sender::new(0),
            calls: Mutex::default(),
            requests: Mutex::default(),
            keys: Mutex::new(Keys::generate()),
            realm: Mutex::default(),
            opaque_tokens: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    // A panic while a lock was held is a bug that has been shown already; going on shows the rest of the test.
    pub(super) fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn realm(&self) -> MutexGuard<'_, Realm> {
        self.realm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn opaque_tokens(&self) -> MutexGuard<'_, OpaqueTokens> {
        self.opaque_tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes tokens under `faults`.
    pub(super) fn mint<R>(&self, faults: &Faults, make: impl FnOnce(&Mint<'_>) -> R) -> R {
        let now = words::now().saturating_add_signed(faults.clock_offset);
        let keys = self.keys();
        make(&Mint { issuer: &self.issuer, options: &self.options, keys: &keys, faults, now })
    }

    fn answer(&self, endpoint: Endpoint, request: &Request) -> Reply {
        match endpoint {
            Endpoint::Discovery => discovery::metadata(self),
            Endpoint::Jwks => discovery::keys(self),
            Endpoint::Authorize => authorize::request(self, request),
            Endpoint::Code | Endpoint::Refresh | Endpoint::Exchange => {
                token::request(self, request)
            }
            Endpoint::Logout => end_session::request(self, request),
            Endpoint::Userinfo => userinfo::request(self, request),
            Endpoint::Introspection => introspection::request(self, request),
        }
    }

    async fn wait(&self, endpoint: Endpoint, fault: &Fault) {
        tokio::time::sleep(fault.delay).await;
        if fault.hold {
            let mut changes = self.changes.subscribe();
            // The sender lives as long as `self`: an error here cannot be.
            let _ = changes.wait_for(|_| !self.faults().holds(endpoint)).await;
        }
    }
}

impl Handler for State {
    async fn handle(self: Arc<Self>, request: Request) -> Reply {
        let path = match request.path().strip_prefix(OAUTH_DISCOVERY) {
            Some(REALM) => Some(DISCOVERY),
            Some(_) => None,
            None => request.path().strip_prefix(REALM),
        };
        let Some(path) = path else { return not_found() };
        let endpoint = match path {
            DISCOVERY => Endpoint::Discovery,
            JWKS => Endpoint::Jwks,
            AUTHORIZE => Endpoint::Authorize,
            TOKEN => token::record(&self, &request),
            LOGOUT => Endpoint::Logout,
            USERINFO => Endpoint::Userinfo,
            INTROSPECT => Endpoint::Introspection,
            LOGIN => return authorize::login(&self, &request),
            REGISTER => return registration::request(&self, &request),
            _ => return not_found(),
        };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).count(endpoint);
        let fault = self.faults().take(endpoint);
        let Some(fault) = fault else {
            return self.answer(endpoint, &request);
        };
        let wrong = |fault: &Fault| fault.answer.as_ref().map(super::faults::Broken::reply);
        if fault.after_effect {
            let right = self.answer(endpoint, &request);
            self.wait(endpoint, &fault).await;
            wrong(&fault).unwrap_or(right)
        } else {
            self.wait(endpoint, &fault).await;
            wrong(&fault).unwrap_or_else(|| self.answer(endpoint, &request))
        }
    }
}

fn not_found() -> Reply {
    Reply::new(404, "text/plain", "There is nothing here. The realm is at /realms/acme.\n")
}
