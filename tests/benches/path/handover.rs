//! The hand-over from the ingest thread to a shard's.

use std::task::Waker;

use criterion::{Criterion, Throughput};
use tickcast::actors::inbox::{Delivery, Inbox};

use crate::market::publications;

/// What a batch of changed symbols costs to put in and to fetch, on one thread: without the wake-up, which is a system
/// call a batch, and without another thread's caches. `twice` puts the batch in a second time before it's fetched, as
/// happens to a shard that is busy. Per symbol.
pub(crate) fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("hand-over");
    for symbols in [10, 1000] {
        let states = publications(symbols);
        group.throughput(Throughput::Elements(symbols as u64));
        for (name, times) in [("once", 1), ("twice", 2)] {
            let (inbox, mut delivery) = (Inbox::default(), Delivery::default());
            group.bench_function(format!("{symbols} symbols, {name}"), |b| {
                b.iter(|| {
                    for _ in 0..times {
                        inbox.handover.deliver(&states, &[]);
                    }
                    assert!(inbox.handover.poll_fetch(&mut delivery, Waker::noop()).is_ready());
                    assert_eq!(delivery.newest.len(), symbols);
                });
            });
        }
    }
}
