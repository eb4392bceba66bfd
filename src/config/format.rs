//! `access_token.format`: how it becomes known what an access token says.
//!
//! A JWT says it itself, signed (RFC 9068). Any other token is a text that says nothing: the
//! provider is asked (RFC 7662).

use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::{Node, Report, Section, shown};
use super::tokens;
use crate::jose::Algorithm;

/// `access_token.format`, with what is of use for one of them alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// `jwt`, the default.
    Jwt {
        /// `access_token.typ`, default `[JWT, at+jwt]`: accepted header `typ`; here in lower case
        /// and without `application/` (RFC 7515 section 4.1.9).
        typ: Vec<String>,
        /// `access_token.signing_algorithms`, default all supported: never empty.
        signing_algorithms: Vec<Algorithm>,
    },
    /// `opaque`.
    Opaque {
        /// `access_token.introspection_cache`, default `30s`, at most `10m`: how long an answer
        /// counts.
        introspection_cache: Duration,
    },
}

const CACHE: Duration = Duration::from_secs(30);
const CACHES: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
const FORMATS: &[(&str, bool)] = &[("jwt", false), ("opaque", true)];

/// Whether `access_token.format` is `opaque`; a mistake in it is noted where it is read.
pub(super) fn is_opaque(root: &Section<'_>) -> bool {
    let section = root.get("access_token");
    section.and_then(|node| node.value.get("format")?.as_str()) == Some("opaque")
}

/// Reads it out of `access_token`; what is of no use for the format is refused.
pub(super) fn read(section: &Section<'_>, to: &mut Report<'_>) -> Option<AccessTokenFormat> {
    let opaque = section.choice("format", false, FORMATS, to)?;
    let (idle, what, hint): (&[&str], _, _) = match opaque {
        true => (
            &["typ", "signing_algorithms"],
            "contradicts `access_token.format: opaque`: such a token has neither header nor signature",
            "leave it out, or write `format: jwt`",
        ),
        false => (
            &["introspection_cache"],
            "has no effect on tokens that are JWT",
            "write `format: opaque`, or leave it out",
        ),
    };
    let idle: Vec<_> = idle.iter().filter_map(|name| section.get(name)).collect();
    for node in &idle {
        node.problem(what, Some(hint), to);
    }
    if !idle.is_empty() {
        return None;
    }
    if opaque {
        let introspection_cache = section.duration("introspection_cache", CACHE, &CACHES, to)?;
        return Some(AccessTokenFormat::Opaque { introspection_cache });
    }
    let signing_algorithms = tokens::algorithms(section, to);
    let typ = match section.get("typ") {
        Some(node) => types(&node, to),
        None => Some(vec!["jwt".to_owned(), "at+jwt".to_owned()]),
    };
    Some(AccessTokenFormat::Jwt { typ: typ?, signing_algorithms: signing_algorithms? })
}

