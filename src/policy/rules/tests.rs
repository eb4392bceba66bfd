//! Which rule decides, and which tricks must not change that.

use super::*;

fn rule(path: PathMatch, methods: &[&str], access: Access) -> Rule {
    let methods = methods.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Rule {
        path,
        methods: (!methods.is_empty()).then_some(methods),
        route_name: None,
        access,
        unauthenticated: Unauthenticated::Redirect,
        needs: Needs::default(),
        protected_resource: None,
    }
}

fn asked<'a>(method: &'a [u8], path: &'a [u8]) -> Asked<'a> {
    Asked { method, path, route: b"" }
}

fn exact(path: &str) -> PathMatch {
    PathMatch::Exact(path.to_owned())
}

fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(path.to_owned())
}

/// 0 /healthz public for GET, 1 /public public, 2 /admin denied, 3 /api, 4 /api/open public
/// (behind 3: never reached), 5 any DELETE denied.
fn site() -> Rules {
    Rules::new(&[
        rule(exact("/healthz"), &["GET"], Access::Public),
        rule(prefix("/public"), &[], Access::Public),
        rule(prefix("/admin"), &[], Access::Deny),
        rule(prefix("/api"), &[], Access::Authenticated),
        rule(prefix("/api/open"), &[], Access::Public),
        rule(PathMatch::Any, &["DELETE"], Access::Deny),
    ])
}

fn found(method: &str, path: &str) -> Result<Option<usize>, AmbiguousPath> {
    site().decide(&asked(method.as_bytes(), path.as_bytes())).map(|decision| decision.rule)
}

#[test]
fn what_matches_no_rule_needs_an_authenticated_user() {
    let default = Decision {
        access: Access::Authenticated,
        unauthenticated: Unauthenticated::Auto,
        rule: None,
    };
    for path in ["/", "", "*", "/x", "/%2e%2e/%00", "no path", "/a b"] {
        assert_eq!(
            Rules::new(&[]).decide(&asked(b"GET", path.as_bytes())),
            Ok(default),
            "{path:?}"
        );
    }
    assert_eq!(site().decide(&asked(b"GET", b"/x")), Ok(default));
    assert_eq!(
        site().decide(&asked(b"GET", b"/public")),
        Ok(Decision {
            access: Access::Public,
            unauthenticated: Unauthenticated::Redirect,
            rule: Some(1)
        })
    );
}

#[test]
fn the_first_match_wins_on_whole_segments() {
    for (method, path, expected) in [
        ("GET", "/healthz", Some(0)),
        ("GET", "/healthz/", None),
        ("GET", "/healthz/x", None),
        ("GET", "/healthzx", None),
        ("GET", "/Healthz", None),
        ("HEAD", "/healthz", None),
        ("POST", "/healthz", None),
        ("DELETE", "/healthz", Some(5)),
        ("GET", "/public", Some(1)),
        ("GET", "/public/", Some(1)),
        ("DELETE", "/public/a/b", Some(1)),
        ("GET", "/publicity", None),
        ("GET", "/public.html", None),
        ("GET", "/x/public", None),
        ("GET", "/api", Some(3)),
        ("GET", "/apiary", None),
        ("GET", "/api/open/x", Some(3)),
        ("DELETE", "/", Some(5)),
        ("DELETE", "*", Some(5)),
        ("OPTIONS", "*", None),
    ] {
        assert_eq!(found(method, path), Ok(expected), "{method} {path}");
    }
}

#[test]
fn a_rule_never_sees_the_query() {
    for (path, expected) in [
        ("/admin?/healthz", Some(2)),
        ("/x?/public", None),
        ("/x?/public/../healthz", None),
        ("/?x=/../public//%2e%2e;\\", None),
        ("/healthz?x", Some(0)),
        ("/public?a=%2f..%2fadmin", Some(1)),
        ("/api?\0 \\", Some(3)),
    ] {
        assert_eq!(found("GET", path), Ok(expected), "{path}");
    }
    for path in ["/admin#/healthz", "/public#/../admin", "/healthz#", "/public/%3f/../../admin"] {
        assert_ne!(found("GET", path), Ok(Some(0)), "{path}");
        assert_ne!(found("GET", path), Ok(Some(1)), "{path}");
    }
}

#[test]
fn readings_under_different_rules_are_refused() {
    for path in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/%2E./admin",
        "/public/..%2fadmin",
        "/public%2f..%2fadmin",
        "/public/..%5cadmin",
        "/public/..\\admin",
        "/public/..;/admin",
        "/public/..;x=1/admin",
        "/public/%252e%252e/admin",
        "/public/..%252fadmin",
        "/public//../admin",
        "/public/./../admin",
        "/public/..",
        "/public/../x",
        "//public",
        "//admin",
        "/./admin",
        "/%61dmin",
        "/%2561dmin",
        "/admin%2fx",
        "/admin;x",
        "/admin%00",
        "/admin%3b",
        "/healthz%00.png",
        "/healthz;x",
        "/healthz%3fx",
        "/healthz#x",
        "/x/../healthz",
        "/public\\",
        "\\public",
        "public",
        "http://app.example/admin",
        "/public/\0",
        "/public x",
        "/public%2f%2f..%2f..%2fadmin",
    ] {
        assert_eq!(found("GET", path), Err(AmbiguousPath), "{path}");
    }
}

