//! Which records that were set aside would be ticks by now, and still news of their symbol.
//!
//! The judge is the fold itself: what it takes here a server takes. Whether a tick is still news the source topic tells,
//! from the record's own place on: a tick that is published again becomes its symbol's newest, so one that has been
//! overtaken would put an old price in the place of a newer one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{Item, Shelf};
use crate::{
    feed::{Rejection, TickFormat},
    fold::{Batch, Fold, Record},
    kafka::{ReadError, TopicExtent, TopicReader, Wanted},
    market::{DayBoundary, Symbol, TIME_US_MAX},
    publication::Epoch,
    quarantine::Place,
};

/// The most symbols that a server can be told to take.
const SYMBOLS_MAX: usize = 10_000_000;

/// What a record would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A tick, and the newest of its symbol.
    Tick,
    /// A tick of a symbol that has had a newer one, or one as new, or was delisted, at this time in microseconds since
    /// the Unix epoch.
    Overtaken(i64),
    /// No tick.
    Rejected(Rejection),
    /// Refused for what else there is in the log or how many symbols the server takes, which can't be judged here.
    Unjudged,
    /// Nobody knows: its value was too long to be set aside.
    Incomplete,
}

/// A record and what it would be.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The record.
    pub item: Item,
    /// What it would be.
    pub verdict: Verdict,
}

/// The topic that the records are of.
#[derive(Debug)]
pub struct Source {
    reader: TopicReader,
    extent: TopicExtent,
    format: TickFormat,
}

/// A tick, as far as it matters here.
struct Taken {
    symbol: Symbol,
    time_us: i64,
}

