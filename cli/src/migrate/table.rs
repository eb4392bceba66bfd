//! Gatekeeper's options, and what to do instead: the tables of docs/gatekeeper.md.

/// The page that is the table.
const PAGE: &str = include_str!("../../../docs/gatekeeper.md");
/// Where its tables of options begin.
const BEGIN: &str = "\n## Option by option\n";

/// What the page says of an option; `None` where it does not know it.
pub(super) fn advice(option: &str) -> Option<&'static str> {
    let tables = PAGE.split_once(BEGIN).map_or("", |(_, tables)| tables);
    let rows = tables.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let name = option.replace('_', "-");
    rows.filter_map(|row| row.split_once(" | "))
        .find(|(options, _)| options.split('`').skip(1).step_by(2).any(|known| known == name))
        .map(|(_, instead)| instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_knows_options_by_name() {
        assert_eq!(advice("http-only-cookie"), Some("always"));
        assert_eq!(advice("enable_idp_session_check"), advice("enable-idp-session-check"));
        assert!(advice("listen").is_some_and(|instead| instead.contains("listeners")));
        assert_eq!(advice("frobnicate"), None);
        assert_eq!(advice("here"), None);
    }
}
