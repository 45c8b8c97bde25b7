//! A topic as it stands at the moment, read from one end to the other by a command.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::{MetadataPartition, MetadataTopic},
};

use super::{
    Message, ProducerConfig,
    properties::{self, PropertyError, Silent},
};

/// What a user's own properties may change.
const PROPERTIES: [(&str, &str); 5] = [
    ("client.id", "tickcast-feed"),
    // The consumer API wants a group, though none is joined.
    ("group.id", "tickcast-feed"),
    ("fetch.queue.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "1000"),
    // Bounds what is prefetched.
    ("queued.max.messages.kbytes", "16384"),
];

/// What it can't do without.
const NEEDED: [(&str, &str); 4] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    // Position alone doesn't tell the end: compaction and transactions leave holes before it.
    ("enable.partition.eof", "true"),
];

/// One wait for a record, after which the deadline is looked at.
const WAIT_SLICE: Duration = Duration::from_millis(100);

/// One wait for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// Reads one topic.
pub struct TopicReader {
    consumer: BaseConsumer<Errors>,
    config: ProducerConfig,
}

impl std::fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicReader").field("config", &self.config).finish_non_exhaustive()
    }
}

/// How far each partition reaches: its first offset and the one after its last.
pub type TopicExtent = BTreeMap<i32, (i64, i64)>;

/// Why a topic can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// librdkafka doesn't take the configuration. The user can mend it.
    #[error(transparent)]
    Configuration(#[from] PropertyError),
    /// Nobody answers, or the answers ended.
    #[error("topic {topic} can't be read from Kafka at {bootstrap} within {} s: {reason}", deadline.as_secs_f64())]
    Unreachable {
        /// The topic.
        topic: String,
        /// The addresses that were tried.
        bootstrap: String,
        /// How long was waited without any progress.
        deadline: Duration,
        /// What librdkafka said last.
        reason: String,
    },
    /// There is no such topic.
    #[error("topic {topic} doesn't exist at {bootstrap}")]
    Missing {
        /// The topic.
        topic: String,
        /// The addresses of the cluster.
        bootstrap: String,
    },
    /// Kafka refuses.
    #[error("topic {topic} can't be read from Kafka at {bootstrap}: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// The addresses of the cluster.
        bootstrap: String,
        /// What Kafka said.
        reason: String,
    },
}

impl From<ReadError> for crate::failure::Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Configuration(_) => Self::Configuration(error.into()),
            ReadError::Unreachable { .. } | ReadError::Missing { .. } | ReadError::Refused { .. } => {
                Self::StartUp(error.into())
            }
        }
    }
}

fn client_config(config: &ProducerConfig) -> Result<ClientConfig, PropertyError> {
    let mut client = ClientConfig::new();
    client.extend(PROPERTIES.map(|(key, value)| (key.to_owned(), value.to_owned())));
    properties::set_all(&mut client, &config.properties)?;
    properties::set_needed(&mut client, &NEEDED);
    client.set("bootstrap.servers", &config.bootstrap).set_log_level(RDKafkaLogLevel::Emerg);
    Ok(client)
}

impl TopicReader {
    /// A reader of `config.topic`. Nothing is asked yet.
    ///
    /// # Errors
    /// When librdkafka doesn't take the configuration.
    pub fn new(config: ProducerConfig) -> Result<Self, ReadError> {
        let consumer =
            client_config(&config)?.create_with_context(Errors::default()).map_err(PropertyError::from)?;
        Ok(Self { consumer, config })
    }

