//! The producer that replay, simulation and the demo publish ticks with.
//!
//! It is made for one thread: whoever sends also serves the acknowledgements, by
//! [`TickProducer::wait`]. What is in flight is bounded, and a full queue makes the sender wait, so
//! nothing is dropped for want of room.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use super::properties::{self, PropertyError, Silent};
use crate::{config::KafkaProperty, feed::TickFormat, market::SymbolRef};

/// Records that may be in flight: ten seconds of 10,000 ticks a second. With about 200 bytes each
/// that is 20 MB, below [`IN_FLIGHT_KBYTES_MAX`].
const IN_FLIGHT_RECORDS_MAX: &str = "100000";

/// KiB that may be in flight, whatever the records' size.
const IN_FLIGHT_KBYTES_MAX: &str = "65536";

/// How long a batch is collected. One-message batches cost a broker far more than the wait costs a
/// reader: librdkafka's mock broker looks for a batch by a scan, which makes reading them back
/// quadratic.
const LINGER_MS: &str = "5";

/// One wait for room in the queue, or for the broker to answer.
const WAIT_SLICE: Duration = Duration::from_millis(50);

/// How often acknowledgements are looked for meanwhile, and how many events of them are taken each time. An event has those
/// of a batch.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
const EVENTS_A_LOOK: usize = 16;

/// One wait for the last acknowledgements; as long as the linger, which is what they take at least.
const FLUSH_SLICE: Duration = Duration::from_millis(5);

/// Where and how to publish.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// `host:port`, or several with commas between.
    pub bootstrap: String,
    /// The topic of ticks.
    pub topic: String,
    /// Properties of librdkafka that override what is set here, such as `security.protocol`.
    pub properties: Vec<KafkaProperty>,
    /// How long the broker may stay away: at the start, and later before a record counts as lost.
    pub deadline: Duration,
}

/// Why nothing can be published.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// librdkafka doesn't take the configuration. The user can mend it.
    #[error(transparent)]
    Configuration(PropertyError),
    /// No broker answered in time.
    #[error("no Kafka broker answers at {bootstrap} within {} s: {reason}", deadline.as_secs_f64())]
    Unreachable {
        /// The addresses that were tried.
        bootstrap: String,
        /// How long was waited.
        deadline: Duration,
        /// What librdkafka said last.
        reason: String,
    },
    /// librdkafka gave up for good, or refuses the record.
    #[error("Kafka at {bootstrap} can't be published to: {reason}")]
    Refused {
        /// The addresses of the cluster.
        bootstrap: String,
        /// What librdkafka said.
        reason: String,
    },
    /// Records were not acknowledged.
    #[error("{count} records were not acknowledged by Kafka at {bootstrap}: {reason}")]
    NotAcknowledged {
        /// How many.
        count: u64,
        /// The addresses of the cluster.
        bootstrap: String,
        /// The first reason that Kafka gave, or that the deadline passed.
        reason: String,
    },
}

/// What became of the records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records that all in-sync replicas hold.
    pub acknowledged: u64,
    /// Records that were given up.
    pub failed: u64,
}

/// Publishes ticks, keyed by symbol.
pub struct TickProducer {
    producer: BaseProducer<Deliveries>,
    config: ProducerConfig,
}

impl std::fmt::Debug for TickProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TickProducer").field("config", &self.config).finish_non_exhaustive()
    }
}

impl TickProducer {
    /// Makes the producer and waits until a broker answers, at most for the deadline.
    pub fn connect(config: ProducerConfig) -> Result<Self, ProducerError> {
        let producer: BaseProducer<Deliveries> = client_config(&config)
            .and_then(|client| Ok(client.create_with_context(Deliveries::default())?))
            .map_err(ProducerError::Configuration)?;
        let connected = Self { producer, config };
        connected.await_broker()?;
        Ok(connected)
    }

    /// Whether [`TickProducer::connect`] will take the configuration.
    pub fn check(config: &ProducerConfig) -> Result<(), PropertyError> {
        properties::check::<BaseProducer<Silent>>(client_config(config)?)
    }

    /// The cluster's addresses, as configured.
    pub fn bootstrap(&self) -> &str {
        &self.config.bootstrap
    }

    /// The topic that is published to.
    pub fn topic(&self) -> &str {
        &self.config.topic
    }

