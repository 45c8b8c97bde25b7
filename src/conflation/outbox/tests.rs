//! Who is served when.

mod ring;

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::{rest::Rest, wheel::TimingWheel},
    *,
};
use crate::publication::tests::publication;

/// An outbox with its wheel, on invented time.
struct Bench {
    outbox: Outbox,
    wheel: TimingWheel<Rest>,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self { outbox: Outbox::default(), wheel: TimingWheel::starting_at(now), now }
    }

    /// One with a subscription, `1`, to so many symbols.
    fn with(terms: Terms, count: u32) -> (Self, Vec<SlotId>) {
        let mut bench = Self::new();
        bench.outbox.begin(1, terms);
        let slots = (0..count).map(|topic| bench.insert(1, topic)).collect();
        (bench, slots)
    }

    fn insert(&mut self, subscription: u32, topic: u32) -> SlotId {
        self.outbox.insert(subscription, Kind::State, TopicId(topic), Baseline::Snapshot)
    }

    fn mark(&mut self, slots: impl IntoIterator<Item = SlotId>) {
        slots.into_iter().for_each(|slot| self.outbox.mark(slot));
    }

    fn remove(&mut self, slot: SlotId) -> Removed {
        self.outbox.remove(slot, &mut Pace { wheel: &mut self.wheel, session: 0 })
    }

    fn send(&mut self, due: &Due, ordinal: u64) {
        let state = publication(0, "A", ordinal);
        let mut pace = Pace { wheel: &mut self.wheel, session: 0 };
        self.outbox.sent(due.slot, due.tick.as_ref().unwrap_or(&state), self.now, &mut pace);
    }

    /// Takes what may be sent, and sends it.
    fn sent(&mut self) -> Vec<u32> {
        let mut topics = Vec::new();
        while let Some(due) = self.outbox.take_next() {
            self.send(&due, 1);
            topics.push(due.topic.0);
        }
        topics
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        while let Some(rest) = self.wheel.pop_expired(self.now) {
            self.outbox.rested(rest.slot);
        }
    }
}

fn served(outbox: &mut Outbox) -> Vec<u32> {
    std::iter::from_fn(|| outbox.take_next()).map(|due| due.topic.0).collect()
}

fn with_slots(count: u32) -> (Outbox, Vec<SlotId>) {
    let (bench, slots) = Bench::with(Terms::default(), count);
    (bench.outbox, slots)
}

fn on_credit(credit: u32, count: u32) -> (Bench, Vec<SlotId>) {
    Bench::with(Terms { credit: Some(credit), ..Terms::default() }, count)
}

fn paced(ms: u64, count: u32) -> (Bench, Vec<SlotId>) {
    Bench::with(Terms { interval: Some(Duration::from_millis(ms)), ..Terms::default() }, count)
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
    let (mut bench, slots) = Bench::with(Terms::default(), 1);
    bench.mark([slots[0]]);
    let due = bench.outbox.take_next().unwrap();
    assert_eq!(due.baseline, Baseline::Snapshot);
    bench.send(&due, 7);
    bench.mark([slots[0]]);
    let Baseline::After(stamp) = bench.outbox.take_next().unwrap().baseline else { panic!("it was sent") };
    assert_eq!(stamp.ordinal(), 7);
}

#[test]
fn without_credit_slots_wait_for_it_in_their_order() {
    let (mut bench, slots) = on_credit(2, 4);
    bench.mark([3, 0, 2, 1].map(|at| slots[at]));
    assert_eq!(bench.sent(), [3, 0]);
    bench.mark([slots[3]]);
    assert!(!bench.outbox.is_dirty());
    bench.outbox.grant(1, 1);
    assert_eq!(bench.sent(), [2]);
    bench.outbox.grant(1, 5);
    assert_eq!(bench.sent(), [1, 3]);
    bench.mark([slots[0]]);
    assert_eq!(bench.sent(), [0], "credit that was left is used");
}

#[test]
fn whoever_has_no_credit_is_in_nobodys_way() {
    let (mut bench, slots) = on_credit(1, 2);
    let other = bench.insert(0, 7);
    bench.mark([slots[0], slots[1], other]);
    assert_eq!(bench.sent(), [0, 7]);
}

