//! Envoy's log, for people: the gate's own lines as they are, and Envoy's warnings; the rest is left out.

use std::collections::VecDeque;

/// What Envoy is told to write: level, logger and text, with tabs between.
pub(crate) const FORMAT: &str = "%l\t%n\t%v";

/// What Envoy warns of at each start, and what is of no concern on one's own machine.
const KNOWN: &str =
    "There is no configured limit to the number of allowed active downstream connections";

/// How many lines are remembered.
const REMEMBERED: usize = 8;

/// What was shown last: the filter runs once for each of Envoy's threads, and each of them says the same at the start.
#[derive(Default)]
pub(crate) struct Shown(VecDeque<String>);

impl Shown {
    /// Whether the line was not shown a moment ago.
    pub(crate) fn is_new(&mut self, line: &str) -> bool {
        if self.0.iter().any(|shown| shown == line) {
            return false;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
        true
    }
}

/// A line for people, of a line that Envoy wrote; `None`: nobody needs it.
pub(crate) fn readable(line: &str) -> Option<String> {
    let mut parts = line.splitn(3, '\t');
    let (Some(level), Some(logger), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        // The rest of a text of several lines.
        return Some(format!("         {line}"));
    };
    if logger == "wasm"
        && let Some(text) = text.strip_prefix("wasm log")
    {
        // `wasm log oidc_gate: text`, or `wasm log: text` where the plugin has no name.
        let text = text.split_once(": ").map_or(text, |(_, text)| text);
        return Some(format!("gate     {}{text}", marked(level)));
    }
    match level {
        _ if text.starts_with(KNOWN) => None,
        "warning" | "error" | "critical" => Some(format!("envoy    {}{text}", marked(level))),
        _ => None,
    }
}

/// The level, where it is worth a word.
fn marked(level: &str) -> String {
    match level {
        "info" => String::new(),
        other => format!("{other}: "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_thread_says_is_shown_once() {
        let mut shown = Shown::default();
        assert!(shown.is_new("ready"));
        assert!(!shown.is_new("ready"));
        for number in 0..REMEMBERED {
            assert!(shown.is_new(&number.to_string()));
        }
        assert!(shown.is_new("ready"), "later it is news again");
    }

    #[test]
    fn lines_of_the_gate_are_shown_as_they_are() {
        let line = "info\twasm\twasm log oidc_gate: ready: issuer http://x";
        assert_eq!(readable(line).as_deref(), Some("gate     ready: issuer http://x"));
        let line = "warning\twasm\twasm log oidc_gate: refused: a: b";
        assert_eq!(readable(line).as_deref(), Some("gate     warning: refused: a: b"));
    }

    #[test]
    fn envoys_own_lines_are_shown_from_warnings_on() {
        assert_eq!(readable("info\tmain\tstarting"), None);
        assert_eq!(readable("error\tmain\tbad").as_deref(), Some("envoy    error: bad"));
        assert_eq!(readable("and more").as_deref(), Some("         and more"));
    }
}
