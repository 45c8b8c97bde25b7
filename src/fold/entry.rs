//! One symbol in the fold: its state, where in the log that stands, and which day it's in.

use std::sync::Arc;

use super::{Record, log::Logs, moved};
use crate::{
    market::{DayBoundary, Instrument, Symbol, Tick},
    publication::{Content, Epoch, Status, SymbolId},
};

/// How far a tick's event time may lie from its record's for the tick to have come when it happened. Clocks differ by minutes
/// and prices are delayed by a quarter of an hour; recordings that are replayed, and files that come when the day is
/// over, are hours and years away.
const MOMENT_US: u64 = 60 * 60 * 1_000_000;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) symbol: Symbol,
    pub(super) instrument: Instrument,
    pub(super) status: Status,
    pub(super) epoch: Epoch,
    pub(super) position: Position,
    pub(super) ordinal: u64,
    /// Since the newest tick.
    pub(super) rollovers: u32,
    /// Whether a tick of it came at the moment when it happened: then its trading days begin by the clock. Those of a
    /// replay begin by its ticks alone.
    follows_clock: bool,
    /// Whether somebody wants each of its ticks, apart from those who want every symbol's.
    pub(super) is_recorded: bool,
    pub(super) is_dirty: bool,
    /// Which of the ticks that weren't handed out yet is its newest.
    pub(super) newest_tick: Option<usize>,
}

/// Where in the log a symbol's newest record stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) partition: i32,
    pub(super) offset: u64,
    pub(super) timestamp_us: i64,
    /// Of the partition's log.
    pub(super) incarnation: u32,
}

/// How a record stands to what was folded before.
pub(super) enum Order {
    Newer,
    Stale,
    /// Newer, in another partition than before.
    Moved,
    /// Older, in another partition than before.
    Behind,
    /// The first since the symbol's log was replaced by another.
    Anew,
}

impl Entry {
    /// A symbol of which nothing is known but the record that names it first.
    pub(super) fn new(
        symbol: Symbol,
        epoch: Epoch,
        record: &Record<'_>,
        incarnation: u32,
        is_recorded: bool,
    ) -> Self {
        Self {
            symbol,
            instrument: Instrument::default(),
            status: Status::Listed,
            epoch,
            position: Position::of(record, incarnation),
            ordinal: 0,
            rollovers: 0,
            follows_clock: false,
            is_recorded,
            is_dirty: false,
            newest_tick: None,
        }
    }

    /// Whether the log that the state was folded from was replaced by another.
    pub(super) fn is_gone(&self, logs: &Logs) -> bool {
        logs.of(self.position.partition).incarnation != self.position.incarnation
    }

    pub(super) fn order(&self, record: &Record<'_>, logs: &Logs) -> Order {
        if self.ordinal == 0 {
            Order::Newer
        } else if self.is_gone(logs) {
            Order::Anew
        } else if record.partition == self.position.partition {
            if record.offset > self.position.offset { Order::Newer } else { Order::Stale }
        } else if record.timestamp_us >= self.position.timestamp_us {
            // Adding partitions to a topic moves keys: the log's time tells old from new.
            Order::Moved
        } else {
            Order::Behind
        }
    }

    /// Folds in a tick that happened at `time_us`. The trading day is `today` at least if the symbol follows the
    /// clock: a tick of an earlier one is late, even if it's the first that is heard of the symbol.
    pub(super) fn fold(&mut self, tick: &Tick<'_>, time_us: i64, boundary: DayBoundary, today: i64) {
        self.instrument.fold(tick, time_us, boundary);
        let timestamp_us = self.position.timestamp_us;
        self.follows_clock |= timestamp_us > 0 && time_us.abs_diff(timestamp_us) <= MOMENT_US;
        if self.follows_clock {
            self.instrument.begin_day(today);
        }
        self.status = Status::Listed;
    }

    /// A tombstone, of this time.
    pub(super) fn delist(&mut self, time_us: i64) {
        self.status = Status::Delisted;
        self.instrument.clear(time_us);
        self.follows_clock = false;
    }

    /// Begins the trading day if the symbol follows the clock and isn't there yet. Whether that can be seen.
    pub(super) fn roll_over(&mut self, today: i64) -> bool {
        let is_seen = self.follows_clock && self.instrument.begin_day(today);
        self.rollovers += u32::from(is_seen);
        is_seen
    }

    /// Forgets what was folded from a log that there is no longer.
    pub(super) fn begin_anew(&mut self, epoch: Epoch) {
        self.instrument = Instrument::default();
        self.status = Status::Listed;
        self.follows_clock = false;
        self.epoch = epoch;
    }

    /// The log has another epoch, and the symbol stays where it is.
    pub(super) fn rename_epoch(&mut self, epoch: &Epoch) {
        let has_moved = self.epoch.contains('.');
        self.epoch = if has_moved { moved(epoch, self.position.partition) } else { Arc::clone(epoch) };
    }

    /// The state as a publication says it.
    pub(super) fn content(&self, id: SymbolId, ingested_us: i64) -> Content {
        Content {
            id,
            symbol: self.symbol.clone(),
            partition: self.position.partition,
            seq: self.position.offset,
            epoch: Arc::clone(&self.epoch),
            ordinal: self.ordinal,
            rollovers: self.rollovers,
            status: self.status,
            state: self.instrument.state().clone(),
            ingested_us,
        }
    }
}

impl Position {
    pub(super) const fn of(record: &Record<'_>, incarnation: u32) -> Self {
        let Record { partition, offset, timestamp_us, .. } = *record;
        Self { partition, offset, timestamp_us, incarnation }
    }
}
