//! Records that are set aside, as rows for people or as objects for machines.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use jiff::Timestamp;
use serde::Serialize;

use super::text::{Exact, visible};
use crate::feeder::quarantine::Item;

/// Characters of what may be long.
const KEY_WIDTH: usize = 12;
const ERROR_WIDTH: usize = 48;
const VALUE_WIDTH: usize = 60;

/// How the records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A row each.
    Table,
    /// An object each.
    Json,
}

/// Writes one record a line, as they come; if only the last of them are wanted, at the end.
pub(super) struct Rows<W> {
    out: W,
    format: Format,
    has_state: bool,
    limit: Option<usize>,
    /// By when they were set aside; of those of one moment, by when they came.
    last: BTreeMap<(i64, u64), String>,
    pushed: u64,
}

impl<W: Write> Rows<W> {
    pub(super) const fn new(out: W, format: Format, has_state: bool, limit: Option<usize>) -> Self {
        Self { out, format, has_state, limit, last: BTreeMap::new(), pushed: 0 }
    }

    pub(super) fn push(&mut self, item: &Item) -> io::Result<()> {
        if self.pushed == 0 && self.format == Format::Table {
            let head = row(
                self.has_state,
                "SET ASIDE",
                "PART",
                "OFFSET",
                "REASON",
                "STATE",
                "KEY",
                "ERROR",
                "VALUE",
            );
            writeln!(self.out, "{head}")?;
        }
        self.pushed += 1;
        let line = match self.format {
            Format::Table => table(item, self.has_state),
            Format::Json => json(item),
        };
        let Some(limit) = self.limit else { return writeln!(self.out, "{line}") };
        self.last.insert((item.set_aside_ms, self.pushed), line);
        if self.last.len() > limit {
            self.last.pop_first();
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        for line in self.last.values() {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }
}

#[expect(clippy::too_many_arguments, reason = "a row has as many columns")]
fn row(
    has_state: bool,
    when: &str,
    partition: &str,
    offset: &str,
    reason: &str,
    state: &str,
    key: &str,
    error: &str,
    value: &str,
) -> String {
    let state = if has_state { format!("{state:<12} ") } else { String::new() };
    let line = format!(
        "{when:<20} {partition:>4} {offset:>10}  {reason:<16} {state}{key:<KEY_WIDTH$} {error:<ERROR_WIDTH$} {value}"
    );
    line.trim_end().to_owned()
}

fn table(item: &Item, has_state: bool) -> String {
    let (partition, offset) = (item.place.partition.to_string(), item.place.offset.to_string());
    let key = item.original.key.as_deref().map_or_else(|| "-".to_owned(), |key| visible(key, KEY_WIDTH));
    let value = match (item.omitted_bytes, &item.original.value) {
        (Some(bytes), _) => format!("({bytes} bytes, left out)"),
        (None, None) => "(tombstone)".to_owned(),
        (None, Some(value)) => visible(value, VALUE_WIDTH),
    };
    let state = item.outcome.map_or("open", |outcome| outcome.label());
    let error = visible(item.error.as_bytes(), ERROR_WIDTH);
    // A later version's reason is foreign, too.
    let reason = visible(item.reason.as_bytes(), 16);
    row(has_state, &time(item.set_aside_ms, 0), &partition, &offset, &reason, state, &key, &error, &value)
}

/// RFC 3339, UTC, with so many digits of the second.
fn time(ms: i64, digits: usize) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| format!("{time:.digits$}"))
}

/// A record as machines get it. Fields may be added.
#[derive(Serialize)]
struct Object<'a> {
    set_aside: String,
    partition: i32,
    offset: u64,
    epoch: &'a str,
    timestamp_ms: Option<i64>,
    reason: &'a str,
    error: &'a str,
    state: &'a str,
    key: Option<Exact>,
    value: Option<Exact>,
    omitted_bytes: Option<usize>,
    headers: Vec<(&'a str, Option<Exact>)>,
}

fn json(item: &Item) -> String {
    let exact = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(Exact::of);
    let object = Object {
        set_aside: time(item.set_aside_ms, 3),
        partition: item.place.partition,
        offset: item.place.offset,
        epoch: &item.place.epoch,
        timestamp_ms: item.original.timestamp_ms,
        reason: &item.reason,
        error: &item.error,
        state: item.outcome.map_or("open", |outcome| outcome.label()),
        key: exact(&item.original.key),
        value: exact(&item.original.value),
        omitted_bytes: item.omitted_bytes,
        headers: item.original.headers.iter().map(|(name, value)| (name.as_str(), exact(value))).collect(),
    };
    serde_json::to_string(&object).expect("text and numbers have a form in JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quarantine::{Original, Outcome, Place};

    fn item(offset: u64, set_aside_ms: i64) -> Item {
        Item {
            place: Place { epoch: "00ff".into(), partition: 3, offset },
            reason: "symbol".to_owned(),
            error: "symbol is missing".to_owned(),
            original: Original {
                key: Some(b"A\x1b".to_vec()),
                value: Some(b"\xff".to_vec()),
                headers: vec![("trace".to_owned(), Some(b"1".to_vec())), ("none".to_owned(), None)],
                timestamp_ms: Some(5),
            },
            omitted_bytes: None,
            set_aside_ms,
            outcome: None,
        }
    }

    fn shown(items: &[Item], format: Format, has_state: bool, limit: Option<usize>) -> String {
        let mut out = Vec::new();
        let mut rows = Rows::new(&mut out, format, has_state, limit);
        items.iter().for_each(|item| rows.push(item).unwrap());
        rows.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_has_all_that_says_what_went_wrong() {
        let done = Item { outcome: Some(Outcome::Republished), ..item(8, 1500) };
        let large = Item { omitted_bytes: Some(9), ..item(9, 0) };
        let mut tombstone = item(10, i64::MAX);
        (tombstone.original.key, tombstone.original.value) = (None, None);
        assert_eq!(
            shown(&[item(7, 0), large, tombstone], Format::Table, false, None),
            "SET ASIDE            PART     OFFSET  REASON           KEY          ERROR                                            VALUE\n\
             1970-01-01T00:00:00Z    3          7  symbol           A\\u{1b}      symbol is missing                                \\xff\n\
             1970-01-01T00:00:00Z    3          9  symbol           A\\u{1b}      symbol is missing                                (9 bytes, left out)\n\
             9223372036854775807     3         10  symbol           -            symbol is missing                                (tombstone)\n"
        );
        let stated = shown(&[done], Format::Table, true, None);
        assert!(
            stated.contains(" STATE ") && stated.contains("1970-01-01T00:00:01Z    3          8"),
            "{stated}"
        );
        assert!(stated.contains(" republished "), "{stated}");
    }

    #[test]
    fn an_object_has_every_byte() {
        assert_eq!(
            shown(&[item(7, 1500)], Format::Json, false, None),
            concat!(
                r#"{"set_aside":"1970-01-01T00:00:01.500Z","partition":3,"offset":7,"epoch":"00ff","timestamp_ms":5,"#,
                r#""reason":"symbol","error":"symbol is missing","state":"open","key":{"text":"A\u001b"},"#,
                r#""value":{"base64":"/w=="},"omitted_bytes":null,"#,
                r#""headers":[["trace",{"text":"1"}],["none",null]]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_last_are_those_that_were_set_aside_last() {
        let items = [item(1, 30), item(2, 10), item(3, 20), item(4, 30)];
        let shown = shown(&items, Format::Json, false, Some(3));
        let offsets: Vec<_> = shown
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["offset"].as_u64().unwrap())
            .collect();
        assert_eq!(offsets, [3, 1, 4]);
    }
}
