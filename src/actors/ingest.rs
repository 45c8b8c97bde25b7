//! The ingest actor: polls Kafka, folds, and tells each shard once a batch what changed.
//!
//! It never waits for a client. Its thread is the only one that writes a symbol's state.

mod announcer;
mod log_changes;
mod memory;
mod recorders;
mod start;
mod survey;
mod surveyor;
mod tally;
mod turn;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use self::{announcer::Announcer, survey::Questions, surveyor::Surveyor, turn::Turn};
use super::{
    checkpoints::{self, CheckpointFile, Checkpoints},
    inbox::Inbox,
};
use crate::{
    clock::now_us,
    config::StartFrom,
    feed::TickFormat,
    feed_status,
    kafka::{Consumer, ConsumerError, Quarantine},
    market::DayBoundary,
    metrics::{CheckpointMetrics, FeedMetrics},
    readiness::Readiness,
};

/// What the ingest actor works with.
#[derive(Debug)]
pub struct Ingest {
    /// Where the records come from.
    pub consumer: Arc<Consumer>,
    /// Whom to tell.
    pub inboxes: Arc<[Inbox]>,
    /// Where bad records are left to be set aside, if they are.
    pub quarantine: Option<Quarantine>,
    /// Told how far the start is.
    pub readiness: Arc<Readiness>,
    /// What is counted.
    pub metrics: FeedMetrics,
    /// Where the log is read from.
    pub start_from: StartFrom,
    /// When the trading day begins.
    pub boundary: DayBoundary,
    /// When something is wrong with the feed.
    pub feed_status: feed_status::Settings,
    /// Where the state is kept for the next start, if it is.
    pub checkpoints: Option<CheckpointPlace>,
    /// How records are read that don't tell their format.
    pub tick_format: TickFormat,
    /// How many symbols are taken.
    pub symbols_max: usize,
    /// How long the broker may stay away at the start.
    pub broker_deadline: Duration,
    /// Distinguishes this start's log from others of the same cluster, for a broker that forgets.
    pub incarnation: Option<u64>,
}

/// Where the state is kept for the next start.
#[derive(Debug)]
pub struct CheckpointPlace {
    /// The file, which is this server's.
    pub file: CheckpointFile,
    /// Between two checkpoints.
    pub interval: Duration,
    /// What is counted.
    pub metrics: CheckpointMetrics,
}

/// How long the last checkpoint may take when the actor ends.
pub const LAST_CHECKPOINT_DEADLINE: Duration = Duration::from_secs(5);

/// A running ingest actor.
#[derive(Debug)]
pub struct IngestHandle {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), ConsumerError>>,
}

impl IngestHandle {
    /// Asks it to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Why it ended; an error of the outer kind if it panicked. A thread that doesn't end in time is
    /// left behind: the process ends anyway, and closing a consumer of an unreachable cluster can
    /// take long.
    pub fn join(self, deadline: Duration) -> Option<thread::Result<Result<(), ConsumerError>>> {
        let start = Instant::now();
        while !self.thread.is_finished() && start.elapsed() < deadline {
            thread::park_timeout(Duration::from_millis(5));
        }
        self.thread.is_finished().then(|| self.thread.join())
    }

    fn start(
        run: impl FnOnce(&AtomicBool) -> Result<(), ConsumerError> + Send + 'static,
        ended: impl FnOnce() + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("ingest".into())
            .spawn(move || {
                // Nothing that a panic left half done is used again: it's only carried past `ended`.
                let result = panic::catch_unwind(AssertUnwindSafe(|| run(&flag)));
                ended();
                result.unwrap_or_else(|payload| panic::resume_unwind(payload))
            })
            .expect("a thread can be started");
        Self { stop, thread }
    }
}

impl Ingest {
    /// Starts the actor; `ended` is called on its thread when it ends, however it does: without it
    /// the server would go on with prices that stand still.
    pub fn spawn(self, ended: impl FnOnce() + Send + 'static) -> IngestHandle {
        IngestHandle::start(move |stop| self.run(stop), ended)
    }

    fn run(self, stop: &AtomicBool) -> Result<(), ConsumerError> {
        let announcer = Announcer::new(self.feed_status, Arc::clone(&self.inboxes), now_us());
        let questions =
            Questions { start_from: self.start_from, boundary: self.boundary, incarnation: self.incarnation };
        let Some(mut survey) = self.survey(&questions, stop)? else { return Ok(()) };
        let beginning = self.beginning(&mut survey);
        let consumer = Arc::clone(&self.consumer);
        let surveyor = Surveyor::spawn(Arc::clone(&consumer), questions, &survey);
        let mut turn = Turn::begin(self, &survey, beginning, surveyor, announcer)?;
        while !stop.load(Ordering::Relaxed) {
            turn.run(&consumer)?;
        }
        turn.finish();
        consumer.unassign();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn whoever_waits_for_the_end_is_told_of_a_panic_too() {
        let (tell, told) = sync_channel(1);
        let handle = IngestHandle::start(|_| panic!("on purpose"), move || tell.send(()).unwrap());
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(()));
        assert!(handle.join(Duration::from_secs(10)).unwrap().is_err());
    }
}
