//! The times that recordings are written with.
//!
//! A time without an offset is UTC. Finer digits than microseconds are cut off, so that a time
//! never lies after the event.

use std::str::FromStr;

use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};

use crate::market::TIME_US_MAX;

/// How a column of times is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// Any of the below but a pattern; whole numbers by their size.
    #[default]
    Auto,
    /// A date and a time, `2024-07-01T23:58:00.123456Z` and its relatives: `T`, space or `-`
    /// between, with or without the marks within, with or without an offset.
    Iso,
    /// A number since the Unix epoch, with this many of its units in a second.
    Epoch {
        /// 1, 1,000, 1,000,000 or 1,000,000,000.
        units_per_second: i64,
    },
    /// A pattern of `strptime`, such as `%d.%m.%Y %H:%M:%S%.f`.
    Pattern(String),
}

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text isn't written as told.
    #[error(
        "{0:?} is no time; allowed are 2024-07-01T23:58:00.123456Z and its relatives, \
         20240701 235800123, seconds, ms, µs or ns since 1970, or what --time-format tells"
    )]
    Unknown(String),
    /// The time lies before 1970 or too far ahead.
    #[error("{0:?} isn't within 1970 to 2255")]
    OutOfRange(String),
    /// The name of a format is none of ours.
    #[error(
        "time format {0:?} isn't known; allowed are auto, iso, epoch-s, epoch-ms, epoch-us, epoch-ns, \
         or a strptime pattern with a %"
    )]
    Format(String),
}

impl FromStr for TimeFormat {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let epoch = |units_per_second| Ok(Self::Epoch { units_per_second });
        match text {
            "auto" => Ok(Self::Auto),
            "iso" => Ok(Self::Iso),
            "epoch-s" => epoch(1),
            "epoch-ms" => epoch(1_000),
            "epoch-us" => epoch(1_000_000),
            "epoch-ns" => epoch(1_000_000_000),
            _ if text.contains('%') => Ok(Self::Pattern(text.to_owned())),
            _ => Err(TimeError::Format(text.to_owned())),
        }
    }
}

impl TimeFormat {
    /// Reads a time, in microseconds since the Unix epoch.
    pub fn read(&self, text: &str) -> Result<i64, TimeError> {
        let unknown = || TimeError::Unknown(text.to_owned());
        let us = match self {
            Self::Auto => read_epoch(text, None).or_else(|| read_date(text)),
            Self::Iso => read_date(text),
            Self::Epoch { units_per_second } => read_epoch(text, Some(*units_per_second)),
            Self::Pattern(pattern) => read_pattern(pattern, text),
        };
        let us = us.ok_or_else(unknown)?;
        let us = i64::try_from(us).ok().filter(|us| (0..=TIME_US_MAX).contains(us));
        us.ok_or_else(|| TimeError::OutOfRange(text.to_owned()))
    }
}

/// A number since the epoch. Without a unit its size tells: from 1970 to 5138 a count of seconds
/// has at most eleven digits, and from 1973 on each finer unit has three digits more.
fn read_epoch(text: &str, units_per_second: Option<i64>) -> Option<i128> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 20 || !all_digits(whole) || !all_digits(decimals) {
        return None;
    }
    // Eight digits are a date without a time, which is for the next reader to refuse.
    let units_per_second = match units_per_second {
        Some(units) => units,
        None => match whole.len() {
            8 => return None,
            ..=11 => 1,
            12..=14 => 1_000,
            15..=17 => 1_000_000,
            _ => 1_000_000_000,
        },
    };
    let mut fraction_us = 0;
    let mut place = 1_000_000_i128;
    for digit in decimals.bytes() {
        place /= 10;
        fraction_us += place * i128::from(digit - b'0');
    }
    let whole: i128 = whole.parse().ok()?;
    // The fraction is one of a unit; below a microsecond it is cut off with the rest.
    Some((whole * 1_000_000 + fraction_us) / i128::from(units_per_second))
}

fn read_date(text: &str) -> Option<i128> {
    // In one shape that the library reads: 2024-07-01T23:58:00.123456+00:00.
    let text = text.trim_end_matches(" UTC").trim_end_matches(" GMT");
    let (date, rest) = take_date(text)?;
    let rest = rest.strip_prefix(['T', 't', ' ', '-', '_', ';'])?.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let time = match digits {
        6.. => {
            let (time, rest) = rest.split_at(6);
            let (fraction, rest) = rest.split_at(digits - 6);
            let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..]);
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{hour}:{minute}:{second}{point}{fraction}{rest}")
        }
        _ => rest.to_owned(),
    };
    // A space before the offset, as in `23:58:00 +0000`.
    let time = time.replacen(' ', "", 1);
    let text = format!("{date}T{time}");
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(floor_us(timestamp));
    }
    let local: DateTime = text.parse().ok()?;
    TimeZone::UTC.to_timestamp(local).ok().map(floor_us)
}

