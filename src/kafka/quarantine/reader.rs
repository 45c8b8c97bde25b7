//! The quarantine topic as it's read: from its beginning, and then for ever.

use std::{collections::HashSet, time::Duration};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::MetadataPartition,
};

use crate::{
    config::{self, Broker},
    kafka::{
        Message,
        properties::{self, PropertyError, Silent},
    },
    quarantine::Entry,
};

/// How long the broker may take to answer what partitions there are.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// What a user's own properties may change.
const PROPERTIES: [(&str, &str); 7] = [
    ("client.id", "tickcast-quarantine"),
    // The consumer API wants a group, though none is joined.
    ("group.id", "tickcast-quarantine"),
    ("fetch.queue.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    // Bounds what is prefetched, however large the topic is.
    ("queued.min.messages", "2000"),
    ("queued.max.messages.kbytes", "8192"),
];

/// What it can't do without.
const NEEDED: [(&str, &str); 5] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    ("enable.partition.eof", "true"),
    // It's the ticks' own reader that tells the lag.
    ("statistics.interval.ms", "0"),
];

/// The embedded broker never wakes a fetch early: this is how late a copy comes by there. Each fetch costs it some CPU
/// time, and nobody waits for the copy.
const EMBEDDED_FETCH_WAIT_MS: &str = "100";

/// Reads the quarantine topic.
pub(super) struct Reader {
    consumer: BaseConsumer<Silent>,
    topic: String,
    partitions: Vec<i32>,
    /// Those whose end wasn't reached yet.
    unread: HashSet<i32>,
}

/// What reading gives.
#[derive(Debug)]
pub(super) enum Read {
    /// Somebody has set a record aside, or dealt with it.
    Entry(Entry),
    /// Something that is none of quarantine's, or the end of a partition.
    Nothing,
    /// The topic isn't there any more.
    Gone,
    /// Something is wrong for the moment; librdkafka keeps trying.
    Trouble(KafkaError),
}

pub(super) fn client_config(
    bootstrap: &str,
    settings: &config::Kafka,
) -> Result<ClientConfig, PropertyError> {
    let mut client = ClientConfig::new();
    client.extend(PROPERTIES.map(|(key, value)| (key.to_owned(), value.to_owned())));
    if matches!(settings.broker, Broker::Embedded { .. }) {
        client.set("fetch.wait.max.ms", EMBEDDED_FETCH_WAIT_MS);
    }
    properties::set_all(&mut client, &settings.properties)?;
    properties::set_needed(&mut client, &NEEDED);
    client.set("bootstrap.servers", bootstrap).set_log_level(RDKafkaLogLevel::Emerg);
    Ok(client)
}

impl Reader {
    /// A reader of `topic`. Nothing is asked yet.
    pub(super) fn new(bootstrap: &str, topic: &str, settings: &config::Kafka) -> Result<Self, PropertyError> {
        let consumer = client_config(bootstrap, settings)?.create_with_context(Silent)?;
        Ok(Self { consumer, topic: topic.to_owned(), partitions: Vec::new(), unread: HashSet::new() })
    }

    /// The topic's name.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Begins to read at the topic's beginning; false if there is no such topic.
    pub(super) fn open(&mut self) -> Result<bool, KafkaError> {
        self.close();
        self.add_partitions()?;
        Ok(!self.partitions.is_empty())
    }

    /// Reads partitions that came later as well.
    pub(super) fn add_partitions(&mut self) -> Result<(), KafkaError> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), ANSWER_WAIT)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        let Some(topic) = topic else { return Ok(()) };
        if let Some(error) = topic.error().map(RDKafkaErrorCode::from)
            && !is_absence(error)
        {
            return Err(KafkaError::MetadataFetch(error));
        }
        let added: Vec<_> = topic
            .partitions()
            .iter()
            .map(MetadataPartition::id)
            .filter(|partition| !self.partitions.contains(partition))
            .collect();
        let mut list = TopicPartitionList::new();
        for partition in &added {
            list.add_partition_offset(&self.topic, *partition, Offset::Beginning)?;
        }
        self.consumer.incremental_assign(&list)?;
        self.unread.extend(&added);
        self.partitions.extend(added);
        Ok(())
    }

    /// Stops reading.
    pub(super) fn close(&mut self) {
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(%error, "the quarantine topic can't be given back");
        }
        self.partitions.clear();
        self.unread.clear();
    }

    /// Whether all that stood in the topic when it was opened has been read.
    pub(super) fn is_caught_up(&self) -> bool {
        self.unread.is_empty() && !self.partitions.is_empty()
    }

    /// What comes next, or `None` within the time.
    pub(super) fn poll(&mut self, timeout: Duration) -> Option<Read> {
        Some(match self.consumer.poll(timeout)? {
            Ok(message) => Entry::parse(Message::from(&message).headers()).map_or(Read::Nothing, Read::Entry),
            Err(KafkaError::PartitionEOF(partition)) => {
                self.unread.remove(&partition);
                Read::Nothing
            }
            Err(error) if error.rdkafka_error_code().is_some_and(is_absence) => Read::Gone,
            Err(error) => Read::Trouble(error),
        })
    }
}

/// Whether an error says that there is no such topic.
pub(super) const fn is_absence(error: RDKafkaErrorCode) -> bool {
    matches!(
        error,
        RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
    )
}
