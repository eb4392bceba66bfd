//! The provider: right and as strict as Keycloak, unless a test scripts it otherwise.

use std::collections::{BTreeMap, VecDeque};

use oidc_gate::crypto::Secret;
use oidc_gate::crypto::digest::sha256;
use oidc_gate::http::Form;
use oidc_gate::provider::authorize::code_challenge;
use oidc_gate::token::testing::{self, CLIENT, ISSUER, Signer, with};
use oidc_gate::wire::{Timestamp, base64url};
use serde_json::{Value, json};

use super::sent::{Endpoint, Sent};

/// What the client authenticates with; `+` and `:` must be form-encoded (RFC 6749 2.3.1).
pub(crate) const CLIENT_SECRET: &str = "s3cr3t+of:the-client";

/// An answer: status (`None`: none came), and body.
pub(crate) type Response = (Option<u16>, Vec<u8>);

/// How a provider fails.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The host says that no answer came.
    NoAnswer,
    /// The host says nothing, ever.
    Silence,
    /// This status, with an HTML page.
    Status(u16),
    /// This status and body.
    Body(u16, Vec<u8>),
}

struct Code {
    challenge: String,
    redirect_uri: String,
    nonce: String,
    /// The one service that it was asked for, if it was.
    service: Option<String>,
}

/// A login at the provider; its refresh token may be used once where they rotate.
#[derive(Clone)]
struct Grant {
    nonce: String,
    login: usize,
    spent: bool,
    service: Option<String>,
}

pub(crate) struct Provider {
    /// Signs tokens.
    pub(crate) signer: Signer,
    /// The JWKs that it publishes.
    pub(crate) published: Vec<Value>,
    /// Changes to its metadata.
    pub(crate) metadata: Value,
    /// Changes to the claims of each kind of token.
    pub(crate) id_token: Value,
    pub(crate) access_token: Value,
    /// Changes to the claims of tokens that are exchanged for another.
    pub(crate) exchanged: Value,
    /// What exchanges were asked for.
    pub(crate) exchanges: Vec<BTreeMap<String, String>>,
    /// Changes to the claims of tokens that a refresh with `scope` gets, and which scopes were
    /// asked for.
    pub(crate) narrowed: Value,
    pub(crate) narrowings: Vec<String>,
    /// The scopes that authorization requests asked for.
    pub(crate) authorizations: Vec<String>,
    /// Header `typ` of access tokens.
    pub(crate) access_typ: &'static str,
    /// Whether access tokens are opaque.
    pub(crate) opaque: bool,
    /// What each opaque token says; one that is taken out was taken back.
    pub(crate) opaque_tokens: BTreeMap<String, Value>,
    /// Changes to what is said of opaque tokens.
    pub(crate) introspection: Value,
    /// Seconds that tokens live.
    pub(crate) lifetime: i64,
    /// Whether refresh tokens rotate, a second use ending the login as theft.
    pub(crate) rotates: bool,
    /// Whether it gives refresh tokens at all.
    pub(crate) refreshes: bool,
    /// Whether a refresh brings an ID token.
    pub(crate) refreshed_id_token: bool,
    /// Changes to token answers.
    pub(crate) answer: Value,
    /// What it answers instead, in turn.
    pub(crate) faults: BTreeMap<Endpoint, VecDeque<Fault>>,
    /// Logins that it ended because a refresh token was used twice.
    pub(crate) thefts: usize,
    /// All that must be seen by nobody: tokens, codes, verifiers.
    pub(crate) secrets: Vec<String>,
    codes: BTreeMap<String, Code>,
    grants: BTreeMap<String, Grant>,
    ended: Vec<usize>,
    serial: usize,
}

impl Provider {
    pub(crate) fn new() -> Self {
        let signer = Signer::ed25519("k1");
        Self {
            published: vec![signer.jwk()],
            signer,
            metadata: json!({}),
            id_token: json!({}),
            access_token: json!({}),
            exchanged: json!({}),
            exchanges: Vec::new(),
            narrowed: json!({}),
            narrowings: Vec::new(),
            authorizations: Vec::new(),
            access_typ: "JWT",
            opaque: false,
            opaque_tokens: BTreeMap::new(),
            introspection: json!({}),
            lifetime: 300,
            rotates: true,
            refreshes: true,
            refreshed_id_token: true,
            answer: json!({}),
            faults: BTreeMap::new(),
            thefts: 0,
            secrets: vec![CLIENT_SECRET.to_owned()],
            codes: BTreeMap::new(),
            grants: BTreeMap::new(),
            ended: Vec::new(),
            serial: 0,
        }
    }

    /// Fails once more at `endpoint`, after the faults that were scripted before.
    pub(crate) fn fail(&mut self, endpoint: Endpoint, fault: Fault) {
        self.faults.entry(endpoint).or_default().push_back(fault);
    }

    /// Signs with a new key, which is published.
    pub(crate) fn rotate_keys(&mut self, kid: &str) {
        self.signer = Signer::ed25519(kid);
        self.published = vec![self.signer.jwk()];
    }

