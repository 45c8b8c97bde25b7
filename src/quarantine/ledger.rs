//! Which bad records stand in the quarantine topic already, as far as somebody may still ask.
//!
//! A log is read in order. So of each partition it takes one number, below which every bad record is dealt with, and
//! the offsets above it that were found in the quarantine topic: those that an earlier start has set aside, or another
//! instance that is ahead. As the log is read the number rises, and the offsets below it go.

use std::collections::{BTreeSet, HashMap};

use roaring::RoaringTreemap;

use super::record::Place;
use crate::publication::Epoch;

/// Offsets that are kept, over all partitions. Where bad records are dense an offset takes two bytes or less, so that
/// all take 8 MB; where there is one in 65,536 records it takes some 50 bytes, but then all would be a log of 10^11
/// records. What doesn't fit is forgotten: it may be set aside once more.
pub const OFFSETS_MAX: u64 = 4_000_000;

/// What is known of the log that is being read.
#[derive(Debug, Default)]
pub struct Ledger {
    partitions: HashMap<i32, Partition>,
    offsets: u64,
}

#[derive(Debug)]
struct Partition {
    epoch: Epoch,
    /// Every bad record before it is dealt with.
    settled_below: u64,
    /// Those after that which stand in the quarantine topic.
    known: RoaringTreemap,
    /// Those that this instance is about to set aside; as many as it keeps records.
    waiting: BTreeSet<u64>,
    /// The offset after the last that it was given.
    next: u64,
}

