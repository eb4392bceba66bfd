//! What people read of a refusal: a title, what to do, and whether a sign-in may help.

use super::{Kind, Refusal, Unkept};

impl Refusal {
    /// What the answer's title says.
    pub(in crate::gate) const fn title(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "Sign in first",
            Self::FormNotSent { .. } => "Nothing was sent on",
            Self::Misdirected => "Not served here",
            Self::AmbiguousPath | Self::Query(_) => "The address can not be read",
            Self::Nominated => "The Connection header was refused",
            Self::Denied => "Not open",
            Self::CrossSite => "Sent by another site",
            Self::MethodNotAllowed { .. } => "Not this way",
            Self::Bearer(refusal) | Self::SessionToken(refusal) | Self::LoginToken(refusal) => {
                match refusal.token {
                    Kind::AccessToken => "The access token was refused",
                    Kind::IdToken => "The ID token was refused",
                }
            }
            Self::MissingRight(_) | Self::BearerRight(_) => "Not open to you",
            Self::NotGiven { .. } | Self::NoRefreshToken | Self::NotGranted { .. } => {
                "No token for this service"
            }
            Self::TokenNeeded { .. } => "Sign in once more",
            Self::BearerMalformed(_) | Self::NoBearer => "The Authorization header was refused",
            Self::NoAttempt => "Please sign in again",
            Self::ResponseIssuer(_) => "The answer is not this provider's",
            Self::ProviderError { .. } | Self::NoCode | Self::CodeRefused { .. } => {
                "The sign-in did not work"
            }
            Self::ClientRefused { .. } => "The gate is not known to the provider",
            Self::ProviderUnavailable | Self::Busy => "Sign-in is not available now",
            Self::TooLarge(_) => "The session is too large",
            Self::NoEntropy(_) | Self::NoRouteName | Self::NoSessions | Self::Header(_) => {
                "The gate can not do its work"
            }
        }
    }

    /// What whoever reads it can do.
    pub(in crate::gate) fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::Bearer(refusal) | Self::SessionToken(refusal) | Self::LoginToken(refusal) => {
                return Some(refusal.advice().to_string());
            }
            Self::Unauthenticated | Self::NoAttempt => "Sign in, then try again.",
            Self::FormNotSent { why: Unkept::Elsewhere, .. } => {
                "Sign in, open the page itself, and send the form from there."
            }
            Self::FormNotSent { .. } => {
                "Sign in in another tab, then load this page again: the browser asks whether to send the form again."
            }
            Self::CrossSite => "Open the page itself and try again from there.",
            Self::AmbiguousPath => {
                "Write the address without encoded slashes, dot segments, double slashes or semicolons."
            }
            Self::ResponseIssuer(_) => {
                "Sign in again. If it happens again, tell whoever runs this site: the answer may have been mixed up with another provider's."
            }
            Self::ProviderError { .. } | Self::NoCode | Self::CodeRefused { .. } => {
                "Sign in again. If it happens again, tell whoever runs this site what stands above."
            }
            Self::ClientRefused { .. } => {
                "Whoever runs this site: compare client.client_id, client.client_secret and client.token_endpoint_auth_method with the client at the provider."
            }
            Self::MissingRight(_) | Self::BearerRight(_) => {
                "Ask whoever runs this site for the right to open it. What was given to you since you signed in counts when the session is renewed, at the latest when you sign in again."
            }
            Self::NotGiven { exchanged: false, .. } => {
                "Whoever runs this site: compare scope and resource of the rule with what was asked for at login (client.scope) and with what the client may have at the provider."
            }
            Self::NotGiven { exchanged: true, .. } => {
                "Whoever runs this site: let the client exchange tokens for this service at the provider, and compare audience, scope and resource of the rule with what it knows."
            }
            Self::NotGranted { .. } => {
                "Open the page again to be asked once more. Whoever runs this site: compare the rule's scope with the scopes of the client at the provider."
            }
            Self::TokenNeeded { .. } => {
                "Sign in at the address that is given; no password is asked of whoever is still signed in at the provider. Then try again."
            }
            Self::NoRefreshToken => {
                "Whoever runs this site: let the client have refresh tokens at the provider (many want the scope offline_access), or acquire this rule's token by token_exchange."
            }
            Self::ProviderUnavailable | Self::Busy => {
                "Wait a moment, then try again. Nothing was sent on."
            }
            Self::TooLarge(_) => {
                "Whoever runs this site: take claims out of the largest token at the provider (roles and groups that nobody reads), or allow more cookies with session.cookie.max_count."
            }
            Self::BearerMalformed(_) => {
                "Send one header: Authorization: Bearer, a space, the token."
            }
            Self::Misdirected
            | Self::Denied
            | Self::MethodNotAllowed { .. }
            | Self::Nominated
            | Self::Query(_)
            | Self::NoBearer
            | Self::NoEntropy(_)
            | Self::NoRouteName
            | Self::NoSessions
            | Self::Header(_) => return None,
        };
        Some(advice.to_owned())
    }

    /// Whether a new sign-in may help whoever sees it.
    pub(in crate::gate) const fn offers_login(&self) -> bool {
        matches!(
            self,
            Self::Unauthenticated
                | Self::FormNotSent { .. }
                | Self::NoAttempt
                | Self::SessionToken(_)
                | Self::NotGiven { .. }
                | Self::TokenNeeded { .. }
                | Self::LoginToken(_)
                | Self::ResponseIssuer(_)
                | Self::ProviderError { .. }
                | Self::NoCode
                | Self::CodeRefused { .. }
                | Self::TooLarge(_)
        )
    }
}
