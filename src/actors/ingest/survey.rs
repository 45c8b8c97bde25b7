//! What the cluster is asked about the log before it's read: which one it is, how far it reaches, where to begin.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    checkpoint::{Head, Reach},
    clock::now_us,
    config::StartFrom,
    fold::FUTURE_US_MAX,
    kafka::{Consumer, ConsumerError, Extent},
    log_id::LogId,
    market::DayBoundary,
    reading::LastRecord,
};

/// How long the broker may take to answer one question.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Asks the cluster.
#[derive(Clone, Debug)]
pub(super) struct Questions {
    /// Where a log is read from.
    pub(super) start_from: StartFrom,
    /// When the trading day begins.
    pub(super) boundary: DayBoundary,
    /// Distinguishes this start's log from others of the same cluster, for a broker that forgets.
    pub(super) incarnation: Option<u64>,
}

/// What is known of a topic's log.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    pub(super) log: LogId,
    pub(super) partitions: Vec<Surveyed>,
}

/// What is known of one partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surveyed {
    pub(super) partition: i32,
    /// Where it's read from.
    pub(super) start: u64,
    pub(super) extent: Extent,
}

impl Survey {
    /// What a checkpoint has isn't read again, but for each partition's last record: whether it's still the same tells
    /// whether the log is. Answers those records. Partitions that the checkpoint doesn't know were added since.
    pub(super) fn begin_after(&mut self, head: &Head) -> BTreeMap<i32, LastRecord> {
        let mut expected = BTreeMap::new();
        for at in &mut self.partitions {
            let mark = head.partitions.iter().find(|mark| mark.partition == at.partition);
            at.start = mark.map_or(at.extent.low, |mark| mark.next_offset);
            if let Some(last) = mark.and_then(|mark| mark.last).filter(|last| last.offset >= at.extent.low) {
                at.start = last.offset;
                expected.insert(at.partition, last);
            }
        }
        expected
    }

    /// How far the log reaches, as a checkpoint is compared with it.
    pub(super) fn reach(&self) -> Vec<Reach> {
        let reach =
            |at: &Surveyed| Reach { partition: at.partition, low: at.extent.low, high: at.extent.high };
        self.partitions.iter().map(reach).collect()
    }
}

impl Questions {
    /// Which log it is, and its partitions; `None` if there is no such topic.
    pub(super) fn log(
        &self,
        consumer: &Consumer,
        wait: Duration,
    ) -> Result<Option<(LogId, Vec<i32>)>, ConsumerError> {
        let Some(topic) = consumer.describe(wait)? else { return Ok(None) };
        let topic_id = match self.incarnation {
            Some(incarnation) => incarnation.to_string(),
            None => topic.id.unwrap_or_default(),
        };
        let cluster = consumer.cluster_id(wait).unwrap_or_default();
        let log = LogId { cluster, topic: consumer.topic().to_owned(), topic_id };
        Ok(Some((log, topic.partitions)))
    }

    /// How far the partitions reach, and where to begin.
    pub(super) fn partitions(
        &self,
        consumer: &Consumer,
        partitions: &[i32],
    ) -> Result<Vec<Surveyed>, ConsumerError> {
        partitions.iter().map(|partition| self.partition(consumer, *partition)).collect()
    }

    /// How far a partition reaches, and where to begin.
    pub(super) fn partition(&self, consumer: &Consumer, partition: i32) -> Result<Surveyed, ConsumerError> {
        let extent = consumer.extent(partition, ANSWER_WAIT)?;
        let start = match self.start_from {
            StartFrom::Beginning => extent.low,
            StartFrom::TradingDay => {
                let time_ms = self.day_begin_us(now_us()).div_euclid(1000);
                consumer.offset_at(partition, time_ms, ANSWER_WAIT)?.unwrap_or(extent.high)
            }
        };
        Ok(Surveyed { partition, start, extent })
    }

    /// When the first record may have come that has a tick of the present trading day: a tick may be told that much
    /// before it happens.
    fn day_begin_us(&self, now_us: i64) -> i64 {
        (self.boundary.begin_us(self.boundary.day_number(now_us)) - FUTURE_US_MAX).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trading_day_is_read_from_an_hour_before_it_begins() {
        const HOUR_US: i64 = 3_600_000_000;
        let boundary = DayBoundary::after_midnight_utc(22 * HOUR_US);
        let questions = Questions { start_from: StartFrom::TradingDay, boundary, incarnation: None };
        let midnight = 20_000 * 24 * HOUR_US;
        for (now, begin) in [(21, -3), (22, 21), (23, 21), (25, 21)] {
            assert_eq!(questions.day_begin_us(midnight + now * HOUR_US), midnight + begin * HOUR_US);
        }
    }
}
