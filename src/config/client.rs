//! `client`: who the gate is at the provider (RFC 7591 section 2, OIDC Core section 9).

use super::reader::{Node, Report, Section, shown};
use super::{secrets, tokens};
use crate::crypto::Secret;
use crate::wire::Json;

/// `client`: who the gate is at the provider, and what it asks for at login.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client.client_id`, required: as registered at the provider.
    pub client_id: String,
    /// `client.token_endpoint_auth_method`, default `client_secret_basic`, with
    /// `client.client_secret`: how the gate authenticates at the token endpoint, and at the
    /// introspection endpoint.
    pub authentication: ClientAuthentication,
    /// `client.scope`, default `[openid]`: asked for at login. Here `openid` is always there
    /// and first, and nothing stands twice.
    pub scope: Vec<String>,
    /// `client.authorization_parameters`, default `{}`: more parameters of the authorization
    /// request (`acr_values`, `ui_locales`, `resource`, ..), a list as one pair a member.
    pub authorization_parameters: Vec<(String, String)>,
}

impl Client {
    /// The values of an authorization parameter.
    pub(super) fn asks<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.authorization_parameters.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }
}

/// How a client authenticates at the token endpoint (OIDC Core section 9).
#[derive(Debug, Clone)]
pub enum ClientAuthentication {
    /// `client_secret_basic`: in an `Authorization: Basic` header (RFC 6749 section 2.3.1).
    SecretBasic(Secret),
    /// `client_secret_post`: in the form.
    SecretPost(Secret),
    /// `none`: a public client; PKCE alone (RFC 7636).
    None,
}

/// Parameters that the gate sets itself, or that belong to a request it does not make;
/// with what to write instead, where there is something.
const OWN_PARAMETERS: &[(&str, Option<&str>)] = &[
    ("client_id", Some("write `client.client_id`")),
    ("redirect_uri", Some("it is the origin with `endpoints.callback`")),
    ("response_type", None),
    ("response_mode", None),
    ("scope", Some("write `client.scope`")),
    ("state", None),
    ("nonce", None),
    ("code_challenge", None),
    ("code_challenge_method", None),
    ("request", None),
    ("request_uri", None),
    ("registration", None),
    ("id_token_hint", None),
    ("dpop_jkt", None),
    ("code", None),
    ("code_verifier", None),
    ("grant_type", None),
    ("client_secret", Some("write `client.client_secret`")),
    ("client_assertion", None),
    ("client_assertion_type", None),
];

/// What `client.token_endpoint_auth_method` may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    SecretBasic,
    SecretPost,
    None,
    /// Known, not supported yet.
    Later,
}

const METHODS: &[(&str, Method)] = &[
    ("client_secret_basic", Method::SecretBasic),
    ("client_secret_post", Method::SecretPost),
    ("none", Method::None),
    ("client_secret_jwt", Method::Later),
    ("private_key_jwt", Method::Later),
];

/// Reads `client`. Unless it is `used` nothing in it is required.
pub(super) fn read(root: &Section<'_>, used: bool, to: &mut Report<'_>) -> Option<Client> {
    let section = root.section("client", "client", to);
    let client_id = match used {
        true => section.required("client_id", "write it as registered at the provider", to),
        false => section.get("client_id"),
    };
    let client_id = match client_id {
        Some(node) => client_id_text(&node, to),
        None if used => None,
        None => Some(String::new()),
    };
    let authentication = authentication(&section, used, to);
    let scope = section.get("scope").map_or(Some(Vec::new()), |node| tokens::scope(&node, to));
    let authorization_parameters = match section.get("authorization_parameters") {
        Some(node) => parameters(&node, to),
        None => Some(Vec::new()),
    };
    section.only("pushed_authorization_requests", "off", &["auto", "required"], to);
    section.only("dpop", "off", &["auto", "required"], to);
    section.only_false("userinfo", to);

    let mut scope = scope?;
    scope.retain(|name| name != "openid");
    scope.insert(0, "openid".to_owned());
    Some(Client {
        client_id: client_id?,
        authentication: authentication?,
        scope,
        authorization_parameters: authorization_parameters?,
    })
}

/// RFC 7662 section 2.1: whoever asks about tokens must be known to the provider.
pub(super) fn warn_of_public_introspection(client: &Client, to: &mut Report<'_>) {
    if matches!(client.authentication, ClientAuthentication::None) {
        let what = "none: a provider tells what an opaque token says to those who authenticate \
                    (RFC 7662 section 2.1)";
        to.warn("client.token_endpoint_auth_method", what);
    }
}

