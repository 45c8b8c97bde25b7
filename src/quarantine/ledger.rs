//! Which bad records stand in the quarantine topic already, as far as somebody may still ask, and which don't yet.
//!
//! A log is read in order. So of each partition it takes one number, below which every bad record is dealt with, and
//! the offsets above it that were found in the quarantine topic: those that an earlier start has set aside, or another
//! instance that is ahead. As the log is read the number rises, and the offsets below it go.
//!
//! What is bad and not dealt with is *open*. The server holds copies of some; of the others it knows the offset and the
//! reason, which is enough: the log has them. A checkpoint keeps the open ones, since the log is read from behind them.

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringTreemap;

use super::{open::Open, record::Place};
use crate::publication::Epoch;

/// Offsets that are kept, over all partitions, of each of the two kinds: known, and open. Where bad records are dense an
/// offset takes two bytes or less, so that all take 8 MB; where there is one in 65,536 records it takes some 50 bytes,
/// but then all would be a log of 10^11 records. What isn't known for want of room may be set aside once more; what
/// isn't kept open is lost, and counted.
pub const OFFSETS_MAX: u64 = 4_000_000;

/// Offsets that lie no further apart are read in one go: seeking costs a round trip, in which so many records come.
const GAP_MAX: u64 = 10_000;

/// What is known of the log that is being read.
#[derive(Debug, Default)]
pub struct Ledger {
    partitions: HashMap<i32, Partition>,
    offsets: u64,
    open: u64,
    lost: u64,
}

#[derive(Debug)]
struct Partition {
    epoch: Epoch,
    /// Every bad record before it is dealt with.
    settled_below: u64,
    /// Those after that which stand in the quarantine topic.
    known: RoaringTreemap,
    /// Those that are to be set aside, by the reason's label.
    open: BTreeMap<&'static str, RoaringTreemap>,
    /// Of those, which there is a copy of.
    held: RoaringTreemap,
    /// The offset after the last that it was given.
    next: u64,
}

impl Partition {
    fn new(epoch: &Epoch, offset: u64) -> Self {
        Self {
            epoch: epoch.clone(),
            settled_below: offset,
            known: RoaringTreemap::new(),
            open: BTreeMap::new(),
            held: RoaringTreemap::new(),
            next: offset,
        }
    }

    fn first_open(&self) -> Option<u64> {
        self.open.values().filter_map(RoaringTreemap::min).min()
    }

    /// What is open and there is no copy of.
    fn missed(&self) -> RoaringTreemap {
        let mut missed = RoaringTreemap::new();
        self.open.values().for_each(|offsets| missed |= offsets);
        missed - &self.held
    }

    /// These are no longer open.
    fn close(&mut self, offsets: &RoaringTreemap) {
        self.open.values_mut().for_each(|open| *open -= offsets);
        self.held -= offsets;
    }

    /// Forgets the offsets that nobody asks for any more: how many.
    fn forget(&mut self) -> u64 {
        let first = self.first_open().unwrap_or(self.next);
        if first <= self.settled_below {
            return 0;
        }
        self.settled_below = first;
        self.known.remove_range(..first)
    }
}

/// Open records that lie close to each other, and of which there is no copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first of them.
    pub first: Place,
    /// The last one's offset.
    pub last: u64,
}

impl Ledger {
    /// The partition's log is read from `offset` on. Whether it's one of which nothing is known, so that the
    /// quarantine topic has to be read for it.
    pub fn begin(&mut self, partition: i32, epoch: &Epoch, offset: u64) -> bool {
        if self.partitions.get(&partition).is_some_and(|it| it.epoch == *epoch) {
            return false;
        }
        if let Some(before) = self.partitions.insert(partition, Partition::new(epoch, offset)) {
            self.offsets -= before.known.len();
            self.open -= before.open.values().map(RoaringTreemap::len).sum::<u64>();
            // Nobody can read that log any more. Of what there is a copy of the copy is set aside.
            self.lost += before.missed().len();
        }
        true
    }

    /// The record stands in the quarantine topic. False if it had to be forgotten for want of room.
    pub fn note(&mut self, place: &Place) -> bool {
        let Some(partition) = self.partitions.get_mut(&place.partition) else { return true };
        if partition.epoch != place.epoch || place.offset < partition.settled_below {
            return true;
        }
        if self.offsets >= OFFSETS_MAX {
            return partition.known.contains(place.offset);
        }
        self.offsets += u64::from(partition.known.insert(place.offset));
        true
    }

    /// Whether the record is dealt with or stands in the quarantine topic.
    pub fn is_known(&self, place: &Place) -> bool {
        self.partitions.get(&place.partition).is_some_and(|it| {
            it.epoch == place.epoch && (place.offset < it.settled_below || it.known.contains(place.offset))
        })
    }

