//! Who is logged in: single sign-on sessions, codes, and chains of refresh tokens. Behaves like Keycloak 26.
//!
//! A code that is used twice, or a refresh token that is used again after its rotation, ends the client's session: all
//! refresh tokens of it, in every tab (RFC 6749 section 10.5, RFC 9700 section 4.14.2).

use std::collections::HashMap;

use super::options::User;
use crate::words::{base64url, random, uuid};

/// How long a code is good for, in seconds.
const CODE_LIFESPAN: u64 = 60;

/// What an authorization request fixes for the tokens that come of it.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// `client_id`.
    pub(crate) client: String,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    /// Where the access token will be used (RFC 8707): its only audiences, where it is said.
    pub(crate) resource: Vec<String>,
}

/// A code that was handed out.
#[derive(Clone, Debug)]
struct Code {
    session: String,
    grant: Grant,
    redirect_uri: String,
    code_challenge: String,
    issued: u64,
    used: bool,
}

/// Whom tokens are for.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) user: &'static User,
    pub(crate) session: String,
    pub(crate) auth_time: u64,
    pub(crate) grant: Grant,
    /// The refresh token that goes with these tokens: its chain and its `jti`.
    pub(crate) refresh: (String, String),
}

#[derive(Debug)]
struct Session {
    user: &'static User,
    auth_time: u64,
    cookie: String,
    /// By the chain's name: what was granted, and the `jti` of its newest refresh token.
    chains: HashMap<String, (Grant, String)>,
}

/// All sessions and codes.
#[derive(Debug, Default)]
pub(crate) struct Realm {
    sessions: HashMap<String, Session>,
    codes: HashMap<String, Code>,
    /// Clients that have registered themselves, by `client_id`, and their redirect URIs.
    clients: HashMap<String, Vec<String>>,
}

impl Realm {
    /// Lets a client without a secret in.
    pub(crate) fn register(&mut self, client: &str, redirect_uris: Vec<String>) {
        self.clients.insert(client.to_owned(), redirect_uris);
    }

    /// The redirect URIs of a client that has registered itself.
    pub(crate) fn registered(&self, client: &str) -> Option<&[String]> {
        self.clients.get(client).map(Vec::as_slice)
    }

    /// Starts a session; the answer is the value of its cookie.
    pub(crate) fn log_in(&mut self, user: &'static User, now: u64) -> String {
        let cookie = base64url(random::<32>());
        let chains = HashMap::new();
        let session = Session { user, auth_time: now, cookie: cookie.clone(), chains };
        self.sessions.insert(uuid(), session);
        cookie
    }

    /// The session of a cookie, and when its user logged in.
    pub(crate) fn session_of(&self, cookie: &str) -> Option<(&str, u64)> {
        let mut all = self.sessions.iter();
        let (id, session) = all.find(|(_, session)| session.cookie == cookie)?;
        Some((id, session.auth_time))
    }

    /// Whether the session lives.
    pub(crate) fn lives(&self, session: &str) -> bool {
        self.sessions.contains_key(session)
    }

    /// Whether the session lives, and the client still has its part in it: no code and no refresh token of it was used
    /// twice.
    pub(crate) fn serves_client(&self, session: &str) -> bool {
        self.sessions.get(session).is_some_and(|session| !session.chains.is_empty())
    }

    /// The user of a session.
    pub(crate) fn user_of(&self, session: &str) -> Option<&'static User> {
        self.sessions.get(session).map(|session| session.user)
    }

    /// Ends a session with all its tokens.
    pub(crate) fn end(&mut self, session: &str) {
        self.sessions.remove(session);
    }

    /// Ends all sessions.
    pub(crate) fn end_all(&mut self) {
        self.sessions.clear();
    }

    /// A code for `session`, to be redeemed once.
    pub(crate) fn issue_code(
        &mut self,
        session: &str,
        grant: Grant,
        redirect_uri: &str,
        code_challenge: &str,
        now: u64,
    ) -> String {
        let text = format!("{}.{session}", base64url(random::<45>()));
        let code = Code {
            session: session.to_owned(),
            grant,
            redirect_uri: redirect_uri.to_owned(),
            code_challenge: code_challenge.to_owned(),
            issued: now,
            used: false,
        };
        self.codes.insert(text.clone(), code);
        text
    }

    /// Redeems a code. The challenge is that of the verifier presented.
    ///
    /// Errors: `error_description` of an `invalid_grant`.
    pub(crate) fn redeem(
        &mut self,
        code: &str,
        client: &str,
        redirect_uri: &str,
        challenge: &str,
        now: u64,
    ) -> Result<Subject, &'static str> {
        let code = self.codes.get_mut(code).ok_or("Code not valid")?;
        if code.used {
            if let Some(session) = self.sessions.get_mut(&code.session) {
                session.chains.clear();
            }
            return Err("Code not valid");
        }
        // Whatever is wrong with the rest: the code is spent.
        code.used = true;
        if now.saturating_sub(code.issued) > CODE_LIFESPAN {
            return Err("Code is expired");
        }
        if code.grant.client != client {
            return Err("Code was issued to another client");
        }
        if code.redirect_uri != redirect_uri {
            return Err("Incorrect redirect_uri");
        }
        if code.code_challenge != challenge {
            return Err("PKCE verification failed: Code mismatch");
        }
        let session = self.sessions.get_mut(&code.session).ok_or("Session not active")?;
        let refresh = (uuid(), uuid());
        session.chains.insert(refresh.0.clone(), (code.grant.clone(), refresh.1.clone()));
        Ok(Subject {
            user: session.user,
            session: code.session.clone(),
            auth_time: session.auth_time,
            grant: code.grant.clone(),
            refresh,
        })
    }

    /// Goes on with the refresh token `jti` of `chain`; with `rotate` it is spent.
    ///
    /// Errors: `error_description` of an `invalid_grant`.
    pub(crate) fn refresh(
        &mut self,
        session_id: &str,
        chain: &str,
        jti: &str,
        rotate: bool,
    ) -> Result<Subject, &'static str> {
        let session = self.sessions.get_mut(session_id).ok_or("Session not active")?;
        let (grant, newest) =
            session.chains.get_mut(chain).ok_or("Session doesn't have required client")?;
        if rotate && newest != jti {
            session.chains.clear();
            return Err("Maximum allowed refresh token reuse exceeded");
        }
        *newest = uuid();
        Ok(Subject {
            user: session.user,
            session: session_id.to_owned(),
            auth_time: session.auth_time,
            // A refreshed ID token has no nonce.
            grant: Grant { nonce: None, ..grant.clone() },
            refresh: (chain.to_owned(), newest.clone()),
        })
    }
}