impl Ledger {
    /// The partition's log is read from `offset` on. Whether it's one of which nothing is known, so that the
    /// quarantine topic has to be read for it.
    pub fn begin(&mut self, partition: i32, epoch: &Epoch, offset: u64) -> bool {
        if self.partitions.get(&partition).is_some_and(|it| it.epoch == *epoch) {
            return false;
        }
        let begun = Partition {
            epoch: epoch.clone(),
            settled_below: offset,
            known: RoaringTreemap::new(),
            waiting: BTreeSet::new(),
            next: offset,
        };
        if let Some(before) = self.partitions.insert(partition, begun) {
            self.offsets -= before.known.len();
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

    /// Whether records of this log are looked for.
    pub fn is_begun(&self, place: &Place) -> bool {
        self.partitions.get(&place.partition).is_some_and(|it| it.epoch == place.epoch)
    }

    /// The record is about to be set aside.
    pub fn wait(&mut self, place: &Place) {
        let Some(partition) = self.of(place) else { return };
        partition.waiting.insert(place.offset);
        partition.next = partition.next.max(place.offset + 1);
    }

    /// The record is dealt with, whether it was set aside or given up. So is everything before the first that isn't.
    pub fn settle(&mut self, place: &Place) {
        let Some(partition) = self.of(place) else { return };
        partition.waiting.remove(&place.offset);
        self.forget(place);
    }

    /// The log is read up to the record, and what was bad before it was given.
    pub fn pass(&mut self, place: &Place) {
        let Some(partition) = self.of(place) else { return };
        partition.next = partition.next.max(place.offset);
        self.forget(place);
    }

    /// Forgets the offsets of the record's log that nobody asks for any more.
    fn forget(&mut self, place: &Place) {
        let Some(partition) = self.of(place) else { return };
        let first = partition.waiting.first().copied().unwrap_or(partition.next);
        if first > partition.settled_below {
            partition.settled_below = first;
            let forgotten = partition.known.remove_range(..first);
            self.offsets -= forgotten;
        }
    }

    fn of(&mut self, place: &Place) -> Option<&mut Partition> {
        self.partitions.get_mut(&place.partition).filter(|it| it.epoch == place.epoch)
    }

    /// How many offsets are kept.
    pub const fn offsets(&self) -> u64 {
        self.offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: &str, partition: i32, offset: u64) -> Place {
        Place { epoch: epoch.into(), partition, offset }
    }

    fn begun(epoch: &str) -> Ledger {
        let mut ledger = Ledger::default();
        assert!(ledger.begin(0, &epoch.into(), 10));
        assert!(ledger.begin(1, &epoch.into(), 0));
        ledger
    }

    #[test]
    fn what_was_set_aside_of_this_log_is_known() {
        let mut ledger = begun("a");
        for place in [at("a", 0, 12), at("a", 0, 12), at("b", 0, 13), at("a", 2, 14), at("a", 1, 15)] {
            assert!(ledger.note(&place));
        }
        let known: Vec<_> = (10..20).filter(|offset| ledger.is_known(&at("a", 0, *offset))).collect();
        assert_eq!((known, ledger.offsets()), (vec![12], 2));
        assert!(ledger.is_known(&at("a", 0, 9)), "nobody reads there");
        assert!(!ledger.is_known(&at("b", 0, 9)), "that's another log");
        assert!(!ledger.is_known(&at("a", 2, 14)), "nobody reads that partition");
    }

    #[test]
    fn what_is_dealt_with_takes_no_room() {
        let mut ledger = begun("a");
        for offset in 10..20 {
            ledger.note(&at("a", 0, offset));
        }
        for offset in [20, 12, 15] {
            ledger.wait(&at("a", 0, offset));
        }
        ledger.settle(&at("a", 0, 15));
        assert_eq!(ledger.offsets(), 8, "the one at 12 may come back yet");
        ledger.settle(&at("a", 0, 12));
        assert_eq!(ledger.offsets(), 0);
        ledger.note(&at("a", 0, 14));
        assert_eq!(ledger.offsets(), 0, "the log is read in order, whoever tells late");
        assert!(ledger.is_known(&at("a", 0, 19)), "a log that is rewound changes nothing");
        assert!(!ledger.is_known(&at("a", 0, 20)));
        ledger.settle(&at("b", 0, 20));
        assert!(!ledger.is_known(&at("a", 0, 20)), "that was another log");
        ledger.settle(&at("a", 0, 20));
        assert!(ledger.is_known(&at("a", 0, 20)) && !ledger.is_known(&at("a", 0, 21)));
    }

    #[test]
    fn what_a_start_has_passed_is_forgotten_but_for_what_waits() {
        let mut ledger = begun("a");
        for offset in 10..20 {
            ledger.note(&at("a", 0, offset));
        }
        ledger.wait(&at("a", 0, 13));
        ledger.pass(&at("a", 0, 15));
        assert_eq!(ledger.offsets(), 7);
        ledger.settle(&at("a", 0, 13));
        assert_eq!(ledger.offsets(), 5);
        ledger.pass(&at("b", 0, 20));
        assert_eq!(ledger.offsets(), 5, "that was another log");
        ledger.pass(&at("a", 0, 20));
        assert_eq!(ledger.offsets(), 0);
        assert!(!ledger.is_known(&at("a", 0, 20)), "it's the next");
    }

    #[test]
    fn a_record_that_is_to_be_tried_again_is_seen_if_it_got_through() {
        let mut ledger = begun("a");
        ledger.wait(&at("a", 0, 12));
        ledger.wait(&at("a", 0, 13));
        ledger.settle(&at("a", 0, 13));
        assert!(!ledger.is_known(&at("a", 0, 12)));
        ledger.note(&at("a", 0, 12));
        assert!(ledger.is_known(&at("a", 0, 12)));
    }

    #[test]
    fn another_log_begins_with_nothing() {
        let mut ledger = begun("a");
        ledger.note(&at("a", 0, 12));
        assert!(!ledger.begin(0, &"a".into(), 0), "it's read already");
        assert!(ledger.begin(0, &"b".into(), 0));
        assert!(!ledger.is_begun(&at("a", 0, 12)) && ledger.is_begun(&at("b", 0, 12)));
        assert_eq!(ledger.offsets(), 0);
        assert!(!ledger.is_known(&at("b", 0, 12)) && !ledger.is_known(&at("a", 0, 12)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut ledger = begun("a");
        ledger.offsets = OFFSETS_MAX - 1;
        assert!(ledger.note(&at("a", 0, 12)));
        assert!(!ledger.note(&at("a", 0, 13)));
        assert!(ledger.note(&at("a", 0, 12)), "it's there");
        assert!(!ledger.is_known(&at("a", 0, 13)));
    }
}
