//! `rules`: which requests need whom. The first match wins.

use super::endpoints::Endpoints;
use super::path;
use super::reader::{Node, Report, Section, shown};

/// One member of `rules`: matches where both path and method match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `rules[].match.path` or `rules[].match.path_prefix`, exclusive.
    pub path: PathMatch,
    /// `rules[].match.methods`, default any (here: `None`): upper case, at least one.
    pub methods: Option<Vec<String>>,
    /// `rules[].access`, default `authenticated`: who may pass.
    pub access: Access,
    /// `rules[].unauthenticated`, default `auto`: the answer to a request without credentials.
    pub unauthenticated: Unauthenticated,
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
pub(super) fn read(root: &Section<'_>, login: bool, to: &mut Report<'_>) -> Option<Vec<Rule>> {
    let nodes = match root.get("rules") {
        Some(node) => node.list(MOST_RULES, to)?,
        None => return Some(Vec::new()),
    };
    nodes.into_iter().map(|node| rule(node, login, to)).collect::<Vec<_>>().into_iter().collect()
}

fn rule(node: Node<'_>, login: bool, to: &mut Report<'_>) -> Option<Rule> {
    let section = node.section("rules[]", to)?;
    let hint = "say what it is for: match: {path_prefix: /api}";
    section.required("match", hint, to);
    let (path, methods) = read_match(&section.section("match", "rules[].match", to), to);
    let access = section.choice("access", Access::Authenticated, ACCESSES, to);
    let unauthenticated = section.choice("unauthenticated", Unauthenticated::Auto, ANSWERS, to);
    if let Some(answer) = section.get("unauthenticated") {
        let contradicted = match (access, unauthenticated) {
            (Some(Access::Public), _) => Some("contradicts `access: public`: nobody is asked"),
            (Some(Access::Deny), _) => Some("contradicts `access: deny`: nobody passes"),
            (_, Some(Unauthenticated::Redirect)) if !login => {
                Some("redirect contradicts `login: false`: nobody is sent to the provider")
            }
            _ => None,
        };
        if let Some(what) = contradicted {
            answer.problem(what, Some("leave one of them out"), to);
        }
    }
    Some(Rule {
        path: path?,
        methods: methods?,
        access: access?,
        unauthenticated: unauthenticated?,
    })
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
        let what = "needs `path`, `path_prefix` or `methods`";
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
        let earlier = rules.iter().take(index).position(|earlier| earlier.covers(rule));
        if let Some(earlier) = earlier {
            let what = format!("never matches: rules[{earlier}] matches all of it before");
            to.warn(&format!("rules[{index}]"), &what);
        }
    }
}

impl Rule {
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
        paths && methods
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
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::testing::{config, problems, warnings};

    fn refused(rule: Value) -> String {
        problems(json!({"rules": [rule]}))
    }

    #[test]
    fn rules_are_read_with_their_defaults() {
        let rules = config(json!({"rules": [
            {"match": {"path": "/healthz", "methods": ["GET", "HEAD"]}, "access": "public"},
            {"match": {"path_prefix": "/api"}, "unauthenticated": "deny"},
            {"match": {"methods": ["DELETE"]}, "access": "deny"},
            {"match": {"path_prefix": "/"}, "unauthenticated": "redirect"}
        ]}))
        .rules;
        let (access, unauthenticated) = (Access::Authenticated, Unauthenticated::Auto);
        let methods = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(
            rules,
            [
                Rule {
                    path: PathMatch::Exact("/healthz".to_owned()),
                    methods: methods(&["GET", "HEAD"]),
                    access: Access::Public,
                    unauthenticated
                },
                Rule {
                    path: PathMatch::Prefix("/api".to_owned()),
                    methods: None,
                    access,
                    unauthenticated: Unauthenticated::Deny
                },
                Rule {
                    path: PathMatch::Any,
                    methods: methods(&["DELETE"]),
                    access: Access::Deny,
                    unauthenticated
                },
                Rule {
                    path: PathMatch::Prefix("/".to_owned()),
                    methods: None,
                    access,
                    unauthenticated: Unauthenticated::Redirect
                }
            ]
        );
    }

    #[test]
    fn a_rule_says_what_it_is_for() {
        assert_eq!(
            refused(json!({"access": "public"})),
            "rules[0].match: missing; hint: say what it is for: match: {path_prefix: /api}"
        );
        assert_eq!(
            refused(json!({"match": {}, "access": "public"})),
            "rules[0].match: needs `path`, `path_prefix` or `methods`; \
             hint: for every request: {path_prefix: /}"
        );
        assert_eq!(
            refused(json!({"match": {"path": "/a", "path_prefix": "/a"}})),
            "rules[0].match.path_prefix: contradicts `path`; hint: leave one of them out"
        );
        assert_eq!(
            refused(json!({"match": {"prefix": "/a"}})),
            "rules[0].match.prefix: unknown key; hint: did you mean `path_prefix`?"
        );
    }

