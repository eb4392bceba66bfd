//! Forms that wait for their senders: sealed for one login, one at a time, for the callback.

use std::time::Duration;

use zeroize::Zeroizing;

use super::browser::{Broken, Browser, HOST, NOW, Xorshift, config, cookies, jar, keys, login};
use crate::crypto::NoEntropy;
use crate::http::{LocalPath, SameSite, SetCookie};
use crate::session::{Cookies, KeptForm, LOGIN_LIFETIME};

const CALLBACK: &str = "/oauth2/callback";

fn keeping() -> Cookies {
    cookies().with_forms(CALLBACK)
}

fn form(body: &str) -> KeptForm {
    let target = LocalPath::parse(b"/orders?draft=7").unwrap();
    KeptForm::new(target, Zeroizing::new(body.as_bytes().to_vec())).unwrap()
}

fn write(form: &KeptForm, state: &str) -> Vec<SetCookie> {
    let mut entropy = Xorshift(state.len() as u64 | 1);
    keeping().write_form(&keys(&[1]), form, state, HOST, &mut entropy).unwrap().unwrap()
}

/// A form's target and its fields, and the removals of its cookies.
type Taken = (String, Vec<(String, String)>, Vec<SetCookie>);

/// The form that a callback with `state` finds.
fn take(browser: &Browser, state: &str) -> Option<Taken> {
    let (cookies, line) = (keeping(), browser.line());
    let (form, removals) = cookies.take_form(&keys(&[1]), state, &jar(&cookies, &line), HOST)?;
    let fields = form.fields().unwrap();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Some((form.target().as_str().to_owned(), fields.iter().map(owned).collect(), removals))
}