    /// Queues one tick in that format. Waits while the queue is full, which ends: a record that can't be
    /// delivered leaves the queue as failed after the deadline.
    pub fn send(
        &self,
        symbol: SymbolRef<'_>,
        payload: &[u8],
        format: TickFormat,
    ) -> Result<(), ProducerError> {
        let content_type = Header { key: "content-type", value: Some(format.content_type()) };
        let mut record = BaseRecord::to(&self.config.topic)
            .key(symbol.as_str())
            .payload(payload)
            .headers(OwnedHeaders::new_with_capacity(1).insert(content_type));
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    record = refused;
                    self.wait(WAIT_SLICE);
                }
                Err((error, _)) => return Err(self.refused(&error)),
            }
        }
    }

    /// Waits so long and serves the acknowledgements meanwhile; call it every few hundred
    /// milliseconds at least.
    #[expect(clippy::disallowed_methods, reason = "the duration is what is waited for")]
    pub fn wait(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        loop {
            // A longer poll turns without a pause through the last millisecond of its time: half a core, with turns of two.
            (0..EVENTS_A_LOOK).for_each(|_| self.producer.poll(Duration::ZERO));
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(LOOK_INTERVAL));
        }
    }

    /// What became of the records so far.
    pub fn delivered(&self) -> Delivered {
        let deliveries = self.producer.context();
        Delivered {
            acknowledged: deliveries.acknowledged.load(Ordering::Relaxed),
            failed: deliveries.failed.load(Ordering::Relaxed),
        }
    }

    /// Waits until every record is acknowledged or given up. An error if one was given up, at any
    /// time, or if the deadline passed before.
    pub fn flush(&self) -> Result<Delivered, ProducerError> {
        // A record is given up at the deadline, so that its report comes within a little more.
        let deadline = Instant::now() + self.config.deadline + Duration::from_secs(1);
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.wait(FLUSH_SLICE);
        }
        let delivered = self.delivered();
        let waiting = self.producer.in_flight_count().max(0);
        let count = delivered.failed + u64::from(waiting.unsigned_abs());
        if count == 0 {
            return Ok(delivered);
        }
        let reason =
            self.producer.context().first_failure().unwrap_or_else(|| "the deadline passed".to_owned());
        Err(ProducerError::NotAcknowledged { count, bootstrap: self.config.bootstrap.clone(), reason })
    }

    fn await_broker(&self) -> Result<(), ProducerError> {
        let start = Instant::now();
        loop {
            let remaining = self.config.deadline.saturating_sub(start.elapsed());
            let slice = remaining.clamp(WAIT_SLICE, Duration::from_secs(1));
            match self.producer.client().fetch_metadata(Some(&self.config.topic), slice) {
                Ok(_) => return Ok(()),
                Err(error) => {
                    // Tells the context why, in words that name the address.
                    self.wait(Duration::from_millis(1));
                    if start.elapsed() >= self.config.deadline {
                        return Err(ProducerError::Unreachable {
                            bootstrap: self.config.bootstrap.clone(),
                            deadline: self.config.deadline,
                            reason: self.producer.context().last_error().unwrap_or(error.to_string()),
                        });
                    }
                }
            }
        }
    }

    fn refused(&self, error: &KafkaError) -> ProducerError {
        let reason = match self.producer.client().fatal_error() {
            Some((_, reason)) => reason,
            None => error.to_string(),
        };
        ProducerError::Refused { bootstrap: self.config.bootstrap.clone(), reason }
    }
}

impl From<ProducerError> for crate::failure::Failure {
    fn from(error: ProducerError) -> Self {
        match error {
            ProducerError::Configuration(_) => Self::Configuration(error.into()),
            ProducerError::Unreachable { .. }
            | ProducerError::Refused { .. }
            | ProducerError::NotAcknowledged { .. } => Self::StartUp(error.into()),
        }
    }
}

pub(super) fn client_config(config: &ProducerConfig) -> Result<ClientConfig, PropertyError> {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.bootstrap)
        .set("client.id", "tickcast-feed")
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", LINGER_MS)
        .set("compression.type", "lz4")
        // The hash of the Java client, so that a symbol's records stay in one partition when a Java
        // producer publishes to the topic as well. librdkafka's own default is another hash.
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", IN_FLIGHT_RECORDS_MAX)
        .set("queue.buffering.max.kbytes", IN_FLIGHT_KBYTES_MAX)
        .set("message.timeout.ms", config.deadline.as_millis().max(1).to_string())
        .set("reconnect.backoff.max.ms", "1000");
    properties::set_all(&mut client, &config.properties)?;
    Ok(client)
}

/// Counts what librdkafka reports, and keeps its words for the error message.
#[derive(Default)]
struct Deliveries {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
    last_error: Mutex<Option<String>>,
}

impl Deliveries {
    fn first_failure(&self) -> Option<String> {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        if properties::may_be_logged(facility) {
            tracing::debug!(target: "rdkafka", facility, "{message}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "rdkafka", %error, "{reason}");
        // "All brokers are down" follows the error that says why, and says less.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, record)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                let mut first = self.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert_with(|| {
                    let key = String::from_utf8_lossy(record.key().unwrap_or_default());
                    format!("{error} (first for {key})")
                });
            }
        }
    }
}
