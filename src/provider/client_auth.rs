//! How the gate authenticates at the token and introspection endpoints (RFC 6749 section 2.3,
//! OIDC Core 9, RFC 7662 section 2.1).
//!
//! One method per request (RFC 6749 section 2.3): with a Basic header, the form names neither
//! the client nor its secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::call::HttpCall;
use super::discovery::Metadata;
use crate::config::{self, Client, ClientAuthentication};
use crate::http::{Url, form};

/// A form for `endpoint`, as the client.
pub(super) fn client_call(
    provider: &config::Provider,
    client: &Client,
    endpoint: &Url,
    parameters: &[(&str, &str)],
) -> HttpCall {
    let Credentials { authorization, parameters: more } = Credentials::of(client);
    let form = form::encode(&[parameters, &more].concat());
    let call = HttpCall::post_form(provider, endpoint, form);
    match authorization {
        Some(value) => call.with_header("authorization", value),
        None => call,
    }
}

/// What a request must carry to come from the client.
struct Credentials<'a> {
    /// The value of `authorization`.
    authorization: Option<String>,
    /// More parameters of the form.
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Credentials<'a> {
    /// The credentials of `client` by its method.
    fn of(client: &'a Client) -> Self {
        let id = ("client_id", client.client_id.as_str());
        match &client.authentication {
            ClientAuthentication::SecretBasic(secret) => Self {
                authorization: Some(basic(&client.client_id, secret.expose())),
                parameters: Vec::new(),
            },
            ClientAuthentication::SecretPost(secret) => Self {
                authorization: None,
                parameters: vec![id, ("client_secret", secret.expose())],
            },
            ClientAuthentication::None => Self { authorization: None, parameters: vec![id] },
        }
    }
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined by `:`, so
/// that a colon or a letter beyond ASCII in either is still read as it was meant.
fn basic(id: &str, secret: &str) -> String {
    let secret = Zeroizing::new(form::component(secret));
    let pair = Zeroizing::new(format!("{}:{}", form::component(id), secret.as_str()));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}

const fn method(authentication: &ClientAuthentication) -> &'static str {
    match authentication {
        ClientAuthentication::SecretBasic(_) => "client_secret_basic",
        ClientAuthentication::SecretPost(_) => "client_secret_post",
        ClientAuthentication::None => "none",
    }
}

/// A warning where the provider lists the methods of its token endpoint and the client's is
/// not among them. No error: such lists are often wrong, the endpoint itself decides.
#[must_use]
pub fn unsupported_method(metadata: &Metadata, client: &Client) -> Option<String> {
    let methods = metadata.token_endpoint_auth_methods.as_ref()?;
    let ours = method(&client.authentication);
    if methods.iter().any(|method| method == ours) {
        return None;
    }
    Some(format!(
        "client.token_endpoint_auth_method is `{ours}`, but the provider's token_endpoint_auth_methods_supported are [{}]; hint: use one of them if logins fail",
        methods.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::crypto::Secret;

    const SECRET: &str = ":+/ é%";

    fn client(authentication: fn(Secret) -> ClientAuthentication) -> Client {
        Client {
            authentication: authentication(Secret::new(SECRET.to_owned())),
            ..fixture::client()
        }
    }

    #[test]
    fn a_basic_secret_is_form_encoded_before_base64() {
        let client =
            Client { client_id: "a:b c".to_owned(), ..client(ClientAuthentication::SecretBasic) };
        let credentials = Credentials::of(&client);
        let header = credentials.authorization.unwrap();
        let decoded = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(decoded, b"a%3Ab+c:%3A%2B%2F+%C3%A9%25");
        assert!(credentials.parameters.is_empty());
    }

    #[test]
    fn a_posted_secret_stands_in_the_form_only() {
        let client = client(ClientAuthentication::SecretPost);
        let credentials = Credentials::of(&client);
        assert!(credentials.authorization.is_none());
        let form = form::encode(&credentials.parameters);
        assert_eq!(form, "client_id=APP-frontend&client_secret=%3A%2B%2F+%C3%A9%25");
    }

    #[test]
    fn a_public_client_sends_its_id_alone() {
        let client = client(|_| ClientAuthentication::None);
        let credentials = Credentials::of(&client);
        assert!(credentials.authorization.is_none());
        assert_eq!(credentials.parameters, [("client_id", "APP-frontend")]);
    }

    #[test]
    fn a_method_that_the_provider_does_not_list_is_worth_a_warning() {
        let mut metadata = fixture::metadata();
        let client = client(ClientAuthentication::SecretBasic);
        assert_eq!(unsupported_method(&metadata, &client), None);
        let list = |methods: &[&str]| Some(methods.iter().map(|&text| text.to_owned()).collect());
        metadata.token_endpoint_auth_methods = list(&["none", "client_secret_basic"]);
        assert_eq!(unsupported_method(&metadata, &client), None);
        metadata.token_endpoint_auth_methods = list(&["private_key_jwt", "none"]);
        let warning = unsupported_method(&metadata, &client).unwrap();
        assert!(warning.contains("`client_secret_basic`"), "{warning}");
        assert!(warning.contains("[private_key_jwt, none]"), "{warning}");
        assert!(!warning.contains(SECRET));
    }
}
