//! In the sidecar of a workload.

use oidc_gate_e2e::http::Request;
use oidc_gate_e2e::mesh::{HOST, Mesh, Place};

use crate::{a_token_for_somebody_else_is_refused, logs_in_and_out};

/// The provider's file is for the gateway's namespace: a reader puts it into another.
fn sidecar() -> Mesh {
    let builder = Mesh::new(Place::Sidecar).file("sidecar.yaml").file("provider.yaml");
    builder.change(|object| object["metadata"]["namespace"] = "shop".into()).start()
}

#[test]
fn a_person_logs_in_at_a_sidecar_and_the_api_gets_its_own_token() {
    let mesh = sidecar();
    logs_in_and_out(&mesh);
    a_token_for_somebody_else_is_refused(&mesh);
}

#[test]
fn a_neighbour_in_the_mesh_does_not_get_past_the_sidecar_without_a_token() {
    let mesh = sidecar();
    let forged = Request::get("/api/orders")
        .host(HOST)
        .header("x-forwarded-proto", "https")
        .header("x-user", "alice");
    assert_eq!(mesh.send(forged).status, 401);
    assert!(mesh.received("/api/orders").is_empty());
}
