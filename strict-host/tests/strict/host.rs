//! Calls as the scripted provider reads them.

use std::collections::BTreeMap;

use oidc_gate::gate::CallId;
use oidc_gate::http::Form;
use oidc_gate_strict_host::Call;

/// Which of the provider's endpoints a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    Discovery,
    Keys,
    Token,
}

/// A call that the gate sent.
#[derive(Clone)]
pub(crate) struct Sent {
    #[allow(dead_code, reason = "the provider of tests/flows does not ask for it")]
    pub(crate) id: CallId,
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: BTreeMap<String, String>,
    /// The form in its body.
    pub(crate) form: BTreeMap<String, String>,
}

impl Sent {
    pub(crate) fn of(call: &Call) -> Self {
        let endpoint = match call.headers[":path"].as_str() {
            "/realms/acme/.well-known/openid-configuration" => Endpoint::Discovery,
            "/realms/acme/certs" => Endpoint::Keys,
            "/realms/acme/token" => Endpoint::Token,
            other => panic!("a call to {other}"),
        };
        let form = Form::parse(&call.body).unwrap();
        let names = [
            "grant_type",
            "code",
            "redirect_uri",
            "code_verifier",
            "refresh_token",
            "client_id",
            "client_secret",
        ];
        let value =
            |name: &str| form.once(name).unwrap().map(|value| (name.to_owned(), value.to_owned()));
        Self {
            id: CallId(call.number),
            endpoint,
            headers: call.headers.clone(),
            form: names.iter().filter_map(|name| value(name)).collect(),
        }
    }
}
