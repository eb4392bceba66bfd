//! When the image was made: never, unless somebody says so.

use std::env;

/// Seconds since 1970, from `SOURCE_DATE_EPOCH` (reproducible-builds.org/specs/source-date-epoch),
/// 0 without it. The clock is not asked: a second build would have another digest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Created(u64);

impl Created {
    /// What the environment says.
    pub(crate) fn of_environment() -> Result<Self, String> {
        let Some(value) = env::var_os("SOURCE_DATE_EPOCH") else { return Ok(Self(0)) };
        // Until the year 9999, which is as far as RFC 3339 writes.
        let seconds = value.to_str().and_then(|text| text.parse().ok());
        seconds.filter(|seconds| *seconds < 253_402_300_800).map(Self).ok_or_else(|| {
            format!("SOURCE_DATE_EPOCH is {}, expected seconds since 1970", value.display())
        })
    }

    /// For archives.
    pub(crate) fn seconds(self) -> u64 {
        self.0
    }

    /// For JSON, as RFC 3339 section 5.6 writes it.
    pub(crate) fn text(self) -> String {
        let (days, second) = (self.0 / 86400, self.0 % 86400);
        let (mut year, mut day) = (1970, days);
        let length = |year: u64| if leap(year) { 366 } else { 365 };
        while day >= length(year) {
            day -= length(year);
            year += 1;
        }
        let mut month = 1;
        for days in [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if day < days {
                break;
            }
            day -= days;
            month += 1;
        }
        let (hour, minute) = (second / 3600, second / 60 % 60);
        format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", day + 1, second % 60)
    }
}

/// Whether a year has 366 days (RFC 3339 appendix C).
fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Created(seconds).text(), text);
        }
    }
}
