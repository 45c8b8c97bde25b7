//! Why a checkpoint isn't taken: the start passes over it and reads the log instead.

use super::VERSION;

/// Why a checkpoint can't be the beginning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The file doesn't begin as a checkpoint does.
    #[error("it's no checkpoint of tickcast")]
    NoCheckpoint,
    /// Another version of the format.
    #[error("it has format version {0}, and this tickcast reads version {VERSION}")]
    Version(u32),
    /// Not as long as it says.
    #[error("it's torn: {found} bytes of {expected}")]
    Torn {
        /// The bytes that there are.
        found: u64,
        /// The bytes that there should be.
        expected: u64,
    },
    /// Its checksum is that of other bytes.
    #[error("it's damaged: its checksum isn't that of its bytes")]
    Damaged,
    /// Its checksum is right, and yet it can't be read: another program wrote it.
    #[error("it can't be read: wrong {0}")]
    Malformed(&'static str),
    /// Of another cluster.
    #[error("it's of another cluster: {found:?}, and this one is {expected:?}")]
    Cluster {
        /// The cluster's name in the checkpoint.
        found: String,
        /// The one that is read from.
        expected: String,
    },
    /// Of another topic.
    #[error("it's of another topic: {found:?}, and this one is {expected:?}")]
    Topic {
        /// The topic's name in the checkpoint.
        found: String,
        /// The one that is read.
        expected: String,
    },
    /// Of a topic of the same name that there is no longer.
    #[error("its topic was deleted and made anew: its id was {found:?}, and now it's {expected:?}")]
    TopicId {
        /// The topic's id in the checkpoint.
        found: String,
        /// The topic's id now.
        expected: String,
    },
    /// Its trading days begin at another time.
    #[error("its trading days begin {found_s} s after midnight UTC, and day-boundary says {expected_s} s")]
    DayBoundary {
        /// Seconds after midnight in the checkpoint.
        found_s: i64,
        /// Seconds after midnight in the configuration.
        expected_s: i64,
    },
    /// More symbols than are taken.
    #[error("it has {found} symbols, and max-symbols allows {expected}")]
    TooManySymbols {
        /// How many it has.
        found: u64,
        /// How many are allowed.
        expected: usize,
    },
    /// The log has lost records that it doesn't have yet.
    #[error(
        "partition {partition} begins at offset {low}, and it was read up to {next}: records are missing between"
    )]
    BelowLog {
        /// The partition.
        partition: i32,
        /// The first offset that the checkpoint doesn't have.
        next: u64,
        /// The log's first offset.
        low: u64,
    },
    /// The log ends before.
    #[error(
        "partition {partition} ends at offset {high}, and it was read up to {next}: the log was truncated"
    )]
    AboveLog {
        /// The partition.
        partition: i32,
        /// The first offset that the checkpoint doesn't have.
        next: u64,
        /// The offset after the log's last record.
        high: u64,
    },
    /// The topic has fewer partitions.
    #[error("the topic has no partition {0}, which it was read from")]
    NoPartition(i32),
}