impl Source {
    /// The topic as it stands at the moment; `format` is that of records that don't tell theirs.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn open(reader: TopicReader, format: TickFormat) -> Result<Self, ReadError> {
        let extent = reader.extent()?;
        Ok(Self { reader, extent, format })
    }

    /// Whether the topic has the partition.
    pub fn has_partition(&self, partition: i32) -> bool {
        self.extent.contains_key(&partition)
    }

    /// Judges records of `shelf`, which must have been read. In the order in which they were published first.
    ///
    /// # Errors
    /// When the topic can't be read.
    pub fn judge(&self, mut items: Vec<Item>, shelf: &Shelf) -> Result<Vec<Judged>, ReadError> {
        items.sort_by_key(|item| (item.original.timestamp_ms, item.place.partition, item.place.offset));
        let mut taster = Taster::new(self.format);
        let mut newest: HashMap<Symbol, i64> = HashMap::new();
        let tasted: Vec<_> = items
            .into_iter()
            .map(|item| {
                let taken = taster.taste_item(&item).filter(|_| !is_for_others(&item.reason));
                (item, taken)
            })
            .collect();
        let ticks = || tasted.iter().filter_map(|(item, taken)| Some((item, taken.as_ref()?.as_ref().ok()?)));
        newest.extend(ticks().map(|(_, taken)| (taken.symbol.clone(), i64::MIN)));
        let to_find: Vec<_> = ticks().map(|(item, _)| item).collect();
        self.scan(&to_find, shelf, &mut newest)?;
        let judged = tasted.into_iter().map(|(item, taken)| {
            let verdict = match taken {
                None if item.omitted_bytes.is_some() => Verdict::Incomplete,
                None => Verdict::Unjudged,
                Some(Err(rejection)) => Verdict::Rejected(rejection),
                Some(Ok(taken)) => match newest[&taken.symbol] {
                    newest if newest >= taken.time_us => Verdict::Overtaken(newest),
                    _ => Verdict::Tick,
                },
            };
            Judged { item, verdict }
        });
        Ok(judged.collect())
    }

    /// Reads the topic from where the first of the records stands, for the newest tick of each of their symbols.
    fn scan(
        &self,
        items: &[&Item],
        shelf: &Shelf,
        newest: &mut HashMap<Symbol, i64>,
    ) -> Result<(), ReadError> {
        if items.is_empty() {
            return Ok(());
        }
        let logs = self.logs(items)?;
        let earliest_ms = items.iter().map(|item| item.original.timestamp_ms).min().flatten();
        let mut extent = TopicExtent::new();
        for (partition, (low, high)) in &self.extent {
            let begin = match logs.begins.get(partition) {
                Some(begin) => *begin,
                // Records that are elsewhere by now came no earlier than the first of those that are judged.
                None => self.reader.offset_at(*partition, earliest_ms)?.unwrap_or(*high),
            };
            extent.insert(*partition, (begin.max(*low), *high));
        }
        let mut taster = Taster::new(self.format);
        self.reader.read(&extent, |message| {
            let (partition, offset) = (message.partition(), message.offset());
            let is_set_aside = logs.epochs_of(partition).any(|epoch| {
                let place = Place { epoch: Arc::clone(epoch), partition, offset };
                shelf.catalogue().has_met(&place)
            });
            // What is set aside and would be a tick by now is judged, and no judge.
            if is_set_aside {
                return Wanted::More;
            }
            let record = message.record();
            let taken = match taster.taste(record) {
                Ok(None) => delisted(record.key, record.timestamp_us),
                taken => taken.ok().flatten(),
            };
            if let Some(taken) = taken
                && let Some(newest) = newest.get_mut(&taken.symbol)
            {
                *newest = taken.time_us.max(*newest);
            }
            Wanted::More
        })
    }

    /// From where on each partition is of interest, and which of the records' logs it still is.
    fn logs(&self, items: &[&Item]) -> Result<Logs, ReadError> {
        let mut firsts: BTreeMap<(i32, &Epoch), &Item> = BTreeMap::new();
        for item in items {
            let first = firsts.entry((item.place.partition, &item.place.epoch)).or_insert(item);
            if item.place.offset < first.place.offset {
                *first = item;
            }
        }
        let mut logs = Logs::default();
        for ((partition, epoch), first) in firsts {
            let offset = i64::try_from(first.place.offset).unwrap_or(i64::MAX);
            let is_this = self.holds(first, offset)?;
            if is_this {
                logs.epochs.insert((partition, Arc::clone(epoch)));
            }
            // Of a log that was made anew, or that keeps no more of it, anything may be newer.
            let begin = if is_this { offset } else { 0 };
            logs.begins.entry(partition).and_modify(|it| *it = begin.min(*it)).or_insert(begin);
        }
        Ok(logs)
    }

    /// Whether the topic still has the record at its place.
    fn holds(&self, item: &Item, offset: i64) -> Result<bool, ReadError> {
        let partition = item.place.partition;
        let Some((low, high)) = self.extent.get(&partition) else { return Ok(false) };
        if !(*low..*high).contains(&offset) {
            return Ok(false);
        }
        let mut holds = false;
        self.reader.read(&TopicExtent::from([(partition, (offset, offset + 1))]), |message| {
            holds = message.offset() == item.place.offset
                && message.key() == item.original.key.as_deref()
                && message.value() == item.original.value.as_deref()
                && message.timestamp_ms() == item.original.timestamp_ms;
            Wanted::NoMore
        })?;
        Ok(holds)
    }
}

/// How the topic's partitions stand to the records' places.
#[derive(Default)]
struct Logs {
    begins: BTreeMap<i32, i64>,
    /// The logs that the partitions still are.
    epochs: HashSet<(i32, Epoch)>,
}

impl Logs {
    fn epochs_of(&self, partition: i32) -> impl Iterator<Item = &Epoch> {
        self.epochs.iter().filter(move |(it, _)| *it == partition).map(|(_, epoch)| epoch)
    }
}

/// A fold that is asked what it makes of records, each as if it were the newest.
struct Taster {
    fold: Fold,
    batch: Batch,
    offset: u64,
}

impl Taster {
    fn new(format: TickFormat) -> Self {
        let fold = Fold::new("".into(), DayBoundary::default(), SYMBOLS_MAX).reading(format);
        Self { fold, batch: Batch::default(), offset: 0 }
    }

