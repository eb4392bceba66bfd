//! Envoy Gateway without a cluster: the server itself reads the objects from a file, fetches the filter, starts an Envoy
//! with the bootstrap that it makes, and tells it the rest over its own xDS (mTLS).
//!
//! What is changed for that is in [`Server::objects`]: where things are, plain HTTP, the kind of infrastructure, and the
//! address at which Envoy asks Envoy Gateway for the filter, which in a cluster is the name of a Service.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::thread;

use oidc_gate_dev::{DevProvider, DevUpstream, ProviderOptions, UpstreamOptions};
use oidc_gate_e2e::browser::Browser;
use oidc_gate_e2e::envoy::{self, Log, fresh_dir};
use oidc_gate_e2e::gate::{HOME, SESSION_KEYS};
use oidc_gate_e2e::http::{self, Answer, Protocol, Request};
use oidc_gate_e2e::{process, wait};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::files::{Objects, config, documents, text};
use crate::program;

/// xDS, the filter, and what tells a cluster that the server is alive: Envoy Gateway has no settings for them.
const PORTS: [u16; 3] = [18000, 18002, 8081];

/// Envoy Gateway takes an Envoy of this version from its folder, and would fetch it if it were not there.
const VERSION: &str = "1.40.0";

/// Envoy Gateway, its Envoy, and what is around.
pub(crate) struct Server {
    /// Who logs users in.
    pub(crate) provider: DevProvider,
    /// Behind `/`, and behind the routes of [`Server::further_routes`].
    pub(crate) page: DevUpstream,
    /// Behind `/api`.
    pub(crate) api: DevUpstream,
    child: std::sync::Mutex<Child>,
    log: Log,
    address: SocketAddr,
}

impl Server {
    /// The one of all tests, as its ports are: it ends with them. Nobody changes anything but what is in his own browser.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
        &SERVER
    }

    fn start() -> Self {
        for port in PORTS {
            let free = TcpListener::bind(("0.0.0.0", port));
            assert!(
                free.is_ok(),
                "Envoy Gateway needs port {port}: {}",
                free.expect_err("it is not")
            );
        }
        let provider = DevProvider::start(ProviderOptions::default()).expect("the provider starts");
        let upstream =
            || DevUpstream::start(UpstreamOptions::default()).expect("the upstream starts");
        let (page, api) = (upstream(), upstream());
        let dir = fresh_dir();
        let binary = dir.join("data/envoy-versions").join(VERSION).join("bin/envoy");
        fs::create_dir_all(binary.parent().expect("a folder")).expect("it can be made");
        symlink(envoy::binary(), &binary).expect("a link can be made");

        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let objects = Self::objects(&dir, address, &provider, &page, &api);
        fs::write(dir.join("objects.yaml"), objects.yaml()).expect("the file can be written");
        fs::write(dir.join("server.yaml"), settings(&dir).to_string())
            .expect("the file can be written");

        let log = Log::new(dir.join("log"));
        let output = File::create(log.path()).expect("the log can be written");
        let mut certificates = program("envoy-gateway");
        certificates.args(["certgen", "--local", "--config-home"]).arg(dir.join("config"));
        let made = certificates.output().expect("certificates can be made");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let mut command = program("envoy-gateway");
        command
            .args(["server", "--config-path"])
            .arg(dir.join("server.yaml"))
            // It keeps filters below the home of whoever runs it.
            .env("HOME", &dir)
            .env("CLIENT_SECRET", &provider.options().client_secret)
            .env("SESSION_KEY", SESSION_KEYS[0])
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file has several handles"))
            .stderr(output);
        let child = process::spawn(command).expect("Envoy Gateway starts").into();
        let server = Self { provider, page, api, child, log, address };
        server.wait_until_ready();
        server
    }

    /// The files, as they are where there is no cluster.
    fn objects(
        dir: &Path,
        address: SocketAddr,
        provider: &DevProvider,
        page: &DevUpstream,
        api: &DevUpstream,
    ) -> Objects {
        let mut objects = Objects::new();
        objects.of("EnvoyProxy", "oidc-gate")["spec"] = json!({
            "provider": { "type": "Host", "host": { "envoyVersion": VERSION } },
            "concurrency": 1,
            "bootstrap": { "type": "JSONPatch", "jsonPatches": [
                { "op": "add", "path": "/static_resources/clusters/-", "value": filters(&dir.join("config/certs/envoy")) },
            ] },
        });
        objects.of("Gateway", "web")["spec"]["listeners"] =
            json!([{ "name": "http", "protocol": "HTTP", "port": address.port() }]);
        for (name, port) in
            [("page", page.port()), ("api", api.port()), ("keycloak", provider.port())]
        {
            let backend = json!({ "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "Backend",
                "metadata": { "name": name, "namespace": "app" },
                "spec": { "endpoints": [{ "ip": { "address": "127.0.0.1", "port": port } }] } });
            if name == "keycloak" {
                *objects.of("Backend", name) = backend;
            } else {
                objects.push(backend);
                let route = objects.of("HTTPRoute", name);
                route["spec"]["hostnames"] = json!(["localhost"]);
                route["spec"]["rules"][0]["backendRefs"] = to(name);
            }
        }
        objects.remove("BackendTLSPolicy");

        let filter = fs::read(envoy::filter()).expect("the filter can be read");
        let sha256: String =
            Sha256::digest(&filter).iter().map(|byte| format!("{byte:02x}")).collect();
        let url = format!("http://127.0.0.1:{}/oidc_gate.wasm", serve(filter));
        objects.of("EnvoyExtensionPolicy", "oidc-gate")["spec"]["wasm"][0]["code"] =
            json!({ "type": "HTTP", "http": { "url": url, "sha256": sha256 } });
        let config = config(&mut objects);
        config["provider"]["issuer"] = provider.issuer().into();
        config["origins"] = json!([format!("http://{HOME}")]);
        config["session"]["cookie"] = json!({ "secure": false });
        Self::further_routes(&mut objects, &url);
        objects
    }

    /// Routes with policies of their own: `/replaced` with another one, `/merged` with one that is merged into the
    /// gateway's, `/broken` with a filter that is not the one that was meant.
    fn further_routes(objects: &mut Objects, url: &str) {
        let (other, merged) = (json!({}), json!({ "mergeType": "StrategicMerge" }));
        let broken = json!({ "wasm": [{ "name": "broken",
            "code": { "type": "HTTP", "http": { "url": url, "sha256": "0".repeat(64) } } }] });
        for (name, mut policy) in [("replaced", other), ("merged", merged), ("broken", broken)] {
            let mut route = objects.of("HTTPRoute", "page").clone();
            route["metadata"]["name"] = name.into();
            route["spec"]["rules"][0]["matches"][0]["path"]["value"] = format!("/{name}").into();
            objects.push(route);
            policy["targetRefs"] = json!([{ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name }]);
            objects.push(json!({ "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyExtensionPolicy",
                "metadata": { "name": name, "namespace": "app" }, "spec": policy }));
        }
    }

    fn wait_until_ready(&self) {
        wait::until("Envoy Gateway, its Envoy and the gate to be there", || {
            let ended = self
                .child
                .lock()
                .expect("no test has panicked here")
                .try_wait()
                .expect("a child can be asked");
            assert!(ended.is_none(), "Envoy Gateway ended ({ended:?}):\n{}", self.log.text());
            std::net::TcpStream::connect(self.address).ok()?;
            // 404 until routes are there, 503 until the gate knows the provider.
            let answer = self.send(Request::get("/is-the-gate-ready").host(HOME).fetch());
            (answer.status == 401).then_some(())
        });
    }

    /// One request on a connection of its own, to whatever host it names.
    pub(crate) fn send(&self, request: Request) -> Answer {
        http::send(self.address, Protocol::H1, &request)
    }

    /// A browser that knows the gateway as [`HOME`].
    pub(crate) fn browser(&self) -> Browser {
        let mut browser = Browser::new();
        browser.learn(HOME, self.address);
        browser
    }

    /// Panics where the filter has died, or wrote down a token or a secret.
    pub(crate) fn assert_healthy(&self) {
        self.log.assert_alive();
        self.log.assert_discreet(&[
            self.provider.options().client_secret.clone(),
            SESSION_KEYS[0].into(),
        ]);
    }
}

