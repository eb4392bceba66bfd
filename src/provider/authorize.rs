//! The URLs that a browser is sent to, and the issuer that answers it.
//!
//! RFC 6749 section 4.1.1, OIDC Core 3.1.2.1, RFC 7636 section 4.3 (PKCE), RP-Initiated
//! Logout 1.0 section 2, RFC 9207 section 2.4.

use super::answer::printable;
use super::discovery::Metadata;
use crate::config::{Acquire, Client, Issuer};
use crate::crypto::Secret;
use crate::crypto::digest::sha256;
use crate::wire::base64url;

/// A longer hint is left out: servers commonly take request lines of 8 KiB, and a logout with
/// a question is better than one with status 414.
const LONGEST_HINT: usize = 6 * 1024;

/// What differs from login to login.
#[derive(Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// The callback at the origin that the browser uses.
    pub redirect_uri: &'a str,
    /// Random, bound to the browser.
    pub state: &'a str,
    /// Random, comes back in the ID token.
    pub nonce: &'a str,
    /// See [`code_challenge`].
    pub code_challenge: &'a str,
    /// What a rule asks for beside a session; `None`: the session itself.
    pub acquire: Option<&'a Acquire>,
}

/// Where the browser is sent to log in, with the client's `authorization_parameters`; the
/// endpoint's own query stays (RFC 6749 section 3.1).
///
/// `None` where the authorization endpoint is not known.
#[must_use]
pub fn authorization_url(
    metadata: &Metadata,
    client: &Client,
    request: &AuthorizationRequest<'_>,
) -> Option<String> {
    let endpoint = metadata.authorization_endpoint.as_ref()?;
    let scope = request.acquire.map_or_else(|| client.scope.join(" "), scope_of);
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", client.client_id.as_str()),
        ("redirect_uri", request.redirect_uri),
        ("scope", scope.as_str()),
        ("state", request.state),
        ("nonce", request.nonce),
        ("code_challenge", request.code_challenge),
        ("code_challenge_method", "S256"),
    ];
    let more = client.authorization_parameters.iter();
    let more = more.map(|(name, value)| (name.as_str(), value.as_str()));
    match request.acquire {
        None => parameters.extend(more),
        // What the session is for is not what the rule's token is for.
        Some(acquire) => {
            parameters.extend(more.filter(|(name, _)| !matches!(*name, "audience" | "resource")));
            parameters.extend(acquire.audience.iter().map(|name| ("audience", name.as_str())));
            parameters.extend(acquire.resource.iter().map(|name| ("resource", name.as_str())));
        }
    }
    Some(endpoint.with_query(&parameters))
}

/// What a rule asks for, and `openid`: its ID token says whether the same user is signed in there.
fn scope_of(acquire: &Acquire) -> String {
    let own = acquire.scope.iter().map(String::as_str).filter(|scope| *scope != "openid");
    std::iter::once("openid").chain(own).collect::<Vec<_>>().join(" ")
}

/// The challenge to `verifier` by method S256 (RFC 7636 section 4.2); there is no other.
#[must_use]
pub fn code_challenge(verifier: &Secret) -> String {
    base64url::encode(&sha256(verifier.expose().as_bytes()))
}

/// Where the browser is sent to log out (RP-Initiated Logout 1.0 section 2). With the hint
/// the provider need not ask the user; one that is too long for a URL is left out.
///
/// `None` where the provider has no such endpoint.
#[must_use]
pub fn end_session_url(
    metadata: &Metadata,
    client: &Client,
    id_token_hint: Option<&Secret>,
    post_logout_redirect_uri: &str,
) -> Option<String> {
    let endpoint = metadata.end_session_endpoint.as_ref()?;
    let hint = id_token_hint.map(Secret::expose).filter(|hint| hint.len() <= LONGEST_HINT);
    let mut parameters = Vec::from_iter(hint.map(|hint| ("id_token_hint", hint)));
    parameters.push(("client_id", client.client_id.as_str()));
    parameters.push(("post_logout_redirect_uri", post_logout_redirect_uri));
    Some(endpoint.with_query(&parameters))
}

/// The answer at the callback is another provider's, or does not say whose it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected iss `{expected}` in the authorization response, found {}", shown(found.as_deref()))]
pub struct IssuerMismatch {
    /// The configured issuer.
    pub expected: String,
    /// The response's `iss`, printable and cut; `None` where it is missing though advertised.
    pub found: Option<String>,
}

fn shown(found: Option<&str>) -> String {
    found.map_or_else(|| "none".to_owned(), |found| format!("`{found}`"))
}

