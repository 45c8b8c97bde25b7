//! The consumer: every partition of one topic, assigned by hand.
//!
//! Every instance of tickcast needs every tick, so there is no consumer group: no rebalance ever
//! stops the prices, and no offset is committed anywhere. Which offset was last folded is in the
//! state itself.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers},
    metadata::MetadataPartition,
};

use super::properties::{self, PropertyError, Silent};
use crate::{config, fold::Record, market::TIME_US_MAX, metrics::FeedMetrics};

/// One topic of one cluster.
pub struct Consumer {
    base: BaseConsumer<Context>,
    topic: String,
    bootstrap: String,
    deadline: Duration,
    made: Instant,
    has_answered: AtomicBool,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("topic", &self.topic)
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

/// Why the cluster can't be consumed from.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// librdkafka doesn't take the configuration. The operator can mend it.
    #[error(transparent)]
    Configuration(PropertyError),
    /// The cluster didn't answer.
    #[error("{}: {reason}", unreachable(bootstrap, *within))]
    Unreachable {
        /// The addresses that were tried.
        bootstrap: String,
        /// The deadline of the start, if it has passed without any answer.
        within: Option<Duration>,
        /// What librdkafka said last.
        reason: String,
    },
    /// The partitions can't be assigned.
    #[error("the partitions of {topic} can't be assigned: {reason}")]
    Assignment {
        /// The topic.
        topic: String,
        /// What librdkafka said.
        reason: KafkaError,
    },
}

fn unreachable(bootstrap: &str, within: Option<Duration>) -> String {
    match within {
        Some(deadline) => {
            format!("no Kafka broker answers at {bootstrap} within {} s", deadline.as_secs_f64())
        }
        None => format!("Kafka at {bootstrap} doesn't answer"),
    }
}

/// What a poll of the consumer gives.
#[derive(Debug)]
pub enum Polled<'a> {
    /// A record.
    Record(BorrowedMessage<'a>),
    /// Everything of this partition, up to now, was given.
    EndOfPartition(i32),
    /// Something is wrong for the moment; librdkafka keeps trying.
    Trouble(KafkaError),
}

/// The start-up's rules, and the tuning of a consumer that conflates; protocols of the defaults in
/// librdkafka's CONFIGURATION.md.
const PROPERTIES: [(&str, &str); 15] = [
    ("client.id", "tickcast"),
    // The consumer API wants a group, though none is joined.
    ("group.id", "tickcast"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // The log is the truth: whoever fell out of it starts at its beginning, and the fold passes over
    // what it knows.
    ("auto.offset.reset", "earliest"),
    // Tells that a partition is caught up even where compaction left holes before its end.
    ("enable.partition.eof", "true"),
    // What a transaction aborted was never true.
    ("isolation.level", "read_committed"),
    // The default, 1 s, costs three to five times the throughput of catching up: 0.23-0.30 against
    // 1.3 million records a second.
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "100"),
    // Bounds what is prefetched: 20,000 records of 200 bytes are 4 MB a partition, and 32 MiB hold
    // for all of them together.
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "32768"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    ("topic.metadata.refresh.interval.ms", "30000"),
    // For the lag, which Prometheus reads every few seconds.
    ("statistics.interval.ms", "1000"),
];

/// How long the embedded broker keeps a fetch that finds nothing. It never wakes one early, so this
/// is its latency: 2 ms give a median of 1.2 ms. A real broker answers at once.
const EMBEDDED_FETCH_WAIT_MS: &str = "2";

impl Consumer {
    /// A consumer of `settings.topic` at `bootstrap`. Nothing is connected yet.
    pub fn new(
        settings: &config::Kafka,
        bootstrap: String,
        metrics: FeedMetrics,
    ) -> Result<Self, ConsumerError> {
        let mut client = client_config(settings).map_err(ConsumerError::Configuration)?;
        client.set("bootstrap.servers", &bootstrap).set_log_level(RDKafkaLogLevel::Warning);
        let context =
            Context { metrics, last_error: Mutex::default(), lag_records: AtomicI64::new(LAG_UNKNOWN) };
        let base = client
            .create_with_context(context)
            .map_err(|error| ConsumerError::Configuration(error.into()))?;
        Ok(Self {
            base,
            topic: settings.topic.as_str().to_owned(),
            bootstrap,
            deadline: settings.deadline,
            made: Instant::now(),
            has_answered: AtomicBool::new(false),
        })
    }

    /// Whether [`Consumer::new`] will take the settings.
    pub fn check(settings: &config::Kafka) -> Result<(), PropertyError> {
        properties::check::<BaseConsumer<Silent>>(client_config(settings)?)
    }

    /// The cluster's addresses, as configured.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The topic that is consumed.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The cluster's own name, if it tells one.
    pub fn cluster_id(&self, timeout: Duration) -> Option<String> {
        self.base.client().fetch_cluster_id(timeout)
    }

    /// The topic's partitions; none if it doesn't exist.
    pub fn partitions(&self, timeout: Duration) -> Result<Vec<i32>, ConsumerError> {
        let metadata =
            self.base.fetch_metadata(Some(&self.topic), timeout).map_err(|error| self.unreachable(&error))?;
        self.has_answered.store(true, Ordering::Relaxed);
        // What was wrong before this answer isn't why a later one fails to come.
        self.base.context().set_last_error(None);
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        Ok(topic
            .map_or_else(Vec::new, |topic| topic.partitions().iter().map(MetadataPartition::id).collect()))
    }

