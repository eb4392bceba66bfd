//! `rules`: which requests need whom. The first match wins.

use super::acquire::{Acquire, Ask, Way};
use super::client::{Client, ClientAuthentication};
use super::endpoints::Endpoints;
use super::needs::{self, Needs, Sources};
use super::path;
use super::reader::{Node, Report, Section, shown};
use super::resource::{self, ProtectedResource};
use super::session::Session;
use crate::http::SameSite;

/// One member of `rules`: matches where path, method and route match.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// `rules[].match.path` or `rules[].match.path_prefix`, exclusive.
    pub path: PathMatch,
    /// `rules[].match.methods`, default any (here: `None`): upper case, at least one.
    pub methods: Option<Vec<String>>,
    /// `rules[].match.route_name`, default any (here: `None`): the host's own name for the route.
    pub route_name: Option<String>,
    /// `rules[].access`, default `authenticated`: who may pass.
    pub access: Access,
    /// `rules[].unauthenticated`, default `auto`: the answer to a request without credentials.
    pub unauthenticated: Unauthenticated,
    /// What an authenticated user's tokens must be.
    pub needs: Needs,
    /// `rules[].protected_resource`, default the global one (here: `None`): what it matches, as
    /// clients find it.
    pub protected_resource: Option<ProtectedResource>,
}

/// Which paths a rule is for. Paths are plain: no query, `%`, `//`, `;`, `\` or dot segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// Every path.
    Any,
    /// `path`: this path and no other.
    Exact(String),
    /// `path_prefix`: whole segments: `/api` is for `/api` and `/api/x`, not for `/apiary`.
    /// Ends in `/` only where it is `/` alone, which is for every path.
    Prefix(String),
}

/// `rules[].access`: who may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `public`: everybody.
    Public,
    /// `authenticated`: a user whose tokens are right.
    Authenticated,
    /// `deny`: nobody.
    Deny,
}

/// `rules[].unauthenticated`: the answer to a request without credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// `auto`: 302 to the provider for page loads, 401 for anything else.
    Auto,
    /// `redirect`: always 302 to the provider.
    Redirect,
    /// `deny`: always 401.
    Deny,
}

/// More rules than anybody writes by hand.
const MOST_RULES: usize = 1000;

const ACCESSES: &[(&str, Access)] =
    &[("public", Access::Public), ("authenticated", Access::Authenticated), ("deny", Access::Deny)];

const ANSWERS: &[(&str, Unauthenticated)] = &[
    ("auto", Unauthenticated::Auto),
    ("redirect", Unauthenticated::Redirect),
    ("deny", Unauthenticated::Deny),
];

/// Reads `rules`.
pub(super) fn read(
    root: &Section<'_>,
    sources: &Sources<'_>,
    to: &mut Report<'_>,
) -> Option<Vec<Rule>> {
    let nodes = match root.get("rules") {
        Some(node) => node.list(MOST_RULES, to)?,
        None => return Some(Vec::new()),
    };
    let rules: Vec<_> = nodes.into_iter().map(|node| rule(node, sources, to)).collect();
    let mut rules: Vec<Rule> = rules.into_iter().collect::<Option<_>>()?;
    find_alike(&mut rules);
    Some(rules)
}

/// Rules that ask for one token share it.
fn find_alike(rules: &mut [Rule]) {
    for rule in rules.iter_mut() {
        if let (Some(acquire), Some(own)) = (&mut rule.needs.acquire, &rule.needs.access_token) {
            acquire.ask = Ask::of(acquire, &own.audiences);
        }
    }
    let asked: Vec<_> = rules
        .iter()
        .map(|rule| rule.needs.acquire.clone().zip(rule.needs.access_token.clone()))
        .collect();
    for (rule, own) in rules.iter_mut().zip(&asked) {
        if let Some(acquire) = &mut rule.needs.acquire {
            acquire.like = asked.iter().position(|other| other == own).unwrap_or_default();
        }
    }
}

