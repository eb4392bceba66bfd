//! The first rule that matches decides; what matches none needs an authenticated user.

use super::path;
use crate::config::{Access, Needs, PathMatch, Rule, Unauthenticated};
use crate::wire::SortedMap;

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Who may pass.
    pub access: Access,
    /// The answer to a request without credentials.
    pub unauthenticated: Unauthenticated,
    /// The rule that decided, counted from 0 in the configuration; `None`: no rule did.
    pub rule: Option<usize>,
}

impl Decision {
    const fn default() -> Self {
        Self { access: Access::Authenticated, unauthenticated: Unauthenticated::Auto, rule: None }
    }
}

/// Servers read the path differently, and the readings fall under different rules: the
/// request is refused (400), whatever the upstream would have made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "servers read this path in different ways, and different rules apply to them; send it without encoded slashes, dot segments, double slashes, `\\` and `;`"
)]
pub struct AmbiguousPath;

/// The rules, found by path: a thousand cost a request about what one does.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Compiled>,
    /// Rules for one path, by that path. Each list is in the order of the configuration.
    exact: SortedMap<Vec<u8>, Vec<usize>>,
    /// Rules for a path and what is below it, by that path.
    prefix: SortedMap<Vec<u8>, Vec<usize>>,
    /// Rules for every path.
    anywhere: Vec<usize>,
    /// Segments of the longest prefix: further ones need no look-up.
    deepest: usize,
    names_routes: bool,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method, as it came.
    pub method: &'a [u8],
    /// `:path`; the query is not looked at.
    pub path: &'a [u8],
    /// The host's name for the route; empty where it has none, or no rule names routes.
    pub route: &'a [u8],
}

#[derive(Debug)]
struct Compiled {
    methods: Option<Vec<String>>,
    route: Option<String>,
    access: Access,
    unauthenticated: Unauthenticated,
    /// Whether it asks something of a user's tokens.
    asks: bool,
}

