//! What the records of one symbol in one partition add up to, in the order of that partition.
//!
//! A symbol's records are in one partition, until somebody adds partitions to the topic: that moves keys. Between two
//! partitions there is no order of offsets, and nobody can say which of them is read first. So each is folded by
//! itself, and what they come to together ([`super::merge`]) doesn't depend on how their records came between each
//! other. For that each fact has the log's time of the record that told it.

use super::Record;
use crate::{
    market::{DayBoundary, Instrument, Side, State, Tick},
    publication::Status,
};

/// How far a tick's event time may lie from its record's for the tick to have come when it happened. Clocks differ by minutes
/// and prices are delayed by a quarter of an hour; recordings that are replayed, and files that come when the day is
/// over, are hours and years away.
const MOMENT_US: u64 = 60 * 60 * 1_000_000;

/// Of a fact that no record has told.
pub(crate) const NEVER: i64 = i64::MIN;

/// One partition's part of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The partition.
    pub(crate) partition: i32,
    /// The offset after its newest record; 0 before the first.
    pub(crate) next_offset: u64,
    /// The log's time: the latest of its records', in microseconds since the Unix epoch. A record that is dated back
    /// comes no earlier than those before it.
    pub(crate) at_us: i64,
    /// Whether its newest record is a tick or a tombstone.
    pub(crate) status: Status,
    /// Whether the partition's log was replaced by another: then the next record is the first.
    pub(crate) is_gone: bool,
    /// Whether a tick of it came at the moment when it happened: then its trading days begin by the clock. Those of a
    /// replay begin by its ticks alone.
    pub(crate) follows_clock: bool,
    /// All its ticks since the last tombstone.
    pub(crate) instrument: Instrument,
    /// When what is in there was told.
    pub(crate) told: Told,
}

/// The log's time of each fact, in microseconds since the Unix epoch, or [`NEVER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The last trade.
    pub(crate) trade_us: i64,
    /// The bid, or that there is none.
    pub(crate) bid_us: i64,
    /// The ask, or that there is none.
    pub(crate) ask_us: i64,
    /// The venue.
    pub(crate) venue_us: i64,
    /// The trading day's first trade.
    pub(crate) open_us: i64,
    /// The last tombstone.
    pub(crate) cleared_us: i64,
}

impl Told {
    pub(crate) const NOTHING: Self = Self {
        trade_us: NEVER,
        bid_us: NEVER,
        ask_us: NEVER,
        venue_us: NEVER,
        open_us: NEVER,
        cleared_us: NEVER,
    };
}

impl Part {
    /// Of a partition of which no record was seen yet.
    pub(crate) fn new(partition: i32) -> Self {
        Self {
            partition,
            next_offset: 0,
            at_us: NEVER,
            status: Status::Listed,
            is_gone: false,
            follows_clock: false,
            instrument: Instrument::default(),
            told: Told::NOTHING,
        }
    }

    /// Whether the record wasn't folded before.
    pub(super) const fn is_news(&self, record: &Record<'_>) -> bool {
        self.is_gone || record.offset >= self.next_offset
    }

    /// Moves on to a record that is news.
    pub(super) fn advance(&mut self, record: &Record<'_>) {
        if self.is_gone {
            // Nothing of the log that was replaced goes into the new one.
            *self = Self::new(self.partition);
        }
        self.next_offset = record.offset + 1;
        self.at_us = self.at_us.max(record.timestamp_us);
    }

    /// Folds in a tick that happened at `time_us`, of the record that was advanced to, whose own time is
    /// `timestamp_us`.
    pub(super) fn fold(&mut self, tick: &Tick<'_>, time_us: i64, timestamp_us: i64, boundary: DayBoundary) {
        let day = |instrument: &Instrument| {
            (instrument.day_number(), instrument.state().day.map_or(0, |day| day.trades))
        };
        let before = day(&self.instrument);
        self.instrument.fold(tick, time_us, boundary);
        let now = day(&self.instrument);
        let (at_us, told) = (self.at_us, &mut self.told);
        let note = |fact: &mut i64, is_told: bool| {
            if is_told {
                *fact = at_us;
            }
        };
        note(&mut told.trade_us, tick.trade.is_some());
        note(&mut told.bid_us, tick.bid != Side::Keep);
        note(&mut told.ask_us, tick.ask != Side::Keep);
        note(&mut told.venue_us, tick.venue.is_some());
        note(&mut told.open_us, now != before && now.1 == 1);
        self.follows_clock |= timestamp_us > 0 && time_us.abs_diff(timestamp_us) <= MOMENT_US;
        self.status = Status::Listed;
    }

    /// Passes over a tombstone of what is delisted already. What another partition has told before it is forgotten, and
    /// the symbol stays where it is.
    pub(super) fn delist_again(&mut self, record: &Record<'_>) {
        self.at_us = self.at_us.max(record.timestamp_us);
        self.told.cleared_us = self.at_us;
    }

    /// Folds in a tombstone of this time, that was advanced to.
    pub(super) fn delist(&mut self, time_us: i64) {
        self.instrument.clear(time_us);
        self.told = Told { cleared_us: self.at_us, ..Told::NOTHING };
        self.follows_clock = false;
        self.status = Status::Delisted;
    }

    /// What is known by this partition alone.
    pub(super) const fn state(&self) -> &State {
        self.instrument.state()
    }
}