    /// Ends all logins: refresh tokens are worth nothing any more.
    pub(crate) fn end_logins(&mut self) {
        self.ended = self.grants.values().map(|grant| grant.login).collect();
    }

    /// The browser logs in at `location`: the query of the callback.
    pub(crate) fn authorize(&mut self, location: &str) -> String {
        let (endpoint, query) = location.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{ISSUER}/auth"));
        let form = Form::parse(query.as_bytes()).unwrap();
        let text = |name: &str| form.once(name).unwrap().unwrap().to_owned();
        assert_eq!((text("response_type"), text("client_id")), ("code".into(), CLIENT.into()));
        assert_eq!(text("code_challenge_method"), "S256");
        assert!(text("scope").split(' ').any(|scope| scope == "openid"));
        self.serial += 1;
        let code = format!("code-{}-ZGlmZmVyZW50IGV2ZXJ5IHRpbWU", self.serial);
        let (challenge, nonce, state) = (text("code_challenge"), text("nonce"), text("state"));
        assert!(challenge.len() == 43 && nonce.len() >= 43 && state.len() >= 43);
        self.secrets.extend([code.clone(), state.clone(), nonce.clone()]);
        let redirect_uri = text("redirect_uri");
        let scope = text("scope");
        let services: Vec<_> = scope.split(' ').filter(|name| *name != "openid").collect();
        let service = match services[..] {
            [service] => Some(service.to_owned()),
            _ => None,
        };
        self.authorizations.push(scope.clone());
        self.codes.insert(code.clone(), Code { challenge, redirect_uri, nonce, service });
        let issuer = oidc_gate::http::form::component(ISSUER);
        format!("state={state}&session_state=x&iss={issuer}&code={code}")
    }

    /// The answer to a call; `None`: there never is one.
    pub(crate) fn answer(&mut self, sent: &Sent, now: Timestamp) -> Option<Response> {
        let faults = self.faults.entry(sent.endpoint).or_default();
        match faults.pop_front() {
            Some(Fault::Silence) => return None,
            Some(Fault::NoAnswer) => return Some((None, Vec::new())),
            Some(Fault::Status(status)) => {
                return Some((Some(status), b"<html>upstream connect error</html>".to_vec()));
            }
            Some(Fault::Body(status, body)) => return Some((Some(status), body)),
            None => {}
        }
        let (status, body) = match sent.endpoint {
            Endpoint::Discovery => (200, self.document()),
            Endpoint::Keys => (200, json!({"keys": self.published})),
            Endpoint::Token => self.token(sent, now),
            Endpoint::Introspection => self.introspect(sent, now),
        };
        Some((Some(status), body.to_string().into_bytes()))
    }