/// `client_id` is of visible ASCII and blanks (RFC 6749 appendix A.1).
fn client_id_text(node: &Node<'_>, to: &mut Report<'_>) -> Option<String> {
    let text = node.text(to)?;
    let allowed = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.len() <= 512 && text.bytes().all(allowed) && text.trim() == text {
        return Some(text.to_owned());
    }
    let what = "must be at most 512 visible ASCII characters, with no blank round them";
    node.problem(format!("{what}, found {}", shown(text)), None, to);
    None
}

fn authentication(
    section: &Section<'_>,
    used: bool,
    to: &mut Report<'_>,
) -> Option<ClientAuthentication> {
    const KEY: &str = "token_endpoint_auth_method";
    let method = section.choice(KEY, Method::SecretBasic, METHODS, to);
    if method == Some(Method::Later) {
        let hint = "write client_secret_basic, client_secret_post or none";
        to.problem(&section.path_of(KEY), "not supported yet", Some(hint.to_owned()));
    }
    let node = section.get("client_secret");
    let secret = node.as_ref().and_then(|node| secrets::secret(node, to));
    match (method?, node) {
        (Method::Later, _) => None,
        (Method::None, None) => Some(ClientAuthentication::None),
        (Method::None, Some(node)) => {
            let what = "contradicts `client.token_endpoint_auth_method: none`";
            let hint = "leave the secret out, or the method";
            node.problem(what, Some(hint), to);
            None
        }
        (Method::SecretBasic, Some(_)) => secret.map(ClientAuthentication::SecretBasic),
        (Method::SecretPost, Some(_)) => secret.map(ClientAuthentication::SecretPost),
        (_, None) if !used => Some(ClientAuthentication::None),
        (_, None) => {
            let hint = "write {env: NAME}; for a public client `token_endpoint_auth_method: none`";
            section.required("client_secret", hint, to);
            None
        }
    }
}

fn parameters(node: &Node<'_>, to: &mut Report<'_>) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for (name, node) in node.map(32, to)? {
        if let Some((_, hint)) = OWN_PARAMETERS.iter().find(|(own, _)| *own == name) {
            node.problem("the gate sets this parameter itself", hint.or(Some("leave it out")), to);
            continue;
        }
        if name.is_empty() || name.len() > 128 || !name.bytes().all(|byte| byte.is_ascii_graphic())
        {
            node.problem("a parameter's name is 1 to 128 visible ASCII characters", None, to);
            continue;
        }
        let nodes = match node.value {
            Json::Array(_) if matches!(name, "acr_values" | "max_age") => {
                node.problem("must be one string (OIDC Core 3.1.2.1)", list_hint(name), to);
                continue;
            }
            Json::Array(_) => node.list(32, to)?,
            _ => vec![node],
        };
        for node in nodes {
            if let Some(value) = parameter(name, &node, to) {
                pairs.push((name.to_owned(), value));
            }
        }
    }
    Some(pairs)
}

fn parameter(name: &str, node: &Node<'_>, to: &mut Report<'_>) -> Option<String> {
    let Json::String(text) = node.value else {
        let hint = match node.value {
            Json::Integer(number) => Some(format!("write it in quotes: \"{number}\"")),
            _ => None,
        };
        let what = format!("expected a string or a list of strings, found {}", node.value.kind());
        node.problem(what, hint.as_deref(), to);
        return None;
    };
    if text.len() > 2048 || text.contains(char::is_control) {
        node.problem("must be at most 2048 bytes without control characters", None, to);
        return None;
    }
    if name == "acr_values" && text.split(' ').all(str::is_empty) {
        node.problem("must name at least one value", None, to);
        return None;
    }
    if name == "max_age" && !is_seconds(text) {
        let what = format!("must be whole seconds, found {}", shown(text));
        node.problem(what, Some("for example \"3600\""), to);
        return None;
    }
    if name == "resource" && !is_resource(text) {
        // RFC 8707 section 2.
        let what = format!("must be an absolute URI without fragment, found {}", shown(text));
        node.problem(what, Some("for example https://api.example"), to);
        return None;
    }
    Some(text.clone())
}

fn list_hint(name: &str) -> Option<&'static str> {
    (name == "acr_values").then_some("write the values with blanks between them")
}

/// Whether `text` is a number of seconds that a `u32` holds.
fn is_seconds(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok()
}

