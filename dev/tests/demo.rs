//! What `make run` starts, with the real Envoy and the real filter: each service gets a token of its own, and the thief's
//! is worth nothing. Needs `make wasm envoy`.

#[allow(dead_code, reason = "most of it is for the tests of the provider")]
mod client;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use client::{Answer, send};
use serde_json::{Value, json};

/// A running demo. Dropped, it ends, and its Envoy with it.
struct Demo {
    run: Child,
    port: u16,
}

impl Demo {
    /// Starts it and waits until it says where to go.
    fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut run = Command::new(env!("CARGO_BIN_EXE_oidc-gate-dev"))
            .args(["run", "--port", &port.to_string()])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(run.stdout.take().expect("its output")).lines();
        let demo = Self { run, port };
        let ready = lines.any(|line| line.is_ok_and(|line| line.contains("Open ")));
        assert!(ready, "it ended; above it says why");
        // Its output must not block it, nor break when nobody reads it.
        std::thread::spawn(move || lines.count());
        demo
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Politely, so that it removes what it has written.
        let _ = Command::new("kill").arg(self.run.id().to_string()).status();
        let _ = self.run.wait();
    }
}

/// A browser: cookies by port, which is stricter than what real ones do.
#[derive(Default)]
struct Person {
    cookies: BTreeMap<(u16, String), String>,
}

impl Person {
    /// One request to an address on 127.0.0.1, without following where it leads.
    fn ask(&mut self, method: &str, url: &str, accept: &str, form: &str) -> Answer {
        let rest = url.strip_prefix("http://127.0.0.1:").expect("an address of the demo");
        let (port, path) = rest.split_once('/').expect("a path");
        let (port, target) = (port.parse().expect("a port"), format!("/{path}"));
        let own = self.cookies.iter().filter(|((of, _), _)| *of == port);
        let cookies: Vec<_> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("accept", accept), ("cookie", &cookies)];
        if !form.is_empty() {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let answer = send(port, method, &target, &headers, form).expect("an answer");
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie");
            self.cookies.insert((port, name.to_owned()), value.to_owned());
        }
        answer
    }

    /// Logs alice in, and gives back the page.
    fn log_in(&mut self, demo: &Demo) -> String {
        let gate = format!("http://127.0.0.1:{}", demo.port);
        let next = |answer: &Answer| answer.header("location").expect("a redirect").to_owned();
        let login = next(&self.ask("GET", &format!("{gate}/"), "text/html", ""));
        let form = self.ask("GET", &login, "text/html", "").body;
        let action = form.split_once("action=\"").expect("a form").1.split('"').next();
        let action = action.unwrap_or_default().replace("&amp;", "&");
        let (origin, _) = login.split_once("/realms/").expect("the provider");
        let action = if action.starts_with('/') { format!("{origin}{action}") } else { action };
        let callback =
            next(&self.ask("POST", &action, "text/html", "username=alice&password=alice"));
        let home = next(&self.ask("GET", &callback, "text/html", ""));
        let home = if home.starts_with('/') { format!("{gate}{home}") } else { home };
        self.ask("GET", &home, "text/html", "").body
    }

    /// What the page's script fetches.
    fn fetch(&mut self, demo: &Demo, path: &str) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", demo.port);
        let answer = self.ask("GET", &url, "application/json", "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(!answer.body.contains(".eyJ"), "a token is shown whole: {}", answer.body);
        answer.json()
    }
}

#[test]
fn each_service_shows_its_own_token_and_the_thiefs_fails() {
    let demo = Demo::start();
    let mut alice = Person::default();
    let page = alice.log_in(&demo);
    for asked in ["/api/hello", "/good/hello", "/evil/hello", "/evil/theft", "/reports/"] {
        assert!(page.contains(&format!("\"{asked}\"")), "the page does not ask for {asked}");
    }

    for (path, audience) in [
        ("/api/hello", json!(["APP-backend", "account"])),
        ("/good/hello", json!("good-service")),
        ("/evil/hello", json!("evil-service")),
    ] {
        let claims = &alice.fetch(&demo, path)["claims"];
        assert_eq!((&claims["aud"], &claims["azp"]), (&audience, &json!("APP-frontend")), "{path}");
        assert!(claims["exp"].is_u64(), "{path}");
    }

    let theft = alice.fetch(&demo, "/evil/theft");
    assert_eq!(theft["status"], 401, "{theft}");
    let challenge = theft["challenge"].as_str().unwrap_or_default();
    assert!(challenge.contains("error=\"invalid_token\""), "{theft}");
    assert_eq!(theft["answer"]["found"], "\"evil-service\"", "{theft}");
    assert_eq!(theft["answer"]["expected"], "one of \"good-service\"", "{theft}");

    let url = format!("http://127.0.0.1:{}/reports/", demo.port);
    assert_eq!(alice.ask("GET", &url, "application/json", "").status, 401);
}
