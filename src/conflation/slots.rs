//! The slots of an outbox, and the lines that are threaded through them.
//!
//! A slot stands in one line at most, so that one pair of neighbours is room enough for all lines,
//! and joining and leaving one are a few writes.

use super::wheel::TimerId;
use crate::{last_value_cache::TopicId, publication::Content};

/// One (subscription, symbol), or the turn of a subscription whose ticks wait.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) topic: TopicId,
    pub(super) subscription: u32,
    /// Where the topic's list of routes has the one to this slot.
    pub(super) route: u32,
    /// Neighbour in the line, while it stands in one; the timer, while it rests.
    previous: u32,
    /// Next in the line; of a free slot the next free one.
    pub(super) next: u32,
    pub(super) status: Status,
    pub(super) kind: Kind,
    /// Whether its subscription has [`Terms`](super::Terms).
    pub(super) on_terms: bool,
    /// What was sent, or [`SNAPSHOT`].
    pub(super) baseline: Stamp,
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
    /// Nothing, and if it were, not before its timer expires.
    Resting,
    /// A message, once its timer expires.
    Held,
}

/// What a slot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The newest state of a symbol.
    State,
    /// The snapshot of a symbol whose ticks are sent one by one, and what was sent of them.
    Record,
    /// A state that is sent once.
    Once,
    /// The turn of a subscription's ticks, whatever symbols they are of.
    Turn,
}

/// Tells a symbol's states apart, and the newer from the older: how many ticks are in it, and how often its trading day
/// began anew since the last of them. 52 bits of ticks are enough for a million a second over a century.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

const ROLLOVER_BITS: u32 = 12;

/// Stands in a slot for "the next message is the snapshot"; no state has this stamp.
pub(super) const SNAPSHOT: Stamp = Stamp(u64::MAX);

impl Stamp {
    /// Before the first tick.
    pub const START: Self = Self(0);

    /// How many ticks are in the state.
    pub const fn ordinal(self) -> u64 {
        self.0 >> ROLLOVER_BITS
    }
}

impl From<&Content> for Stamp {
    fn from(content: &Content) -> Self {
        let rollovers = u64::from(content.rollovers) & ((1 << ROLLOVER_BITS) - 1);
        Self(content.ordinal << ROLLOVER_BITS | rollovers)
    }
}

/// No slot: the end of a chain. A session has far fewer slots than this.
pub(super) const NONE: u32 = u32::MAX;

/// The ends of a line, and how many stand in it.
#[derive(Debug)]
pub(super) struct Line {
    first: u32,
    last: u32,
    length: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self { first: NONE, last: NONE, length: 0 }
    }
}

impl Line {
    pub(super) const fn is_empty(&self) -> bool {
        self.first == NONE
    }

    pub(super) const fn len(&self) -> u32 {
        self.length
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
        line.length += 1;
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
        line.length -= 1;
    }
}

impl Slot {
    pub(super) const fn set_timer(&mut self, TimerId(timer): TimerId) {
        self.previous = timer;
    }

    /// The timer of a slot that rests.
    pub(super) const fn timer(&self) -> TimerId {
        TimerId(self.previous)
    }

    /// A slot that is owed nothing.
    pub(super) const fn clean(
        kind: Kind,
        topic: TopicId,
        subscription: u32,
        on_terms: bool,
        baseline: Stamp,
    ) -> Self {
        let (route, previous, next, status) = (0, NONE, NONE, Status::Clean);
        Self { topic, subscription, route, previous, next, status, kind, on_terms, baseline }
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
