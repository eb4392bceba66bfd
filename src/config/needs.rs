//! What a rule asks of a user's tokens, besides that they are right.

use super::acquire::{self, Acquire};
use super::claim::{self, ClaimPath, ClaimSource};
use super::provider::Issuer;
use super::reader::{Node, Report, Section};
use super::tokens::{self, AccessTokenRules};
use crate::wire::Json;

/// What an authenticated user's tokens must be where a rule says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Needs {
    /// `rules[].access_token`: the rules of the access token, with these audiences and this
    /// scope instead of the global ones; `None` where the global ones count.
    pub access_token: Option<AccessTokenRules>,
    /// `rules[].access_token.acquire`, default `session` (here: `None`): how the token is had.
    pub acquire: Option<Acquire>,
    /// `rules[].claims`, default `{}`: all of them.
    pub claims: Vec<RequiredClaim>,
}

/// One member of `rules[].claims`.
#[derive(Debug, Clone, PartialEq)]
pub struct RequiredClaim {
    /// Which claim.
    pub claim: ClaimPath,
    /// It must be one of these, or an array that contains one; strings, numbers and booleans.
    pub values: Vec<Json>,
}

/// Which tokens there are to be asked about.
pub(super) struct Sources<'a> {
    /// `login`: otherwise there is no ID token.
    pub(super) login: bool,
    /// `access_token`, where it is used.
    pub(super) access_token: Option<&'a AccessTokenRules>,
    /// `access_token` is broken, and that is said there.
    pub(super) broken: bool,
    /// `upstream.authorization: access_token`.
    pub(super) sends_access_token: bool,
    /// `bearer`: clients come with access tokens alone.
    pub(super) bearer: bool,
    /// `provider.issuer`, unless it is broken.
    pub(super) issuer: Option<&'a Issuer>,
    /// Whether http may be spoken here, for development.
    pub(super) plain_http: bool,
}

/// From here on (2^53) several whole numbers are one float, and not to be compared.
pub const WHOLE: f64 = 9_007_199_254_740_992.0;
/// Most claims a rule asks for, and most values of one.
const MOST: usize = 64;

/// Reads `access_token` and `claims` of a rule.
pub(super) fn read(
    rule: &Section<'_>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<Needs> {
    let own = rule.get("access_token").map(|node| read_access_token(node, sources, to));
    let claims =
        rule.get("claims").map_or(Some(Vec::new()), |node| read_claims(&node, sources, to));
    let (access_token, acquire) = match own {
        Some(read) => read.map(|(rules, acquire)| (Some(rules), acquire))?,
        None => (None, None),
    };
    Some(Needs { access_token, acquire, claims: claims? })
}

fn read_access_token(
    node: Node<'_>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<(AccessTokenRules, Option<Acquire>)> {
    let whole = node.clone();
    let section = node.section("rules[].access_token", to)?;
    let audiences = section.get("audiences").map(|node| tokens::audiences(&node, to));
    let scope = section.get("scope").map(|node| tokens::scope(&node, to));
    let own_scope = scope.as_ref().and_then(|scope| scope.as_deref());
    let acquire = acquire::read(&section, own_scope, sources, to);
    if audiences.is_none() && scope.is_none() {
        whole.problem("needs `audiences` or `scope`", None, to);
        return None;
    }
    if sources.access_token.is_none() && !sources.broken {
        whole.problem("none is used", Some("configure `access_token`"), to);
    }
    let mut rules = sources.access_token.cloned()?;
    if let Some(audiences) = audiences {
        rules.audiences = audiences?;
    }
    if let Some(scope) = scope {
        rules.scope = scope?;
    }
    Some((rules, acquire?))
}

fn read_claims(
    node: &Node<'_>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<Vec<RequiredClaim>> {
    let claims: Vec<_> = match node.value {
        Json::Array(_) => {
            node.list(MOST, to)?.into_iter().map(|member| listed(member, sources, to)).collect()
        }
        _ => {
            let members = node.map(MOST, to)?;
            members.iter().map(|(name, values)| named(name, values, sources, to)).collect()
        }
    };
    claims.into_iter().collect()
}

/// `{claim: [realm_access, roles], values: [..]}`: for names that are easier written apart.
fn listed(node: Node<'_>, sources: &Sources<'_>, to: &mut Report<'_>) -> Option<RequiredClaim> {
    let section = node.section("rules[].claims[]", to)?;
    let claim = section.required("claim", "for example [realm_access, roles]", to);
    let values = section.required("values", "for example [admin, auditor]", to);
    let claim = claim.and_then(|node| {
        let claim = claim::read(&node, sources.login, to);
        usable(&node, claim, sources, to)
    });
    let values = values.and_then(|node| read_values(&node, to));
    Some(RequiredClaim { claim: claim?, values: values? })
}

/// `realm_access.roles: [..]`.
fn named(
    name: &str,
    node: &Node<'_>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<RequiredClaim> {
    let claim = claim::read_text(node, name, sources.login, to);
    let claim = usable(node, claim, sources, to);
    let values = read_values(node, to);
    Some(RequiredClaim { claim: claim?, values: values? })
}

/// A claim of an access token is of use where there is one.
fn usable(
    node: &Node<'_>,
    claim: Option<ClaimPath>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<ClaimPath> {
    let claim = claim?;
    if claim.token == ClaimSource::IdToken {
        if sources.bearer {
            let what = "is a claim of the ID token: a client's own bearer token has none, and is \
                always refused here";
            to.warn(&node.path, what);
        }
        return Some(claim);
    }
    if sources.access_token.is_some() || sources.broken {
        return Some(claim);
    }
    let hint = "write id_token.NAME for a claim of the ID token, or configure `access_token`";
    node.problem("is a claim of the access token, and none is used", Some(hint), to);
    None
}

fn read_values(node: &Node<'_>, to: &mut Report<'_>) -> Option<Vec<Json>> {
    let members = node.list(MOST, to)?;
    if members.is_empty() {
        node.problem("must not be empty", None, to);
        return None;
    }
    let mut values = Vec::new();
    for member in members {
        match member.value {
            Json::Float(float) if float.abs() >= WHOLE => {
                let what = format!("must be a number below 2^53, found {float}");
                member.problem(what, Some("larger ones read alike: let the claim be a string"), to);
                return None;
            }
            Json::String(_) | Json::Integer(_) | Json::Float(_) | Json::Bool(_) => {
                values.push(member.value.clone());
            }
            other => {
                let what =
                    format!("expected a string, a number or a boolean, found {}", other.kind());
                member.problem(what, None, to);
                return None;
            }
        }
    }
    Some(values)
}

/// A rule that nobody's tokens are asked for can ask nothing of them.
pub(super) fn contradicts(rule: &Section<'_>, access: &str, to: &mut Report<'_>) {
    for name in ["access_token", "claims", "protected_resource"] {
        if let Some(node) = rule.get(name) {
            let what = format!("contradicts `access: {access}`: no token is looked at");
            node.problem(what, Some("leave one of them out"), to);
        }
    }
}

#[cfg(test)]
mod tests;
