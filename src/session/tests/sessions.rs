//! Sessions: written, read, cut into pieces, replaced and removed.

use super::browser::{
    Broken, Browser, HOST, NAME, Xorshift, config, cookies, jar, keys, read, session,
};
use crate::crypto::Secret;
use crate::http::SameSite;
use crate::session::{Cookies, Granted, WriteError};

#[test]
fn a_session_comes_back_as_it_was() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    for size in [400, 3000, 6000] {
        let session = session(size);
        let set = cookies
            .write_session(&keys, &session, HOST, &jar(&cookies, ""), &mut Xorshift(9))
            .unwrap();
        let mut browser = Browser::default();
        browser.apply(&set);
        let (read, with_first_key) = read(&cookies, &keys, &browser.line()).unwrap();
        assert!(with_first_key);
        assert_eq!((read.id, read.created, read.seen), (session.id, session.created, session.seen));
        assert_eq!(read.id_token.raw().expose(), session.id_token.raw().expose());
        let access_token = |session: &crate::session::Session| {
            session.access_token.as_ref().map(|token| token.raw().expose().to_owned())
        };
        assert_eq!(access_token(&read), access_token(&session));
        let refresh_token = read.refresh_token.as_ref().map(Secret::expose);
        assert_eq!(refresh_token, session.refresh_token.as_ref().map(Secret::expose));
    }
}

#[test]
fn a_session_may_have_an_id_token_alone() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let mut session = session(400);
    session.access_token = None;
    session.refresh_token = None;
    let set =
        cookies.write_session(&keys, &session, HOST, &jar(&cookies, ""), &mut Xorshift(9)).unwrap();
    let line = format!("{}={}", set[0].name, set[0].value);
    let (read, _) = read(&cookies, &keys, &line).unwrap();
    assert!(read.access_token.is_none() && read.refresh_token.is_none());
}

