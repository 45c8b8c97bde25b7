//! The quarantine topic as it's written to: an idempotent producer whose records come back with what became of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig},
};

use super::Copy;
use crate::{
    config::KafkaProperty,
    kafka::{
        properties::{self, PropertyError},
        publisher::owned_headers,
    },
};

/// What a user's own properties may change.
const PROPERTIES: [(&str, &str); 6] = [
    ("client.id", "tickcast-quarantine"),
    ("linger.ms", "5"),
    ("compression.type", "lz4"),
    // As the Java client chooses, so that a symbol's bad records are in one partition whoever set them aside.
    ("partitioner", "murmur2_random"),
    ("reconnect.backoff.max.ms", "1000"),
    // How long Kafka may stay away before a copy comes back to be tried again.
    ("message.timeout.ms", "30000"),
];

/// What it can't do without.
const NEEDED: [(&str, &str); 5] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // The topic decides what is too large, not the client: a copy is at most as large as the record that it's of, whose
    // topic may take more than librdkafka's default of 1 MB.
    ("message.max.bytes", "67108864"),
    // The room for copies is the bound: see there.
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "131072"),
];

/// How long the broker may take to answer what partitions there are.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How long librdkafka may take to give back what it holds, which it does at once.
const PURGE_WAIT: Duration = Duration::from_millis(500);

/// Writes to the quarantine topic.
pub(super) struct Writer {
    config: ClientConfig,
    producer: BaseProducer<Deliveries>,
    /// Sends each copy by itself. There is one once it's needed.
    alone: Option<BaseProducer<Deliveries>>,
    topic: String,
}

/// What became of a copy.
pub(super) type Delivery = (Arc<Copy>, Result<(), KafkaError>);

pub(super) fn client_config(
    bootstrap: &str,
    properties: &[KafkaProperty],
) -> Result<ClientConfig, PropertyError> {
    let mut client = ClientConfig::new();
    client.extend(PROPERTIES.map(|(key, value)| (key.to_owned(), value.to_owned())));
    properties::set_all(&mut client, properties)?;
    properties::set_needed(&mut client, &NEEDED);
    client.set("bootstrap.servers", bootstrap).set_log_level(RDKafkaLogLevel::Emerg);
    Ok(client)
}

impl Writer {
    /// A writer to `topic`. Nothing is asked yet.
    pub(super) fn new(
        bootstrap: &str,
        topic: &str,
        properties: &[KafkaProperty],
    ) -> Result<Self, PropertyError> {
        let config = client_config(bootstrap, properties)?;
        let producer = config.create_with_context(Deliveries::default())?;
        Ok(Self { config, producer, alone: None, topic: topic.to_owned() })
    }

    /// Asks for the topic as a producer does, upon which a broker that may create topics by itself creates it.
    pub(super) fn ask(&self) {
        if let Err(error) = self.producer.client().fetch_metadata(Some(&self.topic), ANSWER_WAIT) {
            tracing::debug!(%error, "the quarantine topic can't be asked for");
        }
    }

    /// Sends a copy of a record of `source`.
    pub(super) fn send(&mut self, copy: Arc<Copy>, source: &str) -> Result<(), (KafkaError, Arc<Copy>)> {
        if copy.is_alone && self.alone.is_none() {
            match self
                .config
                .clone()
                .set("batch.num.messages", "1")
                .create_with_context(Deliveries::default())
            {
                Ok(alone) => self.alone = Some(alone),
                Err(error) => return Err((error, copy)),
            }
        }
        let producer = self.alone.as_ref().filter(|_| copy.is_alone).unwrap_or(&self.producer);
        let sent = Arc::clone(&copy);
        let original = &sent.record.original;
        let mut record: BaseRecord<'_, [u8], [u8], _> = BaseRecord::with_opaque_to(&self.topic, copy)
            .headers(owned_headers(&sent.record.headers(source)));
        record.key = original.key.as_deref();
        record.payload = original.value.as_deref();
        producer.send(record).map_err(|(error, record)| (error, record.delivery_opaque))
    }

    /// What became of copies since the last call.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.producers().flat_map(deliveries).collect()
    }

    /// Whether copies are on their way.
    pub(super) fn is_busy(&self) -> bool {
        self.producers().any(|producer| producer.in_flight_count() > 0)
    }

    /// Begins anew if librdkafka has given up for good: why it has, and what became of the copies on their way.
    pub(super) fn revive(&mut self) -> Option<(String, Vec<Delivery>)> {
        let (_, reason) = self.producers().find_map(|producer| producer.client().fatal_error())?;
        for producer in self.producers() {
            producer.purge(PurgeConfig::default().queue().inflight());
        }
        let deadline = Instant::now() + PURGE_WAIT;
        let mut returned = self.deliveries();
        while self.is_busy() && Instant::now() < deadline {
            self.producer.poll(Duration::from_millis(5));
            returned.extend(self.deliveries());
        }
        self.alone = None;
        match self.config.create_with_context(Deliveries::default()) {
            Ok(producer) => self.producer = producer,
            Err(error) => tracing::warn!(%error, "no producer can be made for the quarantine topic"),
        }
        Some((reason, returned))
    }

    fn producers(&self) -> impl Iterator<Item = &BaseProducer<Deliveries>> {
        [Some(&self.producer), self.alone.as_ref()].into_iter().flatten()
    }
}

fn deliveries(producer: &BaseProducer<Deliveries>) -> Vec<Delivery> {
    producer.poll(Duration::ZERO);
    std::mem::take(&mut producer.context().0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether a copy was refused for what it is, so that trying again is of no use.
pub(super) const fn is_refusal(error: RDKafkaErrorCode) -> bool {
    matches!(
        error,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::PolicyViolation
    )
}

#[derive(Default)]
struct Deliveries(Mutex<Vec<Delivery>>);

impl ClientContext for Deliveries {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        if properties::may_be_logged(facility) {
            tracing::debug!(facility, "{message}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "{reason}");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Copy>;

    fn delivery(&self, result: &DeliveryResult<'_>, copy: Arc<Copy>) {
        let result = result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((copy, result));
    }
}
