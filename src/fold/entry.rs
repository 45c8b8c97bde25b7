//! One symbol in the fold: what is remembered of it, and what is to be told of it.

use std::sync::Arc;

use super::{Record, parts::Parts};
use crate::{
    market::Symbol,
    publication::{Content, Epoch, Publication, Retired, Status, SymbolId},
};

/// What the fold remembers of a symbol, and a checkpoint keeps.
#[derive(Debug)]
pub struct Kept {
    pub(crate) symbol: Symbol,
    /// How many ticks were folded; none of a symbol of which only a tombstone is known.
    pub(crate) ordinal: u64,
    /// How often the state has changed since its newest record without a newer one.
    pub(crate) rollovers: u32,
    pub(crate) parts: Parts,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kept: Kept,
    epoch: Epoch,
    /// The partition that the epoch names: that of the newest record, if the symbol was in several.
    epoch_partition: Option<i32>,
    /// Whether somebody wants each of its ticks, apart from those who want every symbol's.
    pub(super) is_recorded: bool,
    pub(super) is_dirty: bool,
    /// Whether anybody was told of it, or will be, since this fold began: then its number stays its own.
    pub(super) is_known: bool,
    /// Whether its newest state is among the ticks that weren't handed out yet.
    pub(super) has_ticked: bool,
    /// What was handed out last.
    pub(super) newest: Option<Arc<Publication>>,
}

impl Kept {
    /// A symbol of which nothing is known but the partition of its first record.
    pub(super) fn new(symbol: Symbol, partition: i32) -> Self {
        Self { symbol, ordinal: 0, rollovers: 0, parts: Parts::new_in(partition) }
    }

    /// Whether a tick of it was ever folded, so that clients know it.
    pub(super) const fn is_told(&self) -> bool {
        self.ordinal > 0
    }
}

impl Entry {
    pub(super) fn new(kept: Kept, epoch: &Epoch, is_recorded: bool) -> Self {
        let mut this = Self {
            kept,
            epoch: Arc::clone(epoch),
            epoch_partition: None,
            is_recorded,
            is_dirty: false,
            is_known: false,
            has_ticked: false,
            newest: None,
        };
        this.rename_epoch(epoch);
        this
    }

    pub(super) fn status(&self) -> Status {
        self.kept.parts.status()
    }

    /// Where its newest record is.
    pub(super) fn partition(&self) -> i32 {
        self.kept.parts.newest().partition
    }

    /// The state is another one by this record, which counts unless it's one of several that are told as one.
    pub(super) fn note(&mut self, record: &Record<'_>, is_counted: bool) {
        let newest = self.kept.parts.newest();
        let is_newest = (newest.partition, newest.next_offset) == (record.partition, record.offset + 1);
        self.kept.rollovers = if is_newest { 0 } else { self.kept.rollovers + 1 };
        self.kept.ordinal += u64::from(is_counted);
    }

    /// Begins the trading day if the symbol follows the clock and isn't there yet. Whether that can be seen.
    pub(super) fn roll_over(&mut self, today: i64) -> bool {
        let is_seen = self.kept.parts.roll_over(today);
        self.kept.rollovers += u32::from(is_seen);
        is_seen
    }

    /// The log has this epoch. Offsets of two partitions can't be compared, so that a symbol which moved has one for
    /// each.
    pub(super) fn rename_epoch(&mut self, epoch: &Epoch) {
        self.epoch_partition = self.kept.parts.has_moved().then(|| self.partition());
        self.epoch = match self.epoch_partition {
            Some(partition) => format!("{epoch}.{partition}").into(),
            None => Arc::clone(epoch),
        };
    }

    /// The same where the newest record is in another partition than it was.
    pub(super) fn follow_partition(&mut self, epoch: &Epoch) {
        if self.kept.parts.has_moved() && self.epoch_partition != Some(self.partition()) {
            self.rename_epoch(epoch);
        }
    }

    /// The state as a publication says it.
    pub(super) fn content(&self, id: SymbolId, ingested_us: i64) -> Content {
        let newest = self.kept.parts.newest();
        Content {
            id,
            symbol: self.kept.symbol.clone(),
            partition: newest.partition,
            seq: newest.seq,
            epoch: Arc::clone(&self.epoch),
            ordinal: self.kept.ordinal,
            rollovers: self.kept.rollovers,
            status: self.status(),
            state: self.kept.parts.state().clone(),
            ingested_us,
        }
    }

    /// Hands out a newer state than before.
    pub(super) fn publish(&mut self, content: Content, retired: &mut Retired) -> Arc<Publication> {
        let publication = retired.publish(content);
        if let Some(replaced) = self.newest.replace(Arc::clone(&publication)) {
            retired.retire(replaced);
        }
        publication
    }
}
