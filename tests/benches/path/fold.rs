//! The fold: ticks into their symbols' states, and the states into publications.

use criterion::{Criterion, Throughput};

use crate::market::{BATCH, Ingest, Records};

/// What a tick costs from its record's value to its symbol's state, reading included, and what the states that have
/// changed cost besides, once a batch: with many symbols nearly each tick changes another one, with few many ticks are
/// conflated into each. Per tick.
pub(crate) fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("fold");
    group.throughput(Throughput::Elements(BATCH as u64));
    for symbols in [100, 10_000] {
        let records = Records::new(symbols, 64);
        let mut ingest = Ingest::new(symbols);
        let mut turn = records.batches();
        group.bench_function(format!("a batch, {symbols} symbols"), |b| {
            b.iter(|| {
                ingest.fold(turn.next().expect("it goes round"));
                ingest.publish().len()
            });
        });
    }
}
