//! `oidc-gate-dev run` with a stand-in for Envoy: what is missing is named, and nothing is left behind.
//!
//! With the real Envoy and the real filter it runs in the end-to-end tests.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with what a run needs: envoy.yaml, something in the filter's place, and a script in Envoy's.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, envoy: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        let built = folder.join("target/wasm32-wasip1/release");
        fs::create_dir_all(&built).expect("a folder for the test");
        fs::write(built.join("oidc_gate.wasm"), "").expect("a file");
        fs::write(folder.join("envoy.yaml"), include_str!("../../envoy.yaml")).expect("a file");
        let script = folder.join("fake-envoy");
        fs::write(&script, format!("#!/bin/sh\n{envoy}\n")).expect("a file");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a script");
        Self(folder)
    }

    fn command(&self, port: u16) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oidc-gate-dev"));
        command
            .current_dir(&self.0)
            .env_remove("ENVOY")
            .args(["run", "--envoy", "./fake-envoy", "--port", &port.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn output(&self, port: u16) -> (Output, String) {
        let output = self.command(port).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output, told)
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn a_taken_port_is_told_and_nothing_is_started() {
    let folder = Folder::new("taken", "touch was-started");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let (output, told) = folder.output(port);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains(&format!("Port {port}")) && told.contains("GATE_PORT="), "{told}");
    assert!(!folder.0.join("was-started").exists());
}

#[test]
fn a_filter_that_is_not_built_is_told() {
    let folder = Folder::new("unbuilt", "exit 0");
    fs::remove_dir_all(folder.0.join("target")).expect("it was there");
    let (output, told) = folder.output(free_port());
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("make wasm"), "{told}");
}

#[test]
fn an_envoy_that_dies_is_told_with_its_last_words() {
    let folder = Folder::new("dies", "printf 'info\\tmain\\tlast words\\n' >&2; exit 3");
    let (output, told) = folder.output(free_port());
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("last words") && told.contains("exit status: 3"), "{told}");
    let left = fs::read_dir(folder.0.join("target/oidc-gate-dev")).expect("the folder").count();
    assert_eq!(left, 0, "the configuration of the run is removed");
}

#[test]
fn envoy_gets_its_secrets_and_the_ports_of_the_run() {
    let script = r#"[ ${#CLIENT_SECRET} = 44 ] && [ ${#SESSION_KEY} = 44 ] && printf 'error\tx\tgot them\n' >&2
cp "$2" seen.json"#;
    let folder = Folder::new("secrets", script);
    let port = free_port();
    let (output, _) = folder.output(port);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("got them"), "{told}");
    let seen = fs::read_to_string(folder.0.join("seen.json")).expect("what Envoy was given");
    let issuer = told.split(' ').find(|word| word.starts_with("http://")).expect("the issuer");
    let issuer = issuer.split_whitespace().next().unwrap_or_default();
    assert!(seen.contains(issuer) && seen.contains(&format!("\"port_value\":{port}")), "{seen}");
}

/// Starts a run and waits until its Envoy runs. The answer: the run, and Envoy's process id.
fn started(folder: &Folder) -> (Child, u32) {
    let mut run = folder.command(free_port()).spawn().expect("it runs");
    let mut lines = BufReader::new(run.stdout.take().expect("its output")).lines();
    let id = lines.find_map(|line| line.ok()?.strip_prefix("envoy    error: id ")?.parse().ok());
    // Its output must not block it, nor break when nobody reads it.
    std::thread::spawn(move || lines.count());
    (run, id.expect("the id"))
}

fn runs(id: u32) -> bool {
    // A zombie runs no more; somebody else has to reap it where its parent is gone.
    let status = fs::read_to_string(format!("/proc/{id}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(signal: &str, id: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status();
    assert!(status.expect("kill runs").success());
}

const ENDLESS: &str = r"printf 'error\tx\tid %s\n' $$ >&2; exec sleep 600";

#[test]
fn ctrl_c_and_a_polite_kill_end_everything() {
    let folder = Folder::new("polite", ENDLESS);
    for signal in ["INT", "TERM", "HUP"] {
        let (mut run, envoy) = started(&folder);
        kill(signal, run.id());
        assert_eq!(run.wait().expect("it ends").code(), Some(0), "{signal}");
        assert!(!runs(envoy), "{signal}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_envoy_does_not_outlive_a_run_that_is_killed() {
    let folder = Folder::new("killed", ENDLESS);
    let (mut run, envoy) = started(&folder);
    run.kill().expect("it is killed");
    run.wait().expect("it ends");
    until("Envoy ends", || !runs(envoy));
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_does_not_outlive_a_make_that_is_killed() {
    let folder = Folder::new("orphan", ENDLESS);
    // The shell stands for make: it starts the run, and waits for it.
    let program = env!("CARGO_BIN_EXE_oidc-gate-dev");
    let line =
        format!("{program} run --envoy ./fake-envoy --port {} & echo run $!; wait", free_port());
    let mut make = Command::new("sh")
        .args(["-c", &line])
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(make.stdout.take().expect("its output")).lines();
    let mut id = |before: &str| {
        let found = lines.find_map(|line| line.ok()?.strip_prefix(before)?.parse::<u32>().ok());
        found.expect("the id")
    };
    let (run, envoy) = (id("run "), id("envoy    error: id "));
    std::thread::spawn(move || lines.count());
    make.kill().expect("it is killed");
    make.wait().expect("it ends");
    until("the run ends", || !runs(run));
    until("Envoy ends", || !runs(envoy));
}