    fn document(&self) -> Value {
        let document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/auth"),
            "token_endpoint": format!("{ISSUER}/token"),
            "jwks_uri": format!("{ISSUER}/certs"),
            "introspection_endpoint": format!("{ISSUER}/introspect"),
            "end_session_endpoint": format!("{ISSUER}/logout"),
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": true,
        });
        with(document, self.metadata.clone())
    }

    fn token(&mut self, sent: &Sent, now: Timestamp) -> (u16, Value) {
        let refused = |error: &str| (400, json!({"error": error, "error_description": "No."}));
        if !is_client(sent) {
            return (401, json!({"error": "invalid_client"}));
        }
        match sent.form["grant_type"].as_str() {
            "authorization_code" => {
                let verifier = sent.form["code_verifier"].clone();
                self.secrets.push(verifier.clone());
                let Some(code) = self.codes.remove(&sent.form["code"]) else {
                    return refused("invalid_grant");
                };
                let right = code_challenge(&Secret::new(verifier)) == code.challenge
                    && sent.form["redirect_uri"] == code.redirect_uri;
                if !right {
                    return refused("invalid_grant");
                }
                self.serial += 1;
                let (nonce, login, spent) = (code.nonce, self.serial, false);
                let grant = Grant { nonce, login, spent, service: code.service };
                (200, self.tokens(grant, true, now))
            }
            "refresh_token" => {
                let Some(grant) = self.grants.get_mut(&sent.form["refresh_token"]) else {
                    return refused("invalid_grant");
                };
                let known = grant.clone();
                if known.spent {
                    self.thefts += 1;
                    self.ended.push(known.login);
                }
                grant.spent = self.rotates;
                if self.ended.contains(&known.login) {
                    return refused("invalid_grant");
                }
                let with_id_token = self.refreshed_id_token;
                let grant = Grant { spent: false, ..known };
                (200, self.narrow(sent, now, |own| own.tokens(grant, with_id_token, now)))
            }
            "urn:ietf:params:oauth:grant-type:token-exchange" => self.exchange(sent, now),
            other => panic!("grant_type {other}"),
        }
    }

    /// RFC 6749 section 6: with `scope`, the access token is for its services alone, and the
    /// refresh token keeps all of its own.
    fn narrow(
        &mut self,
        sent: &Sent,
        now: Timestamp,
        tokens: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let mut answer = tokens(self);
        if let Some(scope) = sent.form.get("scope") {
            self.narrowings.push(scope.clone());
            let services: Vec<_> = scope.split(' ').filter(|name| *name != "openid").collect();
            let narrow = json!({"aud": services, "scope": scope});
            let changes = [self.access_token.clone(), narrow, self.narrowed.clone()];
            answer["access_token"] =
                self.mint(self.access_typ, testing::access_token(), changes, now).into();
        }
        answer
    }

    /// RFC 8693, as strict as Keycloak: it wants audience and scope.
    fn exchange(&mut self, sent: &Sent, now: Timestamp) -> (u16, Value) {
        let form = &sent.form;
        self.exchanges.push(form.clone());
        let access_token = "urn:ietf:params:oauth:token-type:access_token";
        for name in ["subject_token_type", "requested_token_type"] {
            assert_eq!(form[name], access_token);
        }
        let (Some(audience), Some(scope)) = (form.get("audience"), form.get("scope")) else {
            return (400, json!({"error": "invalid_request", "error_description": "No."}));
        };
        let asked = json!({"aud": audience, "scope": scope});
        let changes = [self.access_token.clone(), asked, self.exchanged.clone()];
        let token = self.mint(self.access_typ, testing::access_token(), changes, now);
        let answer = json!({
            "access_token": token,
            "issued_token_type": access_token,
            "token_type": "Bearer",
            "expires_in": 5,
        });
        (200, with(answer, self.answer.clone()))
    }

    fn tokens(&mut self, grant: Grant, with_id_token: bool, now: Timestamp) -> Value {
        let access_token = match &grant.service {
            None => self.mint_access_token(json!({}), now),
            Some(service) => {
                let narrow = json!({"aud": service, "scope": format!("openid {service}")});
                let changes = [self.access_token.clone(), narrow, self.narrowed.clone()];
                self.mint(self.access_typ, testing::access_token(), changes, now)
            }
        };
        let mut answer =
            json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 5});
        if with_id_token {
            answer["id_token"] = self.mint_id_token(json!({"nonce": grant.nonce}), now).into();
        }
        if self.refreshes {
            self.serial += 1;
            let refresh_token = format!("refresh-{}-bm90IGEgSldUIGF0IGFsbA", self.serial);
            self.secrets.push(refresh_token.clone());
            answer["refresh_token"] = refresh_token.clone().into();
            if self.rotates || !self.grants.values().any(|known| known.login == grant.login) {
                self.grants.insert(refresh_token, grant);
            } else {
                // The one from the login stays good.
                answer.as_object_mut().unwrap().remove("refresh_token");
            }
        }
        with(answer, self.answer.clone())
    }

    /// An access token that is good now, but for what is scripted, and `changes`.
    pub(crate) fn mint_access_token(&mut self, changes: Value, now: Timestamp) -> String {
        let changes = [changes, self.access_token.clone()];
        if !self.opaque {
            return self.mint(self.access_typ, testing::access_token(), changes, now);
        }
        let claims = self.claims(testing::access_token(), changes, now);
        let token = format!("opaque-{}-bGlrZSBhbnkgb3RoZXIgdG9rZW4", self.serial);
        self.secrets.push(token.clone());
        self.opaque_tokens.insert(token.clone(), claims);
        token
    }

    /// An ID token that is good now, but for `changes`, and what is scripted.
    pub(crate) fn mint_id_token(&mut self, changes: Value, now: Timestamp) -> String {
        let scripted = self.id_token.clone();
        self.mint("JWT", testing::id_token(), [changes, scripted], now)
    }

    fn mint<const N: usize>(
        &mut self,
        typ: &str,
        claims: Value,
        changes: [Value; N],
        now: Timestamp,
    ) -> String {
        let claims = self.claims(claims, changes, now);
        let token = self.signer.sign(typ, &claims).expose().to_owned();
        self.secrets.push(token.clone());
        token
    }

    fn claims<const N: usize>(
        &mut self,
        claims: Value,
        changes: [Value; N],
        now: Timestamp,
    ) -> Value {
        self.serial += 1;
        let now = now.seconds();
        let times = json!({"jti": self.serial.to_string(), "iat": now, "exp": now + self.lifetime});
        changes.into_iter().fold(with(claims, times), with)
    }
}

/// Whether the call comes from the client, by one method.
pub(super) fn is_client(sent: &Sent) -> bool {
    // "APP-frontend:s3cr3t%2Bof%3Athe-client"
    let basic = "Basic QVBQLWZyb250ZW5kOnMzY3IzdCUyQm9mJTNBdGhlLWNsaWVudA==";
    let by_basic = sent.headers.get("authorization").map(String::as_str) == Some(basic);
    let by_post = sent.form.get("client_secret").map(String::as_str) == Some(CLIENT_SECRET);
    by_basic != by_post
}

/// `length` characters that nothing makes shorter: the same ones each time.
pub(crate) fn noise(length: usize) -> String {
    let blocks = (0_u64..).map(|number| base64url::encode(&sha256(&number.to_be_bytes())));
    let mut text: String = blocks.take(length.div_ceil(43)).collect();
    text.truncate(length);
    text
}
