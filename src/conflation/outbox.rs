//! The outbox of one session: a slot for each (subscription, symbol), the dirty ones in a line.
//!
//! The line is threaded through the slots, so that marking, serving and removing are a few writes
//! each and the outbox can't grow beyond its slots. Whoever becomes dirty goes to the end of the
//! line and stays where it is however often it's marked again: a busy symbol can't overtake a quiet
//! one, and every dirty symbol is served within one round.
//!
//! A subscription whose messages the client acknowledges has a limited credit. It has no more slots
//! in the line than credit; its other dirty slots wait in a line of its own, and conflate there.
//! Nobody else waits for them.

use super::slots::{Line, NONE, SNAPSHOT, Slot, Slots, Status};
use crate::last_value_cache::TopicId;

/// A slot's number within its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotId(u32);

/// What a slot's next message has to be counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Nothing was sent: the next message is the snapshot.
    Snapshot,
    /// The state with this ordinal was sent, or not asked for.
    After(u64),
}

/// What is to be served next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The slot.
    pub slot: SlotId,
    /// Number of the subscription it belongs to.
    pub subscription: u32,
    /// The symbol it stands for.
    pub topic: TopicId,
    /// What was sent before.
    pub baseline: Baseline,
}

/// The slots of one session, and what they are owed.
#[derive(Debug)]
pub struct Outbox {
    slots: Slots,
    /// First of the free slots, which are chained by `next`.
    free: u32,
    dirty: Line,
    /// By number of the subscription.
    owners: Vec<Owner>,
    /// How many slots aren't free.
    occupied: usize,
}

/// What the slots of one subscription have in common.
#[derive(Debug, Default)]
struct Owner {
    slots: Owned,
    /// None: it may be sent as much as there is.
    credit: Option<Box<Credit>>,
}

/// Where the slots of a subscription are.
#[derive(Clone, Copy, Debug, Default)]
enum Owned {
    #[default]
    None,
    /// All of a subscription to one symbol.
    One(u32),
    /// To be looked for among all slots.
    Many,
}

/// How many messages a subscription may still be sent.
#[derive(Debug, Default)]
struct Credit {
    available: u32,
    /// How many of its slots stand in the outbox's line; never more than are available.
    in_line: u32,
    /// Its dirty slots for which there was no credit.
    waiting: Line,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { slots: Slots::default(), free: NONE, dirty: Line::default(), owners: Vec::new(), occupied: 0 }
    }
}

impl Outbox {
    /// Begins a subscription, which may be sent so many messages before it's [granted](Self::grant)
    /// more; `None`: as many as there are. Its number may have been another's, whose slots are gone.
    pub fn begin(&mut self, subscription: u32, credit: Option<u32>) {
        let credit = credit.map(|available| Box::new(Credit { available, ..Credit::default() }));
        *self.owner(subscription) = Owner { slots: Owned::None, credit };
    }

    /// Adds a slot, clean. Its route is told by [`Outbox::set_route`].
    pub fn insert(&mut self, subscription: u32, topic: TopicId, baseline: Baseline) -> SlotId {
        let baseline = match baseline {
            Baseline::Snapshot => SNAPSHOT,
            Baseline::After(ordinal) => ordinal,
        };
        let needs_credit = self.owner(subscription).credit.is_some();
        let slot = Slot::clean(topic, subscription, needs_credit, baseline);
        let id = if self.free == NONE {
            self.slots.0.push(slot);
            u32::try_from(self.slots.0.len() - 1).expect("subscriptions are bounded")
        } else {
            let id = self.free;
            self.free = std::mem::replace(self.slots.at(id), slot).next;
            id
        };
        self.occupied += 1;
        let owned = &mut self.owner(subscription).slots;
        *owned = if matches!(owned, Owned::None) { Owned::One(id) } else { Owned::Many };
        SlotId(id)
    }

    /// Takes a slot away, whatever it is owed; answers its topic and its route there.
    pub fn remove(&mut self, SlotId(id): SlotId) -> (TopicId, u32) {
        let &mut Slot { topic, route, subscription, status, .. } = self.slots.at(id);
        match status {
            Status::Dirty => {
                self.slots.leave(&mut self.dirty, id);
                self.left_line(id);
            }
            Status::Waiting => {
                let credit = credit_of(&mut self.owners, subscription);
                self.slots.leave(&mut credit.waiting, id);
            }
            Status::Clean | Status::Free => {}
        }
        let slot = self.slots.at(id);
        slot.status = Status::Free;
        slot.next = self.free;
        self.free = id;
        self.occupied -= 1;
        let owned = &mut self.owner(subscription).slots;
        if let Owned::One(_) = owned {
            *owned = Owned::None;
        }
        if self.occupied == 0 {
            // Who had many symbols once needn't keep their room for ever.
            self.slots = Slots::default();
            self.free = NONE;
        } else if status == Status::Dirty {
            self.let_in(subscription);
        }
        (topic, route)
    }