/// `YYYYMMDD` or `YYYY-MM-DD` with any mark, as the latter with `-`.
fn take_date(text: &str) -> Option<(String, &str)> {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range)?.iter().all(u8::is_ascii_digit).then_some(());
    let (month, day, end) = if digits(0..8).is_some() {
        (4..6, 6..8, 8)
    } else {
        let mark = *bytes.get(4)?;
        let is_marked = b"-/.".contains(&mark) && bytes.get(7) == Some(&mark);
        is_marked.then_some(())?;
        digits(5..7)?;
        digits(8..10)?;
        (5..7, 8..10, 10)
    };
    digits(0..4)?;
    Some((format!("{}-{}-{}", &text[..4], &text[month], &text[day]), &text[end..]))
}

fn read_pattern(pattern: &str, text: &str) -> Option<i128> {
    let parsed = strtime::parse(pattern, text).ok()?;
    let timestamp = parsed
        .to_timestamp()
        .or_else(|_| parsed.to_datetime().and_then(|local| TimeZone::UTC.to_timestamp(local)))
        .ok()?;
    Some(floor_us(timestamp))
}

fn floor_us(timestamp: Timestamp) -> i128 {
    timestamp.as_nanosecond().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2024-07-01 23:58:00.123456 UTC.
    const TIME_US: i64 = 1_719_878_280_123_456;
    const WHOLE_SECOND_US: i64 = 1_719_878_280_000_000;

    #[track_caller]
    fn check(format: &str, text: &str, expected: Option<i64>) {
        let format: TimeFormat = format.parse().unwrap();
        assert_eq!(format.read(text).ok(), expected, "{text}");
    }

    #[test]
    fn usual_times_are_recognised() {
        for text in [
            "2024-07-01T23:58:00.123456Z",
            "2024-07-01 23:58:00.123456",
            "2024-07-01 23:58:00.123456+00:00",
            "2024-07-01 23:58:00.123456 +0000",
            "2024-07-01T23:58:00.123456789Z",
            "2024-07-02T01:58:00.123456+02:00",
            "2024-07-01 23:58:00.123456 UTC",
            "2024/07/01 23:58:00.123456",
            "2024.07.01 23:58:00.123456",
            "20240701 235800123456",
            "20240701T235800123456Z",
            "20240701 23:58:00.123456",
            "20240701-23:58:00.123456",
            "1719878280.123456",
            "1719878280123.456",
            "1719878280123456",
            "1719878280123456789",
        ] {
            check("auto", text, Some(TIME_US));
        }
        check("auto", "20240701 235800123", Some(WHOLE_SECOND_US + 123_000));
        check("auto", "20240701 235800", Some(WHOLE_SECOND_US));
        check("auto", "2024-07-01 23:58", Some(WHOLE_SECOND_US));
        check("auto", "1719878280", Some(WHOLE_SECOND_US));
        check("auto", "2013-01-01 22:00:00.295000+00:00", Some(1_357_077_600_295_000));
        check("auto", "20200101 170000065", Some(1_577_898_000_065_000));
    }

    #[test]
    fn a_told_format_decides() {
        check("epoch-s", "1719878280123", None);
        check("epoch-ms", "1719878280123.456", Some(TIME_US));
        check("epoch-ns", "1000", Some(1));
        check("iso", "1719878280", None);
        check("%d.%m.%Y %H:%M:%S%.f", "01.07.2024 23:58:00.123456", Some(TIME_US));
        check("%Y-%m-%d %H:%M:%S %z", "2024-07-02 01:58:00 +0200", Some(WHOLE_SECOND_US));
        check("%d.%m.%Y", "2024-07-01", None);
        assert_eq!("fortnight".parse::<TimeFormat>(), Err(TimeError::Format("fortnight".to_owned())));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2024-13-01 00:00:00", "2024-07-01", "20240701", "23:58:00", "-1"] {
            check("auto", text, None);
        }
        let before = TimeFormat::Auto.read("1969-12-31T23:59:59Z");
        assert_eq!(before, Err(TimeError::OutOfRange("1969-12-31T23:59:59Z".to_owned())));
    }

    proptest! {
        #[test]
        fn a_written_time_reads_back(us in 0..=TIME_US_MAX) {
            let timestamp = Timestamp::from_microsecond(us).unwrap();
            prop_assert_eq!(TimeFormat::Auto.read(&timestamp.to_string()), Ok(us));
            let compact = timestamp.strftime("%Y%m%d %H%M%S%6f").to_string();
            prop_assert_eq!(TimeFormat::Auto.read(&compact), Ok(us));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC*") {
            let _ = TimeFormat::Auto.read(&text);
        }
    }
}
