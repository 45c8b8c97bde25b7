//! The outbox of one session: a slot for each (subscription, symbol), the dirty ones in a line.
//!
//! The line is threaded through the slots, so that marking, serving and removing are a few writes
//! each and the outbox can't grow beyond its slots. Whoever becomes dirty goes to the end of the
//! line and stays where it is however often it's marked again: a busy symbol can't overtake a quiet
//! one, and every dirty symbol is served within one round.
//!
//! Some subscriptions have [`Terms`]:
//! - a least interval between a symbol's messages: a slot that was served rests in the shard's timing
//!   wheel, and comes into the line no earlier than when that is over;
//! - a limited credit: no more of its slots stand in the line than it has credit for. Its other dirty
//!   slots wait in a line of its own, and conflate there;
//! - every tick: these wait in a ring, which has one place in the line, and one tick a turn.
//!
//! Nobody else waits for any of them.

mod credit;
mod ring;
#[cfg(test)]
mod tests;

pub use ring::Overflow;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{
    growth::make_room,
    rest::Pace,
    slots::{Kind, Line, NONE, SNAPSHOT, Slot, Slots, Stamp, Status},
    terms::{Agreement, Credit, Tape, Terms},
};
use crate::{last_value_cache::TopicId, publication::Publication};

/// A slot's number within its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotId(u32);

/// What a slot's next message has to be counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Nothing was sent: the next message is the snapshot.
    Snapshot,
    /// The state with this stamp was sent, or not asked for.
    After(Stamp),
}

/// What is to be served next.
#[derive(Clone, Debug)]
pub struct Due {
    /// The slot.
    pub slot: SlotId,
    /// Number of the subscription it belongs to.
    pub subscription: u32,
    /// The symbol it stands for.
    pub topic: TopicId,
    /// Where the topic's list of routes has the one to the slot, if it's told by that list.
    pub route: Option<u32>,
    /// What was sent before.
    pub baseline: Baseline,
    /// The state to send, if it isn't the newest: every tick has its turn.
    pub tick: Option<Arc<Publication>>,
    /// Whether it's the only message there will be for the slot.
    pub is_last: bool,
}

/// A slot that was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The symbol it stood for.
    pub topic: TopicId,
    /// Its place in the topic's list of routes.
    pub route: u32,
    /// Which list that is, if any.
    pub kind: Kind,
}

/// The slots of one session, and what they are owed.
///
/// What marking a slot looks at comes first, so that it's within one line of the processor's cache.
#[derive(Debug)]
#[repr(C)]
pub struct Outbox {
    slots: Slots,
    dirty: Line,
    /// First of the free slots, which are chained by `next`.
    free: u32,
    /// By number of the subscription.
    owners: Vec<Owner>,
    /// How many slots aren't free.
    occupied: usize,
    /// How often a slot was taken out of the line to be served.
    served: u64,
    /// How many ticks wait in all rings.
    ticks: usize,
    /// By slot: what was sent last, where that's kept: 8 bytes, and up to 750 for a state that nobody else has any longer.
    sent: Vec<Option<Arc<Publication>>>,
}

/// What the slots of one subscription have in common.
#[derive(Debug, Default)]
struct Owner {
    slots: Owned,
    /// None: it's sent as much as there is.
    agreed: Option<Box<Agreement>>,
}

/// Where the slots of a subscription are.
#[derive(Clone, Copy, Debug, Default)]
enum Owned {
    #[default]
    None,
    /// All of a subscription to one symbol.
    One(u32),
    /// So many, to be looked for among all slots.
    Many(u32),
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            slots: Slots::default(),
            free: NONE,
            dirty: Line::default(),
            owners: Vec::new(),
            occupied: 0,
            served: 0,
            ticks: 0,
            sent: Vec::new(),
        }
    }
}

impl Outbox {
    /// Begins a subscription. Its number may be that of one that has ended, none of whose slots is
    /// left.
    pub fn begin(&mut self, subscription: u32, terms: Terms) {
        let agreed = (!terms.are_plain()).then(|| {
            let credit = terms.credit.map(|available| Credit { available, ..Credit::default() });
            Agreement { interval: terms.interval, credit, tape: None, keeps_sent: terms.keeps_sent }
        });
        *self.owner(subscription) = Owner { slots: Owned::None, agreed: agreed.map(Box::new) };
        if terms.every {
            let turn = self.occupy(Kind::Turn, subscription, TopicId::NONE, Stamp::START);
            let tape = Tape { turn, ticks: VecDeque::new() };
            self.agreed(subscription).expect("these terms aren't plain").tape = Some(tape);
        }
    }

