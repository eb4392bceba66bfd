//! The operator's configuration: JSON in, validated types out, or every mistake at once.
//!
//! Names of keys are those of OIDC Discovery 1.0 (provider), Dynamic Client Registration
//! 1.0 (client) and RFC 8725 (tokens). Nothing past this module checks a string again:
//! what these types hold is right. Each field's doc names its key, default and meaning.

mod acquire;
mod claim;
mod client;
mod duration;
mod endpoints;
mod format;
pub mod keys;
mod log;
mod metadata;
mod needs;
mod path;
mod problem;
mod provider;
mod reader;
mod resource;
mod rules;
mod secrets;
mod session;
mod source;
mod spelling;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tokens;
mod upstream;

pub use acquire::{Acquire, Ask, Way};
pub use claim::{ClaimPath, ClaimSource};
pub use client::{Client, ClientAuthentication};
pub use endpoints::{Endpoints, PostLogout};
pub use format::AccessTokenFormat;
pub use log::LogFormat;
pub use metadata::MetadataOverrides;
pub use needs::{Needs, RequiredClaim, WHOLE};
pub use problem::{Problem, Problems};
pub use provider::{InvalidIssuer, Issuer, Provider};
pub use reader::joined as member_path;
pub use resource::{ProtectedResource, WELL_KNOWN};
pub use rules::{Access, PathMatch, Rule, Unauthenticated};
pub use session::{Cookie, Session};
pub use tokens::{AccessTokenRules, IdTokenRules};
pub use upstream::{Authorization, Upstream, UpstreamHeader};

use std::ops::RangeInclusive;
use std::time::Duration;

use self::needs::Sources;
use self::reader::{Node, Report, Section};
use crate::http::Origin;
use crate::wire::Json;

/// Everything that the operator decides. Made by [`Config::read`] only.
#[derive(Debug)]
pub struct Config {
    /// `provider`, required: the OpenID provider and how it is reached.
    pub provider: Provider,
    /// `client`, required with `login` and with opaque access tokens: who the gate is at the
    /// provider. Otherwise it may have an empty `client_id`, and is used for nothing.
    pub client: Client,
    /// `id_token`: the rules of the ID token. Without `login` they accept nothing.
    pub id_token: IdTokenRules,
    /// `access_token`: the rules of the access token. `None` only where none is used:
    /// `bearer: false`, `upstream.authorization` not `access_token`, and no header from it.
    pub access_token: Option<AccessTokenRules>,
    /// `clock_skew`, default `30s`, at most `5m`: how far the provider's clock may be off.
    pub clock_skew: Duration,
    /// `login`, default `true`: whether browsers are sent to the provider. `false`: bearer only.
    pub login: bool,
    /// `preserve_post`, default `false`: whether a form that is posted when the session is over
    /// comes back after login. The host must let the filter read a body first.
    pub preserve_post: bool,
    /// `bearer`, default `true`: whether an `Authorization` from a client counts. `false`:
    /// it is dropped, and only sessions count.
    pub bearer: bool,
    /// `origins`, default any (here: empty): the public origins served; anything else is
    /// answered 421. They decide `redirect_uri`.
    pub origins: Vec<Origin>,
    /// `protected_resource`, default none: what clients find out about the API by themselves.
    pub protected_resource: Option<ProtectedResource>,
    /// `endpoints`: the paths that the gate answers itself.
    pub endpoints: Endpoints,
    /// `logout.post_logout_redirect_uri`, default `/` of the origin (here: `None`): where the
    /// provider sends the user after logout.
    pub post_logout_redirect_uri: Option<PostLogout>,
    /// `session`, required with `login`; `Some` exactly when `login` is true.
    pub session: Option<Session>,
    /// `upstream`: what the upstream receives.
    pub upstream: Upstream,
    /// `log.format`, default `text`.
    pub log_format: LogFormat,
    /// `log.access_log_fields`, default `false`: whether the host's access log gets fields of each
    /// request.
    pub access_log_fields: bool,
    /// `rules`, default none: the first that matches wins; what matches none needs an
    /// authenticated user.
    pub rules: Vec<Rule>,
}

/// A configuration that is right, and what is worth saying about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Right, but probably not meant; none has a hint.
    pub warnings: Vec<Problem>,
}

const CLOCK_SKEW: Duration = Duration::from_secs(30);
const CLOCK_SKEWS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);