fn to(backend: &str) -> Value {
    json!([{ "group": "gateway.envoyproxy.io", "kind": "Backend", "name": backend }])
}

/// Envoy Gateway's settings: those that config.yaml asks for, and everything on this machine and in this folder.
fn settings(dir: &Path) -> Value {
    let mut settings = documents(&text("config.yaml"))[0]["config"]["envoyGateway"].clone();
    let home = |name: &str| dir.join(name);
    let all = json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyGateway",
        "gateway": { "controllerName": "gateway.envoyproxy.io/gatewayclass-controller" },
        "provider": { "type": "Custom", "custom": {
            "resource": { "type": "File", "file": { "paths": [home("objects.yaml")] } },
            "infrastructure": { "type": "Host", "host": {
                "configHome": home("config"), "dataHome": home("data"),
                "stateHome": home("state"), "runtimeDir": home("run"),
            } },
        } },
        "admin": { "address": { "host": "127.0.0.1", "port": free_port() } },
        "telemetry": { "metrics": { "prometheus": { "disable": true } } },
    });
    let settings_of_ours = settings.as_object_mut().expect("config.yaml has settings");
    settings_of_ours.extend(all.as_object().expect("an object").clone());
    settings
}

/// Where Envoy asks for the filter: the cluster that Envoy Gateway names in what it tells, here on this machine.
fn filters(certificates: &Path) -> Value {
    let file = |name: &str| json!({ "filename": certificates.join(name) });
    json!({
        "name": "wasm_cluster",
        "load_assignment": { "cluster_name": "wasm_cluster", "endpoints": [{ "lb_endpoints": [{ "endpoint": {
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": PORTS[1] } } } }] }] },
        "transport_socket": { "name": "envoy.transport_sockets.tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {
                // The server takes nothing older, and Envoy would offer up to 1.2.
                "tls_params": { "tls_maximum_protocol_version": "TLSv1_3" },
                "tls_certificates": [{ "certificate_chain": file("tls.crt"), "private_key": file("tls.key") }],
                "validation_context": { "trusted_ca": file("ca.crt") },
            },
        } },
    })
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}

/// Answers every request with `file`; the port.
fn serve(file: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                file.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&file));
        }
    });
    port
}
