//! A plain, blocking HTTP client with a cookie jar, and a login through it: what a browser would do, without one.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use oidc_gate_dev::DevProvider;
use serde_json::Value;

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the answer is JSON")
    }

    /// The parameters of the redirect's query.
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        let location = self.header("location").expect("a redirect");
        let query = location.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
}

/// Sends one request; `None`: there was no whole answer.
pub(crate) fn send(
    port: u16,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut text =
        format!("{method} {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).ok()?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).ok()?;
    let text = String::from_utf8(raw).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let answer = Answer { status, headers, body: body.to_owned() };
    let announced = answer.header("content-length").and_then(|length| length.parse().ok());
    (announced.is_none_or(|length: usize| length == answer.body.len())).then_some(answer)
}

/// A browser that knows nothing but the provider's cookie.
pub(crate) struct Browser<'a> {
    pub(crate) provider: &'a DevProvider,
    pub(crate) cookie: Option<String>,
}

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:10000/oauth2/callback";

impl<'a> Browser<'a> {
    pub(crate) fn new(provider: &'a DevProvider) -> Self {
        Self { provider, cookie: None }
    }

    /// An authorization request; `changes` replace parameters, an empty value removes one.
    pub(crate) fn authorize(&self, changes: &[(&str, &str)]) -> Answer {
        let target = format!("/realms/acme/protocol/openid-connect/auth?{}", query(changes));
        self.get(&target)
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        let cookie = self.cookie.clone().unwrap_or_default();
        send(self.provider.port(), "GET", target, &[("cookie", &cookie)], "").expect("an answer")
    }

    /// Fills in the login form.
    pub(crate) fn log_in(
        &mut self,
        name: &str,
        password: &str,
        changes: &[(&str, &str)],
    ) -> Answer {
        let page = self.authorize(changes);
        assert_eq!(page.status, 200, "the login form");
        let action = page.body.split_once("action=\"").expect("a form").1;
        let action = action.split('"').next().unwrap_or_default().replace("&amp;", "&");
        let form = format!("username={name}&password={password}");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer =
            send(self.provider.port(), "POST", &action, &headers, &form).expect("an answer");
        if let Some(cookie) = answer.header("set-cookie") {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        answer
    }

    /// Logs alice in and gives back the code.
    pub(crate) fn code(&mut self, changes: &[(&str, &str)]) -> String {
        let answer = match &self.cookie {
            Some(_) => self.authorize(changes),
            None => self.log_in("alice", "alice", changes),
        };
        assert_eq!(answer.status, 302);
        answer.parameters().remove("code").expect("a code")
    }
}

fn query(changes: &[(&str, &str)]) -> String {
    let mut all = BTreeMap::from([
        ("response_type", "code"),
        ("client_id", "APP-frontend"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "the-state"),
        ("nonce", "the-nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    all.extend(changes.iter().copied());
    let given = all.into_iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
}

/// A token request, authenticated by the secret in the form.
pub(crate) fn token(provider: &DevProvider, fields: &[(&str, &str)]) -> Option<Answer> {
    let secret = provider.options().client_secret.clone();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("client_id", "APP-frontend").append_pair("client_secret", &secret);
    let body = form.extend_pairs(fields).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(provider.port(), "POST", "/realms/acme/protocol/openid-connect/token", &headers, &body)
}

/// Redeems a code.
pub(crate) fn redeem(provider: &DevProvider, code: &str, verifier: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    token(provider, &fields).expect("an answer")
}

/// Redeems a refresh token.
pub(crate) fn refresh(provider: &DevProvider, refresh_token: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    token(provider, &fields).expect("an answer")
}

/// A member of an answer that is a string.
pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is missing")).to_owned()
}

/// The claims of a token, without looking at its signature.
pub(crate) fn claims(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode_claims(token).expect("a token")
}
