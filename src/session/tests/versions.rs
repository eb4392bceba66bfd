//! Records inside the seal: of every version that was ever written, cut, changed, or bombs.
//! All are sealed with our own key, as another version of the gate might, or a bug.

use super::browser::{HOST, NAME, NOW, Xorshift, keys, session};
use crate::config::Ask;
use crate::crypto::seal::Binding;
use crate::crypto::{Purpose, Secret};
use crate::session::{Kept, Session};
use crate::wire::{Timestamp, base64url};

/// What opens records, each sealed first.
fn opener() -> impl FnMut(&[u8]) -> Option<Session> {
    let (keys, mut entropy) = (keys(&[1]), Xorshift(5));
    let binding = Binding { purpose: Purpose::Session, name: NAME, host: HOST };
    move |record| {
        let sealed = keys.seal(binding, record, &mut entropy).unwrap();
        Session::restore(&keys.open(binding, &sealed).unwrap())
    }
}

fn open(record: &[u8]) -> Option<Session> {
    opener()(record)
}

fn number(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len() as u64).as_slice(), bytes].concat()
}

fn time(time: Timestamp) -> Vec<u8> {
    number(time.millis() as u64)
}

/// A session's record as version 1 was: tokens in their places, nothing compressed.
fn version_1(session: &Session) -> Vec<u8> {
    let jwt = |text: &str| {
        let segments = text.split('.').map(|part| base64url::decode(part.as_bytes()).unwrap());
        let segments: Vec<_> = segments.flat_map(|segment| bytes(&segment)).collect();
        [[2].as_slice(), &segments].concat()
    };
    [
        [1].as_slice(),
        &session.id,
        &time(session.created),
        &time(session.seen),
        &jwt(session.id_token.raw().expose()),
        &jwt(session.access_token.as_ref().unwrap().raw().expose()),
        &[1],
        &bytes(session.refresh_token.as_ref().unwrap().expose().as_bytes()),
    ]
    .concat()
}

fn assert_same(one: &Session, other: &Session) {
    assert_eq!((one.id, one.created, one.seen), (other.id, other.created, other.seen));
    assert_eq!(one.id_token.raw().expose(), other.id_token.raw().expose());
    let access_token = |session: &Session| {
        session.access_token.as_ref().map(|token| token.raw().expose().to_owned())
    };
    assert_eq!(access_token(one), access_token(other));
    let refresh_token =
        |session: &Session| session.refresh_token.as_ref().map(|token| token.expose().to_owned());
    assert_eq!(refresh_token(one), refresh_token(other));
    let kept = |session: &Session| {
        let text = |secret: &Secret| secret.expose().to_owned();
        let all = session.kept.iter().map(|kept| {
            let refresh_token = kept.refresh_token.as_ref().map(text);
            (kept.ask, text(kept.token.raw()), kept.subject, kept.had, refresh_token)
        });
        (session.narrowed, all.collect::<Vec<_>>())
    };
    assert_eq!(kept(one), kept(other));
}

/// A session with tokens for two rules beside its own.
fn with_kept() -> Session {
    let kept = |number: u8, refresh_token: Option<&str>| Kept {
        ask: Ask::of_bytes([number; 16]),
        token: session(usize::from(number)).known_access_token().unwrap().clone(),
        subject: refresh_token.map(|_| NOW),
        had: NOW,
        refresh_token: refresh_token.map(|text| Secret::new(text.to_owned())),
    };
    Session { narrowed: 3, kept: vec![kept(1, None), kept(2, Some("r"))], ..session(0) }
}

#[test]
fn tokens_of_rules_come_back_as_many_as_are_asked_for_and_the_session_with_them() {
    let session = with_kept();
    for count in 0..=2 {
        let read = open(&session.record(count).0).unwrap();
        let kept = session.kept[..count].to_vec();
        assert_same(&read, &Session { kept, ..session.clone() });
    }
    let narrowed = Session { kept: Vec::new(), ..session };
    assert_same(&open(&narrowed.record(0).0).unwrap(), &narrowed);
}

#[test]
fn a_session_keeps_so_many_tokens_for_rules_and_the_latest_first() {
    let mut session = with_kept();
    let template = session.kept[0].clone();
    for number in 0..40 {
        session.keep(Kept { ask: Ask::of_bytes([number; 16]), ..template.clone() });
    }
    let first: Vec<_> = session.kept.iter().map(|kept| kept.ask.bytes()[0]).collect();
    assert_eq!(first, (24..40).rev().collect::<Vec<_>>());
}

