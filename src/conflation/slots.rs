//! The slots of an outbox, and the lines that are threaded through them.
//!
//! A slot stands in one line at most, so that one pair of neighbours is room enough for all lines,
//! and joining and leaving one are a few writes.

use crate::last_value_cache::TopicId;

/// One (subscription, symbol).
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) topic: TopicId,
    pub(super) subscription: u32,
    /// Where the topic's list of routes has the one to this slot.
    pub(super) route: u32,
    /// Neighbours in the line; meaningful while it stands in one.
    previous: u32,
    /// Next in the line; of a free slot the next free one.
    pub(super) next: u32,
    pub(super) status: Status,
    /// Whether its messages need credit.
    pub(super) needs_credit: bool,
    /// Ordinal of the state that was sent, or [`SNAPSHOT`].
    pub(super) baseline: u64,
}

impl Slot {
    /// A slot that is owed nothing.
    pub(super) const fn clean(topic: TopicId, subscription: u32, needs_credit: bool, baseline: u64) -> Self {
        let (route, previous, next, status) = (0, NONE, NONE, Status::Clean);
        Self { topic, subscription, route, previous, next, status, needs_credit, baseline }
    }
}

/// What a slot is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It's nobody's.
    Free,
    /// Nothing.
    Clean,
    /// A message: it stands in the line.
    Dirty,
    /// A message, once its subscription has credit: it stands in that one's line.
    Waiting,
}

/// No slot: the end of a chain. A session has far fewer slots than this.
pub(super) const NONE: u32 = u32::MAX;

/// Stands in a slot for "the next message is the snapshot"; no symbol has that many ticks.
pub(super) const SNAPSHOT: u64 = u64::MAX;

/// The ends of a line.
#[derive(Debug)]
pub(super) struct Line {
    first: u32,
    last: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl Line {
    pub(super) const fn is_empty(&self) -> bool {
        self.first == NONE
    }

    pub(super) const fn first(&self) -> Option<u32> {
        if self.first == NONE { None } else { Some(self.first) }
    }
}

/// The slots of one session. 32 bytes each.
#[derive(Debug, Default)]
pub(super) struct Slots(pub(super) Vec<Slot>);

impl Slots {
    pub(super) fn at(&mut self, id: u32) -> &mut Slot {
        &mut self.0[id as usize]
    }

    /// Puts a slot that stands nowhere at the end of a line.
    pub(super) fn join(&mut self, line: &mut Line, id: u32) {
        let slot = self.at(id);
        slot.previous = line.last;
        slot.next = NONE;
        match line.last {
            NONE => line.first = id,
            last => self.at(last).next = id,
        }
        line.last = id;
    }

    /// Takes a slot out of the line in which it stands.
    pub(super) fn leave(&mut self, line: &mut Line, id: u32) {
        let &mut Slot { previous, next, .. } = self.at(id);
        match previous {
            NONE => line.first = next,
            previous => self.at(previous).next = next,
        }
        match next {
            NONE => line.last = previous,
            next => self.at(next).previous = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_small() {
        assert_eq!(size_of::<Slot>(), 32);
    }
}
