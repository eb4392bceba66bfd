//! What a development provider is started with, and the users and services of its realm.

use std::time::Duration;

/// How to start a [`DevProvider`](super::DevProvider). `ProviderOptions::default()` is the realm of the demo.
#[derive(Clone, Debug)]
pub struct ProviderOptions {
    /// The port on 127.0.0.1; 0: a free one.
    pub port: u16,
    /// The client that logs users in.
    pub client_id: String,
    /// Its secret. Any text: the client has to form-encode it before base64 (RFC 6749 section 2.3.1).
    pub client_secret: String,
    /// `true`: the client has no secret, PKCE alone protects the code (RFC 7636).
    pub public_client: bool,
    /// `true`: access tokens are opaque; what they mean is told by introspection (RFC 7662).
    pub opaque_access_tokens: bool,
    /// How long an access token is good for.
    pub access_token_lifespan: Duration,
    /// How long an ID token is good for. Keycloak: the same as the access token.
    pub id_token_lifespan: Duration,
    /// `true`: a refresh token can be used once; its second use ends the client's session (Keycloak's
    /// "Revoke Refresh Token"). `false`: it can be used until the session ends.
    pub rotate_refresh_tokens: bool,
    /// Audiences that every access token names. One is written as a string, several as an array.
    pub audiences: Vec<String>,
    /// Optional client scopes: the scope, and the audience that it adds when it is asked for.
    pub optional_scopes: Vec<(String, String)>,
    /// The hosts that redirect URIs may lead to, on any port.
    pub redirect_hosts: Vec<String>,
}

impl Default for ProviderOptions {
    fn default() -> Self {
        Self {
            port: 0,
            client_id: "APP-frontend".into(),
            client_secret: "only-for-development".into(),
            public_client: false,
            opaque_access_tokens: false,
            access_token_lifespan: Duration::from_secs(300),
            id_token_lifespan: Duration::from_secs(300),
            rotate_refresh_tokens: true,
            audiences: vec!["APP-backend".into(), "account".into()],
            optional_scopes: ["good-service", "evil-service"]
                .map(|name| (name.to_owned(), name.to_owned()))
                .to_vec(),
            // This machine: gates listen on free ports, some behind TLS.
            redirect_hosts: ["127.0.0.1", "localhost"].map(str::to_owned).to_vec(),
        }
    }
}

impl ProviderOptions {
    /// Whether there is a client scope of this name.
    pub(crate) fn knows(&self, scope: &str) -> bool {
        ["openid", "profile", "email", "roles", "offline_access"].contains(&scope)
            || self.optional_scopes.iter().any(|(name, _)| name == scope)
    }

    /// Whether a browser may be sent there: a URL of one of the hosts, without a fragment.
    pub(crate) fn allows_redirect(&self, uri: &str) -> bool {
        let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
        let Some(rest) = rest else { return false };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        self.redirect_hosts.iter().any(|allowed| allowed == host)
            && port.parse::<u16>().is_ok()
            && rest.len() > authority.len()
            && !uri.contains(['#', '\\', ' ', '*'])
    }
}

/// Somebody who can log in. The password is the name.
#[derive(Debug)]
pub(crate) struct User {
    /// `sub`.
    pub(crate) id: &'static str,
    /// `preferred_username`, and the password.
    pub(crate) name: &'static str,
    /// `given_name`, `family_name`.
    pub(crate) names: (&'static str, &'static str),
    /// `realm_access.roles`.
    pub(crate) roles: &'static [&'static str],
}

const USERS: [User; 2] = [
    User {
        id: "a11ce000-0000-4000-8000-000000000001",
        name: "alice",
        names: ("Alice", "Liddell"),
        roles: &["default-roles-acme", "user", "admin"],
    },
    User {
        id: "b0b00000-0000-4000-8000-000000000002",
        name: "bob",
        names: ("Bob", "Builder"),
        roles: &["default-roles-acme", "user"],
    },
];

impl User {
    /// The user of that name and password.
    pub(crate) fn with_password(name: &str, password: &str) -> Option<&'static Self> {
        Self::named(name).filter(|user| user.name == password)
    }

    /// The user of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        USERS.iter().find(|user| user.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::ProviderOptions;

    #[test]
    fn only_addresses_on_this_machine_are_redirected_to() {
        let options = ProviderOptions::default();
        for allowed in [
            "http://127.0.0.1:10000/oauth2/callback",
            "https://localhost:1/x",
            "http://localhost/x",
        ] {
            assert!(options.allows_redirect(allowed), "{allowed}");
        }
        for refused in [
            "",
            "ftp://127.0.0.1/x",
            "http://127.0.0.1",
            "http://127.0.0.1.evil.example/x",
            "http://127.0.0.1@evil.example/x",
            "http://localhost:80@evil.example/x",
            "http://localhost:x/",
            "http://localhost/#x",
            "http://localhost\\@evil.example/",
        ] {
            assert!(!options.allows_redirect(refused), "{refused}");
        }
    }
}
