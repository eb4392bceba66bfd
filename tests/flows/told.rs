//! docs/operating.md: what users and the log are told is what stands there, with status and level.

use oidc_gate::gate::Level;
use oidc_gate::gate::metrics::Outcome;

use super::scene::Scene;

/// What is written down for whoever runs the gate.
const OPERATING: &str = include_str!("../../docs/operating.md");

/// The cells of a row of that page, by what stands in its first.
fn row(name: &str) -> Option<Vec<&'static str>> {
    let mut rows = OPERATING.lines().filter_map(|line| line.strip_prefix("| ")).map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        cells
    });
    rows.find(|cells| cells[0].split('`').skip(1).step_by(2).any(|known| known == name))
}

/// Fails unless each refusal of the scene has the status, and each line of its log the level and
/// the word, that docs/operating.md has.
pub(crate) fn what_is_told_is_documented(scene: &Scene) {
    for answer in scene.answers.iter().filter(|answer| !answer.code().is_empty()) {
        let (code, status) = (answer.code(), answer.status.to_string());
        let row = row(&code).unwrap_or_else(|| panic!("docs/operating.md has no `{code}`"));
        assert!(row[1].split(", ").any(|known| known == status), "{code}: {status}, {row:?}");
    }
    for (level, line) in &scene.host.log {
        let Some((_, rest)) = line.split_once("decision=") else { continue };
        let decision = rest.split(' ').next().unwrap_or_default();
        if Outcome::ALL.iter().any(|it| it.is_refusal() && it.as_str() == decision) {
            continue;
        }
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warning",
            Level::Error => "error",
        };
        let row = row(decision).unwrap_or_else(|| panic!("docs/operating.md has no `{decision}`"));
        assert!(row[1].split(", ").any(|known| known == level), "{decision}: {level}, {row:?}");
    }
}
