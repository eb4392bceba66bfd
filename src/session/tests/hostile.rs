//! Hostile cookies: another host's, another purpose's, changed, cut, too many, noise.

use super::browser::{HOST, NAME, NOW, Xorshift, cookies, jar, keys, login, read, session};
use crate::http::cookie::Rest;
use crate::session::Cookies;

fn session_value(cookies: &Cookies) -> String {
    let mut set = cookies
        .write_session(&keys(&[1]), &session(0), HOST, &jar(cookies, ""), &mut Xorshift(9))
        .unwrap();
    set.remove(0).value
}

#[test]
fn another_host_or_another_purpose_does_not_open() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let value = session_value(&cookies);
    let text = value.strip_prefix("1.").unwrap().as_bytes();
    assert!(cookies.open_session(&keys, text, HOST).is_some());
    for host in ["app.example:8443", "pp.example", "evil.example", "APP.example", ""] {
        assert!(cookies.open_session(&keys, text, host).is_none(), "{host}");
    }

    let set = cookies
        .write_transaction(&keys, &login("s", NOW), HOST, &jar(&cookies, ""), NOW, &mut Xorshift(3))
        .unwrap();
    let login_name = set[0].name.clone();
    assert!(read(&cookies, &keys, &format!("{NAME}=1.{}", set[0].value)).is_none());
    let session_as_login = format!("{login_name}={}", &value[2..]);
    let jar_of = |line: &'static str| jar(&cookies, line);
    let line: &'static str = session_as_login.leak();
    assert!(cookies.take_transaction(&keys, "s", &jar_of(line), HOST, NOW).0.is_none());
    let line: &'static str = format!("{login_name}={}", set[0].value).leak();
    assert!(cookies.take_transaction(&keys, "s", &jar_of(line), "evil.example", NOW).0.is_none());
    assert!(cookies.take_transaction(&keys, "s", &jar_of(line), HOST, NOW).0.is_some());
}

#[test]
fn every_changed_or_cut_cookie_is_absent() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let value = session_value(&cookies);
    assert!(read(&cookies, &keys, &format!("{NAME}={value}")).is_some());
    for index in 0..value.len() {
        assert!(read(&cookies, &keys, &format!("{NAME}={}", &value[..index])).is_none());
        for bit in 0..8 {
            let mut line = format!("{NAME}={value}").into_bytes();
            line[NAME.len() + 1 + index] ^= 1 << bit;
            let jar = cookies.collect(std::iter::once(line.as_slice()));
            let session = cookies
                .session_text(&jar)
                .and_then(|text| cookies.open_session(&keys, &text.join(), HOST));
            assert!(session.is_none(), "byte {index}, bit {bit}");
        }
    }
}

#[test]
fn noise_is_absent() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let mut noise = Xorshift(0x9e37_79b9_7f4a_7c15);
    let alphabet = b"ABCyz019-_.=; \"\t\x00\xff";
    for round in 0..10_000 {
        let length = (noise.next() % 300) as usize;
        let mut line = match round % 4 {
            0 => format!("{NAME}="),
            1 => format!("{NAME}=1."),
            2 => format!("{NAME}.login.abcdefghij="),
            _ => String::new(),
        }
        .into_bytes();
        for _ in 0..length {
            let random = noise.next() as usize;
            line.push(if round % 3 == 0 {
                random as u8
            } else {
                alphabet[random % alphabet.len()]
            });
        }
        let jar = cookies.collect(std::iter::once(line.as_slice()));
        if let Some(text) = cookies.session_text(&jar) {
            assert!(cookies.open_session(&keys, &text.join(), HOST).is_none());
        }
        assert!(cookies.open_session(&keys, &line, HOST).is_none());
        assert!(cookies.take_transaction(&keys, "s", &jar, HOST, NOW).0.is_none());
        let _ = cookies.remove_session(&jar);
    }
}

#[test]
fn only_exact_shapes_are_ours() {
    let cookies = cookies();
    let ours = ["", ".1", ".15", ".16", ".99", ".login.abcdefghi_", ".login.ABCDEFGH-0"];
    for rest in ours {
        assert!(cookies.is_ours(format!("{NAME}{rest}").as_bytes()), "{rest}");
    }
    let others = [
        ".",
        ".0",
        ".01",
        ".100",
        ".1a",
        ".-1",
        ".+1",
        ". 1",
        "1",
        "x",
        "-",
        ".login",
        ".login.",
        ".login.abcdefghi",
        ".login.abcdefghijk",
        ".login.abcdefghi=",
        ".Login.abcdefghij",
        ".login.abcdefgh\u{e9}",
    ];
    for rest in others {
        assert!(!cookies.is_ours(format!("{NAME}{rest}").as_bytes()), "{rest}");
    }
    for name in ["", "oidc_gate", "__host-oidc_gate", "x__Host-oidc_gate", "__Host-oidc_gat"] {
        assert!(!cookies.is_ours(name.as_bytes()), "{name}");
    }
}

#[test]
fn a_value_that_holds_our_name_does_not_matter() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let value = session_value(&cookies);
    let line = format!("a={NAME}=1.x; {NAME}x={NAME}; {NAME}={value}; b=\"{NAME}=2.y\"");
    assert!(read(&cookies, &keys, &line).is_some());
    let rest = jar(&cookies, &line).others();
    let expected = format!("a={NAME}=1.x; {NAME}x={NAME}; b=\"{NAME}=2.y\"");
    assert_eq!(rest, Rest::Changed(expected.into_bytes()));
}

#[test]
fn of_two_cookies_of_one_name_the_first_counts_and_it_is_noted() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let value = session_value(&cookies);
    let line = format!("{NAME}={value}; {NAME}=1.forged");
    assert!(jar(&cookies, &line).has_duplicates());
    assert!(read(&cookies, &keys, &line).is_some());
    assert!(read(&cookies, &keys, &format!("{NAME}=1.forged; {NAME}={value}")).is_none());
    assert_eq!(cookies.remove_session(&jar(&cookies, &line)).len(), 1);
    let line = format!("{NAME}={value}; {NAME}.1=x");
    assert!(!jar(&cookies, &line).has_duplicates());
}

#[test]
fn too_many_of_ours_are_bounded_and_removed() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let pieces = (1..100).map(|index| format!("{NAME}.{index}=x"));
    let logins = (0..2000).map(|index| format!("{NAME}.login.{index:010}=x"));
    let line = pieces.chain(logins).collect::<Vec<_>>().join("; ");
    let jar = jar(&cookies, &line);
    assert!(format!("{jar:?}").contains("pieces: 15, logins: 32"));
    assert_eq!(cookies.remove_session(&jar).len(), 15 + 32);
    let set = cookies
        .write_transaction(&keys, &login("s", NOW), HOST, &jar, NOW, &mut Xorshift(3))
        .unwrap();
    assert_eq!(set.len(), 1 + 32 + 32);
    assert!(set[1..].iter().all(|cookie| cookie.max_age == Some(std::time::Duration::ZERO)));
}
