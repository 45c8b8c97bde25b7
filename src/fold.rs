//! The fold of the log: records in, publications out.
//!
//! The log's order is the truth. A record that was folded before, or an older one, changes nothing;
//! so redelivery, a producer's retry and a rewound consumer are harmless.
//!
//! This room is pure: it knows no Kafka client, no clock and no metric.

use std::{collections::HashMap, sync::Arc};

use crate::{
    feed::{Rejection, json::JsonDecoder},
    market::{DayBoundary, Instrument, Symbol, SymbolRef, Tick},
    publication::{Content, Epoch, Publication, Status, SymbolId},
};

/// One record of the log, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: u64,
    /// The log's own time for it, in microseconds since the Unix epoch.
    pub timestamp_us: i64,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its header `content-type`, if it has one.
    pub content_type: Option<&'a [u8]>,
}

/// What a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It changed its symbol's state.
    Changed {
        /// The event time, in microseconds since the Unix epoch; the record's own for tombstones.
        time_us: i64,
    },
    /// It was folded before, or is older than what was.
    Stale,
    /// A tombstone of a symbol that isn't listed.
    Ignored,
}

/// How far a tick's event time may lie after its record's: clocks differ, by minutes at worst. One
/// tick from the year 2200 would end its symbol's trading day for good.
const FUTURE_US_MAX: i64 = 60 * 60 * 1_000_000;

/// The symbols' states and where in the log they stand.
#[derive(Debug)]
pub struct Fold {
    boundary: DayBoundary,
    symbols_max: usize,
    epoch: Epoch,
    by_symbol: HashMap<Symbol, SymbolId>,
    entries: Vec<Entry>,
    /// The symbols that changed since the last [`Fold::publish`], each once.
    dirty: Vec<SymbolId>,
    json: JsonDecoder,
}

#[derive(Debug)]
struct Entry {
    symbol: Symbol,
    instrument: Instrument,
    status: Status,
    epoch: Epoch,
    position: Position,
    ordinal: u64,
    is_dirty: bool,
}

/// Where in the log a symbol's newest record stands.
#[derive(Clone, Copy, Debug)]
struct Position {
    partition: i32,
    offset: u64,
    timestamp_us: i64,
}

/// How a record stands to what was folded before.
enum Order {
    Newer,
    Stale,
    /// Newer, in another partition than before.
    Moved,
    /// Older, in another partition than before.
    Behind,
}

impl Fold {
    /// Nothing folded yet. No more than `symbols_max` symbols are taken: each costs about 500 bytes
    /// here, and a slot in every session that subscribes to all of them.
    pub fn new(epoch: Epoch, boundary: DayBoundary, symbols_max: usize) -> Self {
        Self {
            boundary,
            symbols_max,
            epoch,
            by_symbol: HashMap::new(),
            entries: Vec::new(),
            dirty: Vec::new(),
            json: JsonDecoder::default(),
        }
    }

    /// How many symbols there are, delisted ones included.
    pub fn symbols(&self) -> usize {
        self.entries.len()
    }

    /// Folds one record in, or says why it can't be.
    pub fn apply(&mut self, record: &Record<'_>) -> Result<Folded, Rejection> {
        let Some(payload) = record.value else { return self.delist(record) };
        check_content_type(record.content_type)?;
        // Taken out while the tick borrows from it; a decoder without its buffers is free to make.
        let mut json = std::mem::take(&mut self.json);
        let folded = json.decode(payload).and_then(|tick| self.fold(&tick, record));
        self.json = json;
        folded
    }

    /// Hands out the state of each symbol that changed since the last call. Whatever was folded in
    /// between is conflated into one publication a symbol.
    pub fn publish(&mut self, ingested_us: i64, mut each: impl FnMut(Arc<Publication>)) {
        for id in self.dirty.drain(..) {
            let entry = &mut self.entries[id.0 as usize];
            entry.is_dirty = false;
            each(Arc::new(Publication::from(Content {
                id,
                symbol: entry.symbol.clone(),
                partition: entry.position.partition,
                seq: entry.position.offset,
                epoch: Arc::clone(&entry.epoch),
                ordinal: entry.ordinal,
                rollovers: 0,
                status: entry.status,
                state: entry.instrument.state().clone(),
                ingested_us,
            })));
        }
    }

