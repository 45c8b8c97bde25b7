//! The consumer: every partition of one topic, assigned by hand.
//!
//! Every instance of tickcast needs every tick, so there is no consumer group: no rebalance ever
//! stops the prices, and no offset is committed anywhere. Which offset was last folded is in the
//! state itself.

mod context;
mod error;
mod message;
mod queue;
mod topic_id;
mod tuning;

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::{MetadataBroker, MetadataPartition, MetadataTopic},
};

use self::{context::Context, queue::RecordQueue, tuning::client_config};
use super::properties::{self, PropertyError, Silent};
use crate::{config, metrics::FeedMetrics};

pub use self::{
    error::ConsumerError,
    message::Message,
    queue::{Batch, Taken},
};

/// One topic of one cluster.
pub struct Consumer {
    /// Before the client, which it needs to its end.
    records: RecordQueue,
    base: BaseConsumer<Context>,
    topic: String,
    bootstrap: String,
    deadline: Duration,
    made: Instant,
    has_answered: AtomicBool,
    /// How often the topic's id was asked for.
    asked: AtomicUsize,
    /// Partitions of which nothing has come since they were assigned, not even their end.
    unheard: Mutex<BTreeSet<i32>>,
}

/// What the cluster says of the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its own identity, another one when it's deleted and made anew; `None` where the broker tells none.
    pub id: Option<String>,
    /// Its partitions, at least one.
    pub partitions: Vec<i32>,
}

