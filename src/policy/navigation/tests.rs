//! Page loads and cross-site requests, as browsers and attackers send them.

use super::*;

const GET: FetchMetadata<'_> = FetchMetadata {
    method: b"GET",
    accept: None,
    sec_fetch_mode: None,
    sec_fetch_site: None,
    origin: None,
    upgrade: None,
};

#[test]
fn only_a_page_load_is_one() {
    let page = |method: &'static str, mode: Option<&'static str>, accept: Option<&'static str>| {
        let request = FetchMetadata {
            method: method.as_bytes(),
            sec_fetch_mode: mode.map(str::as_bytes),
            accept: accept.map(str::as_bytes),
            ..GET
        };
        kind(&request) == Kind::PageLoad
    };
    let html = Some("text/html,application/xhtml+xml,*/*;q=0.8");
    for (method, mode, accept, expected) in [
        ("GET", Some("navigate"), html, true),
        ("GET", Some("navigate"), None, true),
        ("HEAD", Some("navigate"), None, true),
        ("GET", None, html, true),
        ("GET", None, Some("application/json, TEXT/html;q=0.9"), true),
        ("GET", None, Some("*/*;q=0, text/html ; q=0.001"), true),
        // The field decides where it stands, whatever Accept says.
        ("GET", Some("cors"), html, false),
        ("GET", Some("no-cors"), html, false),
        ("GET", Some("same-origin"), html, false),
        ("GET", Some("websocket"), html, false),
        ("GET", Some(""), html, false),
        ("GET", Some("Navigate"), html, false),
        ("GET", Some("navigate, cors"), html, false),
        // Nothing that names HTML.
        ("GET", None, None, false),
        ("GET", None, Some(""), false),
        ("GET", None, Some("*/*"), false),
        ("GET", None, Some("text/*"), false),
        ("GET", None, Some("application/json"), false),
        ("GET", None, Some("text/htmlx, xtext/html"), false),
        ("GET", None, Some("application/x;p=text/html"), false),
        ("GET", None, Some("text/html;q=0"), false),
        ("GET", None, Some("text/html;level=1; q=0.000"), false),
        // A form's POST cannot be repeated after login.
        ("POST", Some("navigate"), html, false),
        ("OPTIONS", Some("navigate"), html, false),
        ("get", Some("navigate"), html, false),
        ("", None, html, false),
    ] {
        assert_eq!(page(method, mode, accept), expected, "{method} {mode:?} {accept:?}");
    }
    let upgrade =
        FetchMetadata { sec_fetch_mode: Some(b"navigate"), upgrade: Some(b"websocket"), ..GET };
    assert_eq!(kind(&upgrade), Kind::Other);
}

#[test]
fn unsafe_requests_of_other_sites_are_found() {
    let own = Origin::parse("https://app.example").unwrap();
    for (site, origin, refused) in [
        (Some("same-origin"), None, false),
        (Some("same-origin"), Some("https://app.example"), false),
        (Some("none"), None, false),
        (Some("cross-site"), None, true),
        (Some("cross-site"), Some("https://evil.example"), true),
        // The browser's own judgement comes first.
        (Some("cross-site"), Some("https://app.example"), true),
        (Some("same-site"), None, true),
        (Some("same-site"), Some("https://other.app.example"), true),
        (Some("same-site"), Some("http://app.example"), true),
        (Some("same-site"), Some("https://app.example"), false),
        (Some(""), None, true),
        (Some("Same-Origin"), None, true),
        (Some("same-origin, cross-site"), Some("https://app.example"), true),
        (Some("whatever"), Some("https://app.example"), true),
        (None, Some("https://app.example"), false),
        (None, Some("https://APP.example:443"), false),
        (None, Some("https://app.example:8443"), true),
        (None, Some("http://app.example"), true),
        (None, Some("https://evil.example"), true),
        (None, Some("https://app.example.evil.example"), true),
        (None, Some("https://evilapp.example"), true),
        (None, Some("https://app.example/"), true),
        (None, Some("https://app.example@evil.example"), true),
        (None, Some("https://app.example https://evil.example"), true),
        (None, Some("null"), true),
        (None, Some(""), true),
        (None, Some("*"), true),
        (None, None, false),
    ] {
        let request = FetchMetadata {
            sec_fetch_site: site.map(str::as_bytes),
            origin: origin.map(str::as_bytes),
            ..GET
        };
        for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "get", "Get", ""] {
            let request = FetchMetadata { method: method.as_bytes(), ..request };
            assert_eq!(cross_site_unsafe(&request, &own), refused, "{method} {site:?} {origin:?}");
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            let request = FetchMetadata { method: method.as_bytes(), ..request };
            assert!(!cross_site_unsafe(&request, &own), "{method} {site:?} {origin:?}");
        }
        let socket = FetchMetadata { upgrade: Some(b"WebSocket"), ..request };
        assert_eq!(cross_site_unsafe(&socket, &own), refused, "upgrade {site:?} {origin:?}");
    }
    let bytes = FetchMetadata { method: b"POST", origin: Some(b"https://app.\xff"), ..GET };
    assert!(cross_site_unsafe(&bytes, &own));
}

#[test]
fn only_what_the_browser_says_of_this_very_origin_is_of_it() {
    let own = Origin::parse("https://app.example").unwrap();
    for (site, origin, expected) in [
        (Some("same-origin"), None, true),
        (Some("same-origin"), Some("https://app.example"), true),
        (None, Some("https://app.example"), true),
        (None, Some("https://APP.example:443"), true),
        // A sibling, the address bar, or nobody knows.
        (Some("same-site"), Some("https://app.example"), false),
        (Some("none"), Some("https://app.example"), false),
        (Some("cross-site"), Some("https://app.example"), false),
        (Some(""), None, false),
        (Some("same-origin, cross-site"), None, false),
        (None, Some("https://other.app.example"), false),
        (None, Some("http://app.example"), false),
        (None, Some("null"), false),
        (None, None, false),
    ] {
        let request = FetchMetadata {
            sec_fetch_site: site.map(str::as_bytes),
            origin: origin.map(str::as_bytes),
            ..GET
        };
        assert_eq!(same_origin(&request, &own), expected, "{site:?} {origin:?}");
    }
}
