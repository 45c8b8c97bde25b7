//! What a shard fetches. That nothing is lost between threads is shown in `tests/handover`.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
};

use super::*;
use crate::recordings::{Recorded, Recordings};

/// Symbol and ordinal.
type State = (usize, u64);

impl Slotted for State {
    fn slot(&self) -> usize {
        self.0
    }
}

/// Counts how often it's woken.
#[derive(Default)]
struct Shard(AtomicUsize);

impl Wake for Shard {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn fetch(handover: &Handover<State, &'static str>) -> Option<Delivery<State, &'static str>> {
    let mut delivery = Delivery::default();
    match handover.poll_fetch(&mut delivery, Waker::noop()) {
        Poll::Ready(()) => Some(delivery),
        Poll::Pending => None,
    }
}

#[test]
fn a_newer_state_takes_the_place_of_one_that_was_not_fetched() {
    let handover = Handover::new(TICKS_MAX);
    handover.deliver(&[(1, 1), (0, 1)], &[]);
    handover.deliver(&[(1, 2)], &[]);
    assert_eq!(fetch(&handover).unwrap().newest, [(1, 2), (0, 1)]);
    assert!(fetch(&handover).is_none());
}

#[test]
fn whoever_waits_is_woken_once_for_all_that_arrives() {
    let handover = Handover::new(TICKS_MAX);
    let shard = Arc::new(Shard::default());
    let waker = Arc::clone(&shard).into();
    let mut delivery = Delivery::default();
    assert!(handover.poll_fetch(&mut delivery, &waker).is_pending());
    handover.deliver(&[], &[]);
    assert_eq!(shard.0.load(Ordering::Relaxed), 0, "nothing came");
    handover.deliver(&[(0, 1)], &[]);
    handover.deliver(&[(0, 2)], &[(0, 2)]);
    handover.close_all("done");
    assert_eq!(shard.0.load(Ordering::Relaxed), 1);
    assert!(handover.poll_fetch(&mut delivery, &waker).is_ready());
    assert_eq!((delivery.newest, delivery.ticks), (vec![(0, 2)], vec![(0, 2)]));
    assert_eq!(delivery.close, Some("done"));
    handover.deliver(&[(0, 3)], &[]);
    assert_eq!(shard.0.load(Ordering::Relaxed), 1, "nobody waits");
}

#[test]
fn ticks_are_kept_in_order_up_to_a_bound_and_not_beyond() {
    let handover = Handover::new(3);
    handover.deliver(&[(0, 2)], &[(0, 1), (0, 2)]);
    handover.deliver(&[(1, 1)], &[(1, 1)]);
    let delivery = fetch(&handover).unwrap();
    assert_eq!((delivery.ticks, delivery.ticks_lost), (vec![(0, 1), (0, 2), (1, 1)], false));

    handover.deliver(&[(0, 4)], &[(0, 3), (0, 4)]);
    handover.deliver(&[(0, 6)], &[(0, 5), (0, 6)]);
    // There would be room again, but not for those before it.
    handover.deliver(&[(0, 7)], &[(0, 7)]);
    let delivery = fetch(&handover).unwrap();
    assert_eq!((delivery.ticks, delivery.ticks_lost, delivery.newest), (vec![], true, vec![(0, 7)]));

    handover.deliver(&[(0, 8)], &[(0, 8)]);
    let delivery = fetch(&handover).unwrap();
    assert_eq!((delivery.ticks, delivery.ticks_lost), (vec![(0, 8)], false));
}

#[test]
fn of_tickets_and_of_the_status_the_latest_is_told() {
    let recordings = Recordings::default();
    let handover = Handover::new(TICKS_MAX);
    let tickets = [(); 2].map(|()| recordings.begin(&Recorded::All));
    for (ticket, status) in tickets.into_iter().zip(["stale", "recovered"]) {
        handover.set_recorded_up_to(ticket);
        handover.set_feed_status(status.into());
    }
    let delivery = fetch(&handover).unwrap();
    assert_eq!(delivery.recorded_up_to, Some(tickets[1]));
    assert_eq!(delivery.feed_status.as_deref(), Some("recovered"));
    handover.drain("draining".into());
    handover.set_feed_status("stale".into());
    assert_eq!(fetch(&handover).unwrap().feed_status.as_deref(), Some("draining"));
}
