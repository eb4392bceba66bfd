//! Starts Keycloak and waits until it is ready, and shows that it is being waited for.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use super::Keycloak;
use crate::http::{Connection, Protocol, Request};

/// Starting takes 25 seconds on two idle cores, and several times that on busy ones.
const LIMIT: Duration = Duration::from_secs(300);

/// The realm, as it stands in the repository.
const REALM: &str = include_str!("../../keycloak/acme-realm.json");

pub(super) fn start() -> Keycloak {
    let home = home();
    import_realm(&home);
    let [http, management] = free_addresses();
    let mut command = Command::new(home.join("bin/kc.sh"));
    command
        // With the build options of scripts/install_keycloak: in memory, with health checks.
        .args(["start", "--optimized", "--import-realm", "--cache=local"])
        .args(["--http-enabled=true", "--hostname-strict=false", "--http-host=127.0.0.1"])
        .arg(format!("--http-port={}", http.port()))
        .arg(format!("--http-management-port={}", management.port()))
        .arg("--log-level=info,io.smallrye.health:off")
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", super::admin::NAME)
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", super::admin::NAME)
        .env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx384m")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if cfg!(target_os = "linux") {
        command.env("JAVA", concat!(env!("CARGO_MANIFEST_DIR"), "/keycloak/java"));
    }
    let mut child = crate::process::spawn(command)
        .unwrap_or_else(|problem| panic!("{}: {problem}", home.join("bin/kc.sh").display()));
    let log = Log::default();
    log.read(child.stdout.take());
    log.read(child.stderr.take());
    wait_until_ready(&mut child, management, &log);
    Keycloak { _child: child, address: http }
}

fn wait_until_ready(child: &mut Child, management: SocketAddr, log: &Log) {
    let began = Instant::now();
    let mut told = Duration::ZERO;
    while !ready(management) {
        let so_far = began.elapsed();
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            panic!("Keycloak ended by itself ({status}):\n{}", log.tail());
        }
        if so_far > LIMIT {
            let _ = child.kill();
            panic!("Keycloak was not ready after {} s:\n{}", LIMIT.as_secs(), log.tail());
        }
        if so_far >= told {
            say(&format!(
                "keycloak: starting, {} s so far (at most {}) ...",
                so_far.as_secs(),
                LIMIT.as_secs()
            ));
            told += Duration::from_secs(10);
        }
        thread::sleep(Duration::from_millis(250));
    }
    say(&format!("keycloak: ready after {} s", began.elapsed().as_secs()));
}

/// The management port refuses, then says 503, then 200. Its own log line "started" comes too early.
fn ready(management: SocketAddr) -> bool {
    Connection::open(management, Protocol::H1)
        .and_then(|mut connection| connection.try_send(&Request::get("/health/ready")))
        .is_ok_and(|answer| answer.status == 200)
}

/// Tests hold back what `eprintln!` prints until they fail; this is for whoever waits in front of the screen.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// `$KEYCLOAK`, or where `make keycloak` puts it.
fn home() -> PathBuf {
    let named = env::var_os("KEYCLOAK").map(PathBuf::from);
    let home = named.expect("KEYCLOAK names the folder of Keycloak: run `make keycloak`");
    assert!(
        home.join("bin/kc.sh").is_file(),
        "no Keycloak in {}: run `make keycloak`",
        home.display()
    );
    home
}

/// Keycloak imports what it finds in a folder of its own. Written aside and renamed: another run may be reading it.
fn import_realm(home: &Path) {
    let folder = home.join("data/import");
    let aside = home.join(format!("data/acme-realm-{}.json", std::process::id()));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&aside, REALM))
        .and_then(|()| fs::rename(&aside, folder.join("acme-realm.json")))
        .unwrap_or_else(|problem| panic!("{}: {problem}", folder.display()));
}

/// Two ports that are free now. Keycloak cannot tell which ones it was given, so it is told.
fn free_addresses() -> [SocketAddr; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("a listener has an address"))
}

/// The last lines that Keycloak printed.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    fn read(&self, stream: Option<impl Read + Send + 'static>) {
        let lines = Arc::clone(&self.0);
        let stream = stream.expect("the stream was asked for");
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut lines = lines.lock().expect("nobody panics with the log in hand");
                lines.push_back(line);
                if lines.len() > 60 {
                    lines.pop_front();
                }
            }
        });
    }

    fn tail(&self) -> String {
        let lines = self.0.lock().expect("nobody panics with the log in hand");
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
