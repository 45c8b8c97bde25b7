//! The outbox of one session: a slot for each (subscription, symbol), the dirty ones in a line.
//!
//! The line is threaded through the slots, so that marking, serving and removing are a few writes
//! each and the outbox can't grow beyond its slots. Whoever becomes dirty goes to the end of the
//! line and stays where it is however often it's marked again: a busy symbol can't overtake a quiet
//! one, and every dirty symbol is served within one round.

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

/// The slots of one session. 32 bytes each.
#[derive(Debug)]
pub struct Outbox {
    slots: Vec<Slot>,
    /// First of the free slots, which are chained by `next`.
    free: u32,
    first_dirty: u32,
    last_dirty: u32,
}

#[derive(Debug)]
struct Slot {
    topic: TopicId,
    subscription: u32,
    /// Where the topic's list of routes has the one to this slot.
    route: u32,
    /// Neighbours in the line; meaningful while dirty.
    previous: u32,
    next: u32,
    status: Status,
    baseline: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Free,
    Clean,
    Dirty,
}

/// No slot: the end of a chain. A session has far fewer slots than this.
const NONE: u32 = u32::MAX;

/// Stands in a slot for [`Baseline::Snapshot`]; no symbol has that many ticks.
const SNAPSHOT: u64 = u64::MAX;

impl Default for Outbox {
    fn default() -> Self {
        Self { slots: Vec::new(), free: NONE, first_dirty: NONE, last_dirty: NONE }
    }
}

impl Outbox {
    /// Adds a slot, clean. Its route is told by [`Outbox::set_route`].
    pub fn insert(&mut self, subscription: u32, topic: TopicId, baseline: Baseline) -> SlotId {
        let baseline = match baseline {
            Baseline::Snapshot => SNAPSHOT,
            Baseline::After(ordinal) => ordinal,
        };
        let slot = Slot {
            topic,
            subscription,
            route: 0,
            previous: NONE,
            next: NONE,
            status: Status::Clean,
            baseline,
        };
        if self.free == NONE {
            self.slots.push(slot);
            return SlotId(u32::try_from(self.slots.len() - 1).expect("subscriptions are bounded"));
        }
        let id = self.free;
        self.free = std::mem::replace(self.at(id), slot).next;
        SlotId(id)
    }

    /// Takes a slot away, whatever it is owed; answers its topic and its route there.
    pub fn remove(&mut self, SlotId(id): SlotId) -> (TopicId, u32) {
        if self.at(id).status == Status::Dirty {
            self.unlink(id);
        }
        let free = self.free;
        let slot = self.at(id);
        slot.status = Status::Free;
        slot.next = free;
        let answer = (slot.topic, slot.route);
        self.free = id;
        answer
    }

    /// Says that the slot's symbol changed.
    pub fn mark(&mut self, SlotId(id): SlotId) {
        let last = self.last_dirty;
        let slot = self.at(id);
        if slot.status != Status::Clean {
            return;
        }
        slot.status = Status::Dirty;
        slot.previous = last;
        slot.next = NONE;
        match last {
            NONE => self.first_dirty = id,
            last => self.at(last).next = id,
        }
        self.last_dirty = id;
    }

    /// Whether anything is owed.
    pub const fn is_dirty(&self) -> bool {
        self.first_dirty != NONE
    }

    /// Takes the slot that waited longest out of the line; it's clean then.
    pub fn take_next(&mut self) -> Option<Due> {
        let id = self.first_dirty;
        if id == NONE {
            return None;
        }
        self.unlink(id);
        let slot = self.at(id);
        slot.status = Status::Clean;
        let baseline = match slot.baseline {
            SNAPSHOT => Baseline::Snapshot,
            ordinal => Baseline::After(ordinal),
        };
        Some(Due { slot: SlotId(id), subscription: slot.subscription, topic: slot.topic, baseline })
    }

    /// Notes that the state with this ordinal was sent.
    pub fn sent(&mut self, SlotId(id): SlotId, ordinal: u64) {
        self.at(id).baseline = ordinal;
    }

    /// Notes where the topic's list of routes has the one to this slot.
    pub fn set_route(&mut self, SlotId(id): SlotId, route: u32) {
        self.at(id).route = route;
    }

    /// The slots of one subscription.
    pub fn slots_of(&self, subscription: u32) -> Vec<SlotId> {
        self.occupied().filter(|(_, slot)| slot.subscription == subscription).map(|(id, _)| id).collect()
    }

    /// All slots.
    pub fn slots(&self) -> Vec<SlotId> {
        self.occupied().map(|(id, _)| id).collect()
    }

