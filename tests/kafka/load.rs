//! A producer that goes on: ticks of many symbols at a pace, also over outages of the broker.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rdkafka::{
    ClientContext,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use crate::{
    harness::{eventually, pause},
    records::{BEGIN_US, Client},
};

/// A running producer; ended when dropped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    acknowledged: AtomicU64,
    sent: AtomicU64,
    is_paused: AtomicBool,
    is_over: AtomicBool,
}

/// What is published, and where.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) topic: &'static str,
    pub(crate) partitions: i32,
    pub(crate) symbols: u32,
    pub(crate) ticks_per_s: u32,
    pub(crate) seed: u64,
}

impl Load {
    /// Begins to publish.
    pub(crate) fn start(client: &Client, plan: Plan) -> Self {
        let shared = Arc::<Shared>::default();
        let mut config = client.config();
        config
            .set("linger.ms", "5")
            // A record waits for its broker as long as it takes, and none overtakes another. Idempotence would end with
            // the broker's memory of a topic that is deleted or cut off.
            .set("message.timeout.ms", "0")
            .set("max.in.flight.requests.per.connection", "1")
            .set("topic.metadata.refresh.interval.ms", "1000");
        let producer: BaseProducer<Count> = config.create_with_context(Count(Arc::clone(&shared))).unwrap();
        let kept = Arc::clone(&shared);
        let thread = std::thread::spawn(move || publish(&producer, plan, &shared));
        Self { shared: kept, thread: Some(thread) }
    }

    /// How many records the broker has.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until the broker has so many more.
    #[track_caller]
    pub(crate) fn await_more(&self, records: u64) {
        let wanted = self.acknowledged() + records;
        eventually("the load goes on", || {
            let count = self.acknowledged();
            if count >= wanted { Ok(()) } else { Err(format!("{count} of {wanted}")) }
        });
    }

    /// Waits until the broker has one more; the moment when it had.
    #[track_caller]
    pub(crate) fn await_next(&self) -> Instant {
        let known = self.acknowledged();
        eventually("the load goes on", || {
            if self.acknowledged() > known { Ok(Instant::now()) } else { Err(format!("{known}")) }
        })
    }

    /// Publishes no more until [`Load::resume`], and waits until the broker has all.
    #[track_caller]
    pub(crate) fn pause(&self) {
        self.shared.is_paused.store(true, Ordering::Relaxed);
        eventually("all that was published is acknowledged", || {
            let sent = self.shared.sent.load(Ordering::Relaxed);
            let acknowledged = self.acknowledged();
            if sent == acknowledged { Ok(()) } else { Err(format!("{acknowledged} of {sent}")) }
        });
    }

    /// Goes on.
    pub(crate) fn resume(&self) {
        self.shared.is_paused.store(false, Ordering::Relaxed);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Counts what was acknowledged.
struct Count(Arc<Shared>);

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => drop(self.0.acknowledged.fetch_add(1, Ordering::Relaxed)),
            // A partition that is gone: its records go with it.
            Err(_) => drop(self.0.sent.fetch_sub(1, Ordering::Relaxed)),
        }
    }
}

fn publish(producer: &BaseProducer<Count>, plan: Plan, shared: &Shared) {
    const SLICE: Duration = Duration::from_millis(5);
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let (mut count, mut due, mut last) = (0_u64, 0.0, Instant::now());
    while !shared.is_over.load(Ordering::Relaxed) {
        let now = Instant::now();
        // After a pause of the machine's the pace is kept, and not caught up with.
        due += f64::from(plan.ticks_per_s) * now.duration_since(last).min(SLICE * 4).as_secs_f64();
        last = now;
        while due >= 1.0 && !shared.is_paused.load(Ordering::Relaxed) {
            due -= 1.0;
            let symbol = random.random_range(0..plan.symbols);
            let partition = i32::try_from(symbol).unwrap() % plan.partitions;
            let (key, value) = (format!("S{symbol:03}"), tick(symbol, count, &mut random));
            // Counted first: it may be acknowledged before `send` is back.
            shared.sent.fetch_add(1, Ordering::Relaxed);
            let record = BaseRecord::to(plan.topic).partition(partition).key(&key).payload(&value);
            if producer.send(record).is_err() {
                shared.sent.fetch_sub(1, Ordering::Relaxed);
                break;
            }
            count += 1;
        }
        if shared.is_paused.load(Ordering::Relaxed) {
            due = 0.0;
        }
        producer.poll(Duration::ZERO);
        pause(SLICE);
    }
    // What nobody takes any more isn't waited for.
    producer.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
}

/// Trades, and a quote now and then, some of them with one side only or none.
fn tick(symbol: u32, count: u64, random: &mut ChaCha8Rng) -> String {
    let cents = random.random_range(100..100_000_u32);
    let price = format!("{}.{:02}", cents / 100, cents % 100);
    let (size, time_us) = (random.random_range(1..1000_u32), BEGIN_US + i64::try_from(count).unwrap() * 1000);
    let head = format!(r#"{{"symbol":"S{symbol:03}","time_us":{time_us}"#);
    match random.random_range(0..10_u32) {
        0 => format!(r#"{head},"bid":{price},"bid_size":{size}}}"#),
        1 => format!(r#"{head},"bid":{price},"bid_size":{size},"ask":"{price}","ask_size":{size}}}"#),
        2 => format!(r#"{head},"ask":null,"ask_size":null,"bid":{price},"bid_size":{size}}}"#),
        3 => format!(r#"{head},"price":"{price}","size":{size},"venue":"XNAS"}}"#),
        _ => format!(r#"{head},"price":{price},"size":{size}}}"#),
    }
}