#[test]
fn sessions_of_the_first_version_still_open_and_the_new_are_smaller() {
    let session = session(400);
    let first = version_1(&session);
    assert_same(&open(&first).unwrap(), &session);
    let (record, _) = session.record(0);
    assert_same(&open(&record).unwrap(), &session);
    assert!(record.len() < first.len() * 2 / 3, "{} of {}", record.len(), first.len());
}

/// As the second version wrote it, in people's browsers by now.
const SECOND_VERSION: &str = "\
    AsMCZ7WUPQqAMAyF7-KsIggObt6gV4hthVKF4iSId5cm2p9MXZoxhPDy-F5ulji6Ls7MjfWrcr6M6vUFh0OLCCXY\
    jdQhTosQ3XbiL1KJPcy-D-5poGp_7LEx-oYDNPOpp3IFaUkkS0K5uBcHBwcHBwcHBwcHBwcHBwcHgICzwZwzgYCz\
    wZwzAwNLgwKAAftkSI8-8FkXYhXo3idp3WQPlbiksrOrJ0NqFjPATrSYmPMvyZk7MZjcWdF1Epxkxfqi4daRCYd5\
    MLuytuqkFmADA0vxAYABdtxhTjTsHONGG1vKC7IfqP8jg2k9MoCp6GG7w9za4bBvKb0kyx5jBogEalT-yvXtzNbx\
    J8FcaF5kP0g0tntELwEUb3BhcXVlIHJlZnJlc2ggdG9rZW4\
";

#[test]
fn a_session_of_the_second_version_still_opens() {
    let session = open(&base64url::decode(SECOND_VERSION.as_bytes()).unwrap()).unwrap();
    assert_eq!((session.id, session.created.millis()), ([7; 16], 1_760_000_000_000));
    let access_token = session.known_access_token().unwrap();
    let signature = |token: &Secret| token.expose().rsplit_once('.').unwrap().1.to_owned();
    assert_eq!(session.id_token.subject(), "alice");
    assert_eq!(access_token.subject(), Some("alice"));
    assert!(signature(session.id_token.raw()).starts_with("-2RIjz7wWRdiFejeJ2ndZA"));
    assert!(signature(access_token.raw()).starts_with("dtxhTjTsHONGG1vKC7If"));
    assert_eq!(session.refresh_token.unwrap().expose(), "opaque refresh token");
}

#[test]
fn a_token_of_another_kind_comes_back_as_it_was() {
    let mut session = session(400);
    for token in ["v1/opaque+token==", "0.AXYA", "e30.AA.AA.AA.AA", "e30.e30.", "e31.e30.c2", ""] {
        session.refresh_token = Some(Secret::new(token.to_owned()));
        assert_same(&open(&session.record(0).0).unwrap(), &session);
    }
}

/// Every cut and every flipped bit: none may panic, and a cut one never opens.
#[test]
fn a_record_that_is_cut_or_changed_inside_the_seal_does_not_panic() {
    let mut open = opener();
    let records = [
        (version_1(&session(0)), 2),
        (session(0).record(0).0.to_vec(), 8),
        (with_kept().record(2).0.to_vec(), 8),
    ];
    for (record, bits) in records {
        assert!(open(&record).is_some());
        assert!(open(&[record.as_slice(), &[0]].concat()).is_none(), "nothing may follow");
        for index in 0..record.len() {
            assert!(open(&record[..index]).is_none(), "{index}");
            for bit in 0..bits {
                let mut changed = record.clone();
                changed[index] ^= 1 << bit;
                let _ = open(&changed);
            }
        }
    }
}

const CAP: usize = 256 * 1024;

/// 256 KiB of objects and not a byte more, whatever the record says it holds.
#[test]
fn a_bomb_stops_at_the_cap() {
    let bomb = |declared: usize, length: usize| {
        let objects = crate::session::objects::pack(&vec![b' '; length]).into_owned();
        let fields = &version_1(&session(0))[1..];
        open(&[&[2], number(declared as u64).as_slice(), &bytes(&objects), fields].concat())
    };
    // Objects that no token takes: not what we write, so absent even where they inflate.
    for (declared, length) in [(CAP, CAP), (CAP - 1, CAP), (9, CAP), (usize::MAX, CAP)] {
        assert!(bomb(declared, length).is_none(), "{declared}");
    }
    assert!(bomb(0, 0).is_some(), "the frame around the bombs is right");
}
