//! Every key there is, once: what is read, what this version refuses, and what each means.
//!
//! `docs/configuration.md` is made from this table, and every default in it is compared with
//! what [`super::Config::read`] takes where the key is missing.

mod key;

pub use key::{Key, Missing, Support};

use Missing::{Is, Means, Refused};
use key::{key, later};

/// All keys, in the order of the reference.
pub const KEYS: &[Key] = &[
    key(
        "provider.issuer",
        Refused(""),
        "The provider's issuer, compared with `iss` byte for byte. Discovery is at \
         `<issuer>/.well-known/openid-configuration`. Plain http warns, unless it stays on the \
         machine.",
    ),
    key(
        "provider.cluster",
        Refused(""),
        "The host's name for the upstream that reaches the provider: a cluster of Envoy's; \
         `outbound|443||keycloak.example` in Istio.",
    ),
    key(
        "provider.authority",
        Means("the endpoint URL's"),
        "`:authority` of the calls, host and at most a port: where the provider is reached by \
         another name than its URLs have.",
    ),
    key(
        "provider.timeout",
        Is("5s"),
        "Of each call to the provider; `100ms` to `1m`. A request waits for two such calls and \
         a second at most.",
    ),
    key(
        "provider.discovery",
        Is("true"),
        "`false`: the metadata is not fetched. `provider.metadata` must then have \
         `authorization_endpoint`, `token_endpoint` and `jwks_uri`; with `login: false` only the \
         last. With `access_token.format: opaque` also `introspection_endpoint`.",
    ),
    key(
        "provider.metadata",
        Is("{}"),
        "Members of the discovery document that override what the provider says: \
         `authorization_endpoint`, `token_endpoint`, `jwks_uri`, `introspection_endpoint`, \
         `end_session_endpoint`, `authorization_response_iss_parameter_supported`. A whole document may be pasted; the \
         other members have no effect, and a warning names them.",
    ),
    key(
        "client.client_id",
        Refused("with `login` or opaque access tokens"),
        "The client as it is registered at the provider. ID tokens must name it in `aud`.",
    ),
    key(
        "client.client_secret",
        Refused("as `client_id`, unless the method below is `none`"),
        "A [secret](#secrets).",
    ),
    key(
        "client.token_endpoint_auth_method",
        Is("client_secret_basic"),
        "How the gate authenticates at the token and introspection endpoints: \
         `client_secret_basic`, `client_secret_post`, or `none` for a public client (PKCE alone).",
    ),
    key(
        "client.scope",
        Is("[openid]"),
        "Asked for at login, one name per member. `openid` is always sent, and first.",
    ),
    key(
        "client.authorization_parameters",
        Is("{}"),
        "More parameters of the authorization request: `acr_values`, `ui_locales`, \
         `kc_idp_hint`, `resource` .. Each value is a string or a list of strings. What the gate \
         sets itself (`state`, `nonce`, `redirect_uri` ..) is refused. What is asked for is \
         also required at login: with `acr_values` (names between blanks) the ID token's `acr` \
         must be one of them; with `max_age` (seconds, in quotes) its `auth_time` must be there \
         and no older.",
    ),
    key(
        "client.pushed_authorization_requests",
        Is("off"),
        "`off` only; `auto` and `required` are not supported yet.",
    ),
    key("client.dpop", Is("off"), "`off` only; `auto` and `required` are not supported yet."),
    key("client.userinfo", Is("false"), "`false` only; `true` is not supported yet."),
    later("client.private_key", "The key of the method `private_key_jwt`."),
    key(
        "id_token.audiences",
        Means("`client.client_id` alone"),
        "Every member of the ID token's `aud` must be in this list, and the client must be in \
         `aud`. It need not name the API: that is `access_token.audiences`.",
    ),
    key(
        "id_token.signing_algorithms",
        Is("[RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]"),
        "Which `alg` an ID token may have. `none` and HMAC do not exist here.",
    ),
    key(
        "access_token.audiences",
        Refused(""),
        "Names of the API: the access token's `aud` must have one of them. The whole section may \
         be missing only where no access token is used: `bearer: false`, \
         `upstream.authorization` not `access_token`, and no header from its claims.",
    ),
    key(
        "access_token.scope",
        Is("[]"),
        "Every one of them must be in the token's `scope`. Asking for it is `client.scope`.",
    ),
    key(
        "access_token.typ",
        Is("[JWT, at+jwt]"),
        "Which header `typ` an access token may have, upper or lower case, with or without \
         `application/`. A header without `typ` counts as `JWT`.",
    ),
    key(
        "access_token.signing_algorithms",
        Is("[RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]"),
        "Which `alg` an access token may have.",
    ),
    key(
        "access_token.format",
        Is("jwt"),
        "`jwt`: a token says itself what it is, signed. `opaque`: the provider is asked, by \
         introspection (RFC 7662). See [opaque tokens](#opaque-access-tokens).",
    ),
    key(
        "access_token.introspection_cache",
        Means("`30s`"),
        "With `format: opaque`: how long the provider's answer about a token counts, and so how \
         late it may be noticed that a token was taken back; `0s` to `10m`. `0s` asks on every \
         request.",
    ),
    key(
        "clock_skew",
        Is("30s"),
        "How far the provider's clock and this host's may be apart when `exp`, `nbf` and `iat` \
         are judged; `0s` to `5m`.",
    ),
    key(
        "login",
        Is("true"),
        "`false`: [bearer only](#bearer-only). Nobody is sent to the provider, there are no \
         sessions and no endpoints of the gate's own.",
    ),
    key(
        "bearer",
        Is("true"),
        "`false`: an `Authorization` from a client is dropped, and only sessions count.",
    ),
    key(
        "preserve_post",
        Is("false"),
        "`true`: a form that is posted when the session is over [comes back after \
         login](#forms-when-the-session-is-over). The host must let the filter read a body first: \
         in Envoy `allow_on_headers_stop_iteration: true`.",
    ),
    key(
        "origins",
        Means("any"),
        "The public origins that are served, as `https://app.example`; any other host name is \
         answered 421. They decide the `redirect_uri`. Set them wherever the host lets any name \
         through. Plain http needs `session.cookie.secure: false`.",
    ),
    key(
        "protected_resource.resource",
        Refused("with `protected_resource`"),
        "The API's URL as its clients have it (RFC 9728): https, without query and fragment. Its \
         [metadata](mcp.md) is at `/.well-known/oauth-protected-resource`, followed by its path. \
         Plain http is for `localhost`, with `login: false` or `session.cookie.secure: false`.",
    ),
    key(
        "protected_resource.authorization_servers",
        Means("`[provider.issuer]`"),
        "Issuers of whom clients may ask a token.",
    ),
    key(
        "protected_resource.scopes_supported",
        Means("`access_token.scope`"),
        "What clients may ask for. Asked of tokens is `access_token.scope`.",
    ),
    key(
        "endpoints.login",
        Is("/oauth2/login"),
        "Starts a login from the page: `?return_to=/x` names the way back, a path on the same \
         origin.",
    ),
    key(
        "endpoints.callback",
        Is("/oauth2/callback"),
        "Where the provider sends the browser back to. Register it there, with each origin.",
    ),
    key("endpoints.logout", Is("/oauth2/logout"), "Ends the session, here and at the provider."),
    key(
        "endpoints.session",
        Is("/oauth2/session"),
        "Tells the page who is logged in: `{\"sub\", \"expires_at\"}` and the ID token's claims \
         that `?claims=name,email` asks for, or 401. Never a token.",
    ),
    later("endpoints.backchannel_logout", "Where the provider reports that a session has ended."),
    key(
        "logout.post_logout_redirect_uri",
        Means("`/` of the origin"),
        "Where the provider sends the browser after logout: a path, or a whole URL. Register it \
         there.",
    ),
    key(
        "session.keys",
        Refused("with `login`"),
        "One to eight [secrets](#secrets) of 32 bytes in base64. The first seals the cookies, \
         every one opens them: see [rotation](security.md#keys-and-their-rotation).",
    ),
    key(
        "session.cookie.name",
        Is("oidc_gate"),
        "1 to 64 letters, digits and some signs. Sent with `__Host-` before it.",
    ),
    key("session.cookie.same_site", Is("lax"), "`lax`, `strict` or `none`."),
    key(
        "session.cookie.secure",
        Is("true"),
        "`false` is for development over plain http: it drops `__Host-`, and warns.",
    ),
    key(
        "session.cookie.max_count",
        Is("4"),
        "In how many pieces a session may be kept, 1 to 8. Each is at most 4096 bytes, its name \
         included; hosts limit the head of a request (Envoy: 60 KiB).",
    ),
    key(
        "session.idle_timeout",
        Is("1h"),
        "A session without a request for so long is over; `1s` to `session.max_age`. It slides in \
         steps of a tenth.",
    ),
    key(
        "session.max_age",
        Is("12h"),
        "So long after login every session is over; `1s` to `8760h`.",
    ),
    key(
        "session.refresh_margin",
        Is("30s"),
        "A refresh begins when the token that goes upstream has less than this left, or half its \
         life if that is shorter; `0s` to `24h`, shorter than `session.idle_timeout`.",
    ),
    key(
        "upstream.authorization",
        Is("access_token"),
        "What goes upstream as `Authorization: Bearer`: `access_token`, `id_token`, or `none`. A \
         client's own token goes on with `access_token` alone, once it was verified.",
    ),
    key(
        "upstream.headers",
        Is("{}"),
        "Claims as headers: `{x-user: preferred_username}`. See [headers](#headers-from-claims).",
    ),
    key(
        "log.format",
        Is("text"),
        "`text`: lines as `request=… decision=… reason=\"…\"`. `json`: each is one JSON object. What \
         the host writes before it stays.",
    ),
    key(
        "log.access_log_fields",
        Is("false"),
        "Whether the host's own access log gets decision, rule, and pseudonyms of user and session: \
         see [metrics](metrics.md#in-envoys-access-log). Each field is a call to the host.",
    ),
    key("rules[].match.path", Means("any"), "This path and no other."),
    key(
        "rules[].match.path_prefix",
        Means("any"),
        "This path and all below it, in whole segments: `/api` is for `/api` and `/api/x`, not \
         for `/apiary`. Not together with `path`.",
    ),
    key("rules[].match.methods", Means("any"), "In upper case, at least one."),
    key(
        "rules[].access",
        Is("authenticated"),
        "`public`: everybody. `authenticated`: whoever has a session or a token that is right. \
         `deny`: nobody.",
    ),
    key(
        "rules[].unauthenticated",
        Is("auto"),
        "The answer to a request without credentials. `auto`: page loads go to the provider, \
         anything else gets a 401. `redirect`: GET and HEAD go there. `deny`: 401.",
    ),
    key(
        "rules[].match.route_name",
        Means("any"),
        "The name that the host gives the route it will take (Envoy's `name` of a route); needs no \
         path. See [routes](#rules-by-route).",
    ),
    key(
        "rules[].access_token.audiences",
        Means("`access_token.audiences`"),
        "The token's `aud` must have one of these, instead of the global ones.",
    ),
    key(
        "rules[].access_token.scope",
        Means("`access_token.scope`"),
        "The token's `scope` must have all of these, instead of the global ones.",
    ),
    key(
        "rules[].access_token.acquire",
        Means("`session`"),
        "Where the token comes from. `session`: the one that the session has must do; else 403. \
         `token_exchange`: the session's is exchanged for it (RFC 8693). `refresh_token`: a \
         refresh with this rule's `scope` gets it. `authorization_code`: another trip through the \
         provider's single sign-on. See [acquired tokens](#acquired-tokens).",
    ),
    key(
        "rules[].access_token.audience",
        Means("nothing"),
        "Whom the token is asked for: a name or a list of them (RFC 8693 section 2.1).",
    ),
    key(
        "rules[].access_token.resource",
        Means("nothing"),
        "Where it will be used: an address or a list of them (RFC 8707).",
    ),
    key(
        "rules[].access_token.extra_audiences",
        Means("`refuse`"),
        "`refuse`: what is acquired, or sent by a client, must name no audience besides \
         `audiences`. `allow`: it may.",
    ),
    key(
        "rules[].protected_resource.resource",
        Means("required with `protected_resource`"),
        "As the global one, of what this rule matches, with metadata of its own.",
    ),
    key(
        "rules[].protected_resource.authorization_servers",
        Means("`[provider.issuer]`"),
        "Issuers of whom clients may ask a token for it.",
    ),
    key(
        "rules[].protected_resource.scopes_supported",
        Means("the rule's scope, else `access_token.scope`"),
        "What clients may ask for here.",
    ),
    key(
        "rules[].claims",
        Is("{}"),
        "Claims that a user must have: `{realm_access.roles: [admin, auditor]}`. Each is equal to \
         one of its values, or an array that contains one. See [rights](#rights-by-claims).",
    ),
    key("rules[].claims[].claim", Means("nothing"), "The claim's name, or the list of its names."),
    key("rules[].claims[].values", Means("nothing"), "The values, where claims are a list."),
];

/// The names that may stand in the section `section` (empty for the whole), each once.
pub(super) fn names_in(section: &str) -> Vec<(&'static str, Support)> {
    let mut names: Vec<(&'static str, Support)> = Vec::new();
    for Key { path, support, .. } in KEYS {
        let below = match section {
            "" => Some(*path),
            _ => path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
        };
        let Some((name, deeper)) = below.map(|below| match below.split_once(['.', '[']) {
            Some((name, _)) => (name, true),
            None => (below, false),
        }) else {
            continue;
        };
        if names.iter().all(|(known, _)| *known != name) {
            names.push((name, if deeper { Support::Yes } else { *support }));
        }
    }
    names
}

#[cfg(test)]
mod tests;
