//! The fold of the log: records in, publications out.
//!
//! The log's order is the truth. A record that was folded before, or an older one, changes nothing;
//! so redelivery, a producer's retry and a rewound consumer are harmless.
//!
//! What changed is handed out once a batch: each symbol's newest state, and besides, of the symbols that somebody
//! records, each state in between.
//!
//! This room is pure: it knows no Kafka client, no clock and no metric.

mod entry;
mod log;
mod rollover;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use self::{
    entry::{Entry, Order, Position},
    log::Logs,
    rollover::Rollover,
};
use crate::{
    feed::{Decoder, Rejection, TickFormat},
    market::{DayBoundary, Symbol, SymbolRef, Tick},
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
pub const FUTURE_US_MAX: i64 = 60 * 60 * 1_000_000;

/// The symbols' states and where in the log they stand.
#[derive(Debug)]
pub struct Fold {
    boundary: DayBoundary,
    symbols_max: usize,
    epoch: Epoch,
    logs: Logs,
    by_symbol: HashMap<Symbol, SymbolId>,
    entries: Vec<Entry>,
    /// The symbols that changed since the last [`Fold::publish`], each once.
    dirty: Vec<SymbolId>,
    /// Those that changed by records of a partition that is held.
    held: Vec<SymbolId>,
    /// Whether each tick of every symbol is handed out.
    records_all: bool,
    /// The symbols of which each tick is, whether they are known or not.
    recorded: HashSet<Symbol>,
    /// The ticks to hand out since the last [`Fold::publish`], in order.
    ticks: Vec<Content>,
    rollover: Rollover,
    /// Absent only while a tick borrows from it.
    decoder: Option<Box<Decoder>>,
}

/// What has changed: the publications of a batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// The newest state of each symbol that changed. Whatever was folded in between is conflated into it.
    pub newest: Vec<Arc<Publication>>,
    /// The state after each tick of the recorded symbols, in the order of the log. A symbol's last one is the very
    /// publication that is its newest.
    pub ticks: Vec<Arc<Publication>>,
}

impl Fold {
    /// Nothing folded yet. No more than `symbols_max` symbols are taken: each costs about 500 bytes
    /// here, and a slot in every session that subscribes to all of them.
    pub fn new(epoch: Epoch, boundary: DayBoundary, symbols_max: usize) -> Self {
        Self {
            boundary,
            symbols_max,
            epoch,
            logs: Logs::default(),
            by_symbol: HashMap::new(),
            entries: Vec::new(),
            dirty: Vec::new(),
            held: Vec::new(),
            records_all: false,
            recorded: HashSet::new(),
            ticks: Vec::new(),
            rollover: Rollover::new(),
            decoder: Some(Box::default()),
        }
    }

    /// The same, with records that don't tell their format read as `format`.
    pub fn reading(self, format: TickFormat) -> Self {
        Self { decoder: Some(Box::new(Decoder::new(format))), ..self }
    }

    /// How many symbols there are, delisted ones included.
    pub fn symbols(&self) -> usize {
        self.entries.len()
    }

    /// Folds one record in, or says why it can't be.
    pub fn apply(&mut self, record: &Record<'_>) -> Result<Folded, Rejection> {
        let Some(payload) = record.value else { return self.delist(record) };
        let mut decoder = self.decoder.take().expect("no tick borrows from it between two records");
        let folded = decoder.decode(record.content_type, payload).and_then(|tick| self.fold(&tick, record));
        self.decoder = Some(decoder);
        folded
    }

    /// Holds back what is folded from a partition's records until [`Fold::release`]: whoever catches up shows the
    /// state at the end, not the way there. What is held back counts as one tick.
    pub fn hold(&mut self, partition: i32) {
        debug_assert!(
            self.dirty.iter().all(|id| self.entries[id.0 as usize].position.partition != partition),
            "what changed is handed out first"
        );
        self.logs.set_held(partition, true);
    }

    /// Lets [`Fold::publish`] hand out what was held back.
    pub fn release(&mut self, partition: i32) {
        self.logs.set_held(partition, false);
        for id in std::mem::take(&mut self.held) {
            self.entries[id.0 as usize].is_dirty = false;
            self.note_change(id);
        }
    }

