//! The checkpoints of a running server: captured by the ingest thread, some symbols a turn, and written by a thread of
//! its own.
//!
//! The ingest thread waits for no disk. While one checkpoint is being written no other is begun, so that there is one
//! buffer of symbols, which goes to and fro between the two.

mod file;
mod writer;

use std::time::{Duration, Instant};

pub use self::file::{CheckpointFile, PlaceError, directory_of};
use self::writer::{Job, Writer};
use crate::{
    checkpoint::{Checkpoint, Expected, Head, Mark, Reach, Refused, Symbols},
    fold::Fold,
    metrics::CheckpointMetrics,
};

/// Symbols captured in one go, between two batches of records: some 20 µs.
const SYMBOLS_A_GO: usize = 256;

/// When the file is written, and what of it is underway.
#[derive(Debug)]
pub(super) struct Checkpoints {
    interval: Duration,
    next: Instant,
    writer: Writer,
    metrics: CheckpointMetrics,
    stage: Stage,
    /// What the file is known to have.
    written: Option<Moment>,
}

#[derive(Debug)]
enum Stage {
    /// Until it's time for the next.
    Resting(Symbols),
    Capturing {
        begun: Moment,
        head: Head,
        symbols: Symbols,
    },
    Writing(Moment),
}

/// Tells whether there is something that a checkpoint doesn't have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    changes: u64,
    /// How often a symbol had come to another's place.
    replaced: u64,
    partitions: Vec<Mark>,
}

impl Checkpoints {
    /// The first is written an interval from `now`.
    pub(super) fn new(
        file: CheckpointFile,
        interval: Duration,
        metrics: CheckpointMetrics,
        now: Instant,
    ) -> Self {
        let writer = Writer::start(file, metrics.clone());
        let stage = Stage::Resting(Symbols::default());
        Self { interval, next: now + interval, writer, metrics, stage, written: None }
    }

    /// Does what there is to do between two batches. `head` says where the log stands, up to the last record folded.
    pub(super) fn turn(&mut self, now: Instant, fold: &Fold, head: impl FnOnce() -> Head) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Resting(Symbols::default())) {
            Stage::Resting(symbols) if now >= self.next => {
                self.next = now + self.interval;
                self.begin(fold, head(), symbols)
            }
            resting @ Stage::Resting(_) => resting,
            Stage::Capturing { begun, head, symbols } => {
                self.capture(fold, begun, head, symbols, SYMBOLS_A_GO)
            }
            Stage::Writing(moment) => match self.writer.done(Duration::ZERO) {
                Some(done) => self.rest(done, moment),
                None => Stage::Writing(moment),
            },
        };
    }

    /// Writes a last one, of a fold that nothing is added to any more, unless the file has everything. Takes no longer
    /// than until the deadline.
    pub(super) fn finish(mut self, fold: &Fold, head: Head, deadline: Instant) {
        let left = || deadline.saturating_duration_since(Instant::now());
        if let Stage::Writing(moment) = self.stage {
            let Some(done) = self.writer.done(left()) else { return give_up() };
            self.stage = Stage::Resting(Symbols::default());
            self.stage = self.rest(done, moment);
        }
        let (Stage::Resting(mut symbols) | Stage::Capturing { mut symbols, .. }) = self.stage else { return };
        symbols.clear();
        self.stage = Stage::Resting(Symbols::default());
        let mut stage = self.begin(fold, head, symbols);
        if let Stage::Capturing { begun, head, symbols } = stage {
            stage = self.capture(fold, begun, head, symbols, usize::MAX);
        }
        if matches!(stage, Stage::Writing(_)) && self.writer.done(left()).is_none() {
            give_up();
        }
    }

    fn begin(&self, fold: &Fold, head: Head, symbols: Symbols) -> Stage {
        let begun = Moment {
            changes: fold.changes(),
            replaced: fold.replaced(),
            partitions: head.partitions.clone(),
        };
        if self.written.as_ref() == Some(&begun) {
            self.metrics.note_unchanged(head.made_us);
            return Stage::Resting(symbols);
        }
        Stage::Capturing { begun, head, symbols }
    }

    fn capture(&self, fold: &Fold, begun: Moment, head: Head, mut symbols: Symbols, most: usize) -> Stage {
        if **fold.epoch() != *head.epoch || fold.replaced() != begun.replaced {
            // The log is another one than that of the symbols captured before, or one of them may come again.
            symbols.clear();
            return Stage::Resting(symbols);
        }
        let first = usize::try_from(symbols.count()).expect("symbols are counted by usize");
        fold.kept_from(first).take(most).for_each(|kept| symbols.push(kept));
        if (symbols.count() as usize) < fold.symbols() {
            return Stage::Capturing { begun, head, symbols };
        }
        symbols.end(&head);
        self.writer.write(Job { head, symbols });
        Stage::Writing(begun)
    }

    fn rest(&mut self, done: writer::Done, moment: Moment) -> Stage {
        let writer::Done { mut symbols, is_written } = done;
        self.written = is_written.then_some(moment);
        symbols.clear();
        Stage::Resting(symbols)
    }
}

fn give_up() {
    tracing::warn!("the last checkpoint isn't on the disk in time; the next start reads more of the log");
}

/// What a start can begin with.
#[derive(Debug)]
pub(super) enum Loaded {
    /// A checkpoint of the log.
    Usable(Checkpoint),
    /// One of the log before it was truncated: offsets have come to stand for other records since.
    Truncated,
    /// Nothing.
    Nothing,
}

/// The checkpoint that a start can begin with, of a log with these partitions; a line tells why there is none.
pub(super) fn load(file: &CheckpointFile, expected: Expected<'_>, log: &[Reach]) -> Loaded {
    let path = file.path().display();
    let bytes = match file.read(expected.symbols_max) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            tracing::info!(%path, "there is no checkpoint yet");
            return Loaded::Nothing;
        }
        Err(error) => {
            tracing::warn!(%path, "the checkpoint is passed over: it can't be read: {error}");
            return Loaded::Nothing;
        }
    };
    let checkpoint = Checkpoint::read(&bytes, expected)
        .and_then(|checkpoint| checkpoint.head.check_reach(log).map(|()| checkpoint));
    match checkpoint {
        Ok(checkpoint) => Loaded::Usable(checkpoint),
        Err(refused) => {
            tracing::warn!(%path, "the checkpoint is passed over: {refused}");
            if matches!(refused, Refused::AboveLog { .. }) { Loaded::Truncated } else { Loaded::Nothing }
        }
    }
}
