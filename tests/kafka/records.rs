//! Topics and records, made with rdkafka as any other client would.

use std::{sync::mpsc, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    metadata::MetadataPartition,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    util::Timeout,
};

use crate::harness::{PATIENCE, eventually};

/// A client of one listener.
#[derive(Clone)]
pub(crate) struct Client {
    config: ClientConfig,
}

impl Client {
    /// A client of the listener at `address` with librdkafka's `properties`.
    pub(crate) fn new(address: &str, properties: &[(&str, String)]) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", address).set("reconnect.backoff.max.ms", "200");
        for (key, value) in properties {
            config.set(*key, value);
        }
        Self { config }
    }

    /// rdkafka's settings of this client, to be added to.
    pub(crate) fn config(&self) -> ClientConfig {
        self.config.clone()
    }

    /// Creates a topic.
    pub(crate) fn create_topic(&self, topic: &str, partitions: i32) {
        self.create(&NewTopic::new(topic, partitions, TopicReplication::Fixed(1)));
    }

    /// Creates a topic with settings or places of its own.
    pub(crate) fn create(&self, topic: &NewTopic<'_>) {
        let results = block_on(self.admin().create_topics([topic], &options()));
        results.unwrap().remove(0).unwrap();
    }

    /// Deletes a topic, and waits until nobody knows it any more.
    pub(crate) fn delete_topic(&self, topic: &str) {
        let admin = self.admin();
        block_on(admin.delete_topics(&[topic], &options())).unwrap().remove(0).unwrap();
        eventually("the topic is gone", || {
            let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(2));
            let metadata = metadata.map_err(|error| error.to_string())?;
            let is_there = metadata.topics().iter().any(|it| it.name() == topic);
            if is_there { Err("still there".to_owned()) } else { Ok(()) }
        });
    }

    /// Adds partitions to a topic, up to `partitions` in all.
    pub(crate) fn grow_topic(&self, topic: &str, partitions: usize) {
        let grown = NewPartitions::new(topic, partitions);
        let results = block_on(self.admin().create_partitions([&grown], &options()));
        results.unwrap().remove(0).unwrap();
    }

    /// Deletes a partition's records before `offset`.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut before = TopicPartitionList::new();
        before.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let result = block_on(self.admin().delete_records(&before, &options())).unwrap();
        assert_eq!(result.elements()[0].error(), Ok(()));
        assert_eq!(self.watermarks(topic, partition).0, offset);
    }

    /// The partition's first offset, and the one after its last.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        let consumer: BaseConsumer = self.config.create().unwrap();
        consumer.fetch_watermarks(topic, partition, Duration::from_secs(30)).unwrap()
    }

    /// Waits until a partition's last stable offset is this.
    pub(crate) fn await_end(&self, topic: &str, partition: i32, offset: i64) {
        eventually("the log ends there", || match self.watermarks(topic, partition).1 {
            end if end == offset => Ok(()),
            end => Err(format!("{end}")),
        });
    }

    /// Waits until the cluster has so many nodes.
    pub(crate) fn await_brokers(&self, count: usize) {
        let consumer: BaseConsumer = self.config.create().unwrap();
        eventually(&format!("there are {count} brokers"), || {
            let metadata = consumer.fetch_metadata(None, Duration::from_secs(2));
            let metadata = metadata.map_err(|error| error.to_string())?;
            let found = metadata.brokers().len();
            if found == count { Ok(()) } else { Err(format!("{found}")) }
        });
    }

    /// Waits until a partition is led by the node of this number.
    pub(crate) fn await_leader(&self, topic: &str, partition: i32, node: i32) {
        let consumer: BaseConsumer = self.config.create().unwrap();
        eventually(&format!("node {node} leads {topic}-{partition}"), || {
            let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(2));
            let metadata = metadata.map_err(|error| error.to_string())?;
            let partitions = metadata.topics()[0].partitions();
            match partitions.iter().find(|it| it.id() == partition).map(MetadataPartition::leader) {
                Some(leader) if leader == node => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    /// Publishes records as one batch; answers with their offsets once the broker has them all.
    pub(crate) fn publish(
        &self,
        topic: &str,
        partition: i32,
        codec: &str,
        records: &[(&str, String)],
    ) -> Vec<i64> {
        let (delivered, deliveries) = mpsc::channel();
        let mut config = self.config();
        // Long enough that all records of a call are in one batch: flush ends the wait.
        config.set("compression.type", codec).set("linger.ms", "500");
        let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries(delivered)).unwrap();
        for (key, value) in records {
            producer.send(BaseRecord::to(topic).partition(partition).key(*key).payload(value)).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        deliveries.try_iter().take(records.len()).map(Result::unwrap).collect()
    }

    /// Publishes a tombstone.
    pub(crate) fn delist(&self, topic: &str, partition: i32, symbol: &str) {
        let producer: BaseProducer = self.config().create().unwrap();
        producer.send(BaseRecord::<_, ()>::to(topic).partition(partition).key(symbol)).unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    /// Publishes records in a transaction that ends as told.
    pub(crate) fn transact(&self, topic: &str, partition: i32, records: &[(&str, String)], end: End) {
        let mut config = self.config();
        config.set("transactional.id", format!("{topic}-{partition}"));
        let producer: BaseProducer = config.create().unwrap();
        let patience = Timeout::After(PATIENCE);
        producer.init_transactions(patience).unwrap();
        producer.begin_transaction().unwrap();
        for (key, value) in records {
            producer.send(BaseRecord::to(topic).partition(partition).key(*key).payload(value)).unwrap();
        }
        // An abort would throw away what isn't sent yet: nothing aborted would be in the log.
        producer.flush(patience).unwrap();
        match end {
            End::Commit => producer.commit_transaction(patience).unwrap(),
            End::Abort => producer.abort_transaction(patience).unwrap(),
        }
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config.create().unwrap()
    }
}

/// How a transaction ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Commit,
    Abort,
}

/// The broker may take its time on a busy machine; the default gives it five seconds.
fn options() -> AdminOptions {
    let patience = Some(Duration::from_secs(30));
    AdminOptions::new().request_timeout(patience).operation_timeout(patience)
}

/// Hands on each record's offset, or why it has none.
struct Deliveries(mpsc::Sender<Result<i64, String>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.to_string()),
        };
        // The receiver goes with the call that published.
        let _ = self.0.send(outcome);
    }
}

/// The time of the first tick: a day long ago, so that the clock begins no trading day while a test runs.
pub(crate) const BEGIN_US: i64 = 1_732_187_000_123_456;

/// A trade as a producer writes it.
pub(crate) fn trade(symbol: &str, price: &str, size: u32) -> String {
    format!(r#"{{"symbol":"{symbol}","time_us":{BEGIN_US},"price":"{price}","size":{size}}}"#)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), future).await.unwrap() })
}