    /// Ends a subscription, after its slots were taken away: what is left of it is its ring.
    pub fn end(&mut self, subscription: u32, pace: &mut Pace<'_>) {
        let tape = self.agreed(subscription).and_then(|agreed| agreed.tape.take());
        if let Some(Tape { turn, ticks }) = tape {
            self.ticks -= ticks.len();
            self.remove(SlotId(turn), pace);
        }
        *self.owner(subscription) = Owner::default();
    }

    /// Adds a slot that is owed nothing yet.
    pub fn insert(&mut self, subscription: u32, kind: Kind, topic: TopicId, baseline: Baseline) -> SlotId {
        let baseline = match baseline {
            Baseline::Snapshot => SNAPSHOT,
            Baseline::After(stamp) => stamp,
        };
        let id = self.occupy(kind, subscription, topic, baseline);
        let owned = &mut self.owner(subscription).slots;
        *owned = match owned {
            Owned::None => Owned::One(id),
            Owned::One(_) => Owned::Many(2),
            Owned::Many(count) => Owned::Many(*count + 1),
        };
        SlotId(id)
    }

    /// Takes a slot away, whatever it is owed.
    pub fn remove(&mut self, SlotId(id): SlotId, pace: &mut Pace<'_>) -> Removed {
        let &mut Slot { topic, route, subscription, status, kind, .. } = self.slots.at(id);
        match status {
            Status::Dirty => {
                self.slots.leave(&mut self.dirty, id);
                self.left_line(id);
            }
            Status::Waiting => {
                let credit = credit::credit_of(&mut self.owners, subscription);
                self.slots.leave(&mut credit.waiting, id);
            }
            Status::Resting | Status::Held => {
                pace.wheel.remove(self.slots.at(id).timer());
            }
            Status::Clean | Status::Free => {}
        }
        if let Some(sent) = self.sent.get_mut(id as usize) {
            *sent = None;
        }
        let slot = self.slots.at(id);
        slot.status = Status::Free;
        slot.next = self.free;
        self.free = id;
        self.occupied -= 1;
        if kind != Kind::Turn {
            let owned = &mut self.owner(subscription).slots;
            *owned = match owned {
                Owned::None | Owned::One(_) | Owned::Many(1) => Owned::None,
                Owned::Many(count) => Owned::Many(*count - 1),
            };
        }
        if self.occupied == 0 {
            // Who had many symbols once needn't keep their room for ever.
            (self.slots, self.free, self.sent) = (Slots::default(), NONE, Vec::new());
        } else if status == Status::Dirty {
            self.let_in(subscription);
        }
        Removed { topic, route, kind }
    }

    /// Says that the slot's symbol changed.
    pub fn mark(&mut self, SlotId(id): SlotId) {
        match self.slots.at(id).status {
            Status::Clean => self.queue(id),
            Status::Resting => self.slots.at(id).status = Status::Held,
            Status::Free | Status::Dirty | Status::Waiting | Status::Held => {}
        }
    }

    /// Says that the slot has rested for as long as it has to.
    pub fn rested(&mut self, SlotId(id): SlotId) {
        let slot = self.slots.at(id);
        let is_held = slot.status == Status::Held;
        slot.status = Status::Clean;
        if is_held {
            self.queue(id);
        }
    }

    /// Whether anything is owed that may be sent.
    pub const fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// How many slots have been taken out of the line, and how many stand in it now: when the former comes to the sum
    /// of both, everything has been served that is owed now.
    pub const fn progress(&self) -> (u64, u32) {
        (self.served, self.dirty.len())
    }

    /// Takes the slot that waited longest out of the line; it's clean then. Call [`Outbox::sent`] or
    /// [`Outbox::skipped`] for it.
    pub fn take_next(&mut self) -> Option<Due> {
        let id = self.dirty.first()?;
        self.slots.leave(&mut self.dirty, id);
        self.left_line(id);
        self.served += 1;
        let slot = self.slots.at(id);
        slot.status = Status::Clean;
        let (mut id, mut tick) = (id, None);
        if slot.kind == Kind::Turn {
            let subscription = slot.subscription;
            let (SlotId(of), first) = self.take_tick(subscription);
            (id, tick) = (of, Some(first));
        }
        let &mut Slot { subscription, topic, route, baseline, kind, .. } = self.slots.at(id);
        let route = (kind == Kind::State).then_some(route);
        let baseline = if baseline == SNAPSHOT { Baseline::Snapshot } else { Baseline::After(baseline) };
        Some(Due {
            slot: SlotId(id),
            subscription,
            topic,
            route,
            baseline,
            tick,
            is_last: kind == Kind::Once,
        })
    }

