//! The ingest actor: polls Kafka, folds, and tells each shard once a batch what changed.
//!
//! It never waits for a client. Its thread is the only one that writes a symbol's state.

mod announcer;
mod recorders;
mod turn;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use self::{announcer::Announcer, turn::Turn};
use super::inbox::Inbox;
use crate::{
    catch_up::CatchUp,
    clock::now_us,
    feed_status,
    fold::Fold,
    kafka::{Consumer, ConsumerError, Quarantine},
    market::DayBoundary,
    metrics::FeedMetrics,
    publication::Epoch,
    readiness::Readiness,
};

/// The shortest time that a question of the start is given.
const ANSWER_WAIT_MIN: Duration = Duration::from_millis(100);

/// How long the broker may take to answer one question of the start.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

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
    /// When the trading day begins.
    pub boundary: DayBoundary,
    /// When something is wrong with the feed.
    pub feed_status: feed_status::Settings,
    /// How many symbols are taken.
    pub symbols_max: usize,
    /// How long the broker may stay away at the start.
    pub broker_deadline: Duration,
    /// How often the topic is asked for new partitions.
    pub partition_interval: Duration,
    /// Distinguishes this start's log from others of the same cluster, for a broker that forgets.
    pub incarnation: Option<u64>,
}

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
        let Some(partitions) = self.await_partitions(stop)? else { return Ok(()) };
        let epoch = self.epoch();
        self.readiness.set_epoch(Arc::clone(&epoch));
        let Some(catch_up) = self.measure(&partitions, stop) else { return Ok(()) };
        if let Some(quarantine) = &self.quarantine {
            quarantine.begin(partitions.iter().map(|partition| (*partition, Arc::clone(&epoch), 0)));
        }
        self.consumer.assign(&partitions)?;
        tracing::info!(
            topic = self.consumer.topic(),
            partitions = partitions.len(),
            records = catch_up.remaining(),
            %epoch,
            "reading the log from its beginning"
        );
        let (watcher, added) = self.watch_partitions(partitions);
        let fold = Fold::new(Arc::clone(&epoch), self.boundary, self.symbols_max);
        let consumer = Arc::clone(&self.consumer);
        let mut turn = Turn::new(self, epoch, fold, catch_up, announcer);
        while !stop.load(Ordering::Relaxed) {
            for partitions in added.try_iter() {
                tracing::info!(?partitions, "partitions were added to the topic");
                consumer.assign(&partitions)?;
            }
            turn.run(&consumer);
        }
        drop(watcher);
        consumer.unassign();
        Ok(())
    }

    /// Waits for the broker, no longer than the deadline, and then for the topic, for ever. `None`:
    /// asked to stop meanwhile.
    fn await_partitions(&self, stop: &AtomicBool) -> Result<Option<Vec<i32>>, ConsumerError> {
        let start = Instant::now();
        let mut answered = false;
        while !stop.load(Ordering::Relaxed) {
            let left = self.broker_deadline.saturating_sub(start.elapsed());
            match self.consumer.partitions(left.clamp(ANSWER_WAIT_MIN, ANSWER_WAIT)) {
                Ok(partitions) if !partitions.is_empty() => return Ok(Some(partitions)),
                Ok(_) => {
                    let (topic, bootstrap) = (self.consumer.topic(), self.consumer.bootstrap());
                    let reason = format!("topic {topic} doesn't exist at {bootstrap}");
                    if !answered {
                        tracing::warn!("{reason}; waiting for it");
                    }
                    answered = true;
                    self.readiness.starting(reason, None);
                }
                Err(error) if !answered && left.is_zero() => return Err(error),
                Err(error) => self.readiness.starting(error.to_string(), None),
            }
            // Serves the client's callbacks while it waits.
            self.consumer.poll(Duration::from_millis(500));
        }
        Ok(None)
    }

    /// Asks how far the log reaches; as long as it takes, since the broker has answered before.
    /// `None`: asked to stop meanwhile.
    fn measure(&self, partitions: &[i32], stop: &AtomicBool) -> Option<CatchUp> {
        while !stop.load(Ordering::Relaxed) {
            let watermarks: Result<Vec<_>, _> = partitions
                .iter()
                .map(|it| self.consumer.high_watermark(*it, ANSWER_WAIT).map(|high| (*it, high)))
                .collect();
            match watermarks {
                Ok(watermarks) => return Some(CatchUp::new(watermarks)),
                Err(error) => self.readiness.starting(error.to_string(), None),
            }
            self.consumer.poll(ANSWER_WAIT_MIN);
        }
        None
    }

    /// Names the log: the cluster's own name and the topic's, the same on every instance.
    fn epoch(&self) -> Epoch {
        let cluster = self.consumer.cluster_id(ANSWER_WAIT).unwrap_or_default();
        let incarnation = self.incarnation.map_or_else(String::new, |number| number.to_string());
        let name = [cluster.as_str(), self.consumer.topic(), &incarnation].join("/");
        format!("{:016x}", fnv_1a(name.as_bytes())).into()
    }

    /// Starts the partition watcher. It ends when the sender that's answered is dropped; what it
    /// finds comes out of the receiver.
    fn watch_partitions(&self, mut known: Vec<i32>) -> (SyncSender<()>, Receiver<Vec<i32>>) {
        let (keep_going, stopped) = sync_channel::<()>(0);
        let (found, added) = sync_channel(1);
        let (consumer, interval) = (Arc::clone(&self.consumer), self.partition_interval);
        let watch = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let Ok(mut partitions) = consumer.partitions(ANSWER_WAIT) else { continue };
                partitions.retain(|partition| !known.contains(partition));
                if !partitions.is_empty() {
                    known.extend(&partitions);
                    if found.send(partitions).is_err() {
                        return;
                    }
                }
            }
        };
        thread::Builder::new().name("partitions".into()).spawn(watch).expect("a thread can be started");
        (keep_going, added)
    }
}

/// FNV-1a, 64 bits: the same for ever and everywhere, which the standard library's hash isn't.
fn fnv_1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_the_end_is_told_of_a_panic_too() {
        let (tell, told) = sync_channel(1);
        let handle = IngestHandle::start(|_| panic!("on purpose"), move || tell.send(()).unwrap());
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(()));
        assert!(handle.join(Duration::from_secs(10)).unwrap().is_err());
    }

    #[test]
    fn the_epochs_hash_is_fnv_1a() {
        // From the algorithm's own test vectors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