#[test]
fn a_session_of_two_keycloak_tokens_fits_one_cookie() {
    // What Keycloak 26 issues for a user with few roles: 1538, 806 and 1110 characters
    // with a refresh token that is a JWT too.
    let (cookies, keys) = (cookies(), keys(&[1]));
    let mut session = session(1200);
    session.refresh_token = Some(Secret::new(super::browser::jwt(r#""typ":"Refresh""#, 1110)));
    let set =
        cookies.write_session(&keys, &session, HOST, &jar(&cookies, ""), &mut Xorshift(9)).unwrap();
    assert_eq!(set.len(), 1);
    assert!(set[0].value.starts_with("1."));
}

#[test]
fn nothing_of_ours_is_left_after_a_big_session_a_small_one_and_logout() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let mut browser = Browser::default();
    browser.0.insert("theme".to_owned(), format!("dark {NAME}=1.x"));
    let mut entropy = Xorshift(9);
    let counts = [(6000, 3), (400, 1), (3000, 2), (6000, 3), (1200, 1)];
    for (size, count) in counts {
        let line = browser.line();
        let set = cookies
            .write_session(&keys, &session(size), HOST, &jar(&cookies, &line), &mut entropy)
            .unwrap();
        browser.apply(&set);
        assert_eq!(browser.0.len(), count + 1, "{:?}", browser.names());
        let (read, _) = read(&cookies, &keys, &browser.line()).unwrap();
        assert_eq!(read.id_token.raw().expose(), session(size).id_token.raw().expose());
    }
    browser.0.insert(format!("{NAME}.7"), "left over".to_owned());
    browser.0.insert(format!("{NAME}.42"), "left over".to_owned());
    let line = browser.line();
    browser.apply(&cookies.remove_session(&jar(&cookies, &line)));
    assert_eq!(browser.names(), ["theme"]);
    assert!(cookies.remove_session(&jar(&cookies, &browser.line())).is_empty());
}

#[test]
fn pieces_left_over_by_another_answer_do_not_break_the_session() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let mut browser = Browser::default();
    let write = |browser: &mut Browser, size| {
        // Answers that cross each other: none saw what the other had set.
        let set = cookies
            .write_session(
                &keys,
                &session(size),
                HOST,
                &jar(&cookies, ""),
                &mut Xorshift(size as u64),
            )
            .unwrap();
        browser.apply(&set);
    };
    write(&mut browser, 6000);
    write(&mut browser, 400);
    assert_eq!(browser.0.len(), 3);
    assert!(read(&cookies, &keys, &browser.line()).is_some());
    browser.0.remove(NAME);
    assert!(read(&cookies, &keys, &browser.line()).is_none());
    let line = browser.line();
    assert!(
        jar(&cookies, &line).has_session(),
        "without its first piece it is still ours to remove"
    );
    browser.apply(&cookies.remove_session(&jar(&cookies, &line)));
    assert!(browser.0.is_empty());
}

#[test]
fn a_removal_has_the_attributes_of_what_it_removes() {
    for (same_site, secure) in [(SameSite::Strict, true), (SameSite::Lax, false)] {
        let mut config = config(same_site, 4);
        config.cookie.secure = secure;
        let cookies = Cookies::new(&config);
        let line = format!("{NAME}=x");
        for cookie in cookies.remove_session(&jar(&cookies, &line)) {
            assert_eq!((cookie.name.as_str(), cookie.value.as_str()), (NAME, ""));
            assert!(cookie.secure == secure && cookie.same_site == same_site);
            assert_eq!(cookie.max_age, Some(std::time::Duration::ZERO));
        }
    }
}

#[test]
fn tokens_that_do_not_fit_are_named_with_what_they_take() {
    let cookies = Cookies::new(&config(SameSite::Lax, 2));
    let session = session(6000);
    let result =
        cookies.write_session(&keys(&[1]), &session, HOST, &jar(&cookies, ""), &mut Xorshift(9));
    let error = result.unwrap_err();
    let WriteError::TooLarge { needed, limit, id_token, access_token, refresh_token, .. } = error
    else {
        panic!("{error:?}");
    };
    // About 6000 bytes each, of which what is no noise compresses to next to nothing.
    for token in [id_token, access_token] {
        assert!((4300..4600).contains(&token), "{token}");
    }
    let sum = id_token + access_token + refresh_token;
    assert!((20..40).contains(&refresh_token), "{refresh_token}");
    assert!(needed > limit && (sum..sum + 120).contains(&needed), "{needed}, {sum}");
    assert_eq!(limit, 4096 - NAME.len() - 2 + 4096 - NAME.len() - 2);
    let expected = format!(
        "the session takes {needed} bytes of cookies, and {limit} fit into 2 \
         (`session.cookie.max_count`): ID token {id_token}, access token {access_token}, \
         refresh token {refresh_token}"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn nothing_is_written_without_randomness() {
    let cookies = cookies();
    let result =
        cookies.write_session(&keys(&[1]), &session(400), HOST, &jar(&cookies, ""), &mut Broken);
    assert_eq!(result, Err(WriteError::NoEntropy));
}

#[test]
fn every_key_opens_and_only_the_first_is_said_to_be_current() {
    let cookies = cookies();
    let set = cookies
        .write_session(&keys(&[1]), &session(400), HOST, &jar(&cookies, ""), &mut Xorshift(9))
        .unwrap();
    let line = format!("{NAME}={}", set[0].value);
    assert!(!read(&cookies, &keys(&[2, 1]), &line).unwrap().1);
    assert!(read(&cookies, &keys(&[2]), &line).is_none());
}

#[test]
fn an_opaque_token_comes_back_as_one_whatever_it_looks_like() {
    let (cookies, keys) = (cookies(), keys(&[1]));
    let mut session = session(400);
    let jwt = session.access_token.as_ref().unwrap().raw().expose().to_owned();
    for raw in ["b3BhcXVl", "v1.opaque+token==", "", &jwt] {
        session.access_token = Some(Granted::Opaque(Secret::new(raw.to_owned())));
        let set = cookies
            .write_session(&keys, &session, HOST, &jar(&cookies, ""), &mut Xorshift(9))
            .unwrap();
        let line = format!("{}={}", set[0].name, set[0].value);
        let (read, _) = read(&cookies, &keys, &line).unwrap();
        let Some(Granted::Opaque(found)) = &read.access_token else { panic!("{raw}") };
        assert_eq!(found.expose(), raw);
        assert!(read.known_access_token().is_none());
    }
}
