//! The surveyor: a thread that asks the cluster about the log while it's read, so that the ingest thread never waits for
//! an answer. It looks for partitions that were added, for a topic that was made anew, and, when the ingest actor says
//! that a partition isn't where it was, for where it is now.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::survey::{ANSWER_WAIT, Questions, Survey, Surveyed};
use crate::{kafka::Consumer, log_id::LogId};

/// Between two looks. A topic that was made anew, and filled up to where the one before was read, looks like that one until
/// its id is asked for, which are two small questions.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest time between two looks: an error that comes with every fetch asks for a look ten times a second.
const PAUSE: Duration = Duration::from_millis(250);

/// What the surveyor has found.
#[derive(Debug)]
pub(super) enum Finding {
    /// The topic has partitions that weren't known.
    Added(Vec<Surveyed>),
    /// The topic was deleted and made anew: all of its log is another one.
    Recreated(Survey),
    /// There is no such topic any more.
    Missing,
    /// There is again, and it's the one that was read: the cluster had only lost sight of it.
    Back,
    /// Where a partition is that wasn't where it was read.
    Found {
        at: Surveyed,
        /// Why it was looked for.
        lost: Lost,
    },
}

/// Why a partition is looked for.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    /// Of which of the logs that were read one after the other: another one says nothing of it.
    pub(super) generation: u32,
    /// In librdkafka's words.
    pub(super) reason: String,
}

/// The running surveyor; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Surveyor {
    shared: Arc<Shared>,
    findings: Receiver<Finding>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    is_urgent: AtomicBool,
    /// The partitions to look for, and why: no more than there are partitions.
    lost: Mutex<BTreeMap<i32, Lost>>,
}

impl Surveyor {
    /// Looks at the log, of which this much is known, from time to time.
    pub(super) fn spawn(consumer: Arc<Consumer>, questions: Questions, known: &Survey) -> Self {
        let shared = Arc::new(Shared::default());
        // The next finding waits in the surveyor's hands until this one is taken.
        let (found, findings) = sync_channel(1);
        let mut work = Work {
            consumer,
            questions,
            shared: Arc::clone(&shared),
            found,
            log: known.log.clone(),
            partitions: known.partitions.iter().map(|surveyed| surveyed.partition).collect(),
            is_missing: false,
        };
        let run = move || work.run();
        let thread =
            thread::Builder::new().name("surveyor".into()).spawn(run).expect("a thread can be started");
        Self { shared, findings, thread }
    }

    /// What was found since, if anything.
    pub(super) fn finding(&self) -> Option<Finding> {
        self.findings.try_recv().ok()
    }

    /// A partition isn't where it's read: look for it.
    pub(super) fn look_for(&self, partition: i32, lost: Lost) {
        self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, lost);
        self.look();
    }

    /// Something is wrong with the topic: look soon.
    pub(super) fn look(&self) {
        self.shared.is_urgent.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
    }
}

impl Drop for Surveyor {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
    }
}

struct Work {
    consumer: Arc<Consumer>,
    questions: Questions,
    shared: Arc<Shared>,
    found: SyncSender<Finding>,
    log: LogId,
    partitions: Vec<i32>,
    /// Whether there is no such topic at the moment.
    is_missing: bool,
}

/// Nobody takes what is found any more.
struct Over;

impl Work {
    fn run(&mut self) {
        loop {
            thread::park_timeout(PAUSE);
            let begun = Instant::now();
            while !self.is_over() && !self.shared.is_urgent.load(Ordering::Relaxed) {
                let Some(left) = LOOK_INTERVAL.checked_sub(begun.elapsed()) else { break };
                thread::park_timeout(left);
            }
            if self.is_over() || self.look().is_err() {
                return;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Relaxed)
    }

    /// Looks at everything. What can't be answered now is asked again the next time.
    fn look(&mut self) -> Result<(), Over> {
        self.shared.is_urgent.store(false, Ordering::Relaxed);
        let (log, partitions) = match self.questions.log(&self.consumer, ANSWER_WAIT) {
            Ok(Some(answer)) => answer,
            Ok(None) => return self.missing(),
            Err(error) => {
                tracing::debug!(%error, "the log can't be looked at");
                return Ok(());
            }
        };
        // Where ids aren't told, or weren't, a topic that was gone is another one.
        let is_told = !log.topic_id.is_empty() && !self.log.topic_id.is_empty();
        let is_recreated = if is_told { log.topic_id != self.log.topic_id } else { self.is_missing };
        if is_recreated { self.recreated(log, partitions) } else { self.same(partitions) }
    }

    fn missing(&mut self) -> Result<(), Over> {
        if std::mem::replace(&mut self.is_missing, true) {
            return Ok(());
        }
        tracing::warn!(
            topic = self.consumer.topic(),
            "the topic doesn't exist any more; its last prices stay until it's made anew"
        );
        self.tell(Finding::Missing)
    }

    fn recreated(&mut self, log: LogId, partitions: Vec<i32>) -> Result<(), Over> {
        let Ok(surveyed) = self.questions.partitions(&self.consumer, &partitions) else {
            // A topic that was just made has no leaders yet.
            self.shared.is_urgent.store(true, Ordering::Relaxed);
            return Ok(());
        };
        self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner).clear();
        (self.log, self.partitions, self.is_missing) = (log.clone(), partitions, false);
        self.tell(Finding::Recreated(Survey { log, partitions: surveyed }))
    }

    fn same(&mut self, mut partitions: Vec<i32>) -> Result<(), Over> {
        if std::mem::take(&mut self.is_missing) {
            self.tell(Finding::Back)?;
        }
        let lost = std::mem::take(&mut *self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner));
        for (partition, lost) in lost {
            match self.questions.partition(&self.consumer, partition) {
                Ok(at) => self.tell(Finding::Found { at, lost })?,
                Err(error) => {
                    tracing::debug!(%error, partition, "the partition can't be looked at");
                    let mut all = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
                    all.entry(partition).or_insert(lost);
                    self.shared.is_urgent.store(true, Ordering::Relaxed);
                }
            }
        }
        partitions.retain(|partition| !self.partitions.contains(partition));
        if partitions.is_empty() {
            return Ok(());
        }
        let Ok(added) = self.questions.partitions(&self.consumer, &partitions) else {
            self.shared.is_urgent.store(true, Ordering::Relaxed);
            return Ok(());
        };
        self.partitions.extend(partitions);
        self.tell(Finding::Added(added))
    }

    fn tell(&self, finding: Finding) -> Result<(), Over> {
        self.found.send(finding).map_err(|_| Over)
    }
}
