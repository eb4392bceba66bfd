//! The provider's metadata (OIDC Discovery 1.0 sections 3 and 4, RFC 8414 section 2).
//!
//! A document counts only where its issuer is the configured one byte for byte (4.3), else
//! whoever answers could name endpoints of its own. Members that the operator sets override
//! the document's, which are then not even looked at; unknown members are ignored.

use super::answer::{Answer, printable};
use super::error::Fault;
use crate::config;
use crate::http::{Scheme, Url};
use crate::wire::Json;

/// The most that is kept of a list, and of each text in it.
const MOST_METHODS: usize = 64;
const LONGEST_METHOD: usize = 64;

/// The longest endpoint URL that is taken from a document.
const LONGEST_URL: usize = 2_048;

/// What is known about the provider's endpoints.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// Where browsers are sent to log in; `Some` where the gate logs in.
    pub authorization_endpoint: Option<Url>,
    /// Where codes and refresh tokens are exchanged; `Some` where the gate logs in.
    pub token_endpoint: Option<Url>,
    /// Where the keys are.
    pub jwks_uri: Url,
    /// Where the provider is asked about tokens; `Some` where they are opaque.
    pub introspection_endpoint: Option<Url>,
    /// Where browsers are sent to log out, where there is such a place.
    pub end_session_endpoint: Option<Url>,
    /// Whether every authorization response carries `iss` (RFC 9207 section 3).
    pub iss_parameter_supported: bool,
    /// `token_endpoint_auth_methods_supported`, where the provider says it; for a warning.
    pub token_endpoint_auth_methods: Option<Vec<String>>,
}

impl Metadata {
    /// Where the document of `provider` is (Discovery 4): the issuer, without a trailing
    /// slash, and `/.well-known/openid-configuration`.
    pub(super) fn url(provider: &config::Provider) -> Option<Url> {
        let issuer = provider.issuer.as_str();
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        Url::parse(&format!("{issuer}/.well-known/openid-configuration")).ok()
    }

    /// Reads the answer to a discovery call.
    ///
    /// # Errors
    /// [`Fault`]: no answer, no JSON object, another issuer (Discovery 4.3), a member that is
    /// missing or wrong, an endpoint without TLS of an issuer with TLS, PKCE without S256.
    pub(super) fn read(
        answer: &Answer<'_>,
        provider: &config::Provider,
        needs_login: bool,
    ) -> Result<Self, Fault> {
        answer.ok()?;
        let document = Document { json: answer.object()?, tls: is_https(provider) };
        document.check_issuer(&provider.issuer)?;
        document.metadata(provider, needs_login)
    }

    /// The metadata where all of it is configured (`provider.discovery: false`).
    ///
    /// # Errors
    /// [`Fault::Missing`]; the configuration does not allow that to happen.
    pub(super) fn fixed(provider: &config::Provider, needs_login: bool) -> Result<Self, Fault> {
        let document = Document { json: Json::Object(Vec::new()), tls: is_https(provider) };
        document.metadata(provider, needs_login)
    }
}

/// Whether the issuer demands TLS of its endpoints; in doubt it does.
fn is_https(provider: &config::Provider) -> bool {
    !Url::parse(provider.issuer.as_str()).is_ok_and(|url| matches!(url.scheme(), Scheme::Http))
}

struct Document {
    json: Json,
    tls: bool,
}

impl Document {
    fn check_issuer(&self, expected: &config::Issuer) -> Result<(), Fault> {
        let member = "issuer";
        let found = self.json.get(member).ok_or(Fault::Missing { member })?;
        let found = found.as_str().ok_or_else(|| invalid(member, "a string", found))?;
        if expected.is_exactly(found) {
            return Ok(());
        }
        Err(Fault::Issuer { expected: expected.as_str().to_owned(), found: printable(found) })
    }

