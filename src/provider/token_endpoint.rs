//! The token endpoint: a code or a refresh token goes out, tokens or an error come in.
//!
//! RFC 6749 sections 4.1.3, 5.1, 5.2 and 6, RFC 7636 section 4.5, OIDC Core 3.1.3. What comes
//! in is only told apart here; whether a token is worth anything is for its own rules to say.
//! `expires_in` is not read: a token's own `exp` decides. No message quotes a body, but for
//! an OAuth error, which is made to be shown (section 5.2), and even of that nothing that is
//! as long as a token.

use super::answer::{Answer, LONGEST_BODY, printable};
use super::call::HttpCall;
use super::client_auth::client_call;
use super::discovery::Metadata;
use crate::config::{self, Acquire, Client};
use crate::crypto::Secret;
use crate::wire::Json;

/// What is exchanged, and for what (RFC 8693 section 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The longest token that is taken.
const LONGEST_TOKEN: usize = 64 * 1024;
/// A longer word in an error's description may be a token, a code or a secret.
const LONGEST_WORD: usize = 40;

/// The call that exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5);
/// `redirect_uri` is the one of the authorization request.
///
/// `None` where the token endpoint is not known.
#[must_use]
pub fn code_call(
    provider: &config::Provider,
    client: &Client,
    metadata: &Metadata,
    code: &Secret,
    verifier: &Secret,
    redirect_uri: &str,
) -> Option<HttpCall> {
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier.expose()),
    ];
    token_call(provider, client, metadata, &grant)
}

/// The call that refreshes tokens (RFC 6749 section 6); the scope stays what it was.
///
/// `None` where the token endpoint is not known.
#[must_use]
pub fn refresh_call(
    provider: &config::Provider,
    client: &Client,
    metadata: &Metadata,
    refresh_token: &Secret,
) -> Option<HttpCall> {
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
    token_call(provider, client, metadata, &grant)
}

/// The call that has a narrower access token for a refresh token (RFC 6749 section 6: `scope`
/// must be part of what was granted; RFC 8707 section 2.2: `resource`).
///
/// `None` where the token endpoint is not known.
#[must_use]
pub fn narrow_call(
    provider: &config::Provider,
    client: &Client,
    metadata: &Metadata,
    refresh_token: &Secret,
    acquire: &Acquire,
) -> Option<HttpCall> {
    let scope = acquire.scope.join(" ");
    let mut grant =
        vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
    grant.extend(acquire.resource.iter().map(|name| ("resource", name.as_str())));
    if !scope.is_empty() {
        grant.push(("scope", &scope));
    }
    token_call(provider, client, metadata, &grant)
}

/// The call that exchanges an access token for another one (RFC 8693 section 2.1).
///
/// `None` where the token endpoint is not known.
#[must_use]
pub fn exchange_call(
    provider: &config::Provider,
    client: &Client,
    metadata: &Metadata,
    subject_token: &Secret,
    acquire: &Acquire,
) -> Option<HttpCall> {
    let scope = acquire.scope.join(" ");
    let mut grant = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", subject_token.expose()),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", ACCESS_TOKEN),
    ];
    grant.extend(acquire.audience.iter().map(|name| ("audience", name.as_str())));
    grant.extend(acquire.resource.iter().map(|name| ("resource", name.as_str())));
    if !scope.is_empty() {
        grant.push(("scope", &scope));
    }
    token_call(provider, client, metadata, &grant)
}

fn token_call(
    provider: &config::Provider,
    client: &Client,
    metadata: &Metadata,
    grant: &[(&str, &str)],
) -> Option<HttpCall> {
    let endpoint = metadata.token_endpoint.as_ref()?;
    Some(client_call(provider, client, endpoint, grant))
}

/// The tokens of an answer (RFC 6749 section 5.1), none of them verified yet; each is visible
/// ASCII, not empty and at most 64 KiB long. At least one of the first two is there.
#[derive(Debug)]
pub struct TokenAnswer {
    /// `access_token`
    pub access_token: Option<Secret>,
    /// `id_token`
    pub id_token: Option<Secret>,
    /// `refresh_token`
    pub refresh_token: Option<Secret>,
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The provider refuses (RFC 6749 section 5.2).
    #[error("the token endpoint refused: {error}{}{}", described(.description.as_deref()), advice(error))]
    Refused {
        /// `error`, printable and cut.
        error: String,
        /// `error_description`, printable and cut.
        description: Option<String>,
    },
    /// No answer, or one that says nothing about the grant: it may be tried again.
    #[error(
        "the token endpoint is unavailable: expected status 200, found {}; hint: check that the cluster reaches the provider and that the provider is up",
        status_or_nothing(*status)
    )]
    Unavailable {
        /// The status; `None` where there was no answer.
        status: Option<u16>,
    },
    /// An answer that the protocol does not know.
    #[error("the token endpoint answered nonsense: {0}")]
    Nonsense(String),
}

impl TokenError {
    /// Whether the provider says that the code or refresh token is worth nothing any more
    /// (RFC 6749 section 5.2). With another status than 400 and 401 that is [`Self::Nonsense`]:
    /// no session ends by it.
    #[must_use]
    pub fn invalid_grant(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "invalid_grant")
    }
}

fn described(description: Option<&str>) -> String {
    description.map_or_else(String::new, |text| format!(" ({text})"))
}

