//! What a batch adds to the metrics: counted here, tick by tick, and told once a batch. Every metric is shared with the
//! threads that are asked for it; telling each tick takes four times as long as counting it.

use prometheus::local::LocalHistogram;

use crate::metrics::{FeedMetrics, seconds};

/// What was counted since the last [`Tally::tell`].
pub(super) struct Tally {
    metrics: FeedMetrics,
    ingested: u64,
    newest_record_us: i64,
    exchange_to_kafka: LocalHistogram,
    kafka_to_ingested: LocalHistogram,
}

impl Tally {
    pub(super) fn new(metrics: FeedMetrics) -> Self {
        Self {
            ingested: 0,
            newest_record_us: 0,
            exchange_to_kafka: metrics.exchange_to_kafka.local(),
            kafka_to_ingested: metrics.kafka_to_ingested.local(),
            metrics,
        }
    }

    /// A record of this time, in microseconds since the Unix epoch, was folded into a state.
    pub(super) fn ingested(&mut self, record_us: i64) {
        self.ingested += 1;
        self.newest_record_us = self.newest_record_us.max(record_us);
    }

    /// How long a tick was on its way: when it happened, when it was recorded and when it was taken from Kafka's client.
    pub(super) fn took(&self, tick_us: i64, record_us: i64, taken_us: i64) {
        self.exchange_to_kafka.observe(seconds((record_us - tick_us).max(0)));
        self.kafka_to_ingested.observe(seconds((taken_us - record_us).max(0)));
    }

    /// Tells what was counted.
    pub(super) fn tell(&mut self) {
        if self.ingested == 0 {
            return;
        }
        self.metrics.ingested.inc_by(std::mem::take(&mut self.ingested));
        self.metrics.set_newest_record_us(self.newest_record_us);
        self.exchange_to_kafka.flush();
        self.kafka_to_ingested.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_was_counted_is_told_once() {
        let metrics = Metrics::new();
        let mut tally = Tally::new(metrics.feed.clone());
        for record_us in [3_000_000, 5_000_000, 4_000_000] {
            tally.ingested(record_us);
            tally.took(2_999_000, record_us, 5_000_500);
        }
        assert_eq!(metrics.feed.ingested.get(), 0);
        for _ in 0..2 {
            tally.tell();
            assert_eq!(metrics.feed.ingested.get(), 3);
            assert_eq!(metrics.feed.kafka_to_ingested.get_sample_count(), 3);
            // 1 ms, 1.001 s, 2.001 s; and 2.0005, 1.0005 and 0.0005 s.
            let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
            near(metrics.feed.exchange_to_kafka.get_sample_sum(), 3.003);
            near(metrics.feed.kafka_to_ingested.get_sample_sum(), 3.0015);
            let text = String::from_utf8(metrics.render(5_000_000)).unwrap();
            assert!(text.contains("\ntickcast_feed_age_seconds 0\n"), "{text}");
        }
    }
}
