//! What the actor begins with that has a checkpoint, and how the next one is made of where it stands.

use std::time::Instant;

use super::{
    CheckpointPlace, Checkpoints, Ingest, LAST_CHECKPOINT_DEADLINE, checkpoints, survey::Survey, turn::Turn,
};
use crate::{
    checkpoint::{Checkpoint, Expected, Head, Mark},
    clock::now_us,
    kafka::Quarantine,
};

impl Ingest {
    /// The checkpoint to begin with, if there is one of this log.
    pub(super) fn load_checkpoint(&self, survey: &Survey) -> Option<Checkpoint> {
        let CheckpointPlace { file, .. } = self.checkpoints.as_ref()?;
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
        if !self.is_ready || !self.reading.is_caught_up() {
            return;
        }
        let Some(mut checkpoints) = self.checkpoints.take() else { return };
        checkpoints.turn(Instant::now(), &self.fold, || self.head());
        self.checkpoints = Some(checkpoints);
    }

    /// Ends, and keeps what was folded.
    pub(super) fn finish(mut self) {
        let Some(checkpoints) = self.checkpoints.take() else { return };
        if self.is_ready && self.reading.is_caught_up() {
            let head = self.head();
            checkpoints.finish(&self.fold, head, Instant::now() + LAST_CHECKPOINT_DEADLINE);
        }
    }

    /// Which log it is, and up to where it was folded.
    fn head(&self) -> Head {
        let mark = |(partition, next_offset)| Mark { partition, next_offset, leader_epoch: None };
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
