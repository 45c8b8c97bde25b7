//! The thread that writes checkpoints: a disk may take as long as it likes.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use super::CheckpointFile;
use crate::{
    checkpoint::{Head, Symbols},
    metrics::CheckpointMetrics,
};

/// Between two lines about a disk that takes nothing: every interval has one to tell.
const FAILURE_INTERVAL: Duration = Duration::from_secs(60);

/// The writing thread; it ends with its handle, when it has written what it was given.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    done: Receiver<Done>,
}

/// A checkpoint to write.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) head: Head,
    pub(super) symbols: Symbols,
}

/// One that was written, or couldn't be.
#[derive(Debug)]
pub(super) struct Done {
    /// For the next one.
    pub(super) symbols: Symbols,
    pub(super) is_written: bool,
}

impl Writer {
    pub(super) fn start(file: CheckpointFile, metrics: CheckpointMetrics) -> Self {
        // One at a time: neither side ever waits to send.
        let (jobs, to_do) = sync_channel::<Job>(1);
        let (tell, done) = sync_channel(1);
        let run = move || {
            let mut failures = Failures::default();
            for job in to_do {
                let is_written = write(&file, &job, &metrics, &mut failures);
                if tell.send(Done { symbols: job.symbols, is_written }).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("checkpoint".into()).spawn(run).expect("a thread can be started");
        Self { jobs, done }
    }

    /// Writes a checkpoint. To be called when the one before is done.
    pub(super) fn write(&self, job: Job) {
        self.jobs.try_send(job).expect("the thread lives as long as its handle, and has nothing to do");
    }

    /// What has become of it, if that is known within the time.
    pub(super) fn done(&self, within: Duration) -> Option<Done> {
        self.done.recv_timeout(within).ok()
    }
}

/// What was told of a disk that takes nothing.
#[derive(Debug, Default)]
struct Failures {
    count: u64,
    told: Option<Instant>,
}

fn write(file: &CheckpointFile, job: &Job, metrics: &CheckpointMetrics, failures: &mut Failures) -> bool {
    let begun = Instant::now();
    let begin = job.head.begin_file(&job.symbols);
    let bytes = begin.len() + job.symbols.bytes().len();
    let written = file.write(&[&begin, job.symbols.bytes()]);
    let (took, path) = (begun.elapsed(), file.path().display());
    match &written {
        Ok(()) => {
            metrics.note_written(job.head.made_us, bytes, took);
            if failures.count > 0 {
                tracing::info!(%path, failures = failures.count, "checkpoints are written again");
            }
            *failures = Failures::default();
            let symbols = job.symbols.count();
            tracing::debug!(%path, symbols, bytes, ?took, "a checkpoint was written");
        }
        Err(error) => {
            metrics.note_failed();
            failures.count += 1;
            if failures.told.is_none_or(|told| told.elapsed() >= FAILURE_INTERVAL) {
                failures.told = Some(begun);
                tracing::error!(%path, failures = failures.count, "a checkpoint can't be written: {error}");
            }
        }
    }
    written.is_ok()
}
