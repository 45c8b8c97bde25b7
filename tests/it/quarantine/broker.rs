//! A cluster that outlives the servers which read it, and what stands in its quarantine topic.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _},
    types::RDKafkaRespErr,
};

use crate::support::{PATIENCE, Server, eventually};

/// librdkafka's mock cluster.
pub(super) struct Broker(MockCluster<'static, DefaultProducerContext>);

/// A record as it stands in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) key: Option<String>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) timestamp_ms: i64,
    pub(super) offset: i64,
}

impl Stored {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        &found.unwrap_or_else(|| panic!("{name} is missing in {:?}", self.headers)).1
    }
}

impl Broker {
    /// A cluster with these topics, of one partition each.
    pub(super) fn with(topics: &[&str]) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in topics {
            cluster.create_topic(topic, 1, 1).unwrap();
        }
        Self(cluster)
    }

    pub(super) fn mock(&self) -> &MockCluster<'static, DefaultProducerContext> {
        &self.0
    }

    pub(super) fn bootstrap(&self) -> String {
        self.0.bootstrap_servers()
    }

    /// A server that reads the topic `ticks`, once it's ready.
    pub(super) fn server(&self, flags: &[&str]) -> Server {
        let bootstrap = self.bootstrap();
        let wait = "fetch.wait.max.ms=10";
        let own = ["--kafka", &bootstrap, "--kafka-property", wait];
        Server::ready(&[&own[..], flags].concat())
    }

    /// Publishes values to the topic `ticks` under the key `A`.
    pub(super) fn publish(&self, values: &[&str]) {
        let producer = self.producer();
        for value in values {
            let record: BaseRecord<'_, str, str> = BaseRecord::to("ticks").key("A").payload(value);
            producer.send(record.partition(0)).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// Makes every request that concerns a topic fail, or none any more.
    pub(super) fn refuse(&self, topic: &str, is_refused: bool) {
        let error = if is_refused {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
        } else {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        };
        self.0.topic_error(topic, error).unwrap();
    }

    fn producer(&self) -> BaseProducer {
        ClientConfig::new().set("bootstrap.servers", self.bootstrap()).create().unwrap()
    }

    /// Publishes a record and waits until it's acknowledged.
    pub(super) fn record(
        &self,
        topic: &str,
        key: Option<&str>,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
        timestamp_ms: Option<i64>,
    ) {
        let producer = self.producer();
        let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).partition(0);
        (record.key, record.payload, record.timestamp) = (key, value, timestamp_ms);
        let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        producer.send(record.headers(headers)).map_err(|(error, _)| error).unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    /// All that stands in a topic.
    pub(super) fn read(&self, topic: &str) -> Vec<Stored> {
        read(&self.bootstrap(), topic)
    }

    /// Waits until a topic has so many records.
    #[track_caller]
    pub(super) fn await_records(&self, topic: &str, count: usize) -> Vec<Stored> {
        await_records(&self.bootstrap(), topic, count)
    }
}

/// Waits until a topic has so many records.
#[track_caller]
pub(super) fn await_records(bootstrap: &str, topic: &str, count: usize) -> Vec<Stored> {
    eventually(&format!("{topic} has {count} records"), || {
        let records = read(bootstrap, topic);
        if records.len() == count { Ok(records) } else { Err(format!("{records:#?}")) }
    })
}

/// All that stands in a topic, partition by partition.
pub(super) fn read(bootstrap: &str, topic: &str) -> Vec<Stored> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "test")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "2")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut all = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        all.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let mut records: BTreeMap<(i32, i64), Stored> = BTreeMap::new();
    let mut left = all.count();
    while left > 0 {
        match consumer.poll(Duration::from_secs(30)) {
            Some(Ok(message)) => {
                records.insert((message.partition(), message.offset()), stored(&message));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            other => panic!("{topic} can't be read: {other:?}"),
        }
    }
    records.into_values().collect()
}

fn stored(message: &BorrowedMessage<'_>) -> Stored {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Stored {
        key: message.key().map(text),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|it| (it.key.to_owned(), text(it.value.unwrap_or(b"null")))).collect(),
        timestamp_ms: message.timestamp().to_millis().unwrap(),
        offset: message.offset(),
    }
}
