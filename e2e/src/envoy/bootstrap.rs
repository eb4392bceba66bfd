//! Envoy's own configuration, as JSON: what `envoy.yaml` says, with the parts that a test may choose.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::builder::{ACCESS_LOG, Builder, CAME_IN, Filter, LISTENERS, Route, SENT_ON, SOCKET_KEY};
use super::{filter, mortal, root};
use crate::http::Protocol;

impl Builder {
    pub(super) fn bootstrap(&self, dir: &Path) -> Value {
        let mut bootstrap = match &self.other {
            Some(other) => other.bootstrap.clone(),
            None => self.own_bootstrap(dir),
        };
        // Port 0: the kernel chooses a free one, and `--admin-address-path` and `/listeners` tell which.
        bootstrap["admin"] = json!({ "address": socket(SocketAddr::from(([127, 0, 0, 1], 0))) });
        (self.change)(&mut bootstrap);
        bootstrap
    }

    fn own_bootstrap(&self, dir: &Path) -> Value {
        let mut bootstrap = json!({
            "static_resources": {
                "clusters": self.clusters.iter().map(cluster).collect::<Value>(),
            },
        });
        if self.labels {
            bootstrap["stats_config"] = labels();
        }
        if self.reloadable {
            bootstrap["node"] = json!({ "id": "gate", "cluster": "gate" });
            bootstrap["dynamic_resources"] = json!({
                "lds_config": { "path_config_source": { "path": dir.join(LISTENERS) } },
            });
        } else {
            bootstrap["static_resources"]["listeners"] = self.listeners(dir);
        }
        bootstrap
    }

    /// The same listeners as a file that Envoy watches.
    pub(super) fn listener_resources(&self, dir: &Path) -> Value {
        let mut listeners = self.listeners(dir);
        for listener in listeners.as_array_mut().expect("a list was made") {
            listener["@type"] = "type.googleapis.com/envoy.config.listener.v3.Listener".into();
        }
        json!({ "resources": listeners })
    }

    fn listeners(&self, dir: &Path) -> Value {
        let gate = self.filter.as_ref().map(|config| Filter {
            name: "oidc_gate".into(),
            file: if self.mortal { mortal::filter() } else { filter() },
            configuration: config.to_string(),
        });
        std::iter::once(&("gate".to_owned(), gate))
            .chain(&self.more_listeners)
            .map(|(name, filter)| {
                json!({
                    "name": name,
                    "address": socket(SocketAddr::from(([127, 0, 0, 1], 0))),
                    "filter_chains": [self.filter_chain(filter.as_ref(), dir)],
                })
            })
            .collect()
    }

    fn filter_chain(&self, filter: Option<&Filter>, dir: &Path) -> Value {
        let mut chain = json!({ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": self.connection_manager(filter, dir),
        }]});
        if self.tls {
            chain["transport_socket"] = json!({
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                    "common_tls_context": {
                        "alpn_protocols": ["h2", "http/1.1"],
                        "tls_certificates": [{
                            "certificate_chain": { "inline_string": include_str!("tls/localhost.crt.pem") },
                            "private_key": { "inline_string": include_str!("tls/localhost.key.pem") },
                        }],
                    },
                },
            });
        }
        chain
    }

    fn connection_manager(&self, filter: Option<&Filter>, dir: &Path) -> Value {
        let mut filters = Vec::new();
        filters.extend(filter.map(|filter| self.wasm(filter)));
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }));
        let mut manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "gate",
            "use_remote_address": true,
            "xff_num_trusted_hops": self.trusted_hops,
            "normalize_path": !self.raw_paths,
            "merge_slashes": !self.raw_paths,
            "path_with_escaped_slashes_action": if self.raw_paths { "KEEP_UNCHANGED" } else { "UNESCAPE_AND_REDIRECT" },
            // So that WebSocket handshakes reach the filter, instead of being refused before it: over HTTP/2, too, unless
            // told otherwise (RFC 8441).
            "upgrade_configs": [{ "upgrade_type": "websocket" }],
            "http2_protocol_options": { "allow_connect": self.extended_connect },
            "http_filters": filters,
            "route_config": { "virtual_hosts": [{
                "name": "app",
                "domains": ["*"],
                "routes": self.routes.iter().map(route).collect::<Value>(),
            }]},
        });
        manager["route_config"]["request_headers_to_add"] = self.written_headers();
        if let Some(loggers) = &self.access_log {
            manager["access_log"] = loggers.clone();
            manager["access_log"][0]["typed_config"]["path"] =
                dir.join(ACCESS_LOG).to_string_lossy().into();
        }
        if let Some(duration) = &self.stream_idle_timeout {
            manager["stream_idle_timeout"] = duration.as_str().into();
        }
        manager
    }

    /// What Envoy writes when the last filter has let a request through.
    fn written_headers(&self) -> Value {
        let stamp = |name: &str, time: &str| {
            json!({
                "header": { "key": name, "value": format!("%{time}(%s.%3f)%") },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            })
        };
        let stamps = [stamp(CAME_IN, "START_TIME"), stamp(SENT_ON, "EMIT_TIME")];
        let stamps = stamps.into_iter().filter(|_| self.stamps);
        let socket_key = self.socket_keys.then(|| {
            json!({
                "header": { "key": "sec-websocket-key", "value": SOCKET_KEY },
                "append_action": "ADD_IF_ABSENT",
            })
        });
        stamps.chain(socket_key).collect()
    }

    fn wasm(&self, filter: &Filter) -> Value {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        json!({
            "name": filter.name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": filter.name,
                    "failure_policy": "FAIL_RELOAD",
                    "allow_on_headers_stop_iteration": self.reads_bodies,
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": filter.configuration,
                    },
                    "vm_config": {
                        "runtime": "envoy.wasm.runtime.v8",
                        "environment_variables": {
                            "host_env_keys": names,
                            "key_values": { "GENERATION": self.vm_generation.to_string() },
                        },
                        "code": { "local": { "filename": filter.file } },
                    },
                },
            },
        })
    }
}

/// `stats_config` as it stands in the file that users copy.
fn labels() -> Value {
    let file = root().join("envoy.yaml");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let whole: Value = serde_yaml_ng::from_str(&text).expect("envoy.yaml is YAML");
    let labels = &whole["stats_config"];
    assert!(labels.is_object(), "envoy.yaml has no stats_config");
    labels.clone()
}

fn cluster((name, address, protocol): &(String, SocketAddr, Protocol)) -> Value {
    let mut cluster = json!({
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(*address) } }] }],
        },
    });
    if *protocol == Protocol::H2 {
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        });
    }
    cluster
}

fn route(route: &Route) -> Value {
    let mut matched = json!({ "prefix": route.prefix });
    if let Some(header) = &route.header {
        matched["headers"] = json!([{ "name": header, "present_match": true }]);
    }
    json!({ "name": route.name, "match": matched, "route": { "cluster": route.cluster } })
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
