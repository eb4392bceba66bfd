//! `id_token` and `access_token`: two sets of rules that share nothing but the issuer.
//!
//! RFC 8725 section 3.12: mutually exclusive rules for different kinds of tokens. No
//! default of one set is taken from the other.

use std::time::Duration;

use super::client::Client;
use super::format::{self, AccessTokenFormat};
use super::provider::Issuer;
use super::reader::{Node, Report, Section, shown};
use crate::jose::Algorithm;

/// `id_token`: what an ID token must be (OIDC Core 3.1.3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokenRules {
    /// `provider.issuer`: compared exactly with `iss`.
    pub issuer: Issuer,
    /// `client.client_id`: must be in `aud`, and `azp` where present.
    pub client_id: String,
    /// `id_token.audiences`, default `[client_id]`: every member of `aud` must be in this
    /// list. `client_id` is always one of them.
    pub audiences: Vec<String>,
    /// `id_token.signing_algorithms`, default all supported: never empty.
    pub signing_algorithms: Vec<Algorithm>,
    /// `client.authorization_parameters.acr_values`: at login, `acr` must be one of these;
    /// empty where nothing was asked for.
    pub acr: Vec<String>,
    /// `client.authorization_parameters.max_age`: at login, `auth_time` must be there and not
    /// be longer ago.
    pub max_age: Option<Duration>,
    /// `clock_skew`.
    pub clock_skew: Duration,
}

/// `access_token`: what an access token must be (RFC 9068 section 4, RFC 7662 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokenRules {
    /// `provider.issuer`: compared exactly with `iss`.
    pub issuer: Issuer,
    /// `access_token.audiences`, required, not empty: any one of them must be in `aud`.
    pub audiences: Vec<String>,
    /// `access_token.scope`, default `[]`: every one of them must be in `scope`.
    pub scope: Vec<String>,
    /// `access_token.format`, default `jwt`: how it becomes known what a token says.
    pub format: AccessTokenFormat,
    /// `clock_skew`.
    pub clock_skew: Duration,
}

/// Reads `id_token`. `client_id` is empty where the gate never logs anybody in: then the
/// rules have no audience, and so accept nothing.
pub(super) fn read_id_token(
    root: &Section<'_>,
    issuer: Option<&Issuer>,
    client: Option<&Client>,
    clock_skew: Option<Duration>,
    to: &mut Report<'_>,
) -> Option<IdTokenRules> {
    let client_id = client.map(|client| client.client_id.as_str());
    let section = root.section("id_token", "id_token", to);
    let given = section.get("audiences");
    let audiences = match &given {
        Some(node) => audiences(node, to),
        None => client_id.map(|id| vec![id.to_owned()]),
    };
    let signing_algorithms = algorithms(&section, to);
    let (client_id, mut audiences) = (client_id?, audiences?);
    if client_id.is_empty() {
        audiences.clear();
    } else if let Some(node) = given.filter(|_| audiences.iter().all(|name| name != client_id)) {
        // OIDC Core section 2: `aud` must contain the client, so no such list accepts any token.
        let what = format!("must name the client itself, {}", shown(client_id));
        node.problem(what, Some("the audience of the API stands in `access_token.audiences`"), to);
    }
    let client = client?;
    let acr = client.asks("acr_values").flat_map(|values| values.split(' '));
    let max_age = client.asks("max_age").next().and_then(|seconds| seconds.parse().ok());
    Some(IdTokenRules {
        acr: acr.filter(|value| !value.is_empty()).map(str::to_owned).collect(),
        max_age: max_age.map(Duration::from_secs),
        issuer: issuer?.clone(),
        client_id: client_id.to_owned(),
        audiences,
        signing_algorithms: signing_algorithms?,
        clock_skew: clock_skew?,
    })
}

/// Reads `access_token`; the inner `None` where the section is missing and not `needed`.
/// `needed` says by what, for the message.
#[allow(clippy::option_option, reason = "outer: broken and noted; inner: not configured")]
pub(super) fn read_access_token(
    root: &Section<'_>,
    needed: Option<&str>,
    issuer: Option<&Issuer>,
    clock_skew: Option<Duration>,
    to: &mut Report<'_>,
) -> Option<Option<AccessTokenRules>> {
    if root.get("access_token").is_none() && needed.is_none() {
        return Some(None);
    }
    let section = root.section("access_token", "access_token", to);
    let hint = match needed.filter(|_| root.get("access_token").is_none()) {
        Some(by) => format!("name the API that the token is for: [APP-backend]; needed by {by}"),
        None => "name the API that the token is for: [APP-backend]".to_owned(),
    };
    let audiences = section.required("audiences", &hint, to).and_then(|node| audiences(&node, to));
    let scope = section.get("scope").map_or(Some(Vec::new()), |node| scope(&node, to));
    let format = format::read(&section, to);
    Some(Some(AccessTokenRules {
        issuer: issuer?.clone(),
        audiences: audiences?,
        scope: scope?,
        format: format?,
        clock_skew: clock_skew?,
    }))
}

pub(super) fn audiences(node: &Node<'_>, to: &mut Report<'_>) -> Option<Vec<String>> {
    let mut audiences = Vec::new();
    for (node, text) in node.some_texts(to)? {
        audiences.extend(audience(&node, text, to));
    }
    Some(audiences)
}

