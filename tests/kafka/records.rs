//! Topics and records, made with rdkafka as any other client would.

use std::{sync::mpsc, time::Duration};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use crate::harness::PATIENCE;

/// A client of one listener.
pub(crate) struct Client {
    config: ClientConfig,
}

impl Client {
    /// A client of the listener at `address` with librdkafka's `properties`.
    pub(crate) fn new(address: &str, properties: &[(&str, String)]) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", address);
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
        let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let results = block_on(self.admin().create_topics([&topic], &AdminOptions::new()));
        results.unwrap().remove(0).unwrap();
    }

    /// Adds partitions to a topic, up to `partitions` in all.
    pub(crate) fn grow_topic(&self, topic: &str, partitions: usize) {
        let grown = NewPartitions::new(topic, partitions);
        let results = block_on(self.admin().create_partitions([&grown], &AdminOptions::new()));
        results.unwrap().remove(0).unwrap();
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

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config.create().unwrap()
    }
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

/// A trade as a producer writes it.
pub(crate) fn trade(symbol: &str, price: &str, size: u32) -> String {
    format!(r#"{{"symbol":"{symbol}","time_us":1732187000123456,"price":"{price}","size":{size}}}"#)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), future).await.unwrap() })
}
