//! A symbol's parts: one, and of a symbol that moved to another partition one for each that it was in.

use super::{
    Record,
    merge::{Merged, merge},
    part::Part,
};
use crate::{
    feed::Rejection,
    market::{DayBoundary, State, Tick},
    publication::Status,
};

/// The partitions that a symbol may have been in. Each addition of partitions moves it once at most; a producer that
/// doesn't choose the partition by the key would have it in all of them, at 300 bytes and a merge each.
pub(crate) const PARTS_MAX: usize = 16;

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the large one is the usual one")]
pub(crate) enum Parts {
    One(Part),
    /// On the heap, so that a symbol that never moved, as nearly all are, pays nothing for it.
    Several(Box<Several>),
}

#[derive(Debug)]
pub(crate) struct Several {
    /// In the order in which they were met.
    parts: Vec<Part>,
    merged: Merged,
}

impl Parts {
    /// Parts that were kept; at least one.
    pub(crate) fn new(mut parts: Vec<Part>) -> Self {
        if parts.len() == 1 {
            return Self::One(parts.remove(0));
        }
        let merged = merge(&parts);
        Self::Several(Box::new(Several { parts, merged }))
    }

    /// Of a symbol that is met in this partition first.
    pub(super) fn new_in(partition: i32) -> Self {
        Self::One(Part::new(partition))
    }

    /// Whether the symbol was in several partitions.
    pub(super) const fn has_moved(&self) -> bool {
        matches!(self, Self::Several(_))
    }

    /// Each of them.
    pub(crate) fn all(&self) -> &[Part] {
        match self {
            Self::One(part) => std::slice::from_ref(part),
            Self::Several(several) => &several.parts,
        }
    }

    /// The part with the newest record.
    pub(super) fn newest(&self) -> &Part {
        match self {
            Self::One(part) => part,
            Self::Several(several) => &several.parts[several.merged.newest],
        }
    }

    /// Whether the symbol is traded.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::One(part) => part.status,
            Self::Several(several) => several.merged.status,
        }
    }

    /// What is known about it.
    pub(super) fn state(&self) -> &State {
        match self {
            Self::One(part) => part.state(),
            Self::Several(several) => several.merged.instrument.state(),
        }
    }

    /// Whether the record wasn't folded before.
    pub(super) fn is_news(&self, record: &Record<'_>) -> Result<bool, Rejection> {
        let all = self.all();
        if self.is_gone() {
            return Ok(true);
        }
        if let Some(part) = all.iter().find(|part| part.partition == record.partition) {
            return Ok(part.is_news(record));
        }
        if all.len() >= PARTS_MAX {
            return Err(Rejection::TooManyPartitions(PARTS_MAX));
        }
        Ok(true)
    }

    /// Folds in a tick that is news and happened at `time_us`. The trading day is `today` at least if the symbol
    /// follows the clock: a tick of an earlier one is late, even if it's the first that is heard of the symbol.
    pub(super) fn fold(
        &mut self,
        tick: &Tick<'_>,
        time_us: i64,
        record: &Record<'_>,
        boundary: DayBoundary,
        today: i64,
    ) {
        let part = self.of(record.partition);
        part.advance(record);
        part.fold(tick, time_us, record.timestamp_us, boundary);
        self.settle(today);
    }

    /// Folds in a tombstone that is news.
    pub(super) fn delist(&mut self, record: &Record<'_>, today: i64) {
        let part = self.of(record.partition);
        if part.status == Status::Delisted && !part.is_gone {
            part.delist_again(record);
        } else {
            part.advance(record);
            part.delist(record.timestamp_us);
        }
        self.settle(today);
    }

    /// Begins the trading day if the symbol follows the clock and isn't there yet. Whether that can be seen.
    pub(super) fn roll_over(&mut self, today: i64) -> bool {
        match self {
            Self::One(part) => part.follows_clock && part.instrument.begin_day(today),
            Self::Several(several) => several.merged.follows_clock && several.begin_day(today),
        }
    }

    /// The logs of these partitions were replaced by others, so that nothing in them can be compared any more. Whether
    /// something is left by which the symbol goes on; otherwise it stays as it is until its next record.
    pub(super) fn forget(&mut self, is_replaced: impl Fn(i32) -> bool) -> bool {
        let mut parts: Vec<Part> = self.all().to_vec();
        for part in &mut parts {
            part.is_gone |= is_replaced(part.partition);
        }
        let is_left = parts.iter().any(|part| !part.is_gone);
        if is_left {
            parts.retain(|part| !part.is_gone);
        } else {
            parts = vec![Part { is_gone: true, ..self.whole() }];
        }
        *self = Self::new(parts);
        is_left
    }

    /// Whether the log that it was folded from was replaced by another.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::One(part) if part.is_gone)
    }

    /// Ends a symbol that the new log doesn't have.
    pub(super) fn delist_gone(&mut self) {
        if let Self::One(part) = self {
            part.delist(part.state().time_us);
        }
    }

    /// What all parts come to, as if it were the newest one's alone.
    fn whole(&self) -> Part {
        match self {
            Self::One(part) => part.clone(),
            Self::Several(several) => several.whole(),
        }
    }

    /// The part of a partition; a new one if there is none.
    fn of(&mut self, partition: i32) -> &mut Part {
        if let Self::One(part) = self
            && part.partition != partition
        {
            let own = std::mem::replace(part, Part::new(partition));
            if !own.is_gone {
                *self = Self::new(vec![own, Part::new(partition)]);
            }
        }
        match self {
            Self::One(part) => part,
            Self::Several(several) => several.of(partition),
        }
    }

    fn settle(&mut self, today: i64) {
        match self {
            Self::One(part) => {
                if part.follows_clock {
                    part.instrument.begin_day(today);
                }
            }
            Self::Several(several) => {
                several.merged = merge(&several.parts);
                if several.merged.follows_clock {
                    several.begin_day(today);
                }
            }
        }
    }
}

impl Several {
    fn of(&mut self, partition: i32) -> &mut Part {
        let known = self.parts.iter().position(|part| part.partition == partition);
        let at = known.unwrap_or_else(|| {
            self.parts.push(Part::new(partition));
            self.parts.len() - 1
        });
        &mut self.parts[at]
    }

    fn whole(&self) -> Part {
        let Merged { newest, status, follows_clock, ref instrument } = self.merged;
        Part { status, follows_clock, instrument: instrument.clone(), ..self.parts[newest].clone() }
    }

    fn begin_day(&mut self, today: i64) -> bool {
        for part in &mut self.parts {
            part.instrument.begin_day(today);
        }
        self.merged.instrument.begin_day(today)
    }
}
