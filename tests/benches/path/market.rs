//! The ticks that the stages are given.

use std::sync::Arc;

use tickcast::{
    feed::{
        Encoder, TickFormat,
        simulate::{Market, MarketConfig, Names},
    },
    fold::{Batch, Fold, Record},
    market::DayBoundary,
    publication::Publication,
};

/// As many records as are folded before the shards are told.
pub(crate) const BATCH: usize = 1024;

const BEGIN_US: i64 = 1_732_187_000_123_456;

/// A simulated market's records, in Protobuf, which costs least to read: `decode` measures reading.
pub(crate) struct Records(Vec<Vec<u8>>);

impl Records {
    /// So many batches of ticks of so many symbols.
    pub(crate) fn new(symbols: usize, batches: usize) -> Self {
        let mut market = Market::new(MarketConfig { symbols, names: Names::Numbered, seed: 1 }, BEGIN_US);
        let mut encoder = Encoder::new(TickFormat::Protobuf);
        let times = (BEGIN_US..).step_by(97).take(batches * BATCH);
        Self(times.map(|time_us| encoder.encode(&market.next(time_us)).to_vec()).collect())
    }

    /// Its batches, round and round.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &[Vec<u8>]> {
        self.0.chunks(BATCH).cycle()
    }
}

/// A fold, and what it hands out.
pub(crate) struct Ingest {
    fold: Fold,
    offset: u64,
    pub(crate) batch: Batch,
}

impl Ingest {
    /// One for so many symbols.
    pub(crate) fn new(symbols: usize) -> Self {
        let fold = Fold::new("e".into(), DayBoundary::default(), symbols).reading(TickFormat::Protobuf);
        Self { fold, offset: 0, batch: Batch::default() }
    }

    /// Folds records in.
    pub(crate) fn fold(&mut self, records: &[Vec<u8>]) {
        for value in records {
            self.offset += 1;
            let record = Record {
                partition: 0,
                offset: self.offset,
                timestamp_us: 0,
                key: None,
                value: Some(value),
                content_type: None,
            };
            self.fold.apply(&record).expect("the record is right");
        }
    }

    /// Hands out what has changed.
    pub(crate) fn publish(&mut self) -> &[Arc<Publication>] {
        self.batch.newest.clear();
        self.fold.publish(BEGIN_US, &mut self.batch);
        &self.batch.newest
    }
}

/// A state of each of so many symbols.
pub(crate) fn publications(symbols: usize) -> Vec<Arc<Publication>> {
    let mut ingest = Ingest::new(symbols);
    let mut market = Market::new(MarketConfig { symbols, names: Names::Numbered, seed: 1 }, BEGIN_US);
    let mut encoder = Encoder::new(TickFormat::Protobuf);
    let mut newest = Vec::new();
    // Some symbols tick seldom: as many ticks as it takes.
    for time_us in (BEGIN_US..).step_by(97) {
        ingest.fold(&[encoder.encode(&market.next(time_us)).to_vec()]);
        newest.extend_from_slice(ingest.publish());
        newest.sort_by_key(|publication: &Arc<Publication>| publication.id.0);
        newest.dedup_by_key(|publication| publication.id.0);
        if newest.len() == symbols {
            break;
        }
    }
    newest
}
