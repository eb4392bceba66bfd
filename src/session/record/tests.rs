//! Fields come back as they were; records of any other shape do not.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic, in its helpers too")]

use super::*;

/// Writes, reads and cuts a record of one text; the bytes that the text takes.
fn round_trip(text: Option<&str>) -> usize {
    let mut writer = Writer::new(0);
    let taken = writer.text(text);
    let written = writer.finish();
    let record = &written.record;
    let read = |record: &[u8]| {
        let record = Record::open(record)?;
        let mut reader = record.reader();
        let text = reader.text()?;
        reader.end()?;
        Some(text.map(|secret| secret.expose().to_owned()))
    };
    assert_eq!(read(record), Some(text.map(str::to_owned)));
    for length in 0..record.len() {
        assert!(read(&record[..length]).is_none());
    }
    assert!(read(&[record.as_slice(), &[0]].concat()).is_none());
    let head = record.len() - written.share(taken);
    assert!((1..=6).contains(&head), "{head}");
    written.share(taken)
}

#[test]
fn a_token_comes_back_byte_for_byte() {
    round_trip(None);
    // Canonical: kept decoded. One of a JWT's kind without a signature, an encrypted one,
    // and two that say nothing to us.
    for text in ["e30.e30.c2lnbg", "_-8.e30.AA", "e30.e30.", "..", "e30.AA.AA.AA.AA", "AA", ""] {
        let segments = segments(text).unwrap();
        assert_eq!(*joined(segments.iter().map(|segment| segment.as_slice())), text);
        round_trip(Some(text));
    }
    // Not canonical, too many segments, or no base64url: kept as it is.
    for text in
        ["e31.e30.c2", "e30.e30.c2lnbg==", "e30.e3 0.e30", "e30.e30.e30.e30.e30.e30", "v1/a"]
    {
        assert!(segments(text).is_none(), "{text}");
        round_trip(Some(text));
    }
    round_trip(Some("opaque-\u{e9}"));
}

/// What is a credential by itself: signatures, opaque tokens, tokens without a signature.
#[test]
fn no_credential_is_compressed() {
    let (noise, object) = ([7; 900], format!(r#"{{"secret":"{}"}}"#, "7".repeat(900)));
    let (noise, object) = (base64url::encode(&noise), base64url::encode(object.as_bytes()));
    let texts = [
        noise.clone(),
        format!("{noise}.{noise}.{noise}"),
        object.clone(),
        format!("{object}.{object}"),
        format!("{object}.{object}."),
        format!("{object}.{object}.c2hvcnQ"),
        format!("e30.e30.{object}"),
        format!("e30.{noise}.{object}.{object}.{object}"),
    ];
    for text in texts {
        let taken = round_trip(Some(&text));
        assert!(taken >= text.len() * 3 / 4 && taken < text.len() * 3 / 4 + 12, "{text}");
    }
}

#[test]
fn objects_are_compressed_and_each_text_has_its_share() {
    let object =
        |fill: &str| base64url::encode(format!(r#"{{"a":"{}"}}"#, fill.repeat(30)).as_bytes());
    let signature = base64url::encode(&[8; 16]);
    let one = format!("{}.{}.{signature}", object("abc"), object("abcdefghi"));
    let two = format!("{}.{}.{}", object("abc"), object("xyz"), base64url::encode(&[9; 300]));
    let mut writer = Writer::new(0);
    let taken = [Some(&*one), None, Some(&*two), Some("opaque")].map(|text| writer.text(text));
    let written = writer.finish();
    let [one, none, two, opaque] = taken.map(|taken| written.share(taken));
    assert!(written.packed < 100, "{}", written.packed);
    assert!(one > 20 && one < 90 && two > 320 && two < 390, "{one} {two}");
    assert_eq!((none, opaque), (0, 8));
    let rest = written.record.len() - one - two - opaque;
    assert!(rest < 10, "{rest}");
}

#[test]
fn objects_that_do_not_get_smaller_are_kept_as_they_are() {
    let objects = [*b"{\x00\xff\x81\x07}", *b"{\x83\x13\xfe\x17}"];
    let text = format!(
        "{}.{}.{}",
        base64url::encode(&objects[0]),
        base64url::encode(&objects[1]),
        base64url::encode(&[7; 32])
    );
    let mut writer = Writer::new(0);
    writer.text(Some(&text));
    let written = writer.finish();
    assert_eq!(written.packed, written.objects);
    assert!(written.record.windows(12).any(|window| *window == objects.concat()));
    round_trip(Some(&text));
}

/// The objects of a record are ours, and bounded all the same.
#[test]
fn objects_stop_at_their_declared_length_and_at_the_cap() {
    let objects = vec![b'a'; 256 * 1024];
    let packed = objects::pack(&objects);
    assert!(packed.len() < 1000);
    let open = |length: u64| {
        let mut record = vec![WITH_OBJECTS];
        push_number(&mut record, length);
        push_number(&mut record, packed.len() as u64);
        record.extend_from_slice(&packed);
        Record::open(&record).map(|record| record.objects.len())
    };
    assert_eq!(open(256 * 1024), Some(256 * 1024));
    for length in [0, 1, 256 * 1024 - 1, 256 * 1024 + 1, 1 << 31, 1 << 32, u64::MAX] {
        assert_eq!(open(length), None, "{length}");
    }
}

#[test]
fn times_come_back_and_saturate() {
    for millis in [0, 1, 127, 128, 1_760_000_000_000, i64::MAX] {
        let mut writer = Writer::new(0);
        writer.time(Timestamp::from_millis(millis));
        let record = writer.finish().record;
        let record = Record::open(&record).unwrap();
        assert_eq!(record.reader().time(), Some(Timestamp::from_millis(millis)));
    }
    let mut writer = Writer::new(0);
    writer.time(Timestamp::from_millis(-5));
    let record = writer.finish().record;
    assert_eq!(Record::open(&record).unwrap().reader().time().unwrap().millis(), 0);
}

#[test]
fn numbers_have_one_spelling_and_64_bits() {
    fn reader(fields: &[u8]) -> Reader<'_> {
        Reader { objects: &[], fields }
    }
    let read = |bytes: &[u8]| reader(bytes).number();
    assert_eq!(read(&[0]), Some(0));
    assert_eq!(read(&[0x80, 0]), None);
    assert_eq!(read(&[0x80]), None);
    assert_eq!(read(&[0xff; 11]), None);
    let largest = [[0xff; 9].as_slice(), &[1]].concat();
    assert_eq!(read(&largest), Some(u64::MAX));
    assert_eq!(read(&[[0xff; 9].as_slice(), &[2]].concat()), None);
    assert!(reader(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).bytes().is_none());
    assert!(reader(&largest).bytes().is_none());
    assert!(reader(&largest).segment().is_none());
}

#[test]
fn records_without_tokens_are_plain_and_other_versions_absent() {
    let mut writer = Writer::new(0);
    writer.bytes(br#"{"secrets":"are not compressed"}"#);
    writer.text(Some("nor are opaque tokens"));
    assert_eq!(writer.finish().record.first(), Some(&PLAIN));
    for version in [0, 3, 0xff] {
        assert!(Record::open(&[version, 0, 0]).is_none());
    }
    assert!(Record::open(&[]).is_none());
}

#[test]
fn a_count_of_segments_that_nobody_writes_is_refused() {
    for count in [6, 0xff] {
        let fields = [[SEGMENTS, count].as_slice(), &[0; 300]].concat();
        assert!(Reader { objects: &[], fields: &fields }.text().is_none());
    }
}
