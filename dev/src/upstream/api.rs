//! An API that does what every API behind the gate should do: it verifies the bearer token itself (RFC 6750, RFC 9068
//! section 4), and looks most of all at the audience.
//!
//! It uses another library than the gate, `jsonwebtoken`, so a mistake of one shows at the other.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::keys::Keys;
use super::{Received, Verification, echo};
use crate::server::Reply;
use crate::words::escape;

/// How much of a token is shown: enough to tell two apart, too little to use.
const SHOWN: usize = 12;

/// An API that expects tokens for one audience.
pub(super) struct Api {
    name: String,
    rules: Verification,
    keys: Keys,
}

/// Why a request is not answered.
enum Refusal {
    NoToken,
    /// A sentence.
    Token(String),
    /// The keys could not be had: neither right nor wrong is known.
    NoKeys(String),
}

impl Api {
    /// An API of that name.
    pub(super) fn new(name: String, rules: Verification) -> Self {
        let keys = Keys::at(rules.jwks_uri.clone());
        Self { name, rules, keys }
    }

    /// What it received and what the token says, or why it refuses.
    pub(super) async fn answer(&self, received: &Received) -> Reply {
        match self.verify(received).await {
            Ok(claims) => {
                let mut seen = received.clone();
                seen.headers.iter_mut().for_each(|(name, value)| shorten(name, value));
                let mut answer = echo::described(&self.name, &seen);
                answer["audience"] = self.rules.audience.as_deref().into();
                answer["claims"] = claims;
                Reply::json(200, &answer).with("cache-control", "no-store")
            }
            Err(refusal) => self.refuse(received, &refusal),
        }
    }

    async fn verify(&self, received: &Received) -> Result<Value, Refusal> {
        let token = received.bearer().ok_or(Refusal::NoToken)?;
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| Refusal::Token("The bearer token is not a signed token.".into()))?;
        // The provider's keys are public: HMAC with one of them would let anybody sign.
        if matches!(header.alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
            return Err(Refusal::Token("The token is signed with a shared secret.".into()));
        }
        let kid = header.kid.unwrap_or_default();
        let key = self.keys.named(&kid).await.map_err(|why| Refusal::NoKeys(why.to_string()))?;
        let key = key.and_then(|key| DecodingKey::from_jwk(&key).ok());
        let key =
            key.ok_or_else(|| Refusal::Token("The token names no key of the provider.".into()))?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.rules.issuer]);
        match &self.rules.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            }
            None => {
                validation.validate_aud = false;
                validation.set_required_spec_claims(&["exp", "iss"]);
            }
        }
        validation.validate_nbf = true;
        jsonwebtoken::decode::<Value>(token, &key, &validation)
            .map(|token| token.claims)
            .map_err(|error| Refusal::Token(self.sentence(error.kind(), token)))
    }

    /// Whom its tokens must be for, for people.
    fn audience(&self) -> &str {
        self.rules.audience.as_deref().unwrap_or("anybody")
    }

    /// Why a token is refused, with what was found. The claims are shown to whoever brought the token: he has them.
    fn sentence(&self, error: &ErrorKind, token: &str) -> String {
        let claims: Value =
            jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap_or_default();
        match error {
            ErrorKind::InvalidAudience => format!(
                "The access token is for {}, and not for {}, which this service is.",
                listed(&claims["aud"]),
                self.audience()
            ),
            ErrorKind::InvalidIssuer => format!(
                "The token was issued by {}, expected {}.",
                listed(&claims["iss"]),
                self.rules.issuer
            ),
            ErrorKind::ExpiredSignature => "The token has expired.".into(),
            ErrorKind::InvalidSignature => "The token's signature is wrong.".into(),
            other => format!("The token is refused: {other:?}."),
        }
    }

    fn refuse(&self, received: &Received, refusal: &Refusal) -> Reply {
        let (status, title, detail, challenge) = match refusal {
            // RFC 6750 section 3.1: no error code where no token was sent.
            Refusal::NoToken => (
                401,
                "Sign in first",
                "The request carries no bearer token.".into(),
                "Bearer".into(),
            ),
            Refusal::Token(why) => {
                let described = why.replace(['"', '\\'], "'");
                let challenge =
                    format!("Bearer error=\"invalid_token\", error_description=\"{described}\"");
                (401, "This token is not accepted here", why.clone(), challenge)
            }
            Refusal::NoKeys(why) => {
                (503, "The token cannot be verified now", why.clone(), String::new())
            }
        };
        let page_load =
            received.header("accept").is_some_and(|accept| accept.contains("text/html"));
        let reply = if page_load {
            Reply::page(status, page(&self.name, title, &detail, self.audience()))
        } else {
            let problem = json!({
                "title": title,
                "status": status,
                "detail": detail,
                "service": self.name,
                "audience": self.rules.audience,
            });
            Reply::new(status, "application/problem+json", problem.to_string())
                .with("cache-control", "no-store")
        };
        match challenge.as_str() {
            "" => reply.with("retry-after", "5"),
            challenge => reply.with("www-authenticate", challenge),
        }
    }
}

/// Names in an `aud` or `iss`, for people: at most 200 characters of it, and none that end a header.
fn listed(value: &Value) -> String {
    let names = match value {
        Value::String(one) => one.clone(),
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    };
    let clean: String = names.chars().filter(|c| matches!(c, ' '..='~')).take(200).collect();
    if clean.is_empty() { "nobody in particular".into() } else { clean }
}

/// Cuts what may hold a token or a cookie.
fn shorten(name: &str, value: &mut String) {
    if name == "authorization" || name == "cookie" {
        let scheme = if name == "authorization" { "Bearer ".len() } else { 0 };
        let kept: String = value.chars().take(scheme + SHOWN).collect();
        if kept.len() < value.len() {
            *value = format!("{kept}... ({} characters in all)", value.len());
        }
    }
}

fn page(service: &str, title: &str, detail: &str, audience: &str) -> String {
    let [service, title, detail, audience] = [service, title, detail, audience].map(escape);
    include_str!("refusal.html")
        .replace("{service}", &service)
        .replace("{title}", &title)
        .replace("{detail}", &detail)
        .replace("{audience}", &audience)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown_whole() {
        let mut value = format!("Bearer {}", "t".repeat(900));
        shorten("authorization", &mut value);
        assert_eq!(value, "Bearer tttttttttttt... (907 characters in all)");
    }

    #[test]
    fn an_audience_cannot_write_headers() {
        assert_eq!(listed(&json!(["a\r\nset-cookie: x", "b"])), "aset-cookie: x, b");
        assert_eq!(listed(&json!(7)), "nobody in particular");
    }
}