#[test]
fn readings_under_one_rule_are_fine() {
    for (path, expected) in [
        ("/public/a%2fb", Some(1)),
        ("/public/a/../b", Some(1)),
        ("/public//b;c=d/./e", Some(1)),
        ("/public/%C3%BC%20x", Some(1)),
        ("/public/100%", Some(1)),
        ("/admin/%2e/x", Some(2)),
        ("/api/a%5cb", Some(3)),
        ("/x//y", None),
        ("/x;y/z%00", None),
        ("/caf%C3%A9", None),
        ("/x/../y", None),
    ] {
        assert_eq!(found("GET", path), Ok(expected), "{path}");
    }
    let methods = Rules::new(&[rule(PathMatch::Any, &["GET"], Access::Public)]);
    assert_eq!(methods.decide(&asked(b"GET", b"/a/..%2f//")).unwrap().rule, Some(0));
}

#[test]
fn a_method_in_small_letters_gets_no_permission() {
    for method in ["get", "Get", "gET", "delete", "x"] {
        for (path, access) in [
            ("/healthz", Access::Authenticated),
            ("/public", Access::Authenticated),
            ("/api", Access::Authenticated),
            ("/admin", Access::Deny),
        ] {
            let decision = site().decide(&asked(method.as_bytes(), path.as_bytes())).unwrap();
            let access =
                if method == "delete" && path == "/healthz" { Access::Deny } else { access };
            assert_eq!(decision.access, access, "{method} {path}");
        }
    }
    assert_eq!(site().decide(&asked(b"delete", b"/x")).unwrap().access, Access::Deny);
    assert_eq!(site().decide(&asked(b"get", b"/public/../admin")), Err(AmbiguousPath));
    for method in ["GET ", " GET", "GET\0", "", "GETX"] {
        assert_eq!(found(method, "/healthz"), Ok(None), "{method:?}");
    }
}

#[test]
fn the_root_prefix_is_for_every_path() {
    let rules = Rules::new(&[rule(prefix("/"), &[], Access::Deny)]);
    for path in ["/", "/x/y", "/a/../b", "*", ""] {
        assert_eq!(rules.decide(&asked(b"GET", path.as_bytes())).unwrap().rule, Some(0), "{path}");
    }
    assert_eq!(
        Rules::new(&[rule(exact("/"), &[], Access::Public)])
            .decide(&asked(b"GET", b"/x"))
            .unwrap()
            .rule,
        None
    );
}

/// The index against the plain reading of the rules: from first to last.
#[test]
fn the_index_finds_what_a_walk_would() {
    const PARTS: [&str; 4] = ["", "/a", "/b", "/ab"];
    let methods: [&[&str]; 3] = [&[], &["GET"], &["POST", "PUT"]];
    let mut rules = Vec::new();
    for number in 0..1000_usize {
        let path = format!("{}{}/{}", PARTS[number % 4], PARTS[number / 4 % 4], number / 16 % 9);
        let path = match number / 3 % 5 {
            0 | 1 => exact(&path),
            _ => prefix(&path),
        };
        rules.push(rule(path, methods[number * 7 / 5 % 3], Access::Public));
    }
    let index = Rules::new(&rules);
    for number in 0..(4 * 4 * 9 * 3_usize) {
        let tail = ["", "/a", "/b/c"][number / 144];
        let path =
            format!("{}{}/{}{tail}", PARTS[number % 4], PARTS[number / 4 % 4], number / 16 % 9);
        for method in ["GET", "POST", "PUT", "HEAD"] {
            let walk = rules.iter().position(|rule| matches(rule, method, &path));
            let decision = index.decide(&asked(method.as_bytes(), path.as_bytes())).unwrap();
            assert_eq!(decision.rule, walk, "{method} {path}");
        }
    }
}

fn matches(rule: &Rule, method: &str, path: &str) -> bool {
    let path_fits = match &rule.path {
        PathMatch::Any => true,
        PathMatch::Exact(exact) => exact == path,
        PathMatch::Prefix(prefix) => {
            path.strip_prefix(prefix.as_str()).is_some_and(|t| t.is_empty() || t.starts_with('/'))
        }
    };
    path_fits && rule.methods.as_ref().is_none_or(|methods| methods.iter().any(|m| m == method))
}
