//! On an ingress gateway.

use oidc_gate_dev::Minted;
use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::mesh::{HOST, Mesh, Place};
use oidc_gate_e2e::wait;
use serde_json::json;

use crate::{a_token_for_somebody_else_is_refused, logs_in_and_out};

#[test]
fn a_person_logs_in_through_a_gateway_and_the_api_gets_its_own_token() {
    let mesh = Mesh::new(Place::Gateway).file("gateway.yaml").file("provider.yaml").start();
    logs_in_and_out(&mesh);
    a_token_for_somebody_else_is_refused(&mesh);
    let other = mesh.send(Request::get("/").host("other.example.com").page_load());
    assert_eq!(other.status, 421, "hosts that are not the gate's: {other:?}");
}

#[test]
fn a_provider_without_the_right_certificate_is_told_nothing() {
    let mesh = Mesh::new(Place::Gateway)
        .file("gateway.yaml")
        .file("provider.yaml")
        .somebody_else_answers()
        .start_unready();
    let refused = "cluster.outbound|443||idp.oidc-gate.internal;.ssl.fail_verify_san";
    wait::until("its certificate to be refused", || (mesh.proxy.stat(refused) > 0).then_some(()));
    let answer = mesh.browser().visit(&mesh.url("/"));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(mesh.provider.calls().discovery, 0);
}

#[test]
fn a_keycloak_in_the_mesh_is_reached_by_its_service_and_shows_who_it_is() {
    let mesh = Mesh::new(Place::Gateway)
        .file("gateway.yaml")
        .file("provider-in-mesh.yaml")
        .change(|object| {
            if object["kind"] == "WasmPlugin" {
                object["spec"]["pluginConfig"]["provider"]["cluster"] =
                    "outbound|8080||keycloak.keycloak.svc.cluster.local".into();
            }
        })
        .start();
    logs_in_and_out(&mesh);
}

#[test]
fn somebody_in_the_mesh_who_is_not_keycloak_is_told_nothing() {
    let mesh = Mesh::new(Place::Gateway)
        .file("gateway.yaml")
        .file("provider-in-mesh.yaml")
        .change(|object| match object["kind"].as_str() {
            Some("WasmPlugin") => {
                object["spec"]["pluginConfig"]["provider"]["cluster"] =
                    "outbound|8080||keycloak.keycloak.svc.cluster.local".into();
            }
            // Then the one who answers has the wrong identity.
            Some("DestinationRule") => {
                object["spec"]["trafficPolicy"]["tls"]["subjectAltNames"] =
                    json!(["spiffe://cluster.local/ns/keycloak/sa/another"]);
            }
            _ => {}
        })
        .start_unready();
    wait::until("its identity to be refused", || {
        let stats = mesh.proxy.stats();
        let refused = stats
            .lines()
            .find(|line| line.contains("keycloak") && line.contains("ssl.fail_verify_san: "))?;
        (!refused.ends_with(": 0")).then_some(())
    });
    assert_eq!(mesh.browser().visit(&mesh.url("/")).status, 503);
    assert_eq!(mesh.provider.calls().discovery, 0);
}

#[test]
fn istio_s_own_rules_see_the_token_that_the_gate_has_put_in() {
    let mesh = Mesh::new(Place::Gateway)
        .file("gateway.yaml")
        .file("provider.yaml")
        .file("authorization.yaml")
        .start();
    for (user, status) in [("alice", 200), ("bob", 403)] {
        let mut browser = mesh.browser();
        browser.login(&mesh.url("/"), user);
        let answer = browser.fetch(&mesh.url("/api/admin"));
        assert_eq!(answer.status, status, "{user}: {answer:?}");
        assert_eq!(browser.fetch(&mesh.url("/api/orders")).status, 200, "{user}");
    }
    assert_eq!(mesh.received("/api/admin").len(), 1, "only the administrator's");

    // A client's own token is judged by the gate first.
    let token = mesh.provider.mint(Minted::Access, json!({ "aud": "somebody-else" }));
    let answer = mesh.send(Request::get("/api/orders").host(HOST).bearer(&token));
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("audience is 'somebody-else'"), "{answer:?}");
}
