//! `run`: the order in which things are checked, started, waited for and ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oidc_gate_dev::{
    DemoPage, DevProvider, DevUpstream, ProviderOptions, UpstreamOptions, Verification,
};
use rsa::rand_core::{OsRng, RngCore as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::added::Service;
use crate::args::Run;
use crate::envoy::Envoy;
use crate::signals::End;
use crate::{checks, config};

/// Until then the gate should answer; slow machines get a word that it takes longer.
const SOON: Duration = Duration::from_secs(30);

/// Provider, page and services, on ports of their own.
struct Servers {
    provider: DevProvider,
    page: DemoPage,
    api: DevUpstream,
    reports: DevUpstream,
    good: DevUpstream,
    evil: DevUpstream,
}

/// Runs the demo until it is told to end.
///
/// Errors: what is missing or went wrong, and what to do.
pub(crate) async fn run(args: &Run) -> Result<(), String> {
    let mut end = End::watch()?;
    let file = args.config.clone().unwrap_or_else(|| PathBuf::from("envoy.yaml"));
    let envoy = checks::envoy(args.envoy.as_deref())?;
    let text = std::fs::read_to_string(&file).map_err(|error| {
        format!(
            "{} cannot be read: {error}. Start this from the folder of the project.",
            file.display()
        )
    })?;
    let in_file =
        |problem: String| format!("{} cannot be used for the demo: {problem}.", file.display());
    let config = config::Config::read(&text).map_err(in_file)?;
    checks::wasm(&config.wasm)?;
    let port = args.gate_port.unwrap_or(config.gate_port);
    checks::free(port)?;

    let (client_secret, session_key) = (secret("CLIENT_SECRET"), secret("SESSION_KEY"));
    let servers = Servers::start(args, port, &client_secret)?;
    let (clusters, added) = (servers.clusters(), servers.added());
    let issuer = servers.provider.issuer();
    let run = config::Run {
        clusters: &clusters,
        issuer: &issuer,
        added: &added,
        gate_port: args.gate_port,
    };
    let json = config.of_run(&run).map_err(in_file)?;
    let written = Written::new(port, &json)?;

    println!(
        "envoy    {} with {}, on the ports above; /good and /evil are added",
        envoy.display(),
        file.display()
    );
    let secrets =
        [("CLIENT_SECRET", client_secret.as_str()), ("SESSION_KEY", session_key.as_str())];
    let mut envoy = Envoy::start(&envoy, &written.path, &secrets)?;
    let told = tokio::select! {
        how = envoy.watch() => Err(how),
        () = tell_when_ready(port) => Ok(()),
        () = end.came() => Ok(()),
    };
    // `tell_when_ready` never returns: either Envoy has died, or it is time to end.
    if told.is_ok() {
        println!("\nending ...");
        envoy.end().await;
    }
    told
}

/// The provider without a gate, until it is told to end.
///
/// Errors: the port is taken.
pub(crate) async fn provider_alone(port: u16) -> Result<(), String> {
    let mut end = End::watch()?;
    let mut options = ProviderOptions { port, ..ProviderOptions::default() };
    if let Ok(secret) = std::env::var("CLIENT_SECRET") {
        options.client_secret = secret;
    }
    let secret = options.client_secret.clone();
    let provider = started("provider", port, DevProvider::start(options))?;
    println!("provider {} (client APP-frontend, secret {secret})", provider.issuer());
    println!("         users alice and bob; the password is the name. Ctrl-C ends it.");
    end.came().await;
    Ok(())
}

impl Servers {
    fn start(args: &Run, gate_port: u16, client_secret: &str) -> Result<Self, String> {
        let options = ProviderOptions {
            port: args.provider_port,
            client_secret: client_secret.to_owned(),
            ..ProviderOptions::default()
        };
        let provider = started("provider", args.provider_port, DevProvider::start(options))?;
        println!("provider {}", provider.issuer());
        let page = started("page", args.page_port, DemoPage::start(args.page_port))?;
        println!("page     http://127.0.0.1:{}, behind the gate at /", page.port());
        // The thief goes through the gate, as anybody would who has a token.
        let prey = format!("http://127.0.0.1:{gate_port}/good/hello");
        let api = service(&provider, "api", args.api_port, "APP-backend", None)?;
        let reports = service(&provider, "reports", args.reports_port, "APP-reports", None)?;
        let good = service(&provider, "good", 0, "good-service", None)?;
        let evil = service(&provider, "evil", 0, "evil-service", Some(prey))?;
        Ok(Self { provider, page, api, reports, good, evil })
    }

    fn clusters(&self) -> [(&'static str, u16); 4] {
        [
            ("keycloak", self.provider.port()),
            ("page", self.page.port()),
            ("api", self.api.port()),
            ("reports", self.reports.port()),
        ]
    }

    /// What does not stand in the file.
    fn added(&self) -> [Service; 2] {
        [
            Service { path: "/good", audience: "good-service", port: self.good.port() },
            Service { path: "/evil", audience: "evil-service", port: self.evil.port() },
        ]
    }
}

/// Starts a service that verifies tokens itself; with `plays_to` it is a thief.
fn service(
    provider: &DevProvider,
    name: &str,
    port: u16,
    audience: &str,
    plays_to: Option<String>,
) -> Result<DevUpstream, String> {
    let verification = Verification {
        issuer: provider.issuer(),
        jwks_uri: format!("{}/protocol/openid-connect/certs", provider.issuer()),
        audience: Some(audience.to_owned()),
    };
    let options =
        UpstreamOptions { port, name: name.to_owned(), verification: Some(verification), plays_to };
    let service = started(name, port, DevUpstream::start(options))?;
    println!(
        "{name:<8} http://127.0.0.1:{}, behind the gate at /{name}: takes tokens for {audience}",
        service.port()
    );
    Ok(service)
}

fn started<T>(what: &str, port: u16, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("The {what} cannot listen on port {port}: {error}."))
}

/// The configuration in a file of this run's own, which is removed at the end.
struct Written {
    path: PathBuf,
}

impl Written {
    fn new(port: u16, json: &str) -> Result<Self, String> {
        let folder = Path::new("target/oidc-gate-dev");
        let path = folder.join(format!("envoy-{port}-{}.json", std::process::id()));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, json))
            .map_err(|error| format!("{} cannot be written: {error}.", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// 32 bytes in base64: that of the environment, or a new one.
fn secret(name: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        STANDARD.encode(bytes)
    })
}

/// Waits until the gate answers, says where to go, and never returns.
async fn tell_when_ready(port: u16) {
    let wait = async {
        while !matches!(status(port).await, Ok(Some(status)) if status < 500) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::pin!(wait);
    if tokio::time::timeout(SOON, &mut wait).await.is_err() {
        println!("gate     still not ready; waiting. The lines above may say why.");
        wait.await;
    }
    println!(
        "\n  Open   http://127.0.0.1:{port}/\n  \
         Log in as alice, password alice (or bob, password bob)\n  \
         Ctrl-C ends everything.\n"
    );
    std::future::pending::<()>().await;
}

/// The status that the gate answers to a script: 503 until it is ready. A page load would begin a login.
async fn status(port: u16) -> std::io::Result<Option<u16>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!(
        "GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: application/json\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.split(' ').nth(1).and_then(|status| status.parse().ok()))
}
