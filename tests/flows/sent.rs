//! A call of the gate's, as the scripted provider reads it.

use std::collections::BTreeMap;

use oidc_gate::gate::CallId;
use oidc_gate::http::Form;

/// Which of the provider's endpoints a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    Discovery,
    Keys,
    Token,
    Introspection,
}

/// A call that the gate sent.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) id: CallId,
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: BTreeMap<String, String>,
    /// The form in its body.
    pub(crate) form: BTreeMap<String, String>,
}

impl Sent {
    /// The call with this number.
    pub(crate) fn new(id: CallId, headers: BTreeMap<String, String>, body: &[u8]) -> Self {
        let endpoint = match headers[":path"].as_str() {
            "/realms/acme/.well-known/openid-configuration" => Endpoint::Discovery,
            "/realms/acme/certs" => Endpoint::Keys,
            "/realms/acme/token" => Endpoint::Token,
            "/realms/acme/introspect" => Endpoint::Introspection,
            other => panic!("a call to {other}"),
        };
        Self { id, endpoint, headers, form: form(body) }
    }
}

/// The parameters that the gate ever sends, each at most once.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let form = Form::parse(body).unwrap();
    let names = [
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "client_id",
        "client_secret",
        "scope",
        "subject_token",
        "subject_token_type",
        "requested_token_type",
        "audience",
        "resource",
        "token",
        "token_type_hint",
    ];
    let value =
        |name: &str| form.once(name).unwrap().map(|value| (name.to_owned(), value.to_owned()));
    names.iter().filter_map(|name| value(name)).collect()
}