/// The name of somebody a token is for, byte for byte.
pub(super) fn audience(node: &Node<'_>, text: &str, to: &mut Report<'_>) -> Option<String> {
    if text.len() > 1024 || text.trim() != text || text.contains(char::is_control) {
        let what = "must be at most 1024 bytes without blanks round it, found";
        node.problem(format!("{what} {}", shown(text)), None, to);
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn algorithms(section: &Section<'_>, to: &mut Report<'_>) -> Option<Vec<Algorithm>> {
    let Some(node) = section.get("signing_algorithms") else {
        return Some(Algorithm::ALL.to_vec());
    };
    let mut algorithms = Vec::new();
    for (node, text) in node.some_texts(to)? {
        match Algorithm::parse(text) {
            Some(algorithm) => algorithms.push(algorithm),
            None => {
                let names: Vec<&str> = Algorithm::ALL.iter().map(|known| known.name()).collect();
                let what = format!("expected one of {}, found {}", names.join(", "), shown(text));
                node.problem(what, algorithm_hint(text).as_deref(), to);
            }
        }
    }
    Some(algorithms)
}

/// RFC 8725 sections 3.1 and 3.2, for those who ask.
fn algorithm_hint(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    match upper.as_str() {
        "NONE" => Some("unsigned tokens are never accepted".to_owned()),
        "HS256" | "HS384" | "HS512" => {
            Some("whoever can check such a signature can make one: it is never accepted".to_owned())
        }
        _ => Algorithm::ALL
            .iter()
            .find(|known| known.name().eq_ignore_ascii_case(text))
            .map(|known| format!("did you mean `{}`?", known.name())),
    }
}

/// A list of scope tokens (RFC 6749 section 3.3), perhaps empty.
pub(super) fn scope(node: &Node<'_>, to: &mut Report<'_>) -> Option<Vec<String>> {
    let mut scope = Vec::new();
    for (node, text) in node.texts(to)? {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        if text.contains(' ') {
            let what = format!("must be one name, found {}", shown(text));
            node.problem(what, Some("write each as a member of its own"), to);
        } else if text.len() > 256 || !text.bytes().all(allowed) {
            let what = "must be visible ASCII without \" and \\, found";
            node.problem(format!("{what} {}", shown(text)), None, to);
        }
        scope.push(text.to_owned());
    }
    Some(scope)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::testing::{config, problems};

    fn access_token(section: Value) -> AccessTokenRules {
        config(json!({"access_token": section})).access_token.unwrap()
    }

    #[test]
    fn the_audiences_of_the_id_token_name_the_client() {
        assert_eq!(
            problems(json!({"id_token": {"audiences": ["APP-backend"]}})),
            "id_token.audiences: must name the client itself, \"APP-frontend\"; hint: the \
             audience of the API stands in `access_token.audiences`"
        );
        assert_eq!(
            problems(json!({"id_token": {"audiences": []}})),
            "id_token.audiences: must not be empty"
        );
        assert_eq!(
            problems(json!({"access_token": {"audiences": "APP-backend"}})),
            "access_token.audiences: expected a list, found a string; \
             hint: write it in brackets, as a list of one"
        );
    }

    #[test]
    fn audiences_are_kept_byte_for_byte() {
        let audiences = access_token(json!({"audiences": ["https://API.example/", "b c"]}));
        assert_eq!(audiences.audiences, ["https://API.example/", "b c"]);
    }

    #[test]
    fn only_algorithms_with_public_keys_are_accepted() {
        let rules = access_token(json!({"signing_algorithms": ["ES256", "EdDSA", "ES256"]}));
        let AccessTokenFormat::Jwt { signing_algorithms, .. } = rules.format else { panic!() };
        assert_eq!(signing_algorithms, [Algorithm::Es256, Algorithm::EdDsa]);
        let all = "expected one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
        assert_eq!(
            problems(json!({"id_token": {"signing_algorithms": ["none", "HS256", "rs256"]}})),
            format!(
                "id_token.signing_algorithms[0]: {all}, found \"none\"; hint: unsigned tokens are \
                 never accepted
id_token.signing_algorithms[1]: {all}, found \"HS256\"; hint: whoever can check such a signature \
can make one: it is never accepted
id_token.signing_algorithms[2]: {all}, found \"rs256\"; hint: did you mean `RS256`?"
            )
        );
        assert_eq!(
            problems(json!({"access_token": {"signing_algorithms": []}})),
            "access_token.signing_algorithms: must not be empty"
        );
    }

    #[test]
    fn what_is_asked_for_at_login_is_required_of_it() {
        let asked = json!({"acr_values": "gold  silver", "max_age": "3600"});
        let asked = config(json!({"client": {"authorization_parameters": asked}})).id_token;
        assert_eq!(asked.acr, ["gold", "silver"]);
        assert_eq!(asked.max_age, Some(Duration::from_secs(3600)));
        let nothing = config(json!({})).id_token;
        assert!(nothing.acr.is_empty() && nothing.max_age.is_none());
    }

    #[test]
    fn the_clock_skew_is_bounded() {
        assert_eq!(config(json!({"clock_skew": "5m"})).id_token.clock_skew.as_secs(), 300);
        assert_eq!(access_token(json!({})).clock_skew.as_secs(), 30);
        assert_eq!(
            problems(json!({"clock_skew": "301s"})),
            "clock_skew: must be 0s to 5m, found \"301s\""
        );
    }
}
