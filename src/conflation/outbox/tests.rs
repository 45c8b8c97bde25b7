//! Who is served when.

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

fn on_credit(credit: u32, count: u32) -> (Outbox, Vec<SlotId>) {
    let mut outbox = Outbox::default();
    outbox.begin(1, Some(credit));
    let slots = (0..count).map(|topic| outbox.insert(1, TopicId(topic), Baseline::Snapshot)).collect();
    (outbox, slots)
}

/// Takes what may be sent, and sends it.
fn sent(outbox: &mut Outbox) -> Vec<u32> {
    let mut topics = Vec::new();
    while let Some(due) = outbox.take_next() {
        outbox.sent(due.slot, 1);
        topics.push(due.topic.0);
    }
    topics
}

#[test]
fn without_credit_slots_wait_for_it_in_their_order() {
    let (mut outbox, slots) = on_credit(2, 4);
    for at in [3, 0, 2, 1] {
        outbox.mark(slots[at]);
    }
    assert_eq!(sent(&mut outbox), [3, 0]);
    outbox.mark(slots[3]);
    assert!(!outbox.is_dirty());
    outbox.grant(1, 1);
    assert_eq!(sent(&mut outbox), [2]);
    outbox.grant(1, 5);
    assert_eq!(sent(&mut outbox), [1, 3]);
    outbox.mark(slots[0]);
    assert_eq!(sent(&mut outbox), [0], "credit that was left is used");
}

#[test]
fn whoever_has_no_credit_is_in_nobodys_way() {
    let (mut outbox, slots) = on_credit(1, 2);
    let other = outbox.insert(0, TopicId(7), Baseline::Snapshot);
    outbox.mark(slots[0]);
    outbox.mark(slots[1]);
    outbox.mark(other);
    assert_eq!(sent(&mut outbox), [0, 7]);
}

#[test]
fn credit_that_is_not_used_is_the_next_ones() {
    let (mut outbox, slots) = on_credit(1, 3);
    for slot in &slots {
        outbox.mark(*slot);
    }
    let due = outbox.take_next().unwrap();
    assert!(!outbox.is_dirty());
    outbox.skipped(due.slot);
    assert!(outbox.is_dirty());
    outbox.remove(slots[1]);
    assert_eq!(sent(&mut outbox), [2]);
}

#[test]
fn a_number_that_is_used_again_has_its_own_limit() {
    let (mut outbox, slots) = on_credit(1, 2);
    outbox.mark(slots[0]);
    outbox.mark(slots[1]);
    for slot in slots {
        outbox.remove(slot);
    }
    outbox.begin(1, None);
    let slots: Vec<_> = (0..2).map(|topic| outbox.insert(1, TopicId(topic), Baseline::Snapshot)).collect();
    for slot in slots {
        outbox.mark(slot);
    }
    assert_eq!(sent(&mut outbox), [0, 1]);
}

/// What a client, the market and a socket do to an outbox with one subscription on credit.
#[derive(Clone, Debug)]
enum Operation {
    Insert { on_credit: bool },
    Remove(prop::sample::Index),
    Mark(prop::sample::Index),
    Take { is_sent: bool },
    Grant,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        any::<bool>().prop_map(|on_credit| Operation::Insert { on_credit }),
        any::<prop::sample::Index>().prop_map(Operation::Remove),
        any::<prop::sample::Index>().prop_map(Operation::Mark),
        any::<prop::sample::Index>().prop_map(Operation::Mark),
        any::<bool>().prop_map(|is_sent| Operation::Take { is_sent }),
        Just(Operation::Grant),
    ]
}

/// The same in plain lists: one line, and one of those that wait for credit.
#[derive(Default)]
struct Model {
    slots: Vec<(SlotId, u32, bool)>,
    line: Vec<(u32, bool)>,
    waiting: Vec<u32>,
    available: usize,
}

impl Model {
    fn mark(&mut self, topic: u32, on_credit: bool) {
        if self.line.iter().any(|(it, _)| *it == topic) || self.waiting.contains(&topic) {
            return;
        }
        if on_credit {
            self.waiting.push(topic);
            self.let_in();
        } else {
            self.line.push((topic, false));
        }
    }

    fn let_in(&mut self) {
        let in_line = self.line.iter().filter(|(_, on_credit)| *on_credit).count();
        let count = self.available.saturating_sub(in_line).min(self.waiting.len());
        self.line.extend(self.waiting.drain(..count).map(|topic| (topic, true)));
    }

    fn remove(&mut self, topic: u32) {
        self.line.retain(|(it, _)| *it != topic);
        self.waiting.retain(|it| *it != topic);
        self.let_in();
    }

    fn take(&mut self, is_sent: bool) -> Option<u32> {
        let (topic, on_credit) = (!self.line.is_empty()).then(|| self.line.remove(0))?;
        self.available -= usize::from(on_credit && is_sent);
        self.let_in();
        Some(topic)
    }
}

proptest! {
    /// First come, first served, each slot at most once, and never more on credit than there is.
    #[test]
    fn the_lines_are_queues_without_repetition(operations in prop::collection::vec(operation(), 0..200)) {
        let mut outbox = Outbox::default();
        outbox.begin(1, Some(1));
        let mut model = Model { available: 1, ..Model::default() };
        for (topic, operation) in (0..).zip(operations) {
            match operation {
                Operation::Insert { on_credit } => {
                    let slot = outbox.insert(u32::from(on_credit), TopicId(topic), Baseline::Snapshot);
                    model.slots.push((slot, topic, on_credit));
                }
                Operation::Remove(at) if !model.slots.is_empty() => {
                    let at = at.index(model.slots.len());
                    let (slot, topic, _) = model.slots.swap_remove(at);
                    prop_assert_eq!(outbox.remove(slot), (TopicId(topic), 0));
                    model.remove(topic);
                }
                Operation::Mark(at) if !model.slots.is_empty() => {
                    let (slot, topic, on_credit) = model.slots[at.index(model.slots.len())];
                    outbox.mark(slot);
                    model.mark(topic, on_credit);
                }
                Operation::Remove(_) | Operation::Mark(_) => {}
                Operation::Take { is_sent } => {
                    let due = outbox.take_next();
                    match due {
                        Some(due) if is_sent => outbox.sent(due.slot, 1),
                        Some(due) => outbox.skipped(due.slot),
                        None => {}
                    }
                    prop_assert_eq!(due.map(|due| due.topic.0), model.take(is_sent));
                }
                Operation::Grant => {
                    outbox.grant(1, 1);
                    model.available += 1;
                    model.let_in();
                }
            }
            prop_assert_eq!(outbox.is_dirty(), !model.line.is_empty());
            prop_assert_eq!(outbox.slots().len(), model.slots.len());
        }
        let left: Vec<u32> = std::iter::from_fn(|| model.take(true)).collect();
        prop_assert_eq!(sent(&mut outbox), left);
    }
}
