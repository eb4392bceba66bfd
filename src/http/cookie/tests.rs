//! What cookies from outside must not do to ours, nor ours to them.

use super::*;

const OURS: &[u8] = b"__Host-oidc_gate";

fn pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    pieces(line).map(|(_, piece)| split(piece))
}

fn parsed(line: &str) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    pairs(line.as_bytes()).map(|(name, value)| (text(name), text(value))).collect()
}

fn stripped(lines: &[&str]) -> Rest {
    sort_out(lines.iter().map(|line| line.as_bytes()), OURS, |name, _| name == OURS).rest()
}

fn changed(text: &str) -> Rest {
    Rest::Changed(text.as_bytes().to_vec())
}

#[test]
fn a_line_is_read_as_servers_read_it() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        (";", &[]),
        (" ;\t; ", &[]),
        ("a=1", &[("a", "1")]),
        ("a=1; b=2", &[("a", "1"), ("b", "2")]),
        ("a=1;b=2;", &[("a", "1"), ("b", "2")]),
        (" a = 1 ;\tb\t=\t2\t", &[("a", "1"), ("b", "2")]),
        ("a=", &[("a", "")]),
        ("=1", &[("", "1")]),
        ("=", &[("", "")]),
        ("alone", &[("", "alone")]),
        ("a=b=c==", &[("a", "b=c==")]),
        ("a=\"x y\"", &[("a", "\"x y\"")]),
        ("a=1; a=2", &[("a", "1"), ("a", "2")]),
        ("a=\"x; b=y\"", &[("a", "\"x"), ("b", "y\"")]),
        ("A=1", &[("A", "1")]),
        ("a b=1", &[("a b", "1")]),
        ("a=1, b=2", &[("a", "1, b=2")]),
    ];
    for (line, expected) in table {
        let expected: Vec<_> =
            expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parsed(line), expected, "{line:?}");
    }
    assert_eq!(pairs(b"\xff\0=\x80").collect::<Vec<_>>(), [(&b"\xff\0"[..], &b"\x80"[..])]);
}

#[test]
fn our_name_in_a_value_is_not_our_cookie() {
    for line in [
        "a=__Host-oidc_gate",
        "a=__Host-oidc_gate=x",
        "a=\"__Host-oidc_gate=x\"",
        "a=b __Host-oidc_gate=x",
        "x__Host-oidc_gate=1",
        "__Host-oidc_gatex=1",
        "__host-oidc_gate=1",
        "__Host-oidc_gate",
        "a=1,__Host-oidc_gate=2",
        "",
        ";;",
    ] {
        assert_eq!(stripped(&[line]), Rest::Unchanged, "{line:?}");
    }
}

#[test]
fn ours_go_and_the_others_stay_byte_for_byte() {
    let table: &[(&[&str], &str)] = &[
        (&["a=1; __Host-oidc_gate=x; b=2"], "a=1; b=2"),
        (&["__Host-oidc_gate=x; a=1"], "a=1"),
        (&["a=1; __Host-oidc_gate=x"], "a=1"),
        (&["a=1;__Host-oidc_gate=x;b=2"], "a=1; b=2"),
        (&["a=1", "__Host-oidc_gate=x", "b=2"], "a=1; b=2"),
        (&["__Host-oidc_gate=x", "__Host-oidc_gate=y; a=\"q r\"; flag"], "a=\"q r\"; flag"),
        (&["a = 1 ; __Host-oidc_gate = x ; b"], "a = 1; b"),
        (&["a=__Host-oidc_gate=x; __Host-oidc_gate="], "a=__Host-oidc_gate=x"),
        (&["=; __Host-oidc_gate=x"], "="),
        (
            &["a=1; b=2;c=3 ; d=4;; e=5;\tf=6; __Host-oidc_gate=x; g=7; h=8", "i=9; j=10"],
            "a=1; b=2; c=3; d=4; e=5; f=6; g=7; h=8; i=9; j=10",
        ),
    ];
    for (lines, expected) in table {
        assert_eq!(stripped(lines), changed(expected), "{lines:?}");
    }
    let bytes: &[u8] = b"k=\xff\x80; __Host-oidc_gate=x";
    let rest = sort_out([bytes].into_iter(), OURS, |name, _| name == OURS).rest();
    assert_eq!(rest, Rest::Changed(b"k=\xff\x80".to_vec()));
}

#[test]
fn no_empty_cookie_is_left() {
    for lines in [
        &["__Host-oidc_gate=x"][..],
        &["__Host-oidc_gate=x; "],
        &[";; __Host-oidc_gate=x ;;", "", " ; "],
        &["__Host-oidc_gate=x", "__Host-oidc_gate=y"],
    ] {
        assert_eq!(stripped(lines), Rest::Empty, "{lines:?}");
    }
    assert_eq!(stripped(&[]), Rest::Unchanged);
}

fn session(value: &str) -> SetCookie {
    SetCookie {
        name: "__Host-oidc_gate".to_owned(),
        value: value.to_owned(),
        secure: true,
        path: "/".into(),
        same_site: SameSite::Lax,
        max_age: None,
    }
}

#[test]
fn a_cookie_is_written_with_all_its_attributes() {
    let cookie = session("2.abc");
    assert_eq!(
        cookie.header_value().unwrap().as_str(),
        "__Host-oidc_gate=2.abc; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
    let login = SetCookie { max_age: Some(Duration::from_mins(10)), ..cookie };
    assert_eq!(
        login.header_value().unwrap().as_str(),
        "__Host-oidc_gate=2.abc; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax"
    );
    let plain = SetCookie { secure: false, same_site: SameSite::Strict, ..session("") };
    assert_eq!(
        plain.header_value().unwrap().as_str(),
        "__Host-oidc_gate=; Path=/; HttpOnly; SameSite=Strict"
    );
}

#[test]
fn a_deletion_has_the_same_attributes() {
    let cookie = SetCookie { same_site: SameSite::None, ..session("x") };
    let below = SetCookie { path: "/oauth2/callback".into(), ..session("x") };
    let removal = below.removal().header_value().unwrap();
    assert!(removal.as_str().contains("; Path=/oauth2/callback; Max-Age=0;"), "{removal:?}");
    assert_eq!(
        cookie.removal().header_value().unwrap().as_str(),
        "__Host-oidc_gate=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; \
         Secure; HttpOnly; SameSite=None"
    );
}

#[test]
fn neither_name_nor_value_can_add_attributes() {
    for value in
        ["a;Domain=evil", "a b", "a,b", "a\"", "a\\", "a\r\nX: y", "a\0", "ä", "a\t", "\u{7f}"]
    {
        let refused = session(value).header_value();
        assert!(matches!(refused, Err(InvalidHeader::CookieByte { .. })), "{value:?}");
    }
    for name in ["", "a;b", "a=b", "a b", "a\r\n", "a,b", "ä"] {
        let cookie = SetCookie { name: name.to_owned(), ..session("x") };
        assert!(cookie.header_value().is_err(), "{name:?}");
    }
    for path in ["/a;Domain=evil", "/a\r\nX: y", "/ä"] {
        let cookie = SetCookie { path: path.into(), ..session("x") };
        assert!(cookie.header_value().is_err(), "{path:?}");
    }
}

#[test]
fn values_do_not_print() {
    assert!(!format!("{:?}", session("hunter2")).contains("hunter2"));
}
