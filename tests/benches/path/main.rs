//! What the stages of a tick's path cost, each by itself and all in a row: `cargo bench --bench path`, or one of them:
//! `cargo bench --bench path -- outbox`.
//!
//! Figures are of one thread and of our own code: no Kafka client, no socket, no runtime. A stage is given what it has in
//! a server that is busy, thousands of different ticks and sessions in turn, and its throughput is told for each of its
//! elements: a tick, a symbol, a slot, a frame. What comes before and behind it is in `decode` and `codec`.

mod fold;
mod frame;
mod handover;
mod market;
mod outbox;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Short enough for all of them within a minute.
fn configuration() -> Criterion {
    Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = configuration();
    targets = fold::benches, handover::benches, outbox::benches, frame::benches
}
criterion_main!(benches);
