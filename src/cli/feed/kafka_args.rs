//! The flags that every feed has: where to publish.

use std::time::Duration;

use clap::Args;

use crate::{
    cli::kafka_properties::PropertyArgs,
    config::{self, HostPort, Invalid, Topic, seconds},
    kafka::{ProducerConfig, TickProducer},
};

/// Where and how to publish.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kafka")]
pub(super) struct KafkaArgs {
    /// Bootstrap addresses of the Kafka cluster, separated by commas
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', required = true)]
    kafka: Vec<HostPort>,

    /// The topic with the ticks
    #[arg(long, value_name = "NAME", default_value = "ticks")]
    topic: Topic,

    #[command(flatten)]
    properties: PropertyArgs,

    /// Seconds that Kafka may stay away, at the start and later, before the feed ends with an error
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "30")]
    kafka_deadline_s: Duration,
}

impl KafkaArgs {
    /// Where and how to publish, if Kafka's client can do so.
    pub(super) fn into_config(self) -> Result<ProducerConfig, Invalid> {
        config::check_bootstrap(&self.kafka)?;
        let bootstrap: Vec<_> = self.kafka.iter().map(ToString::to_string).collect();
        let config = ProducerConfig {
            bootstrap: bootstrap.join(","),
            topic: self.topic.as_str().to_owned(),
            properties: self.properties.read()?,
            deadline: self.kafka_deadline_s,
        };
        TickProducer::check(&config)?;
        Ok(config)
    }
}
