//! What to change, and where, so that a token is accepted: for whoever runs the provider
//! or this gate. Words are Keycloak's where Keycloak has its own.

use super::kind::Kind;
use super::refusal::{Check, Refusal};
use super::words::{list, one_of};

impl Refusal {
    /// What to change at the provider, or here: one or two sentences.
    #[must_use]
    pub fn advice(&self) -> String {
        match (&self.check, self.token) {
            (Check::Audience { expected, .. }, Kind::AccessToken) => format!(
                "At the provider, let the access token name {}: in Keycloak, add an audience \
                 mapper to a client scope of the client that asks for the token, or give the \
                 user a client role of that API. Or correct `access_token.audiences` here.",
                one_of(expected)
            ),
            (Check::ExtraAudience { .. }, Kind::AccessToken) => "At the provider, let the token that \
                is asked for name this service alone, or ask for less (`audience`, `scope`). Or write \
                `extra_audiences: allow` for this rule, if the service may use the token elsewhere."
                .to_owned(),
            (Check::Scope { missing, .. }, _) => format!(
                "Ask for the scope {} at login (`client.scope`), or where a rule acquires the token, \
                 in its `scope`; in Keycloak, add it to the client as a client scope.",
                list(missing)
            ),
            (check, Kind::AccessToken) => access_token(check).to_owned(),
            (check, Kind::IdToken) => id_token(check).to_owned(),
        }
    }
}

const CLOCKS: &str = "Set the clocks of the provider and of this host by NTP, or raise \
                      `clock_skew`.";
const KEYS: &str = "Check that the token comes from the provider that is configured, and that \
                    its keys (`jwks_uri`) and its signing algorithm are accepted here.";
const ISSUER: &str = "Set `provider.issuer` to exactly the issuer that the provider writes \
                      into its tokens; in Keycloak, the host name it is reached by is part of it.";
const MISSING: &str = "Ask for it: the scope `openid` brings the ID token, and the token endpoint must answer \
                       with both tokens (RFC 6749 section 5.1).";
const PROVIDER: &str = "The provider sends a token that breaks the standard: check its mappers \
                        for this claim.";

const ACTIVE: &str = "Get a new access token and send that. If none is ever active: the provider \
                      may tell it to this client only where the token is for it (Keycloak: the \
                      client must be in the token's `aud`), or the token is another provider's.";
const AUDIENCE: &str = "Let the provider say `aud` where it is asked about a token (RFC 7662 section \
                        2.2). Where its access tokens are JWT, write `access_token.format: jwt`.";

const fn access_token(check: &Check) -> &'static str {
    match check {
        Check::Signature(_) | Check::NoKeys => KEYS,
        Check::Issuer { .. } => ISSUER,
        Check::Missing => MISSING,
        Check::NotYetValid { .. } | Check::IssuedInFuture { .. } => CLOCKS,
        Check::Inactive => ACTIVE,
        Check::AudienceUnsaid { .. } => AUDIENCE,
        Check::Unproven => "Log in again.",
        Check::Expired { .. } => "Get a new access token from the provider and send that.",
        Check::OtherKind { .. } => {
            "Send the access token of the token answer (`access_token`) as the bearer token."
        }
        Check::Type { .. } => {
            "Name the header type that the provider writes under `access_token.typ`; in Keycloak, \
             the client's switch for RFC 9068 types makes it `at+jwt`."
        }
        Check::Malformed(_)
        | Check::Audience { .. }
        | Check::ExtraAudience { .. }
        | Check::AuthorizedParty { .. }
        | Check::Authentication { .. }
        | Check::AuthenticatedLongAgo { .. }
        | Check::Nonce
        | Check::AccessTokenHash
        | Check::Scope { .. }
        | Check::Changed { .. }
        | Check::ClaimMissing(_)
        | Check::ClaimInvalid { .. } => PROVIDER,
    }
}

const fn id_token(check: &Check) -> &'static str {
    match check {
        Check::Signature(_) | Check::NoKeys => KEYS,
        Check::Issuer { .. } => ISSUER,
        Check::Missing => MISSING,
        Check::NotYetValid { .. } | Check::IssuedInFuture { .. } => CLOCKS,
        Check::Expired { .. } => "Log in again. If it happens at once, set the clocks by NTP.",
        Check::Nonce => "Log in again, from one browser and to the end.",
        Check::Authentication { .. } => {
            "Log in with the second factor, or whatever else the provider asks for. If it asks \
             for nothing: let the client reach that level there (in Keycloak, map ACR to LoA), \
             or correct `acr_values` in `client.authorization_parameters`."
        }
        Check::AuthenticatedLongAgo { .. } => {
            "Log in again. If it happens at once, the provider does not ask for credentials \
             anew where it is sent `max_age`, or the clocks are not set by NTP."
        }
        Check::Audience { .. } => {
            "Set `client.client_id` to the client that is registered at the provider."
        }
        Check::ExtraAudience { .. } => {
            "If the others are trusted, name them under `id_token.audiences`; else, in Keycloak, \
             switch \"Add to ID token\" off in their audience mapper."
        }
        Check::AuthorizedParty { .. } => {
            "The token was made for another client: check which client the login goes through."
        }
        Check::Changed { .. } => "Log in again: the provider refreshed the session as another one.",
        Check::OtherKind { .. } | Check::Type { .. } | Check::AccessTokenHash => {
            "The provider's token answer does not fit together: check the token endpoint."
        }
        Check::Malformed(_)
        | Check::Inactive
        | Check::Unproven
        | Check::AudienceUnsaid { .. }
        | Check::Scope { .. }
        | Check::ClaimMissing(_)
        | Check::ClaimInvalid { .. } => PROVIDER,
    }
}
