//! Quarantine: where the ingest thread leaves its bad records, and the thread that sets them aside.
//!
//! Ingest never waits for it. What it leaves is an owned copy in a bounded queue; when there is no room, only where the
//! record stands and why it's bad is kept, which takes two bytes in a flood. The thread keeps what Kafka doesn't take at
//! the moment and tries again; when it has room it reads from the log what it has no copies of. So a flood, a restart
//! that meets again what is set aside, and an outage of the quarantine topic lose nothing that the log still has.
//!
//! # Once, though several read the same log
//!
//! Every instance reads every record, and a start may read the whole log again. So the thread reads the quarantine
//! topic first, and sets nothing aside before it knows what stands there; then it keeps reading. Whatever is bad rests
//! for a random time before it's written, so that of several instances mostly one writes it and the others see it come
//! by. Two that write at the same moment leave two copies, which name the same place and are shown as one.

mod again;
mod reader;
mod refill;
mod room;
mod worker;
mod writer;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::{consumer::BaseConsumer, producer::BaseProducer};

use self::{
    again::Again,
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
    quarantine::{BadRecord, Ledger, Open, Original, Place, is_ours},
};

/// Up to so long a bad record rests before it's written: fifty times what one instance's copy takes to come by at the
/// others, some 10 ms within a data centre. So of five instances that rest for random times mostly one writes.
const REST_MAX: Duration = Duration::from_millis(500);

/// Where the ingest thread leaves its bad records. The thread behind it ends when this is dropped.
#[derive(Debug)]
pub struct Quarantine {
    queue: SyncSender<Copy>,
    /// By partition.
    epochs: HashMap<i32, Epoch>,
    shared: Arc<Shared>,
}

/// The thread that sets bad records aside.
#[derive(Debug)]
pub struct QuarantineThread(JoinHandle<()>);

/// A bad record and the room that it takes, until it's set aside or given up.
#[derive(Debug)]
struct Copy {
    record: BadRecord,
    /// It was too large together with others.
    is_alone: bool,
    _seat: Seat,
}

/// What the ingest thread and the quarantine thread both see.
#[derive(Debug)]
struct Shared {
    /// Held for some instructions at a time; for some milliseconds where millions of bad records wait.
    ledger: Mutex<Ledger>,
    /// There is a log of which the quarantine topic may tell more than was read.
    is_news: AtomicBool,
    room: Room,
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
            metrics,
        });
        let again = Again::new(bootstrap, settings)?;
        // Whoever has a seat finds room.
        let (queue, inbox): (_, Receiver<Copy>) = sync_channel(RECORDS_MAX + 1);
        // Nobody else reads what the embedded broker has.
        let rest_max = if is_embedded { Duration::ZERO } else { REST_MAX };
        let source = settings.topic.as_str().to_owned();
        let worker = Worker::new(Arc::clone(&shared), inbox, (reader, writer, again), source, rest_max);
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

    /// Leaves a bad record, unless it's known to be set aside: a copy of it, or where it stands. Never waits for Kafka.
    pub fn offer(&mut self, message: Message<'_>, rejection: &Rejection) {
        let Some(epoch) = self.epochs.get(&message.partition()) else { return };
        let place =
            Place { epoch: Arc::clone(epoch), partition: message.partition(), offset: message.offset() };
        let mut ledger = self.shared.ledger();
        if ledger.is_known(&place) {
            self.shared.metrics.known.inc();
            return;
        }
        // So that a flood isn't copied. Whether a copy fits turns out only when it's made.
        if self.shared.room.is_full() {
            ledger.open(&place, rejection.label(), false);
            return;
        }
        drop(ledger);
        let record = BadRecord::new(place.clone(), original(message), message.value(), rejection);
        let seat = self.shared.room.take(record.original.bytes());
        // Before the thread has the copy, which may be done with it at once.
        let is_open = self.shared.ledger().open(&place, rejection.label(), seat.is_some());
        if let Some(seat) = seat.filter(|_| is_open) {
            let _ = self.queue.try_send(Copy { record, is_alone: false, _seat: seat });
        }
    }

    /// A partition was caught up with: its next record has this offset at least. What stands in the quarantine topic of
    /// the records before needs no room any more.
    pub fn caught_up(&mut self, partition: i32, offset: u64) {
        let Some(epoch) = self.epochs.get(&partition) else { return };
        self.shared.ledger().pass(&Place { epoch: Arc::clone(epoch), partition, offset });
    }

    /// What was bad and not set aside yet when the checkpoint was made from which the log is read on.
    pub fn reopen(&mut self, open: &[Open]) {
        let mut ledger = self.shared.ledger();
        open.iter().for_each(|open| ledger.reopen(open));
    }

    /// What is bad and not set aside yet, of all that was offered.
    pub fn all_open(&self) -> Vec<Open> {
        self.shared.ledger().all_open()
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

/// What the record's producer wrote, but for the value.
fn original(message: Message<'_>) -> Original {
    Original {
        key: message.key().map(<[u8]>::to_vec),
        value: None,
        headers: message
            .headers()
            .filter(|(name, _)| !is_ours(name))
            .map(|(name, value)| (name, value.map(<[u8]>::to_vec)))
            .collect(),
        timestamp_ms: message.timestamp_ms(),
    }
}