    /// Whether [`TopicReader::new`] will take the configuration.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(config: &ProducerConfig) -> Result<(), PropertyError> {
        properties::check::<BaseConsumer<Silent>>(client_config(config)?)
    }

    /// How far the topic reaches at the moment.
    ///
    /// # Errors
    /// When there is no such topic, or nobody answers within the deadline.
    pub fn extent(&self) -> Result<TopicExtent, ReadError> {
        let partitions = self.ask(|| {
            let metadata = self.consumer.fetch_metadata(Some(&self.config.topic), ANSWER_WAIT)?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == self.config.topic);
            if let Some(error) = topic.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from) {
                return Err(KafkaError::MetadataFetch(error));
            }
            let partitions =
                topic.map(|topic| topic.partitions().iter().map(MetadataPartition::id).collect());
            Ok(partitions.unwrap_or_else(Vec::new))
        })?;
        if partitions.is_empty() {
            return Err(self.missing());
        }
        let mut extent = TopicExtent::new();
        for partition in partitions {
            let ends =
                self.ask(|| self.consumer.fetch_watermarks(&self.config.topic, partition, ANSWER_WAIT))?;
            extent.insert(partition, ends);
        }
        Ok(extent)
    }

    /// Hands out the records within `extent`, each partition in order, until `each` says that it's enough.
    ///
    /// # Errors
    /// When nothing comes for as long as the deadline.
    pub fn read(
        &self,
        extent: &TopicExtent,
        mut each: impl FnMut(Message<'_>) -> Wanted,
    ) -> Result<(), ReadError> {
        let mut left: BTreeMap<i32, i64> = extent
            .iter()
            .filter(|(_, (low, high))| low < high)
            .map(|(partition, (_, high))| (*partition, *high))
            .collect();
        let mut list = TopicPartitionList::new();
        for partition in left.keys() {
            list.add_partition_offset(&self.config.topic, *partition, Offset::Offset(extent[partition].0))
                .map_err(|error| self.refused(&error))?;
        }
        self.consumer.assign(&list).map_err(|error| self.refused(&error))?;
        let mut progress = Instant::now();
        while !left.is_empty() {
            let polled = self.consumer.poll(WAIT_SLICE);
            match polled {
                Some(Ok(message)) => {
                    progress = Instant::now();
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(end) = left.get(&partition) else { continue };
                    if offset < *end && each(Message::from(&message)) == Wanted::NoMore {
                        break;
                    }
                    if offset + 1 >= *end {
                        left.remove(&partition);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    progress = Instant::now();
                    left.remove(&partition);
                }
                Some(Err(error)) if is_final(&error) => return Err(self.refused(&error)),
                Some(Err(error)) => self.consumer.context().keep(error.to_string()),
                None => {}
            }
            if progress.elapsed() >= self.config.deadline {
                return Err(self.unreachable("no record comes".to_owned()));
            }
        }
        self.consumer.unassign().map_err(|error| self.refused(&error))
    }

    /// The offset of a partition's first record of this time, in milliseconds since the Unix epoch, or of a later one;
    /// its beginning without a time, and `None` if there is no such record.
    ///
    /// # Errors
    /// When nobody answers within the deadline.
    pub fn offset_at(&self, partition: i32, time_ms: Option<i64>) -> Result<Option<i64>, ReadError> {
        let Some(time_ms) = time_ms.filter(|time_ms| *time_ms >= 0) else { return Ok(Some(0)) };
        let found = self.ask(|| {
            let mut times = TopicPartitionList::new();
            times.add_partition_offset(&self.config.topic, partition, Offset::Offset(time_ms))?;
            self.consumer.offsets_for_times(times, ANSWER_WAIT)
        })?;
        Ok(found.find_partition(&self.config.topic, partition).and_then(|found| match found.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }))
    }

    /// Asks until there is an answer, at most for the deadline.
    fn ask<T>(&self, question: impl Fn() -> Result<T, KafkaError>) -> Result<T, ReadError> {
        let start = Instant::now();
        loop {
            match question() {
                Ok(answer) => return Ok(answer),
                Err(error) if is_final(&error) => {
                    let is_missing = error.rdkafka_error_code().is_some_and(is_absence);
                    return Err(if is_missing { self.missing() } else { self.refused(&error) });
                }
                Err(error) if start.elapsed() >= self.config.deadline => {
                    return Err(self.unreachable(error.to_string()));
                }
                // Tells the context why, in words that name the address.
                Err(_) => drop(self.consumer.poll(WAIT_SLICE)),
            }
        }
    }

    fn missing(&self) -> ReadError {
        let ProducerConfig { topic, bootstrap, .. } = self.config.clone();
        ReadError::Missing { topic, bootstrap }
    }

    fn refused(&self, error: &KafkaError) -> ReadError {
        let ProducerConfig { topic, bootstrap, .. } = self.config.clone();
        ReadError::Refused { topic, bootstrap, reason: error.to_string() }
    }

    fn unreachable(&self, reason: String) -> ReadError {
        let ProducerConfig { topic, bootstrap, deadline, .. } = self.config.clone();
        let reason = self.consumer.context().last().unwrap_or(reason);
        ReadError::Unreachable { topic, bootstrap, deadline, reason }
    }
}

/// Whether a reader goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// With the next record.
    More,
    /// It ends here.
    NoMore,
}

/// Whether an error says that there is no such topic.
const fn is_absence(error: RDKafkaErrorCode) -> bool {
    matches!(error, RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)
}

/// Whether asking again is of no use.
fn is_final(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(|code| {
        is_absence(code)
            || matches!(
                code,
                RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed
            )
    })
}

/// Keeps librdkafka's last words, which name the address that doesn't answer.
#[derive(Default)]
struct Errors(Mutex<Option<String>>);

impl Errors {
    fn keep(&self, reason: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Errors {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        if properties::may_be_logged(facility) {
            tracing::debug!(target: "rdkafka", facility, "{message}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // "All brokers are down" follows the error that says why, and says less.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.keep(reason.to_owned());
        }
    }
}

impl ConsumerContext for Errors {}
