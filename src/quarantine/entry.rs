//! A fact of the quarantine topic as headers, and back.

use super::record::{BadRecord, Header, Place};

const REASON: &str = "tickcast-reason";
const ERROR: &str = "tickcast-error";
const TOPIC: &str = "tickcast-topic";
const PARTITION: &str = "tickcast-partition";
const OFFSET: &str = "tickcast-offset";
const EPOCH: &str = "tickcast-epoch";
const TIMESTAMP: &str = "tickcast-timestamp";
/// Of a record whose value was left out: how long it is.
const VALUE_BYTES: &str = "tickcast-value-bytes";
/// Of a marker: what became of the record that was set aside.
const OUTCOME: &str = "tickcast-outcome";

const OURS: [&str; 9] = [REASON, ERROR, TOPIC, PARTITION, OFFSET, EPOCH, TIMESTAMP, VALUE_BYTES, OUTCOME];

/// Whether a header is one that quarantine writes: those of a record that was published again are replaced. All others
/// are its producer's.
pub fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// What an entry of the quarantine topic says of which record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The topic that the record stands in.
    pub topic: String,
    /// Where it stands there.
    pub place: Place,
    /// What is said of it.
    pub fact: Fact,
}

/// What is said of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It's bad. The entry's key, value and further headers are its own.
    Bad {
        /// The metric's label.
        reason: String,
        /// The same in words.
        error: String,
        /// The log's own time for it, in milliseconds since the Unix epoch.
        timestamp_ms: Option<i64>,
        /// How long its value is, if it was left out.
        omitted_bytes: Option<usize>,
    },
    /// It's dealt with.
    Done(Outcome),
}

/// How a record was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was published again.
    Republished,
    /// Somebody has looked at it and leaves it at that.
    Dismissed,
}

impl Outcome {
    const ALL: [Self; 2] = [Self::Republished, Self::Dismissed];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Republished => "republished",
            Self::Dismissed => "dismissed",
        }
    }
}

impl Entry {
    /// Reads an entry off its headers; `None` if it isn't one of quarantine's. Of a header that stands twice the last
    /// counts.
    pub fn parse<'a>(headers: impl Iterator<Item = (String, Option<&'a [u8]>)>) -> Option<Self> {
        let mut found = Found::default();
        for (name, value) in headers {
            if let Some(value) = value.filter(|_| is_ours(&name)) {
                found.take(&name, String::from_utf8_lossy(value).into_owned());
            }
        }
        found.entry()
    }
}

/// The headers of quarantine's own, as far as they were read.
#[derive(Default)]
struct Found {
    reason: Option<String>,
    error: Option<String>,
    topic: Option<String>,
    partition: Option<String>,
    offset: Option<String>,
    epoch: Option<String>,
    timestamp: Option<String>,
    value_bytes: Option<String>,
    outcome: Option<String>,
}

impl Found {
    fn take(&mut self, name: &str, value: String) {
        let place = match name {
            REASON => &mut self.reason,
            ERROR => &mut self.error,
            TOPIC => &mut self.topic,
            PARTITION => &mut self.partition,
            OFFSET => &mut self.offset,
            EPOCH => &mut self.epoch,
            TIMESTAMP => &mut self.timestamp,
            VALUE_BYTES => &mut self.value_bytes,
            OUTCOME => &mut self.outcome,
            // Of a later version.
            _ => return,
        };
        *place = Some(value);
    }

    fn entry(self) -> Option<Entry> {
        let place = Place {
            epoch: self.epoch?.into(),
            partition: self.partition?.parse().ok()?,
            offset: self.offset?.parse().ok()?,
        };
        let fact = match (self.outcome, self.reason) {
            (Some(label), _) => Fact::Done(Outcome::ALL.into_iter().find(|it| it.label() == label)?),
            (None, Some(reason)) => Fact::Bad {
                reason,
                error: self.error.unwrap_or_default(),
                timestamp_ms: self.timestamp.and_then(|text| text.parse().ok()),
                omitted_bytes: self.value_bytes.and_then(|text| text.parse().ok()),
            },
            (None, None) => return None,
        };
        Some(Entry { topic: self.topic?, place, fact })
    }
}

