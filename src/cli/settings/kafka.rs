//! Where the ticks come from.

use std::time::Duration;

use clap::Args;

use crate::{
    cli::kafka_properties::PropertyArgs,
    config::{
        self, Broker, HostPort, Invalid, QuarantineTopic, StartFrom, TickFormat, Topic, seconds, whole_number,
    },
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(super) struct KafkaArgs {
    /// The topic with the ticks
    #[arg(long, value_name = "NAME", default_value = "ticks")]
    topic: Topic,
    /// How records are read that have no header `content-type` (application/json, application/x-protobuf)
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    tick_format: TickFormat,
    /// The topic where records that are no tick are set aside, with the reason; or off [default: the topic's name and
    /// .quarantine]
    #[arg(long, value_name = "NAME|off")]
    quarantine_topic: Option<QuarantineTopic>,
    /// Port of the embedded broker on loopback [default: any free one]
    #[arg(long, value_name = "PORT", value_parser = whole_number(1..=u16::MAX))]
    embedded_kafka_port: Option<u16>,
    /// Where the log is read from at the start: beginning, or trading-day (from an hour before the present trading day
    /// began, by the log's own time)
    #[arg(long, value_name = "WHERE", default_value = "beginning")]
    start_from: StartFrom,
    #[command(flatten)]
    properties: PropertyArgs,
    /// Seconds for the broker's first answer at start-up
    #[arg(long, value_name = "S", value_parser = seconds(0.1..=3600.0), default_value = "30")]
    kafka_deadline_s: Duration,
}

impl KafkaArgs {
    pub(super) fn into_config(self, cluster: Vec<HostPort>) -> Result<config::Kafka, Invalid> {
        let broker = match (cluster.is_empty(), self.embedded_kafka_port) {
            (true, port) => Broker::Embedded { port },
            (false, None) => Broker::Cluster { bootstrap: cluster },
            (false, Some(_)) => {
                return Err(Invalid {
                    keys: vec!["kafka", "embedded_kafka_port"],
                    reason: "a cluster and the embedded broker exclude each other: set one of them"
                        .to_owned(),
                });
            }
        };
        let Self { topic, tick_format, quarantine_topic, start_from, properties, .. } = self;
        let properties = properties.read()?;
        let quarantine = QuarantineTopic::of(&topic, quarantine_topic)
            .map_err(|reason| Invalid { keys: vec!["topic", "quarantine_topic"], reason })?;
        let deadline = self.kafka_deadline_s;
        Ok(config::Kafka { broker, topic, tick_format, quarantine, start_from, properties, deadline })
    }
}
