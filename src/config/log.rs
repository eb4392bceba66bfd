//! `log`: how log lines are written, and what the host's own may say.

use super::reader::{Report, Section};

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `request=… decision=… reason="…"`, for people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// Reads `log`: the format, and `access_log_fields`.
pub(super) fn read(root: &Section<'_>, to: &mut Report<'_>) -> Option<(LogFormat, bool)> {
    let section = root.section("log", "log", to);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = section.choice("format", LogFormat::Text, &formats, to);
    let fields = section.flag("access_log_fields", false, to);
    Some((format?, fields?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{config, problems};
    use super::*;

    #[test]
    fn fields_for_the_access_log_are_asked_for() {
        assert!(!config(json!({})).access_log_fields);
        assert!(config(json!({"log": {"access_log_fields": true}})).access_log_fields);
        let what = problems(json!({"log": {"access_log_fields": "yes"}}));
        assert!(what.starts_with("log.access_log_fields: "), "{what}");
    }

    #[test]
    fn lines_are_text_unless_json_is_asked_for() {
        assert_eq!(config(json!({})).log_format, LogFormat::Text);
        assert_eq!(config(json!({"log": {"format": "json"}})).log_format, LogFormat::Json);
        assert_eq!(
            problems(json!({"log": {"format": "jsn", "level": "debug"}})),
            "log.level: unknown key
log.format: expected one of text, json, found \"jsn\"; hint: did you mean `json`?"
        );
    }
}
