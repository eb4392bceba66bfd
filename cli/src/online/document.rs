//! The discovery document (OIDC Discovery 1.0 section 3, RFC 8414 section 2): what the gate has
//! taken in already is compared with the configuration.
//!
//! A list that leaves out what is configured is a warning: such lists are often wrong, and the
//! endpoint itself decides. What the provider demands and the gate does not do is an error.

use oidc_gate::config::{ClientAuthentication, Config, Way};
use oidc_gate::http::{Scheme, Url};
use oidc_gate::provider::{Fetch, LONGEST_BODY, Metadata, Provider, unsupported_method};
use oidc_gate::wire::Json;

use super::report::{Report, State};
use crate::words::{list, quoted};

/// The document, as the gate's own JSON reader has it.
pub(super) struct Document {
    json: Json,
}

const ISSUER: &str = "provider.issuer";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

impl Document {
    /// Reads what the gate has read before.
    pub(super) fn read(body: &[u8]) -> Self {
        let json = Json::parse(body, LONGEST_BODY);
        Self { json: json.unwrap_or_else(|_| Json::Object(Vec::new())) }
    }

    /// The texts of a list; `None` where it is not there.
    fn list(&self, name: &str) -> Option<Vec<String>> {
        let members = self.json.get(name)?.as_array()?.iter();
        Some(members.filter_map(Json::as_str).map(str::to_owned).collect())
    }

    fn says(&self, name: &str) -> bool {
        self.json.get(name).and_then(Json::as_bool) == Some(true)
    }

    fn has(&self, name: &str) -> bool {
        self.json.get(name).is_some_and(|value| !matches!(value, Json::Null))
    }
}

/// Compares all of it.
pub(super) fn judge(document: &Document, config: &Config, provider: &Provider, to: &mut Report) {
    let Some(metadata) = provider.metadata() else { return };
    let issuer = quoted(config.provider.issuer.as_str());
    to.say(("issuer", ISSUER), State::Right, format!("{issuer}, to the letter"));
    endpoints(metadata, config, provider, to);
    if config.provider.introspects {
        introspection(document, config, to);
    }
    if !config.login {
        return;
    }
    logout(metadata, to);
    signatures(document, config, to);
    code_flow(document, metadata, to);
    scopes(document, config, to);
    grants(document, config, to);
    authentication(metadata, config, to);
    not_done(document, to);
}

