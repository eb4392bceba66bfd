//! `docs/oauth2-proxy.md` knows every option of oauth2-proxy, once, and names keys that there are.

use std::collections::BTreeMap;

use oidc_gate::config::keys::KEYS;

use crate::{pages, read};

const PAGE: &str = "docs/oauth2-proxy.md";

/// The flags of oauth2-proxy 7.15, by name.
const OPTIONS: &str = "
acr-values allow-query-semicolons allowed-group allowed-role alpha-config api-route
approval-prompt auth-logging auth-logging-format auth-request-response-mode
authenticated-emails-file azure-graph-group-field azure-tenant backend-logout-url banner
basic-auth-password bearer-token-login-fallback bitbucket-repository bitbucket-team
bitbucket-workspace client-id client-secret client-secret-file code-challenge-method config
config-test convert-config-to-alpha cookie-csrf-expire cookie-csrf-per-request
cookie-csrf-per-request-limit cookie-csrf-samesite cookie-domain cookie-expire cookie-httponly
cookie-name cookie-path cookie-refresh cookie-samesite cookie-secret cookie-secret-file
cookie-secure custom-sign-in-logo custom-templates-dir disable-keep-alives display-htpasswd-form
email-domain encode-state entra-id-allowed-tenant entra-id-federated-token-auth
errors-to-info-log exclude-logging-path extra-jwt-issuers flush-interval footer
force-code-challenge-method force-https force-json-errors gcp-healthchecks github-org
github-repo github-team github-token github-user gitlab-group gitlab-project
google-admin-api-user-scope google-admin-email google-group google-service-account-json
google-target-principal google-use-application-default-credentials google-use-organization-id
htpasswd-file htpasswd-user-group http-address https-address
insecure-oidc-allow-unverified-email insecure-oidc-skip-issuer-verification
insecure-oidc-skip-nonce jwt-key jwt-key-file keycloak-group logging-compress logging-filename
logging-local-time logging-max-age logging-max-backups logging-max-size login-url
metrics-address metrics-secure-address metrics-tls-cert-file metrics-tls-key-file
oidc-audience-claim oidc-email-claim oidc-enabled-signing-alg oidc-extra-audience
oidc-groups-claim oidc-issuer-url oidc-jwks-url oidc-public-key-file pass-access-token
pass-authorization-header pass-basic-auth pass-host-header pass-user-headers ping-path
ping-user-agent prefer-email-to-user profile-url prompt provider provider-ca-file
provider-display-name proxy-prefix proxy-websockets pubjwk-url ready-path real-client-ip-header
redeem-url redirect-url redis-ca-path redis-cluster-connection-urls
redis-connection-idle-timeout redis-connection-url redis-insecure-skip-tls-verify redis-password
redis-sentinel-connection-urls redis-sentinel-master-name redis-sentinel-password
redis-use-cluster redis-use-sentinel redis-username relative-redirect-url request-id-header
request-logging request-logging-format resource reverse-proxy scope session-cookie-minimal
session-store-type set-authorization-header set-basic-auth set-xauthrequest show-debug-on-error
signature-key silence-ping-logging skip-auth-preflight skip-auth-regex skip-auth-route
skip-auth-strip-headers skip-claims-from-profile-url skip-jwt-bearer-tokens skip-oidc-discovery
skip-provider-button ssl-insecure-skip-verify ssl-upstream-insecure-skip-verify standard-logging
standard-logging-format tls-cert-file tls-cipher-suite tls-key-file tls-min-version trusted-ip
trusted-proxy-ip upstream upstream-timeout use-system-trust-store user-id-claim validate-url
version whitelist-domain
";

/// The sections of the configuration whose names nothing else has.
const SECTIONS: [&str; 7] =
    ["access_token", "client", "endpoints", "logout", "provider", "session", "upstream"];

/// How often each option stands in the first column of the tables that are about options.
fn listed(page: &str) -> BTreeMap<&str, usize> {
    let (_, tables) = page.split_once("\n## Option by option\n").expect("its heading");
    let mut listed = BTreeMap::new();
    for row in tables.lines().filter(|line| line.starts_with("| `")) {
        let options = row.split(" | ").next().unwrap_or_default();
        for option in options.split('`').skip(1).step_by(2) {
            *listed.entry(option).or_default() += 1;
        }
    }
    listed
}

#[test]
fn every_option_of_oauth2_proxy_is_explained_once_and_no_other() {
    let page = read(PAGE);
    let listed = listed(&page);
    let known: Vec<&str> = OPTIONS.split_whitespace().collect();
    assert!(known.len() > 170, "only {} options are known", known.len());
    let missing: Vec<_> = known.iter().filter(|option| !listed.contains_key(**option)).collect();
    assert!(missing.is_empty(), "{PAGE} does not explain {missing:?}");
    for (option, times) in listed {
        assert!(known.contains(&option), "{PAGE}: oauth2-proxy has no option `{option}`");
        assert_eq!(times, 1, "{PAGE}: `{option}`");
    }
}

#[test]
fn every_row_says_what_is_here_instead() {
    let page = read(PAGE);
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 2, "{row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
    }
}

#[test]
fn every_key_that_a_page_names_is_there() {
    let (mut wrong, mut named) = (Vec::new(), 0);
    for (path, page) in pages() {
        for word in page.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            // A key, alone or with its value: `session.max_age`, `bearer: true`.
            let key = word.split(':').next().unwrap_or_default();
            let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '.');
            let section = key.split('.').next().unwrap_or_default();
            if !key.contains('.') || !key.chars().all(plain) || !SECTIONS.contains(&section) {
                continue;
            }
            named += 1;
            let below = format!("{key}.");
            if !KEYS.iter().any(|it| it.path == key || it.path.starts_with(&below)) {
                wrong.push(format!("{path}: there is no key {key}"));
            }
        }
    }
    assert!(named > 150, "only {named} keys are named");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
