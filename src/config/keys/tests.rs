//! The table names every section and key once.

use super::*;

#[test]
fn sections_have_the_names_below_them() {
    let names: Vec<_> = names_in("rules[].match").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["path", "path_prefix", "methods", "route_name"]);
    let names: Vec<_> = names_in("").into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "provider",
            "client",
            "id_token",
            "access_token",
            "clock_skew",
            "login",
            "bearer",
            "preserve_post",
            "origins",
            "protected_resource",
            "endpoints",
            "logout",
            "session",
            "upstream",
            "log",
            "rules"
        ]
    );
}
