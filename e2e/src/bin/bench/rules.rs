//! How long a decision takes with many rules, without Envoy: the gate's own code, on this machine.

use std::hint::black_box;
use std::time::Instant;

use oidc_gate::config::Config;
use oidc_gate::policy::{Asked, Rules};
use serde_json::{Value, json};

const MANY: usize = 1_000;
const DECISIONS: u32 = 20_000;
/// The fastest of these counts: whatever else ran can only have added.
const RUNS: usize = 15;

/// A line for the table: one rule against a thousand.
pub(crate) fn measure() -> String {
    let (one, many) = (microseconds(1), microseconds(MANY));
    format!(
        "a decision by 1 rule: {one:.2} µs, by {MANY} rules: {many:.2} µs (+{:.2} µs)",
        many - one
    )
}

fn microseconds(count: usize) -> f64 {
    let rules = rules(count);
    let target = format!("/team-{}/orders/4711?page=2", count / 2);
    let asked = Asked { method: b"GET", path: target.as_bytes(), route: b"" };
    let run = |_| {
        let began = Instant::now();
        for _ in 0..DECISIONS {
            let _ = black_box(rules.decide(black_box(&asked)));
        }
        began.elapsed().as_secs_f64() * 1e6 / f64::from(DECISIONS)
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min)
}

/// A rule for each of `count` teams' paths.
fn rules(count: usize) -> Rules {
    let rule = |team| json!({ "match": { "path_prefix": format!("/team-{team}/orders") }, "unauthenticated": "deny" });
    let config = json!({
        "provider": { "issuer": "https://id.example/realms/acme", "cluster": "provider" },
        "access_token": { "audiences": ["APP-backend"] },
        "login": false,
        "rules": (0..count).map(rule).collect::<Value>(),
    });
    let loaded = Config::read(config.to_string().as_bytes(), &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"));
    Rules::new(&loaded.config.rules)
}