    /// The offset after a partition's last record.
    pub fn high_watermark(&self, partition: i32, timeout: Duration) -> Result<i64, ConsumerError> {
        let (low, high) = self
            .base
            .fetch_watermarks(&self.topic, partition, timeout)
            .map_err(|error| self.unreachable(&error))?;
        // An emptied partition has nothing to wait for.
        Ok(if low == high { 0 } else { high })
    }

    /// Adds partitions, from their beginning.
    pub fn assign(&self, partitions: &[i32]) -> Result<(), ConsumerError> {
        let assignment_error = |reason| ConsumerError::Assignment { topic: self.topic.clone(), reason };
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(&self.topic, *partition, Offset::Beginning)
                .map_err(assignment_error)?;
        }
        self.base.incremental_assign(&list).map_err(assignment_error)
    }

    /// Gives all partitions back, so that nothing is fetched any more.
    pub fn unassign(&self) {
        if let Err(error) = self.base.unassign() {
            tracing::debug!(%error, "partitions can't be given back");
        }
    }

    /// What comes next, or nothing within the time.
    pub fn poll(&self, timeout: Duration) -> Option<Polled<'_>> {
        match self.base.poll(timeout)? {
            Ok(record) => Some(Polled::Record(record)),
            Err(KafkaError::PartitionEOF(partition)) => Some(Polled::EndOfPartition(partition)),
            Err(error) => Some(Polled::Trouble(error)),
        }
    }

    /// How many records are left to read in all partitions, as of the last second; `None` until it was told, which it
    /// isn't where `statistics.interval.ms` is 0.
    pub fn lag_records(&self) -> Option<u64> {
        u64::try_from(self.base.context().lag_records.load(Ordering::Relaxed)).ok()
    }

    fn unreachable(&self, error: &KafkaError) -> ConsumerError {
        let never_answered = !self.has_answered.load(Ordering::Relaxed);
        let within = (never_answered && self.made.elapsed() >= self.deadline).then_some(self.deadline);
        // A question that nobody answers fails with no more than that.
        let reason = self.base.context().last_error().unwrap_or_else(|| error.to_string());
        ConsumerError::Unreachable { bootstrap: self.bootstrap.clone(), within, reason }
    }
}

/// All but the cluster's addresses.
fn client_config(settings: &config::Kafka) -> Result<ClientConfig, PropertyError> {
    let mut client = ClientConfig::new();
    for (key, value) in PROPERTIES {
        client.set(key, value);
    }
    if matches!(settings.broker, config::Broker::Embedded { .. }) {
        client.set("fetch.wait.max.ms", EMBEDDED_FETCH_WAIT_MS);
    }
    properties::set_all(&mut client, &settings.properties)?;
    Ok(client)
}

/// A message as the fold knows records. Kafka's time is in milliseconds.
pub(crate) fn record_of<'a>(message: &'a BorrowedMessage<'_>) -> Record<'a> {
    let content_type = message
        .headers()
        .and_then(|headers| headers.iter().find(|header| header.key == "content-type"))
        .and_then(|header| header.value);
    Record {
        partition: message.partition(),
        offset: u64::try_from(message.offset()).expect("a record's offset isn't negative"),
        timestamp_us: microseconds(message.timestamp().to_millis().unwrap_or(0)),
        key: message.key(),
        value: message.payload(),
        content_type,
    }
}

/// A producer may write any number as a record's time; it's held within what a tick's own may be.
fn microseconds(time_ms: i64) -> i64 {
    time_ms.saturating_mul(1000).clamp(0, TIME_US_MAX)
}

/// What librdkafka tells between the records.
struct Context {
    metrics: FeedMetrics,
    last_error: Mutex<Option<String>>,
    /// Over all partitions.
    lag_records: AtomicI64,
}

const LAG_UNKNOWN: i64 = -1;

impl Context {
    /// Why a broker couldn't be talked to, in words that name it.
    fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_last_error(&self, reason: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}

impl ClientContext for Context {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        // librdkafka repeats itself on every attempt; what matters comes as an error, too.
        tracing::debug!(facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // The end of a partition isn't an error; a poll tells it, too.
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            Some(RDKafkaErrorCode::AllBrokersDown) => tracing::warn!("{reason}"),
            _ => {
                tracing::info!(%error, "{reason}");
                self.set_last_error(Some(reason.to_owned()));
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        let mut lag_records = LAG_UNKNOWN;
        for topic in statistics.topics.values() {
            for partition in topic.partitions.values().filter(|it| it.partition >= 0 && it.app_offset >= 0) {
                let lag = (partition.hi_offset - partition.app_offset).max(0);
                let label = partition.partition.to_string();
                self.metrics.lag.with_label_values(&[label]).set(lag);
                lag_records = lag_records.max(0).saturating_add(lag);
            }
        }
        self.lag_records.store(lag_records, Ordering::Relaxed);
    }
}

impl ConsumerContext for Context {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_records_time_is_one_that_can_be_reckoned_with() {
        assert_eq!(microseconds(1_732_187_000_123), 1_732_187_000_123_000);
        assert_eq!([i64::MIN, -1, 0].map(microseconds), [0; 3]);
        assert_eq!(microseconds(i64::MAX), TIME_US_MAX);
    }
}