#[test]
fn credit_that_is_not_used_is_the_next_ones() {
    let (mut bench, slots) = on_credit(1, 3);
    bench.mark(slots.clone());
    let due = bench.outbox.take_next().unwrap();
    assert!(!bench.outbox.is_dirty());
    bench.outbox.skipped(due.slot);
    assert!(bench.outbox.is_dirty());
    bench.remove(slots[1]);
    assert_eq!(bench.sent(), [2]);
}

#[test]
fn a_number_that_is_used_again_has_its_own_terms() {
    let (mut bench, slots) = on_credit(1, 2);
    bench.mark(slots.clone());
    for slot in slots {
        bench.remove(slot);
    }
    bench.outbox.begin(1, Terms::default());
    let slots: Vec<_> = (0..2).map(|topic| bench.insert(1, topic)).collect();
    bench.mark(slots);
    assert_eq!(bench.sent(), [0, 1]);
}

#[test]
fn a_quiet_symbol_goes_at_once_and_the_last_of_a_burst_follows() {
    let (mut bench, slots) = paced(250, 1);
    bench.mark([slots[0]]);
    assert_eq!(bench.sent(), [0]);
    for _ in 0..3 {
        bench.pass(80);
        bench.mark([slots[0]]);
        assert_eq!(bench.sent(), [0; 0], "too early");
    }
    bench.pass(10);
    assert_eq!(bench.sent(), [0]);
    bench.pass(250);
    assert_eq!(bench.sent(), [0; 0], "nothing is owed");
    assert!(bench.wheel.is_empty());
    bench.mark([slots[0]]);
    assert_eq!(bench.sent(), [0]);
}

#[test]
fn who_rests_may_go_and_leaves_no_timer() {
    let (mut bench, slots) = paced(250, 2);
    bench.mark(slots.clone());
    assert_eq!(bench.sent(), [0, 1]);
    bench.mark([slots[0]]);
    bench.remove(slots[0]);
    assert_eq!(bench.wheel.len(), 1);
    bench.remove(slots[1]);
    assert!(bench.wheel.is_empty());
    let other = bench.insert(0, 9);
    bench.mark([other]);
    bench.pass(1000);
    assert_eq!(bench.sent(), [9]);
}

#[test]
fn who_has_rested_still_needs_credit() {
    let terms = Terms { credit: Some(1), interval: Some(Duration::from_millis(10)), ..Terms::default() };
    let (mut bench, slots) = Bench::with(terms, 1);
    bench.mark([slots[0]]);
    assert_eq!(bench.sent(), [0]);
    bench.mark([slots[0]]);
    bench.pass(10);
    assert_eq!(bench.sent(), [0; 0]);
    bench.outbox.grant(1, 1);
    assert_eq!(bench.sent(), [0]);
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
        let (mut bench, _) = on_credit(1, 0);
        let mut model = Model { available: 1, ..Model::default() };
        for (topic, operation) in (0..).zip(operations) {
            match operation {
                Operation::Insert { on_credit } => {
                    let slot = bench.insert(u32::from(on_credit), topic);
                    model.slots.push((slot, topic, on_credit));
                }
                Operation::Remove(at) if !model.slots.is_empty() => {
                    let at = at.index(model.slots.len());
                    let (slot, topic, _) = model.slots.swap_remove(at);
                    prop_assert_eq!(bench.remove(slot).topic, TopicId(topic));
                    model.remove(topic);
                }
                Operation::Mark(at) if !model.slots.is_empty() => {
                    let (slot, topic, on_credit) = model.slots[at.index(model.slots.len())];
                    bench.mark([slot]);
                    model.mark(topic, on_credit);
                }
                Operation::Remove(_) | Operation::Mark(_) => {}
                Operation::Take { is_sent } => {
                    let due = bench.outbox.take_next();
                    match &due {
                        Some(due) if is_sent => bench.send(due, 1),
                        Some(due) => bench.outbox.skipped(due.slot),
                        None => {}
                    }
                    prop_assert_eq!(due.map(|due| due.topic.0), model.take(is_sent));
                }
                Operation::Grant => {
                    bench.outbox.grant(1, 1);
                    model.available += 1;
                    model.let_in();
                }
            }
            prop_assert_eq!(bench.outbox.is_dirty(), !model.line.is_empty());
            prop_assert_eq!(bench.outbox.slots().len(), model.slots.len());
        }
        let left: Vec<u32> = std::iter::from_fn(|| model.take(true)).collect();
        prop_assert_eq!(bench.sent(), left);
    }
}