fn advice(error: &str) -> &'static str {
    match error {
        "invalid_client" | "unauthorized_client" => {
            "; hint: compare client.client_id, client.client_secret and client.token_endpoint_auth_method with the client at the provider"
        }
        "invalid_scope" => {
            "; hint: compare the scope that was asked for with the scopes of the client at the provider"
        }
        _ => "",
    }
}

fn status_or_nothing(status: Option<u16>) -> String {
    status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

/// Tells an answer of the token endpoint apart.
///
/// # Errors
/// [`TokenError`]. Unavailable: no answer, 3xx, 429, 5xx (the host's own 503 and 504 among
/// them). Refused: another 4xx with an OAuth error. Nonsense: whatever else is not 200 with a
/// JSON object whose `token_type` is Bearer.
pub fn token_answer(answer: &Answer<'_>) -> Result<TokenAnswer, TokenError> {
    match answer.status {
        Some(200) => granted(answer),
        None | Some(300..=399 | 429 | 500..=599) => {
            Err(TokenError::Unavailable { status: answer.status })
        }
        Some(status @ 400..=499) => Err(refused(status, answer.body)),
        Some(status) => Err(nonsense(format!("expected status 200, found {status}"))),
    }
}

fn granted(answer: &Answer<'_>) -> Result<TokenAnswer, TokenError> {
    let json = answer.object().map_err(|fault| nonsense(fault.to_string()))?;
    check_token_type(json.get("token_type"))?;
    let Json::Object(members) = json else { return Err(nonsense("no JSON object".to_owned())) };
    let mut tokens = TokenAnswer { access_token: None, id_token: None, refresh_token: None };
    for (name, value) in members {
        match name.as_str() {
            "access_token" => tokens.access_token = token("access_token", value)?,
            "id_token" => tokens.id_token = token("id_token", value)?,
            "issued_token_type" => check_issued_type(&value)?,
            "refresh_token" => tokens.refresh_token = token("refresh_token", value)?,
            _ => {}
        }
    }
    if tokens.access_token.is_none() && tokens.id_token.is_none() {
        return Err(nonsense("neither access_token nor id_token is there".to_owned()));
    }
    Ok(tokens)
}

/// RFC 8693 section 2.2.1: an answer to an exchange says what it is. Section 3: an access token
/// that is a JWT may be called either; what it is good for its own rules say.
fn check_issued_type(found: &Json) -> Result<(), TokenError> {
    match found.as_str() {
        Some(ACCESS_TOKEN | "urn:ietf:params:oauth:token-type:jwt") => Ok(()),
        _ => Err(nonsense("issued_token_type: expected that of an access token".to_owned())),
    }
}

/// RFC 6749 section 7.1: a token of a type that is not understood must not be used.
fn check_token_type(found: Option<&Json>) -> Result<(), TokenError> {
    let expected = "expected token_type Bearer, found";
    match found {
        None => Err(nonsense(format!("{expected} none"))),
        Some(Json::String(text)) if text.eq_ignore_ascii_case("bearer") => Ok(()),
        Some(Json::String(text)) if text.eq_ignore_ascii_case("dpop") => Err(nonsense(format!(
            "{expected} DPoP; hint: turn bound access tokens off for this client at the provider"
        ))),
        Some(Json::String(_)) => Err(nonsense(format!("{expected} another type"))),
        Some(other) => Err(nonsense(format!("{expected} {}", other.kind()))),
    }
}

/// A token; `null` says the same as leaving it out.
fn token(name: &str, value: Json) -> Result<Option<Secret>, TokenError> {
    let text = match value {
        Json::Null => return Ok(None),
        Json::String(text) => Secret::new(text),
        other => {
            return Err(nonsense(format!("{name}: expected a string, found {}", other.kind())));
        }
    };
    let bytes = text.expose().as_bytes();
    let wrong = if bytes.is_empty() {
        "an empty one"
    } else if bytes.len() > LONGEST_TOKEN {
        "one of more than 64 KiB"
    } else if !bytes.iter().all(u8::is_ascii_graphic) {
        "one with characters that no token has"
    } else {
        return Ok(Some(text));
    };
    Err(nonsense(format!("{name}: expected a token, found {wrong}")))
}

fn refused(status: u16, body: &[u8]) -> TokenError {
    let json = Json::parse(body, LONGEST_BODY).ok();
    let text = |name: &str| {
        let text = json.as_ref()?.get(name)?.as_str().map(shown)?;
        Some(text).filter(|text| !text.is_empty())
    };
    match text("error") {
        Some(error) if error == "invalid_grant" && !matches!(status, 400 | 401) => {
            nonsense(format!("expected status 400 with invalid_grant, found {status}"))
        }
        Some(error) => TokenError::Refused { error, description: text("error_description") },
        None => nonsense(format!(
            "expected an OAuth error with status {status}, found something else; hint: check that token_endpoint is the provider's"
        )),
    }
}

fn nonsense(what: String) -> TokenError {
    TokenError::Nonsense(what)
}

/// The characters that RFC 6749 section 5.2 allows in an error, at most 200 of them, without
/// the words that are long enough to be a token.
fn shown(text: &str) -> String {
    let legal = |char: &char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\');
    let legal: String = text.chars().filter(legal).collect();
    let of_token = |char: char| char.is_ascii_alphanumeric() || "-._~+/=".contains(char);
    let words = legal.split_inclusive(|char| !of_token(char));
    let words = words.map(|word| if word.len() > LONGEST_WORD { "[..] " } else { word });
    printable(words.collect::<String>().trim())
}

#[cfg(test)]
#[path = "token_endpoint_tests.rs"]
mod tests;