    /// Says that the slot's symbol changed.
    pub fn mark(&mut self, SlotId(id): SlotId) {
        let slot = self.slots.at(id);
        if slot.status != Status::Clean {
            return;
        }
        if slot.needs_credit {
            slot.status = Status::Waiting;
            let subscription = slot.subscription;
            self.slots.join(&mut credit_of(&mut self.owners, subscription).waiting, id);
            self.let_in(subscription);
        } else {
            slot.status = Status::Dirty;
            self.slots.join(&mut self.dirty, id);
        }
    }

    /// Whether anything is owed that may be sent.
    pub const fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Takes the slot that waited longest out of the line; it's clean then. Call [`Outbox::sent`] or
    /// [`Outbox::skipped`] for it.
    pub fn take_next(&mut self) -> Option<Due> {
        let id = self.dirty.first()?;
        self.slots.leave(&mut self.dirty, id);
        self.left_line(id);
        let slot = self.slots.at(id);
        slot.status = Status::Clean;
        let baseline = match slot.baseline {
            SNAPSHOT => Baseline::Snapshot,
            ordinal => Baseline::After(ordinal),
        };
        Some(Due { slot: SlotId(id), subscription: slot.subscription, topic: slot.topic, baseline })
    }

    /// Notes that the state with this ordinal was sent, which takes credit where there is a limit.
    pub fn sent(&mut self, SlotId(id): SlotId, ordinal: u64) {
        let slot = self.slots.at(id);
        slot.baseline = ordinal;
        if slot.needs_credit {
            credit_of(&mut self.owners, slot.subscription).available -= 1;
        }
    }

    /// Notes that there was nothing to send after all: the turn is another slot's.
    pub fn skipped(&mut self, SlotId(id): SlotId) {
        let subscription = self.slots.at(id).subscription;
        self.let_in(subscription);
    }

    /// Allows a subscription with a limit so many messages more.
    pub fn grant(&mut self, subscription: u32, messages: u32) {
        credit_of(&mut self.owners, subscription).available += messages;
        self.let_in(subscription);
    }

    fn left_line(&mut self, id: u32) {
        let slot = self.slots.at(id);
        if slot.needs_credit {
            credit_of(&mut self.owners, slot.subscription).in_line -= 1;
        }
    }

    /// Lets as many of a subscription's waiting slots into the line as there is credit for.
    fn let_in(&mut self, subscription: u32) {
        let credit = self.owners.get_mut(subscription as usize).and_then(|owner| owner.credit.as_mut());
        let Some(credit) = credit else { return };
        while credit.in_line < credit.available
            && let Some(id) = credit.waiting.first()
        {
            self.slots.leave(&mut credit.waiting, id);
            self.slots.at(id).status = Status::Dirty;
            self.slots.join(&mut self.dirty, id);
            credit.in_line += 1;
        }
    }

    /// Notes where the topic's list of routes has the one to this slot.
    pub fn set_route(&mut self, SlotId(id): SlotId, route: u32) {
        self.slots.at(id).route = route;
    }

    /// The slots of one subscription.
    pub fn slots_of(&mut self, subscription: u32) -> Vec<SlotId> {
        match self.owner(subscription).slots {
            Owned::None => Vec::new(),
            Owned::One(id) => vec![SlotId(id)],
            Owned::Many => {
                let of = |(_, slot): &(SlotId, &Slot)| slot.subscription == subscription;
                self.occupied().filter(of).map(|(id, _)| id).collect()
            }
        }
    }

    /// All slots.
    pub fn slots(&self) -> Vec<SlotId> {
        self.occupied().map(|(id, _)| id).collect()
    }

    /// The topic of a slot and its route there.
    #[cfg(test)]
    pub(crate) fn route_of(&self, SlotId(id): SlotId) -> (TopicId, u32) {
        let slot = &self.slots.0[id as usize];
        (slot.topic, slot.route)
    }

    fn owner(&mut self, subscription: u32) -> &mut Owner {
        let at = subscription as usize;
        if self.owners.len() <= at {
            self.owners.resize_with(at + 1, Owner::default);
        }
        &mut self.owners[at]
    }

    fn occupied(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..).map(SlotId).zip(&self.slots.0).filter(|(_, slot)| slot.status != Status::Free)
    }
}

/// Beside the slots, so that both can be changed.
fn credit_of(owners: &mut [Owner], subscription: u32) -> &mut Credit {
    let credit = owners[subscription as usize].credit.as_mut();
    credit.expect("a slot on credit belongs to a subscription with a limit")
}

#[cfg(test)]
mod tests;