impl Rules {
    /// Compiles the configuration's rules, in their order.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let mut compiled = Self {
            rules: rules.iter().map(Compiled::new).collect(),
            exact: SortedMap::new(),
            prefix: SortedMap::new(),
            anywhere: Vec::new(),
            deepest: 0,
            names_routes: rules.iter().any(|rule| rule.route_name.is_some()),
        };
        for (index, rule) in rules.iter().enumerate() {
            compiled.add(&rule.path, index);
        }
        compiled
    }

    /// Adds the next rule, which is for `path`.
    fn add(&mut self, path: &PathMatch, rule: usize) {
        let (lists, path) = match path {
            PathMatch::Any => return self.anywhere.push(rule),
            PathMatch::Exact(path) => (&mut self.exact, path.as_str()),
            PathMatch::Prefix(path) => match path.trim_end_matches('/') {
                // "/" is the prefix of every path.
                "" => return self.anywhere.push(rule),
                path => {
                    let depth = path.bytes().filter(|byte| *byte == b'/').count();
                    self.deepest = self.deepest.max(depth);
                    (&mut self.prefix, path)
                }
            },
        };
        let mut rules = lists.remove(path.as_bytes()).unwrap_or_default();
        rules.push(rule);
        lists.insert(path.as_bytes().to_vec(), rules);
    }

    /// Whether any rule names a route, so that the host has to be asked for it.
    #[must_use]
    pub const fn names_routes(&self) -> bool {
        self.names_routes
    }

    /// What a request needs.
    ///
    /// Methods are compared exactly (RFC 9110 section 9.1). One with a small letter in it,
    /// which some servers take for its capital form, gets no rule's permission: it needs
    /// an authenticated user, with all that a rule asks of them in either form, and nobody may
    /// send it where a rule says so in either form.
    ///
    /// # Errors
    /// [`AmbiguousPath`] where two servers could see two rules apply.
    pub fn decide(&self, asked: &Asked<'_>) -> Result<Decision, AmbiguousPath> {
        let asked = Asked { path: path::without_query(asked.path), ..*asked };
        let decision = self.decision(self.agreed(&asked)?);
        match asked.method.iter().any(u8::is_ascii_lowercase) {
            false => Ok(decision),
            true => self.decide_either_way(&asked, decision),
        }
    }

    /// What a request needs whose method has a small letter in it, given what it needs as it is.
    #[cold]
    fn decide_either_way(
        &self,
        asked: &Asked<'_>,
        decision: Decision,
    ) -> Result<Decision, AmbiguousPath> {
        let capital = asked.method.to_ascii_uppercase();
        let capital = self.decision(self.agreed(&Asked { method: &capital, ..*asked })?);
        Ok(self.stricter(decision, capital))
    }

    /// What a request needs that could fall under either.
    fn stricter(&self, one: Decision, other: Decision) -> Decision {
        if let Some(denied) = [one, other].into_iter().find(|found| found.access == Access::Deny) {
            return denied;
        }
        let asks = |decision: &Decision| {
            decision.rule.and_then(|index| self.rules.get(index)).is_some_and(|rule| rule.asks)
        };
        match (asks(&one), asks(&other)) {
            (false, false) => Decision::default(),
            (true, false) => Decision { access: Access::Authenticated, ..one },
            (false, true) => Decision { access: Access::Authenticated, ..other },
            (true, true) if one.rule == other.rule => one,
            // A token has one set of rules to be good for.
            (true, true) => Decision { access: Access::Deny, ..other },
        }
    }

    /// The rule that all readings of the path fall under.
    fn agreed(&self, asked: &Asked<'_>) -> Result<Option<usize>, AmbiguousPath> {
        let rule = self.first(asked);
        // Without a rule that looks at paths every reading is alike.
        let pathless = self.exact.is_empty() && self.prefix.is_empty();
        if pathless
            || path::is_plain(asked.path)
            || path::all_readings(asked.path, |path| self.first(&Asked { path, ..*asked }) == rule)
        {
            Ok(rule)
        } else {
            Err(AmbiguousPath)
        }
    }

    /// The first rule for exactly this method, this path and this route.
    fn first(&self, asked: &Asked<'_>) -> Option<usize> {
        let mut first = self.earlier(None, &self.anywhere, asked);
        if let Some(list) = self.exact.get(asked.path) {
            first = self.earlier(first, list, asked);
        }
        for prefix in path::prefixes(asked.path).take(self.deepest) {
            if let Some(list) = self.prefix.get(prefix) {
                first = self.earlier(first, list, asked);
            }
        }
        first
    }

    /// The rule for this method and route in `list` that stands before `found`, or else `found`.
    fn earlier(&self, found: Option<usize>, list: &[usize], asked: &Asked<'_>) -> Option<usize> {
        for index in list.iter().copied() {
            if found.is_some_and(|found| found < index) {
                break;
            }
            if self.rules.get(index).is_some_and(|rule| rule.is_for(asked)) {
                return Some(index);
            }
        }
        found
    }

    fn decision(&self, rule: Option<usize>) -> Decision {
        match rule.and_then(|index| self.rules.get(index)) {
            Some(found) => {
                Decision { access: found.access, unauthenticated: found.unauthenticated, rule }
            }
            None => Decision::default(),
        }
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Self {
        Self {
            methods: rule.methods.clone(),
            route: rule.route_name.clone(),
            access: rule.access,
            unauthenticated: rule.unauthenticated,
            asks: rule.needs != Needs::default(),
        }
    }

    fn is_for(&self, asked: &Asked<'_>) -> bool {
        let named =
            |methods: &Vec<String>| methods.iter().any(|name| name.as_bytes() == asked.method);
        self.methods.as_ref().is_none_or(named)
            && self.route.as_ref().is_none_or(|route| route.as_bytes() == asked.route)
    }
}

#[cfg(test)]
mod tests;
