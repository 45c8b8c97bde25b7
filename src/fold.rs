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
mod memory;
mod merge;
mod part;
mod parts;
mod rollover;

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
};

pub use self::entry::Kept;
use self::{entry::Entry, rollover::Rollover};
pub(crate) use self::{
    part::{NEVER, Part, Told},
    parts::{PARTS_MAX, Parts},
};
use crate::{
    feed::{Decoder, Rejection, TickFormat},
    market::{DayBoundary, Symbol, SymbolRef, Tick},
    publication::{Content, Epoch, Publication, Retired, Status, SymbolId},
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
    /// Looked up once a record: by a hash that is fast, and seeded by chance, since whoever publishes names the symbols.
    by_symbol: HashMap<Symbol, SymbolId, foldhash::fast::RandomState>,
    entries: Vec<Entry>,
    /// The symbols that changed since the last [`Fold::publish`], each once.
    dirty: Vec<SymbolId>,
    /// The partitions whose symbols aren't handed out for now.
    held_partitions: HashSet<i32>,
    /// The symbols of theirs that changed, each once.
    held: Vec<SymbolId>,
    /// The symbols of which nobody was told, since only a tombstone is known, or since they were delisted before a restart:
    /// they give way to others where there are too many.
    departed: Vec<SymbolId>,
    /// How often a symbol has taken the place of one of them.
    replaced: u64,
    /// How often anything has changed.
    changes: u64,
    /// Whether each tick of every symbol is handed out.
    records_all: bool,
    /// The symbols of which each tick is, whether they are known or not.
    recorded: HashSet<Symbol>,
    /// The ticks to hand out since the last [`Fold::publish`], in order.
    ticks: Vec<Content>,
    /// What was handed out and replaced.
    retired: Retired,
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
            held_partitions: HashSet::new(),
            by_symbol: HashMap::default(),
            entries: Vec::new(),
            dirty: Vec::new(),
            held: Vec::new(),
            departed: Vec::new(),
            replaced: 0,
            changes: 0,
            records_all: false,
            recorded: HashSet::new(),
            ticks: Vec::new(),
            retired: Retired::default(),
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

    /// Whether there is something to [`Fold::publish`].
    pub const fn has_changes(&self) -> bool {
        !self.dirty.is_empty()
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
            self.dirty.iter().all(|id| self.entries[id.0 as usize].partition() != partition),
            "what changed is handed out first"
        );
        self.held_partitions.insert(partition);
    }

    /// Lets [`Fold::publish`] hand out what was held back.
    pub fn release(&mut self, partition: i32) {
        self.held_partitions.remove(&partition);
        for id in mem::take(&mut self.held) {
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
        let is_replaced = |partition| replaced.is_none_or(|partitions| partitions.contains(&partition));
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if !entry.kept.parts.forget(is_replaced) {
                continue;
            }
            entry.rename_epoch(&self.epoch);
            if entry.status() == Status::Listed {
                entry.kept.rollovers += 1;
                self.note_change(id_of(index));
            }
        }
    }

    /// Delists the symbols whose log was replaced by one that doesn't have them. To be called when that is read.
    pub fn delist_gone(&mut self) {
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if entry.kept.parts.is_gone() && entry.status() == Status::Listed {
                entry.kept.parts.delist_gone();
                // There is no record of it: the state after the last one is another, hence both.
                entry.kept.ordinal += 1;
                entry.kept.rollovers += 1;
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
        let Self { entries, dirty, ticks, retired, .. } = self;
        for content in ticks.drain(..) {
            let entry = &mut entries[content.id.0 as usize];
            batch.ticks.push(entry.publish(Content { ingested_us, ..content }, retired));
        }
        for id in dirty.drain(..) {
            let entry = &mut entries[id.0 as usize];
            entry.is_dirty = false;
            let newest_tick = entry.newest.as_ref().filter(|_| mem::take(&mut entry.has_ticked));
            batch.newest.push(match newest_tick {
                Some(newest) => Arc::clone(newest),
                None => entry.publish(entry.content(id, ingested_us), retired),
            });
        }
    }

    fn fold(&mut self, tick: &Tick<'_>, record: &Record<'_>) -> Result<Folded, Rejection> {
        if record.timestamp_us > 0
            && tick.time_us.is_some_and(|time_us| time_us > record.timestamp_us.saturating_add(FUTURE_US_MAX))
        {
            return Err(Rejection::Future);
        }
        let id = match self.by_symbol.get(tick.symbol.as_str()) {
            Some(&id) => id,
            None => self.intern(tick.symbol, record.partition)?,
        };
        let time_us = tick.time_us.unwrap_or(record.timestamp_us);
        let (boundary, today) = (self.boundary, self.rollover.today());
        let is_seen = self.take(id, record, |parts| parts.fold(tick, time_us, record, boundary, today))?;
        Ok(if is_seen { Folded::Changed { time_us } } else { Folded::Stale })
    }

    fn delist(&mut self, record: &Record<'_>) -> Result<Folded, Rejection> {
        let key = record.key.ok_or(Rejection::MissingSymbol)?;
        let text = str::from_utf8(key).map_err(|_| Rejection::MissingSymbol)?;
        let symbol = SymbolRef::parse(text).map_err(Rejection::Symbol)?;
        let today = self.rollover.today();
        let Some(&id) = self.by_symbol.get(symbol.as_str()) else {
            // Its ticks may be in another partition, which is read after this one.
            if self.entries.len() < self.symbols_max {
                let id = self.intern(symbol, record.partition)?;
                self.entries[id.0 as usize].kept.parts.delist(record, today);
                self.departed.push(id);
            }
            return Ok(Folded::Ignored);
        };
        let was_delisted = self.entries[id.0 as usize].status() == Status::Delisted;
        let is_seen = self.take(id, record, |parts| parts.delist(record, today))?;
        Ok(match is_seen {
            true => Folded::Changed { time_us: record.timestamp_us },
            false if was_delisted => Folded::Ignored,
            false => Folded::Stale,
        })
    }

    /// Gives an unknown symbol a number, and so a place.
    fn intern(&mut self, symbol: SymbolRef<'_>, partition: i32) -> Result<SymbolId, Rejection> {
        let symbol = symbol.to_symbol();
        let is_recorded = self.recorded.contains(&symbol);
        let entry = Entry::new(Kept::new(symbol.clone(), partition), &self.epoch, is_recorded);
        let id = if self.entries.len() < self.symbols_max {
            self.entries.push(entry);
            id_of(self.entries.len() - 1)
        } else {
            let id = self.departed().ok_or(Rejection::TooManySymbols(self.symbols_max))?;
            let before = mem::replace(&mut self.entries[id.0 as usize], entry);
            self.replaced += 1;
            self.by_symbol.remove(before.kept.symbol.as_str());
            id
        };
        self.by_symbol.insert(symbol, id);
        Ok(id)
    }

    /// A symbol that nobody was told of, whose place another may take.
    fn departed(&mut self) -> Option<SymbolId> {
        while let Some(id) = self.departed.pop() {
            if !self.entries[id.0 as usize].is_known {
                return Some(id);
            }
        }
        None
    }

    /// Lets a symbol fold a record in, unless it did so before. Whether its state is another one.
    fn take(
        &mut self,
        id: SymbolId,
        record: &Record<'_>,
        fold: impl FnOnce(&mut Parts),
    ) -> Result<bool, Rejection> {
        let entry = &mut self.entries[id.0 as usize];
        let parts = &mut entry.kept.parts;
        if !parts.is_news(record)? {
            return Ok(false);
        }
        let was_gone = parts.is_gone();
        let before = (parts.status(), parts.newest().partition);
        fold(parts);
        // A symbol that is delisted, and stays so where it was, looks as before.
        let now = (parts.status(), parts.newest().partition);
        let is_anything_seen = now.0 == Status::Listed || now != before;
        if was_gone {
            entry.rename_epoch(&self.epoch);
        } else {
            entry.follow_partition(&self.epoch);
        }
        self.changes += 1;
        let is_first_tick = !entry.kept.is_told() && record.value.is_some();
        if !is_anything_seen && !is_first_tick {
            return Ok(false);
        }
        let is_held = self.held_partitions.contains(&record.partition);
        entry.note(record, was_gone || !(is_held && entry.is_dirty));
        self.note_change(id);
        Ok(true)
    }

    /// The symbol's state is another one.
    fn note_change(&mut self, id: SymbolId) {
        let entry = &mut self.entries[id.0 as usize];
        entry.is_known = true;
        self.changes += 1;
        if !self.held_partitions.is_empty() && self.held_partitions.contains(&entry.partition()) {
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
            entry.has_ticked = true;
            self.ticks.push(entry.content(id, 0));
        }
    }
}

fn id_of(index: usize) -> SymbolId {
    SymbolId(u32::try_from(index).expect("symbols_max fits 32 bits"))
}

#[cfg(test)]
mod tests;