    /// `None`: the record isn't whole.
    fn taste_item(&mut self, item: &Item) -> Option<Result<Taken, Rejection>> {
        if item.omitted_bytes.is_some() {
            return None;
        }
        let original = &item.original;
        let content_type = original.headers.iter().rfind(|(name, _)| name == "content-type");
        let (key, value) = (original.key.as_deref(), original.value.as_deref());
        let tasted = self.taste(Record {
            partition: item.place.partition,
            offset: item.place.offset,
            timestamp_us: microseconds(original.timestamp_ms),
            key,
            value,
            content_type: content_type.and_then(|(_, value)| value.as_deref()),
        });
        // A tombstone of a symbol that isn't listed, as far as can be known here.
        let tombstone = || {
            delisted(key, microseconds(original.timestamp_ms)).expect("the fold took the key for a symbol")
        };
        Some(tasted.map(|taken| taken.unwrap_or_else(tombstone)))
    }

    fn taste(&mut self, record: Record<'_>) -> Result<Option<Taken>, Rejection> {
        self.offset += 1;
        let folded = self.fold.apply(&Record { partition: 0, offset: self.offset, ..record })?;
        self.batch.newest.clear();
        self.fold.publish(0, &mut self.batch);
        let crate::fold::Folded::Changed { time_us } = folded else { return Ok(None) };
        let symbol = self.batch.newest.first().map(|publication| publication.symbol.clone());
        Ok(symbol.map(|symbol| Taken { symbol, time_us }))
    }
}

/// Whether a record was refused for others in the log, or for the server's settings: by itself it's a tick.
fn is_for_others(reason: &str) -> bool {
    matches!(reason, "wrong_partition" | "too_many_symbols")
}

/// What a tombstone says.
fn delisted(key: Option<&[u8]>, time_us: i64) -> Option<Taken> {
    let symbol = Symbol::parse(str::from_utf8(key?).ok()?).ok()?;
    Some(Taken { symbol, time_us })
}

/// As the server's consumer reads a record's time.
fn microseconds(time_ms: Option<i64>) -> i64 {
    time_ms.unwrap_or(0).saturating_mul(1000).clamp(0, TIME_US_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quarantine::Original;

    fn item(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, &[u8])]) -> Item {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.to_vec())));
        let original = Original {
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers: headers.collect(),
            timestamp_ms: Some(1_732_187_000_123),
        };
        Item {
            place: Place { epoch: "e".into(), partition: 0, offset: 0 },
            reason: String::new(),
            error: String::new(),
            original,
            omitted_bytes: None,
            set_aside_ms: 0,
            outcome: None,
        }
    }

    #[track_caller]
    fn check(item: &Item, expected: Option<Result<(&str, i64), &str>>) {
        let tasted = Taster::new(TickFormat::Json).taste_item(item);
        let told = tasted.as_ref().map(|tasted| match tasted {
            Ok(taken) => Ok((taken.symbol.as_str(), taken.time_us)),
            Err(rejection) => Err(rejection.label()),
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn a_record_is_what_the_fold_makes_of_it() {
        const TIME_US: i64 = 1_732_187_000_123_000;
        let tick = Some(&br#"{"symbol":"A","price":1}"#[..]);
        check(&item(None, tick, &[]), Some(Ok(("A", TIME_US))));
        check(&item(None, tick, &[("content-type", b"text/csv")]), Some(Err("content_type")));
        let timed = Some(&br#"{"symbol":"A","price":1,"time_us":5}"#[..]);
        check(&item(None, timed, &[]), Some(Ok(("A", 5))));
        check(&item(None, Some(b"{"), &[]), Some(Err("not_json")));
        check(&item(Some(b"A"), None, &[]), Some(Ok(("A", TIME_US))));
        check(&item(Some(b"A B"), None, &[]), Some(Err("symbol")));
        check(&Item { omitted_bytes: Some(1), ..item(None, None, &[]) }, None);
    }

    #[test]
    fn each_record_is_tasted_as_if_it_were_the_newest() {
        let mut taster = Taster::new(TickFormat::Json);
        let late = item(None, Some(br#"{"symbol":"A","price":1,"time_us":5}"#), &[]);
        let early = item(None, Some(br#"{"symbol":"A","price":1,"time_us":4}"#), &[]);
        for (item, time_us) in [(&late, 5), (&early, 4), (&late, 5)] {
            assert_eq!(taster.taste_item(item).unwrap().unwrap().time_us, time_us);
        }
    }
}
