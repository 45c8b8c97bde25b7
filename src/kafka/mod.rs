//! Kafka: the shell around librdkafka.

mod consumer;
mod embedded;
mod producer;
mod properties;

pub use consumer::{Batch, Consumer, ConsumerError, Extent, Message, Taken, TopicDescription};
pub use embedded::{EmbeddedBroker, EmbeddedBrokerError};
pub use producer::{Delivered, ProducerConfig, ProducerError, TickProducer};
pub use properties::PropertyError;
