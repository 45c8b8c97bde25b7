//! Quarantine: where the ingest thread leaves its bad records, and the thread that sets them aside.
//!
//! Ingest never waits for it. What it leaves is an owned copy in a bounded queue; when there is no room the copy is
//! dropped, counted and told. The thread keeps what Kafka doesn't take at the moment and tries again, for as long as
//! there is room.
//!
//! # Once, though several read the same log
//!
//! Every instance reads every record, and a start may read the whole log again. So the thread reads the quarantine
//! topic first, and sets nothing aside before it knows what stands there; then it keeps reading. Whatever is bad rests
//! for a random time before it's written, so that of several instances mostly one writes it and the others see it come
//! by. Two that write at the same moment leave two copies, which name the same place and are shown as one.

mod reader;
mod room;
mod worker;
mod writer;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::{consumer::BaseConsumer, producer::BaseProducer};

use self::{
    reader::Reader,
    room::{RECORDS_MAX, Room, Seat},
    worker::Worker,
    writer::Writer,
};
use super::{
    Message,
    properties::{self, PropertyError, Silent},
};
use crate::{
    config::{self, Broker},
    feed::Rejection,
    metrics::QuarantineMetrics,
    publication::Epoch,
    quarantine::{BadRecord, Ledger, Original, Place, is_ours},
};

/// Up to so long a bad record rests before it's written: fifty times what one instance's copy takes to come by at the
/// others, some 10 ms within a data centre. So of five instances that rest for random times mostly one writes.
const REST_MAX: Duration = Duration::from_millis(500);

/// Where the ingest thread leaves its bad records. The thread behind it ends when this is dropped.
#[derive(Debug)]
pub struct Quarantine {
    queue: SyncSender<Left>,
    /// By partition.
    epochs: HashMap<i32, Epoch>,
    shared: Arc<Shared>,
}

/// The thread that sets bad records aside.
#[derive(Debug)]
pub struct QuarantineThread(JoinHandle<()>);

/// What the ingest thread leaves, in the order in which it reads.
#[derive(Debug)]
enum Left {
    /// A bad record.
    Copy(Copy),
    /// The log was read up to here; what was bad before was left or is known.
    Passed(Place),
}

/// What may be in the queue beside copies: as many partitions may be caught up with before the thread looks.
const PASSED_MAX: usize = 4096;

/// A bad record and the room that it takes, until it's set aside or given up.
#[derive(Debug)]
struct Copy {
    record: BadRecord,
    _seat: Seat,
}

/// What the ingest thread and the quarantine thread both see.
#[derive(Debug)]
struct Shared {
    /// Held for a few instructions at a time; the ingest thread looks only if it's free.
    ledger: Mutex<Ledger>,
    /// There is a log of which the quarantine topic may tell more than was read.
    is_news: AtomicBool,
    room: Room,
    /// Copies that there was no room for.
    dropped: AtomicU64,
    metrics: QuarantineMetrics,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quarantine {
    /// Starts the thread; `None` if bad records aren't set aside.
    ///
    /// # Errors
    /// When librdkafka doesn't take the configuration.
    pub fn start(
        settings: &config::Kafka,
        bootstrap: &str,
        metrics: QuarantineMetrics,
    ) -> Result<Option<(Self, QuarantineThread)>, PropertyError> {
        let Some(topic) = &settings.quarantine else { return Ok(None) };
        let is_embedded = matches!(settings.broker, Broker::Embedded { .. });
        let reader = Reader::new(bootstrap, topic.as_str(), settings)?;
        let writer = Writer::new(bootstrap, topic.as_str(), &settings.properties)?;
        let shared = Arc::new(Shared {
            ledger: Mutex::default(),
            is_news: AtomicBool::new(false),
            room: Room::default(),
            dropped: AtomicU64::new(0),
            metrics,
        });
        let (queue, inbox): (_, Receiver<Left>) = sync_channel(RECORDS_MAX + PASSED_MAX);
        // Nobody else reads what the embedded broker has.
        let rest_max = if is_embedded { Duration::ZERO } else { REST_MAX };
        let source = settings.topic.as_str().to_owned();
        let worker = Worker::new(Arc::clone(&shared), inbox, (reader, writer), source, rest_max);
        let thread = thread::Builder::new()
            .name("quarantine".into())
            .spawn(move || worker.run())
            .expect("a thread can be started");
        Ok(Some((Self { queue, epochs: HashMap::new(), shared }, QuarantineThread(thread))))
    }

    /// Whether [`Quarantine::start`] will take the settings.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn check(settings: &config::Kafka) -> Result<(), PropertyError> {
        if settings.quarantine.is_none() {
            return Ok(());
        }
        properties::check::<BaseConsumer<Silent>>(reader::client_config("", settings)?)?;
        properties::check::<BaseProducer<Silent>>(writer::client_config("", &settings.properties)?)
    }