/// What is called, and whether one cluster can reach all of it.
fn endpoints(metadata: &Metadata, config: &Config, provider: &Provider, to: &mut Report) {
    let discovery = provider.url(Fetch::Discovery);
    let called = [
        ("discovery", discovery.as_ref()),
        ("token_endpoint", metadata.token_endpoint.as_ref()),
        ("jwks_uri", Some(&metadata.jwks_uri)),
        ("introspection_endpoint", metadata.introspection_endpoint.as_ref()),
    ];
    let there = called.iter().filter_map(|(name, url)| Some((*name, (*url)?)));
    let (mut hosts, mut names, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for (name, url) in there {
        names.push(name);
        if url.scheme() == Scheme::Http {
            plain.push(name);
        }
        if !hosts.iter().any(|host| host == url.authority()) {
            hosts.push(url.authority().to_owned());
        }
    }
    let subject = ("endpoints", "provider.cluster");
    if let (true, None) = (hosts.len() > 1, &config.provider.authority) {
        let what = format!("expected one host for all that the gate calls, found {}", list(&hosts));
        let hint = "the host's cluster `provider.cluster` must reach each of them";
        to.advise(subject, State::Warning, what, hint);
        return;
    }
    let secure = match plain.is_empty() {
        true => "https".to_owned(),
        false => format!("http: {}", plain.join(", ")),
    };
    to.say(subject, State::Right, format!("{} ({secure})", names.join(", ")));
}

fn logout(metadata: &Metadata, to: &mut Report) {
    let subject = ("logout", "logout.post_logout_redirect_uri");
    match &metadata.end_session_endpoint {
        Some(url) => to.say(subject, State::Right, quoted(Url::as_str(url))),
        None => to.advise(
            subject,
            State::Warning,
            "expected `end_session_endpoint`, found none: logout ends the gate's session alone, \
             and the next login may ask nothing",
            "where the provider has such an endpoint, set provider.metadata.end_session_endpoint",
        ),
    }
}

/// `id_token_signing_alg_values_supported`, which Discovery 3 requires.
fn signatures(document: &Document, config: &Config, to: &mut Report) {
    let subject = ("algorithms", "id_token.signing_algorithms");
    let accepted = &config.id_token.signing_algorithms;
    let accepted: Vec<&str> = accepted.iter().map(|algorithm| algorithm.name()).collect();
    let Some(found) = document.list("id_token_signing_alg_values_supported") else {
        let what = "expected `id_token_signing_alg_values_supported`, found none";
        to.advise(subject, State::Warning, what, "the keys say what can be verified");
        return;
    };
    let (shared, others): (Vec<String>, Vec<String>) =
        found.iter().cloned().partition(|name| accepted.contains(&name.as_str()));
    if shared.is_empty() {
        let what =
            format!("expected one of {}, found {}", accepted.join(", "), list_or_none(&found));
        let hint = "let the provider sign ID tokens with one of them, or correct \
                    `id_token.signing_algorithms`";
        to.advise(subject, State::Wrong, what, hint);
    } else if others.is_empty() {
        to.say(subject, State::Right, list(&shared));
    } else {
        let what = format!("{} (not accepted: {})", list(&shared), list(&others));
        to.say(subject, State::Right, what);
    }
}

/// The authorization request and its response: RFC 6749 section 4.1, RFC 7636, RFC 9207.
fn code_flow(document: &Document, metadata: &Metadata, to: &mut Report) {
    let subject = ("response_type", ISSUER);
    match document.list("response_types_supported") {
        Some(types) if !types.iter().any(|it| it == "code") => {
            let what = format!("expected \"code\" among them, found {}", list_or_none(&types));
            to.advise(subject, State::Wrong, what, "allow the authorization code flow");
        }
        _ => to.say(subject, State::Right, "\"code\""),
    }
    // That a list which is there has S256 the gate has seen to.
    let subject = ("pkce", ISSUER);
    match document.has("code_challenge_methods_supported") {
        true => to.say(subject, State::Right, "\"S256\""),
        false => to.advise(
            subject,
            State::Warning,
            "expected \"S256\" among `code_challenge_methods_supported`, found no such list: it \
             is sent all the same",
            "make sure that the provider checks it, and does not ignore it",
        ),
    }
    let subject = ("iss", "provider.metadata.authorization_response_iss_parameter_supported");
    match metadata.iss_parameter_supported {
        true => to.say(subject, State::Right, "every answer to a login names its issuer"),
        false => to.say(
            subject,
            State::Note,
            "answers to a login do not name their issuer (RFC 9207): `state` alone tells whose \
             they are",
        ),
    }
}

/// `scopes_supported`: a provider may leave some out (Discovery 3).
fn scopes(document: &Document, config: &Config, to: &mut Report) {
    let subject = ("scope", "client.scope");
    let Some(known) = document.list("scopes_supported") else {
        to.say(subject, State::Note, "the provider does not list its scopes");
        return;
    };
    let acquired = config.rules.iter().filter_map(|rule| rule.needs.acquire.as_ref());
    let asked = config.client.scope.iter().chain(acquired.flat_map(|acquire| &acquire.scope));
    let mut missing: Vec<String> = Vec::new();
    for scope in asked.filter(|scope| !known.contains(scope)) {
        if !missing.contains(scope) {
            missing.push(scope.clone());
        }
    }
    if missing.is_empty() {
        to.say(subject, State::Right, list(&config.client.scope));
        return;
    }
    let what = format!("expected {} in `scopes_supported`, found none", list(&missing));
    let hint =
        "make sure that the client may ask for it: many providers refuse the login otherwise";
    to.advise(subject, State::Warning, what, hint);
}

/// `grant_types_supported` (RFC 8414): what a login, a renewal and rules of their own need.
fn grants(document: &Document, config: &Config, to: &mut Report) {
    let subject = ("grants", "rules");
    let Some(known) = document.list("grant_types_supported") else {
        to.say(subject, State::Note, "the provider does not list its grants");
        return;
    };
    let exchanges = config.rules.iter().filter_map(|rule| rule.needs.acquire.as_ref());
    let exchanges = exchanges.filter(|acquire| acquire.way == Way::TokenExchange).count() > 0;
    let needed = [
        ("authorization_code", true, "nobody can log in without it"),
        ("refresh_token", true, "sessions end with their access token without it"),
        (EXCHANGE, exchanges, "rules with `acquire: token_exchange` need it (RFC 8693)"),
    ];
    let needed = needed.iter().filter(|(_, needed, _)| *needed);
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for (name, _, why) in needed {
        match known.iter().any(|it| it == name) {
            true => there.push((*name).to_owned()),
            false => missing.push((name, why)),
        }
    }
    for (name, why) in &missing {
        let what = format!("expected \"{name}\" in `grant_types_supported`, found none");
        to.advise(subject, State::Warning, what, why);
    }
    if missing.is_empty() {
        to.say(subject, State::Right, list(&there));
    }
}

fn authentication(metadata: &Metadata, config: &Config, to: &mut Report) {
    let subject = ("client", "client.token_endpoint_auth_method");
    let name = method(config);
    match unsupported_method(metadata, &config.client) {
        Some(warning) => {
            let (what, hint) = warning.split_once("; hint: ").unwrap_or((&warning, ""));
            to.advise(subject, State::Warning, what, hint);
        }
        None => to.say(subject, State::Right, format!("\"{name}\"")),
    }
}

/// `introspection_endpoint_auth_methods_supported` (RFC 8414 section 2). That there is an endpoint
/// the gate has seen to.
fn introspection(document: &Document, config: &Config, to: &mut Report) {
    let subject = ("introspection", "access_token.format");
    let name = method(config);
    match document.list("introspection_endpoint_auth_methods_supported") {
        Some(methods) if !methods.iter().any(|it| it == name) => {
            let what = format!("expected \"{name}\", found {}", list_or_none(&methods));
            let hint = "use one of these methods if opaque tokens are refused";
            to.advise(subject, State::Warning, what, hint);
        }
        _ => to.say(subject, State::Right, "opaque tokens can be asked about"),
    }
}

const fn method(config: &Config) -> &'static str {
    match config.client.authentication {
        ClientAuthentication::SecretBasic(_) => "client_secret_basic",
        ClientAuthentication::SecretPost(_) => "client_secret_post",
        ClientAuthentication::None => "none",
    }
}

/// What the gate does not do: fatal where the provider demands it.
fn not_done(document: &Document, to: &mut Report) {
    let off = "switch the demand off at the provider, at least for this client";
    let par = ("par", "client.pushed_authorization_requests");
    if document.says("require_pushed_authorization_requests") {
        let what = "the provider demands that authorization requests are pushed (RFC 9126), \
                    which the gate does not do yet";
        to.advise(par, State::Wrong, what, off);
    } else if document.has("pushed_authorization_request_endpoint") {
        to.say(par, State::Note, "there, and not used by the gate yet (RFC 9126)");
    }
    let signed = ("request_object", ISSUER);
    if document.says("require_signed_request_object") {
        let what = "the provider demands signed authorization requests (RFC 9101), which the \
                    gate does not make";
        to.advise(signed, State::Wrong, what, off);
    }
    if document.has("dpop_signing_alg_values_supported") {
        let what = "there, and not used by the gate yet (RFC 9449): tokens are bearer tokens";
        to.say(("dpop", "client.dpop"), State::Note, what);
    }
}

fn list_or_none(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { list(texts) }
}
