//! `oidc-gate check`: mistakes with their lines, wherever the configuration stands.

use serde_json::Value;

use crate::{SMALLEST, root, run, run_with};

/// Mistakes as `line path` each, in the order in which they are told; from `--format json`.
fn places(text: &str) -> Vec<String> {
    let ran = run(&["check", "--format", "json", "-"], text);
    assert_ne!(ran.code, 2, "{ran:?}");
    let place = |line: &str| {
        let finding: Value = serde_json::from_str(line).unwrap();
        format!("{} {}", finding["line"], finding["path"].as_str().unwrap())
    };
    ran.stdout.lines().map(place).collect()
}

const ENVOY: &str = r#"static_resources:
  listeners:
  - filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          http_filters:
          - name: gate
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: first
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: |

                    {
                      "provider": { "issuer": "https://keycloak.example/realms/acme" },
                      "access_token": {
                        "audience": ["APP-backend"]
                      },
                      "login": false
                    }
          - name: other
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: coraza
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: '{"rules": ["SecRuleEngine On"]}'
          - name: gate
            typed_config:
              "@type": type.googleapis.com/udpa.type.v1.TypedStruct
              type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              value:
                config:
                  name: second
                  configuration:
                    "@type": type.googleapis.com/google.protobuf.StringValue
                    value: '{"provider": {}, "login": false, "access_token": {"audiences": ["a"]}}'
"#;

#[test]
fn every_filter_of_an_envoy_file_is_found_with_its_lines() {
    assert_eq!(
        places(ENVOY),
        [
            "18 provider.cluster",
            "19 access_token.audiences",
            "20 access_token.audience",
            "41 provider.issuer",
            "41 provider.cluster",
        ]
    );
    let ran = run(&["check", "-"], ENVOY);
    assert_eq!(ran.stderr, "note: <stdin>:31: filter coraza: not this gate's, by its keys\n");
}

#[test]
fn mistakes_are_told_as_compilers_tell_them() {
    let ran = run(&["check", "-"], ENVOY);
    let first = "\
error: provider.cluster: missing
  --> <stdin>:18
  = hint: name the host's cluster that reaches the provider
error: access_token.audiences: missing
  --> <stdin>:19
";
    assert!(ran.stdout.starts_with(first), "{}", ran.stdout);
}

#[test]
fn the_envoy_yaml_that_users_copy_is_right() {
    let ran = run(&["check", "envoy.yaml"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = std::fs::read_to_string(root().join("envoy.yaml")).unwrap();
    let line = line.lines().position(|line| line.ends_with("value: |")).unwrap() + 2;
    assert!(ran.stdout.contains("warning: session.cookie.secure"), "{}", ran.stdout);
    let told = "filter oidc_gate (2 secrets of the environment not read: see --env)";
    assert!(ran.stdout.contains(&format!("ok: envoy.yaml:{line}: {told}")), "{}", ran.stdout);
    let strict = run(&["check", "--deny-warnings", "envoy.yaml"], "");
    assert_eq!(strict.code, 1, "{strict:?}");
    assert!(!strict.stdout.contains("ok:"), "{strict:?}");
}

#[test]
fn resources_of_kubernetes_are_read_as_kubernetes_reads_them() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: app}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: gate}
spec:
  pluginConfig:
    provider: {issuer: https://keycloak.example/realms/acme, cluster: keycloak}
    client:
      client_id: APP-frontend
      client_secret: {env: CLIENT_SECRET}
      dpop: off
    access_token: {audiences: [APP-backend]}
    session: {keys: [{env: SESSION_KEY}]}
---
apiVersion: v1
kind: List
items:
- apiVersion: gateway.envoyproxy.io/v1alpha1
  kind: EnvoyExtensionPolicy
  metadata: {name: policy}
  spec:
    wasm:
    - name: oidc-gate
    - name: other
      config: {a: 1}
    - name: gate
      config:
        provider:
          issuer: https://keycloak.example/realms/acme
          cluster: keycloak
          timeout: 5
        login: no
        access_token: {audiences: [APP-backend]}
";
    // `off` without quotes is a boolean there, and `no` is false.
    assert_eq!(places(text), ["14 client.dpop", "26 ", "34 provider.timeout"]);
    let ran = run(&["check", "-"], text);
    assert!(ran.stdout.contains("hint: write the word in quotes"), "{ran:?}");
    assert!(ran.stderr.contains("<stdin>:28: EnvoyExtensionPolicy policy, other"), "{ran:?}");
}