    #[test]
    fn paths_that_cannot_match_or_match_too_much_are_refused() {
        assert_eq!(
            refused(json!({"match": {"path_prefix": "/api/"}})),
            "rules[0].match.path_prefix: must not end in \"/\", found \"/api/\"; \
             hint: \"/api\" is for it and all below, whole segments"
        );
        assert_eq!(
            refused(json!({"match": {"path": "/api/*"}})),
            "rules[0].match.path: must not have a pattern (*), found \"/api/*\"; \
             hint: path_prefix \"/api\" is for it and all below"
        );
        assert_eq!(
            refused(json!({"match": {"path": "/admin?/favicon.ico"}})),
            "rules[0].match.path: must not have a query or fragment, found \
             \"/admin?/favicon.ico\"; hint: rules and endpoints look at the path alone: \"/admin\""
        );
        assert_eq!(
            refused(json!({"match": {"path_prefix": "/a/../b"}})),
            "rules[0].match.path_prefix: must not have a segment . or .., found \"/a/../b\""
        );
    }

    #[test]
    fn methods_are_in_upper_case() {
        assert_eq!(
            refused(json!({"match": {"methods": ["get", "PO ST", "GET"]}})),
            "rules[0].match.methods[0]: must be in upper case, found \"get\"; hint: write GET
rules[0].match.methods[1]: must be a method's name, found \"PO ST\""
        );
        assert_eq!(
            refused(json!({"match": {"methods": []}})),
            "rules[0].match.methods: must not be empty"
        );
    }

    #[test]
    fn contradictions_are_refused() {
        assert_eq!(
            refused(json!({"match": {"path": "/"}, "access": "public", "unauthenticated": "auto"})),
            "rules[0].unauthenticated: contradicts `access: public`: nobody is asked; \
             hint: leave one of them out"
        );
        assert_eq!(
            refused(json!({"match": {"path": "/"}, "access": "deny", "unauthenticated": "deny"})),
            "rules[0].unauthenticated: contradicts `access: deny`: nobody passes; \
             hint: leave one of them out"
        );
        assert_eq!(
            refused(json!({"match": {"path": "/"}, "access": "Public"})),
            "rules[0].access: expected one of public, authenticated, deny, found \"Public\"; \
             hint: did you mean `public`?"
        );
    }

    #[test]
    fn a_rule_that_never_decides_is_warned_of() {
        let warned = |first: Value, second: Value| {
            warnings(json!({"rules": [{"match": first}, {"match": second}]}))
        };
        let never = "rules[1]: never matches: rules[0] matches all of it before";
        for (first, second) in [
            (json!({"path_prefix": "/"}), json!({"methods": ["GET"]})),
            (json!({"path_prefix": "/api"}), json!({"path": "/api"})),
            (json!({"path_prefix": "/api"}), json!({"path_prefix": "/api/x"})),
            (
                json!({"path": "/a", "methods": ["GET", "PUT"]}),
                json!({"path": "/a", "methods": ["PUT"]}),
            ),
            (json!({"methods": ["GET"]}), json!({"path_prefix": "/", "methods": ["GET"]})),
        ] {
            assert_eq!(warned(first.clone(), second.clone()), never, "{first} {second}");
        }
        for (first, second) in [
            (json!({"path_prefix": "/api"}), json!({"path": "/apiary"})),
            (json!({"path": "/api"}), json!({"path_prefix": "/api"})),
            (json!({"path": "/a", "methods": ["GET"]}), json!({"path": "/a"})),
            (json!({"path_prefix": "/a"}), json!({"methods": ["GET"]})),
        ] {
            assert_eq!(warned(first.clone(), second.clone()), "", "{first} {second}");
        }
    }

    #[test]
    fn a_rule_over_the_gates_own_endpoints_is_warned_of() {
        let warned = |rule: Value| warnings(json!({"rules": [{"match": rule}]}));
        assert_eq!(
            warned(json!({"path_prefix": "/oauth2"})),
            "rules[0].match: /oauth2/login is the gate's own endpoint, which no rule changes"
        );
        assert_eq!(
            warned(json!({"path": "/oauth2/callback"})),
            "rules[0].match: /oauth2/callback is the gate's own endpoint, which no rule changes"
        );
        assert_eq!(warned(json!({"path_prefix": "/"})), "");
        assert_eq!(warned(json!({"path": "/oauth2/callbackstuff"})), "");
    }
}