    fn fold(&mut self, tick: &Tick<'_>, record: &Record<'_>) -> Result<Folded, Rejection> {
        if record.timestamp_us > 0
            && tick.time_us.is_some_and(|time_us| time_us > record.timestamp_us.saturating_add(FUTURE_US_MAX))
        {
            return Err(Rejection::Future);
        }
        let id = self.intern(tick.symbol, record)?;
        if !self.advance(id, record)? {
            return Ok(Folded::Stale);
        }
        let time_us = tick.time_us.unwrap_or(record.timestamp_us);
        let entry = &mut self.entries[id.0 as usize];
        entry.status = Status::Listed;
        entry.instrument.fold(tick, time_us, self.boundary);
        Ok(Folded::Changed { time_us })
    }

    fn delist(&mut self, record: &Record<'_>) -> Result<Folded, Rejection> {
        let key = record.key.ok_or(Rejection::MissingSymbol)?;
        let text = str::from_utf8(key).map_err(|_| Rejection::MissingSymbol)?;
        let symbol = SymbolRef::parse(text).map_err(Rejection::Symbol)?;
        let Some(&id) = self.by_symbol.get(symbol.as_str()) else { return Ok(Folded::Ignored) };
        if self.entries[id.0 as usize].status == Status::Delisted {
            return Ok(Folded::Ignored);
        }
        if !self.advance(id, record)? {
            return Ok(Folded::Stale);
        }
        let entry = &mut self.entries[id.0 as usize];
        entry.status = Status::Delisted;
        entry.instrument.clear(record.timestamp_us);
        Ok(Folded::Changed { time_us: record.timestamp_us })
    }

    fn intern(&mut self, symbol: SymbolRef<'_>, record: &Record<'_>) -> Result<SymbolId, Rejection> {
        if let Some(&id) = self.by_symbol.get(symbol.as_str()) {
            return Ok(id);
        }
        if self.entries.len() >= self.symbols_max {
            return Err(Rejection::TooManySymbols(self.symbols_max));
        }
        let id = SymbolId(u32::try_from(self.entries.len()).expect("symbols_max fits 32 bits"));
        let symbol = symbol.to_symbol();
        self.by_symbol.insert(symbol.clone(), id);
        self.entries.push(Entry {
            symbol,
            instrument: Instrument::default(),
            status: Status::Listed,
            epoch: Arc::clone(&self.epoch),
            position: Position::of(record),
            ordinal: 0,
            is_dirty: false,
        });
        Ok(id)
    }

    /// Moves the symbol's position to the record and marks the symbol as changed; false if the
    /// record is no news.
    fn advance(&mut self, id: SymbolId, record: &Record<'_>) -> Result<bool, Rejection> {
        let entry = &mut self.entries[id.0 as usize];
        match entry.order(record) {
            Order::Stale => return Ok(false),
            Order::Behind => {
                return Err(Rejection::WrongPartition {
                    partition: record.partition,
                    current: entry.position.partition,
                });
            }
            // Offsets of two partitions can't be compared, so `seq` begins anew.
            Order::Moved => entry.epoch = format!("{}.{}", self.epoch, record.partition).into(),
            Order::Newer => {}
        }
        entry.position = Position::of(record);
        entry.ordinal += 1;
        if !entry.is_dirty {
            entry.is_dirty = true;
            self.dirty.push(id);
        }
        Ok(true)
    }
}

impl Entry {
    fn order(&self, record: &Record<'_>) -> Order {
        if self.ordinal == 0 {
            Order::Newer
        } else if record.partition == self.position.partition {
            if record.offset > self.position.offset { Order::Newer } else { Order::Stale }
        } else if record.timestamp_us >= self.position.timestamp_us {
            // Adding partitions to a topic moves keys: the log's time tells old from new.
            Order::Moved
        } else {
            Order::Behind
        }
    }
}

impl Position {
    const fn of(record: &Record<'_>) -> Self {
        Self { partition: record.partition, offset: record.offset, timestamp_us: record.timestamp_us }
    }
}

