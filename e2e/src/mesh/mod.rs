//! Istio without a cluster: its own discovery server reads the files of `deploy/istio` and hands what it makes of them to
//! a real Envoy, which loads the filter; a login runs through that. See `make istio`.
//!
//! ```text
//! browser ── TLS ──> proxy (an ingress gateway, or the sidecar of `shop`) ──> upstream
//!                      ^   └── TLS ──> the provider, behind a server with the certificate that a rule expects
//!                      └ listeners, clusters, routes, the filter: Istio's discovery server
//!                        certificates: Istio's agent
//! ```
//!
//! Nothing is changed in the files but what [`objects`] names: addresses, and where a gateway has its certificate from.

mod objects;
mod proxies;

use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::{env, fs, thread};

use oidc_gate_dev::{DevProvider, DevUpstream, ProviderOptions, Received, UpstreamOptions};
use serde_json::Value;

use crate::browser::Browser;
use crate::envoy::{self, Envoy};
use crate::gate::SESSION_KEYS;
use crate::http::{self, Answer, Protocol, Request};
use crate::{process, wait};

pub use objects::{documents, file};

/// The host that browsers know.
pub const HOST: &str = "app.example.com";

/// Which proxy the filter runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An ingress gateway, the first that a browser meets.
    Gateway,
    /// The sidecar of `shop`. Browsers speak to it without TLS, as a gateway would on their behalf.
    Sidecar,
}

/// How a [`Mesh`] is started.
pub struct Builder {
    place: Place,
    files: Vec<String>,
    change: fn(&mut Value),
    certificate: &'static str,
    options: ProviderOptions,
}

impl Builder {
    /// With the objects of this file, too.
    #[must_use]
    pub fn file(mut self, name: &str) -> Self {
        self.files.push(name.into());
        self
    }

    /// Changes each object as a reader of the files would.
    #[must_use]
    pub fn change(mut self, change: fn(&mut Value)) -> Self {
        self.change = change;
        self
    }

    /// The provider outside of the mesh shows a certificate for another name.
    #[must_use]
    pub fn somebody_else_answers(mut self) -> Self {
        self.certificate = "other";
        self
    }

    /// Starts everything, and waits until the filter knows the provider.
    pub fn start(self) -> Mesh {
        let mesh = self.start_unready();
        wait::until("the filter to know the provider", || {
            let request =
                Request::get("/is-it-ready").host(HOST).header("x-forwarded-proto", "https");
            (mesh.send(request.fetch()).status != 503).then_some(())
        });
        mesh
    }

    /// Starts everything.
    pub fn start_unready(self) -> Mesh {
        let provider = DevProvider::start(self.options.clone()).expect("the provider starts");
        let upstream = DevUpstream::start(UpstreamOptions::default()).expect("the upstream starts");
        let folder = envoy::fresh_dir();
        let certificates = make_certificates(&folder, self.place);
        let port = free_port();
        let edge = proxies::edge(&certificates, provider.port(), port, self.certificate);
        let world = objects::World {
            place: self.place,
            issuer: provider.issuer(),
            port,
            upstream: upstream.port(),
            provider: edge.listener("provider").port(),
            keycloak: edge.listener("keycloak").port(),
        };
        world.write(&self.files, self.change, &folder);
        let (discovery, control_plane) = serve(&folder);
        let proxy = Envoy::new()
            .env("CLIENT_SECRET", &provider.options().client_secret)
            .env("SESSION_KEY", SESSION_KEYS[0])
            .bootstrap_of(
                proxies::of_istio(self.place, control_plane),
                &proxies::listener(self.place, port),
                &folder,
            )
            .start();
        Mesh { place: self.place, proxy, provider, upstream, edge, discovery, folder }
    }
}

/// Istio and what it connects, running.
pub struct Mesh {
    place: Place,
    /// The Envoy that Istio has told everything.
    pub proxy: Envoy,
    /// Who logs users in.
    pub provider: DevProvider,
    /// What is protected.
    pub upstream: DevUpstream,
    edge: Envoy,
    discovery: Child,
    folder: PathBuf,
}

impl Mesh {
    /// A builder: the provider is outside of the mesh, with a certificate of its own.
    #[expect(clippy::new_ret_no_self, reason = "reads as a sentence: Mesh::new(..).start()")]
    pub fn new(place: Place) -> Builder {
        let mut options = ProviderOptions::default();
        options.redirect_hosts.push(HOST.into());
        Builder { place, files: Vec::new(), change: |_| (), certificate: "idp", options }
    }

