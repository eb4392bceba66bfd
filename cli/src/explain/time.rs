//! Moments as people write and read them (RFC 3339, in UTC).

#![allow(
    clippy::arithmetic_side_effects,
    reason = "all numbers here are days and seconds of the years 0 to 9999"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use oidc_gate::wire::Timestamp;

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;
const DAY: i64 = 86_400;

/// The present.
#[allow(clippy::disallowed_methods, reason = "a program of its own has a clock of its own")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(LAST))
}

/// Seconds since 1970, or `2023-11-14T22:13:20Z`.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    let seconds = text.parse().ok().or_else(|| rfc3339(text));
    let seconds = seconds.filter(|seconds| (0..=LAST).contains(seconds));
    let how = "write 2023-11-14T22:13:20Z, or seconds since 1970";
    seconds.map(Timestamp::from_seconds).ok_or_else(|| how.to_owned())
}

fn rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = three(date, '-')?;
    let [hour, minute, second] = three(time, ':')?;
    let right = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    right.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

fn three(text: &str, between: char) -> Option<[i64; 3]> {
    let number = |part: &str| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let parts: Option<Vec<i64>> = text.split(between).map(number).collect();
    <[i64; 3]>::try_from(parts?).ok()
}

/// Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day
/// is the last one.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// `2023-11-14T22:13:20Z`.
pub(super) fn spell(at: Timestamp) -> String {
    let seconds = at.seconds();
    if !(0..=LAST).contains(&seconds) {
        return "no date".to_owned();
    }
    let (all, second) = (seconds / DAY, seconds % DAY);
    // The largest year and month that do not begin later.
    let begins = |year: i64| days(year, 1, 1) <= all;
    let guess = 1970 + all / 366;
    let year = (guess..=guess + 24).rev().find(|year| begins(*year)).unwrap_or(guess);
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= all).unwrap_or(1);
    let day = all - days(year, month, 1) + 1;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Whether `at` has passed, and how far it is, in one unit.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> (bool, String) {
    let past = at <= now;
    let seconds = if past { now.since(at) } else { at.since(now) }.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    (past, format!("{count} {unit}{plural}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spelled_as_they_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2024-12-31T23:59:59Z", 1_735_689_599),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!(parse(text), Ok(Timestamp::from_seconds(seconds)), "{text}");
            assert_eq!(parse(&seconds.to_string()), Ok(Timestamp::from_seconds(seconds)));
            assert_eq!(spell(Timestamp::from_seconds(seconds)), text);
        }
        for text in ["", "now", "-1", "2023-11-14", "2023-13-01T00:00:00Z", "2023-11-14T22:13:20"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn distances_have_one_unit() {
        let now = Timestamp::from_seconds(1_000_000);
        for (seconds, words) in
            [(1, "1 second"), (180, "3 minutes"), (7_200, "2 hours"), (900_000, "10 days")]
        {
            let at = Timestamp::from_seconds(1_000_000 - seconds);
            assert_eq!(distance(at, now), (true, words.to_owned()));
        }
        assert_eq!(
            distance(Timestamp::from_seconds(1_000_300), now),
            (false, "5 minutes".to_owned())
        );
    }
}
