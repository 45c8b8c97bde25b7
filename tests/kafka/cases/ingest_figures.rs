//! What a tick costs from Kafka to what a shard is handed, beside loops that only count the records of the same topic.
//! CPU time, since wall time tells how busy the machine is:
//!
//! ```sh
//! cargo test --release --test kafka ingest_figures -- --ignored --nocapture
//! ```
//!
//! The server's own ingest actor is measured, from its start to its end, with one shard that takes nothing. The loops and
//! the actor take turns, so that whatever else the machine does meets all of them.

use std::{
    sync::{Arc, atomic::AtomicBool, mpsc},
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use tickcast::{
    actors::{inbox::Inbox, ingest::Ingest},
    clock::now_us,
    config::{self, Broker, StartFrom},
    feed::{
        Encoder, TickFormat,
        simulate::{Market, MarketConfig, Names},
    },
    feed_status,
    feeder::simulate::{self, SimulateConfig},
    kafka::{Batch, Consumer, ProducerConfig, Taken, TickProducer},
    market::DayBoundary,
    metrics::{FeedMetrics, Metrics},
    readiness::Readiness,
};

use crate::{
    harness::{PATIENCE, eventually},
    node::Node,
    records::Client,
};

const TICKS: u64 = 2_000_000;
const SYMBOLS: usize = 10_000;
const PARTITIONS: i32 = 4;
const MARKET: MarketConfig = MarketConfig { symbols: SYMBOLS, names: Names::Numbered, seed: 1 };
const ROUNDS: usize = 5;

/// What a run cost, in nanoseconds of CPU time a record.
#[derive(Clone, Copy)]
struct Cost {
    /// The thread that takes the records.
    thread: f64,
    /// All of the process: the threads of Kafka's client, too, which fetch and unpack.
    process: f64,
}

#[test]
#[ignore = "it measures, for minutes: in a release build, on a machine that does nothing else"]
fn ingest_figures() {
    let Some(node) = Node::own() else { return };
    let client = Client::new(&node.plaintext(), &[]);
    println!("{TICKS} ticks of {SYMBOLS} symbols in {PARTITIONS} partitions; medians of {ROUNDS}");
    for (format, has_header) in [
        (TickFormat::Json, true),
        (TickFormat::Protobuf, true),
        (TickFormat::Json, false),
        (TickFormat::Protobuf, false),
    ] {
        let name = format!("{format:?}{}", if has_header { "" } else { " without content-type" });
        let topic = Topic {
            bootstrap: node.plaintext(),
            name: name.to_lowercase().replace(' ', "-"),
            format,
            has_header,
        };
        client.create_topic(&topic.name, PARTITIONS);
        topic.fill();
        let measures: [(&str, &dyn Fn() -> Cost); 3] = [
            ("bare, one by one", &|| measured(|| topic.count_one_by_one())),
            ("bare, by batches", &|| measured(|| topic.count_by_batches())),
            ("tickcast, catching up", &|| topic.ingest(false)),
        ];
        let mut costs = measures.map(|_| Vec::new());
        for _ in 0..ROUNDS {
            for ((_, measure), costs) in measures.iter().zip(&mut costs) {
                costs.push(measure());
            }
        }
        let costs: Vec<_> = costs.iter().map(|costs| median(costs)).collect();
        for ((what, _), cost) in measures.iter().zip(&costs) {
            println!("{name}: {what}: {}", line(*cost, &costs[..2]));
        }
        let live: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let live = Topic { name: format!("{}-live-{round}", topic.name), ..topic.clone() };
                client.create_topic(&live.name, PARTITIONS);
                live.ingest(true)
            })
            .collect();
        // What else the process does here is publish them.
        println!("{name}: tickcast, as they are published: {:.0} ns of its thread", median(&live).thread);
    }
}

/// A line of the table: the cost, and what it is beside the loops'.
fn line(cost: Cost, bare: &[Cost]) -> String {
    let per_core = 1e3 / cost.process;
    let [one_by_one, by_batches] = bare else { unreachable!("two loops are compared with") };
    format!(
        "{:.0} ns of its thread, {:.0} of the process: {per_core:.2} million a second and core; ratio {:.2} \
         and {:.2}, on top {:.0} and {:.0} ns",
        cost.thread,
        cost.process,
        one_by_one.process / cost.process,
        by_batches.process / cost.process,
        cost.process - one_by_one.process,
        cost.process - by_batches.process,
    )
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<_> = costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost { thread: middle(|cost| cost.thread), process: middle(|cost| cost.process) }
}

/// What counting all of a topic's records on a thread of its own costs.
fn measured(count: impl FnOnce() -> u64 + Send) -> Cost {
    let before = cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID);
    let (counted, thread) = thread::scope(|scope| {
        let run = scope.spawn(|| (count(), cpu_ns(libc::CLOCK_THREAD_CPUTIME_ID)));
        run.join().unwrap()
    });
    assert_eq!(counted, TICKS);
    cost(thread, cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID) - before)
}

fn cost(thread_ns: u64, process_ns: u64) -> Cost {
    let per_record = |ns: u64| ns as f64 / TICKS as f64;
    Cost { thread: per_record(thread_ns), process: per_record(process_ns) }
}

