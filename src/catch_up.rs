//! Ready means caught up: everything that was in the log at the start has been folded.
//!
//! This room is pure: it knows no Kafka client and no clock.

use std::collections::BTreeMap;

/// How far the log of the start has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatchUp {
    partitions: BTreeMap<i32, Progress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// The next offset that is expected.
    next: i64,
    /// The high watermark at the start.
    target: i64,
}

impl CatchUp {
    /// Nothing read yet of partitions with these high watermarks.
    pub fn new(high_watermarks: impl IntoIterator<Item = (i32, i64)>) -> Self {
        let progress = |(partition, target)| (partition, Progress { next: 0, target });
        Self { partitions: high_watermarks.into_iter().map(progress).collect() }
    }

    /// A record was read.
    pub fn record(&mut self, partition: i32, offset: u64) {
        if let Some(progress) = self.partitions.get_mut(&partition) {
            let next = i64::try_from(offset).unwrap_or(i64::MAX).saturating_add(1);
            progress.next = progress.next.max(next);
        }
    }

    /// The end of a partition was reached. Compaction and transactions leave holes, so that no
    /// record may ever have the offset before the watermark: the end tells, not the position.
    pub fn end_of_partition(&mut self, partition: i32) {
        if let Some(progress) = self.partitions.get_mut(&partition) {
            progress.next = progress.next.max(progress.target);
        }
    }

    /// Whether everything was read.
    pub fn is_done(&self) -> bool {
        self.partitions.values().all(|progress| progress.next >= progress.target)
    }

    /// Records left to read, at most.
    pub fn remaining(&self) -> i64 {
        self.partitions.values().map(|progress| (progress.target - progress.next).max(0)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_done_when_every_watermark_is_passed() {
        let mut catch_up = CatchUp::new([(0, 2), (1, 0)]);
        assert!(!catch_up.is_done());
        catch_up.record(0, 0);
        assert_eq!(catch_up.remaining(), 1);
        catch_up.record(0, 1);
        catch_up.record(7, 1);
        assert!(catch_up.is_done());
    }

    #[test]
    fn the_end_of_a_partition_counts_where_offsets_have_holes() {
        let mut catch_up = CatchUp::new([(0, 100)]);
        catch_up.record(0, 40);
        catch_up.end_of_partition(0);
        assert!(catch_up.is_done());
    }
}
