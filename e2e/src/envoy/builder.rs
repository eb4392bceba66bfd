//! What an Envoy is started with.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Envoy, Log, UNKNOWN, binary, fresh_dir};
use crate::http::Protocol;
use crate::process;

/// The header in which [`Builder::stamps`] has the seconds since 1970, with three decimals.
pub const SENT_ON: &str = "x-sent-on";
/// The same for when it came to Envoy.
pub const CAME_IN: &str = "x-came-in";

/// Where [`Builder::access_log`] writes.
pub(super) const ACCESS_LOG: &str = "access.log";

/// The listeners of an Envoy that is [`Builder::reloadable`].
pub(super) const LISTENERS: &str = "listeners.json";

/// A filter that is not the gate.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What Envoy calls it.
    pub name: String,
    /// The `.wasm`.
    pub file: PathBuf,
    /// Its configuration, as it gets it.
    pub configuration: String,
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) cluster: String,
    /// A header that must be there.
    pub(super) header: Option<String>,
}

/// See [`Builder::bootstrap_of`].
#[derive(Clone, Debug)]
pub(super) struct Other {
    pub(super) bootstrap: Value,
    listener: String,
    folder: PathBuf,
}

/// What [`Builder::writes_socket_keys`] has Envoy write: sixteen bytes, whatever they are, since over HTTP/2 nobody looks
/// at the answer to them.
pub const SOCKET_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// What an Envoy is started with; every setting has the value that most tests need.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) concurrency: u32,
    pub(super) filter: Option<Value>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) clusters: Vec<(String, SocketAddr, Protocol)>,
    pub(super) routes: Vec<Route>,
    pub(super) raw_paths: bool,
    pub(super) trusted_hops: u32,
    pub(super) tls: bool,
    pub(super) reads_bodies: bool,
    pub(super) more_listeners: Vec<(String, Option<Filter>)>,
    pub(super) reloadable: bool,
    pub(super) mortal: bool,
    pub(super) vm_generation: u32,
    pub(super) stream_idle_timeout: Option<String>,
    pub(super) stamps: bool,
    pub(super) extended_connect: bool,
    pub(super) socket_keys: bool,
    pub(super) labels: bool,
    pub(super) change: fn(&mut Value),
    pub(super) other: Option<Other>,
    pub(super) access_log: Option<Value>,
    wasm_log_level: &'static str,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            concurrency: 1,
            filter: None,
            environment: Vec::new(),
            clusters: Vec::new(),
            routes: Vec::new(),
            raw_paths: false,
            trusted_hops: 0,
            tls: false,
            reads_bodies: false,
            more_listeners: Vec::new(),
            reloadable: false,
            mortal: false,
            vm_generation: 0,
            stream_idle_timeout: None,
            stamps: false,
            extended_connect: true,
            socket_keys: false,
            labels: true,
            change: |_| (),
            other: None,
            access_log: None,
            // The filter's own log at its most talkative: no secret may be in it.
            wasm_log_level: "debug",
        }
    }

    /// With the filter, configured by this JSON. Without this call Envoy runs alone.
    #[must_use]
    pub fn wasm_config(mut self, config: Value) -> Self {
        self.filter = Some(config);
        self
    }

    /// How many workers: requests on different connections meet different copies of the filter. 1 unless told.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// An environment variable of Envoy's, which the filter may read too. Its value must never be logged.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A cluster of this name at this address; no route leads there by itself.
    #[must_use]
    pub fn cluster(self, name: &str, address: SocketAddr) -> Self {
        self.cluster_speaking(Protocol::H1, name, address)
    }

    /// The same, spoken to in `protocol`.
    #[must_use]
    pub fn cluster_speaking(mut self, protocol: Protocol, name: &str, address: SocketAddr) -> Self {
        self.clusters.push((name.into(), address, protocol));
        self
    }

    /// Paths with this prefix go to this cluster, on a route that has its name. The first that fits wins.
    #[must_use]
    pub fn route(mut self, prefix: &str, cluster: &str) -> Self {
        self.routes.push(Route {
            name: prefix.into(),
            prefix: prefix.into(),
            cluster: cluster.into(),
            header: None,
        });
        self
    }

    /// Requests that have this header go to this cluster, on a route of this name, before any route by path.
    #[must_use]
    pub fn header_route(mut self, name: &str, header: &str, cluster: &str) -> Self {
        let header = Some(header.into());
        self.routes.insert(
            0,
            Route { name: name.into(), prefix: "/".into(), cluster: cluster.into(), header },
        );
        self
    }

    /// Everything goes to `address`.
    #[must_use]
    pub fn upstream(self, address: SocketAddr) -> Self {
        self.cluster("upstream", address).route("/", "upstream")
    }

    /// Paths reach the filter as the client wrote them: Envoy normalises nothing.
    #[must_use]
    pub fn raw_paths(mut self) -> Self {
        self.raw_paths = true;
        self
    }

    /// Another proxy stands in front, whose `x-forwarded-proto` is believed, as where TLS ends before Envoy.
    #[must_use]
    pub fn behind_tls(mut self) -> Self {
        self.trusted_hops = 1;
        self
    }

    /// TLS ends here, with a certificate that nobody has signed: for a browser that does not mind.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Envoy hands a request's body over while its head waits (`allow_on_headers_stop_iteration`).
    #[must_use]
    pub fn reads_bodies(mut self) -> Self {
        self.reads_bodies = true;
        self
    }

    /// Another listener beside the one for tests: the same routes, with this filter or none.
    #[must_use]
    pub fn listener(mut self, name: &str, filter: Option<Filter>) -> Self {
        self.more_listeners.push((name.into(), filter));
        self
    }

    /// Its configuration can be changed while it runs: see [`Envoy::reload`].
    #[must_use]
    pub fn reloadable(mut self) -> Self {
        self.reloadable = true;
        self
    }

    /// The filter's VM is configured in another way than any before: all copies of the filter are made anew.
    #[must_use]
    pub fn another_vm(mut self) -> Self {
        self.vm_generation += 1;
        self
    }

    /// The filter as it is, but that a request with trailers that is let through kills the copy that it meets.
    #[must_use]
    pub fn mortal(mut self) -> Self {
        self.mortal = true;
        self
    }

    /// Envoy ends exchanges in which nothing moves for so long, instead of after five minutes.
    #[must_use]
    pub fn stream_idle_timeout(mut self, duration: &str) -> Self {
        self.stream_idle_timeout = Some(duration.into());
        self
    }

    /// Every request says in [`CAME_IN`] when it came to Envoy, and in [`SENT_ON`] when it was sent on: what an upstream on
    /// a busy machine notices is later.
    #[must_use]
    pub fn stamps(mut self) -> Self {
        self.stamps = true;
        self
    }

    /// WebSockets come over HTTP/1.1 only: browsers open a connection of their own for each.
    #[must_use]
    pub fn without_extended_connect(mut self) -> Self {
        self.extended_connect = false;
        self
    }

    /// A WebSocket that came over HTTP/2 goes on with the key that servers of HTTP/1.1 ask for (RFC 8441 section 5.1).
    #[must_use]
    pub fn writes_socket_keys(mut self) -> Self {
        self.socket_keys = true;
        self
    }

    /// Without the `stats_config` of envoy.yaml.
    #[must_use]
    pub fn without_labels(mut self) -> Self {
        self.labels = false;
        self
    }

    /// Changes the whole configuration, as somebody would who writes Envoy's own.
    #[must_use]
    pub fn changed(mut self, change: fn(&mut Value)) -> Self {
        self.change = change;
        self
    }

    /// Not the configuration that is made here, but this one, to which only the admin page is added; paths in it begin in
    /// `folder`. Its listener of this name is the one that clients of [`Envoy::address`] find.
    #[must_use]
    pub fn bootstrap_of(mut self, bootstrap: Value, listener: &str, folder: &Path) -> Self {
        self.other = Some(Other { bootstrap, listener: listener.into(), folder: folder.into() });
        self
    }

    /// Writes these access logs, of which there is one, into a file: see [`Envoy::access_log`].
    #[must_use]
    pub fn access_log(mut self, loggers: Value) -> Self {
        self.access_log = Some(loggers);
        self
    }

    /// The filter logs what operators let it log, and is as fast as they have it.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.wasm_log_level = "warning";
        self
    }

    /// Starts Envoy and waits until it listens. Panics with its log where it does not start.
    pub fn start(self) -> Envoy {
        self.try_start().unwrap_or_else(|log| panic!("Envoy did not start:\n{log}"))
    }

    /// Starts Envoy and waits until it listens.
    ///
    /// # Errors
    /// The log of an Envoy that ended instead.
    pub fn try_start(self) -> Result<Envoy, String> {
        let dir = fresh_dir();
        let config = dir.join("envoy.json");
        fs::write(&config, self.bootstrap(&dir).to_string())
            .expect("the configuration can be written");
        self.write_listeners(&dir);
        let log = Log::new(dir.join("envoy.log"));
        let admin_file = dir.join("admin.txt");

        let mut command = Command::new(binary());
        command
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&admin_file)
            .args(["--concurrency", &self.concurrency.to_string()])
            .args(["--log-level", "warning"])
            // For access logs, which are kept back otherwise.
            .args(["--file-flush-interval-msec", "100"])
            .args(["--component-log-level", &format!("wasm:{}", self.wasm_log_level)])
            .args([
                "--disable-hot-restart",
                "--drain-time-s",
                if self.reloadable { "60" } else { "1" },
            ])
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Not by --log-path: Envoy keeps the last seconds of such a file to itself when it is killed.
            .stderr(fs::File::create(log.path()).expect("the log can be written"));
        if let Some(other) = &self.other {
            command.current_dir(&other.folder);
        }
        let child = process::spawn(command).unwrap_or_else(|problem| panic!("Envoy: {problem}"));
        let mut envoy = Envoy { child, dir, log, builder: self, admin: UNKNOWN, address: UNKNOWN };

        envoy.admin = envoy.wait_for("its admin address", |_| {
            fs::read_to_string(&admin_file).ok()?.trim().parse().ok()
        })?;
        envoy.wait_for("it to be ready", |envoy| {
            (envoy.admin("/ready")?.status == 200).then_some(())
        })?;
        envoy.address = envoy.wait_for("its listener", |envoy| {
            let other = envoy.builder.other.as_ref();
            envoy.try_listener(other.map_or("gate", |other| &other.listener))
        })?;
        Ok(envoy)
    }

    /// Puts the listeners where Envoy looks for them, if it does: whole, under another name before.
    pub(super) fn write_listeners(&self, dir: &Path) {
        if self.reloadable {
            let aside = dir.join("listeners.json.new");
            fs::write(&aside, self.listener_resources(dir).to_string())
                .and_then(|()| fs::rename(&aside, dir.join(LISTENERS)))
                .expect("the listeners can be written");
        }
    }
}
