//! Which of the records that are set aside are meant.

use std::{ops::RangeInclusive, str::FromStr};

use clap::Args;
use jiff::{Timestamp, civil, tz::TimeZone};

use crate::{config::whole_number, feed::Rejection, feeder::quarantine::Item};

#[derive(Args, Debug)]
#[command(next_help_heading = "Which records")]
pub(super) struct FilterArgs {
    /// Only for these reasons, separated by commas, as tickcast_ticks_rejected_total has them: not_json,symbol
    #[arg(long, value_name = "REASON", value_delimiter = ',', value_parser = reason)]
    reason: Vec<String>,

    /// Only of this partition of the topic with the ticks
    #[arg(long, value_name = "N", value_parser = whole_number(0..=i32::MAX))]
    partition: Option<i32>,

    /// Only at this offset of the topic with the ticks, or from one to another: 100 or 100-200
    #[arg(long, value_name = "OFFSETS")]
    offset: Option<Offsets>,

    /// Only with this key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Only what was set aside since then: 2026-01-31, 2026-01-31T09:30:00Z, or so long ago: 90s, 30m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,

    /// Only the last so many
    #[arg(long, value_name = "N", value_parser = whole_number(1..=100_000_usize))]
    limit: Option<usize>,
}

/// Which records are meant.
#[derive(Debug, Default)]
pub(super) struct Filter {
    reasons: Vec<String>,
    partition: Option<i32>,
    offsets: Option<RangeInclusive<u64>>,
    key: Option<String>,
    since_ms: Option<i64>,
    /// The last so many of them.
    pub(super) limit: Option<usize>,
}

impl FilterArgs {
    pub(super) fn into_filter(self, now_ms: i64) -> Filter {
        Filter {
            reasons: self.reason,
            partition: self.partition,
            offsets: self.offset.map(|offsets| offsets.0),
            key: self.key,
            since_ms: self.since.map(|since| match since {
                Since::At(ms) => ms,
                Since::Ago(ms) => now_ms.saturating_sub(ms),
            }),
            limit: self.limit,
        }
    }
}

impl Filter {
    pub(super) fn matches(&self, item: &Item) -> bool {
        (self.reasons.is_empty() || self.reasons.contains(&item.reason))
            && self.partition.is_none_or(|partition| partition == item.place.partition)
            && self.offsets.as_ref().is_none_or(|offsets| offsets.contains(&item.place.offset))
            && self.key.as_ref().is_none_or(|key| item.original.key.as_deref() == Some(key.as_bytes()))
            && self.since_ms.is_none_or(|since_ms| item.set_aside_ms >= since_ms)
    }
}

fn reason(text: &str) -> Result<String, String> {
    if Rejection::LABELS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("expected one of {}", Rejection::LABELS.join(", ")))
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Offsets(RangeInclusive<u64>);

impl FromStr for Offsets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = whole_number(0..=u64::MAX);
        match (number(first), number(last)) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self(first..=last)),
            _ => Err("expected an offset such as 100, or two with the smaller one first: 100-200".to_owned()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// Milliseconds since the Unix epoch.
    At(i64),
    /// So many milliseconds ago.
    Ago(i64),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let ago = units.into_iter().find_map(|(unit, ms)| {
            let number = whole_number(0..=1_000_000_i64)(text.strip_suffix(unit)?).ok()?;
            Some(Self::Ago(number * ms))
        });
        let at = || text.parse::<Timestamp>().ok();
        let day = || text.parse::<civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp());
        ago.or_else(|| at().or_else(day).map(|at| Self::At(at.as_millisecond()))).ok_or_else(|| {
            "expected a day or a time such as 2026-01-31 or 2026-01-31T09:30:00Z, or how long ago: 90s, 30m, 2h, 7d"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quarantine::{Original, Place};

    #[test]
    fn offsets_are_one_or_a_range() {
        let parse = |text: &str| text.parse::<Offsets>().ok().map(|offsets| offsets.0);
        assert_eq!((parse("7"), parse("7-9")), (Some(7..=7), Some(7..=9)));
        for wrong in ["", "-", "9-7", "7-", "-7", "a", "7-8-9", "+7"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_is_a_day_an_instant_or_so_long_ago() {
        let parse = |text: &str| text.parse::<Since>().ok();
        assert_eq!(parse("1970-01-02"), Some(Since::At(86_400_000)));
        assert_eq!(parse("1970-01-01T00:00:01.5Z"), Some(Since::At(1_500)));
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(Since::At(0)));
        assert_eq!((parse("90s"), parse("2d")), (Some(Since::Ago(90_000)), Some(Since::Ago(172_800_000))));
        for wrong in ["", "s", "-1h", "yesterday", "2026-13-01", "1.5h", "5 m"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_fits_all_filters_is_meant() {
        let item = Item {
            place: Place { epoch: "e".into(), partition: 1, offset: 5 },
            reason: "symbol".to_owned(),
            error: String::new(),
            original: Original { key: Some(b"A".to_vec()), ..Original::default() },
            omitted_bytes: None,
            set_aside_ms: 1000,
            outcome: None,
        };
        let check =
            |filter: Filter, expected: bool| assert_eq!(filter.matches(&item), expected, "{filter:?}");
        let none = Filter::default;
        check(none(), true);
        check(Filter { reasons: vec!["time".into(), "symbol".into()], ..none() }, true);
        check(Filter { reasons: vec!["time".into()], ..none() }, false);
        check(Filter { partition: Some(1), offsets: Some(5..=5), key: Some("A".into()), ..none() }, true);
        check(Filter { partition: Some(0), ..none() }, false);
        check(Filter { offsets: Some(6..=9), ..none() }, false);
        check(Filter { key: Some("B".into()), ..none() }, false);
        check(Filter { since_ms: Some(1000), ..none() }, true);
        check(Filter { since_ms: Some(1001), ..none() }, false);
    }
}
