//! Why the cluster can't be consumed from.

use std::time::Duration;

use rdkafka::error::KafkaError;

use crate::kafka::properties::PropertyError;

/// Why the cluster can't be consumed from.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// librdkafka doesn't take the configuration. The operator can mend it.
    #[error(transparent)]
    Configuration(PropertyError),
    /// The cluster didn't answer.
    #[error("{}: {reason}", unreachable(bootstrap, *within))]
    Unreachable {
        /// The addresses that were tried.
        bootstrap: String,
        /// The deadline of the start, if it has passed without any answer.
        within: Option<Duration>,
        /// What librdkafka said last.
        reason: String,
    },
    /// The partitions can't be assigned.
    #[error("the partitions of {topic} can't be assigned: {reason}")]
    Assignment {
        /// The topic.
        topic: String,
        /// What librdkafka said.
        reason: KafkaError,
    },
}

fn unreachable(bootstrap: &str, within: Option<Duration>) -> String {
    match within {
        Some(deadline) => {
            format!("no Kafka broker answers at {bootstrap} within {} s", deadline.as_secs_f64())
        }
        None => format!("Kafka at {bootstrap} doesn't answer"),
    }
}
