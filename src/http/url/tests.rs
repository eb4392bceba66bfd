//! Which origins and URLs are read, how, and which are not.

use super::*;

fn origin(text: &str) -> Option<String> {
    Origin::of_authority(Scheme::Https, text.as_bytes()).map(|origin| origin.to_string())
}

#[test]
fn an_authority_has_one_spelling() {
    for (text, expected) in [
        ("app.example", "https://app.example"),
        ("APP.Example", "https://app.example"),
        ("app.example:443", "https://app.example"),
        ("app.example:80", "https://app.example:80"),
        ("app.example:8443", "https://app.example:8443"),
        ("a_b-c.example.", "https://a_b-c.example."),
        ("127.0.0.1:10000", "https://127.0.0.1:10000"),
        ("[::1]", "https://[::1]"),
        ("[0:0::0001]:443", "https://[::1]"),
        ("[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ] {
        assert_eq!(origin(text).as_deref(), Some(expected), "{text}");
    }
    assert_ne!(Origin::parse("http://a"), Origin::parse("https://a"));
    assert_eq!(Origin::parse("http://a:80"), Origin::parse("HTTP://A"));
}

#[test]
fn what_is_not_plainly_host_and_port_has_no_origin() {
    for text in [
        "",
        ":443",
        ".",
        ".example",
        "a b",
        "a\t",
        "a\r\nx: y",
        "a\0",
        "user@a",
        "a@evil.example",
        "a,b",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a%2eb",
        "a:",
        "a:0",
        "a:080",
        "a:+80",
        "a:65536",
        "a:99999999999999999999",
        "a:80:80",
        "a:8o",
        "müller.example",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]80",
        "[fe80::1%25eth0]",
        "[1.2.3.4]",
        "[]",
        "[[::1]]",
    ] {
        assert_eq!(origin(text), None, "{text:?}");
    }
    assert_eq!(Origin::of_authority(Scheme::Https, b"a\xffb"), None);
    assert_eq!(origin(&"a".repeat(263)), None);
}

#[test]
fn an_origin_is_scheme_host_and_port_and_nothing_behind() {
    for (text, error) in [
        ("null", InvalidUrl::Scheme),
        ("", InvalidUrl::Scheme),
        ("app.example", InvalidUrl::Scheme),
        ("ftp://app.example", InvalidUrl::Scheme),
        ("https:app.example", InvalidUrl::Scheme),
        (" https://app.example", InvalidUrl::Scheme),
        ("https://app.example/", InvalidUrl::BehindOrigin),
        ("https://app.example?x", InvalidUrl::BehindOrigin),
        ("https://app.example#x", InvalidUrl::BehindOrigin),
        ("https://user:pw@app.example", InvalidUrl::UserInformation),
        ("https://", InvalidUrl::Authority),
        ("https://app.example:x", InvalidUrl::Authority),
        ("https://app.example ", InvalidUrl::Byte { byte: b' ', at: 19 }),
        ("https:\\\\app.example", InvalidUrl::Scheme),
    ] {
        assert_eq!(Origin::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn nothing_that_is_appended_changes_the_host() {
    let app = Origin::parse("https://app.example").unwrap();
    assert_eq!(app.at("/x?y"), "https://app.example/x?y");
    for tail in ["@evil.example/", ".evil.example", ":80@evil.example", "", "\\@evil.example"] {
        let url = url::Url::parse(&app.at(tail)).unwrap();
        assert_eq!(url.host_str(), Some("app.example"), "{tail:?}");
    }
}

#[test]
fn a_url_keeps_its_text_and_tells_its_parts() {
    for (text, authority, path) in [
        ("https://k.example/realms/a", "k.example", "/realms/a"),
        ("https://K.example:443", "k.example", "/"),
        ("http://localhost:8080/a?b=c", "localhost:8080", "/a?b=c"),
        ("https://k.example?b=@c:d/e", "k.example", "/?b=@c:d/e"),
        ("HTTPS://k.example/a/../b/./c?", "k.example", "/b/c?"),
        ("http://[::1]:80/", "[::1]", "/"),
        ("https://k.example/@x", "k.example", "/@x"),
    ] {
        let url = Url::parse(text).unwrap();
        assert_eq!((url.authority(), url.path_and_query()), (authority, path), "{text}");
        assert_eq!((url.as_str(), url.to_string().as_str()), (text, text));
    }
    assert_eq!(Url::parse("http://a").unwrap().scheme(), Scheme::Http);
}

#[test]
fn urls_that_need_repair_are_refused() {
    for (text, error) in [
        ("/realms/a", InvalidUrl::Scheme),
        ("javascript://a/%0aalert(1)", InvalidUrl::Scheme),
        ("data:text/html,x", InvalidUrl::Scheme),
        ("https:k.example", InvalidUrl::Scheme),
        ("https:///k.example", InvalidUrl::Authority),
        ("https://", InvalidUrl::Authority),
        ("https://u@k.example/", InvalidUrl::UserInformation),
        ("https://u:p@k.example", InvalidUrl::UserInformation),
        ("https://k.example#@evil", InvalidUrl::Fragment),
        ("https://k.example/#", InvalidUrl::Fragment),
        ("https://k.exa mple/", InvalidUrl::Byte { byte: b' ', at: 13 }),
        ("https://k.example/\t", InvalidUrl::Byte { byte: b'\t', at: 18 }),
        ("https://k.example/\\x", InvalidUrl::Byte { byte: b'\\', at: 18 }),
        ("https://kä.example/", InvalidUrl::Byte { byte: 0xc3, at: 9 }),
        ("https://k%2eexample/", InvalidUrl::Authority),
        ("https://k.example:99999/", InvalidUrl::Authority),
    ] {
        assert_eq!(Url::parse(text), Err(error), "{text:?}");
    }
    assert!(matches!(Url::parse("https://1.2.3.999/"), Err(InvalidUrl::Malformed(_))));
    let long = format!("https://k.example/{}", "a".repeat(2048));
    assert!(matches!(Url::parse(&long), Err(InvalidUrl::TooLong { .. })));
}

#[test]
fn errors_never_quote_a_password() {
    for text in ["https://u:hunter2@k", "hunter2://k", "https://hunter2 /", "https://k:hunter2/"] {
        for error in [Url::parse(text).unwrap_err(), Origin::parse(text).unwrap_err()] {
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
        }
    }
}

#[test]
fn a_query_is_added_behind_the_one_that_is_there() {
    for (text, expected) in [
        ("https://k/a", "https://k/a?x=1&y=a+%26"),
        ("https://k", "https://k?x=1&y=a+%26"),
        ("https://k/a?", "https://k/a?x=1&y=a+%26"),
        ("https://k/a?b=c", "https://k/a?b=c&x=1&y=a+%26"),
        ("https://k/a?b=c&", "https://k/a?b=c&x=1&y=a+%26"),
    ] {
        let url = Url::parse(text).unwrap();
        assert_eq!(url.with_query(&[("x", "1"), ("y", "a &")]), expected);
        assert_eq!(url.with_query(&[]), text);
    }
}
