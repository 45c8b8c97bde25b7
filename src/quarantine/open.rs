//! Bad records that aren't dealt with yet, as a checkpoint keeps them: where they stand, and why they are bad.

use std::ops::RangeInclusive;

use roaring::RoaringTreemap;

/// Bad records of one partition that were refused for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The partition.
    pub partition: i32,
    /// The metric's label of why they are no ticks.
    pub reason: &'static str,
    /// Their offsets, in order.
    pub runs: Vec<RangeInclusive<u64>>,
}

impl Open {
    pub(super) fn new(partition: i32, reason: &'static str, offsets: &RoaringTreemap) -> Self {
        let mut runs: Vec<RangeInclusive<u64>> = Vec::new();
        for offset in offsets {
            match runs.last_mut() {
                Some(last) if last.end() + 1 == offset => *last = *last.start()..=offset,
                _ => runs.push(offset..=offset),
            }
        }
        Self { partition, reason, runs }
    }
}
