//! Ticks one by one.

use super::*;

/// A subscription, `1`, to every tick of so many symbols whose snapshots were sent, and an ordinary one, `0`.
fn with_ring(count: u32) -> (Bench, Vec<SlotId>) {
    let mut bench = Bench::new();
    bench.outbox.begin(1, Terms { every: true, ..Terms::default() });
    let insert = |topic| bench.outbox.insert(1, Kind::Record, TopicId(topic), Baseline::After(Stamp::START));
    let slots = (0..count).map(insert).collect();
    (bench, slots)
}

impl Bench {
    fn append(&mut self, slot: SlotId, ordinal: u64) -> Result<(), Overflow> {
        self.outbox.append(slot, &publication(0, "A", ordinal), 4)
    }

    /// Topic and ordinal of what is sent; of states it's 0.
    fn told(&mut self) -> Vec<(u32, u64)> {
        let mut told = Vec::new();
        while let Some(due) = self.outbox.take_next() {
            self.send(&due, 0);
            told.push((due.topic.0, due.tick.map_or(0, |tick| tick.ordinal)));
        }
        told
    }
}

#[test]
fn ticks_go_in_their_order_one_a_turn() {
    let (mut bench, slots) = with_ring(2);
    let other = bench.insert(0, 7);
    for (at, ordinal) in [(0, 1), (1, 1), (0, 2)] {
        bench.append(slots[at], ordinal).unwrap();
    }
    bench.mark([other]);
    assert_eq!(bench.told(), [(0, 1), (7, 0), (1, 1), (0, 2)]);
    assert!(!bench.outbox.is_dirty());
    bench.append(slots[0], 3).unwrap();
    assert_eq!(bench.told(), [(0, 3)]);
}

#[test]
fn the_ring_has_an_end() {
    let (mut bench, slots) = with_ring(1);
    for ordinal in 1..=4 {
        bench.append(slots[0], ordinal).unwrap();
    }
    assert_eq!(bench.append(slots[0], 5), Err(Overflow));
    bench.told();
    assert_eq!(bench.append(slots[0], 5), Ok(()), "its places are used again");
}

#[test]
fn what_the_snapshot_will_have_is_no_tick_of_its_own() {
    let (mut bench, _) = with_ring(0);
    let slot = bench.outbox.insert(1, Kind::Record, TopicId(0), Baseline::Snapshot);
    bench.mark([slot]);
    bench.append(slot, 2).unwrap();
    assert_eq!(bench.told(), [(0, 0)], "the snapshot alone");
    bench.append(slot, 3).unwrap();
    assert_eq!(bench.told(), [(0, 3)]);
}

#[test]
fn ticks_need_credit_like_states() {
    let mut bench = Bench::new();
    bench.outbox.begin(1, Terms { every: true, credit: Some(1), ..Terms::default() });
    let slot = bench.outbox.insert(1, Kind::Record, TopicId(0), Baseline::After(Stamp::START));
    for ordinal in 1..=3 {
        bench.append(slot, ordinal).unwrap();
    }
    assert_eq!(bench.told(), [(0, 1)]);
    bench.outbox.grant(1, 5);
    assert_eq!(bench.told(), [(0, 2), (0, 3)]);
}

#[test]
fn nothing_is_left_of_a_subscription_that_has_ended() {
    let (mut bench, slots) = with_ring(1);
    let other = bench.insert(0, 7);
    bench.append(slots[0], 1).unwrap();
    bench.append(slots[0], 2).unwrap();
    bench.remove(slots[0]);
    bench.outbox.end(1, &mut Pace { wheel: &mut bench.wheel, session: 0 });
    assert!(!bench.outbox.is_dirty());
    assert_eq!(bench.outbox.slots(), [other]);
    bench.outbox.begin(1, Terms { every: true, ..Terms::default() });
    let slot = bench.outbox.insert(1, Kind::Record, TopicId(0), Baseline::After(Stamp::START));
    for ordinal in 1..=4 {
        bench.append(slot, ordinal).unwrap();
    }
    assert_eq!(bench.told().len(), 4);
}
