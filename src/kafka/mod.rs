//! Kafka: the shell around librdkafka.

mod producer;

pub use producer::{Delivered, ProducerConfig, ProducerError, TickProducer};