impl BadRecord {
    /// The headers under which the record is set aside: its producer's, in order, and then quarantine's own.
    pub fn headers(&self, topic: &str) -> Vec<Header> {
        let mut headers: Vec<_> =
            self.original.headers.iter().filter(|(name, _)| !is_ours(name)).cloned().collect();
        headers.push(header(REASON, &self.reason));
        headers.push(header(ERROR, &self.error));
        push_place(&mut headers, topic, &self.place);
        if let Some(timestamp_ms) = self.original.timestamp_ms {
            headers.push(header(TIMESTAMP, &timestamp_ms));
        }
        if let Some(bytes) = self.omitted_bytes {
            headers.push(header(VALUE_BYTES, &bytes));
        }
        headers
    }
}

/// The headers of a marker, which says what became of the record at `place` of `topic`.
pub fn marker_headers(topic: &str, place: &Place, outcome: Outcome) -> Vec<Header> {
    let mut headers = vec![header(OUTCOME, &outcome.label())];
    push_place(&mut headers, topic, place);
    headers
}

fn push_place(headers: &mut Vec<Header>, topic: &str, place: &Place) {
    headers.push(header(TOPIC, &topic));
    headers.push(header(PARTITION, &place.partition));
    headers.push(header(OFFSET, &place.offset));
    headers.push(header(EPOCH, &place.epoch));
}

fn header(name: &str, value: &dyn ToString) -> Header {
    (name.to_owned(), Some(value.to_string().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{feed::Rejection, quarantine::Original};

    fn place() -> Place {
        Place { epoch: "00000000000000ff".into(), partition: 3, offset: u64::MAX }
    }

    fn parse(headers: &[Header]) -> Option<Entry> {
        Entry::parse(headers.iter().map(|(name, value)| (name.clone(), value.as_deref())))
    }

    fn text(name: &str, value: &str) -> Header {
        (name.to_owned(), Some(value.as_bytes().to_vec()))
    }

    #[test]
    fn a_bad_record_is_read_as_it_was_written_and_its_producers_headers_stay_in_order() {
        let ours = text("tickcast-offset", "1");
        let own = [text("b", "2"), ours, ("a".to_owned(), None), text("tickcast-trace", "x"), text("b", "1")];
        let original = Original { headers: own.to_vec(), timestamp_ms: Some(-1), ..Original::default() };
        let record = BadRecord::new(place(), original, Some(b"{"), &Rejection::MissingSymbol);
        let headers = record.headers("ticks");
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..4], ["b", "a", "tickcast-trace", "b"]);
        assert_eq!(names[4..], [REASON, ERROR, TOPIC, PARTITION, OFFSET, EPOCH, TIMESTAMP]);
        let fact = Fact::Bad {
            reason: "symbol".to_owned(),
            error: "symbol is missing".to_owned(),
            timestamp_ms: Some(-1),
            omitted_bytes: None,
        };
        assert_eq!(parse(&headers), Some(Entry { topic: "ticks".to_owned(), place: place(), fact }));
    }

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        for outcome in Outcome::ALL {
            let entry = parse(&marker_headers("ticks", &place(), outcome)).unwrap();
            assert_eq!((entry.place, entry.fact), (place(), Fact::Done(outcome)));
        }
    }

    #[test]
    fn how_long_a_value_is_that_was_left_out_is_told() {
        let head = Original::default();
        let mut record = BadRecord::new(place(), head, Some(&[0; 7]), &Rejection::NotAnObject);
        assert!(record.omit_value());
        let Some(Entry { fact: Fact::Bad { omitted_bytes, .. }, .. }) = parse(&record.headers("ticks"))
        else {
            panic!("it's a bad record");
        };
        assert_eq!(omitted_bytes, Some(7));
    }

    #[test]
    fn what_is_none_of_ours_is_no_entry() {
        let whole = BadRecord::new(place(), Original::default(), None, &Rejection::NotAnObject);
        let whole = whole.headers("ticks");
        assert!(parse(&whole).is_some());
        for name in [REASON, TOPIC, PARTITION, OFFSET, EPOCH] {
            let without: Vec<_> = whole.iter().filter(|(it, _)| it != name).cloned().collect();
            assert_eq!(parse(&without), None, "without {name}");
        }
        let other = |name: &str, value: &str| [whole.clone(), vec![text(name, value)]].concat();
        assert_eq!(parse(&other(OFFSET, "-1")), None, "the last counts");
        assert_eq!(parse(&other(OUTCOME, "of a later version")), None);
        assert!(parse(&other("tickcast-of-a-later-version", "1")).is_some());
    }
}
