//! `oidc-gate check --online` over TLS: whose certificates are trusted.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::online::configuration;
use crate::run;

/// A provider with TLS that has one answer to everything: its discovery document; and the heads
/// of what it is asked.
fn tls_provider() -> (String, mpsc::Receiver<String>) {
    const CERTIFICATE: &str = include_str!("tls/localhost.crt.pem");
    const KEY: &str = include_str!("tls/localhost.key.pem");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let chain =
        CertificateDer::pem_slice_iter(CERTIFICATE.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(crypto).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let config = Arc::new(config);
    let at = |path: &str| format!("{issuer}{path}");
    let document = json!({
        "issuer": issuer, "authorization_endpoint": at("/a"), "token_endpoint": at("/t"),
        "jwks_uri": at("/k"), "code_challenge_methods_supported": ["S256"],
        "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "ed",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],
    })
    .to_string();
    let (tell, heads) = mpsc::channel();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(tls, tcp.unwrap()));
            stream.get_ref().sock.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let lines = (&mut stream).lines().map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            if head.is_empty() {
                continue; // Whoever does not trust us does not ask.
            }
            let _ = tell.send(head.join("\n").to_ascii_lowercase());
            let length = document.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{document}");
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    (issuer, heads)
}

#[test]
fn certificates_of_ones_own_are_trusted_only_where_they_are_named() {
    let (issuer, heads) = tls_provider();
    let text = configuration(&issuer, "");
    let ran = run(&["check", "--online", "--ca", "cli/tests/cli/tls/ca.crt.pem", "-"], &text);
    assert!(ran.code == 0 && ran.stdout.contains("(https)"), "{ran:?}");
    assert!(ran.stdout.contains("1 to verify with: \"ed\""), "{ran:?}");
    assert_eq!(heads.try_iter().count(), 2);
    let ran = run(&["check", "--online", "-"], &text);
    assert_eq!(heads.try_iter().count(), 0);
    assert!(ran.code == 1 && ran.stdout.contains("error    discovery"), "{ran:?}");
    assert!(ran.stdout.contains("= --ca FILE names the certificates"), "{ran:?}");
    for (file, words) in [
        ("cli/Cargo.toml", "expected certificates as PEM, found none"),
        ("no/such/file", "No such file"),
    ] {
        let ran = run(&["check", "--online", "--ca", file, "-"], &text);
        assert!(ran.code == 2 && ran.stderr.contains(words), "{ran:?}");
    }
    assert_eq!(run(&["check", "--ca", "cli/Cargo.toml", "-"], &text).code, 2, "needs --online");
}

#[test]
fn the_provider_is_asked_by_the_configured_name_and_told_no_secret() {
    let (issuer, heads) = tls_provider();
    let text = configuration(&issuer, "")
        .replace("cluster: keycloak", "cluster: keycloak, authority: keycloak.internal")
        .replace("{env: CLIENT_SECRET}", "{inline: hunter2}");
    let ran = run(&["check", "--online", "--ca", "cli/tests/cli/tls/ca.crt.pem", "-"], &text);
    assert_eq!(ran.code, 0, "{ran:?}");
    let heads: Vec<String> = heads.try_iter().collect();
    assert_eq!(heads.len(), 2, "{heads:?}");
    for (path, head) in ["/.well-known/openid-configuration", "/k"].iter().zip(heads) {
        assert!(head.starts_with(&format!("get {path} http/1.1\n")), "{head}");
        assert!(head.contains("\nhost: keycloak.internal"), "{head}");
        for word in ["hunter2", "authorization", "cookie"] {
            assert!(!head.contains(word), "{head}");
        }
    }
}
