//! `oidc-gate keygen`.

use std::collections::BTreeSet;

use crate::{SMALLEST, run, run_with};

#[test]
fn a_key_is_one_that_the_gate_takes() {
    let made = run(&["keygen"], "");
    let key = made.stdout.trim_end();
    assert_eq!(key.len(), 44, "{key}");
    let env = [("CLIENT_SECRET", "hunter2"), ("SESSION_KEY", key)];
    let checked = run_with(&["check", "--env", "-"], SMALLEST, &env);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(made.stderr.contains("session.max_age"), "{}", made.stderr);
    assert!(!made.stderr.contains(key));
}

#[test]
fn no_two_keys_are_the_same() {
    let keys: BTreeSet<String> =
        run(&["keygen", "--count", "8"], "").stdout.lines().map(str::to_owned).collect();
    assert_eq!(keys.len(), 8);
}