    /// The record is bad, for the reason of this label, and to be set aside; whether there is a copy of it. False if
    /// there is no room for as much as its offset: then it's lost.
    pub fn open(&mut self, place: &Place, reason: &'static str, is_held: bool) -> bool {
        let has_room = self.open < OFFSETS_MAX;
        let Some(partition) = self.of(place) else { return false };
        partition.next = partition.next.max(place.offset + 1);
        if !has_room {
            self.lost += 1;
            return false;
        }
        let is_new = partition.open.entry(reason).or_default().insert(place.offset);
        if is_held {
            partition.held.insert(place.offset);
        }
        self.open += u64::from(is_new);
        true
    }

    /// The record is dealt with, whether it was set aside or given up. So is everything before the first that isn't.
    pub fn settle(&mut self, place: &Place) {
        let Some(partition) = self.of(place) else { return };
        let removed: u64 = partition.open.values_mut().map(|open| u64::from(open.remove(place.offset))).sum();
        partition.held.remove(place.offset);
        let forgotten = partition.forget();
        self.open -= removed;
        self.offsets -= forgotten;
    }

    /// What is open, stands in the quarantine topic by now, and of which there is no copy, is dealt with: how many.
    pub fn settle_known(&mut self) -> u64 {
        let mut settled = 0;
        for partition in self.partitions.values_mut() {
            let known = partition.missed() & &partition.known;
            settled += known.len();
            partition.close(&known);
            self.offsets -= partition.forget();
        }
        self.open -= settled;
        settled
    }

    /// The first of what is open and has no copy, with up to so many that follow it closely.
    pub fn missed(&self, most: usize) -> Option<Stretch> {
        self.partitions.iter().find_map(|(&partition, it)| {
            let missed = it.missed();
            let first = missed.min()?;
            let mut last = first;
            for offset in missed.iter().take(most) {
                if offset - last > GAP_MAX {
                    break;
                }
                last = offset;
            }
            let first = Place { epoch: it.epoch.clone(), partition, offset: first };
            Some(Stretch { first, last })
        })
    }

    /// The reason of a record that is open and has no copy.
    pub fn reason(&self, place: &Place) -> Option<&'static str> {
        let partition = self.partitions.get(&place.partition).filter(|it| it.epoch == place.epoch)?;
        if partition.held.contains(place.offset) {
            return None;
        }
        partition.open.iter().find(|(_, open)| open.contains(place.offset)).map(|(reason, _)| *reason)
    }

    /// There is a copy of the record now, which is open.
    pub fn hold(&mut self, place: &Place) {
        if let Some(partition) = self.of(place) {
            partition.held.insert(place.offset);
        }
    }

    /// The log has nothing more of what is missed before `place`: that is lost.
    pub fn lose_before(&mut self, place: &Place) {
        let Some(partition) = self.of(place) else { return };
        let mut lost = partition.missed();
        lost.remove_range(place.offset..);
        partition.close(&lost);
        let forgotten = partition.forget();
        self.lost += lost.len();
        self.open -= lost.len();
        self.offsets -= forgotten;
    }

    /// How many are lost since the last call.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// How many are open.
    pub const fn waiting(&self) -> u64 {
        self.open
    }

    /// What is open, for a checkpoint.
    pub fn all_open(&self) -> Vec<Open> {
        let mut all: Vec<_> = self
            .partitions
            .iter()
            .flat_map(|(&partition, it)| {
                let some = it.open.iter().filter(|(_, offsets)| !offsets.is_empty());
                some.map(move |(&reason, offsets)| Open::new(partition, reason, offsets))
            })
            .collect();
        all.sort_unstable_by_key(|open| (open.partition, open.reason));
        all
    }

    /// What was open at a checkpoint from which the log is read on, in a partition that is begun.
    pub fn reopen(&mut self, open: &Open) {
        let Some(partition) = self.partitions.get_mut(&open.partition) else { return };
        let offsets = partition.open.entry(open.reason).or_default();
        let before = offsets.len();
        for run in &open.runs {
            offsets.insert_range(run.clone());
        }
        self.open += offsets.len() - before;
        if let Some(first) = offsets.min() {
            partition.settled_below = partition.settled_below.min(first);
        }
    }

    /// The log is read up to the record, and what was bad before it was given.
    pub fn pass(&mut self, place: &Place) {
        let Some(partition) = self.of(place) else { return };
        partition.next = partition.next.max(place.offset);
        let forgotten = partition.forget();
        self.offsets -= forgotten;
    }

    fn of(&mut self, place: &Place) -> Option<&mut Partition> {
        self.partitions.get_mut(&place.partition).filter(|it| it.epoch == place.epoch)
    }

    /// How many offsets are known to stand in the quarantine topic.
    pub const fn offsets(&self) -> u64 {
        self.offsets
    }
}

#[cfg(test)]
mod tests;