/// How far a partition reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The offset of the first record that is still there.
    pub low: u64,
    /// The offset after the last one.
    pub high: u64,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("topic", &self.topic)
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Consumer {
    /// A consumer of `settings.topic` at `bootstrap`. Nothing is connected yet.
    #[expect(unsafe_code, reason = "the queue is made of the client's pointer")]
    pub fn new(
        settings: &config::Kafka,
        bootstrap: String,
        metrics: FeedMetrics,
    ) -> Result<Self, ConsumerError> {
        let mut client = client_config(settings).map_err(ConsumerError::Configuration)?;
        client.set("bootstrap.servers", &bootstrap).set_log_level(RDKafkaLogLevel::Warning);
        let base: BaseConsumer<Context> = client
            .create_with_context(Context::new(metrics))
            .map_err(|error| ConsumerError::Configuration(error.into()))?;
        // SAFETY: the client lives as long as the queue beside it, which is dropped first.
        let records = unsafe { RecordQueue::new(base.client().native_ptr()) };
        Ok(Self {
            records,
            base,
            topic: settings.topic.as_str().to_owned(),
            bootstrap,
            deadline: settings.deadline,
            made: Instant::now(),
            has_answered: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            unheard: Mutex::default(),
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

    /// Whether any broker has ever answered.
    pub fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// The cluster's own name, if it tells one.
    pub fn cluster_id(&self, timeout: Duration) -> Option<String> {
        self.base.client().fetch_cluster_id(timeout)
    }

    /// What the cluster says of the topic; `None` if it doesn't exist. Takes twice the time at most.
    #[expect(unsafe_code, reason = "the topic's id is asked for by the client's pointer")]
    pub fn describe(&self, timeout: Duration) -> Result<Option<TopicDescription>, ConsumerError> {
        let metadata =
            self.base.fetch_metadata(Some(&self.topic), timeout).map_err(|error| self.unreachable(&error))?;
        self.has_answered.store(true, Ordering::Relaxed);
        // What was wrong before this answer isn't why a later one fails to come.
        self.base.context().set_last_error(None);
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        let partitions: Vec<i32> = topic
            .map(MetadataTopic::partitions)
            .unwrap_or_default()
            .iter()
            .map(MetadataPartition::id)
            .collect();
        if partitions.is_empty() {
            return Ok(None);
        }
        // Another one each time: this one may be down, and not known to be yet.
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let brokers = metadata.brokers();
        let unanswered = || self.unreachable(&KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
        let broker =
            brokers.get(asked % brokers.len().max(1)).map(MetadataBroker::id).ok_or_else(unanswered)?;
        // SAFETY: the client lives as long as `self`.
        let id = unsafe { topic_id::topic_id(self.base.client().native_ptr(), broker, &self.topic, timeout) };
        Ok(Some(TopicDescription { id: id.map_err(|_| unanswered())?, partitions }))
    }

    /// How far a partition reaches.
    pub fn extent(&self, partition: i32, timeout: Duration) -> Result<Extent, ConsumerError> {
        let (low, high) = self
            .base
            .fetch_watermarks(&self.topic, partition, timeout)
            .map_err(|error| self.unreachable(&error))?;
        let offset = |offset| u64::try_from(offset).unwrap_or(0);
        Ok(Extent { low: offset(low), high: offset(high) })
    }

    /// The offset of a partition's first record that isn't older than so many milliseconds after the Unix epoch, by
    /// the log's own time; `None` if all are older.
    pub fn offset_at(
        &self,
        partition: i32,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<u64>, ConsumerError> {
        let mut times = TopicPartitionList::new();
        let answer = times
            .add_partition_offset(&self.topic, partition, Offset::Offset(time_ms))
            .and_then(|()| self.base.offsets_for_times(times, timeout))
            .map_err(|error| self.unreachable(&error))?;
        let element = answer.find_partition(&self.topic, partition);
        match element.map(|element| (element.error(), element.offset())) {
            Some((Ok(()), Offset::Offset(offset))) => Ok(u64::try_from(offset).ok()),
            Some((Err(error), _)) => Err(self.unreachable(&error)),
            Some((Ok(()), _)) | None => Ok(None),
        }
    }

    /// Reads partitions from these offsets on, also those that are read already.
    #[expect(unsafe_code, reason = "the queue takes partitions over by the client's pointer")]
    pub fn read_from(&self, offsets: &[(i32, u64)]) -> Result<(), ConsumerError> {
        let assigned = self.base.assignment().map_err(|reason| self.assignment_error(reason))?;
        let (mut old, mut new) = (TopicPartitionList::new(), TopicPartitionList::new());
        for &(partition, offset) in offsets {
            // SAFETY: the queue was made of this client, which is alive.
            unsafe { self.records.take_over(self.base.client().native_ptr(), &self.topic, partition) };
            if assigned.find_partition(&self.topic, partition).is_some() {
                old.add_partition(&self.topic, partition);
            }
            let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
            new.add_partition_offset(&self.topic, partition, offset)
                .map_err(|reason| self.assignment_error(reason))?;
        }
        // What was fetched of the old ones is dropped with their assignment.
        if old.count() > 0 {
            self.base.incremental_unassign(&old).map_err(|reason| self.assignment_error(reason))?;
        }
        let mut unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        unheard.extend(offsets.iter().map(|(partition, _)| *partition));
        drop(unheard);
        self.base.incremental_assign(&new).map_err(|reason| self.assignment_error(reason))
    }

    /// Gives all partitions back, so that nothing is fetched any more.
    pub fn unassign(&self) {
        if let Err(error) = self.base.unassign() {
            tracing::debug!(%error, "partitions can't be given back");
        }
    }

    /// Takes what comes next, up to a thousand records; waits for the first, at most so long.
    pub fn take(&self, wait: Duration, batch: &mut Batch) {
        self.records.take(wait, batch);
        self.take_over_again(batch);
        self.serve(Duration::ZERO);
    }

    /// Of a partition that was read before, librdkafka ends the old reading in its own time and takes it off our queue
    /// then; without this nothing would ever come from it again. What it has meanwhile moves along.
    #[expect(unsafe_code, reason = "the queue takes partitions over by the client's pointer")]
    fn take_over_again(&self, batch: &Batch) {
        let mut unheard = self.unheard.lock().unwrap_or_else(PoisonError::into_inner);
        if unheard.is_empty() {
            return;
        }
        for taken in batch.iter() {
            unheard.remove(&taken.partition());
        }
        for partition in &*unheard {
            // SAFETY: the queue was made of this client, which is alive.
            unsafe { self.records.take_over(self.base.client().native_ptr(), &self.topic, *partition) };
        }
    }

    /// Serves librdkafka's callbacks, and those of its errors that concern no partition.
    pub fn serve(&self, wait: Duration) {
        match self.base.poll(wait) {
            None => {}
            // Only a partition that was assigned before it was taken over gives its records here.
            Some(Ok(_)) => tracing::error!("a record came by a queue that isn't read"),
            // The context has told it, with librdkafka's own words.
            Some(Err(error)) => tracing::debug!(%error, "trouble with Kafka"),
        }
    }

    /// How many records are left to read in all partitions, as of the last second; `None` until it was told, which it
    /// isn't where `statistics.interval.ms` is 0.
    pub fn lag_records(&self) -> Option<u64> {
        self.base.context().lag_records()
    }

    fn assignment_error(&self, reason: KafkaError) -> ConsumerError {
        ConsumerError::Assignment { topic: self.topic.clone(), reason }
    }

    fn unreachable(&self, error: &KafkaError) -> ConsumerError {
        let never_answered = !self.has_answered();
        let within = (never_answered && self.made.elapsed() >= self.deadline).then_some(self.deadline);
        // A question that nobody answers fails with no more than that.
        let reason = self.base.context().last_error().unwrap_or_else(|| error.to_string());
        ConsumerError::Unreachable { bootstrap: self.bootstrap.clone(), within, reason }
    }
}