impl Config {
    /// Reads a configuration of at most 256 KiB of JSON; `env` looks up an environment
    /// variable.
    ///
    /// # Errors
    /// [`Problems`]: every mistake at once, each with its path and what to write instead.
    pub fn read(json: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Problems> {
        let json = source::parse(json)
            .map_err(|problem| Problems { problems: vec![problem], warnings: Vec::new() })?;
        let mut report = Report::new(env);
        let config = Self::of(&json, &mut report);
        let (config, warnings) = report.outcome(config)?;
        Ok(Loaded { config, warnings })
    }

    fn of(json: &Json, to: &mut Report<'_>) -> Option<Self> {
        let root = Node { path: String::new(), value: json }.section("", to)?;
        // What is broken itself asks for nothing else: one mistake is one message.
        let login = root.flag("login", true, to).unwrap_or(false);
        let bearer = root.flag("bearer", true, to).unwrap_or(false);
        let preserve_post = root.flag("preserve_post", false, to);
        let clock_skew = root.duration("clock_skew", CLOCK_SKEW, &CLOCK_SKEWS, to);

        let opaque = format::is_opaque(&root);
        let provider = provider::read(&root, login, opaque, to);
        let issuer = provider.as_ref().map(|provider| &provider.issuer);
        let client = client::read(&root, login || opaque, to);
        let mut id_token = tokens::read_id_token(&root, issuer, client.as_ref(), clock_skew, to);
        if let Some(id_token) = id_token.as_mut().filter(|_| !login) {
            id_token.audiences.clear();
        }
        let upstream = upstream::read(&root, login, to);
        let needed = upstream.as_ref().and_then(|upstream| access_token_user(bearer, upstream));
        let access_token = tokens::read_access_token(&root, needed, issuer, clock_skew, to);

        let session = session::read(&root, login, to);
        let plain_http = !login || session.as_ref().is_none_or(|session| !session.cookie.secure);
        let origins = endpoints::read_origins(&root, plain_http, to);
        let endpoints = endpoints::read(&root, to);
        let post_logout_redirect_uri = endpoints::read_logout(&root, to);
        let sources = Sources {
            login,
            bearer,
            issuer,
            plain_http,
            access_token: access_token.as_ref().and_then(Option::as_ref),
            broken: access_token.is_none(),
            sends_access_token: upstream
                .as_ref()
                .is_none_or(|upstream| upstream.authorization == Authorization::AccessToken),
        };
        let judged = sources.access_token;
        let resource = resource::read(&root, "protected_resource", &sources, judged, to);
        let rules = rules::read(&root, &sources, to);
        if let (Some(rules), Some(endpoints)) = (&rules, &endpoints) {
            let whole = resource.as_ref().and_then(Option::as_ref);
            let origins = origins.as_deref().unwrap_or_default();
            resource::check_places(whole, rules, endpoints, origins, to);
            rules::warn_of_idle_rules(rules, endpoints, to);
        }

        if let (Some(rules), Some(client)) = (&rules, &client) {
            rules::warn_of_public_exchange(rules, client, to);
            rules::warn_of_ungranted_scope(rules, client, to);
        }
        let log = log::read(&root, to);
        if let (Some(rules), Some(session)) = (&rules, &session) {
            rules::refuse_trips_without_cookie(rules, session, to);
        }
        check_whole(&root, opaque, to);
        if let Some(client) = client.as_ref().filter(|_| opaque) {
            client::warn_of_public_introspection(client, to);
        }
        if let (Some(id_token), Some(Some(access_token))) = (&id_token, &access_token) {
            warn_of_shared_audience(id_token, access_token, to);
        }
        Some(Self {
            provider: provider?,
            client: client?,
            id_token: id_token?,
            access_token: access_token?,
            clock_skew: clock_skew?,
            login,
            preserve_post: preserve_post? && login,
            bearer,
            origins: origins?,
            protected_resource: resource?,
            endpoints: endpoints?,
            post_logout_redirect_uri: post_logout_redirect_uri?,
            session: if login { Some(session?) } else { None },
            upstream: upstream?,
            log_format: log?.0,
            access_log_fields: log?.1,
            rules: rules?,
        })
    }
}

/// What single sections cannot see.
fn check_whole(root: &Section<'_>, opaque: bool, to: &mut Report<'_>) {
    let says_false = |name| root.get(name).is_some_and(|node| *node.value == Json::Bool(false));
    if !says_false("login") {
        return;
    }
    if says_false("bearer") {
        let hint = "leave one of them out".to_owned();
        to.problem("bearer", "with `login: false` too, nobody can pass", Some(hint));
    }
    for name in ["client", "id_token", "logout", "session"] {
        if root.get(name).is_some() && !(opaque && name == "client") {
            to.warn(name, "has no effect with `login: false`");
        }
    }
    if root.get("preserve_post").is_some_and(|node| *node.value == Json::Bool(true)) {
        to.warn("preserve_post", "has no effect with `login: false`");
    }
}

/// What uses the access token, as it is written; `None` where nothing does.
fn access_token_user(bearer: bool, upstream: &Upstream) -> Option<&'static str> {
    let in_header = |header: &UpstreamHeader| header.claim.token == ClaimSource::AccessToken;
    if bearer {
        Some("`bearer: true`")
    } else if upstream.authorization == Authorization::AccessToken {
        Some("`upstream.authorization: access_token`")
    } else if upstream.headers.iter().any(in_header) {
        Some("`upstream.headers`")
    } else {
        None
    }
}

fn warn_of_shared_audience(id: &IdTokenRules, access: &AccessTokenRules, to: &mut Report<'_>) {
    if access.audiences.contains(&id.client_id) {
        let what = "names the client itself, as ID tokens do: give the API an audience of its own";
        to.warn("access_token.audiences", what);
    }
}