#[test]
fn warnings_are_told_beside_mistakes_in_the_order_of_the_file() {
    let text = SMALLEST.replace("[APP-backend]", "[APP-backend, APP-backend]");
    let ran = run(&["check", "-"], &format!("{text}bear: 1\n"));
    let kinds: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        kinds,
        [
            "warning: access_token.audiences[1]: \"APP-backend\" stands twice",
            "error: bear: unknown key",
        ]
    );
    assert_eq!(run(&["check", "-"], &text).code, 0);
}

#[test]
fn a_configuration_may_be_the_whole_file() {
    let json = r#"{
  "provider": {"issuer": "https://keycloak.example/realms/acme", "cluster": "keycloak"},
  "login": false,
  "access_token": {
    "audiences": "APP-backend"
  }
}"#;
    assert_eq!(places(json), ["5 access_token.audiences"]);
    let rules = "rules:\n- match: {path: /a}\n- match:\n    path_prefix: /b/\n";
    let yaml = format!("# the gate\n{SMALLEST}{rules}");
    assert_eq!(places(&yaml), ["9 rules[1].match.path_prefix"]);
    // Each document is one.
    assert_eq!(places(&format!("{SMALLEST}---\n{SMALLEST}bear: 1\n")), ["10 bear"]);
}

#[test]
fn what_the_host_would_not_hand_over_is_told() {
    let filter = |configuration: &str| {
        format!(
            "\"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
config:
  name: gate
  vm_config: {{code: {{local: {{filename: oidc_gate.wasm}}}}}}
{configuration}"
        )
    };
    for (configuration, line, what) in [
        ("", 3, "has no `configuration`"),
        (
            "  configuration: {\"@type\": type.googleapis.com/google.protobuf.Struct, value: {}}",
            5,
            "must be a google.protobuf.StringValue, found type.googleapis.com/google.protobuf.Struct",
        ),
        ("  configuration: {provider: {}}", 5, "StringValue, found no `@type`"),
        (
            "  configuration:
    \"@type\": type.googleapis.com/google.protobuf.StringValue
    value: |
      {
        \"login\": false,
      }",
            10,
            "the configuration is not JSON",
        ),
        (
            "  configuration:
    \"@type\": type.googleapis.com/google.protobuf.StringValue
    value: |
      provider:
        cluster: keycloak",
            8,
            "it is JSON, not YAML",
        ),
    ] {
        let ran = run(&["check", "-"], &filter(configuration));
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stdout.contains(&format!("--> <stdin>:{line}\n")), "{line}: {ran:?}");
        assert!(ran.stdout.contains(what), "{what}: {ran:?}");
    }
}

#[test]
fn secrets_need_not_be_set_here_but_must_be_named_rightly() {
    assert_eq!(run(&["check", "-"], SMALLEST).code, 0);
    // Two variables are two keys, one variable twice is one key twice.
    let keys = |second: &str| {
        SMALLEST
            .replace("[{env: SESSION_KEY}]", &format!("[{{env: SESSION_KEY}}, {{env: {second}}}]"))
    };
    assert_eq!(run(&["check", "-"], &keys("SESSION_KEY_OLD")).code, 0);
    assert_eq!(places(&keys("SESSION_KEY")), ["4 session.keys[1]"]);
    assert_eq!(places(&keys("a=b")), ["4 session.keys[1].env"]);
    let ran = run_with(&["check", "--env", "-"], SMALLEST, &[("CLIENT_SECRET", "hunter2")]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("session.keys[0].env: this environment variable is not set"));
}

#[test]
fn no_secret_of_a_file_is_shown() {
    let secret = "correct-horse-battery-staple";
    for text in [
        SMALLEST.replace("{env: CLIENT_SECRET}", secret),
        SMALLEST.replace("{env: SESSION_KEY}", &format!("{{inline: {secret}}}")),
        SMALLEST.replace("{env: SESSION_KEY}", &format!("{{env: {secret}}}")),
        SMALLEST.replace("{env: SESSION_KEY}", &format!("{{inline: [{secret}}}")),
    ] {
        let ran = run(&["check", "-"], &text);
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(!format!("{ran:?}").contains(secret), "{ran:?}");
    }
}

#[test]
fn what_cannot_be_read_or_holds_nothing_is_no_judgement() {
    for (text, what) in [
        ("a: [", "neither YAML nor JSON"),
        ("a: 1\na: 2\n", "<stdin>:2:1: neither YAML nor JSON: \"a\" stands twice, first in line 1"),
        ("", "no configuration of oidc-gate found"),
        ("apiVersion: v1\nkind: Service\n", "no configuration of oidc-gate found"),
    ] {
        let ran = run(&["check", "-"], text);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(what), "{ran:?}");
    }
}
