//! Answers with what was received, as JSON: `{"service", "method", "path", "headers": [[name, value]], "body": {"length", "sha256"}}`.
//!
//! `?status=418` asks for another status. A path that ends in `/events` is answered by an event stream of `?count=`
//! events (3), one every 20 ms: a gate that collects answers before it passes them on shows.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Received;
use crate::server::{Reply, Request};

/// The answer of a service that verifies nothing.
pub(super) fn answer(service: &str, request: &Request, received: &Received) -> Reply {
    if request.path().ends_with("/events") {
        return events(parameter(request, "count").unwrap_or(3));
    }
    let status = parameter(request, "status").filter(|status| (200..600).contains(status));
    Reply::json(status.unwrap_or(200), &described(service, received))
}

/// What was received, in JSON.
pub(super) fn described(service: &str, received: &Received) -> Value {
    let body = json!({"length": received.body_length, "sha256": received.body_sha256});
    json!({
        "service": service,
        "method": received.method,
        "path": received.path,
        "headers": received.headers,
        "body": body,
    })
}

fn parameter(request: &Request, name: &str) -> Option<u16> {
    let mut pairs = form_urlencoded::parse(request.query().as_bytes());
    pairs.find(|(found, _)| found == name)?.1.parse().ok()
}

/// Server-sent events (WHATWG HTML section 9.2), numbered from 1.
fn events(count: u16) -> Reply {
    let (sender, parts) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for number in 1..=count {
            if sender.send(Bytes::from(format!("data: {number}\n\n"))).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    Reply::stream("text/event-stream", parts)
}
