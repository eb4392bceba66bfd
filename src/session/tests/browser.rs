//! A browser's cookie jar, and what the tests seal.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config;
use crate::crypto::seal::{Binding, Opened};
use crate::crypto::secret::Key;
use crate::crypto::{Entropy, NoEntropy, Purpose, SealingKeys, Secret};
use crate::http::{LocalPath, SameSite, SetCookie};
pub(super) use crate::session::testing::{NOW, Xorshift};
use crate::session::{Cookies, Granted, Jar, Session, Transaction};
use crate::token::{AccessToken, IdToken};
use crate::wire::{Timestamp, base64url};

pub(super) const NAME: &str = "__Host-oidc_gate";
pub(super) const HOST: &str = "app.example";

/// A host without random numbers.
pub(super) struct Broken;

impl Entropy for Broken {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

pub(super) fn keys(bytes: &[u8]) -> SealingKeys {
    let keys: Vec<_> = bytes.iter().map(|byte| Key::new([*byte; 32])).collect();
    SealingKeys::new(&keys[0], &keys[1..])
}

pub(super) fn config(same_site: SameSite, max_count: usize) -> config::Session {
    config::Session {
        keys: keys(&[1]),
        cookie: config::Cookie { name: NAME.to_owned(), same_site, secure: true, max_count },
        idle_timeout: Duration::from_secs(3600),
        max_age: Duration::from_secs(12 * 3600),
        refresh_margin: Duration::from_secs(30),
    }
}

pub(super) fn cookies() -> Cookies {
    Cookies::new(&config(SameSite::Lax, 4))
}

/// A token whose text is about `size` bytes long; the signature is noise, and so are most
/// of the claims: three quarters of them is what they compress to.
pub(super) fn jwt(claims: &str, size: usize) -> String {
    let mut noise = Xorshift((size + claims.len()) as u64 | 1);
    let mut signature = [0; 64];
    noise.fill(&mut signature).unwrap();
    let mut pad = vec![0; size.saturating_sub(300) * 9 / 16];
    noise.fill(&mut pad).unwrap();
    let pad = base64url::encode(&pad);
    let payload = format!(r#"{{{claims},"pad":"{pad}"}}"#);
    [br#"{"alg":"ES256","typ":"JWT","kid":"k"}"#.as_slice(), payload.as_bytes(), &signature]
        .map(base64url::encode)
        .join(".")
}

pub(super) fn opened() -> Opened {
    let binding = Binding { purpose: Purpose::Session, name: NAME, host: HOST };
    let sealed = keys(&[1]).seal(binding, b"", &mut Xorshift(1)).unwrap();
    keys(&[1]).open(binding, &sealed).unwrap()
}

/// A session whose two tokens are each about `size` bytes long.
pub(super) fn session(size: usize) -> Session {
    let times = r#""iat":1760000000,"exp":1760000300"#;
    let id = format!(
        r#""iss":"https://id.example","sub":"alice","aud":"APP-frontend","nonce":"n","typ":"ID",{times}"#
    );
    let access = format!(
        r#""iss":"https://id.example","sub":"alice","aud":"APP-backend","typ":"Bearer",{times}"#
    );
    let restored = opened();
    Session {
        id: [7; 16],
        id_token: IdToken::restore(Secret::new(jwt(&id, size)), &restored).unwrap(),
        access_token: Some(Granted::Known(
            AccessToken::restore(Secret::new(jwt(&access, size)), &restored).unwrap(),
        )),
        refresh_token: Some(Secret::new("opaque refresh token".to_owned())),
        created: NOW,
        seen: NOW.plus(Duration::from_millis(1)),
        narrowed: 0,
        kept: Vec::new(),
    }
}

pub(super) fn login(state: &str, created: Timestamp) -> Transaction {
    Transaction {
        state: Secret::new(state.to_owned()),
        nonce: Secret::new("nonce".to_owned()),
        verifier: Secret::new("verifier".to_owned()),
        return_to: LocalPath::parse(b"/reports?week=7").unwrap(),
        redirect_uri: "https://app.example/oauth2/callback".to_owned(),
        created,
        attempts: 2,
        form: false,
        ask: None,
    }
}

/// A jar that applies `Set-Cookie` as browsers do (6265bis section 5.7): too long a
/// cookie is dropped, and so is a `__Host-` one that breaks its prefix's rule.
#[derive(Default)]
pub(super) struct Browser(pub(super) BTreeMap<String, String>);

impl Browser {
    pub(super) fn apply(&mut self, set: &[SetCookie]) {
        for cookie in set {
            let text = cookie.header_value().unwrap().as_str().to_owned();
            let mut parts = text.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes: Vec<_> = parts.collect();
            assert!(attributes.contains(&"HttpOnly"), "{text}");
            let fits = name.len() + value.len() <= 4096;
            let host_only = attributes.contains(&"Secure") && attributes.contains(&"Path=/");
            let domain = attributes.iter().any(|attribute| attribute.starts_with("Domain"));
            if !fits || (name.starts_with("__Host-") && (!host_only || domain)) {
                continue;
            }
            if attributes.contains(&"Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub(super) fn line(&self) -> String {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

pub(super) fn jar<'a>(cookies: &Cookies, line: &'a str) -> Jar<'a> {
    cookies.collect(std::iter::once(line.as_bytes()))
}

/// What a request with this `Cookie` line has for a session.
pub(super) fn read(cookies: &Cookies, keys: &SealingKeys, line: &str) -> Option<(Session, bool)> {
    let jar = jar(cookies, line);
    let text = cookies.session_text(&jar)?;
    cookies.open_session(keys, &text.join(), HOST)
}
