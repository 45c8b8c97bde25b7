//! The quarantine topic as a whole: each bad record once, and whether it's dealt with.
//!
//! A record may be set aside by several instances, and the fact that it's dealt with comes later, in another partition
//! maybe. So the topic is read twice: once for what is dealt with, then for the records.

use std::collections::HashMap;

use roaring::RoaringTreemap;

use super::{
    entry::{Entry, Fact, Outcome},
    record::Place,
};
use crate::publication::Epoch;

/// A set of places. As compact as the ledger's, see there.
#[derive(Debug, Default)]
pub struct Places(HashMap<(Epoch, i32), RoaringTreemap>);

impl Places {
    /// Adds a place; false if it's there already.
    pub fn insert(&mut self, place: &Place) -> bool {
        self.0.entry((Epoch::clone(&place.epoch), place.partition)).or_default().insert(place.offset)
    }

    /// Whether the place is there.
    pub fn contains(&self, place: &Place) -> bool {
        let log = (Epoch::clone(&place.epoch), place.partition);
        self.0.get(&log).is_some_and(|offsets| offsets.contains(place.offset))
    }
}

/// What the quarantine topic says of one source.
#[derive(Debug)]
pub struct Catalogue {
    source: String,
    republished: Places,
    dismissed: Places,
    seen: Places,
    copies: u64,
    foreign: u64,
}

impl Catalogue {
    /// Of the topic `source`. Nothing read yet.
    pub fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            republished: Places::default(),
            dismissed: Places::default(),
            seen: Places::default(),
            copies: 0,
            foreign: 0,
        }
    }

    /// The first reading: what is dealt with.
    pub fn note(&mut self, entry: &Entry) {
        if entry.topic != self.source {
            self.foreign += u64::from(matches!(entry.fact, Fact::Bad { .. }));
            return;
        }
        match entry.fact {
            Fact::Bad { .. } => {}
            Fact::Done(Outcome::Republished) => drop(self.republished.insert(&entry.place)),
            Fact::Done(Outcome::Dismissed) => drop(self.dismissed.insert(&entry.place)),
        }
    }

    /// The second reading: whether this is a bad record that wasn't met before.
    pub fn meet(&mut self, entry: &Entry) -> bool {
        if entry.topic != self.source || !matches!(entry.fact, Fact::Bad { .. }) {
            return false;
        }
        let is_first = self.seen.insert(&entry.place);
        self.copies += u64::from(!is_first);
        is_first
    }

    /// How the record was dealt with, if it was.
    pub fn outcome(&self, place: &Place) -> Option<Outcome> {
        if self.republished.contains(place) {
            Some(Outcome::Republished)
        } else if self.dismissed.contains(place) {
            Some(Outcome::Dismissed)
        } else {
            None
        }
    }

    /// Whether the record was met.
    pub fn has_met(&self, place: &Place) -> bool {
        self.seen.contains(place)
    }

    /// Copies beyond the first of a record, which another instance or an earlier start has left.
    pub const fn copies(&self) -> u64 {
        self.copies
    }

    /// Bad records of other sources.
    pub const fn foreign(&self) -> u64 {
        self.foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(topic: &str, epoch: &str, offset: u64, outcome: Option<Outcome>) -> Entry {
        let bad = Fact::Bad {
            reason: "symbol".to_owned(),
            error: String::new(),
            timestamp_ms: None,
            omitted_bytes: None,
        };
        Entry {
            topic: topic.to_owned(),
            place: Place { epoch: epoch.into(), partition: 0, offset },
            fact: outcome.map_or(bad, Fact::Done),
        }
    }

    #[test]
    fn a_record_is_met_once_and_its_outcome_known_in_whatever_order_it_was_told() {
        let told = [
            entry("ticks", "a", 1, Some(Outcome::Republished)),
            entry("ticks", "a", 1, None),
            entry("ticks", "a", 2, None),
            entry("ticks", "a", 1, None),
            entry("ticks", "b", 1, None),
            entry("other", "a", 3, None),
            entry("other", "a", 2, Some(Outcome::Dismissed)),
            entry("ticks", "b", 1, Some(Outcome::Dismissed)),
        ];
        let mut catalogue = Catalogue::new("ticks");
        told.iter().for_each(|entry| catalogue.note(entry));
        let met: Vec<_> = told
            .iter()
            .filter(|entry| catalogue.meet(entry))
            .map(|entry| (&*entry.place.epoch, entry.place.offset))
            .collect();
        assert_eq!(met, [("a", 1), ("a", 2), ("b", 1)]);
        let outcome = |at: usize| catalogue.outcome(&told[at].place);
        assert_eq!(outcome(1), Some(Outcome::Republished));
        assert_eq!((outcome(2), outcome(4)), (None, Some(Outcome::Dismissed)));
        assert_eq!((catalogue.copies(), catalogue.foreign()), (1, 1));
        assert!(catalogue.has_met(&told[2].place) && !catalogue.has_met(&told[5].place));
    }
}
