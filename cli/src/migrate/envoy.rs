//! A whole Envoy file: one listener with the gate, one upstream, and the way to the provider.

use serde_json::{Map, Value, json};

use crate::yaml::Node;

const FILE: &str = include_str!("envoy.yaml");

/// The file for a configuration that was made from `gatekeeper`.
pub(super) fn file(config: &Map<String, Value>, gatekeeper: &Node) -> String {
    let listen = gatekeeper.text_at(&["listen"]);
    let (host, port) = listen.rsplit_once(':').unwrap_or(("", "3000"));
    let issuer = config.get("provider").and_then(|provider| provider.get("issuer")?.as_str());
    let whole = serde_json::to_string_pretty(config).unwrap_or_default();
    let indent = format!("\n{}", " ".repeat(20));
    FILE.replace("@LISTEN@", &json!(if host.is_empty() { "0.0.0.0" } else { host }).to_string())
        .replace("@PORT@", port)
        .replace("@CONFIGURATION@", &whole.replace('\n', &indent))
        .replace("@UPSTREAM@", &cluster("upstream", gatekeeper.text_at(&["upstream-url"])))
        .replace("@PROVIDER@", &cluster("keycloak", issuer.unwrap_or_default()))
}

/// A cluster that leads to an address.
fn cluster(name: &str, url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let default = if scheme == "https" { "443" } else { "80" };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (authority, default),
    };
    let host = json!(host);
    let tls = format!(
        "
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: {host}
        common_tls_context:
          validation_context:
            trusted_ca: {{ filename: /etc/ssl/certs/ca-certificates.crt }}
            match_typed_subject_alt_names: [{{ san_type: DNS, matcher: {{ exact: {host} }} }}]"
    );
    format!(
        "  - name: {name}
    type: STRICT_DNS
    load_assignment:
      cluster_name: {name}
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: {host}, port_value: {port} }} }} }} }}] }}]{}",
        if scheme == "https" { tls.as_str() } else { "" }
    )
}
