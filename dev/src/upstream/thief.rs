//! What a service behind a gate could do with the tokens that it receives: play them to another service.

use serde_json::{Value, json};

use super::{Received, fetch};
use crate::server::{Reply, Request};

/// Whether the thief is asked to try it.
pub(super) fn is_asked(request: &Request) -> bool {
    request.path().ends_with("/theft")
}

/// Plays the bearer token that was received to `target`. The answer: what came of it, in JSON: `{"played_to", "status",
/// "challenge", "answer"}`. It never holds the token.
pub(super) async fn play(target: &str, received: &Received) -> Reply {
    let Some(token) = received.bearer() else {
        return problem(400, "There is nothing to play: the request carries no bearer token.");
    };
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("accept", "application/json")];
    let answer = match fetch::get(target, &headers).await {
        Ok(answer) => answer,
        Err(error) => return problem(502, &format!("{target} gives no answer: {error}.")),
    };
    let challenge = answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok());
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let told = json!({
        "played_to": target,
        "status": answer.status().as_u16(),
        "challenge": challenge,
        "answer": body,
    });
    Reply::json(200, &told).with("cache-control", "no-store")
}

fn problem(status: u16, detail: &str) -> Reply {
    let problem = json!({"title": "No theft", "status": status, "detail": detail});
    Reply::new(status, "application/problem+json", problem.to_string())
}
