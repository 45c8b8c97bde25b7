//! What Prometheus sees of the feed and of Kafka's client.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};

use super::{add, counter, counters, from_zero, gauge, gauges, opts, seconds};
use crate::feed::Rejection;

/// What comes from Kafka.
#[derive(Clone, Debug)]
pub struct FeedMetrics {
    /// Records that were folded into a state.
    pub ingested: IntCounter,
    /// Records that were refused, by reason.
    pub rejected: IntCounterVec,
    /// Records that are in the log and not yet folded, by partition.
    pub lag: IntGaugeVec,
    /// Times that the log turned out to be another one than was read, by what had happened to it.
    pub log_changes: IntCounterVec,
    /// Symbols known.
    pub symbols: IntGauge,
    /// From the event to the Kafka record.
    pub exchange_to_kafka: Histogram,
    /// From the Kafka record to the state.
    pub kafka_to_ingested: Histogram,
    /// What Kafka's client says of itself.
    pub kafka: KafkaMetrics,
    age: Gauge,
    newest_record_us: Arc<AtomicI64>,
}

/// What Kafka's client says of itself, once a second.
#[derive(Clone, Debug)]
pub struct KafkaMetrics {
    received_bytes: IntCounter,
    /// What `received_bytes` stood at when it was told last.
    received_before: Arc<AtomicU64>,
    queued_records: IntGauge,
    /// In the order of [`BROKER_STATES`].
    brokers: [IntGauge; BROKER_STATES.len()],
    answer: Gauge,
}

/// How a broker is to Kafka's client: connected, not connected though it's needed, not needed.
const BROKER_STATES: [&str; 3] = ["up", "down", "idle"];

/// A second of Kafka's client.
#[derive(Clone, Copy, Debug)]
pub struct KafkaReport {
    /// Octets received since the client was made.
    pub received_bytes: u64,
    /// Records fetched and not taken yet.
    pub queued_records: i64,
    /// Brokers of the cluster, as far as it's known: those to which there is a connection, those to which there should
    /// be one, and those that aren't needed.
    pub brokers: [usize; BROKER_STATES.len()],
    /// The 99th percentile of the slowest broker's answers, in microseconds; `None` if there was none.
    pub slowest_answer_us: Option<i64>,
}

impl FeedMetrics {
    pub(super) fn register(registry: &Registry, stages: &HistogramVec) -> Self {
        Self {
            ingested: counter(registry, "ticks_ingested_total", "Ticks folded into a symbol's state"),
            rejected: from_zero(
                counters(registry, "ticks_rejected_total", "Records that are no tick", "reason"),
                Rejection::LABELS,
            ),
            lag: add(
                registry,
                IntGaugeVec::new(
                    opts("consumer_lag_records", "Records in the log that are not folded yet"),
                    &["partition"],
                )
                .expect("the name and the label are valid"),
            ),
            log_changes: from_zero(
                counters(
                    registry,
                    "log_changes_total",
                    "Times the log was not the one that was read",
                    "kind",
                ),
                ["recreated", "truncated", "overtaken"],
            ),
            symbols: gauge(registry, "symbols", "Symbols known"),
            exchange_to_kafka: stages.with_label_values(&["exchange_to_kafka"]),
            kafka_to_ingested: stages.with_label_values(&["kafka_to_ingested"]),
            kafka: KafkaMetrics::register(registry),
            age: add(
                registry,
                Gauge::with_opts(opts("feed_age_seconds", "Since the newest record was published"))
                    .expect("the name is valid"),
            ),
            newest_record_us: Arc::default(),
        }
    }

    /// Notes when the newest record was published, in microseconds since the Unix epoch.
    pub fn set_newest_record_us(&self, timestamp_us: i64) {
        self.newest_record_us.fetch_max(timestamp_us, Ordering::Relaxed);
    }

    pub(super) fn update_age(&self, now_us: i64) {
        let newest_us = self.newest_record_us.load(Ordering::Relaxed);
        let age = if newest_us == 0 { f64::NAN } else { seconds((now_us - newest_us).max(0)) };
        self.age.set(age);
    }
}

impl KafkaMetrics {
    fn register(registry: &Registry) -> Self {
        let float =
            |name, help| add(registry, Gauge::with_opts(opts(name, help)).expect("the name is valid"));
        let brokers =
            gauges(registry, "kafka_brokers", "Brokers of the cluster, by their connection", "state");
        Self {
            received_bytes: counter(registry, "kafka_received_bytes_total", "Octets received from Kafka"),
            received_before: Arc::default(),
            queued_records: gauge(
                registry,
                "consumer_queue_records",
                "Records fetched from Kafka and not folded yet",
            ),
            brokers: BROKER_STATES.map(|state| brokers.with_label_values(&[state])),
            answer: float(
                "kafka_answer_seconds",
                "99th percentile of the slowest broker's answers in the last second",
            ),
        }
    }

    /// Takes over what the client says.
    pub fn note(&self, report: KafkaReport) {
        let before = self.received_before.swap(report.received_bytes, Ordering::Relaxed);
        self.received_bytes.inc_by(report.received_bytes.saturating_sub(before));
        self.queued_records.set(report.queued_records);
        for (gauge, count) in self.brokers.iter().zip(report.brokers) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.answer.set(report.slowest_answer_us.map_or(f64::NAN, seconds));
    }
}
