//! Real MCP clients (those of the SDKs), told nothing but a URL, a gate that logs nobody in, and behind it a server that
//! knows nothing of authorization: see `make mcp`, which installs the SDKs and names them in `MCP_PYTHON` and `MCP_NODE`.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use oidc_gate_dev::Minted;
use oidc_gate_e2e::envoy::root;
use oidc_gate_e2e::gate::Gate;
use oidc_gate_e2e::http::{Protocol, Request};
use oidc_gate_e2e::{process, wait};
use serde_json::{Value, json};

const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

/// The tokens that the gate asks for have this scope; the provider's realm has it as an optional one.
const SCOPE: &str = "mcp-tools";

/// Whose client comes.
#[derive(Clone, Copy, Debug)]
enum Sdk {
    Python,
    #[cfg(feature = "mcp-node")]
    Node,
}

/// All that are there.
const SDKS: &[Sdk] = &[
    Sdk::Python,
    #[cfg(feature = "mcp-node")]
    Sdk::Node,
];

impl Sdk {
    fn client(self) -> Command {
        match self {
            Self::Python => python("client.py"),
            #[cfg(feature = "mcp-node")]
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(root().join("e2e/mcp/node/client.mjs"));
                command
            }
        }
    }
}

fn python(script: &str) -> Command {
    let python =
        env::var_os("MCP_PYTHON").expect("MCP_PYTHON names a Python with the SDK: run `make mcp`");
    let mut command = Command::new(python);
    command.arg(root().join("e2e/mcp").join(script));
    command
}

/// A gate before an MCP server.
struct Scene {
    gate: Gate,
    server: Child,
    url: String,
}

impl Scene {
    /// The server, and before it the gate, which knows it by its own address.
    fn start() -> Self {
        let mut command = python("server.py");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = process::spawn(command).expect("the MCP server starts");
        let mut line = String::new();
        let mut output = BufReader::new(server.stdout.take().expect("its output is piped"));
        output.read_line(&mut line).expect("it says its port");
        let port: u16 = line.trim().parse().unwrap_or_else(|_| panic!("a port: {line:?}"));
        let mut gate = Gate::new()
            .provider(|options| options.optional_scopes.push((SCOPE.into(), "nobody".into())))
            .config(|config| {
                config["login"] = false.into();
                config["upstream"] = json!({"headers": {"x-user": "preferred_username"}});
            })
            .route("/mcp", SocketAddr::from(([127, 0, 0, 1], port)), Protocol::H1)
            .envoy(|envoy| envoy.reloadable())
            .start();
        // Its port is known when it runs.
        let url = gate.envoy.url("/mcp");
        let resource = url.clone();
        gate.reload(false, |config| {
            config["access_token"] = json!({"audiences": [resource], "scope": [SCOPE]});
            config["protected_resource"] =
                json!({"resource": resource, "scopes_supported": ["openid", SCOPE]});
        });
        wait::until("the gate to have its configuration", || {
            (gate.send(Request::get(METADATA)).status == 200).then_some(())
        });
        Self { gate, server, url }
    }

    /// Runs the client to its end, which must be a good one.
    fn client(&self, sdk: Sdk, token: Option<&str>) -> Value {
        let mut command = sdk.client();
        command
            .arg(&self.url)
            .args(token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let done =
            process::spawn(command).and_then(Child::wait_with_output).expect("the client runs");
        let (said, errors) =
            (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{said}\n{errors}");
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("JSON: {said}\n{errors}"))
    }

    fn mint(&self, audience: &str, scope: &str) -> String {
        self.gate.provider.mint(Minted::Access, json!({"aud": audience, "scope": scope}))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The first steps of a client, as method, path, and status of the answer.
fn steps(told: &Value) -> Vec<(String, String, u64)> {
    let step = |step: &Value| {
        let text = |at: usize| step[at].as_str().expect("a text").to_owned();
        let path = text(1).splitn(4, '/').nth(3).map(|path| format!("/{path}")).expect("a URL");
        (text(0), path, step[2].as_u64().expect("a status"))
    };
    told["requests"].as_array().expect("a list").iter().map(step).collect()
}

fn found_its_way(told: &Value, first: u64) {
    // Some look twice.
    let mut steps = steps(told);
    let mut seen = BTreeSet::new();
    steps.retain(|step| seen.insert(step.clone()));
    let expected = [
        ("POST", "/mcp", first),
        ("GET", METADATA, 200),
        ("GET", "/.well-known/oauth-authorization-server/realms/acme", 200),
        ("POST", "/realms/acme/clients-registrations/openid-connect", 201),
        ("POST", "/realms/acme/protocol/openid-connect/token", 200),
    ];
    assert!(steps.len() > expected.len(), "{steps:?}");
    for (found, expected) in steps.iter().zip(expected) {
        assert_eq!((found.0.as_str(), found.1.as_str(), found.2), expected, "{steps:?}");
    }
    let after = &steps[expected.len()..];
    assert!(after.iter().all(|(_, path, status)| path == "/mcp" && *status < 300), "{after:?}");
    assert_eq!(told["said"], json!(["Hello, alice"]), "the server knows who calls: {told}");
}

#[test]
fn a_client_that_knows_the_url_alone_gets_in_and_a_token_for_somebody_else_does_not() {
    let scene = Scene::start();
    for sdk in SDKS {
        let told = scene.client(*sdk, None);
        found_its_way(&told, 401);
        let login = &told["logins"][0];
        assert_eq!(
            (&login["resource"], &login["scope"]),
            (&json!(scene.url), &json!("openid mcp-tools"))
        );
    }

    for audience in ["APP-backend", scene.url.trim_end_matches("/mcp")] {
        let token = scene.mint(audience, SCOPE);
        let answer = scene.gate.envoy.send(&Request::new("POST", "/mcp").bearer(&token));
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert_eq!(answer.status, 401);
        for words in [
            format!("resource_metadata=\"{}\"", scene.gate.envoy.url(METADATA)),
            format!("audience is '{audience}', expected one of '{}'", scene.url),
        ] {
            assert!(challenge.contains(&words), "{words}: {challenge}");
        }
    }
}

#[test]
fn a_client_with_a_token_for_another_server_is_refused_and_finds_its_way() {
    let scene = Scene::start();
    let other = scene.mint("https://other.example/mcp", SCOPE);
    for sdk in SDKS {
        found_its_way(&scene.client(*sdk, Some(&other)), 401);
    }
}

#[test]
fn a_client_whose_token_lacks_scope_is_told_which_and_asks_for_it() {
    let scene = Scene::start();
    let narrow = scene.mint(&scene.url, "openid");
    for sdk in SDKS {
        let told = scene.client(*sdk, Some(&narrow));
        found_its_way(&told, 403);
        assert_eq!(told["logins"][0]["scope"], SCOPE);
    }
}
