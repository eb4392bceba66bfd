//! The table of `docs/hosts.md`: each host's column is written by the tests that run there, and compared by them.
//!
//! `UPDATE=1` (`make hosts`) writes the column instead. What no test writes is "not tried", or was noted by hand.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What is asked of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Discovery,
    Login,
    Cookies,
    Session,
    Refresh,
    Turns,
    Failure,
    Bearer,
    Logout,
    Erasing,
    Twice,
    Routes,
    Signatures,
    Metrics,
    Body,
    Form,
    WebSocket,
    Events,
    Grpc,
}

/// All rows, with their titles.
pub(crate) const ROWS: [(Row, &str); 19] = [
    (Row::Discovery, "the provider is known before any request"),
    (Row::Login, "login, and the session after it"),
    (Row::Cookies, "several cookies of one answer"),
    (Row::Session, "an answer for each request that cannot pass"),
    (Row::Refresh, "refresh, its cookie with the upstream's response"),
    (Row::Turns, "a refresh token is used once per"),
    (Row::Failure, "a call that fails"),
    (Row::Bearer, "bearer tokens"),
    (Row::Logout, "logout"),
    (Row::Erasing, "identity headers of clients"),
    (Row::Twice, "the same, in two lines"),
    (Row::Routes, "rules by `route_name`"),
    (Row::Signatures, "signatures are checked"),
    (Row::Metrics, "metrics"),
    (Row::Body, "the body of a request that waits"),
    (Row::Form, "forms that are kept (`preserve_post`)"),
    (Row::WebSocket, "WebSocket"),
    (Row::Events, "server-sent events"),
    (Row::Grpc, "gRPC, with trailers"),
];

/// The columns, in their order.
pub(crate) const ENVOY: &str = "Envoy 1.40";
pub(crate) const STRICT: &str = "strict host";
pub(crate) const LESSER: &str = "lesser host";
pub(crate) const NGINX: &str = "ngx_wasm_module";
pub(crate) const COLUMNS: [&str; 4] = [ENVOY, STRICT, LESSER, NGINX];

/// A cell that no test writes.
pub(crate) const NOT_TRIED: &str = "not tried";

/// Tests run side by side, and write one page.
static WRITING: Mutex<()> = Mutex::new(());

const BEGIN: &str = "<!-- hosts -->\n";
const END: &str = "<!-- end -->";

fn page() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // This file is a part of tests of several packages.
    let roots = [here.clone(), here.join("..")];
    let found = roots.into_iter().map(|root| root.join("docs/hosts.md")).find(|page| page.exists());
    found.expect("docs/hosts.md")
}

/// The cells of a column, in the order of the rows.
pub(crate) fn column(of: &str) -> Vec<String> {
    let text = fs::read_to_string(page()).expect("docs/hosts.md can be read");
    let at = 2 + COLUMNS.iter().position(|column| *column == of).expect("a column");
    let cell = |(_, title): &(Row, &str)| {
        let begins = format!("| {title} |");
        let row = text.lines().find(|line| line.starts_with(&begins));
        let cell = row.and_then(|row| row.split('|').nth(at));
        cell.map_or(NOT_TRIED, str::trim).to_owned()
    };
    ROWS.iter().map(cell).collect()
}

/// That the cells of these rows say what was found; where `UPDATE` is set they are made to say so.
pub(crate) fn hold(of: &str, found: &[(Row, String)]) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cells = column(of);
    for ((row, _), cell) in ROWS.iter().zip(&mut cells) {
        if let Some((_, found)) = found.iter().find(|(of, _)| of == row) {
            cell.clone_from(found);
        }
    }
    if std::env::var_os("UPDATE").is_none() {
        assert_eq!(column(of), cells, "docs/hosts.md says otherwise of {of}: run `make hosts`");
        return;
    }
    let columns = COLUMNS.map(|name| if name == of { cells.clone() } else { column(name) });
    let mut table = format!("| |{}\n|---|", COLUMNS.map(|name| format!(" {name} |")).concat());
    table.push_str(&"---|".repeat(COLUMNS.len()));
    table.push('\n');
    let mut columns = columns.map(Vec::into_iter);
    for (_, title) in ROWS {
        let cells = columns.each_mut().map(|cells| cells.next().unwrap_or_default());
        writeln!(table, "| {title} | {} |", cells.join(" | ")).expect("text can be written");
    }
    replace(BEGIN, &table);
}

/// The same for one row: what a test of its own has shown.
pub(crate) fn holds(of: &str, row: Row, cell: &str) {
    hold(of, &[(row, cell.to_owned())]);
}

/// That what stands behind this mark is `expected`; where `UPDATE` is set it is made so.
pub(crate) fn stands(mark: &str, expected: &str) {
    let text = fs::read_to_string(page()).expect("docs/hosts.md can be read");
    if std::env::var_os("UPDATE").is_some() {
        let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        replace(mark, expected);
    } else {
        let stands = parts(&text, mark).1;
        assert_eq!(stands, expected, "docs/hosts.md is not what the .wasm is: run `make hosts`");
    }
}

fn replace(mark: &str, made: &str) {
    let text = fs::read_to_string(page()).expect("docs/hosts.md can be read");
    let (before, _, after) = parts(&text, mark);
    fs::write(page(), [before, made, after].concat()).expect("docs/hosts.md can be written");
}

/// What stands before, between and after the marks.
fn parts<'a>(text: &'a str, mark: &str) -> (&'a str, &'a str, &'a str) {
    let begin = text.find(mark).unwrap_or_else(|| panic!("docs/hosts.md has no {mark}"));
    let begin = begin + mark.len();
    let end = begin + text[begin..].find(END).expect("an end of the table");
    (&text[..begin], &text[begin..end], &text[end..])
}