/// Checks `iss` of an authorization response, of errors too, by simple string comparison
/// (RFC 9207 section 2.4): a mix-up of providers ends here. It must be there where the
/// provider advertises it, and be right wherever it is there.
///
/// # Errors
/// [`IssuerMismatch`]: the response must not be used.
pub fn response_issuer(
    metadata: &Metadata,
    issuer: &Issuer,
    iss: Option<&str>,
) -> Result<(), IssuerMismatch> {
    match iss {
        Some(iss) if issuer.is_exactly(iss) => Ok(()),
        None if !metadata.iss_parameter_supported => Ok(()),
        found => Err(IssuerMismatch {
            expected: issuer.as_str().to_owned(),
            found: found.map(printable),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    const REQUEST: AuthorizationRequest<'static> = AuthorizationRequest {
        redirect_uri: "https://app.example/oauth2/callback",
        state: "st",
        nonce: "no",
        code_challenge: "ch",
        acquire: None,
    };

    #[test]
    fn the_authorization_url_has_every_parameter_once() {
        let url = authorization_url(&fixture::metadata(), &fixture::client(), &REQUEST).unwrap();
        assert_eq!(
            url,
            "https://op.example/realms/acme/auth?response_type=code&client_id=APP-frontend\
             &redirect_uri=https%3A%2F%2Fapp.example%2Foauth2%2Fcallback&scope=openid\
             &state=st&nonce=no&code_challenge=ch&code_challenge_method=S256"
        );
    }

    #[test]
    fn the_endpoints_own_query_stays_and_lists_become_repeated_parameters() {
        let mut metadata = fixture::metadata();
        metadata.authorization_endpoint = Some(fixture::url("https://op.example/a?tenant=1"));
        let mut client = fixture::client();
        client.scope.push("good service".to_owned());
        client.authorization_parameters = ["https://a", "https://b?x=1&y"]
            .map(|value| ("resource".to_owned(), value.to_owned()))
            .to_vec();
        let url = authorization_url(&metadata, &client, &REQUEST).unwrap();
        assert!(url.starts_with("https://op.example/a?tenant=1&response_type=code&"), "{url}");
        assert!(url.contains("&scope=openid+good+service&"), "{url}");
        let end = "&resource=https%3A%2F%2Fa&resource=https%3A%2F%2Fb%3Fx%3D1%26y";
        assert!(url.ends_with(end), "{url}");
    }

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        assert_eq!(code_challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn logout_names_the_session_the_client_and_the_way_back() {
        let metadata = fixture::metadata();
        let end = |hint: Option<&str>| {
            let hint = hint.map(|hint| Secret::new(hint.to_owned()));
            end_session_url(&metadata, &fixture::client(), hint.as_ref(), "https://app.example/")
        };
        let rest = "client_id=APP-frontend&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F";
        let at = "https://op.example/realms/acme/logout";
        assert_eq!(end(Some("a.b.c")).unwrap(), format!("{at}?id_token_hint=a.b.c&{rest}"));
        assert_eq!(end(None).unwrap(), format!("{at}?{rest}"));
        assert_eq!(end(Some(&"x".repeat(7_000))).unwrap(), format!("{at}?{rest}"));
    }

    #[test]
    fn without_endpoints_there_are_no_urls() {
        let mut metadata = fixture::metadata();
        metadata.authorization_endpoint = None;
        metadata.end_session_endpoint = None;
        assert_eq!(authorization_url(&metadata, &fixture::client(), &REQUEST), None);
        assert_eq!(end_session_url(&metadata, &fixture::client(), None, "https://x/"), None);
    }

    #[test]
    fn the_response_of_another_issuer_is_refused() {
        let mut metadata = fixture::metadata();
        let issuer = fixture::provider().issuer;
        let check = |metadata: &Metadata, iss| response_issuer(metadata, &issuer, iss);
        for supported in [true, false] {
            metadata.iss_parameter_supported = supported;
            assert_eq!(check(&metadata, Some(issuer.as_str())), Ok(()));
            for other in ["https://evil.example", "https://op.example/realms/acme/", ""] {
                assert!(check(&metadata, Some(other)).is_err(), "{other}");
            }
            assert_eq!(check(&metadata, None).is_ok(), !supported);
        }
        let message = check(&metadata, Some("x\r\ny")).unwrap_err().to_string();
        assert!(message.contains(issuer.as_str()) && message.contains("`x??y`"), "{message}");
    }
}