    /// The topic of a slot and its route there.
    #[cfg(test)]
    pub(crate) fn route_of(&self, SlotId(id): SlotId) -> (TopicId, u32) {
        let slot = &self.slots[id as usize];
        (slot.topic, slot.route)
    }

    fn occupied(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..).map(SlotId).zip(&self.slots).filter(|(_, slot)| slot.status != Status::Free)
    }

    fn unlink(&mut self, id: u32) {
        let &mut Slot { previous, next, .. } = self.at(id);
        match previous {
            NONE => self.first_dirty = next,
            previous => self.at(previous).next = next,
        }
        match next {
            NONE => self.last_dirty = previous,
            next => self.at(next).previous = previous,
        }
    }

    fn at(&mut self, id: u32) -> &mut Slot {
        &mut self.slots[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn served(outbox: &mut Outbox) -> Vec<u32> {
        std::iter::from_fn(|| outbox.take_next()).map(|due| due.topic.0).collect()
    }

    fn with_slots(count: u32) -> (Outbox, Vec<SlotId>) {
        let mut outbox = Outbox::default();
        let slots = (0..count).map(|topic| outbox.insert(0, TopicId(topic), Baseline::Snapshot)).collect();
        (outbox, slots)
    }

    #[test]
    fn slots_are_small() {
        assert_eq!(size_of::<Slot>(), 32);
    }

    #[test]
    fn a_busy_symbol_cannot_overtake_a_quiet_one() {
        let (mut outbox, slots) = with_slots(3);
        for at in [2, 0, 2, 2, 1, 0] {
            outbox.mark(slots[at]);
        }
        assert_eq!(served(&mut outbox), [2, 0, 1]);
        assert!(!outbox.is_dirty());
    }

    #[test]
    fn a_served_symbol_goes_to_the_end_of_the_line() {
        let (mut outbox, slots) = with_slots(2);
        outbox.mark(slots[0]);
        outbox.mark(slots[1]);
        assert_eq!(outbox.take_next().unwrap().topic, TopicId(0));
        outbox.mark(slots[0]);
        assert_eq!(served(&mut outbox), [1, 0]);
    }

    #[test]
    fn the_first_message_is_counted_from_the_snapshot() {
        let (mut outbox, slots) = with_slots(1);
        outbox.mark(slots[0]);
        assert_eq!(outbox.take_next().unwrap().baseline, Baseline::Snapshot);
        outbox.sent(slots[0], 7);
        outbox.mark(slots[0]);
        assert_eq!(outbox.take_next().unwrap().baseline, Baseline::After(7));
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Insert,
        Remove(prop::sample::Index),
        Mark(prop::sample::Index),
        Take,
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            Just(Operation::Insert),
            any::<prop::sample::Index>().prop_map(Operation::Remove),
            any::<prop::sample::Index>().prop_map(Operation::Mark),
            Just(Operation::Take),
        ]
    }

    proptest! {
        /// Against a plain list: the line is first come, first served, each slot at most once.
        #[test]
        fn the_line_is_a_queue_without_repetition(operations in prop::collection::vec(operation(), 0..200)) {
            let mut outbox = Outbox::default();
            let mut slots: Vec<(SlotId, u32)> = Vec::new();
            let mut line: Vec<u32> = Vec::new();
            for (topic, operation) in (0..).zip(operations) {
                match operation {
                    Operation::Insert => {
                        slots.push((outbox.insert(0, TopicId(topic), Baseline::Snapshot), topic));
                    }
                    Operation::Remove(at) if !slots.is_empty() => {
                        let (slot, topic) = slots.swap_remove(at.index(slots.len()));
                        prop_assert_eq!(outbox.remove(slot), (TopicId(topic), 0));
                        line.retain(|waiting| *waiting != topic);
                    }
                    Operation::Mark(at) if !slots.is_empty() => {
                        let (slot, topic) = slots[at.index(slots.len())];
                        outbox.mark(slot);
                        if !line.contains(&topic) {
                            line.push(topic);
                        }
                    }
                    Operation::Remove(_) | Operation::Mark(_) => {}
                    Operation::Take => {
                        let expected = (!line.is_empty()).then(|| line.remove(0));
                        prop_assert_eq!(outbox.take_next().map(|due| due.topic.0), expected);
                    }
                }
                prop_assert_eq!(outbox.is_dirty(), !line.is_empty());
                prop_assert_eq!(outbox.slots().len(), slots.len());
            }
            prop_assert_eq!(served(&mut outbox), line);
        }
    }
}
