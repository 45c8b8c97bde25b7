//! A broker in this process, and what a consumer finds in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers as _,
    mocking::MockCluster,
    producer::DefaultProducerContext,
};
use tickcast::{
    feed::{Decoder, TickFormat},
    kafka::{ProducerConfig, TickProducer},
};

use super::answers::Last;

pub(super) const TOPIC: &str = "ticks";
const PARTITIONS: i32 = 4;
const DEADLINE: Duration = Duration::from_secs(30);

/// librdkafka's mock cluster with the topic of ticks.
pub(super) struct Broker(MockCluster<'static, DefaultProducerContext>);

impl Broker {
    pub(super) fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
        Self(cluster)
    }

    pub(super) fn bootstrap(&self) -> String {
        self.0.bootstrap_servers()
    }

    pub(super) fn producer(&self) -> TickProducer {
        TickProducer::connect(self.config(DEADLINE, &[])).unwrap()
    }

    pub(super) fn config(&self, deadline: Duration, properties: &[&str]) -> ProducerConfig {
        ProducerConfig {
            bootstrap: self.bootstrap(),
            topic: TOPIC.to_owned(),
            properties: properties.iter().map(|property| property.parse().unwrap()).collect(),
            deadline,
        }
    }

    /// Takes the broker away, for good.
    pub(super) fn stop(&self) {
        self.0.broker_down(-1).unwrap();
    }

    fn consumer(&self) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("group.id", "test")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "2")
            .set("fetch.queue.backoff.ms", "10")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        consumer
    }

    /// How many records the partitions hold.
    pub(super) fn record_count(&self) -> i64 {
        let consumer = self.consumer();
        (0..PARTITIONS)
            .map(|partition| {
                let (low, high) = consumer.fetch_watermarks(TOPIC, partition, DEADLINE).unwrap();
                high - low
            })
            .sum()
    }

    /// Reads everything, checks what every record must have, and folds it by symbol.
    pub(super) fn fold_all(&self, format: TickFormat) -> BTreeMap<String, Last> {
        let count = self.record_count();
        let consumer = self.consumer();
        let mut decoder = Decoder::default();
        let mut lasts: BTreeMap<String, Last> = BTreeMap::new();
        let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
        let start = Instant::now();
        let mut seen = 0;
        while seen < count {
            assert!(start.elapsed() < DEADLINE, "{seen} of {count} records");
            let Some(record) = consumer.poll(Duration::from_millis(100)) else { continue };
            let record = record.unwrap();
            let header = record.headers().unwrap().get(0);
            let expected = format.content_type().as_bytes();
            assert_eq!((header.key, header.value), ("content-type", Some(expected)));
            let tick = decoder.decode(header.value, record.payload().unwrap()).unwrap();
            let symbol = tick.symbol.as_str().to_owned();
            assert_eq!(record.key(), Some(symbol.as_bytes()));
            partitions.entry(symbol.clone()).or_default().insert(record.partition());
            lasts.entry(symbol).or_default().fold(&tick);
            seen += 1;
        }
        for (symbol, partitions) in partitions {
            assert_eq!(partitions.len(), 1, "{symbol} is in partitions {partitions:?}");
        }
        lasts
    }
}
