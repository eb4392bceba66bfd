//! How small the sessions of Keycloak's users get.

use super::browser::{Browser, HOST, NAME, Xorshift, cookies, jar, keys, read};
use crate::session::Session;
use crate::session::testing::{ALICE, BOB, CAROL, User};

/// Cookies, and bytes of their names and values together, as browsers count them (RFC
/// 6265bis section 5.6): at most 4096 a cookie, and 1024 an attribute.
fn cookies_of(user: &User, seed: u64) -> (usize, usize) {
    let (cookies, keys, session) = (cookies(), keys(&[1]), user.session(seed));
    let set = cookies
        .write_session(&keys, &session, HOST, &jar(&cookies, ""), &mut Xorshift(seed + 1))
        .unwrap();
    let mut bytes = 0;
    for cookie in &set {
        let size = cookie.name.len() + cookie.value.len();
        let header = cookie.header_value().unwrap();
        let mut attributes = header.as_str().split("; ").skip(1);
        assert!(size <= 4096 && attributes.all(|attribute| attribute.len() <= 1024));
        bytes += size;
    }
    let mut browser = Browser::default();
    browser.apply(&set);
    let (read, _) = read(&cookies, &keys, &browser.line()).unwrap();
    let texts = |session: &Session| {
        let access_token = session.access_token.as_ref().map(|token| token.raw().clone());
        [Some(session.id_token.raw().clone()), access_token, session.refresh_token.clone()]
            .map(|token| token.unwrap().expose().to_owned())
    };
    assert_eq!(texts(&read), texts(&session));
    (set.len(), bytes)
}

#[test]
fn keycloak_sessions_are_as_small_as_promised() {
    for (user, count, limit) in [(&ALICE, 1, 2500), (&BOB, 1, 2500), (&CAROL, 2, 2 * 4096)] {
        let largest = (1..=20).map(|seed| cookies_of(user, seed)).max().unwrap();
        let tokens = user.tokens();
        println!(
            "{}: {} cookie(s), {} bytes for {tokens} of tokens",
            user.name, largest.0, largest.1
        );
        assert!(largest.0 <= count && largest.1 <= limit, "{}: {largest:?}", user.name);
    }
    // What is promised is not all that is reached, and what is reached should stay.
    assert!(cookies_of(&ALICE, 1) <= (1, 1750));
    assert!(cookies_of(&CAROL, 1) <= (1, 2900));
}

/// Two thirds of what is left of alice's session are signatures and identifiers: noise.
#[test]
fn what_is_left_is_mostly_noise() {
    let (record, sizes) = ALICE.session(1).record(0);
    let signatures = 256 + 256 + 64;
    println!("record: {} bytes, {signatures} of them signatures; {sizes:?}", record.len());
    assert!(sizes.id_token > 256 && sizes.access_token > 256 && sizes.refresh_token > 64);
    let sum = sizes.id_token + sizes.access_token + sizes.refresh_token;
    assert!(sum <= record.len() && sum + 50 > record.len());
    assert!(record.windows(NAME.len()).all(|window| window != NAME.as_bytes()));
}
