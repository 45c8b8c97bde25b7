//! What librdkafka tells between the records: errors, and its statistics once a second.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use rdkafka::{
    ClientContext, config::RDKafkaLogLevel, consumer::ConsumerContext, error::KafkaError,
    error::RDKafkaErrorCode,
};
use serde::Deserialize;

use crate::{
    kafka::properties,
    metrics::{FeedMetrics, KafkaReport},
};

const LAG_UNKNOWN: i64 = -1;

pub(super) struct Context {
    metrics: FeedMetrics,
    last_error: Mutex<Option<String>>,
    /// Over all partitions.
    lag_records: AtomicI64,
    /// The partitions whose lag is shown.
    shown: Mutex<HashSet<i32>>,
}

/// The part of librdkafka's statistics that is looked at; its STATISTICS.md describes all. Reading no more than this
/// keeps the polling thread short: a cluster with many partitions has megabytes of it.
#[derive(Deserialize)]
struct Statistics<'a> {
    /// Octets received since the client was made.
    #[serde(default)]
    rx_bytes: u64,
    #[serde(borrow, default)]
    brokers: HashMap<&'a str, Broker<'a>>,
    #[serde(borrow, default)]
    topics: HashMap<&'a str, Topic<'a>>,
}

#[derive(Deserialize)]
struct Broker<'a> {
    /// -1 for addresses of the bootstrap.
    #[serde(default)]
    nodeid: i64,
    #[serde(borrow, default)]
    state: &'a str,
    rtt: Option<Window>,
}

/// Microseconds, over the last interval.
#[derive(Deserialize)]
struct Window {
    #[serde(default)]
    p99: i64,
    #[serde(default)]
    cnt: i64,
}

#[derive(Deserialize)]
struct Topic<'a> {
    #[serde(borrow, default)]
    partitions: HashMap<&'a str, Partition>,
}

#[derive(Deserialize)]
struct Partition {
    partition: i32,
    /// The offset after the last record that a reader of committed ones may see.
    #[serde(default = "unknown")]
    ls_offset: i64,
    /// The offset after the last record that was taken; negative before the first.
    #[serde(default = "unknown")]
    app_offset: i64,
    /// Records fetched and not taken yet.
    #[serde(default)]
    fetchq_cnt: i64,
}

const fn unknown() -> i64 {
    -1
}

impl Context {
    pub(super) fn new(metrics: FeedMetrics) -> Self {
        let lag_records = AtomicI64::new(LAG_UNKNOWN);
        Self { metrics, last_error: Mutex::new(None), lag_records, shown: Mutex::default() }
    }

    /// Why a broker couldn't be talked to, in words that name it.
    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_last_error(&self, reason: Option<String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Records left to read in all partitions, as of the last statistics.
    pub(super) fn lag_records(&self) -> Option<u64> {
        u64::try_from(self.lag_records.load(Ordering::Relaxed)).ok()
    }

    fn note(&self, statistics: &Statistics<'_>) {
        let (mut lag_records, mut queued) = (LAG_UNKNOWN, 0);
        let mut shown = HashSet::new();
        for partition in statistics.topics.values().flat_map(|topic| topic.partitions.values()) {
            // -1 is where librdkafka keeps what has no partition yet.
            if partition.partition < 0 {
                continue;
            }
            queued += partition.fetchq_cnt;
            if partition.app_offset < 0 || partition.ls_offset < 0 {
                continue;
            }
            let lag = (partition.ls_offset - partition.app_offset).max(0);
            self.metrics.lag.with_label_values(&[&partition.partition.to_string()]).set(lag);
            lag_records = lag_records.max(0).saturating_add(lag);
            shown.insert(partition.partition);
        }
        let mut before = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in before.difference(&shown) {
            let _ = self.metrics.lag.remove_label_values(&[&gone.to_string()]);
        }
        *before = shown;
        drop(before);
        self.lag_records.store(lag_records, Ordering::Relaxed);
        let named = || statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        let up = named().filter(|broker| broker.state == "UP").count();
        // librdkafka connects to no broker before it's needed.
        let idle = named().filter(|broker| broker.state == "INIT").count();
        let rtts = named().filter_map(|broker| broker.rtt.as_ref()).filter(|rtt| rtt.cnt > 0);
        self.metrics.kafka.note(KafkaReport {
            received_bytes: statistics.rx_bytes,
            queued_records: queued,
            brokers: [up, named().count() - up - idle, idle],
            slowest_answer_us: rtts.map(|rtt| rtt.p99).max(),
        });
    }
}

impl ClientContext for Context {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        // librdkafka repeats itself on every attempt; what matters comes as an error, too.
        if properties::may_be_logged(facility) {
            tracing::debug!(facility, "{message}");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // The end of a partition isn't an error; it's told where records are taken.
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            Some(RDKafkaErrorCode::AllBrokersDown) => tracing::warn!("{reason}"),
            _ => {
                tracing::info!(%error, "{reason}");
                self.set_last_error(Some(reason.to_owned()));
            }
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice(statistics) {
            Ok(statistics) => self.note(&statistics),
            Err(error) => tracing::debug!(%error, "librdkafka's statistics can't be read"),
        }
    }
}

impl ConsumerContext for Context {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_is_left_to_read_is_told_by_partition_and_in_all() {
        let metrics = Metrics::new();
        let context = Context::new(metrics.feed.clone());
        assert_eq!(context.lag_records(), None);
        context.stats_raw(
            br#"{"rx_bytes":5000,"brokers":{
                "a:1/1":{"nodeid":1,"state":"UP","rtt":{"p99":1500,"cnt":3}},
                "b:1/2":{"nodeid":2,"state":"CONNECT","rtt":{"p99":0,"cnt":0}},
                "b:1/3":{"nodeid":3,"state":"INIT"},
                "a:1/bootstrap":{"nodeid":-1,"state":"UP"}},
              "topics":{"ticks":{"partitions":{
                "0":{"partition":0,"ls_offset":100,"hi_offset":110,"app_offset":90,"fetchq_cnt":4},
                "1":{"partition":1,"ls_offset":7,"app_offset":-1001,"fetchq_cnt":1},
                "2":{"partition":2,"ls_offset":9,"app_offset":9},
                "-1":{"partition":-1,"ls_offset":900,"app_offset":0}}}}}"#,
        );
        assert_eq!(context.lag_records(), Some(10));
        let text = String::from_utf8(metrics.render(0)).unwrap();
        for line in [
            "tickcast_consumer_lag_records{partition=\"0\"} 10",
            "tickcast_consumer_lag_records{partition=\"2\"} 0",
            "tickcast_kafka_brokers{state=\"up\"} 1",
            "tickcast_kafka_brokers{state=\"down\"} 1",
            "tickcast_kafka_brokers{state=\"idle\"} 1",
            "tickcast_kafka_received_bytes_total 5000",
            "tickcast_consumer_queue_records 5",
            "tickcast_kafka_answer_seconds 0.0015",
        ] {
            assert!(text.contains(line), "{line} isn't in\n{text}");
        }
        assert!(!text.contains("partition=\"1\""), "{text}");
        // Not JSON: what was known stays.
        context.stats_raw(b"{");
        assert_eq!(context.lag_records(), Some(10));
        // A topic that was made anew with fewer partitions.
        context.stats_raw(
            br#"{"topics":{"ticks":{"partitions":{"0":{"partition":0,"ls_offset":9,"app_offset":8}}}}}"#,
        );
        assert_eq!(context.lag_records(), Some(1));
        let text = String::from_utf8(metrics.render(0)).unwrap();
        assert!(!text.contains("partition=\"2\""), "{text}");
    }
}
