//! The Envoys of a [`Mesh`](super::Mesh): the one that Istio tells everything, and one that speaks TLS for those who do
//! not: browsers of these tests, and the provider.

use std::path::Path;

use serde_json::{Value, json};

use super::{HOST, Place};
use crate::envoy::Envoy;

/// The name that Istio gives to the listener on this port.
pub(super) fn listener(place: Place, port: u16) -> String {
    match place {
        Place::Gateway => format!("0.0.0.0_{port}"),
        Place::Sidecar => format!("127.0.0.1_{port}"),
    }
}

/// What Istio's agent starts an Envoy with, as far as it matters here: who it is, and whom it asks for everything else.
pub(super) fn of_istio(place: Place, control_plane: u16) -> Value {
    let (kind, pod, namespace, labels) = match place {
        Place::Gateway => {
            ("router", "istio-ingress-0", "istio-ingress", json!({ "istio": "ingress" }))
        }
        Place::Sidecar => ("sidecar", "shop-0", "shop", json!({ "app": "shop" })),
    };
    let ads = json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" });
    json!({
        "node": {
            "id": format!("{kind}~127.0.0.1~{pod}.{namespace}~{namespace}.svc.cluster.local"),
            "cluster": namespace,
            "metadata": {
                "NAMESPACE": namespace,
                "LABELS": labels,
                // Labels that the agent has read itself, and not the control plane from the pod, of which there is none.
                "STATIC_LABELS": labels,
                "CLUSTER_ID": "Kubernetes",
                // Nothing is redirected to this proxy: no iptables here, so clients come to its port.
                "INTERCEPTION_MODE": "NONE",
            },
        },
        "dynamic_resources": {
            "lds_config": ads,
            "cds_config": ads,
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds-grpc" } }],
            },
        },
        "static_resources": { "clusters": [
            grpc("xds-grpc", &tcp(control_plane)),
            grpc("sds-grpc", &json!({ "pipe": { "path": "./var/run/secrets/workload-spiffe-uds/socket" } })),
        ]},
    })
}

/// Starts the Envoy that speaks TLS for others. Its certificates are in `folder`.
pub(super) fn edge(folder: &Path, provider: u16, gateway: u16, certificate: &str) -> Envoy {
    let pem = |name: &str, kind: &str| json!({ "filename": folder.join(format!("{name}.{kind}")) });
    let with = |name: &str| json!([{ "certificate_chain": pem(name, "pem"), "private_key": pem(name, "key") }]);
    let server = |common: Value, ask_client: bool| {
        json!({ "name": "tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": ask_client,
            "common_tls_context": common,
        }})
    };
    let known = |kind: &str, name: &str| {
        json!({
            "trusted_ca": pem("ca", "pem"),
            "match_typed_subject_alt_names": [{ "san_type": kind, "matcher": { "exact": name } }],
        })
    };
    let outside = server(json!({ "tls_certificates": with(certificate) }), false);
    // In the mesh both sides show who they are.
    let gateway_id = "spiffe://cluster.local/ns/istio-ingress/sa/istio-ingress";
    let inside = server(
        json!({ "tls_certificates": with("keycloak"), "validation_context": known("URI", gateway_id) }),
        true,
    );
    let to_gateway = json!({ "name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": HOST,
        "common_tls_context": { "validation_context": known("DNS", HOST) },
    }});
    let bootstrap = json!({ "static_resources": {
        "listeners": [
            tunnel("browsers", "gateway", None),
            tunnel("provider", "provider", Some(outside)),
            tunnel("keycloak", "provider", Some(inside)),
        ],
        "clusters": [
            cluster("gateway", &tcp(gateway), Some(to_gateway)),
            cluster("provider", &tcp(provider), None),
        ],
    }});
    Envoy::new().bootstrap_of(bootstrap, "browsers", folder).start()
}

/// Bytes that come here go to this cluster.
fn tunnel(name: &str, to: &str, tls: Option<Value>) -> Value {
    let mut chain = json!({ "filters": [{
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": name,
            "cluster": to,
        },
    }]});
    if let Some(tls) = tls {
        chain["transport_socket"] = tls;
    }
    json!({ "name": name, "address": tcp(0), "filter_chains": [chain] })
}

fn cluster(name: &str, address: &Value, tls: Option<Value>) -> Value {
    let mut cluster = json!({
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    });
    if let Some(tls) = tls {
        cluster["transport_socket"] = tls;
    }
    cluster
}

fn grpc(name: &str, address: &Value) -> Value {
    let mut cluster = cluster(name, address, None);
    cluster["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        },
    });
    cluster
}

fn tcp(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