/// Whether `text` is an absolute URI without fragment (RFC 3986 sections 3.1 and 4.3).
fn is_resource(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && !rest.is_empty()
        && !rest.contains('#')
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::testing::{config, problems};

    fn client(client: Value) -> Client {
        config(json!({"client": client})).client
    }
    fn refused(client: Value) -> String {
        problems(json!({"client": client}))
    }

    #[test]
    fn a_method_and_its_secret_come_together() {
        let post = client(json!({"token_endpoint_auth_method": "client_secret_post"}));
        assert!(matches!(&post.authentication,
            ClientAuthentication::SecretPost(secret) if secret.equals("hunter2")));
        let none = json!({"token_endpoint_auth_method": "none", "client_secret": null});
        assert!(matches!(client(none).authentication, ClientAuthentication::None));
        assert_eq!(
            refused(json!({"token_endpoint_auth_method": "none"})),
            "client.client_secret: contradicts `client.token_endpoint_auth_method: none`; \
             hint: leave the secret out, or the method"
        );
        for method in ["client_secret_basic", "client_secret_post"] {
            assert_eq!(
                refused(json!({"token_endpoint_auth_method": method, "client_secret": null})),
                "client.client_secret: missing; hint: write {env: NAME}; for a public client \
                 `token_endpoint_auth_method: none`"
            );
        }
    }

    #[test]
    fn openid_is_always_asked_for_first_and_once() {
        let scope = |names: Value| client(json!({"scope": names})).scope;
        assert_eq!(scope(json!(["profile", "openid", "profile"])), ["openid", "profile"]);
        assert_eq!(scope(json!([])), ["openid"]);
        assert_eq!(
            refused(json!({"scope": ["openid profile", "a\"b"]})),
            "client.scope[0]: must be one name, found \"openid profile\"; hint: write each as a \
             member of its own
client.scope[1]: must be visible ASCII without \" and \\, found \"a\\\"b\""
        );
    }

    #[test]
    fn parameters_are_strings_or_lists_of_them() {
        let parameters = json!({
            "acr_values": "gold", "resource": ["https://a.example", "urn:b"], "max_age": "60"
        });
        let pairs = client(json!({"authorization_parameters": parameters}));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            pairs
                .authorization_parameters
                .iter()
                .cloned()
                .collect::<std::collections::BTreeSet<_>>(),
            [
                pair("acr_values", "gold"),
                pair("resource", "https://a.example"),
                pair("resource", "urn:b"),
                pair("max_age", "60")
            ]
            .into()
        );
        assert_eq!(
            refused(json!({"authorization_parameters": {"a": 60, "b": [true], "c": "\n"}})),
            "client.authorization_parameters.a: expected a string or a list of strings, found a \
             number; hint: write it in quotes: \"60\"
client.authorization_parameters.b[0]: expected a string or a list of strings, found a boolean
client.authorization_parameters.c: must be at most 2048 bytes without control characters"
        );
        for resource in ["api", "https://a.example/#x", "https:", ":x", "1a:b", "a:b c"] {
            let what = refused(json!({"authorization_parameters": {"resource": resource}}));
            assert!(what.contains("must be an absolute URI without fragment"), "{what}");
        }
    }

    #[test]
    fn what_a_login_must_have_been_is_asked_for_once_and_can_be_read() {
        assert_eq!(
            refused(json!({"authorization_parameters": {"acr_values": ["gold"], "max_age": []}})),
            "client.authorization_parameters.acr_values: must be one string (OIDC Core 3.1.2.1); \
             hint: write the values with blanks between them
client.authorization_parameters.max_age: must be one string (OIDC Core 3.1.2.1)"
        );
        for seconds in ["", "-1", "+1", "1h", "1.5", " 1", "4294967296"] {
            let what = refused(json!({"authorization_parameters": {"max_age": seconds}}));
            assert!(what.contains("max_age: must be whole seconds, found"), "{what}");
        }
        for values in ["", "  "] {
            let what = refused(json!({"authorization_parameters": {"acr_values": values}}));
            assert!(what.contains("acr_values: must name at least one value"), "{what}");
        }
    }

    #[test]
    fn parameters_of_the_gate_itself_are_refused() {
        for own in [
            "client_id",
            "redirect_uri",
            "response_type",
            "response_mode",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
            "request",
            "request_uri",
        ] {
            let what = refused(json!({"authorization_parameters": {own: "x"}}));
            assert!(what.contains(": the gate sets this parameter itself; hint: "), "{what}");
        }
        assert_eq!(
            refused(json!({"authorization_parameters": {"scope": "openid"}})),
            "client.authorization_parameters.scope: the gate sets this parameter itself; \
             hint: write `client.scope`"
        );
    }

    #[test]
    fn a_client_id_is_plain_text() {
        for id in [" a", "a\n", "\u{fc}", &"a".repeat(513)] {
            let what = refused(json!({"client_id": id}));
            assert!(what.starts_with("client.client_id: must be at most 512 visible"), "{what}");
        }
    }
}
