//! What a tick allocates on its way from the record's bytes to the bytes for a socket, once it has been gone often enough
//! for every buffer to be there: nothing.

use std::{
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use bytes::BytesMut;

use super::world::subscribe;
use crate::{
    feed::{
        Encoder, TickFormat,
        simulate::{Market, MarketConfig, Names},
    },
    fold::{Batch, Fold, Record},
    handover::{Delivery, Handover},
    market::DayBoundary,
    publication::Publication,
    session::{CloseReason, Inbound, Settings},
    shard::{Output, SessionKey, Shard},
    transport::websocket::Writer,
};

const SYMBOLS: usize = 50;

/// Ticks of a batch; some symbols have several of them, others none.
const BATCH: usize = 80;

/// Batches until every symbol has been told of often enough; those that hardly ever tick take longest.
const WARM_UP: usize = 300;
const MEASURED: usize = 200;

struct ToShard {
    handover: Handover<Arc<Publication>, CloseReason>,
    delivery: Delivery<Arc<Publication>, CloseReason>,
    shard: Shard<()>,
}

/// Ingest and two shards, on one thread so that all that they allocate is counted.
struct Path {
    values: Vec<Vec<u8>>,
    offset: usize,
    fold: Fold,
    batch: Batch,
    shards: [ToShard; 2],
    written: BytesMut,
    now: Instant,
}

impl Path {
    fn new(format: TickFormat) -> Self {
        let config = MarketConfig { symbols: SYMBOLS, names: Names::Listed, seed: 1 };
        let (mut market, mut encoder) = (Market::new(config, 0), Encoder::new(format));
        let value = |time_us| encoder.encode(&market.next(time_us)).to_vec();
        let now = Instant::now();
        let shard = || Shard::new(Arc::new(Settings::default()), Arc::default(), now);
        let to_shard =
            || ToShard { handover: Handover::new(0), delivery: Delivery::default(), shard: shard() };
        Self {
            values: (0..20_000).map(value).collect(),
            offset: 0,
            fold: Fold::new("e".into(), DayBoundary::default(), SYMBOLS).reading(format),
            batch: Batch::default(),
            shards: [to_shard(), to_shard()],
            written: BytesMut::new(),
            now,
        }
    }

    /// Folds a batch and hands it over. With the sockets' help that is what ingest does all day.
    fn ingest(&mut self) {
        for _ in 0..BATCH {
            let value = Some(self.values[self.offset % self.values.len()].as_slice());
            let offset = self.offset as u64;
            self.offset += 1;
            let record =
                Record { partition: 0, offset, timestamp_us: 0, key: None, value, content_type: None };
            self.fold.apply(&record).unwrap();
        }
        self.fold.publish(0, &mut self.batch);
        for to in &self.shards {
            to.handover.deliver(&self.batch.newest, &self.batch.ticks);
        }
        self.batch.newest.clear();
        self.batch.ticks.clear();
    }

    /// Lets a shard take what was handed over.
    fn fetch(&mut self, at: usize) {
        let ToShard { handover, delivery, shard } = &mut self.shards[at];
        assert_eq!(handover.poll_fetch(delivery, Waker::noop()), Poll::Ready(()));
        self.now += Duration::from_millis(10);
        shard.take(delivery, self.now);
        shard.expire(self.now);
    }

    /// Lets a socket of the first shard take what is due; how many messages that was.
    fn write(&mut self, session: SessionKey) -> u32 {
        let mut messages = 0;
        loop {
            self.written.clear();
            let (shard, mut sink) = (&mut self.shards[0].shard, Writer(&mut self.written));
            let (output, transmitted) = shard.poll_transmit(session, self.now, &mut sink, Waker::noop());
            messages += transmitted.messages;
            if output == Output::Pending {
                return messages;
            }
            assert_eq!(output, Output::Ready);
        }
    }
}

#[track_caller]
fn check_nothing(what: &str, mut round: impl FnMut(usize)) {
    (0..WARM_UP).for_each(&mut round);
    let allocated = allocation_counter::measure(|| (0..MEASURED).for_each(&mut round));
    assert_eq!(allocated.count_total, 0, "{what}: {allocated:?} in {MEASURED} batches");
}

#[test]
fn a_tick_allocates_nothing_from_its_record_to_the_caches() {
    for format in [TickFormat::Json, TickFormat::Protobuf] {
        let mut path = Path::new(format);
        check_nothing(&format!("{format:?}"), |_| {
            path.ingest();
            path.fetch(0);
            path.fetch(1);
        });
        // One thread is slower than the other.
        check_nothing(&format!("{format:?}, one is late"), |round| {
            path.ingest();
            path.fetch(0);
            if round % 5 == 4 {
                path.fetch(1);
            }
        });
    }
}

#[test]
fn a_message_allocates_nothing() {
    for headers in ["", "fields:price,time_us\n", "delta:true\n", "max-rate:50\n"] {
        let mut path = Path::new(TickFormat::Json);
        let session = path.shards[0].shard.open("s", (), path.now);
        let says = [
            "CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0",
            &format!("{}\0", subscribe(1, "*", headers)),
        ];
        for said in says {
            path.shards[0].shard.receive(session, path.now, Inbound::Data(said.as_bytes()));
        }
        let mut messages = 0;
        check_nothing(headers, |_| {
            path.ingest();
            path.fetch(0);
            path.fetch(1);
            messages += path.write(session);
        });
        assert!(messages as usize > WARM_UP + MEASURED, "{headers:?}: {messages} messages");
    }
}
