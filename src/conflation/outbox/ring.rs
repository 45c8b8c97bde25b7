//! Ticks that are sent one by one.

use std::sync::Arc;

use super::{Outbox, SlotId};
use crate::{
    conflation::{
        slots::{SNAPSHOT, Slot},
        terms::Tape,
    },
    publication::Publication,
};

/// Beyond so many places a ring has no more than four for each tick that waits: 256 bytes stay.
const KEPT_PLACES: usize = 16;

/// There are more ticks than a session may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl Outbox {
    /// Appends a tick of a slot's symbol to its subscription's ring; of all rings there are so many places. While the
    /// snapshot is owed, it's what will have the tick.
    pub fn append(
        &mut self,
        slot: SlotId,
        tick: &Arc<Publication>,
        ticks_max: usize,
    ) -> Result<(), Overflow> {
        let &mut Slot { subscription, baseline, .. } = self.slots.at(slot.0);
        if baseline == SNAPSHOT {
            // It may have been passed over: a delisted symbol has none.
            self.mark(slot);
            return Ok(());
        }
        if self.ticks >= ticks_max {
            return Err(Overflow);
        }
        let tape = self.tape(subscription).expect("it records");
        tape.ticks.push_back((slot, Arc::clone(tick)));
        let turn = SlotId(tape.turn);
        self.ticks += 1;
        self.mark(turn);
        Ok(())
    }

    /// The tick whose turn it is.
    pub(super) fn take_tick(&mut self, subscription: u32) -> (SlotId, Arc<Publication>) {
        self.ticks -= 1;
        let tape = self.tape(subscription).expect("whose turn it is");
        let tick = tape.ticks.pop_front().expect("it stands in the line while there are some");
        if tape.ticks.capacity() > KEPT_PLACES.max(4 * tape.ticks.len()) {
            tape.ticks.shrink_to(2 * tape.ticks.len());
        }
        tick
    }

    /// A subscription with ticks left goes to the end of the line.
    pub(super) fn take_turn(&mut self, subscription: u32) {
        if let Some(tape) = self.tape(subscription)
            && !tape.ticks.is_empty()
        {
            let turn = SlotId(tape.turn);
            self.mark(turn);
        }
    }

    pub(super) fn tape(&mut self, subscription: u32) -> Option<&mut Tape> {
        self.agreed(subscription)?.tape.as_mut()
    }
}
