//! What a checkpoint says of itself before its symbols: which log they were folded from, and how far.

use super::{
    Refused,
    bytes::{Reader, Writer},
};
use crate::{log_id::LogId, market::DayBoundary, quarantine::Open, reading::LastRecord};

/// Which log a checkpoint is of, and up to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// When it was begun, in microseconds since the Unix epoch.
    pub made_us: i64,
    /// The log that was folded.
    pub log: LogId,
    /// The epoch of the log's offsets.
    pub epoch: String,
    /// When its trading days begin.
    pub boundary: DayBoundary,
    /// How far each partition was read. One that isn't here is read from its beginning.
    pub partitions: Vec<Mark>,
    /// Records before that which are bad and weren't set aside yet. They stand at the end of the file.
    pub open: Vec<Open>,
}

/// How far a partition was read when the checkpoint was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The partition.
    pub partition: i32,
    /// The first offset that isn't in the states. (Records after it may be, each symbol knows which.)
    pub next_offset: u64,
    /// The last record before, if its leader's epoch is told: by that a log is known that was truncated and has grown
    /// again.
    pub last: Option<LastRecord>,
}

/// What of the partitions' logs there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The partition.
    pub partition: i32,
    /// Its first offset.
    pub low: u64,
    /// The offset after its last record.
    pub high: u64,
}

impl Head {
    /// Whether it can be the beginning for a server that reads this log.
    pub(super) fn check(&self, log: &LogId, boundary: DayBoundary) -> Result<(), Refused> {
        let different = |found: &String, expected: &String| {
            (found != expected).then(|| (found.clone(), expected.clone()))
        };
        if let Some((found, expected)) = different(&self.log.cluster, &log.cluster) {
            return Err(Refused::Cluster { found, expected });
        }
        if let Some((found, expected)) = different(&self.log.topic, &log.topic) {
            return Err(Refused::Topic { found, expected });
        }
        if let Some((found, expected)) = different(&self.log.topic_id, &log.topic_id) {
            return Err(Refused::TopicId { found, expected });
        }
        if self.boundary != boundary {
            let seconds = |boundary: DayBoundary| boundary.offset_us() / 1_000_000;
            return Err(Refused::DayBoundary {
                found_s: seconds(self.boundary),
                expected_s: seconds(boundary),
            });
        }
        Ok(())
    }

    /// Whether all that came after is in the log.
    ///
    /// # Errors
    /// The first partition whose log ends before or begins after.
    pub fn check_reach(&self, log: &[Reach]) -> Result<(), Refused> {
        for &Mark { partition, next_offset: next, .. } in &self.partitions {
            let reach = log.iter().find(|reach| reach.partition == partition);
            let &Reach { low, high, .. } = reach.ok_or(Refused::NoPartition(partition))?;
            if next < low {
                return Err(Refused::BelowLog { partition, next, low });
            }
            if next > high {
                return Err(Refused::AboveLog { partition, next, high });
            }
        }
        Ok(())
    }

    /// Appends it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut out = Writer(out);
        out.signed(self.made_us);
        for text in [&self.log.cluster, &self.log.topic, &self.log.topic_id, &self.epoch] {
            out.text(text);
        }
        out.signed(self.boundary.offset_us());
        out.unsigned(self.partitions.len() as u64);
        for mark in &self.partitions {
            out.unsigned(u64::from(mark.partition.unsigned_abs()));
            out.unsigned(mark.next_offset);
            // How far back it is; zero where there is none.
            let back = mark.last.map_or(0, |last| mark.next_offset.saturating_sub(last.offset));
            out.unsigned(back);
            if let Some(LastRecord { leader_epoch, .. }) = mark.last.filter(|_| back > 0) {
                out.unsigned(u64::from(leader_epoch.unsigned_abs()));
            }
        }
    }

    /// Reads it.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Refused> {
        let made_us = from.signed("time")?;
        let [cluster, topic, topic_id, epoch] =
            [from.text("cluster")?, from.text("topic")?, from.text("topic id")?, from.text("epoch")?]
                .map(str::to_owned);
        let offset_us = from.signed("day boundary")?;
        let boundary = DayBoundary::after_midnight_utc(offset_us);
        if boundary.offset_us() != offset_us {
            return Err(Refused::Malformed("day boundary"));
        }
        let count = from.unsigned("number of partitions")?;
        // Each takes three bytes at least.
        if count > from.left() as u64 / 3 {
            return Err(Refused::Malformed("number of partitions"));
        }
        let partitions = (0..count).map(|_| read_mark(from)).collect::<Result<_, _>>()?;
        Ok(Self {
            made_us,
            log: LogId { cluster, topic, topic_id },
            epoch,
            boundary,
            partitions,
            open: Vec::new(),
        })
    }
}

fn read_mark(from: &mut Reader<'_>) -> Result<Mark, Refused> {
    let number = |number: u64| i32::try_from(number).map_err(|_| Refused::Malformed("partition"));
    let partition = number(from.unsigned("partition")?)?;
    let next_offset = from.unsigned("offset")?;
    if i64::try_from(next_offset).is_err() {
        return Err(Refused::Malformed("offset"));
    }
    let last = match from.unsigned("last offset")? {
        0 => None,
        back => {
            let offset = next_offset.checked_sub(back).ok_or(Refused::Malformed("last offset"))?;
            Some(LastRecord { offset, leader_epoch: number(from.unsigned("leader epoch")?)? })
        }
    };
    Ok(Mark { partition, next_offset, last })
}