    /// These partitions of the log `epoch` are read, each from its offset on. To be said before their records are, and
    /// again whenever a partition's log is another one.
    pub fn begin(&mut self, epoch: &Epoch, partitions: impl IntoIterator<Item = (i32, u64)>) {
        let mut ledger = self.shared.ledger();
        for (partition, offset) in partitions {
            self.epochs.insert(partition, Arc::clone(epoch));
            if ledger.begin(partition, epoch, offset) {
                self.shared.is_news.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Leaves a copy of a bad record, unless it's known to be set aside. Never waits.
    pub fn offer(&mut self, message: Message<'_>, rejection: &Rejection) {
        let Some(epoch) = self.epochs.get(&message.partition()) else { return };
        let place =
            Place { epoch: Arc::clone(epoch), partition: message.partition(), offset: message.offset() };
        if self.is_known(&place) {
            self.shared.metrics.known.inc();
            return;
        }
        // So that a flood isn't copied first and dropped then.
        if self.shared.room.is_full() || !self.leave(copy(message, place, rejection)) {
            self.shared.metrics.dropped.inc();
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A partition was caught up with: its next record has this offset at least. What stands in the quarantine topic of
    /// the records before needs no room any more.
    pub fn caught_up(&mut self, partition: i32, offset: u64) {
        let Some(epoch) = self.epochs.get(&partition) else { return };
        let place = Place { epoch: Arc::clone(epoch), partition, offset };
        // If the queue is full, the bad records that fill it say as much when they are dealt with.
        let _ = self.queue.try_send(Left::Passed(place));
    }

    fn is_known(&self, place: &Place) -> bool {
        match self.shared.ledger.try_lock() {
            Ok(ledger) => ledger.is_known(place),
            Err(TryLockError::Poisoned(ledger)) => ledger.into_inner().is_known(place),
            // The thread looks once more.
            Err(TryLockError::WouldBlock) => false,
        }
    }

    fn leave(&self, record: BadRecord) -> bool {
        let Some(seat) = self.shared.room.take(record.original.bytes()) else { return false };
        self.queue.try_send(Left::Copy(Copy { record, _seat: seat })).is_ok()
    }
}

impl QuarantineThread {
    /// Waits for its end, which comes soon after the [`Quarantine`] is dropped; false if it doesn't come within the
    /// deadline. It's left behind then: the process ends anyway.
    pub fn join(self, deadline: Duration) -> bool {
        let start = Instant::now();
        while !self.0.is_finished() && start.elapsed() < deadline {
            thread::park_timeout(Duration::from_millis(5));
        }
        self.0.is_finished()
    }
}

fn copy(message: Message<'_>, place: Place, rejection: &Rejection) -> BadRecord {
    let head = Original {
        key: message.key().map(<[u8]>::to_vec),
        value: None,
        headers: message
            .headers()
            .filter(|(name, _)| !is_ours(name))
            .map(|(name, value)| (name, value.map(<[u8]>::to_vec)))
            .collect(),
        timestamp_ms: message.timestamp_ms(),
    };
    BadRecord::new(place, head, message.value(), rejection)
}