/// Header types as they are compared: lower case, without `application/`.
fn types(node: &Node<'_>, to: &mut Report<'_>) -> Option<Vec<String>> {
    let mut types: Vec<String> = Vec::new();
    for (node, text) in node.some_texts(to)? {
        let lower = text.to_ascii_lowercase();
        let typ = lower.strip_prefix("application/").unwrap_or(&lower);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        if typ.is_empty() || typ.len() > 127 || !typ.bytes().all(allowed) {
            // RFC 6838 section 4.2: names of media types.
            node.problem(format!("must be a media type, found {}", shown(text)), None, to);
        } else if typ == "logout+jwt" {
            node.problem("is the type of logout tokens, never of access tokens", None, to);
        }
        if !types.iter().any(|known| known == typ) {
            types.push(typ.to_owned());
        }
    }
    Some(types)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::testing::{config, problems, warnings};

    fn format(section: Value) -> AccessTokenFormat {
        config(json!({"access_token": section})).access_token.unwrap().format
    }

    #[test]
    fn types_are_kept_as_they_are_compared() {
        let typ = |typ: Value| match format(json!({"typ": typ})) {
            AccessTokenFormat::Jwt { typ, .. } => typ,
            opaque => panic!("{opaque:?}"),
        };
        assert_eq!(typ(json!(["application/AT+JWT", "JWT", "jwt"])), ["at+jwt", "jwt"]);
        assert_eq!(
            problems(json!({"access_token": {"typ": ["logout+jwt", "application/", "a b"]}})),
            "access_token.typ[0]: is the type of logout tokens, never of access tokens
access_token.typ[1]: must be a media type, found \"application/\"
access_token.typ[2]: must be a media type, found \"a b\""
        );
    }

    #[test]
    fn opaque_tokens_are_asked_about_every_half_minute_unless_told_otherwise() {
        for (written, seconds) in [(json!({}), 30), (json!({"introspection_cache": "0s"}), 0)] {
            let mut section = json!({"format": "opaque"});
            section.as_object_mut().unwrap().extend(written.as_object().unwrap().clone());
            let introspection_cache = Duration::from_secs(seconds);
            assert_eq!(format(section), AccessTokenFormat::Opaque { introspection_cache });
        }
        assert_eq!(
            problems(json!({"access_token": {"format": "opaque", "introspection_cache": "11m"}})),
            "access_token.introspection_cache: must be 0s to 10m, found \"11m\""
        );
    }

    #[test]
    fn what_contradicts_the_format_is_refused() {
        let asked = json!({"format": "opaque", "typ": ["JWT"], "signing_algorithms": ["ES256"]});
        let what = "contradicts `access_token.format: opaque`: such a token has neither header \
                    nor signature; hint: leave it out, or write `format: jwt`";
        assert_eq!(
            problems(json!({"access_token": asked})),
            format!("access_token.typ: {what}\naccess_token.signing_algorithms: {what}")
        );
        assert_eq!(
            problems(json!({"access_token": {"introspection_cache": "5s"}})),
            "access_token.introspection_cache: has no effect on tokens that are JWT; hint: write \
             `format: opaque`, or leave it out"
        );
    }

    #[test]
    fn whoever_asks_the_provider_is_its_client_and_knows_where() {
        let opaque = |change: Value| {
            let mut whole = json!({"access_token": {"format": "opaque"}, "login": false});
            whole.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            whole
        };
        assert_eq!(
            problems(opaque(json!({"client": null}))),
            "client.client_id: missing; hint: write it as registered at the provider
client.client_secret: missing; hint: write {env: NAME}; for a public client \
`token_endpoint_auth_method: none`"
        );
        let fixed = json!({"discovery": false, "metadata": {"jwks_uri": "https://op.example/k"}});
        assert_eq!(
            problems(opaque(json!({"provider": fixed, "client": {}, "login": false}))),
            "provider.metadata.introspection_endpoint: missing; hint: needed with \
             `provider.discovery: false`"
        );
        assert!(!warnings(opaque(json!({}))).contains("client"), "it is used");
        let public = json!({"token_endpoint_auth_method": "none", "client_secret": null});
        assert_eq!(
            warnings(json!({"access_token": {"format": "opaque"}, "client": public})),
            "client.token_endpoint_auth_method: none: a provider tells what an opaque token says \
             to those who authenticate (RFC 7662 section 2.1)"
        );
    }

    #[test]
    fn a_rule_can_not_acquire_opaque_tokens_yet() {
        let rule = json!({
            "match": {"path_prefix": "/good"},
            "access_token": {"audiences": ["good"], "acquire": "token_exchange", "audience": "good"}
        });
        assert_eq!(
            problems(json!({"access_token": {"format": "opaque"}, "rules": [rule]})),
            "rules[0].access_token.acquire: not supported yet with `access_token.format: opaque`; \
             hint: write session, or `format: jwt` where the provider's access tokens are JWT"
        );
    }
}
