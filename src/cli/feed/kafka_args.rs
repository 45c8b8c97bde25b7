//! The flags that every feed has: where to publish.

use std::time::Duration;

use clap::Args;

use crate::kafka::ProducerConfig;

/// Where and how to publish.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kafka")]
pub(super) struct KafkaArgs {
    /// The cluster's addresses, with commas between
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', required = true)]
    kafka: Vec<String>,

    /// The topic to publish to
    #[arg(long, default_value = "ticks")]
    topic: String,

    /// A property of librdkafka, such as security.protocol=ssl; may be repeated
    #[arg(long = "kafka-property", value_name = "KEY=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,

    /// How long Kafka may stay away, at the start and later, before the feed ends with an error
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    kafka_deadline_s: u64,
}

impl KafkaArgs {
    pub(super) fn into_config(self) -> ProducerConfig {
        ProducerConfig {
            bootstrap: self.kafka.join(","),
            topic: self.topic,
            properties: self.properties,
            deadline: Duration::from_secs(self.kafka_deadline_s),
        }
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("a property is written key=value".to_owned()),
    }
}
