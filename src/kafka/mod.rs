//! Kafka: the shell around librdkafka.

mod consumer;
mod embedded;
pub(crate) mod headers;
mod producer;
mod properties;
mod publisher;
mod quarantine;
mod topic_reader;

pub(crate) use consumer::record_of;
pub use consumer::{Consumer, ConsumerError, Polled};
pub use embedded::{EmbeddedBroker, EmbeddedBrokerError};
pub use producer::{Delivered, ProducerConfig, ProducerError, TickProducer};
pub use properties::PropertyError;
pub use publisher::{Outgoing, Publisher, Stand};
pub use quarantine::{Quarantine, QuarantineThread};
pub use topic_reader::{Extent, ReadError, TopicReader, Wanted};