    /// Notes that this state was sent, which takes credit where there is a limit, and lets the slot rest where there is
    /// an interval.
    pub fn sent(&mut self, slot: SlotId, state: &Arc<Publication>, now: Instant, pace: &mut Pace<'_>) {
        let SlotId(id) = slot;
        let entry = self.slots.at(id);
        entry.baseline = Stamp::from(&***state);
        if !entry.on_terms {
            return;
        }
        let subscription = entry.subscription;
        let agreed = self.agreed(subscription).expect("the slot is on terms");
        if let Some(credit) = &mut agreed.credit {
            credit.available -= 1;
        }
        let (interval, keeps_sent) = (agreed.interval, agreed.keeps_sent);
        if let Some(interval) = interval {
            let timer = pace.rest(now, interval, slot);
            let entry = self.slots.at(id);
            entry.status = Status::Resting;
            entry.set_timer(timer);
        }
        if keeps_sent {
            let at = id as usize;
            if self.sent.len() <= at {
                self.sent.resize(at + 1, None);
            }
            self.sent[at] = Some(Arc::clone(state));
        }
        self.take_turn(subscription);
    }

    /// Notes that there was nothing to send after all: the turn is another slot's.
    pub fn skipped(&mut self, SlotId(id): SlotId) {
        let subscription = self.slots.at(id).subscription;
        self.take_turn(subscription);
        self.let_in(subscription);
    }

    /// The state that was sent last, where that is kept.
    pub fn last_sent(&self, SlotId(id): SlotId) -> Option<&Arc<Publication>> {
        self.sent.get(id as usize)?.as_ref()
    }

    /// Notes where the topic's list of routes has the one to this slot.
    pub fn set_route(&mut self, SlotId(id): SlotId, route: u32) {
        self.slots.at(id).route = route;
    }

    /// How many slots a subscription has.
    pub fn count_of(&self, subscription: u32) -> u32 {
        match self.owners.get(subscription as usize).map(|owner| owner.slots) {
            None | Some(Owned::None) => 0,
            Some(Owned::One(_)) => 1,
            Some(Owned::Many(count)) => count,
        }
    }

    /// The slots of one subscription.
    pub fn slots_of(&mut self, subscription: u32) -> Vec<SlotId> {
        match self.owner(subscription).slots {
            Owned::None => Vec::new(),
            Owned::One(id) => vec![SlotId(id)],
            Owned::Many(count) => {
                let of = |(_, slot): &(SlotId, &Slot)| slot.subscription == subscription;
                self.occupied().filter(of).map(|(id, _)| id).take(count as usize).collect()
            }
        }
    }

    /// How many slots have to be looked at to find those of a subscription to several symbols.
    pub const fn places(&self) -> usize {
        self.slots.0.len()
    }

    /// All slots.
    pub fn slots(&self) -> Vec<SlotId> {
        self.occupied().map(|(id, _)| id).collect()
    }

    fn occupied(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        let is_symbols = |slot: &Slot| slot.status != Status::Free && slot.kind != Kind::Turn;
        (0..).map(SlotId).zip(&self.slots.0).filter(move |(_, slot)| is_symbols(slot))
    }

    /// Whether a slot will be served without a further tick.
    #[cfg(test)]
    pub(crate) fn is_owed_something(&self, SlotId(id): SlotId) -> bool {
        matches!(self.slots.0[id as usize].status, Status::Dirty | Status::Waiting | Status::Held)
    }

    /// The topic of a slot and its route there.
    #[cfg(test)]
    pub(crate) fn route_of(&self, SlotId(id): SlotId) -> (TopicId, u32, Kind) {
        let slot = &self.slots.0[id as usize];
        (slot.topic, slot.route, slot.kind)
    }

    fn occupy(&mut self, kind: Kind, subscription: u32, topic: TopicId, baseline: Stamp) -> u32 {
        let on_terms = self.owner(subscription).agreed.is_some();
        let slot = Slot::clean(kind, topic, subscription, on_terms, baseline);
        self.occupied += 1;
        if self.free == NONE {
            make_room(&mut self.slots.0);
            self.slots.0.push(slot);
            u32::try_from(self.slots.0.len() - 1).expect("subscriptions are bounded")
        } else {
            let id = self.free;
            self.free = std::mem::replace(self.slots.at(id), slot).next;
            id
        }
    }

    fn agreed(&mut self, subscription: u32) -> Option<&mut Agreement> {
        self.owners.get_mut(subscription as usize)?.agreed.as_deref_mut()
    }

    fn owner(&mut self, subscription: u32) -> &mut Owner {
        let at = subscription as usize;
        if self.owners.len() <= at {
            make_room(&mut self.owners);
            self.owners.resize_with(at + 1, Owner::default);
        }
        &mut self.owners[at]
    }
}
