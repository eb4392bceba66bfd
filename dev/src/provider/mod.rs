//! OpenID Connect as Keycloak speaks it: realm `acme`, users alice and bob (the password is the name), one client.
//!
//! `serve` routes a request to its endpoint (`discovery`, `authorize`, `token`, `end_session`, `userinfo`) and lets
//! `faults` have their way with it; `realm` knows who is logged in, `tokens` and `keys` make what is handed out.

mod authorize;
mod client_auth;
mod discovery;
mod end_session;
mod exchange;
mod faults;
mod introspection;
mod keys;
mod login_page;
mod options;
mod realm;
mod record;
mod registration;
mod serve;
mod token;
mod tokens;
mod userinfo;

use std::io;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

pub use self::faults::{Endpoint, Fault, Faults, IssParameter};
use self::keys::NextKey;
pub use self::options::ProviderOptions;
use self::options::User;
use self::realm::{Grant, Subject};
pub use self::record::{Calls, TokenRequest};
use self::serve::State;
pub use self::tokens::Minted;
use crate::server::Server;
use crate::words::uuid;

/// A running provider. It stops when dropped.
pub struct DevProvider {
    state: Arc<State>,
    server: Server,
}

impl DevProvider {
    /// Starts a provider on 127.0.0.1.
    ///
    /// Errors: the port is taken, or there is no thread to be had.
    pub fn start(options: ProviderOptions) -> io::Result<Self> {
        let mut state = None;
        let server = Server::start(options.port, |port| {
            Arc::clone(state.insert(Arc::new(State::new(options, port))))
        })?;
        let state = state.ok_or_else(|| io::Error::other("the server made no state"))?;
        Ok(Self { state, server })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// `http://127.0.0.1:PORT/realms/acme`, exactly as it stands in `iss`.
    pub fn issuer(&self) -> String {
        self.state.issuer.clone()
    }

    /// What it was started with.
    pub fn options(&self) -> &ProviderOptions {
        &self.state.options
    }

    /// Changes or reads what is wrong with the provider. Calls that are held look again afterwards.
    ///
    /// Nothing else of the provider may be called from within `change`.
    pub fn faults<R>(&self, change: impl FnOnce(&mut Faults) -> R) -> R {
        let result = change(&mut self.state.faults());
        self.state.changes.send_modify(|count| *count += 1);
        result
    }

    /// How often each endpoint was called so far.
    pub fn calls(&self) -> Calls {
        *self.state.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All requests to the token endpoint so far, in their order.
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A signed token of `kind` for alice, or an opaque one with `opaque_access_tokens`, as if it were just issued. `overrides` is an object of claims (`null`
    /// removes one); its member `$header` holds header members. [`Faults`] have no influence.
    ///
    /// The signature is made with what `alg` says. Where the realm has no key for that (`none`, HS256), the signature is
    /// left empty: the test puts its own there.
    ///
    /// ```no_run
    /// # use oidc_gate_dev::*; use serde_json::json;
    /// # let provider = DevProvider::start(ProviderOptions::default()).unwrap();
    /// let token = provider.mint(Minted::Access, json!({"aud": "APP-backend", "$header": {"typ": "at+jwt"}}));
    /// ```
    pub fn mint(&self, kind: Minted, overrides: Value) -> String {
        let user = User::named("alice").expect("alice is in the realm");
        let grant = Grant {
            client: self.state.options.client_id.clone(),
            scope: "openid profile email".into(),
            nonce: None,
            resource: Vec::new(),
        };
        let auth_time = crate::words::now();
        let subject =
            Subject { user, session: uuid(), auth_time, grant, refresh: (uuid(), uuid()) };
        let signed =
            self.state.mint(&Faults::default(), |mint| mint.made_up(kind, &subject, &overrides));
        match kind {
            Minted::Access if self.state.options.opaque_access_tokens => {
                self.state.opaque_tokens().hand_out(signed, false)
            }
            _ => signed,
        }
    }

    /// The key set as it is published.
    pub fn jwks(&self) -> Value {
        json!({"keys": self.state.keys().set()})
    }

    /// The public RS256 key in PEM: what an attacker would use as an HMAC secret.
    pub fn rsa_public_key_pem(&self) -> String {
        self.state.keys().public_pem().to_owned()
    }

    /// A new RS256 key signs from now on; the old one stays published.
    pub fn rotate_keys(&self) {
        let next = NextKey::generate();
        self.state.keys().rotate(next);
    }

    /// Keys that were rotated away are not published any more.
    pub fn forget_old_keys(&self) {
        self.state.keys().forget_retired();
    }

    /// Ends all sessions, as an administrator would: no refresh token works any more.
    pub fn end_sessions(&self) {
        self.state.realm().end_all();
    }

    /// From now on connections are refused, and open ones are broken.
    ///
    /// Errors: the server's thread is gone.
    pub fn stop_listening(&self) -> io::Result<()> {
        self.server.pause()
    }

    /// Listens again, on the same port.
    ///
    /// Errors: somebody else has taken the port.
    pub fn resume(&self) -> io::Result<()> {
        self.server.resume()
    }
}