#[test]
fn a_form_comes_back_as_it_was_and_its_cookies_go() {
    let mut browser = Browser::default();
    browser.apply(&write(&form("a=1&b=&a=x+y"), "state"));
    let (target, fields, removals) = take(&browser, "state").unwrap();
    assert_eq!(target, "/orders?draft=7");
    let expected = [("a", "1"), ("b", ""), ("a", "x y")];
    assert!(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
    browser.apply(&removals);
    assert!(browser.0.is_empty());
}

#[test]
fn sixteen_kilobytes_and_the_longest_target_fit_whatever_the_cookie_is_called() {
    for name in ["n".to_owned(), format!("__Host-{}", "n".repeat(64))] {
        let mut settings = config(SameSite::Lax, 4);
        settings.cookie.name = name;
        let cookies = Cookies::new(&settings).with_forms(CALLBACK);
        let target = LocalPath::parse(format!("/{}", "p".repeat(2047)).as_bytes()).unwrap();
        let body = format!("a={}", "x".repeat(16 * 1024 - 2));
        let form = KeptForm::new(target, Zeroizing::new(body.into_bytes())).unwrap();
        let set =
            cookies.write_form(&keys(&[1]), &form, "s", HOST, &mut Xorshift(3)).unwrap().unwrap();
        assert!(set.len() <= 7, "{}", set.len());
        let mut browser = Browser::default();
        browser.apply(&set);
        let line = browser.line();
        let (found, removals) =
            cookies.take_form(&keys(&[1]), "s", &jar(&cookies, &line), HOST).unwrap();
        assert_eq!(found.fields().unwrap().iter().next().unwrap().1.len(), 16 * 1024 - 2);
        assert_eq!(removals.len(), set.len());
    }
}

#[test]
fn its_cookies_go_to_the_callback_alone_and_live_as_long_as_the_login() {
    for cookie in write(&form(&format!("a={}", "x".repeat(9_000))), "state") {
        assert!(cookie.name.starts_with("__Secure-oidc_gate.form"), "{}", cookie.name);
        assert_eq!((cookie.path.as_ref(), cookie.secure), (CALLBACK, true));
        assert_eq!((cookie.same_site, cookie.max_age), (SameSite::Lax, Some(LOGIN_LIFETIME)));
        let removal = cookie.removal();
        assert_eq!((removal.path.as_ref(), removal.max_age), (CALLBACK, Some(Duration::ZERO)));
    }
}

#[test]
fn another_state_host_or_key_does_not_open_and_removes_nothing() {
    let mut browser = Browser::default();
    browser.apply(&write(&form("a=1"), "state"));
    assert!(take(&browser, "stat").is_none() && take(&browser, "other").is_none());
    let (cookies, line) = (keeping(), browser.line());
    let jar = jar(&cookies, &line);
    assert!(cookies.take_form(&keys(&[1]), "state", &jar, "evil.example").is_none());
    assert!(cookies.take_form(&keys(&[2]), "state", &jar, HOST).is_none());
    assert!(cookies.take_form(&keys(&[2, 1]), "state", &jar, HOST).is_some());
}

#[test]
fn every_changed_or_missing_piece_is_absent() {
    let mut browser = Browser::default();
    browser.apply(&write(&form(&format!("a={}", "x".repeat(9_000))), "state"));
    let names: Vec<_> = browser.0.keys().cloned().collect();
    assert!(names.len() > 2);
    for name in &names {
        for change in ["", "!", "0.x", "9.x", "99.x"] {
            let mut changed = Browser(browser.0.clone());
            match change {
                "" => drop(changed.0.remove(name)),
                change => changed.0.get_mut(name).unwrap().replace_range(..change.len(), change),
            }
            assert!(take(&changed, "state").is_none(), "{name}: {change}");
        }
    }
}

#[test]
fn a_browser_keeps_one_form_and_pieces_of_a_longer_one_do_not_matter() {
    let mut browser = Browser::default();
    browser.apply(&write(&form(&format!("a={}", "x".repeat(16_000))), "one"));
    let most = browser.0.len();
    browser.apply(&write(&form("b=2"), "two"));
    assert_eq!(browser.0.len(), most);
    assert!(take(&browser, "one").is_none());
    let (_, fields, removals) = take(&browser, "two").unwrap();
    assert_eq!(fields, [("b".to_owned(), "2".to_owned())]);
    browser.apply(&removals);
    assert!(browser.0.is_empty(), "what was left over goes with it");
}

#[test]
fn a_forms_cookies_are_ours_where_forms_are_kept_and_nothing_else_becomes_so() {
    let (with, without) = (keeping(), cookies());
    for name in
        ["__Secure-oidc_gate.form", "__Secure-oidc_gate.form.1", "__Secure-oidc_gate.form.99"]
    {
        assert!(with.is_ours(name.as_bytes()) && !without.is_ours(name.as_bytes()), "{name}");
    }
    for name in [
        "__Secure-oidc_gate",
        "__Secure-oidc_gate.1",
        "__Secure-oidc_gate.form.0",
        "__Secure-oidc_gate.form.x",
        "__Secure-oidc_gate.forms",
        "__Host-oidc_gate.form",
        "__Host-other",
        "__",
        "oidc_gate.form",
    ] {
        assert!(!with.is_ours(name.as_bytes()), "{name}");
    }
    let line = "__Host-a=1; __Secure-oidc_gate.form=2.x; __Host-oidc_gate=1.y; b=2";
    let rest = jar(&with, line).others();
    assert_eq!(rest, crate::http::cookie::Rest::Changed(b"__Host-a=1; b=2".to_vec()));
}

#[test]
fn a_login_says_whether_a_form_waits_for_it() {
    for form in [true, false] {
        let (cookies, mut browser) = (keeping(), Browser::default());
        let login = crate::session::Transaction { form, ..login("state", NOW) };
        let set = cookies.write_transaction(
            &keys(&[1]),
            &login,
            HOST,
            &jar(&cookies, ""),
            NOW,
            &mut Xorshift(3),
        );
        browser.apply(&set.unwrap());
        let line = browser.line();
        let jar = jar(&cookies, &line);
        let (found, _) = cookies.take_transaction(&keys(&[1]), "state", &jar, HOST, NOW);
        assert_eq!(found.unwrap().form, form);
    }
}

#[test]
fn nothing_is_kept_without_randomness_or_where_forms_are_not_kept() {
    let kept = form("a=1");
    let broken = keeping().write_form(&keys(&[1]), &kept, "s", HOST, &mut Broken);
    assert!(matches!(broken, Err(NoEntropy)));
    let off = cookies().write_form(&keys(&[1]), &kept, "s", HOST, &mut Xorshift(3));
    assert!(matches!(off, Ok(None)));
    let target = LocalPath::parse(b"/x").unwrap();
    assert!(KeptForm::new(target, Zeroizing::new(b"a=%ff".to_vec())).is_none());
}

#[test]
fn a_form_does_not_print() {
    assert_eq!(format!("{:?}", form("password=hunter2")), "[a form of 16 bytes]");
}
