//! What clients find out by themselves: the metadata of protected resources (RFC 9728), and the way
//! to it in challenges.

use crate::config::{AccessTokenRules, Config, ProtectedResource, WELL_KNOWN};
use crate::wire::Json;

use super::Step;
use super::host::Host;
use super::metrics::Outcome;
use super::refusal::{Refusal, Refused};
use super::reply::Reply;
use super::request::{Arrival, Request};
use super::worker::Worker;

/// The documents of a gate, by where they are found.
#[derive(Debug, Default)]
pub(super) struct Published(Vec<Document>);

#[derive(Debug)]
struct Document {
    path: String,
    /// The resource's host: where two have one path, it says which is asked for.
    authority: String,
    metadata: Json,
}

impl Published {
    /// Those of a configuration.
    pub(super) fn new(config: &Config) -> Self {
        let of_rules = config.rules.iter().filter_map(|rule| rule.protected_resource.as_ref());
        let all: Vec<_> = config.protected_resource.iter().chain(of_rules).collect();
        let document = |path: String, resource: &ProtectedResource| Document {
            path,
            authority: resource.resource.authority().to_owned(),
            metadata: metadata(resource),
        };
        let mut published = Self::default();
        for resource in &all {
            published.add(document(resource.metadata_path(), resource));
        }
        // Many clients leave out a slash at the end (section 3.1 does at the host alone).
        for resource in &all {
            let path = resource.metadata_path();
            published.add(document(path.trim_end_matches('/').to_owned(), resource));
        }
        // Where clients look that were told nothing, and know no path.
        if let Some(resource) = &config.protected_resource {
            published.add(document(WELL_KNOWN.to_owned(), resource));
        }
        published
    }

    /// Adds a document, unless that place is taken.
    fn add(&mut self, new: Document) {
        let taken = |old: &Document| old.path == new.path && old.authority == new.authority;
        if !self.0.iter().any(taken) {
            self.0.push(new);
        }
    }

    /// Whether there are any.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The document at exactly this path; no other spelling is one of the gate's own addresses.
    /// A host that proxies have renamed is no reason to hide it: clients compare `resource` with
    /// what they asked (section 3.3).
    fn find(&self, arrival: &Arrival<'_>) -> Option<&Document> {
        if !arrival.target.starts_with(WELL_KNOWN.as_bytes()) {
            return None;
        }
        let here = || self.0.iter().filter(|known| known.path.as_bytes() == arrival.path());
        let asked =
            |known: &&Document| known.authority.as_bytes().eq_ignore_ascii_case(arrival.authority);
        here().find(asked).or_else(|| here().next())
    }
}

/// The members of section 2. What is empty is left out (section 3.2).
fn metadata(resource: &ProtectedResource) -> Json {
    let text = |text: &str| Json::String(text.to_owned());
    let servers = resource.authorization_servers.iter().map(|issuer| text(issuer.as_str()));
    let mut members = vec![
        ("resource".to_owned(), text(resource.resource.as_str())),
        ("authorization_servers".to_owned(), Json::Array(servers.collect())),
    ];
    if !resource.scopes_supported.is_empty() {
        let scopes = resource.scopes_supported.iter().map(|scope| text(scope));
        members.push(("scopes_supported".to_owned(), Json::Array(scopes.collect())));
    }
    let header = Json::Array(vec![text("header")]);
    members.push(("bearer_methods_supported".to_owned(), header));
    Json::Object(members)
}

/// What a challenge tells besides its error.
#[derive(Debug)]
pub(super) struct Pointer {
    /// `resource_metadata` (RFC 9728 section 5.1).
    pub(super) metadata_url: String,
    /// `scope` (RFC 6750 section 3), where it is scope that the token lacks.
    pub(super) scope: Option<String>,
}

impl Worker {
    /// The answer to whoever asks for metadata: everybody may, before the provider is known, too.
    /// `None`: the path is none of these.
    pub(super) fn resource_metadata(&self, arrival: &Arrival<'_>) -> Option<Result<Step, Refused>> {
        let document = self.published.find(arrival)?;
        Some(match arrival.method() {
            b"GET" | b"HEAD" => {
                let reply = Reply::json(Outcome::ResourceMetadata, &document.metadata);
                Ok(Step::Reply(reply.open_to_all()))
            }
            // Clients in browsers ask with a header of their own (MCP-Protocol-Version).
            b"OPTIONS" => Ok(Step::Reply(Reply::preflight(Outcome::ResourceMetadata))),
            _ => Err(Refusal::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" }.into()),
        })
    }

    /// Where the answer to this request points to, if it falls under a resource: that of its rule,
    /// or else the global one where its path is.
    #[cold]
    pub(super) fn pointer(
        &self,
        host: &dyn Host,
        request: &Request<'_>,
        code: Outcome,
    ) -> Option<Pointer> {
        if self.published.is_empty() {
            return None;
        }
        let arrival = request.arrival;
        let decision = self.decision(host, arrival).ok()?;
        let rule = decision.rule.and_then(|index| self.config.rules.get(index));
        let whole = || {
            let whole = self.config.protected_resource.as_ref();
            whole.filter(|resource| resource.covers(arrival.path()))
        };
        let resource = rule.and_then(|rule| rule.protected_resource.as_ref()).or_else(whole)?;
        let scope = |rules: &AccessTokenRules| rules.scope.join(" ");
        Some(Pointer {
            metadata_url: resource.metadata_url(),
            scope: (code == Outcome::InsufficientScope)
                .then(|| self.bearer_rules(&decision).map(scope))
                .flatten(),
        })
    }
}
