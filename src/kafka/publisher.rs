//! A producer of whole records, key, headers, timestamp and all, that tells where each came to stand.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header as Borrowed, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use super::{
    producer::{ProducerConfig, ProducerError, client_config},
    properties,
};
use crate::quarantine::Header;

/// One wait for room in the queue, or for acknowledgements.
const WAIT_SLICE: Duration = Duration::from_millis(5);

/// Publishes records as they are.
pub struct Publisher {
    producer: BaseProducer<Stands>,
    config: ProducerConfig,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A record to publish.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; by the key if there is none.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [Header],
    /// The record's time, in milliseconds since the Unix epoch; now if there is none.
    pub timestamp_ms: Option<i64>,
}

/// Where a record came to stand: partition and offset.
pub type Stand = (i32, i64);

impl Publisher {
    /// Makes the producer. Nothing is asked yet.
    ///
    /// # Errors
    /// When librdkafka doesn't take the configuration.
    pub fn new(config: ProducerConfig) -> Result<Self, ProducerError> {
        let producer = client_config(&config)
            .and_then(|client| Ok(client.create_with_context(Stands::default())?))
            .map_err(ProducerError::Configuration)?;
        Ok(Self { producer, config })
    }

    /// Publishes the records and waits until each is acknowledged or given up, which it is after the deadline: where
    /// each stands then, or why it doesn't.
    pub fn publish(&self, records: &[Outgoing<'_>]) -> Vec<Result<Stand, String>> {
        let never = || Err("the deadline passed".to_owned());
        let mut stands: Vec<_> = records.iter().map(|_| never()).collect();
        for (at, record) in records.iter().enumerate() {
            if let Err(error) = self.send(at, record) {
                stands[at] = Err(error.to_string());
            }
        }
        // A record is given up at the deadline, so that its report comes within a little more.
        let deadline = Instant::now() + self.config.deadline + Duration::from_secs(1);
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(WAIT_SLICE);
        }
        for (at, stand) in self.producer.context().take() {
            if let Some(place) = stands.get_mut(at) {
                *place = stand.map_err(|error| error.to_string());
            }
        }
        stands
    }

    fn send(&self, at: usize, record: &Outgoing<'_>) -> Result<(), KafkaError> {
        let mut outgoing: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(record.topic, Box::new(at)).headers(owned_headers(record.headers));
        outgoing.partition = record.partition;
        (outgoing.key, outgoing.payload, outgoing.timestamp) =
            (record.key, record.value, record.timestamp_ms);
        loop {
            match self.producer.send(outgoing) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    outgoing = refused;
                    self.producer.poll(WAIT_SLICE);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

/// Headers as librdkafka takes them.
pub(super) fn owned_headers(headers: &[Header]) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |owned, (key, value)| {
        owned.insert(Borrowed { key, value: value.as_deref() })
    })
}

/// What became of the records, by their number in the call.
#[derive(Default)]
struct Stands(Mutex<Vec<(usize, Result<Stand, KafkaError>)>>);

impl Stands {
    fn take(&self) -> Vec<(usize, Result<Stand, KafkaError>)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Stands {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        if properties::may_be_logged(facility) {
            tracing::debug!(target: "rdkafka", facility, "{message}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "rdkafka", %error, "{reason}");
    }
}

impl ProducerContext for Stands {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, at: Box<usize>) {
        let stand = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((*at, stand));
    }
}
