//! The demo of `make run`, as somebody sees it who tries it: three services with a token each, and a thief who fails.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use oidc_gate_e2e::chromium::Chromium;

use super::log_in;

/// A running demo. Dropped, it ends, and its Envoy with it.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // Politely, so that it removes what it has written.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Another package's program, which cargo does not build for this one's tests.
fn program() -> PathBuf {
    let this = std::env::current_exe().expect("a test is a program");
    let built = this.ancestors().nth(2).expect("it is in target/*/deps").join("oidc-gate-dev");
    assert!(built.is_file(), "{} is not there: cargo build -p oidc-gate-dev", built.display());
    built
}

fn demo() -> (Demo, SocketAddr) {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let mut run = Command::new(program())
        .args(["run", "--port", &address.port().to_string()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(run.stdout.take().expect("its output")).lines();
    let demo = Demo(run);
    let ready = lines.any(|line| line.is_ok_and(|line| line.contains("Open ")));
    assert!(ready, "it ended; above it says why");
    // Its output must not block it, nor break when nobody reads it.
    std::thread::spawn(move || lines.count());
    (demo, address)
}

#[test]
fn the_demo_shows_each_services_token_side_by_side_and_the_thiefs_failure() {
    let (_demo, address) = demo();
    let chromium = Chromium::start(&address.to_string(), address);
    let tab = chromium.tab();
    let home = format!("http://{address}/");
    tab.open(&home);
    log_in(&tab, "alice", &home);

    tab.click("#compare");
    tab.wait_for("the tokens", "!document.querySelector('#tokens').hidden");
    let cells = |row: &str| {
        let script = format!(
            "[...document.querySelectorAll('#{row} td')].map(cell => cell.innerText).join(' | ')"
        );
        tab.run(&script).as_str().expect("a text").to_owned()
    };
    assert_eq!(cells("aud"), "APP-backend, account | good-service | evil-service");
    assert_eq!(cells("azp"), "APP-frontend | APP-frontend | APP-frontend");
    assert_eq!(cells("exp").matches(':').count(), 6, "{}", cells("exp"));

    tab.click("#steal");
    tab.wait_for("the thief's failure", "!document.querySelector('#theft').hidden");
    let told = tab.run("document.querySelector('#theft').innerText");
    let told = told.as_str().expect("a text");
    for words in ["401", "failed", "\"evil-service\"", "\"good-service\"", "invalid_token"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!tab.text().contains(".eyJ"), "no token is shown whole");
}
