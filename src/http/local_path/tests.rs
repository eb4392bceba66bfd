//! Ways back that would lead away, as found in advisories and payload collections.

use super::*;

fn refused(text: impl AsRef<[u8]>) -> bool {
    LocalPath::parse(text.as_ref()).is_none()
}

#[test]
fn paths_of_this_origin_are_kept_as_they_are() {
    for text in [
        "/",
        "/x",
        "/x/",
        "/x?y=z",
        "/?next=//evil.example",
        "/?next=https://evil.example/%2f%0a",
        "/a//b",
        "/a/@evil.example",
        "/@evil.example",
        "/:80",
        "/x:y",
        "/https://evil.example",
        "/%20x",
        "/%C3%BC",
        "/a/%2fb",
        "/a.b/..c/...d",
        "/a?x=../..",
        "/a?x=%",
        "/a;b=c",
        "/~a/'b'/(c)!*",
    ] {
        assert_eq!(LocalPath::parse(text.as_bytes()).unwrap().as_str(), text);
    }
    assert_eq!(LocalPath::root().as_str(), "/");
}

#[test]
fn a_way_back_to_another_host_is_refused() {
    for text in [
        "",
        "evil.example",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "//evil.example/%2f..",
        "//",
        "//?",
        "/\\evil.example",
        "/\\/evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/x\\y",
        "/%2f%2fevil",
        "/%2Fevil",
        "/%2f/evil",
        "/%5cevil",
        "/%5Cevil",
        "/%5c%5cevil",
        "/%5c/evil",
        "/%252fevil",
        "/%255cevil",
        "/%25252fevil",
        "https:evil",
        "https:/evil.example",
        "https://evil.example",
        "HTTPS://evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "?x",
        "#x",
        "@evil.example",
        ".evil.example",
        ":80@evil.example",
        "./x",
        "../x",
        ";//evil.example",
        "%2f%2fevil.example",
        "/x#fragment",
        "/#//evil",
    ] {
        assert!(refused(text), "{text:?}");
    }
}

#[test]
fn white_space_and_controls_that_browsers_drop_are_refused() {
    for text in [
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        " /x",
        "/x ",
        "/ /evil.example",
        "/\0/evil.example",
        "/\x0b/evil.example",
        "/\x0c/evil.example",
        "/\x7f/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/x\nLocation: //evil.example",
        "/%09/evil.example",
        "/%0a/evil.example",
        "/%0d%0aSet-Cookie:a=b",
        "/%00/evil.example",
        "/x/%0d%0aa",
        "/x%7f",
        "/%",
        "/%2",
        "/%zz",
        "/x/%u002f",
    ] {
        assert!(refused(text), "{text:?}");
    }
    for byte in (0..=0x20).chain(0x7f..=0xff) {
        assert!(refused([b'/', b'x', byte, b'y']), "{byte:#x}");
        assert!(refused([b'/', byte, b'/', b'e']), "{byte:#x}");
    }
}

#[test]
fn letters_that_look_like_slashes_are_refused() {
    for text in ["/／evil.example", "/⁄evil", "/∕evil", "/⧸evil", "/。evil", "/\u{200b}/evil", "/ü"]
    {
        assert!(refused(text), "{text:?}");
    }
    assert!(refused(b"/\xc0\xaf/evil"));
    assert!(refused(b"/\xff"));
}

#[test]
fn dot_segments_cannot_uncover_a_second_slash() {
    for text in [
        "/.//evil.example",
        "/..//evil.example",
        "/x/..//evil.example",
        "/x/../..//evil.example",
        "/%2e//evil.example",
        "/%2e%2E//evil.example",
        "/.%2e//evil.example",
        "/x/%2e%2e/%2fevil.example",
        "/.%2f/evil.example",
        "/x%2f..%2f..%2f/evil.example",
        "/..%5c/evil.example",
        "/.",
        "/..",
        "/./\\evil.example",
        "/x/.?y",
    ] {
        assert!(refused(text), "{text:?}");
    }
}

#[test]
fn length_is_bounded() {
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    assert!(!refused(path(2048)));
    assert!(refused(path(2049)));
    assert!(refused(format!("/{}", "a/".repeat(1 << 20))));
}

/// Every short text of the characters that matter: whatever is accepted, a browser's
/// parser resolves to this very host, as it stands and after one more decoding.
#[test]
fn whatever_is_accepted_stays_on_this_host() {
    const LETTERS: [&str; 13] =
        ["/", "\\", "\t", ".", "%2f", "%5c", "%2e", "%09", "%25", "@", ":", "?", "e"];
    let base = url::Url::parse("https://app.example/oauth2/callback").unwrap();
    let mut accepted = 0;
    for number in 0..LETTERS.len().pow(5) {
        let letter = |place: u32| LETTERS[number / LETTERS.len().pow(place) % LETTERS.len()];
        let text: String = std::iter::once("/").chain((0..5).map(letter)).collect();
        let Some(path) = LocalPath::parse(text.as_bytes()) else { continue };
        accepted += 1;
        let decoded = decode(path.as_str());
        for location in [path.as_str(), &decoded] {
            let resolved = base.join(location).unwrap();
            assert_eq!(resolved.host_str(), Some("app.example"), "{text:?}");
            assert!(!resolved.path().starts_with("//"), "{text:?} is {resolved}");
        }
    }
    assert!(accepted > 10_000, "{accepted}");
}

fn decode(text: &str) -> String {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let path = [("%2f", "/"), ("%5c", "\\"), ("%2e", "."), ("%09", "\t"), ("%25", "%")]
        .iter()
        .fold(path.to_owned(), |path, (code, letter)| path.replace(code, letter));
    format!("{path}?{query}")
}