    /// Where browsers connect: TLS to a gateway is spoken on their behalf, and its certificate is verified.
    fn entrance(&self) -> SocketAddr {
        match self.place {
            Place::Gateway => self.edge.listener("browsers"),
            Place::Sidecar => self.proxy.address(),
        }
    }

    /// A browser that knows the way.
    pub fn browser(&self) -> Browser {
        let mut browser = Browser::new();
        browser.learn(HOST, self.entrance());
        browser
    }

    /// The URL of a path here.
    pub fn url(&self, path: &str) -> String {
        format!("https://{HOST}{path}")
    }

    /// One request on a connection of its own.
    pub fn send(&self, request: Request) -> Answer {
        http::send(self.entrance(), Protocol::H1, &request)
    }

    /// The requests that reached the upstream for this path.
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.upstream.requests().into_iter().filter(|request| request.path == path).collect()
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        let _ = self.discovery.kill();
        let _ = self.discovery.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.join("istio.log")).unwrap_or_default();
            let end: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("--- the end of Istio's log:");
            end.iter().rev().for_each(|line| eprintln!("{line}"));
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// One of the programs that `make istio` builds, in the folder that `ISTIO` names.
fn program(name: &str) -> Command {
    let home =
        env::var_os("ISTIO").expect("ISTIO names a folder with its programs: run `make istio`");
    Command::new(Path::new(&home).join(name))
}

/// Runs `istioctl` to its end.
pub fn istioctl(arguments: &[&str]) -> Output {
    let mut command = program("istioctl");
    // No configuration of a cluster, wherever this runs: nothing outside may change what a test sees.
    command.args(arguments).env("KUBECONFIG", "/dev/null").stdin(Stdio::null());
    command.output().unwrap_or_else(|problem| panic!("istioctl: {problem}"))
}

/// The objects that Istio's chart for gateways makes with these values, a file of `deploy/istio`.
pub fn gateway_chart(values: &str) -> Vec<Value> {
    let mut command = program("mesh");
    command.arg("gateway-chart").arg(file(values)).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|problem| panic!("mesh: {problem}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    documents(&String::from_utf8_lossy(&output.stdout))
}

/// Certificates of one CA for everybody, in a folder of their own.
fn make_certificates(folder: &Path, place: Place) -> PathBuf {
    let folder = folder.join("certificates");
    fs::create_dir(&folder).expect("a folder can be made");
    let workload = match place {
        Place::Gateway => "workload=spiffe://cluster.local/ns/istio-ingress/sa/istio-ingress",
        Place::Sidecar => "workload=spiffe://cluster.local/ns/shop/sa/default",
    };
    let names = [
        "app=app.example.com",
        "idp=idp.example.com",
        "other=other.example.com",
        "keycloak=spiffe://cluster.local/ns/keycloak/sa/keycloak",
        workload,
    ];
    let done = program("mesh").arg("certificates").arg(&folder).args(names).status();
    assert!(done.is_ok_and(|status| status.success()), "certificates are made");
    folder
}

/// Starts the discovery server; the port is where proxies ask it.
fn serve(folder: &Path) -> (Child, u16) {
    let log = fs::File::create(folder.join("istio.log")).expect("the log can be written");
    let mut command = program("mesh");
    command
        .arg("serve")
        .arg(folder)
        // Filters that only Istio's build of Envoy has. They count and negotiate; none decides anything.
        .env("PILOT_ENABLE_METADATA_EXCHANGE", "false")
        .env("PILOT_ENABLE_ALPN_FILTER", "false")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    let mut child = process::spawn(command).unwrap_or_else(|problem| panic!("mesh: {problem}"));
    let port = told_port(child.stdout.take().expect("its output is piped"), folder);
    (child, port)
}

/// The port is the first line that is a number alone: Istio may log to the same place.
fn told_port(output: ChildStdout, folder: &Path) -> u16 {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    loop {
        line.clear();
        let read = output.read_line(&mut line).expect("it can be read");
        assert!(read > 0, "Istio did not start: see {}", folder.join("istio.log").display());
        if let Ok(port) = line.trim().parse() {
            // Whatever it says later must not block it.
            thread::spawn(move || io::copy(&mut output, &mut io::sink()));
            return port;
        }
    }
}

/// A port that nobody has. Istio's listeners are configured with a number, so the kernel cannot choose it later.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}