#[expect(unsafe_code, reason = "the standard library doesn't tell CPU time")]
fn cpu_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is one of Linux's, and the time is written to.
    assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut time) }, 0);
    u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
}

#[derive(Clone)]
struct Topic {
    bootstrap: String,
    name: String,
    format: TickFormat,
    has_header: bool,
}

impl Topic {
    fn fill(&self) {
        if self.has_header { self.simulate() } else { self.simulate_bare() }
    }

    /// Publishes the ticks of `tickcast feed simulate` without their header.
    fn simulate_bare(&self) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        let begin_us = now_us();
        let mut market = Market::new(MARKET, begin_us);
        let mut encoder = Encoder::new(self.format);
        for time_us in (begin_us..).take(usize::try_from(TICKS).unwrap()) {
            let tick = market.next(time_us);
            let symbol = tick.symbol.as_str();
            let mut record = BaseRecord::to(&self.name).key(symbol).payload(encoder.encode(&tick));
            while let Err((_, refused)) = producer.send(record) {
                producer.poll(Duration::from_millis(5));
                record = refused;
            }
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// Publishes the ticks as `tickcast feed simulate` does.
    fn simulate(&self) {
        let producer = TickProducer::connect(ProducerConfig {
            bootstrap: self.bootstrap.clone(),
            topic: self.name.clone(),
            properties: Vec::new(),
            deadline: PATIENCE,
        });
        let config = SimulateConfig {
            market: MARKET,
            format: self.format,
            // As fast as it goes.
            rate: 1e9,
            duration: None,
            count: Some(TICKS),
        };
        let delivered = simulate::run(&producer.unwrap(), &config, &AtomicBool::new(false)).unwrap();
        assert_eq!(delivered.acknowledged, TICKS);
    }

    fn consumer(&self, metrics: FeedMetrics) -> Consumer {
        let settings = config::Kafka {
            broker: Broker::Cluster { bootstrap: vec![self.bootstrap.parse().unwrap()] },
            topic: self.name.parse().unwrap(),
            tick_format: self.format,
            quarantine: None,
            start_from: StartFrom::Beginning,
            properties: Vec::new(),
            deadline: PATIENCE,
        };
        Consumer::new(&settings, self.bootstrap.clone(), metrics).unwrap()
    }

    /// The server's own consumer, with nothing behind it.
    fn count_by_batches(&self) -> u64 {
        let consumer = self.consumer(Metrics::new().feed);
        let offsets: Vec<_> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
        consumer.read_from(&offsets).unwrap();
        let (mut records, mut ended, mut batch) = (0, 0, Batch::default());
        while ended < PARTITIONS {
            consumer.take(Duration::from_millis(20), &mut batch);
            for taken in batch.iter() {
                match taken {
                    Taken::Record(_) => records += 1,
                    Taken::EndOfPartition { .. } => ended += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        batch.clear();
        consumer.unassign();
        records
    }

    /// The loop of rdkafka's documentation, tuned as the server's consumer is.
    fn count_one_by_one(&self) -> u64 {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "figures")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.min.messages", "20000")
            .set("queued.max.messages.kbytes", "32768")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset(&self.name, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        let (mut records, mut ended) = (0, 0);
        while ended < PARTITIONS {
            match consumer.poll(Duration::from_millis(20)) {
                Some(Ok(_)) => records += 1,
                Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
        consumer.unassign().unwrap();
        records
    }

    /// The server's ingest actor, up to the end of the log; which is filled once it's ready if it is to be `live`.
    fn ingest(&self, live: bool) -> Cost {
        let before = cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID);
        let (metrics, readiness) = (Metrics::new().feed, Arc::new(Readiness::default()));
        let ingest = Ingest {
            consumer: Arc::new(self.consumer(metrics.clone())),
            inboxes: Arc::from([Inbox::default()]),
            readiness: Arc::clone(&readiness),
            metrics: metrics.clone(),
            start_from: StartFrom::Beginning,
            boundary: DayBoundary::default(),
            feed_status: feed_status::Settings {
                stale_factor: 10.0,
                stale_floor: PATIENCE,
                lag_records: u64::MAX,
            },
            checkpoints: None,
            quarantine: None,
            tick_format: self.format,
            symbols_max: SYMBOLS,
            broker_deadline: PATIENCE,
            incarnation: None,
        };
        let (tell, told) = mpsc::channel();
        // On the actor's thread, as its last act.
        let handle = ingest.spawn(move || tell.send(cpu_ns(libc::CLOCK_THREAD_CPUTIME_ID)).unwrap());
        eventually("the log is read", || readiness.check().map_err(|not_ready| not_ready.reason));
        if live {
            self.fill();
        }
        eventually("every tick is folded", || match metrics.ingested.get() {
            TICKS => Ok(()),
            other => Err(other.to_string()),
        });
        handle.stop();
        let thread = told.recv_timeout(PATIENCE).unwrap();
        handle.join(PATIENCE).expect("it ends in time").expect("it doesn't panic").unwrap();
        cost(thread, cpu_ns(libc::CLOCK_PROCESS_CPUTIME_ID) - before)
    }
}
