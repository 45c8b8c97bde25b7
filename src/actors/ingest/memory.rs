//! What the actor begins with that has a checkpoint, and how the next one is made of where it stands.

use std::{collections::BTreeMap, time::Instant};

use super::{
    CheckpointPlace, Checkpoints, Ingest, LAST_CHECKPOINT_DEADLINE,
    checkpoints::{self, Loaded},
    survey::Survey,
    turn::Turn,
};
use crate::{
    checkpoint::{Checkpoint, Expected, Head, Mark},
    clock::now_us,
    fold::Kept,
    kafka::Quarantine,
    publication::Epoch,
    quarantine::Open,
    reading::LastRecord,
};

/// What the reading begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    /// The log's, as far as is known.
    pub(super) epoch: Epoch,
    pub(super) symbols: Option<Vec<Kept>>,
    /// By partition, what is to be the first record.
    pub(super) expected: BTreeMap<i32, LastRecord>,
    /// Bad records that weren't set aside yet.
    pub(super) open: Vec<Open>,
}

impl Ingest {
    /// What to begin with, and where.
    pub(super) fn beginning(&self, survey: &mut Survey) -> Beginning {
        let without = |epoch| Beginning { epoch, symbols: None, expected: BTreeMap::new(), open: Vec::new() };
        match self.load_checkpoint(survey) {
            Loaded::Usable(Checkpoint { head, symbols }) => Beginning {
                expected: survey.begin_after(&head),
                epoch: head.epoch.into(),
                symbols: Some(symbols),
                open: head.open,
            },
            // Who was told the offsets of before mustn't compare those of afterwards with them.
            Loaded::Truncated => {
                self.metrics.log_changes.with_label_values(&["truncated"]).inc();
                without(survey.log.epoch_after(&format!("truncated at {}", now_us())))
            }
            Loaded::Nothing => without(survey.log.epoch()),
        }
    }

    /// The checkpoint to begin with, if there is one of this log.
    fn load_checkpoint(&self, survey: &Survey) -> Loaded {
        let Some(CheckpointPlace { file, .. }) = &self.checkpoints else { return Loaded::Nothing };
        let expected = Expected { log: &survey.log, boundary: self.boundary, symbols_max: self.symbols_max };
        checkpoints::load(file, expected, &survey.reach())
    }
}

impl CheckpointPlace {
    /// Begins to make checkpoints.
    pub(super) fn start(self) -> Checkpoints {
        Checkpoints::new(self.file, self.interval, self.metrics, Instant::now())
    }
}

impl Turn {
    /// Goes on with a checkpoint. While the log is being read there is nothing worth keeping.
    pub(super) fn checkpoint(&mut self) {
        if !self.is_whole() {
            return;
        }
        let Some(mut checkpoints) = self.checkpoints.take() else { return };
        checkpoints.turn(Instant::now(), &self.fold, || self.head());
        self.checkpoints = Some(checkpoints);
    }

    /// Ends, and keeps what was folded.
    pub(super) fn finish(mut self) {
        let Some(checkpoints) = self.checkpoints.take() else { return };
        if self.is_whole() {
            let head = self.head();
            checkpoints.finish(&self.fold, head, Instant::now() + LAST_CHECKPOINT_DEADLINE);
        }
    }

    /// Whether the fold has all that it had, and nothing of another log.
    fn is_whole(&self) -> bool {
        self.is_ready && self.rebuilding.is_over() && self.suspects.is_empty()
    }

    /// Which log it is, and up to where it was folded.
    fn head(&self) -> Head {
        let mark =
            |(partition, next_offset)| Mark { partition, next_offset, last: self.reading.last(partition) };
        Head {
            made_us: now_us(),
            log: self.log.clone(),
            epoch: self.epoch.to_string(),
            boundary: self.ingest.boundary,
            partitions: self.reading.positions().map(mark).collect(),
            open: self.ingest.quarantine.as_ref().map(Quarantine::all_open).unwrap_or_default(),
        }
    }
}