    /// What the gate uses of the document; what only a login needs is not looked at without one.
    fn metadata(&self, provider: &config::Provider, needs_login: bool) -> Result<Metadata, Fault> {
        let given = &provider.metadata;
        let jwks_uri = self.endpoint("jwks_uri", given.jwks_uri.as_ref())?;
        let mut metadata = Metadata {
            jwks_uri: jwks_uri.ok_or(Fault::Missing { member: "jwks_uri" })?,
            authorization_endpoint: None,
            token_endpoint: None,
            introspection_endpoint: None,
            end_session_endpoint: None,
            iss_parameter_supported: false,
            token_endpoint_auth_methods: None,
        };
        if provider.introspects {
            let introspection = given.introspection_endpoint.as_ref();
            metadata.introspection_endpoint =
                Some(self.needed_endpoint("introspection_endpoint", introspection)?);
        }
        if needs_login {
            self.check_pkce()?;
            let authorization = given.authorization_endpoint.as_ref();
            metadata.authorization_endpoint =
                Some(self.needed_endpoint("authorization_endpoint", authorization)?);
            metadata.token_endpoint =
                Some(self.needed_endpoint("token_endpoint", given.token_endpoint.as_ref())?);
            metadata.end_session_endpoint =
                self.endpoint("end_session_endpoint", given.end_session_endpoint.as_ref())?;
            metadata.iss_parameter_supported =
                self.iss_parameter(given.authorization_response_iss_parameter_supported)?;
            metadata.token_endpoint_auth_methods =
                self.texts("token_endpoint_auth_methods_supported")?;
        }
        Ok(metadata)
    }

    /// RFC 7636 section 4.2 and RFC 9700 section 2.1.1: where the provider lists its
    /// methods, S256 is among them. Where it lists none it may still know it, and it is sent.
    fn check_pkce(&self) -> Result<(), Fault> {
        match self.texts("code_challenge_methods_supported")? {
            Some(methods) if !methods.iter().any(|method| method == "S256") => {
                let found = methods.iter().map(|method| format!("`{method}`")).collect::<Vec<_>>();
                let found =
                    if found.is_empty() { "none".to_owned() } else { printable(&found.join(", ")) };
                Err(Fault::NoS256 { found })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn iss_parameter(&self, given: Option<bool>) -> Result<bool, Fault> {
        let member = "authorization_response_iss_parameter_supported";
        match (given, self.member(member)) {
            (Some(given), _) => Ok(given),
            (None, None) => Ok(false),
            (None, Some(found)) => {
                found.as_bool().ok_or_else(|| invalid(member, "a boolean", found))
            }
        }
    }

    fn needed_endpoint(&self, member: &'static str, given: Option<&Url>) -> Result<Url, Fault> {
        self.endpoint(member, given)?.ok_or(Fault::Missing { member })
    }

    /// The endpoint that is configured, else the document's.
    fn endpoint(&self, member: &'static str, given: Option<&Url>) -> Result<Option<Url>, Fault> {
        const EXPECTED: &str = "an absolute http(s) URL without user and fragment";
        if let Some(url) = given {
            return Ok(Some(url.clone()));
        }
        let Some(found) = self.member(member) else { return Ok(None) };
        let text = found.as_str().ok_or_else(|| invalid(member, EXPECTED, found))?;
        let quoted = || printable(text);
        let url = Some(text).filter(|text| text.len() <= LONGEST_URL).map(Url::parse);
        let Some(Ok(url)) = url else {
            let found = format!("`{}`", quoted());
            return Err(Fault::Invalid { member, expected: EXPECTED, found });
        };
        if self.tls && matches!(url.scheme(), Scheme::Http) {
            return Err(Fault::Plain { member, found: quoted() });
        }
        Ok(Some(url))
    }

    /// A list of names, bounded; `None` where it is absent.
    fn texts(&self, member: &'static str) -> Result<Option<Vec<String>>, Fault> {
        const EXPECTED: &str = "an array of strings";
        let Some(found) = self.member(member) else { return Ok(None) };
        let found = found.as_array().ok_or_else(|| invalid(member, EXPECTED, found))?;
        let mut texts = Vec::new();
        for value in found.iter().take(MOST_METHODS) {
            let text = value.as_str().ok_or_else(|| invalid(member, EXPECTED, value))?;
            if text.len() <= LONGEST_METHOD {
                texts.push(printable(text));
            }
        }
        Ok(Some(texts))
    }

    /// A member; `null` says the same as leaving it out.
    fn member(&self, name: &str) -> Option<&Json> {
        self.json.get(name).filter(|value| !matches!(value, Json::Null))
    }
}

fn invalid(member: &'static str, expected: &'static str, found: &Json) -> Fault {
    Fault::Invalid { member, expected, found: found.kind().to_owned() }
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