fn rule(node: Node<'_>, sources: &Sources<'_>, to: &mut Report<'_>) -> Option<Rule> {
    let section = node.section("rules[]", to)?;
    let hint = "say what it is for: match: {path_prefix: /api}";
    section.required("match", hint, to);
    let matched = section.section("match", "rules[].match", to);
    let (path, methods) = read_match(&matched, to);
    let route_name = matched.get("route_name").map(|node| route_name(&node, to));
    let access = section.choice("access", Access::Authenticated, ACCESSES, to);
    let unauthenticated = section.choice("unauthenticated", Unauthenticated::Auto, ANSWERS, to);
    if let Some(answer) = section.get("unauthenticated") {
        let contradicted = match (access, unauthenticated) {
            (Some(Access::Public), _) => Some("contradicts `access: public`: nobody is asked"),
            (Some(Access::Deny), _) => Some("contradicts `access: deny`: nobody passes"),
            (_, Some(Unauthenticated::Redirect)) if !sources.login => {
                Some("redirect contradicts `login: false`: nobody is sent to the provider")
            }
            _ => None,
        };
        if let Some(what) = contradicted {
            answer.problem(what, Some("leave one of them out"), to);
        }
    }
    let needs = match access {
        Some(Access::Public) => no_needs(&section, "public", to),
        Some(Access::Deny) => no_needs(&section, "deny", to),
        Some(Access::Authenticated) | None => needs::read(&section, sources, to),
    };
    let own = needs.as_ref().and_then(|needs| needs.access_token.as_ref());
    let schema = "rules[].protected_resource";
    let judged = own.or(sources.access_token);
    let protected_resource = resource::read(&section, schema, sources, judged, to);
    Some(Rule {
        path: path?,
        methods: methods?,
        route_name: match route_name {
            Some(name) => Some(name?),
            None => None,
        },
        access: access?,
        unauthenticated: unauthenticated?,
        needs: needs?,
        protected_resource: protected_resource?,
    })
}

fn no_needs(rule: &Section<'_>, access: &str, to: &mut Report<'_>) -> Option<Needs> {
    needs::contradicts(rule, access, to);
    Some(Needs::default())
}

/// The name of a route, byte for byte.
fn route_name(node: &Node<'_>, to: &mut Report<'_>) -> Option<String> {
    let text = node.text(to)?;
    if text.len() > 256 || text.contains(char::is_control) {
        let what =
            format!("must be at most 256 bytes without control characters, found {}", shown(text));
        node.problem(what, None, to);
    }
    Some(text.to_owned())
}

/// Path and methods; each `None` where it is broken, and that is noted.
#[allow(clippy::option_option, reason = "outer: broken and noted; inner: any method")]
fn read_match(
    section: &Section<'_>,
    to: &mut Report<'_>,
) -> (Option<PathMatch>, Option<Option<Vec<String>>>) {
    let path = match (section.get("path"), section.get("path_prefix")) {
        (Some(_), Some(prefix)) => {
            prefix.problem("contradicts `path`", Some("leave one of them out"), to);
            None
        }
        (Some(exact), None) => {
            path::plain(&exact, to).map(|text| PathMatch::Exact(text.to_owned()))
        }
        (None, Some(prefix)) => path_prefix(&prefix, to).map(PathMatch::Prefix),
        (None, None) => Some(PathMatch::Any),
    };
    let methods = match section.get("methods") {
        Some(node) => methods(&node, to).map(Some),
        None => Some(None),
    };
    if section.is_empty() {
        let what = "needs `path`, `path_prefix`, `methods` or `route_name`";
        let hint = "for every request: {path_prefix: /}".to_owned();
        to.problem(section.path(), what, Some(hint));
    }
    (path, methods)
}

fn path_prefix(node: &Node<'_>, to: &mut Report<'_>) -> Option<String> {
    let text = path::plain(node, to)?;
    match text.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => {
            let what = format!("must not end in \"/\", found {}", shown(text));
            let hint = format!("{} is for it and all below, whole segments", shown(shorter));
            node.problem(what, Some(&hint), to);
            None
        }
        _ => Some(text.to_owned()),
    }
}

/// Methods are tokens, and case matters (RFC 9110 section 9.1); all in use are upper case.
fn methods(node: &Node<'_>, to: &mut Report<'_>) -> Option<Vec<String>> {
    let mut methods = Vec::new();
    for (node, text) in node.some_texts(to)? {
        let upper = text.to_ascii_uppercase();
        let in_name =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if !upper.bytes().all(in_name) || upper.len() > 32 {
            node.problem(format!("must be a method's name, found {}", shown(text)), None, to);
        } else if upper != text {
            let what = format!("must be in upper case, found {}", shown(text));
            node.problem(what, Some(&format!("write {upper}")), to);
        }
        methods.push(text.to_owned());
    }
    Some(methods)
}

/// Warns of tokens that a public client asks for: nobody knows who asks, so that providers give
/// none (RFC 8693 section 5).
pub(super) fn warn_of_public_exchange(rules: &[Rule], client: &Client, to: &mut Report<'_>) {
    let exchanges = |rule: &Rule| {
        rule.needs.acquire.as_ref().is_some_and(|acquire| acquire.way == Way::TokenExchange)
    };
    if matches!(client.authentication, ClientAuthentication::None)
        && let Some(rule) = rules.iter().position(exchanges)
    {
        let path = format!("rules[{rule}].access_token.acquire");
        to.warn(&path, "most providers exchange no tokens for a client without a secret");
    }
}

