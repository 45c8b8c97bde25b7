//! Where the reading of each partition stands, and whether it's caught up: whether everything that was in the log when
//! the reading began has been folded.
//!
//! This room is pure: it knows no Kafka client and no clock.

/// Where the reading of each partition stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// By partition, which Kafka numbers from zero; none for those that aren't read.
    partitions: Vec<Option<Progress>>,
    /// How many aren't caught up.
    behind: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// Where the reading began.
    start: u64,
    /// The offset that the next record has at least.
    next: u64,
    /// Where the log ended when the reading began.
    target: u64,
    is_behind: bool,
    last: Option<LastRecord>,
}

/// A record that was read, and who had written it to the log: when another leader has, it's another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// Its offset.
    pub offset: u64,
    /// The epoch of the partition's leader then.
    pub leader_epoch: i32,
}

/// How far the catching up has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Offsets left to pass, at most as many records.
    pub left: u64,
    /// Offsets to pass in all.
    pub total: u64,
}

impl Reading {
    /// Reads a partition from `start` on, and is behind until `end`, the offset after the log's last record, is
    /// reached. Whether it's behind at all.
    pub fn begin(&mut self, partition: i32, start: u64, end: u64) -> bool {
        let Ok(at) = usize::try_from(partition) else { return false };
        if self.partitions.len() <= at {
            self.partitions.resize(at + 1, None);
        }
        let is_behind = start < end;
        let progress = Progress { start, next: start, target: end.max(start), is_behind, last: None };
        let before = self.partitions[at].replace(progress);
        self.behind -= usize::from(before.is_some_and(|before| before.is_behind));
        self.behind += usize::from(is_behind);
        is_behind
    }

    /// A record was read, of a leader of this epoch if that is told. Whether its partition is caught up by that.
    pub fn record(&mut self, partition: i32, offset: u64, leader_epoch: Option<i32>) -> bool {
        let Some(progress) = self.progress_mut(partition) else { return false };
        progress.last = leader_epoch.map(|leader_epoch| LastRecord { offset, leader_epoch });
        self.advance(partition, offset.saturating_add(1), false)
    }

    /// The end of a partition was reached; its next record has this offset at least. Compaction and transactions leave
    /// holes, so that no record may ever have the offset before the log's end: this tells, not the position. Whether
    /// the partition is caught up by that.
    pub fn end_of_partition(&mut self, partition: i32, next: u64) -> bool {
        self.advance(partition, next, true)
    }

    /// The offset that the partition's next record has at least; `None` if it isn't read.
    pub fn next(&self, partition: i32) -> Option<u64> {
        Some(self.progress(partition)?.next)
    }

    /// The last record that was read of a partition, if there was one and its leader's epoch is told.
    pub fn last(&self, partition: i32) -> Option<LastRecord> {
        self.progress(partition)?.last
    }

    /// The partitions that are read and where they stand.
    pub fn positions(&self) -> impl Iterator<Item = (i32, u64)> {
        (0..)
            .zip(&self.partitions)
            .filter_map(|(partition, progress)| Some((partition, progress.as_ref()?.next)))
    }

    /// Whether everything was read that was in the log when the reading began.
    pub const fn is_caught_up(&self) -> bool {
        self.behind == 0
    }

    /// How far the partitions have come that are behind.
    pub fn remaining(&self) -> Remaining {
        let behind = self.partitions.iter().flatten().filter(|progress| progress.is_behind);
        behind.fold(Remaining { left: 0, total: 0 }, |sum, progress| Remaining {
            left: sum.left + (progress.target - progress.next.min(progress.target)),
            total: sum.total + (progress.target - progress.start),
        })
    }

    fn progress(&self, partition: i32) -> Option<&Progress> {
        self.partitions.get(usize::try_from(partition).ok()?)?.as_ref()
    }

    fn progress_mut(&mut self, partition: i32) -> Option<&mut Progress> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)?.as_mut()
    }

    fn advance(&mut self, partition: i32, next: u64, is_end: bool) -> bool {
        let Some(progress) = self.progress_mut(partition) else { return false };
        progress.next = progress.next.max(next);
        let is_caught_up_now = progress.is_behind && (is_end || progress.next >= progress.target);
        if is_caught_up_now {
            progress.is_behind = false;
            self.behind -= 1;
        }
        is_caught_up_now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_caught_up_when_every_partition_is() {
        let mut reading = Reading::default();
        assert!(reading.is_caught_up());
        assert!(reading.begin(0, 0, 2));
        assert!(!reading.begin(1, 5, 5));
        assert!(!reading.record(0, 0, None));
        assert_eq!(reading.remaining(), Remaining { left: 1, total: 2 });
        assert!(!reading.is_caught_up());
        assert!(reading.record(0, 1, None));
        assert!(!reading.record(0, 2, None), "once only");
        assert!(!reading.record(7, 1, None), "it isn't read");
        assert!(reading.is_caught_up());
        assert_eq!(reading.positions().collect::<Vec<_>>(), [(0, 3), (1, 5)]);
        reading.record(0, 3, Some(7));
        assert_eq!(reading.last(0), Some(LastRecord { offset: 3, leader_epoch: 7 }));
        assert_eq!(reading.last(1), None);
    }

    #[test]
    fn the_end_of_a_partition_counts_where_offsets_have_holes() {
        let mut reading = Reading::default();
        reading.begin(0, 10, 100);
        reading.record(0, 40, None);
        assert_eq!(reading.remaining(), Remaining { left: 59, total: 90 });
        assert!(reading.end_of_partition(0, 98));
        assert_eq!((reading.next(0), reading.is_caught_up()), (Some(98), true));
    }

    #[test]
    fn a_partition_that_is_read_anew_is_behind_again() {
        let mut reading = Reading::default();
        reading.begin(0, 0, 100);
        reading.begin(0, 0, 3);
        assert!(reading.record(0, 2, None));
        assert!(reading.is_caught_up());
        assert!(reading.begin(0, 0, 1));
        assert_eq!((reading.next(0), reading.is_caught_up()), (Some(0), false));
    }
}