    /// The log is another one: its offsets can't be compared with those of before. Nothing is left of the records of
    /// these partitions, or of all where none are named; each of their symbols begins anew with its first record, and
    /// [`Fold::delist_gone`] ends those that have none. The others are published under the new epoch.
    pub fn begin_epoch(&mut self, epoch: Epoch, replaced: Option<&[i32]>) {
        debug_assert!(self.dirty.is_empty(), "what changed is handed out first");
        self.epoch = epoch;
        match replaced {
            None => self.logs.replace_all(),
            Some(partitions) => partitions.iter().for_each(|partition| self.logs.replace(*partition)),
        }
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if entry.is_gone(&self.logs) {
                continue;
            }
            entry.rename_epoch(&self.epoch);
            if entry.status == Status::Listed {
                entry.rollovers += 1;
                self.note_change(id_of(index));
            }
        }
    }

    /// Delists the symbols whose log was replaced by one that doesn't have them. To be called when that is read.
    pub fn delist_gone(&mut self) {
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if entry.is_gone(&self.logs) && entry.status == Status::Listed {
                entry.delist(entry.instrument.state().time_us);
                // There is no record of it: the state after the last one is another, hence both.
                entry.ordinal += 1;
                entry.rollovers += 1;
                self.note_change(id_of(index));
            }
        }
    }

    /// Whether each tick of every symbol is handed out from now on. To be called when nothing has changed since
    /// [`Fold::publish`], so that no symbol has changed with some of its ticks handed out and others not.
    pub fn record_all(&mut self, is_recorded: bool) {
        debug_assert!(self.dirty.is_empty(), "what changed is handed out first");
        self.records_all = is_recorded;
    }

    /// Whether each tick of one symbol is, which needn't be known yet. To be called like [`Fold::record_all`].
    pub fn record(&mut self, symbol: &Symbol, is_recorded: bool) {
        debug_assert!(self.dirty.is_empty(), "what changed is handed out first");
        if is_recorded {
            self.recorded.insert(symbol.clone());
        } else {
            self.recorded.remove(symbol);
        }
        if let Some(id) = self.by_symbol.get(symbol) {
            self.entries[id.0 as usize].is_recorded = is_recorded;
        }
    }

    /// Lets the trading day begin where the wall clock, in microseconds since the Unix epoch, has passed its boundary:
    /// the symbols that follow the clock forget the day before. Some of them at a time; whether some are left.
    ///
    /// A log that is read from its beginning is folded first: its days begin by its ticks.
    pub fn roll_over(&mut self, now_us: i64) -> bool {
        for index in self.rollover.due(now_us, self.boundary, self.entries.len()) {
            if self.entries[index].roll_over(self.rollover.today()) {
                self.note_change(id_of(index));
            }
        }
        self.rollover.is_underway(self.entries.len())
    }

    /// Adds what has changed since the last call, in publications that are `ingested_us` microseconds after the Unix
    /// epoch.
    pub fn publish(&mut self, ingested_us: i64, batch: &mut Batch) {
        let Batch { newest, ticks } = batch;
        let begin = ticks.len();
        let publication = |content| Arc::new(Publication::from(Content { ingested_us, ..content }));
        ticks.extend(self.ticks.drain(..).map(publication));
        for id in self.dirty.drain(..) {
            let entry = &mut self.entries[id.0 as usize];
            entry.is_dirty = false;
            newest.push(match entry.newest_tick.take() {
                Some(at) => Arc::clone(&ticks[begin + at]),
                None => publication(entry.content(id, ingested_us)),
            });
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
        self.entries[id.0 as usize].fold(tick, time_us, self.boundary, self.rollover.today());
        self.note_change(id);
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
        self.entries[id.0 as usize].delist(record.timestamp_us);
        self.note_change(id);
        Ok(Folded::Changed { time_us: record.timestamp_us })
    }

    fn intern(&mut self, symbol: SymbolRef<'_>, record: &Record<'_>) -> Result<SymbolId, Rejection> {
        if let Some(&id) = self.by_symbol.get(symbol.as_str()) {
            return Ok(id);
        }
        if self.entries.len() >= self.symbols_max {
            return Err(Rejection::TooManySymbols(self.symbols_max));
        }
        let id = id_of(self.entries.len());
        let symbol = symbol.to_symbol();
        self.by_symbol.insert(symbol.clone(), id);
        let is_recorded = self.recorded.contains(&symbol);
        let incarnation = self.logs.of(record.partition).incarnation;
        self.entries.push(Entry::new(symbol, Arc::clone(&self.epoch), record, incarnation, is_recorded));
        Ok(id)
    }

    /// Moves the symbol's position to the record; false if the record is no news.
    fn advance(&mut self, id: SymbolId, record: &Record<'_>) -> Result<bool, Rejection> {
        let log = self.logs.of(record.partition);
        let entry = &mut self.entries[id.0 as usize];
        let is_counted = log.is_held && entry.is_dirty;
        match entry.order(record, &self.logs) {
            Order::Stale => return Ok(false),
            Order::Behind => {
                return Err(Rejection::WrongPartition {
                    partition: record.partition,
                    current: entry.position.partition,
                });
            }
            Order::Newer if is_counted => {}
            Order::Newer => entry.ordinal += 1,
            // Offsets of two partitions can't be compared, so `seq` begins anew.
            Order::Moved => {
                entry.epoch = moved(&self.epoch, record.partition);
                entry.ordinal += u64::from(!is_counted);
            }
            Order::Anew => {
                entry.begin_anew(Arc::clone(&self.epoch));
                entry.ordinal += 1;
            }
        }
        entry.position = Position::of(record, log.incarnation);
        entry.rollovers = 0;
        Ok(true)
    }

    /// The symbol's state is another one.
    fn note_change(&mut self, id: SymbolId) {
        let entry = &mut self.entries[id.0 as usize];
        if self.logs.of(entry.position.partition).is_held {
            if !entry.is_dirty {
                entry.is_dirty = true;
                self.held.push(id);
            }
            return;
        }
        if !entry.is_dirty {
            entry.is_dirty = true;
            self.dirty.push(id);
        }
        if self.records_all || entry.is_recorded {
            entry.newest_tick = Some(self.ticks.len());
            self.ticks.push(entry.content(id, 0));
        }
    }
}

fn id_of(index: usize) -> SymbolId {
    SymbolId(u32::try_from(index).expect("symbols_max fits 32 bits"))
}

/// The epoch of a symbol that has come to a partition from another one.
fn moved(epoch: &str, partition: i32) -> Epoch {
    format!("{epoch}.{partition}").into()
}

#[cfg(test)]
mod tests;