/// Refuses trips that would not find their session when they come back: that is a navigation which
/// the provider's site began, and a browser keeps a `Strict` cookie back there. The page would be
/// sent on the same trip again, for ever.
pub(super) fn refuse_trips_without_cookie(rules: &[Rule], session: &Session, to: &mut Report<'_>) {
    let trips = |rule: &Rule| {
        rule.needs.acquire.as_ref().is_some_and(|acquire| acquire.way == Way::AuthorizationCode)
    };
    if session.cookie.same_site == SameSite::Strict
        && let Some(rule) = rules.iter().position(trips)
    {
        let path = format!("rules[{rule}].access_token.acquire");
        let what = "`authorization_code` never comes back to the session with \
                    `session.cookie.same_site: strict`";
        let hint = "write `session.cookie.same_site: lax`, or acquire it in another way";
        to.problem(&path, what, Some(hint.to_owned()));
    }
}

/// Warns of a scope that a refresh can not get: it only narrows (RFC 6749 section 6).
pub(super) fn warn_of_ungranted_scope(rules: &[Rule], client: &Client, to: &mut Report<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        let narrows = |acquire: &&Acquire| acquire.way == Way::RefreshToken;
        let Some(acquire) = rule.needs.acquire.as_ref().filter(narrows) else { continue };
        let missing = acquire.scope.iter().find(|scope| !client.scope.contains(scope));
        if let Some(scope) = missing {
            let path = format!("rules[{index}].access_token.scope");
            let what = format!(
                "`{scope}` is not in client.scope: a refresh only narrows what was granted at login"
            );
            to.warn(&path, &what);
        }
    }
}

/// Warns of rules that never decide: the gate answers first, or an earlier rule does.
pub(super) fn warn_of_idle_rules(rules: &[Rule], endpoints: &Endpoints, to: &mut Report<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("rules[{index}].match");
        let (PathMatch::Exact(text) | PathMatch::Prefix(text)) = &rule.path else {
            continue;
        };
        let own = endpoints.all().into_iter().find(|own| text != "/" && rule.path.covers(own));
        if let Some(own) = own {
            to.warn(&path, &format!("{own} is the gate's own endpoint, which no rule changes"));
        }
    }
    for (index, rule) in rules.iter().enumerate() {
        if rule.leaves_head_out() && !rules.iter().any(|other| other.names_head_for(rule)) {
            let what = "GET is among them and HEAD is not: servers answer it as they would GET, and \
                another rule decides about it, or none";
            to.warn(&format!("rules[{index}].match.methods"), what);
        }
        let earlier = rules.iter().take(index).position(|earlier| earlier.covers(rule));
        if let Some(earlier) = earlier {
            let what = format!("never matches: rules[{earlier}] matches all of it before");
            to.warn(&format!("rules[{index}]"), &what);
        }
    }
}

impl Rule {
    fn names(&self, method: &str) -> bool {
        self.methods.as_ref().is_some_and(|methods| methods.iter().any(|name| name == method))
    }

    /// Whether it asks more of GET than of HEAD.
    fn leaves_head_out(&self) -> bool {
        let asks = self.access == Access::Deny || self.needs != Needs::default();
        asks && self.names("GET") && !self.names("HEAD")
    }

    /// Whether this rule says what HEAD needs, where `other` is for GET.
    fn names_head_for(&self, other: &Self) -> bool {
        let head = || Self { methods: Some(vec!["HEAD".to_owned()]), ..other.clone() };
        self.names("HEAD") && self.covers(&head())
    }

    /// Whether this rule matches every request that `other` matches.
    fn covers(&self, other: &Self) -> bool {
        let paths = match (&self.path, &other.path) {
            (PathMatch::Any, _) => true,
            (PathMatch::Prefix(prefix), PathMatch::Any) => prefix == "/",
            (PathMatch::Exact(_), PathMatch::Any | PathMatch::Prefix(_)) => false,
            (_, PathMatch::Exact(path) | PathMatch::Prefix(path)) => self.path.covers(path),
        };
        let methods = match (&self.methods, &other.methods) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.iter().all(|method| mine.contains(method)),
        };
        let routes = self.route_name.is_none() || self.route_name == other.route_name;
        paths && methods && routes
    }
}

impl PathMatch {
    /// Whether `path`, which is plain, is matched.
    fn covers(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == path,
            Self::Prefix(prefix) => path
                .strip_prefix(prefix.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

#[cfg(test)]
mod tests;
