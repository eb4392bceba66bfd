//! Each step as servers take it, and what may have no second reading.

use super::*;

fn step(step: Step, path: &str) -> Option<String> {
    step(path.as_bytes()).map(|path| String::from_utf8(path).unwrap())
}

fn readings(path: &str) -> Vec<String> {
    let seen = std::cell::RefCell::new(vec![path.to_owned()]);
    all_readings(path.as_bytes(), |reading| {
        seen.borrow_mut().push(String::from_utf8_lossy(reading).into_owned());
        true
    });
    seen.into_inner()
}

#[test]
fn each_step_does_its_own_part() {
    for (path, expected) in [
        ("/a", None),
        ("/%", None),
        ("/%zz%4", None),
        ("/%61%2F%2e", Some("/a/.")),
        ("/%2561", Some("/%61")),
        ("/%%61", Some("/%a")),
    ] {
        assert_eq!(step(decode, path).as_deref(), expected, "{path}");
    }
    for (path, expected) in [
        ("/a/b", None),
        ("/...", None),
        ("/.a/b.", None),
        ("/.", Some("/")),
        ("/..", Some("/")),
        ("/a/.", Some("/a/")),
        ("/a/..", Some("/")),
        ("/a/b/..", Some("/a/")),
        ("/a/./b", Some("/a/b")),
        ("/a/../b", Some("/b")),
        ("/../../b", Some("/b")),
        ("/a//../b", Some("/a/b")),
        ("/a/../", Some("/")),
        ("/./a//", Some("/a//")),
    ] {
        assert_eq!(step(resolve_dot_segments, path).as_deref(), expected, "{path}");
    }
    assert_eq!(step(turn_backslashes, "\\a\\b").as_deref(), Some("/a/b"));
    assert_eq!(step(merge_slashes, "///a//b//").as_deref(), Some("/a/b/"));
    assert_eq!(step(drop_parameters, "/a;x=1/b;/;c").as_deref(), Some("/a/b/"));
    assert_eq!(step(end_early, "/a\0.png").as_deref(), Some("/a"));
    assert_eq!(step(end_early, "/a#b?c").as_deref(), Some("/a"));
    for unchanged in [turn_backslashes, merge_slashes, drop_parameters, end_early] {
        assert_eq!(step(unchanged, "/a/b"), None);
    }
}

#[test]
fn the_steps_are_taken_in_every_order() {
    for (path, reading) in [
        ("/public/..%2fadmin", "/admin"),
        ("/public/%2e%2e/admin", "/admin"),
        ("/public/..;/admin", "/admin"),
        ("/public/..;x=y/admin", "/admin"),
        ("/public/%2e%2e%3b/admin", "/admin"),
        ("/public\\..\\admin", "/admin"),
        ("/public%5c..%5cadmin", "/admin"),
        ("/public/x//../../admin", "/admin"),
        ("/public/x//../../admin", "/public/admin"),
        ("//admin", "/admin"),
        ("/%2fadmin", "/admin"),
        ("/%2561dmin", "/admin"),
        ("/%252e%252e%252fadmin", "/admin"),
        ("/admin%00.png", "/admin"),
        ("/admin%3fx", "/admin"),
        ("/admin%23x", "/admin"),
        ("/admin#/../public", "/admin"),
        ("/admin#/../public", "/public"),
        ("/admin;/x", "/admin/x"),
    ] {
        assert!(readings(path).iter().any(|found| found == reading), "{path}: {reading}");
    }
}

#[test]
fn a_plain_path_has_one_reading() {
    for path in
        ["", "*", "/", "/a", "/a/", "/a/b.c", "/.well-known/x", "/...", "/a..b", "/~a:@!$&'()*+,="]
    {
        assert!(is_plain(path.as_bytes()), "{path}");
    }
    assert!(is_plain(b"/\xc3\xbc"));
    for path in [
        "a", "**", "//", "/a//b", "/.", "/..", "/a/.", "/a/..", "/a/../b", "/./a", "/%41", "/a;b",
        "/a\\b", "/a#b", "/a b", "/a\0", "/a\t", "/a\r\n", "\\a", "/a\u{7f}",
    ] {
        assert!(!is_plain(path.as_bytes()), "{path:?}");
    }
}

/// Every short path of the letters that matter: plain is exactly what no step changes.
#[test]
fn a_path_is_plain_exactly_where_no_step_changes_it() {
    const LETTERS: &[u8] = b"/.%2f;\\#a";
    for number in 0..LETTERS.len().pow(6) {
        let letter = |place: u32| LETTERS[number / LETTERS.len().pow(place) % LETTERS.len()];
        let path: Vec<u8> = std::iter::once(b'/').chain((0..6).map(letter)).collect();
        let one = STEPS.iter().all(|step| step(&path).is_none());
        // A broken escape stays as it is for every server, but needs no fast path.
        let broken = path.contains(&b'%') && decode(&path).is_none();
        assert!(is_plain(&path) == one || (broken && one), "{}", String::from_utf8_lossy(&path));
    }
}

#[test]
fn whoever_has_too_many_readings_has_none() {
    assert!(all_readings(b"/a%2fb;c//d", |_| true));
    assert!(!all_readings(b"a/b", |_| true));
    assert!(!all_readings(b"http://a/admin", |_| true));
    for blank in ["/a b", "/a\tb", "/a\0b", "/a\r\nb", "/a\x7fb"] {
        assert!(!all_readings(blank.as_bytes(), |_| true), "{blank:?}");
    }
    let deep = format!("/%{}2f", "25".repeat(100));
    assert!(!all_readings(deep.as_bytes(), |_| true));
    let long = format!("/{}%41", "a".repeat(4094));
    assert!(!all_readings(long.as_bytes(), |_| true));
    assert!(is_plain("/a".repeat(100_000).as_bytes()));
}

#[test]
fn prefixes_are_whole_segments() {
    let found = |path: &'static str| prefixes(path.as_bytes()).collect::<Vec<_>>();
    assert_eq!(found("/a/bc/d"), [&b"/a"[..], b"/a/bc", b"/a/bc/d"]);
    assert_eq!(found("/a/"), [&b"/a"[..], b"/a/"]);
    assert_eq!(found("/"), [b"/"]);
    assert_eq!(found(""), [b""]);
    assert_eq!(without_query(b"/a?b?c#d"), b"/a");
    assert_eq!(without_query(b"?"), b"");
    assert_eq!(without_query(b""), b"");
}
