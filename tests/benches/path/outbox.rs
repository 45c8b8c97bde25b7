//! The outbox of a session: what conflation costs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use tickcast::{
    conflation::{Baseline, Kind, Outbox, Pace, Rest, SlotId, Terms, TimingWheel},
    last_value_cache::{LastValueCache, Put, TopicId},
    publication::Publication,
};

use crate::market::publications;

/// As many sessions as one shard may have in its caches' way: an outbox is seldom the one that was touched last.
const OUTBOXES: usize = 1000;

const SUBSCRIPTION: u32 = 1;

struct Sessions {
    outboxes: Vec<(Outbox, Vec<SlotId>)>,
    wheel: TimingWheel<Rest>,
    now: Instant,
    state: Arc<Publication>,
}

/// What a slot costs to be marked, to be taken out of the line and to be noted as sent; to be marked again while it's in
/// the line already; and to be marked, sent and let rest where its subscription has a rate. Of a thousand sessions in
/// turn, with 20 and with 500 symbols. Per slot.
pub(crate) fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("outbox");
    for slots in [20, 500] {
        let states = publications(slots);
        let topics = topics(&states);
        group.throughput(Throughput::Elements((OUTBOXES * slots) as u64));
        let mut sessions = Sessions::new(&states, &topics, Terms::default());
        group.bench_function(format!("mark and serve, {slots} slots"), |b| {
            b.iter(|| sessions.serve_all());
        });
        conflate(&mut group, slots, Sessions::new(&states, &topics, Terms::default()));
        let interval = Some(Duration::from_millis(100));
        let mut sessions = Sessions::new(&states, &topics, Terms { interval, ..Terms::default() });
        group.bench_function(format!("mark, serve and rest, {slots} slots"), |b| {
            b.iter(|| {
                sessions.serve_all();
                sessions.pass(Duration::from_millis(200));
            });
        });
    }
}

fn conflate(group: &mut BenchmarkGroup<'_, WallTime>, slots: usize, mut sessions: Sessions) {
    sessions.mark_all();
    group.bench_function(format!("mark again, {slots} slots"), |b| {
        b.iter(|| sessions.mark_all());
    });
}

/// The topics that the symbols have on a shard.
fn topics(states: &[Arc<Publication>]) -> Vec<TopicId> {
    let mut cache = LastValueCache::default();
    let topic = |state: &Arc<Publication>| match cache.put(Arc::clone(state)) {
        Put::New(topic) | Put::Known(topic) => topic,
    };
    states.iter().map(topic).collect()
}

impl Sessions {
    fn new(states: &[Arc<Publication>], topics: &[TopicId], terms: Terms) -> Self {
        let now = Instant::now();
        let outbox = || {
            let mut outbox = Outbox::default();
            outbox.begin(SUBSCRIPTION, terms);
            let insert =
                |topic: &TopicId| outbox.insert(SUBSCRIPTION, Kind::State, *topic, Baseline::Snapshot);
            let slots = topics.iter().map(insert).collect();
            (outbox, slots)
        };
        Self {
            outboxes: std::iter::repeat_with(outbox).take(OUTBOXES).collect(),
            wheel: TimingWheel::starting_at(now),
            now,
            state: Arc::clone(&states[0]),
        }
    }

    fn mark_all(&mut self) {
        for (outbox, slots) in &mut self.outboxes {
            for slot in slots {
                outbox.mark(*slot);
            }
        }
    }

    fn serve_all(&mut self) {
        let Self { outboxes, wheel, now, state } = self;
        for ((outbox, slots), session) in outboxes.iter_mut().zip(0..) {
            for slot in &*slots {
                outbox.mark(*slot);
            }
            let mut served = 0;
            while let Some(due) = outbox.take_next() {
                outbox.sent(due.slot, state, *now, &mut Pace { wheel, session });
                served += 1;
            }
            assert_eq!(served, slots.len());
        }
    }

    fn pass(&mut self, duration: Duration) {
        self.now += duration;
        while let Some(Rest { session, slot }) = self.wheel.pop_expired(self.now) {
            self.outboxes[session as usize].0.rested(slot);
        }
    }
}
