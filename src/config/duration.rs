//! Durations as operators write them: a whole number and one unit.
//!
//! ```text
//! duration = 1*DIGIT ( "ms" / "s" / "m" / "h" )      ; 500ms, 30s, 10m, 8h
//! ```
//!
//! Not supported: fractions, several units in one (`1h30m`), days (not every day has 24
//! hours), a number without unit (seconds to some, milliseconds to others).

use std::time::Duration;

/// How durations are written, as a hint.
pub(super) const HOW: &str = "write a whole number and a unit: 500ms, 30s, 10m or 8h";

/// The duration that `text` spells.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
    let (number, unit) = text.split_at_checked(digits)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(milliseconds)?))
}

/// `duration` in the largest unit that spells it exactly.
pub(super) fn spell(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds > 0 && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds.checked_div(size).unwrap_or(milliseconds));
        }
    }
    if milliseconds == 0 { "0s".to_owned() } else { format!("{milliseconds}ms") }
}

/// What to write instead of `text`, where that can be guessed.
pub(super) fn hint(text: &str) -> String {
    let number = text.trim();
    if !number.is_empty() && number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("write the unit: {number}s, or {number}ms, {number}m, {number}h");
    }
    let days = number.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    match days.and_then(|days| days.checked_mul(24)) {
        Some(hours) => format!("days are written in hours: {hours}h"),
        None => HOW.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_is_a_duration() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("8h", 28_800_000),
            ("0s", 0),
            ("007s", 7_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let too_large = "9".repeat(400) + "h";
        for text in [
            "",
            "s",
            "30",
            "30 s",
            " 30s",
            "30s ",
            "-30s",
            "+30s",
            "1.5h",
            "1h30m",
            "7d",
            "30S",
            "30sec",
            "\u{663}s",
            "0x1s",
            &too_large,
            "5124095576030431h",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_spelled_as_they_are_read() {
        for text in ["500ms", "30s", "10m", "8h", "0s", "90s", "1500ms", "90m"] {
            assert_eq!(spell(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn hints_say_what_to_write() {
        assert_eq!(hint("30"), "write the unit: 30s, or 30ms, 30m, 30h");
        assert_eq!(hint("7d"), "days are written in hours: 168h");
        assert_eq!(hint("soon"), "write a whole number and a unit: 500ms, 30s, 10m or 8h");
    }
}