fn check_content_type(content_type: Option<&[u8]>) -> Result<(), Rejection> {
    let Some(content_type) = content_type else { return Ok(()) };
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    let shown = &content_type[..content_type.len().min(64)];
    Err(Rejection::ContentType(String::from_utf8_lossy(shown).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold() -> Fold {
        Fold::new("e".into(), DayBoundary::default(), 2)
    }

    fn record(partition: i32, offset: u64, json: &str) -> Record<'_> {
        Record {
            partition,
            offset,
            timestamp_us: 1000 + i64::try_from(offset).unwrap(),
            key: None,
            value: Some(json.as_bytes()),
            content_type: None,
        }
    }

    /// `symbol price seq epoch ordinal status` of each publication.
    fn published(fold: &mut Fold) -> Vec<String> {
        let mut out = Vec::new();
        fold.publish(0, |p| {
            let price = p.state.trade.map_or_else(|| "-".to_owned(), |trade| trade.price.to_string());
            out.push(format!("{} {price} {} {} {} {:?}", p.symbol, p.seq, p.epoch, p.ordinal, p.status));
        });
        out
    }

    const A1: &str = r#"{"symbol":"A","price":1}"#;
    const A2: &str = r#"{"symbol":"A","price":2}"#;
    const B1: &str = r#"{"symbol":"B","price":1}"#;
    const C1: &str = r#"{"symbol":"C","price":1}"#;

    #[test]
    fn what_comes_between_two_publications_is_conflated() {
        let mut fold = fold();
        for (offset, json) in [(0, A1), (1, B1), (2, A2)] {
            fold.apply(&record(0, offset, json)).unwrap();
        }
        assert_eq!(published(&mut fold), ["A 2 2 e 2 Listed", "B 1 1 e 1 Listed"]);
        assert!(published(&mut fold).is_empty());
    }

    #[test]
    fn redelivery_changes_nothing() {
        let mut fold = fold();
        fold.apply(&record(0, 5, A2)).unwrap();
        assert_eq!(fold.apply(&record(0, 5, A2)), Ok(Folded::Stale));
        assert_eq!(fold.apply(&record(0, 4, A1)), Ok(Folded::Stale));
        assert_eq!(published(&mut fold), ["A 2 5 e 1 Listed"]);
    }

    #[test]
    fn a_symbol_that_moves_to_another_partition_begins_a_new_epoch() {
        let mut fold = fold();
        fold.apply(&record(0, 50, A1)).unwrap();
        let moved = Record { timestamp_us: 2000, ..record(1, 3, A2) };
        fold.apply(&moved).unwrap();
        assert_eq!(published(&mut fold), ["A 2 3 e.1 2 Listed"]);
        let late = Record { timestamp_us: 1999, ..record(0, 51, A1) };
        assert_eq!(fold.apply(&late), Err(Rejection::WrongPartition { partition: 0, current: 1 }));
    }

    #[test]
    fn a_tombstone_delists_and_a_tick_lists_again() {
        let mut fold = fold();
        let tombstone = |offset| Record { key: Some(b"A"), value: None, ..record(0, offset, "") };
        assert_eq!(fold.apply(&tombstone(0)), Ok(Folded::Ignored));
        fold.apply(&record(0, 1, A1)).unwrap();
        fold.apply(&tombstone(2)).unwrap();
        assert_eq!(published(&mut fold), ["A - 2 e 2 Delisted"]);
        assert_eq!(fold.apply(&tombstone(3)), Ok(Folded::Ignored));
        fold.apply(&record(0, 4, A2)).unwrap();
        assert_eq!(published(&mut fold), ["A 2 4 e 3 Listed"]);
    }

    #[test]
    fn a_record_without_event_time_takes_the_logs() {
        let mut fold = fold();
        assert_eq!(fold.apply(&record(0, 7, A1)), Ok(Folded::Changed { time_us: 1007 }));
    }

    #[test]
    fn a_tick_of_the_far_future_is_refused() {
        let mut fold = fold();
        let in_an_hour = record(0, 1, r#"{"symbol":"A","price":1,"time_us":3600001001}"#);
        assert!(fold.apply(&in_an_hour).is_ok());
        let later = record(0, 2, r#"{"symbol":"A","price":1,"time_us":3600001003}"#);
        assert_eq!(fold.apply(&later), Err(Rejection::Future));
        let without_time = Record { timestamp_us: 0, ..later };
        assert!(fold.apply(&without_time).is_ok());
    }

    #[test]
    fn symbols_are_bounded_and_other_formats_refused() {
        let mut fold = fold();
        fold.apply(&record(0, 0, A1)).unwrap();
        fold.apply(&record(0, 1, B1)).unwrap();
        assert_eq!(fold.apply(&record(0, 2, C1)), Err(Rejection::TooManySymbols(2)));
        let with_type =
            |value: &'static str| Record { content_type: Some(value.as_bytes()), ..record(0, 3, A1) };
        assert!(fold.apply(&with_type("application/json; charset=utf-8")).is_ok());
        assert!(matches!(fold.apply(&with_type("text/csv")), Err(Rejection::ContentType(_))));
    }
}
