//! Kafka: the shell around librdkafka.

mod consumer;
mod embedded;
mod producer;
mod properties;
mod publisher;
mod quarantine;
mod topic_reader;

pub use consumer::{Batch, Consumer, ConsumerError, Extent, Message, Taken, TopicDescription};
pub use embedded::{EmbeddedBroker, EmbeddedBrokerError};
pub use producer::{Delivered, ProducerConfig, ProducerError, TickProducer};
pub use properties::PropertyError;
pub use publisher::{Outgoing, Publisher, Stand};
pub use quarantine::{Quarantine, QuarantineThread};
pub use topic_reader::{ReadError, TopicExtent, TopicReader, Wanted};
