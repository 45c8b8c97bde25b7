//! How the consumer is set up, and why so; librdkafka's CONFIGURATION.md has the defaults.

use rdkafka::ClientConfig;

use crate::{
    config,
    kafka::properties::{self, PropertyError},
};

/// The rules of the start, and the tuning of a consumer that conflates. What users pass through comes after.
const PROPERTIES: [(&str, &str); 16] = [
    ("client.id", "tickcast"),
    // The consumer API wants a group, though none is joined.
    ("group.id", "tickcast"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // An offset that isn't in the log means that records were lost, or that it's another log. Neither may pass
    // unnoticed: it's told, and the ingest actor decides where reading goes on.
    ("auto.offset.reset", "error"),
    // Tells that a partition is caught up even where compaction left holes before its end.
    ("enable.partition.eof", "true"),
    // What a transaction aborted was never true.
    ("isolation.level", "read_committed"),
    // A record that was damaged on its way or on a disk is fetched again rather than shown.
    ("check.crcs", "true"),
    // The default, 1 s, costs three to five times the throughput of catching up: 0.23-0.30 against
    // 1.3 million records a second.
    ("fetch.queue.backoff.ms", "10"),
    // After an error, such as a leader that has moved. The default, 500 ms, is a long time for a price.
    ("fetch.error.backoff.ms", "100"),
    // Bounds what is prefetched: 20,000 records of 200 bytes are 4 MB a partition, and 32 MiB hold
    // for all of them together.
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "32768"),
    // A broker that comes back is noticed within a second; the default is 10 s.
    ("reconnect.backoff.max.ms", "1000"),
    // A broker that vanished without a word is noticed by the system at last.
    ("socket.keepalive.enable", "true"),
    // New partitions and leaders; the default is 5 minutes.
    ("topic.metadata.refresh.interval.ms", "30000"),
    // For the lag, which Prometheus reads every few seconds.
    ("statistics.interval.ms", "1000"),
];

/// How long the embedded broker keeps a fetch that finds nothing. It never wakes one early, so this
/// is its latency: 2 ms give a median of 1.2 ms. A real broker answers at once.
const EMBEDDED_FETCH_WAIT_MS: &str = "2";

/// All but the cluster's addresses.
pub(super) fn client_config(settings: &config::Kafka) -> Result<ClientConfig, PropertyError> {
    let mut client = ClientConfig::new();
    for (key, value) in PROPERTIES {
        client.set(key, value);
    }
    if matches!(settings.broker, config::Broker::Embedded { .. }) {
        client.set("fetch.wait.max.ms", EMBEDDED_FETCH_WAIT_MS);
    }
    properties::set_all(&mut client, &settings.properties)?;
    Ok(client)
}
