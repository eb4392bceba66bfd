//! Gatekeeper's options, one by one.

use serde_json::{Map, Value, json};

use super::{Told, resources, table};
use crate::yaml::{Dialect, Member, Node, Place};

/// The headers that Gatekeeper always sends, and the claims in them.
const HEADERS: [(&str, &str); 6] = [
    ("x-auth-username", "preferred_username"),
    ("x-auth-userid", "preferred_username"),
    ("x-auth-subject", "sub"),
    ("x-auth-email", "email"),
    ("x-auth-groups", "groups"),
    ("x-auth-roles", "realm_access.roles"),
];
/// Options that guard something, and that no key carries over: who uses them must decide.
const GUARDS: [&str; 4] = ["enable-opa", "enable-uma", "enable-loa", "enable-hmac"];

/// The gate's configuration, and what is to be told; empty where it cannot be made.
pub(super) fn config(document: &Node, audiences: &[String], told: &mut Told) -> Map<String, Value> {
    if document.members().is_empty() {
        told.error("", document.at, "expected options of Gatekeeper, found none", "");
    }
    for Member { name, at, node } in document.members() {
        let of_resource = resources::KEYS.contains(&name.as_str()) && name != "headers";
        match table::advice(name).filter(|_| !of_resource) {
            None => told.error(
                name,
                *at,
                "no option of Gatekeeper's that is known here",
                "correct it, or take it out",
            ),
            Some(instead) if GUARDS.contains(&name.as_str()) && is_set(node) => {
                told.error(
                    name,
                    *at,
                    format!("guards requests, and has no equal: {instead}"),
                    "put that in place, then take the option out",
                );
            }
            Some(instead) if !is_carried_over(name) && is_set(node) => {
                told.note(name, *at, instead);
            }
            Some(_) => {}
        }
    }
    let gatekeeper = Gatekeeper { document };
    if gatekeeper.flag("enable-default-deny") == Some(false) {
        let what =
            "what no rule matches needs a user here; where it was open, add `access: public`";
        told.note("enable-default-deny", gatekeeper.place("enable-default-deny"), what);
    }
    let mut config = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            config.insert(name.to_owned(), value);
        }
    };
    put("provider", provider(&gatekeeper, told));
    put("client", client(&gatekeeper, told));
    put("access_token", json!({"audiences": access_token(&gatekeeper, audiences, told)}));
    put("origins", origins(&gatekeeper, told));
    put("session", session(&gatekeeper, told));
    put("logout", logout(&gatekeeper));
    put("upstream", upstream(&gatekeeper));
    if gatekeeper.flag("skip-authorization-header-identity") == Some(true) {
        put("bearer", json!(false));
    }
    let rules = rules(&gatekeeper, told);
    put("rules", if rules.is_empty() { Value::Null } else { Value::Array(rules) });
    config
}

/// Options whose values this program reads.
fn is_carried_over(name: &str) -> bool {
    const NAMES: [&str; 20] = [
        "discovery-url",
        "client-id",
        "client-auth-method",
        "client-secret",
        "encryption-key",
        "scopes",
        "redirection-url",
        "post-logout-redirect-uri",
        "secure-cookie",
        "same-site-cookie",
        "skip-authorization-header-identity",
        "skip-access-token-clientid-check",
        "no-redirects",
        "match-claims",
        "add-claims",
        "enable-authorization-header",
        "enable-default-deny-strict",
        "resources",
        "listen",
        "upstream-url",
    ];
    NAMES.contains(&name)
}

/// Whether an option is more than its absence.
fn is_set(node: &Node) -> bool {
    !matches!(node.json(Dialect::Core).as_str(), "false" | "null" | "\"\"" | "[]" | "{}")
}

struct Gatekeeper<'y> {
    document: &'y Node,
}

impl<'y> Gatekeeper<'y> {
    fn get(&self, name: &str) -> Option<&'y Member> {
        self.document.member(name)
    }

    fn text(&self, name: &str) -> Option<&'y str> {
        self.get(name)?.node.text().filter(|text| !text.is_empty())
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)?.node.json(Dialect::Kubernetes).as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    fn texts(&self, name: &str) -> Vec<&'y str> {
        let node = self.get(name).map(|member| &member.node);
        node.map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect()
    }

    fn place(&self, name: &str) -> Place {
        self.get(name).map_or(self.document.at, |member| member.at)
    }
}

fn provider(gatekeeper: &Gatekeeper<'_>, told: &mut Told) -> Value {
    let Some(url) = gatekeeper.text("discovery-url") else {
        let how = "write the issuer of the realm: https://keycloak.example/realms/acme";
        told.error("discovery-url", gatekeeper.document.at, "missing", how);
        return Value::Null;
    };
    let issuer = url.trim_end_matches("/.well-known/openid-configuration").trim_end_matches('/');
    json!({"issuer": issuer, "cluster": "keycloak"})
}

fn client(gatekeeper: &Gatekeeper<'_>, told: &mut Told) -> Value {
    let Some(id) = gatekeeper.text("client-id") else {
        told.error("client-id", gatekeeper.document.at, "missing", "write the client's name");
        return Value::Null;
    };
    let mut client = json!({"client_id": id});
    let mut method = match gatekeeper.text("client-auth-method") {
        None | Some("secret-basic") => None,
        Some("secret-body") => Some("client_secret_post"),
        Some(_) => {
            let at = gatekeeper.place("client-auth-method");
            told.error("client-auth-method", at, "expected secret-basic or secret-body", "");
            None
        }
    };
    if gatekeeper.text("client-secret").is_some() {
        let what = "goes into the environment of the host, as CLIENT_SECRET";
        told.note("client-secret", gatekeeper.place("client-secret"), what);
        put(&mut client, "client_secret", json!({"env": "CLIENT_SECRET"}));
    } else {
        method = Some("none");
    }
    if let Some(method) = method {
        put(&mut client, "token_endpoint_auth_method", json!(method));
    }
    // Gatekeeper adds these by itself.
    let mut scope = vec!["openid", "email", "profile"];
    for name in gatekeeper.texts("scopes") {
        if !scope.contains(&name) {
            scope.push(name);
        }
    }
    put(&mut client, "scope", json!(scope));
    client
}

