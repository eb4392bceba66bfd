//! A real Envoy for one test: built, started, watched, and ended with it.

mod bootstrap;
mod builder;
mod log;
mod mortal;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, thread};

use crate::http::{self, Answer, Connection, Protocol, Request};
use crate::wait;

pub use builder::{Builder, CAME_IN, Filter, SENT_ON, SOCKET_KEY};
pub use log::Log;

const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A running Envoy. Dropped, it is killed, and a test that passed so far fails where the log shows that the filter died
/// or wrote down a token.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    dir: PathBuf,
    log: Log,
    builder: Builder,
    admin: SocketAddr,
    address: SocketAddr,
}

impl Envoy {
    /// A builder: one worker, no filter, no clusters.
    #[expect(
        clippy::new_ret_no_self,
        reason = "reads as a sentence: Envoy::new().concurrency(2).start()"
    )]
    pub fn new() -> Builder {
        Builder::new()
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin interface listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// The URL of a path here.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Panics where the log shows that a copy of the filter died by itself, or holds a token or secret. Done at the end
    /// too.
    pub fn assert_healthy(&self) {
        if !self.builder.mortal {
            self.log.assert_alive();
        }
        let secrets: Vec<_> =
            self.builder.environment.iter().map(|(_, value)| value.clone()).collect();
        self.log.assert_discreet(&secrets);
    }

    /// Gives an Envoy that was started as [`Builder::reloadable`] another configuration while it runs. Connections that
    /// are open keep what they have for a minute.
    pub fn reload(&mut self, change: impl FnOnce(Builder) -> Builder) {
        self.builder = change(self.builder.clone());
        self.builder.write_listeners(&self.dir);
    }

    /// What [`Builder::access_log`] has had it write so far.
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.dir.join(builder::ACCESS_LOG)).unwrap_or_default()
    }

    /// What it has logged.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A new connection; with several workers the kernel chooses which one.
    pub fn connect(&self, protocol: Protocol) -> Connection {
        Connection::open(self.address, protocol)
            .unwrap_or_else(|problem| panic!("{}: {problem}", self.address))
    }

    /// One request on a connection of its own, over HTTP/1.1.
    pub fn send(&self, request: &Request) -> Answer {
        http::send(self.address, Protocol::H1, request)
    }

    /// One counter or gauge of Envoy's own statistics; 0 where it does not exist.
    pub fn stat(&self, name: &str) -> u64 {
        let page = self.stats();
        let value =
            page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
        value.unwrap_or(0)
    }

    /// All counters and gauges, a line each.
    pub fn stats(&self) -> String {
        self.admin("/stats").expect("the admin page answers").text()
    }

    /// All that Prometheus would read here.
    pub fn prometheus(&self) -> String {
        self.admin("/stats/prometheus").expect("the admin page answers").text()
    }

    /// How many connections of clients each worker has had so far.
    pub fn connections_by_worker(&self) -> Vec<u64> {
        let page = self.stats();
        let of_a_worker = |line: &str| {
            let (name, count) = line.split_once(".downstream_cx_total: ")?;
            (name.starts_with("listener.127.") && name.contains(".worker_"))
                .then(|| count.parse().ok())?
        };
        page.lines().filter_map(of_a_worker).collect()
    }

    /// How many worker threads have had a connection of a client.
    pub fn workers_that_served(&self) -> usize {
        self.connections_by_worker().iter().filter(|count| **count > 0).count()
    }

    fn admin(&self, path: &str) -> Option<Answer> {
        Connection::open(self.admin, Protocol::H1)
            .and_then(|mut admin| admin.try_send(&Request::get(path)))
            .ok()
    }

    /// Where the listener of this name listens; the one for tests is called `gate`.
    pub fn listener(&self, name: &str) -> SocketAddr {
        self.try_listener(name).unwrap_or_else(|| panic!("there is no listener {name:?}"))
    }

    /// Its process, for whoever looks into `/proc`.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The port that the kernel chose for a listener.
    fn try_listener(&self, name: &str) -> Option<SocketAddr> {
        let listeners = self.admin("/listeners?format=json")?.json();
        let mut statuses = listeners["listener_statuses"].as_array()?.iter();
        let socket =
            &statuses.find(|status| status["name"] == name)?["local_address"]["socket_address"];
        let port = u16::try_from(socket["port_value"].as_u64()?).ok().filter(|port| *port != 0)?;
        Some(SocketAddr::new(socket["address"].as_str()?.parse().ok()?, port))
    }

    /// Waits for `ready`, or for the end of Envoy: then its log is the error.
    fn wait_for<T>(&mut self, what: &str, ready: impl Fn(&Self) -> Option<T>) -> Result<T, String> {
        wait::until(what, || {
            if let Some(value) = ready(self) {
                return Some(Ok(value));
            }
            let ended = self.child.try_wait().expect("a child can be asked").is_some();
            ended.then(|| Err(self.log.text()))
        })
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!(
                "--- the end of Envoy's log, all of it in {}:\n{}",
                self.log.path().display(),
                self.log.tail(40)
            );
            return;
        }
        if self.address != UNKNOWN {
            assert!(ended.is_none(), "Envoy ended by itself ({ended:?}):\n{}", self.log.tail(40));
            self.assert_healthy();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// What Envoy says of a configuration file of the repository, read with these environment variables.
pub fn validate(file: &str, environment: &[(&str, &str)]) -> String {
    filter();
    let mut command = Command::new(binary());
    command
        .args(["--mode", "validate", "-c", file])
        .current_dir(root())
        .envs(environment.iter().copied());
    let output = command.output().unwrap_or_else(|problem| panic!("Envoy: {problem}"));
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Where the binary is: `$ENVOY`, or where `make envoy` puts it.
pub fn binary() -> PathBuf {
    if let Some(named) = env::var_os("ENVOY") {
        return named.into();
    }
    let installed = root().join(".tools/envoy/envoy");
    assert!(
        installed.is_file(),
        "no Envoy in {}: run `make envoy`, or name one in ENVOY",
        installed.display()
    );
    installed
}

/// Where the filter is: `$OIDC_GATE_WASM`, or where `make wasm` puts it.
pub fn filter() -> PathBuf {
    if let Some(named) = env::var_os("OIDC_GATE_WASM") {
        return named.into();
    }
    let built = root().join("target/wasm32-wasip1/release/oidc_gate.wasm");
    assert!(
        built.is_file(),
        "no filter in {}: run `make wasm`, or name one in OIDC_GATE_WASM",
        built.display()
    );
    built
}

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate stands in the workspace")
}

/// A folder for one Envoy, or one browser, below `target/`. Those of runs that are over and failed are removed first.
pub fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static BASE: LazyLock<PathBuf> = LazyLock::new(|| {
        let all = root().join("target/e2e");
        for run in fs::read_dir(&all).into_iter().flatten().flatten() {
            if !Path::new("/proc").join(run.file_name()).exists() {
                let _ = fs::remove_dir_all(run.path());
            }
        }
        all.join(process::id().to_string())
    });
    let dir = BASE.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
    fs::create_dir_all(&dir).unwrap_or_else(|problem| panic!("{}: {problem}", dir.display()));
    dir
}
