//! The log, read once more for the bad records that there is no copy of.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{original, reader};
use crate::{
    config,
    feed::Decoder,
    kafka::{
        Message,
        properties::{PropertyError, Silent},
    },
    quarantine::{BadRecord, Place, Stretch},
};

/// Reads stretches of the topic with the ticks.
pub(super) struct Again {
    consumer: BaseConsumer<Silent>,
    topic: String,
    decoder: Decoder,
    stretch: Option<Stretch>,
}

/// What reading gives.
pub(super) enum Found {
    /// A record of the stretch which is asked for, and its place.
    Bad(BadRecord),
    /// A record that isn't asked for.
    Other,
    /// The stretch is read: what was asked for before this place has come, or isn't in the log any more.
    End(Place),
    /// Something is wrong; the stretch is given up for the moment.
    Trouble(KafkaError),
}

impl Again {
    /// A reader of the topic with the ticks. Nothing is asked yet.
    pub(super) fn new(bootstrap: &str, settings: &config::Kafka) -> Result<Self, PropertyError> {
        let config: ClientConfig = reader::client_config(bootstrap, settings)?;
        let consumer = config.create_with_context(Silent)?;
        let decoder = Decoder::new(settings.tick_format);
        Ok(Self { consumer, topic: settings.topic.as_str().to_owned(), decoder, stretch: None })
    }

    /// Whether a stretch is being read.
    pub(super) const fn is_reading(&self) -> bool {
        self.stretch.is_some()
    }

    /// Begins to read a stretch.
    pub(super) fn begin(&mut self, stretch: Stretch) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        let offset = i64::try_from(stretch.first.offset).unwrap_or(i64::MAX);
        list.add_partition_offset(&self.topic, stretch.first.partition, Offset::Offset(offset))?;
        self.consumer.assign(&list)?;
        self.stretch = Some(stretch);
        Ok(())
    }

    /// Ends a stretch, whether or not it's read.
    pub(super) fn end(&mut self) {
        self.stretch = None;
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(%error, "the topic can't be given back");
        }
    }

    /// Whether this is the last place of the stretch.
    pub(super) fn ends_at(&self, place: &Place) -> bool {
        self.stretch.as_ref().is_none_or(|it| place.offset >= it.last)
    }

    /// What comes next of the stretch, or `None` within the time. `reason` tells why the record at a place is bad, if
    /// it's one that is asked for.
    pub(super) fn poll(
        &mut self,
        timeout: Duration,
        reason: impl FnOnce(&Place) -> Option<&'static str>,
    ) -> Option<Found> {
        let Stretch { first, last } = self.stretch.clone()?;
        let behind = Place { offset: last + 1, ..first.clone() };
        let polled = self.consumer.poll(timeout)?;
        Some(match polled {
            // Of a stretch before.
            Ok(message) if message.partition() != first.partition => return None,
            Ok(message) => {
                let message = Message::from(&message);
                let place = Place { offset: message.offset(), ..first };
                match reason(&place) {
                    _ if place.offset > last => Found::End(behind),
                    Some(reason) => Found::Bad(bad(&mut self.decoder, message, place, reason)),
                    None => Found::Other,
                }
            }
            Err(KafkaError::PartitionEOF(partition)) if partition != first.partition => return None,
            Err(KafkaError::PartitionEOF(_)) => Found::End(behind),
            Err(error) => Found::Trouble(error),
        })
    }
}

fn bad(decoder: &mut Decoder, message: Message<'_>, place: Place, reason: &'static str) -> BadRecord {
    let record = message.record();
    let rejection = record.value.and_then(|value| decoder.decode(record.content_type, value).err());
    // What depends on the other records and on the settings of then can't be told again in the same words.
    let words = rejection
        .filter(|rejection| rejection.label() == reason)
        .map_or_else(|| format!("it was refused when it was read first: {reason}"), |it| it.to_string());
    BadRecord::with(place, original(message), record.value, reason, words)
}