fn put(section: &mut Value, name: &str, value: Value) {
    if let Some(members) = section.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Whom access tokens are for. Gatekeeper need not know; the gate must.
fn access_token(gatekeeper: &Gatekeeper<'_>, given: &[String], told: &mut Told) -> Vec<String> {
    let claims = gatekeeper.get("match-claims").map(|member| &member.node);
    let mut audiences = given.to_vec();
    for Member { name, at, node } in claims.map(Node::members).unwrap_or_default() {
        let text = node.text().unwrap_or_default();
        match name.as_str() {
            "iss" => told.note("match-claims.iss", *at, "the issuer is always compared"),
            "aud" if !given.is_empty() => {}
            "aud" if !is_pattern(text) => audiences.push(text.to_owned()),
            _ => {
                let what =
                    "guards every request, and is carried over for `aud` and plain text alone";
                let how = "write it as `claims` of the rules, then take it out here";
                told.error(&format!("match-claims.{name}"), *at, what, how);
            }
        }
    }
    if audiences.is_empty() && gatekeeper.flag("skip-access-token-clientid-check") == Some(false) {
        audiences.extend(gatekeeper.text("client-id").map(str::to_owned));
    }
    if audiences.is_empty() {
        let what = "says nowhere which API access tokens are for, and the gate must know";
        told.error("", gatekeeper.document.at, what, "name it: --audience APP-backend");
    }
    audiences
}

/// Whether a regular expression means more than its text.
fn is_pattern(text: &str) -> bool {
    text.is_empty() || text.contains(['*', '+', '?', '[', '(', '|', '^', '$', '\\', '{'])
}

fn origins(gatekeeper: &Gatekeeper<'_>, told: &mut Told) -> Value {
    let Some(url) = gatekeeper.text("redirection-url") else { return Value::Null };
    let origin = url.split_once("://").and_then(|(scheme, rest)| {
        let host = rest.split('/').next().filter(|host| !host.is_empty())?;
        Some(format!("{scheme}://{host}"))
    });
    let at = gatekeeper.place("redirection-url");
    match origin {
        Some(origin) => {
            let what = format!("register {origin}/oauth2/callback at the provider");
            told.note("redirection-url", at, what);
            json!([origin])
        }
        None => {
            told.error("redirection-url", at, "expected an address", "https://app.example");
            Value::Null
        }
    }
}

fn session(gatekeeper: &Gatekeeper<'_>, told: &mut Told) -> Value {
    let what = "SESSION_KEY is a new key: `oidc-gate keygen` makes one";
    told.note("encryption-key", gatekeeper.place("encryption-key"), what);
    let mut cookie = json!({});
    if gatekeeper.flag("secure-cookie") == Some(false) {
        put(&mut cookie, "secure", json!(false));
    }
    if let Some(same_site) = gatekeeper.text("same-site-cookie") {
        put(&mut cookie, "same_site", json!(same_site.to_ascii_lowercase()));
    }
    let mut session = json!({"keys": [{"env": "SESSION_KEY"}]});
    if cookie.as_object().is_some_and(|cookie| !cookie.is_empty()) {
        put(&mut session, "cookie", cookie);
    }
    session
}

fn logout(gatekeeper: &Gatekeeper<'_>) -> Value {
    let uri = gatekeeper.text("post-logout-redirect-uri");
    uri.map_or(Value::Null, |uri| json!({"post_logout_redirect_uri": uri}))
}

fn upstream(gatekeeper: &Gatekeeper<'_>) -> Value {
    let mut headers: Map<String, Value> =
        HEADERS.iter().map(|(name, claim)| ((*name).to_owned(), json!(claim))).collect();
    for claim in gatekeeper.texts("add-claims") {
        let name = format!("x-auth-{}", claim.replace(['_', '.'], "-").to_ascii_lowercase());
        headers.insert(name, json!(claim.replace('.', "\\.")));
    }
    let mut upstream = json!({"headers": headers});
    if gatekeeper.flag("enable-authorization-header") == Some(false) {
        put(&mut upstream, "authorization", json!("none"));
    }
    upstream
}

fn rules(gatekeeper: &Gatekeeper<'_>, told: &mut Told) -> Vec<Value> {
    let no_redirects = gatekeeper.flag("no-redirects") == Some(true);
    let resources = gatekeeper.get("resources").map(|member| &member.node);
    let resources = resources.map(Node::items).unwrap_or_default();
    let mut rules = resources::rules(resources, no_redirects, told);
    let all = || json!({"match": {"path_prefix": "/"}});
    if rules.last().is_some_and(|last| last.get("match") == all().get("match")) {
        return rules;
    }
    let mut last = all();
    if gatekeeper.flag("enable-default-deny-strict") == Some(true) && !named_all(resources) {
        put(&mut last, "access", json!("deny"));
        rules.push(last);
    } else if no_redirects {
        put(&mut last, "unauthenticated", json!("deny"));
        rules.push(last);
    }
    rules
}

/// Whether a resource is for every path.
fn named_all(resources: &[Node]) -> bool {
    resources.iter().any(|resource| resource.text_at(&["uri"]) == "/*")
}
